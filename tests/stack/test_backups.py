"""A backup is one moment of everything; a restored copy is that, with nothing leaving it."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from arflow import clock
from arflow.advance import turn_delivery
from arflow.cli import run
from arflow.stack import backups
from arflow.stack.sample_company import OPENED_ON
from arflow.store import database, switch
from tests.workers.books import open_account

pytestmark = pytest.mark.database


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> "Command":
    """Runs a command on a database."""
    return Command(monkeypatch, capsys, tmp_path / "home")


class Command:
    """The command line in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> None:
        self._monkeypatch, self._capsys, self.home = monkeypatch, capsys, home

    def __call__(self, url: str, *arguments: str | Path) -> tuple[int, str, str]:
        """Exit status, output and errors."""
        self._monkeypatch.setenv("ARFLOW_DATABASE_URL", url)
        self._monkeypatch.setenv("ARFLOW_HOME", str(self.home))
        self._capsys.readouterr()
        status = run([str(argument) for argument in arguments])
        said = self._capsys.readouterr()
        return status, said.out, said.err


@pytest.fixture
def demo(engine: Engine) -> Engine:
    """A database with an account, delivery on, and a demo's clock that runs."""
    with engine.begin() as connection:
        clock.begin_demo(connection, OPENED_ON, 5.0)
        clock.run_demo(connection, is_running=True)
        turn_delivery(connection, is_on=True, actor="test", reason="")
    open_account(engine)
    return engine


def _rows(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return backups._rows(connection)


def test_a_copy_is_the_same_company_and_harmless(
    demo: Engine, database_url: str, empty_url: str, tmp_path: Path, command: Command
) -> None:
    """Every row comes back; delivery is off, the clock stands, and a second restore is refused."""
    folder = tmp_path / "backup"
    before = _rows(demo) | {"anchor": 1}
    status, said, _ = command(database_url, "backup", folder, "--format", "json")
    assert (0, before) == (status, json.loads(said)["rows"])
    assert 0o700 == folder.stat().st_mode & 0o777
    status, said, err = command(empty_url, "restore", folder)
    assert (0, "") == (status, err)
    assert said.startswith("restored, with delivery off: 1 accounts, 1 events,")
    copy = database.connect(empty_url)
    after = _rows(copy)
    assert before | {"delivery_switch": before["delivery_switch"] + 1} == after
    with copy.connect() as connection:
        assert not switch.is_on(connection)
        present = clock.demo(connection)
        assert present is not None
        assert not present.is_running
    copy.dispose()
    status, _, err = command(empty_url, "restore", folder)
    assert (2, True) == (status, "the database is in use (its table `account` has rows)" in err)


def test_a_backup_that_was_changed_is_refused(
    demo: Engine, database_url: str, empty_url: str, tmp_path: Path, command: Command
) -> None:
    folder = tmp_path / "backup"
    assert 0 == command(database_url, "backup", folder)[0]
    with (folder / backups.DUMP).open("r+b") as dump:
        dump.seek(2000)
        dump.write(b"x")
    status, _, err = command(empty_url, "restore", folder)
    assert (2, f"arflow: {folder / backups.DUMP}: is not the file that was backed up: its checksum differs\n") == (
        status,
        err,
    )
    engine = create_engine(empty_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        assert 0 == connection.execute(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")).scalar()
    engine.dispose()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "there is no manifest.json; name a folder that `arflow backup` made"),
        ("[]", "is not the manifest of a backup"),
        ("{}", "is not the manifest of a backup"),
        (
            '{"arflow": "9", "schema": "9999", "made_at": "", "postgresql": 15, "rows": {}, "bytes": 0, "sha256": ""}',
            "is of schema `9999`, which is newer than this arflow; upgrade arflow",
        ),
    ],
)
def test_a_folder_that_is_no_backup(
    empty_url: str, tmp_path: Path, command: Command, content: str | None, why: str
) -> None:
    if content is not None:
        (tmp_path / backups.MANIFEST).write_text(content)
    status, _, err = command(empty_url, "restore", tmp_path)
    assert 2 == status
    assert why in err


def test_a_backup_never_overwrites(database_url: str, tmp_path: Path, command: Command) -> None:
    status, _, err = command(database_url, "backup", tmp_path)
    assert (2, f"arflow: {tmp_path}: is there already; name a folder that is not\n") == (status, err)

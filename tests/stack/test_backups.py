"""A backup is one moment of everything; a restored copy is that, with nothing leaving it."""

import datetime as dt
import json
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

from arflow import anchors, clock
from arflow.accounts.entries import EffectStatus
from arflow.advance import drain, record, turn_delivery
from arflow.audit import verify
from arflow.cli import run as run_command
from arflow.deliver import deliver_batch, failed
from arflow.ledger import importing
from arflow.mail import Folder, Mail
from arflow.rules.loader import load_policy
from arflow.rules.reference import Reference
from arflow.stack import backups
from arflow.stack.sample_company import OPENED_ON
from arflow.store import database, leases, migrating, switch
from tests.production import activate, known_ids, run, turn, write_events
from tests.servers import PATIENCE, PROGRAM, until
from tests.sizes import size
from tests.test_deliver import JAN_4, JAN_13, again, go_to, ledger, told
from tests.test_deliver import POLICY as LETTERS
from tests.test_deliver import rows as messages
from tests.test_doors import REAL
from tests.workers.books import open_account
from workers.ending import Ending, Stopped
from workers.patience import reached

pytestmark = pytest.mark.database

ALWAYS = 'calendar: {timezone: UTC, act_at: "00:00", act_until: "23:59", weekend: []}'
POLICY = load_policy(LETTERS.source.replace("currency: USD", f"currency: USD\n{ALWAYS}"), file="test")
"""Letters leave at any hour, so that the tests may run at any."""


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
        status = run_command([str(argument) for argument in arguments])
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


def test_what_a_killed_backup_left_is_named(database_url: str, tmp_path: Path, command: Command) -> None:
    """It holds customers' data, and stands in the way of another of that name."""
    left = tmp_path / ".monday.unfinished"
    left.mkdir()
    status, _, err = command(database_url, "backup", tmp_path / "monday")
    why = "a backup of this name was begun and not ended; remove this unless it is still running"
    assert (2, f"arflow: {left}: {why}\n") == (status, err)


# --- what was to be handed over ---------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Mail:
    return Mail(transport=Folder(tmp_path / "mail"), address="accounts@hill.example", company="Hill & Sons")


def _written_to(engine: Engine, tmp_path: Path, count: int, day: dt.date | None) -> None:
    """Accounts whose first letter, and a notice of it, wait in the outbox; on the clock of a demo, or the real one."""
    if day is not None:
        with engine.begin() as connection:
            clock.begin_demo(connection, JAN_4, 5.0)
    activate(engine, POLICY)
    turn(engine, is_on=True)
    _import(engine, tmp_path, count)
    run(engine, REAL)
    if day is not None:
        go_to(engine, day)


def _import(engine: Engine, tmp_path: Path, count: int) -> None:
    """Accounts that are due, and that nobody has looked at yet."""
    path = write_events(tmp_path / "events.jsonl", ledger(count, "ann{}@bright.example"))
    with engine.begin() as connection:
        importing.import_file(
            connection, path, clock.read(connection), importing.Options(profile=None), lambda *_: None
        )


@pytest.mark.parametrize("day", [JAN_13, None])
def test_what_was_to_be_handed_over_fails_in_the_copy_and_the_accounts_go_on(
    engine: Engine,
    database_url: str,
    empty_url: str,
    tmp_path: Path,
    command: Command,
    folder: Mail,
    day: dt.date | None,
) -> None:
    """One letter sent, one being sent, two waiting: the copy sends none, shows three, and waits for no result."""
    _written_to(engine, tmp_path, 4, day)
    sent = deliver_batch(engine, folder, limit=2)
    with engine.begin() as connection:
        under_way = leases.claim(connection, limit=2, seconds=600, domain="hill.example")
    run(engine, REAL)
    assert (2, 2) == (sent, len(under_way))
    assert 0 == command(database_url, "backup", tmp_path / "backup")[0]
    assert 0 == command(empty_url, "restore", tmp_path / "backup")[0]
    copy = database.connect(empty_url)
    made_at = backups.read(tmp_path / "backup").made_at
    error = f"restored from a backup of {made_at}: the original may have sent it; repeat it if it did not arrive"
    assert [("sent", ""), *[("failed", error)] * 3] == messages(copy, "status", "error")
    assert 0 == deliver_batch(copy, folder)
    with copy.begin() as connection:
        assert ("restore", f"restored from a backup of {made_at}") == _last_turn(connection)
        assert 6 == len(failed(connection))
        turn_delivery(connection, is_on=True, actor="lena", reason="the original is gone")
    assert [EffectStatus.DELIVERED, *[EffectStatus.FAILED] * 3] == [told(copy, f"A{n}")[0] for n in range(4)]
    with copy.connect() as connection:
        assert [] == list(connection.execute(text("SELECT id FROM account WHERE parked IS NOT NULL")).scalars())
    assert 0 == deliver_batch(copy, folder)
    again(copy)
    assert 3 == deliver_batch(copy, folder)
    assert [("sent",)] * 4 == messages(copy, "status")
    with copy.connect() as connection:
        assert () == verify(connection, {"the reference": Reference()}, [f"A{n}" for n in range(4)]).findings
        assert () == anchors.verify(connection, command.home).found
    copy.dispose()


def _last_turn(connection: Connection) -> tuple[str, str]:
    last = switch.latest(connection)
    assert last is not None
    return last.actor, last.reason


def test_a_copy_of_a_company_that_was_not_live_says_so_too(
    engine: Engine, database_url: str, empty_url: str, tmp_path: Path, command: Command
) -> None:
    """Delivery was off at the backup; the original may have gone live since."""
    open_account(engine)
    assert 0 == command(database_url, "backup", tmp_path / "backup")[0]
    assert 0 == command(empty_url, "restore", tmp_path / "backup")[0]
    copy = database.connect(empty_url)
    with copy.connect() as connection:
        assert "restore" == _last_turn(connection)[0]
        assert not switch.is_on(connection)
    copy.dispose()


def test_killed_in_the_middle_of_a_restore_nobody_can_use_the_copy(
    demo: Engine, database_url: str, empty_url: str, tmp_path: Path, command: Command
) -> None:
    """All rows are there, delivery is on in them: no command and no worker begins. A second restore ends it."""
    assert 0 == command(database_url, "backup", tmp_path / "backup")[0]
    engine = create_engine(empty_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:  # the restore waits for it once all rows are there
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": migrating.MIGRATING})
        environment = os.environ | {"ARFLOW_DATABASE_URL": empty_url, "ARFLOW_HOME": str(command.home)}
        with subprocess.Popen([PROGRAM, "restore", tmp_path / "backup"], env=environment) as restoring:
            waits = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            until(lambda: connection.execute(waits).scalar() == 1, PATIENCE)
            restoring.kill()
        assert connection.execute(text("SELECT is_on FROM delivery_switch ORDER BY id DESC LIMIT 1")).scalar_one()
    engine.dispose()
    for words in (["status"], ["advance"], ["report", "pipeline"]):
        status, _, err = command(empty_url, *words)
        assert (2, True) == (status, "a backup was not restored to its end here; run `arflow restore` again" in err)
    with pytest.raises(Stopped):
        _ = reached(empty_url, _AtOnce())
    assert 0 == command(empty_url, "restore", tmp_path / "backup")[0]
    assert 0 == command(empty_url, "report", "pipeline")[0]


class _AtOnce(Ending):
    """Ends what waits for something that is away."""

    def wait(self, seconds: float) -> bool:
        raise Stopped


# --- under load -------------------------------------------------------------------------------------------------------


def test_a_backup_under_load_is_one_moment_and_its_copy_goes_on(
    engine: Engine, database_url: str, empty_url: str, tmp_path: Path, command: Command, folder: Mail,
    tally: Callable[[str, int], None],
) -> None:  # fmt: skip
    """While workers drain and deliver, and people record: each account of the copy is what it was at one moment."""
    count = size(150, 2_000)
    activate(engine, POLICY)
    turn(engine, is_on=True)
    _import(engine, tmp_path, count)
    over, done = threading.Event(), Counter[str]()

    def work(name: str, once: Callable[[], int]) -> None:
        while not over.is_set():
            done[name] += once()
            over.wait(0.002)

    def drained() -> int:
        advanced = drain(engine, REAL, limit=5)
        return advanced.accounts if advanced else 0

    def recorded() -> int:
        with engine.begin() as connection:
            who = f"A{done['recorded'] % count}"
            record(connection, who, [{"event": "contact", "channel": "call", "outcome": "call_back"}], actor="carla",
                   engineering=REAL)  # fmt: skip
        return 1

    works = {"drained": drained, "delivered": lambda: deliver_batch(engine, folder, limit=3), "recorded": recorded}
    with ThreadPoolExecutor(4) as pool:
        loads = [pool.submit(work, name, once) for name, once in works.items()]
        until(lambda: min(done[name] for name in works) >= 20 or any(load.done() for load in loads), PATIENCE)
        before = Counter(done)
        assert 0 == command(database_url, "backup", tmp_path / "backup")[0]
        assert all(done[name] > before[name] for name in ("recorded",)), "nothing happened meanwhile"
        over.set()
        for load in loads:
            load.result(60)
    assert 0 == command(empty_url, "restore", tmp_path / "backup")[0]
    copy = database.connect(empty_url)
    ids = list(known_ids(copy))
    ends, now = _ends(copy), _rows_of_journal(engine)
    assert count == len(ids)
    assert all(now[account][length - 1] == head for account, (length, head) in ends.items() if length)
    with copy.connect() as connection:
        assert () == verify(connection, {"the reference": Reference()}, ids).findings
        assert () == anchors.verify(connection, command.home).found
        lost = "SELECT count(*) FROM message WHERE settled_at IS NULL"
        assert 0 == connection.execute(text(lost)).scalar_one()
        ended = "SELECT count(*) FROM message WHERE error LIKE 'restored from%'"
        tally("messages under way at a backup under load", connection.execute(text(ended)).scalar_one())
    turn(copy, is_on=True)
    run(copy, REAL)
    while deliver_batch(copy, folder):
        run(copy, REAL)
    with copy.connect() as connection:
        told_nothing = "SELECT count(*) FROM effect WHERE kind = 'send' AND status = 'sent'"
        assert 0 == connection.execute(text(told_nothing)).scalar_one()
        assert count == connection.execute(text("SELECT count(*) FROM message WHERE number = 1")).scalar_one()
        assert () == verify(connection, {"the reference": Reference()}, ids).findings
    tally("accounts backed up under load", count)
    copy.dispose()


def _ends(engine: Engine) -> dict[str, tuple[int, bytes]]:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT id, journal_length, journal_head FROM account"))
        return {row.id: (row.journal_length, row.journal_head) for row in found}


def _rows_of_journal(engine: Engine) -> dict[str, list[bytes]]:
    """The hashes of each journal, in order."""
    with engine.connect() as connection:
        query = "SELECT account_id, array_agg(hash ORDER BY seq) AS hashes FROM journal GROUP BY account_id"
        return {row.account_id: row.hashes for row in connection.execute(text(query))}

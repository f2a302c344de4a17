"""A backup is one moment of everything; a restored copy is that, with nothing leaving it."""

import datetime as dt
import io
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, text

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
from arflow.stack import backups, programs
from arflow.stack.sample_company import OPENED_ON
from arflow.store import database, leases, migrating, switch, waiting
from tests.production import activate, known_ids, run, turn, write_events
from tests.servers import PATIENCE, PROGRAM, until
from tests.sizes import size
from tests.test_deliver import JAN_4, JAN_13, again, go_to, ledger, told
from tests.test_deliver import POLICY as LETTERS
from tests.test_deliver import rows as messages
from tests.test_doors import REAL
from tests.workers.books import open_account
from workers import ticker
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
    assert json.loads(said)["postgresql"] <= json.loads(said)["programs"]
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


_LATER = '{"arflow": "9", "schema": "9999", "made_at": "", "postgresql": 15, "rows": {}, "bytes": 0, "sha256": ""'


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "there is no manifest.json; name a folder that `arflow backup` made"),
        ("[]", "is not the manifest of a backup"),
        ("{}", "is not the manifest of a backup"),
        (
            _LATER + "}",
            "is of schema `9999`, which is newer than this arflow; upgrade arflow",
        ),
        (
            _LATER + ', "what_is_said_then": [1]}',
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


def test_a_server_older_than_17_wants_programs_of_its_own_version(
    demo: Engine, database_url: str, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without them no backup is made, since none could be restored; a later one does with those that come along."""
    with demo.connect() as connection:
        server = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    monkeypatch.setenv("PATH", str(tmp_path))
    status, _, err = command(database_url, "backup", tmp_path / "backup")
    missing = f"no pg_dump and pg_restore of PostgreSQL {server} are on the PATH; install its client programs"
    assert (2 if server < programs.TOGETHER else 0, server < programs.TOGETHER) == (status, missing in err)
    assert (server >= programs.TOGETHER) == (tmp_path / "backup").exists()


def test_of_two_obstacles_the_one_is_named_that_no_programs_take_away(
    empty_url: str, tmp_path: Path, command: Command
) -> None:
    """A backup of a later server is restored into none that is earlier, whatever is on the PATH."""
    (tmp_path / backups.MANIFEST).write_text(
        json.dumps({"arflow": "1", "schema": database.known_versions()[0], "made_at": "", "postgresql": 98,
                    "rows": {}, "bytes": 0, "sha256": "", "programs": 99})
    )  # fmt: skip
    status, _, err = command(empty_url, "restore", tmp_path)
    assert (2, True) == (status, err.startswith("arflow: the backup is of PostgreSQL 98, this server is "))


# --- what was to be handed over ---------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Mail:
    return Mail(transport=Folder(tmp_path / "mail"), address="accounts@hill.example", company="Hill & Sons")


def written_to(engine: Engine, tmp_path: Path, count: int, day: dt.date | None) -> None:
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
    written_to(engine, tmp_path, 4, day)
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
    with restoring(empty_url, tmp_path / "backup", command.home) as (connection, _):
        assert connection.execute(text("SELECT is_on FROM delivery_switch ORDER BY id DESC LIMIT 1")).scalar_one()
    for words in (["status"], ["advance"], ["report", "pipeline"]):
        status, _, err = command(empty_url, *words)
        assert (2, True) == (status, "a backup was not restored to its end here; run `arflow restore` again" in err)
    with pytest.raises(Stopped):
        _ = reached(empty_url, _AtOnce())
    assert 0 == command(empty_url, "restore", tmp_path / "backup")[0]
    assert 0 == command(empty_url, "report", "pipeline")[0]


@contextmanager
def restoring(url: str, folder: Path, home: Path) -> Iterator[tuple[Connection, subprocess.Popen[bytes]]]:
    """A restore that stands still once all rows are there: what it waits for, and its process, killed in the end."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    beside = create_engine(engine.url.set(database="postgres"), poolclass=NullPool)
    begun = text("SELECT count(*) FROM pg_stat_activity WHERE datname = :name AND application_name = 'pg_restore'")
    waits = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    environment = os.environ | {"ARFLOW_DATABASE_URL": url, "ARFLOW_HOME": str(home)}
    with (
        beside.connect().execution_options(isolation_level="AUTOCOMMIT") as watching,
        subprocess.Popen([PROGRAM, "restore", folder], env=environment) as process,
    ):
        try:
            until(lambda: watching.execute(begun, {"name": engine.url.database}).scalar() == 1, PATIENCE)
            with engine.connect() as connection:  # the restore waits for it before it goes on with the rows
                connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": migrating.MIGRATING})
                until(lambda: connection.execute(waits).scalar() == 1, PATIENCE)
                yield connection, process
        finally:
            process.kill()


class _AtOnce(Ending):
    """Ends what waits for something that is away."""

    def wait(self, seconds: float) -> bool:
        raise Stopped


# --- while it is being restored ---------------------------------------------------------------------------------------


def test_before_the_copy_is_harmless_nothing_leaves_it(
    engine: Engine, database_url: str, empty_url: str, tmp_path: Path, command: Command, folder: Mail
) -> None:
    """Workers that were there before the restore see letters that wait, and delivery on: they send and ring nothing."""
    written_to(engine, tmp_path, 4, None)
    assert 0 == command(database_url, "backup", tmp_path / "backup")[0]
    copy = database.connect(empty_url)
    copy.dispose()  # a process whose session was lost just then
    with restoring(empty_url, tmp_path / "backup", command.home):
        assert [("queued",)] * 4 == messages(copy, "status")
        assert 0 == deliver_batch(copy, folder)
        with copy.connect() as connection:
            assert not switch.is_on(connection)
            assert 0 == waiting.look(connection, clock.read(connection).latest, None, 1).messages
        copy.dispose()
    assert 0 == command(empty_url, "restore", tmp_path / "backup")[0]
    assert 0 == deliver_batch(copy, folder)
    assert [("failed",)] * 4 == messages(copy, "status")
    copy.dispose()


def test_a_ticker_without_a_session_of_its_own_is_seen_by_its_beats(
    demo: Engine, database_url: str, empty_url: str, tmp_path: Path, command: Command
) -> None:
    """As behind a pooler: a session is there for each beat only. One that beats no more is in nobody's way."""
    assert 0 == command(database_url, "backup", tmp_path / "backup")[0]
    there = create_engine(empty_url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    migrating.migrate(there)
    over = threading.Event()

    def beat() -> None:
        while not over.wait(0.5):
            with there.begin() as connection:
                waiting.beat(connection, ticker.NAME)

    with ThreadPoolExecutor(1) as pool:
        beating = pool.submit(beat)
        try:
            until(lambda: _rows(there)["heartbeat"] == 1 or beating.done(), PATIENCE)
            status, _, err = command(empty_url, "restore", tmp_path / "backup")
        finally:
            over.set()
        beating.result(PATIENCE)
    assert (2, True) == (status, "the database; end `arflow up` and whatever else uses it, then restore\n" in err)
    with there.connect() as connection:
        assert not database.is_restoring(connection)
    assert 0 == command(empty_url, "restore", tmp_path / "backup")[0]


@pytest.mark.parametrize(
    ("table", "refused"), [("heartbeat", False), ("session", False), ("one_time_link", False), ("event", True)]
)
def test_what_the_copy_begins_without_is_not_compared(
    demo: Engine, database_url: str, empty_url: str, tmp_path: Path, command: Command, *, table: str, refused: bool
) -> None:
    """Whoever beats or logs in between does not make it another copy; every other row does."""
    assert 0 == command(database_url, "backup", tmp_path / "backup")[0]
    manifest = tmp_path / "backup" / backups.MANIFEST
    said = json.loads(manifest.read_text("utf-8"))
    said["rows"][table] += 1
    manifest.write_text(json.dumps(said), "utf-8")
    status, _, err = command(empty_url, "restore", tmp_path / "backup")
    assert (2 if refused else 0, refused) == (status, f"table `{table}` has 1 rows after the restore, not 2" in err)


# --- anchors ----------------------------------------------------------------------------------------------------------


def test_killed_between_its_anchors_and_its_end_a_restore_is_made_again(
    demo: Engine, database_url: str, empty_url: str, tmp_path: Path, command: Command
) -> None:
    """The home has the file of anchors of another database; in the end that of the backup stands, and nothing else."""
    assert 0 == command(database_url, "backup", tmp_path / "backup")[0]
    file, line = anchors.file_of(command.home), backups.read(tmp_path / "backup").anchor
    other = line.replace('"date": "', '"date": "1')
    file.write_text(f"{other}\n", "utf-8")
    with restoring(empty_url, tmp_path / "backup", command.home) as (connection, process):
        beside = create_engine(connection.engine.url, poolclass=NullPool)
        with beside.begin() as holding:  # the last transaction waits for it
            holding.execute(text("LOCK TABLE session IN ACCESS EXCLUSIVE MODE"))
            connection.execute(text("SELECT pg_advisory_unlock_all()"))
            waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'session'::regclass")
            until(lambda: holding.execute(waits).scalar() == 1, PATIENCE)
            process.kill()
            process.wait()
    assert f"{line}\n" == file.read_text("utf-8")
    assert 2 == command(empty_url, "report", "pipeline")[0]
    assert 0 == command(empty_url, "restore", tmp_path / "backup")[0]
    assert f"{line}\n" == file.read_text("utf-8")
    assert f"{other}\n" == file.with_name("before-restore-1.jsonl").read_text("utf-8")
    assert 0 == command(empty_url, "audit", "verify")[0]


def test_where_the_file_of_anchors_cannot_begin_nothing_is_restored(
    demo: Engine, database_url: str, empty_url: str, tmp_path: Path, command: Command
) -> None:
    """Or the file of another database would belie the copy for ever. The home is mended, and the restore repeated."""
    assert 0 == command(database_url, "backup", tmp_path / "backup")[0]
    in_the_way = anchors.file_of(command.home).parent
    kept = in_the_way.rename(in_the_way.with_name("kept"))
    in_the_way.write_text("no folder")
    status, _, err = command(empty_url, "restore", tmp_path / "backup")
    why = "the file of anchors cannot be begun there (File exists); mend that, or set ARFLOW_HOME"
    assert (2, f"arflow: {in_the_way}: {why}\n") == (status, err)
    engine = create_engine(empty_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        assert 0 == connection.execute(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")).scalar()
    engine.dispose()
    in_the_way.unlink()
    kept.rename(in_the_way)
    assert 0 == command(empty_url, "restore", tmp_path / "backup")[0]
    assert 0 == command(empty_url, "audit", "verify")[0]


def test_a_home_that_cannot_be_written_to_keeps_no_backup_back(
    demo: Engine, database_url: str, empty_url: str, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says that there is no new anchor, where that can be said, and holds the line of the last one."""
    assert 0 == command(database_url, "audit", "anchor")[0]
    file = anchors.file_of(command.home)
    (line,) = file.read_text("utf-8").splitlines()
    file.write_text(f"{line}\nhalf a li")
    with _full(database_url):
        status, said, err = command(database_url, "backup", tmp_path / "full")
    assert (0, True) == (status, said.startswith(f"{tmp_path / 'full'} holds 1 accounts"))
    assert err.startswith("arflow: without a new anchor: cannot execute ")
    assert 1 == len(err.splitlines())
    file.parent.rename(tmp_path / "kept")
    file.parent.write_text("no folder")
    status, _, err = command(database_url, "backup", tmp_path / "closed")
    assert (0, f"arflow: without a new anchor: {file.parent}: File exists\n") == (status, err)
    with io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True) as full, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", full)
        assert 0 == command(database_url, "backup", tmp_path / "silent")[0]
    assert [line, ""] == [backups.read(tmp_path / name).anchor for name in ("full", "closed")]
    file.parent.unlink()
    assert 0 == command(empty_url, "restore", tmp_path / "full")[0]
    assert 0 == command(empty_url, "audit", "verify")[0]


@contextmanager
def _full(url: str) -> Iterator[None]:
    """A server that writes nothing: no row, and no moment for pg_dump either, as on a full disk."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        name = engine.url.database
        moments = Path(connection.execute(text("SHOW data_directory")).scalar_one(), "pg_snapshots")
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
        away = moments.rename(moments.with_name("pg_snapshots_away"))
        try:
            yield
        finally:
            away.rename(moments)
            connection.execute(text("SET default_transaction_read_only = off"))
            connection.execute(text(f"ALTER DATABASE {name} RESET default_transaction_read_only"))
    engine.dispose()


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

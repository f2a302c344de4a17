"""An archive takes what old decisions were made on, and old letters' texts; nothing else of what is known changes."""

import datetime as dt
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DBAPIError

from arflow import archive
from arflow.advance import Engineering
from arflow.archive import Moved
from arflow.audit import Verified, verify
from arflow.cli import run as run_command
from arflow.desk import timeline
from arflow.errors import Conflict, Refused
from arflow.explain import explained
from arflow.reports.stood import stood
from arflow.rules.decide import Evaluator
from arflow.rules.engine import DurableRules
from arflow.rules.reference import Reference
from arflow.store import anchors, database, journal
from tests.production import activate, known_ids, step, take_in, write_events
from tests.servers import PATIENCE, until
from tests.test_advance import POLICY, events_of
from tests.test_audit import tamper

pytestmark = pytest.mark.database
_EVALUATORS: dict[str, Evaluator] = {"the reference evaluator": Reference(), "durable_rules": DurableRules()}
_COUNT = 3
_FIRST_DAY, _PAID_ON, _END = dt.date(2026, 1, 4), dt.date(2026, 1, 25), dt.date(2026, 6, 30)
_BEFORE = dt.date(2026, 3, 1)


@pytest.fixture
def lived(engine: Engine, tmp_path: Path) -> Engine:
    """Three accounts that were reminded in January and paid later in it; and one of the letters with its text."""
    step(engine, _FIRST_DAY)
    activate(engine, POLICY)
    paid = [
        {"event": "payment", "account": f"A{n:04}", "date": f"{_PAID_ON}", "id": "P2", "amount": "30.00"}
        for n in range(_COUNT)
    ]
    take_in(engine, write_events(tmp_path / "events.jsonl", [*events_of(_COUNT), *paid]))
    step(engine, _END)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO message (account_id, number, template, decided_at, status, subject, text, settled_at) "
                "SELECT account_id, number, name, sent_at, 'sent', 'About I1', 'Dear Ann', now() FROM effect "
                "WHERE account_id = 'A0001' AND kind = 'send' ORDER BY number LIMIT 1"
            )
        )
    anchors.make(engine)
    return engine


def _moved(engine: Engine, file: Path, before: dt.date = _BEFORE) -> Moved:
    return archive.move(engine, file, before, lambda *_: None)


def _verified(engine: Engine, *files: Path) -> Verified:
    with engine.connect() as connection, archive.reading(files) as archives:
        return verify(connection, _EVALUATORS, list(known_ids(engine)), archives)


def _journals(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    with engine.connect() as connection:
        return journal.of_accounts(connection, list(known_ids(engine)))


def _known(engine: Engine) -> list[object]:
    """What people and programs see of the company, on any day."""
    with engine.connect() as connection:
        ends = [one.follows for one in anchors.check(connection)]
        days = [_FIRST_DAY + dt.timedelta(days=at) for at in range(0, 120, 7)]
        tables = [
            connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2")).all()
            for table in ("account", "event", "effect")
        ]
        return [ends, [connection.execute(select(stood(connection, day))).all() for day in days], tables]


def test_only_facts_and_texts_leave(lived: Engine, tmp_path: Path) -> None:
    """Every row keeps all else, with its hash; states, reports and anchors are as before; what left is in the file."""
    before, rows = _known(lived), _journals(lived)
    file = tmp_path / "a.sqlite"
    moved = _moved(lived, file)
    assert moved.decisions >= _COUNT
    assert 1 == moved.letters
    assert before == _known(lived)
    kept = _journals(lived)
    for account, old in rows.items():
        for row, whole in zip(kept[account], old, strict=True):
            assert {**row, "details": None} == {**whole, "details": None}
    gone = [row for found in kept.values() for row in found if journal.ARCHIVED in row["details"]]
    assert moved.decisions == len(gone)
    assert not any({"facts", "situation"} & set(row["details"]) for row in gone)
    with archive.reading([file]) as archives:
        assert rows == {account: archives.completed(found) for account, found in kept.items()}


def test_a_file_is_added_to(lived: Engine, tmp_path: Path) -> None:
    """What is older than the first day is nothing; what has left has left."""
    file = tmp_path / "a.sqlite"
    assert Moved() == _moved(lived, file, _FIRST_DAY)
    assert Moved() != _moved(lived, file, _BEFORE)
    assert Moved() == _moved(lived, file, _BEFORE)


def test_the_last_step_before_stays_whole(lived: Engine, tmp_path: Path) -> None:
    """Each account can be explained on every day from the date on, by the facts of the step that led there."""
    with lived.connect() as connection:
        doors = Engineering(evaluator=DurableRules())
        whole = explained(connection, "A0001", _BEFORE, doors)
    _moved(lived, tmp_path / "a.sqlite")
    with lived.connect() as connection:
        assert whole == explained(connection, "A0001", _BEFORE, doors)
        early = explained(connection, "A0001", dt.date(2026, 1, 20), doors)
    assert whole.decided is not None
    assert whole.decided.facts is not None
    assert early.decided is not None
    assert (early.decided.facts, early.decided_clauses) == (None, ())


def test_audit_needs_the_archive(lived: Engine, tmp_path: Path) -> None:
    """With it every decision is made again; without it, it says how many it could not; another one does not help."""
    whole = _verified(lived)
    moved = _moved(lived, tmp_path / "a.sqlite")
    assert whole == _verified(lived, tmp_path / "a.sqlite")
    alone = _verified(lived)
    assert (moved.decisions, ()) == (alone.unchecked, alone.findings)
    assert whole.decisions - moved.decisions == alone.decisions
    _moved(lived, tmp_path / "other.sqlite")
    assert moved.decisions == _verified(lived, tmp_path / "other.sqlite").unchecked
    assert whole == _verified(lived, tmp_path / "other.sqlite", tmp_path / "a.sqlite")


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE journal SET cause = 'payment' WHERE account_id = 'A0001' AND seq = 1", "edited or inserted"),
        ("UPDATE journal SET hash = sha256('x') WHERE account_id = 'A0001' AND seq = 1", "edited or inserted"),
        ("DELETE FROM journal WHERE account_id = 'A0001' AND seq = 1", "missing"),
    ],
)
def test_audit_finds_what_was_changed_of_an_archived_row(
    lived: Engine, tmp_path: Path, statement: str, what: str
) -> None:
    """Its hash is still over all of it, and the archive has what is missing."""
    _moved(lived, tmp_path / "a.sqlite")
    tamper(lived, lambda connection: connection.execute(text(statement)))
    (found,) = _verified(lived, tmp_path / "a.sqlite").findings
    assert ("A0001", what) == (found.account, what if what in found.what else found.what)


def test_audit_finds_what_was_changed_in_the_archive(lived: Engine, tmp_path: Path) -> None:
    """Facts that somebody edited there do not make the hash."""
    file = tmp_path / "a.sqlite"
    _moved(lived, file)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "UPDATE decision SET made_on = replace(made_on, '\"days_overdue\": ', '\"days_overdue\": 1')"
        )
    assert all("edited or inserted" in one.what for one in _verified(lived, file).findings)
    assert _COUNT <= len(_verified(lived, file).findings)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET details = details - 'facts' WHERE seq = 1",
        "UPDATE journal SET details = '{\"archived\": true}', cause = 'x' WHERE seq = 1",
        "UPDATE journal SET details = (details - '{facts,situation}'::text[]) || '{\"archived\": true, \"x\": 1}'",
        "UPDATE journal SET cause = 'x', details = (details - '{facts,situation}'::text[]) || '{\"archived\": true}'",
        "UPDATE journal SET cause = 'x'",
        "DELETE FROM journal",
    ],
)
def test_the_database_lets_nothing_else_through(lived: Engine, statement: str) -> None:
    """The journal is append-only, but for facts that leave."""
    with pytest.raises(DBAPIError, match="append-only"), lived.begin() as connection:
        connection.execute(text(statement))


def test_killed_in_between_it_is_in_both(lived: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was kept and not shed is kept once when it is done again."""
    file = tmp_path / "a.sqlite"
    rows = _journals(lived)
    with monkeypatch.context() as patched:
        patched.setattr(journal, "shed", _dies)
        with pytest.raises(KeyboardInterrupt):
            _moved(lived, file)
    assert rows == _journals(lived)
    moved = _moved(lived, file)
    with closing(sqlite3.connect(file)) as connection, connection:
        assert moved.decisions == connection.execute("SELECT count(*) FROM decision").fetchone()[0]
    assert not _verified(lived, file).unchecked


def _dies(*_: object) -> None:
    raise KeyboardInterrupt


# --- letters that are repeated ----------------------------------------------------------------------------------------

_AGAIN = text("UPDATE message SET text = 'Dear Bob', recipient = 'bob@x.example', settled_at = now()")
"""What a letter says and to whom it went once a person has repeated it."""

_OF_SHAPE_0 = """
CREATE TABLE decision (
    account TEXT NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL, made_on TEXT NOT NULL,
    PRIMARY KEY (account, seq, hash)
) WITHOUT ROWID;
CREATE TABLE letter (
    message INTEGER NOT NULL, account TEXT NOT NULL, number INTEGER, decided_at TEXT NOT NULL, template TEXT NOT NULL,
    recipient TEXT NOT NULL, language TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (account, message, decided_at)
) WITHOUT ROWID;
PRAGMA application_id = 1095910999;
"""
"""An archive as it was made before a letter could be in it more than once."""


def _said(file: Path) -> list[tuple[str, str]]:
    """The texts in an archive, and to whom they went."""
    with closing(sqlite3.connect(file)) as kept, kept:
        return kept.execute("SELECT text, recipient FROM letter ORDER BY text").fetchall()


def _texts(engine: Engine) -> list[str]:
    """The texts that are in the database."""
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT text FROM message WHERE text <> ''")).scalars())


def test_a_letter_that_was_repeated_is_kept_in_all_its_words(lived: Engine, tmp_path: Path) -> None:
    """A failed one that a person sends again after it was archived, and one that nobody changed."""
    file = tmp_path / "a.sqlite"
    assert 1 == _moved(lived, file).letters
    with lived.begin() as connection:
        connection.execute(_AGAIN)
    assert 1 == _moved(lived, file).letters
    assert ([], [("Dear Ann", ""), ("Dear Bob", "bob@x.example")]) == (_texts(lived), _said(file))
    with lived.begin() as connection:
        connection.execute(_AGAIN)
    assert 1 == _moved(lived, file).letters
    assert [("Dear Ann", ""), ("Dear Bob", "bob@x.example")] == _said(file)


def test_an_archive_of_earlier_takes_them_too(lived: Engine, tmp_path: Path) -> None:
    """It is read as it is, and brought into today's shape when it is written; what it holds stays."""
    new, file = tmp_path / "new.sqlite", tmp_path / "a.sqlite"
    moved = _moved(lived, new)
    with closing(sqlite3.connect(file)) as old, old:
        old.executescript(_OF_SHAPE_0)
        old.execute("ATTACH ? AS new", [str(new)])
        for table in ("decision", "letter"):
            old.execute(f"INSERT INTO {table} SELECT * FROM new.{table}")
    with lived.begin() as connection:
        connection.execute(_AGAIN)
    assert 0 == _verified(lived, file).unchecked
    assert 1 == _moved(lived, file).letters
    assert [("Dear Ann", ""), ("Dear Bob", "bob@x.example")] == _said(file)
    assert 0 == _verified(lived, file).unchecked
    with closing(sqlite3.connect(file)) as kept, kept:
        assert (moved.decisions,) == kept.execute("SELECT count(*) FROM decision").fetchone()
        tables = kept.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    assert [("decision",), ("letter",)] == tables


def test_an_archive_of_a_newer_arflow_is_not_written_to(lived: Engine, tmp_path: Path) -> None:
    file = tmp_path / "a.sqlite"
    _moved(lived, file)
    with closing(sqlite3.connect(file)) as kept, kept:
        kept.execute("PRAGMA user_version = 99")
    with pytest.raises(Refused, match="is an archive of a newer arflow; upgrade arflow, or name a new file"):
        _moved(lived, file)


def test_a_letter_that_is_repeated_meanwhile_keeps_its_new_words(lived: Engine, tmp_path: Path) -> None:
    """Between their reading and their shedding another text comes in: nothing is shed, and it is to be repeated."""
    file = tmp_path / "a.sqlite"
    _moved(lived, file)
    with lived.begin() as connection:
        connection.execute(text("UPDATE message SET text = 'Dear Eve'"))
    with ThreadPoolExecutor(1) as pool, closing(sqlite3.connect(file)) as holding:
        holding.execute("BEGIN IMMEDIATE")  # what is read cannot be kept until this is over
        moving = pool.submit(_moved, lived, file)
        with lived.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            here = "FROM pg_stat_activity WHERE datname = current_database()"  # tests share a server
            has_read = "state = 'idle in transaction' AND query LIKE '%FROM message%'"
            reads = text(f"SELECT count(*) {here} AND {has_read}")
            until(lambda: connection.execute(reads).scalar_one() == 1, PATIENCE)
            connection.execute(_AGAIN)
        holding.rollback()
        with pytest.raises(DBAPIError, match="could not serialize access due to concurrent update") as error:
            moving.result(PATIENCE)
    assert isinstance(database.trouble(error.value), Conflict)
    assert ["Dear Bob"] == _texts(lived)
    assert 1 == _moved(lived, file).letters
    assert ["Dear Ann", "Dear Bob", "Dear Eve"] == [said for said, _ in _said(file)]


def test_accounts_that_somebody_holds_are_not_waited_for(lived: Engine, tmp_path: Path) -> None:
    """It takes no lock that a worker has or wants."""
    with lived.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '1s'"))
        connection.execute(text("SELECT id FROM account FOR UPDATE"))
        assert _moved(lived, tmp_path / "a.sqlite").decisions


def test_a_file_of_something_else_is_refused(lived: Engine, tmp_path: Path) -> None:
    """Neither a text, nor another program's database, nor a folder is written into; one to read has to be there."""
    (tmp_path / "text").write_text("Dear Ann," * 1000)
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE mine (a)")
    for name in ("text", "other.sqlite", "nowhere/a.sqlite", "."):
        with pytest.raises(Refused):
            _moved(lived, tmp_path / name)
    assert not _verified(lived).unchecked
    for name in ("text", "other.sqlite", "missing.sqlite"):
        with pytest.raises(Refused), archive.reading([tmp_path / name]):
            pass


def test_the_page_says_where_a_text_is(lived: Engine, tmp_path: Path) -> None:
    """A letter whose text has left is shown with its subject."""
    _moved(lived, tmp_path / "a.sqlite")
    view = timeline.View(account="A0001", currency="USD", zone="UTC", verdicts={})
    with lived.connect() as connection:
        entries = timeline.page(connection, view, offset=0, limit=50)
    assert "About I1\n\nThe text of this letter is in an archive." in [entry.body for entry in entries]
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as kept, kept:
        assert [("A0001", "Dear Ann")] == kept.execute("SELECT account, text FROM letter").fetchall()


def test_the_archive_is_its_owners_alone(lived: Engine, tmp_path: Path) -> None:
    """It holds what is known of customers."""
    _moved(lived, tmp_path / "a.sqlite")
    assert 0o600 == (tmp_path / "a.sqlite").stat().st_mode & 0o777


def test_what_leaves_can_be_read_by_anything(lived: Engine, tmp_path: Path) -> None:
    """It is SQLite and JSON: the facts of a decision by name."""
    _moved(lived, tmp_path / "a.sqlite")
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as kept, kept:
        (made_on,) = kept.execute("SELECT made_on FROM decision ORDER BY account, seq").fetchone()
    assert "current" == json.loads(made_on)["facts"]["state"]


def test_the_command_keeps_what_is_young_and_the_audit_asks_for_the_file(
    lived: Engine,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ninety days stay; without the file the audit ends with 1 and says what it misses, with it with 0."""
    monkeypatch.setenv("ARFLOW_DATABASE_URL", database_url)
    monkeypatch.setenv("ARFLOW_HOME", str(tmp_path / "home"))

    def arflow(*arguments: str) -> tuple[int, str, str]:
        return run_command(list(arguments)), *capsys.readouterr()

    file = tmp_path / "a.sqlite"
    status, _, err = arflow("archive", str(file), "--before", "2026-04-02")
    assert (2, True) == (status, "2026-04-02 is too late: the last 90 days stay; the latest date is 2026-04-01" in err)
    assert not file.exists()
    status, said, err = arflow("archive", str(file), "--before", "2026-04-01", "--format", "json")
    assert (0, "", 1) == (status, err, json.loads(said)["letters"])
    gone = json.loads(said)["decisions"]
    status, said, err = arflow("audit", "verify", "--format", "json")
    assert (1, gone) == (status, json.loads(said)["unchecked"])
    assert f"{gone} old decisions cannot be checked" in err
    status, said, err = arflow("audit", "verify", "--archive", str(file))
    assert (0, "") == (status, err)
    assert said.endswith("every chain holds, every decision follows from its facts\n")

"""How PostgreSQL goes about what is asked most often: by an index, however many accounts there are.

What is asked is taken from the doors themselves as they work, so a new query is among it the day it is written.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from arflow import clock, outlook
from arflow.advance import drain, record
from arflow.deliver import deliver_batch
from arflow.desk import searching, timeline, worklist
from arflow.desk.timeline import View
from arflow.desk.users import User
from arflow.ledger import importing
from arflow.ledger.importing import Options
from arflow.mail import Folder, Mail
from arflow.store import database
from arflow.store.together import APART
from tests import herd
from tests.conftest import copied_database
from tests.production import activate, run, turn, write_events
from tests.set_clock import put, settable
from tests.test_doors import REAL
from tests.test_herd import MORNING, POLICY, ledger
from workers.ticker import tick

pytestmark = pytest.mark.database

COUNT = 40_000
BIG = COUNT // 2
"""How many rows make a table big; a small one is soonest read as a whole."""

HISTORY = """
INSERT INTO journal (account_id, seq, at, "on", clock, kind, cause, actor, source, "to", details, previous, hash)
SELECT id, 1, '2026-01-05 08:00Z', '2026-01-05', '08:00', 'step', 'wake', '', 'current', 'reminded', '{}', NULL,
    sha256('')
FROM account WHERE id ~ '^H';
INSERT INTO effect (account_id, number, kind, name, rule, stay, overdue_then, decided_at, decided_on, due_at, status,
    sent_at, sent_on)
SELECT id, 1, 'send', 'first-reminder', 'first', 1, true, '2026-01-05 08:00Z', '2026-01-05', '2026-01-05 08:00Z',
    'sent', '2026-01-05 08:00Z', '2026-01-05'
FROM account WHERE id ~ '^H';
INSERT INTO message (account_id, number, template, recipient, decided_at, zone, policy, status, settled_at)
SELECT id, 1, 'first-reminder', '', '2026-01-05 08:00Z', 'UTC', 'p', 'sent', '2026-01-05 08:00Z'
FROM account WHERE id ~ '^H';
INSERT INTO invoice (account_id, id, issued, recorded_at, recorded_place, written_off)
VALUES ('F', 'RE-4711', '2026-01-05', '2026-01-05 08:00Z', 0, false);
INSERT INTO item (account_id, invoice_id, number, due, amount, open) VALUES ('F', 'RE-4711', 0, '2026-02-05', 100, 0);
UPDATE account SET journal_length = 1, journal_head = sha256(''), effects_decided = 1 WHERE id ~ '^H';
"""
"""A past for each of the herd, so that these tables are big as well."""

Asked = list[tuple[str, Any]]


def crowded(template: str, folder: Path) -> Engine:
    """A company of many accounts that wake at MORNING, a week before it; it is called as the folder is."""
    engine = database.connect(settable(copied_database(template, folder.name)))
    put(engine, MORNING - dt.timedelta(days=7))
    activate(engine, POLICY)
    turn(engine, is_on=True)
    with engine.begin() as connection:
        file = write_events(folder / "events.jsonl", ledger())
        importing.import_file(connection, file, clock.read(connection), Options(profile=None), lambda *_: None)
    run(engine, REAL)
    herd.copy(engine, "H", COUNT)
    return engine


@pytest.fixture(scope="module")
def company(template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A company of many accounts that are due, of which a few hundred have been worked off."""
    engine = crowded(template, tmp_path_factory.mktemp("plans"))
    with engine.begin() as connection:
        connection.execute(text(HISTORY))
    put(engine, MORNING)
    drain(engine, REAL)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    yield engine
    engine.dispose()


@contextmanager
def heard(engine: Engine) -> Iterator[Asked]:
    """Everything that is asked of the database while the block runs."""
    asked: Asked = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:  # noqa: ANN401
        asked.extend((one, parameters) for one in statement.split(APART))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


def walked(engine: Engine, asked: Asked) -> list[str]:
    """Each big table that would be read from end to end, with what asks for it."""
    found = []
    with engine.connect() as connection:
        sizes = text("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > :rows")
        big = set(connection.execute(sizes, {"rows": BIG}).scalars())
        for statement, parameters in asked:
            if statement.split(None, 1)[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"):
                cursor = connection.connection.cursor()
                cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
                plan = cursor.fetchone()
                assert plan is not None
                found += [f"{table}: {statement[:200]}" for table in _walked(_plan(plan[0])) if table in big]
    return found


def _plan(answer: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON, read by the driver or not
    read = json.loads(answer) if isinstance(answer, str) else answer
    return dict(read[0]["Plan"])


def _walked(node: dict[str, Any]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for child in node.get("Plans", []):
        yield from _walked(child)


class _NoBell:
    """Nobody to ring: what is rung is no matter here."""


def drained(engine: Engine, _: Path) -> None:
    assert drain(engine, REAL) is not None


def ticked(engine: Engine, folder: Path) -> None:
    """The evening before, when nothing is due; else it would soon have counted enough wherever it begins."""
    put(engine, MORNING - dt.timedelta(hours=12))
    looked(engine, folder)
    put(engine, MORNING)


def looked(engine: Engine, _: Path) -> None:
    """The ticker looks, and rings nobody: an object without any method is no Redis."""
    with pytest.raises(AttributeError):
        tick(engine, _NoBell())  # type: ignore[arg-type]  # so that it fails behind the look, and not before


def recorded(engine: Engine, _: Path) -> None:
    with engine.begin() as connection:
        paid = {"event": "payment", "id": "Z1", "amount": "50.00"}
        record(connection, "H000007", [paid], actor="carla", engineering=REAL)


def delivered(engine: Engine, folder: Path) -> None:
    mail = Mail(transport=Folder(folder / "mail"), address="accounts@hill.example", company="Hill & Sons")
    assert deliver_batch(engine, mail)


def listed(engine: Engine, _: Path) -> None:
    """A caller's list, beside 40,000 accounts that are not theirs."""
    carla = User(name="carla", full_name="", email="", roles=frozenset({"caller"}), queues=("senior",))
    with engine.connect() as connection:
        now = clock.read(connection)
        mine = worklist.mine(carla, now)
        assert [] == worklist.page(connection, carla, mine, now, offset=0, limit=25).places


def searched(engine: Engine, _: Path) -> None:
    """Somebody types a whole id, and a whole invoice number; of a name all accounts have to be looked at."""
    lena = User(name="lena", full_name="", email="", roles=frozenset({"lead"}), queues=())
    with engine.connect() as connection:
        assert ["H000007"] == searching.search(connection, lena, "H000007")
        assert ["F", "G"] == searching.search(connection, lena, "re-4711")


def looked_at(engine: Engine, _: Path) -> None:
    """An account, with all that its page shows of what happened."""
    with engine.connect() as connection:
        one = outlook.outlooks(connection, ["H000007"], REAL)["H000007"]
        outlook.explained(connection, one)
        view = View(account="H000007", currency="USD", zone="UTC", verdicts={})
        assert timeline.page(connection, view, offset=0, limit=25)
        timeline.contacts(connection, view)
        timeline.mark(connection, "H000007")


DOORS: dict[str, Callable[[Engine, Path], None]] = {
    "a batch is drained": drained,
    "the ticker looks": ticked,
    "a person records": recorded,
    "letters are handed over": delivered,
    "a caller looks at their list": listed,
    "somebody searches for an account": searched,
    "somebody opens an account": looked_at,
}


@pytest.mark.parametrize("door", DOORS)
def test_no_big_table_is_read_from_end_to_end(company: Engine, tmp_path: Path, door: str) -> None:
    with heard(company) as asked:
        DOORS[door](company, tmp_path)
    assert asked
    assert [] == walked(company, asked)


def test_one_that_is_read_from_end_to_end_is_found(company: Engine) -> None:
    """The test can say no."""
    with heard(company) as asked, company.connect() as connection:
        connection.execute(text("SELECT count(*) FROM journal WHERE actor = 'nobody'")).all()
    assert ["journal"] == [one.split(":")[0] for one in walked(company, asked)]


# --- plans that were made while all was empty -------------------------------------------------------------------------

QUEUED = """
INSERT INTO effect (account_id, number, kind, name, rule, stay, overdue_then, decided_at, decided_on, due_at, status,
    sent_at, sent_on)
SELECT id, 1, 'send', 'first-reminder', 'first', 1, true, '2026-01-05 08:00Z', '2026-01-05', '2026-01-05 08:00Z',
    'sent', '2026-01-05 08:00Z', '2026-01-05'
FROM account WHERE id ~ '^H0[1-9]' AND effects_decided = 0;
INSERT INTO message (account_id, number, template, recipient, decided_at, zone, policy, status, not_before)
SELECT id, 1, 'first-reminder', '', '2026-01-12 08:00Z', 'UTC', 'p', 'queued',
    timestamptz '2026-01-05 08:00Z' + row_number() OVER () * interval '1 second'
FROM account WHERE id ~ '^H0[1-9]' AND effects_decided = 0;
UPDATE account SET effects_decided = 1, next_due = NULL, due_on = NULL WHERE id ~ '^H0[1-9]' AND effects_decided = 0;
"""
"""What a herd has put out already: letters that wait, of accounts that are not due any more."""

OFTEN = 8
"""So often a session asks before it keeps its plan."""

FEW = 8_000
"""Of the tens of thousands that are there no door reads so many rows: it takes a few hundred accounts."""

READ = "SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) AS rows FROM pg_stat_user_tables"


@pytest.fixture(scope="module")
def grown(template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A company whose one session has its plans since there were neither effects nor letters; nobody analysed since."""
    folder = tmp_path_factory.mktemp("grown")
    engine = crowded(template, folder)
    put(engine, MORNING)
    for _ in range(OFTEN):
        assert drain(engine, REAL, limit=20) is not None
        looked(engine, folder)
        delivered(engine, folder)
    with engine.begin() as connection:
        connection.execute(text(QUEUED))
    yield engine
    engine.dispose()


def rows_read(engine: Engine) -> dict[str, int]:
    """How many rows of each table were read so far."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
    with engine.connect() as connection:
        return {row.relname: row.rows for row in connection.execute(text(READ))}


@pytest.mark.parametrize("door", [drained, looked, delivered])
def test_a_table_that_has_grown_since_the_plan_was_made_is_not_read_from_end_to_end(
    grown: Engine, tmp_path: Path, door: Callable[[Engine, Path], None]
) -> None:
    before = rows_read(grown)
    door(grown, tmp_path)
    after = rows_read(grown)
    assert after["account"] > before["account"]
    assert {} == {name: rows - before[name] for name, rows in after.items() if rows - before[name] > FEW}

"""An account that cannot be read, lived or kept stops nobody else, is shown with its reason, and rests."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, text

from arflow import clock
from arflow.accounts.entries import EffectStatus
from arflow.advance import drain, retry
from arflow.audit import verify
from arflow.deliver import deliver_batch
from arflow.errors import SaysNo
from arflow.forecast import forecast
from arflow.mail import Folder, Mail
from arflow.rules.reference import Reference
from arflow.store import accounts
from tests.production import activate, run, states, step, take_in, turn, write_events
from tests.sizes import size
from tests.test_deliver import POLICY, ledger, letters, rows, told
from tests.test_doors import REAL

pytestmark = pytest.mark.database

JAN_4, JAN_12, JAN_13, JAN_19 = (dt.date(2026, 1, day) for day in (4, 12, 13, 19))
POISON = "A1"

REFUSING = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{}', MESSAGE = 'no'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON effect FOR EACH ROW WHEN (NEW.account_id = 'A1') EXECUTE FUNCTION refuse();
"""

POISONS = {
    "a column that no code of ours writes": "UPDATE account SET fired = '[1]' WHERE id = 'A1'",
    "a date that Python cannot read": "UPDATE invoice SET issued = 'infinity' WHERE account_id = 'A1'",
    "an event that cannot have happened": """UPDATE event SET applied = false, content = content - 'amount'
        WHERE account_id = 'A1' AND kind = 'invoice'""",
    "an event that contradicts the books": """INSERT INTO event
        (account_id, kind, identity, occurrence, "on", clock, content, digest, known_on)
        VALUES ('A1', 'payment_reversed', 'P9', 0, '2026-01-12', '07:00', '{"event": "payment_reversed",
        "account": "A1", "payment": "P9", "date": "2026-01-12", "time": "07:00"}', '\\x00', '2026-01-12')""",
    "a value that a constraint refuses": "ALTER TABLE effect ADD CHECK (account_id <> 'A1')",
    "a row that a limit refuses": REFUSING.format("54000"),
    "a row that a trigger refuses": REFUSING.format("P0001"),
    "a page that is damaged": REFUSING.format("XX001"),
}
"""What makes an account of no use, and the statement that does it."""


@pytest.fixture
def book(engine: Engine, tmp_path: Path) -> Callable[[int], Engine]:
    """Makes accounts that will be written to tomorrow, on 13 January."""

    def made(count: int) -> Engine:
        step(engine, JAN_4)
        activate(engine, POLICY)
        turn(engine, is_on=True)
        take_in(engine, write_events(tmp_path / "events.jsonl", ledger(count, "ann{}@bright.example")))
        go_to(engine, JAN_12)
        return engine

    return made


@pytest.fixture
def folder(tmp_path: Path) -> Mail:
    return Mail(transport=Folder(tmp_path / "mail"), address="accounts@hill.example", company="Hill & Sons")


def go_to(engine: Engine, day: dt.date) -> None:
    with engine.begin() as connection:
        clock.step_to(connection, day)
    run(engine, REAL)


def make_due(engine: Engine) -> None:
    """Everything is looked at again."""
    with engine.begin() as connection:
        now = clock.read(connection)
        accounts.make_due(connection, now.start, now.start_day)


def parked(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        query = text("SELECT id, parked ->> 'reason' AS why FROM account WHERE parked IS NOT NULL AND next_due IS NULL")
        return {row.id: row.why for row in connection.execute(query)}


@contextmanager
def rollbacks(engine: Engine) -> Iterator[list[str]]:
    """Every transaction that fails meanwhile."""
    failed: list[str] = []

    def note(_: Connection) -> None:
        failed.append("rolled back")

    event.listen(engine, "rollback", note)
    yield failed
    event.remove(engine, "rollback", note)


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS)
def test_what_cannot_be_decided_parks_that_account_only(book: Callable[[int], Engine], poison: str) -> None:
    """Its reason is shown; it is not due again; the others of its batch have moved."""
    engine = book(3)
    with engine.begin() as connection:
        connection.execute(text(poison))
    with engine.begin() as connection:
        clock.step_to(connection, JAN_13)
    make_due(engine)
    run(engine, REAL)
    assert {"A0": "reminded", POISON: "current", "A2": "reminded"} == {
        key: one for key, (one, _) in states(engine).items()
    }
    assert [POISON] == list(parked(engine))
    assert parked(engine)[POISON].startswith("cannot be ")
    assert drain(engine, REAL) is None


def test_an_account_whose_journal_is_longer_than_it_says_is_parked_all_the_same(book: Callable[[int], Engine]) -> None:
    """Where not even its parking can be journalled it is shown, and `audit verify` names the row."""
    engine = book(3)
    go_to(engine, JAN_13)
    with engine.begin() as connection:
        connection.execute(
            text("""UPDATE account SET journal_length = journal_length - 1, journal_head =
                    (SELECT previous FROM journal WHERE account_id = 'A1' ORDER BY seq DESC LIMIT 1) WHERE id = 'A1'""")
        )
        connection.execute(text(POISONS["an event that cannot have happened"]))
    make_due(engine)
    run(engine, REAL)
    assert [POISON] == list(parked(engine))
    with engine.connect() as connection:
        (finding,) = verify(connection, {"the reference": Reference()}, [POISON]).findings
    assert "behind the end that the account records" in finding.what


def test_the_poisoned_account_is_tried_again_by_its_next_event_and_once(book: Callable[[int], Engine]) -> None:
    """Mended, it goes on at once; not mended, it costs one batch and is parked again."""
    engine = book(3)
    with engine.begin() as connection:
        connection.execute(text(POISONS["a column that no code of ours writes"]))
        clock.step_to(connection, JAN_13)
    run(engine, REAL)
    with pytest.raises(SaysNo, match="account `A1` cannot be decided"), engine.begin() as connection:
        retry(connection, POISON, actor="ada", engineering=REAL)
    assert [POISON] == list(parked(engine))
    with engine.begin() as connection:
        connection.execute(text("UPDATE account SET fired = '{}' WHERE id = 'A1'"))
    with engine.begin() as connection:
        retry(connection, POISON, actor="ada", engineering=REAL)
    assert {} == parked(engine)
    assert "reminded" == states(engine)[POISON][0]


def test_one_among_a_thousand_costs_one_batch(book: Callable[[int], Engine]) -> None:
    """Its batch is taken apart once, family by family; all others go as if it were not there."""
    count = size(1_000, 10_000)
    engine = book(count)
    with engine.begin() as connection:
        connection.execute(text(POISONS["a date that Python cannot read"]))
        clock.step_to(connection, JAN_13)
    make_due(engine)
    with rollbacks(engine) as failed:
        run(engine, REAL)
    assert 3 == len(failed)  # its batch, the question for its families, and it alone
    assert [POISON] == list(parked(engine))
    assert {"reminded": count - 1, "current": 1} == Counter(one for one, _ in states(engine).values())


def test_what_would_go_out_is_told_without_it(book: Callable[[int], Engine]) -> None:
    """Once it is parked; the others are as they would be, and a fault that is nobody's own is never passed over."""
    engine = book(3)
    turn(engine, is_on=False)
    go_to(engine, JAN_13)
    with engine.begin() as connection:
        connection.execute(text(POISONS["a column that no code of ours writes"]))
    with pytest.raises(AttributeError), engine.connect() as connection:
        forecast(connection, REAL)
    make_due(engine)
    run(engine, REAL)
    with engine.connect() as connection:
        found = forecast(connection, REAL)
    assert ([POISON], {"A0", "A2"}) == (list(parked(engine)), {one.account for one in found.leaving})


# --- its letters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "poison", [POISONS["a column that no code of ours writes"], POISONS["a date that Python cannot read"]]
)
def test_the_letter_of_an_account_that_cannot_be_read_fails_alone(
    book: Callable[[int], Engine], folder: Mail, poison: str
) -> None:
    """It is shown among the messages that failed; the others of its batch leave, and nothing is tried again."""
    engine = book(3)
    go_to(engine, JAN_13)
    with engine.begin() as connection:
        connection.execute(text(poison))
    while deliver_batch(engine, folder):
        pass
    assert [("sent",), ("failed",), ("sent",)] == rows(engine, "status")
    assert "the account cannot be read" in str(rows(engine, "error")[1][0])
    assert 2 == sum(letter["To"] != "lead@hill.example" for letter in letters(folder))
    assert [EffectStatus.DELIVERED] == told(engine, "A2")


def test_a_letter_of_no_zone_fails_alone_also_at_a_late_attempt(engine: Engine, tmp_path: Path, folder: Mail) -> None:
    """On the real clock, where working hours are looked at before each later attempt."""
    activate(engine, POLICY)
    turn(engine, is_on=True)
    take_in(engine, write_events(tmp_path / "events.jsonl", ledger(2, "ann@bright.example")))
    with engine.begin() as connection:
        for number, zone in enumerate(("Nowhere/Town", "UTC")):
            connection.execute(
                text("""INSERT INTO message (account_id, template, recipient, status, decided_at, zone) VALUES
                        (:account, 'notice: first', 'l@hill.example', 'queued', now() - interval '1 day', :zone)"""),
                {"account": f"A{number}", "zone": zone},
            )
    assert 2 == deliver_batch(engine, folder)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT status, attempts FROM message ORDER BY id")).all()
    assert ("failed", 1) == tuple(found[0])
    assert found[1].status in ("sent", "queued")

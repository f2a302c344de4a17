"""The door: one transaction, a fixed number of statements, one winner, nothing half-written."""

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from arflow import clock
from arflow.advance import Engineering, advance
from arflow.errors import Conflict
from arflow.rules.loader import load_policy
from arflow.rules.reference import Reference
from arflow.store import accounts, journal
from tests.production import activate, journal_lines, known_ids, states, step, take_in, write_events

pytestmark = pytest.mark.database

POLICY = load_policy(
    """
policy: p
currency: USD
rules:
  - {id: paid-up, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}
  - {id: first, from: current, when: days_overdue >= 3, to: reminded, do: [{send: first-reminder}], why: Late.}
""",
    file="test",
)
ENGINEERING = Engineering(evaluator=Reference())
TODAY = dt.date(2026, 1, 4)


def events_of(count: int) -> list[dict[str, Any]]:
    """Accounts with an invoice of 50.00 each, of which 20.00 is paid."""
    return [
        event
        for number in range(count)
        for event in (
            {"event": "account", "account": f"A{number:04}", "date": "2026-01-05", "currency": "USD"},
            {
                "event": "invoice",
                "account": f"A{number:04}",
                "date": "2026-01-05",
                "id": "I1",
                "amount": "50.00",
                "due": "2026-01-16",
            },
            {"event": "payment", "account": f"A{number:04}", "date": "2026-01-20", "id": "P1", "amount": "20.00"},
        )
    ]


@pytest.fixture
def three(engine: Engine, tmp_path: Path) -> Engine:
    """Three accounts whose first reminder is due on 19 January."""
    step(engine, TODAY)
    activate(engine, POLICY)
    take_in(engine, write_events(tmp_path / "events.jsonl", events_of(3)))
    step(engine, dt.date(2026, 1, 18))
    return engine


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements that the engine executes meanwhile; one with many parameter rows counts once."""
    statements: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def test_a_batch_takes_a_fixed_number_of_statements(engine: Engine, tmp_path: Path) -> None:
    """One account or five hundred: the same statements read the rows, decide and write."""
    step(engine, TODAY)
    activate(engine, POLICY)
    take_in(engine, write_events(tmp_path / "events.jsonl", events_of(501)))
    ids = [f"A{number:04}" for number in range(501)]
    with engine.begin() as connection:
        now = clock.step_to(connection, dt.date(2026, 1, 19))
    taken = []
    for batch in (ids[:1], ids[1:]):
        with counted(engine) as statements, engine.begin() as connection:
            done = advance(connection, batch, now, ENGINEERING)
        assert (len(batch), 2 * len(batch)) == (done.accounts, len(done.entries))
        taken.append(len(statements))
    assert [taken[0]] * 2 == taken


def test_nothing_is_half_written(three: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the journal cannot be written, neither the state nor the effect nor the wake is."""
    before = (states(three), journal_lines(three))

    def fails(*_: object) -> None:
        raise RuntimeError("the power went")

    monkeypatch.setattr(journal, "append", fails)
    with pytest.raises(RuntimeError, match="power"):
        step(three, dt.date(2026, 1, 19))
    monkeypatch.undo()
    assert before == (states(three), journal_lines(three))
    step(three, dt.date(2026, 1, 19))
    assert 6 == len(journal_lines(three))


def test_a_second_writer_is_told(three: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that slips past the lock is seen by the version: Conflict, and nothing of the batch stays."""
    save = accounts.save

    def after_somebody_else(connection: object, changes: object) -> None:
        connection.execute(text("UPDATE account SET version = version + 1 WHERE id = 'A0001'"))  # type: ignore[attr-defined]
        save(connection, changes)  # type: ignore[arg-type]

    monkeypatch.setattr(accounts, "save", after_somebody_else)
    with pytest.raises(Conflict, match="read it again and repeat"):
        step(three, dt.date(2026, 1, 19))
    monkeypatch.undo()
    assert {"current"} == {state for state, _ in states(three).values()}


def test_two_causes_at_once_never_interleave(three: Engine) -> None:
    """Four threads advance the same accounts at the same time: each step is made once, each chain is whole."""
    with three.begin() as connection:
        now = clock.step_to(connection, dt.date(2026, 1, 25))
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(3):
                with three.begin() as connection:
                    advance(connection, ["A0000", "A0001", "A0002"], now, ENGINEERING)
        except BaseException as error:  # noqa: BLE001  # whatever it is, the test shows it
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == errors
    assert 6 == len(journal_lines(three))
    assert {("reminded", 3000)} == set(states(three).values())


def test_an_account_is_read_as_it_was_written(three: Engine) -> None:
    """What is loaded again is what was saved: accounts, ledgers, effects and episodes."""
    step(three, dt.date(2026, 1, 25))
    with three.begin() as connection:
        stored = accounts.load(connection, known_ids(three))["A0000"]
        assert accounts.load(connection, ["A0000"])["A0000"] == stored
        account = stored.account
    assert ("reminded", 3000, 1) == (account.state, account.ledger.invoices["I1"].open, len(account.messages))
    assert dt.date(2026, 1, 17) == account.episodes[0].started_on


def test_a_new_policy_version_is_a_cause_for_every_account(three: Engine) -> None:
    """A version that waits ten days instead of three is looked at by all, and the next step comes by it."""
    later = load_policy(POLICY.source.replace("days_overdue >= 3", "days_overdue >= 10"), file="test")
    activate(three, later)
    step(three, dt.date(2026, 1, 25))
    assert {("current", 3000)} == set(states(three).values())
    step(three, dt.date(2026, 1, 26))
    assert {("reminded", 3000)} == set(states(three).values())

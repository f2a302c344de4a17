"""What people record, claims of workers, placings, retries: each through the door, journalled, told when too late."""

import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from arflow import clock
from arflow.advance import Engineering, place, record, retry, turn_delivery
from arflow.advance import activate as make_active
from arflow.audit import verify
from arflow.errors import Conflict, Refused, SaysNo
from arflow.explain import explained
from arflow.life.records import Entry, EntryKind
from arflow.rules.engine import MAX_VERSIONS, DurableRules
from arflow.rules.loader import load_policy
from arflow.rules.reference import Reference
from arflow.store import accounts, desk_tables, events, outbox, tables
from arflow.vocabulary import State
from tests.production import activate, run, states, step, take_in, write_events

pytestmark = pytest.mark.database

REAL = Engineering(evaluator=Reference(), delivery="recorded")
TODAY = dt.date(2026, 1, 4)
POLICY = load_policy(
    """
policy: p
currency: USD
rules:
  - {id: paid-up, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}
  - {id: promised, from: any, when: has_open_promise and overdue_amount == 0, to: promised, why: Promised.}
  - id: first
    from: current
    when: days_overdue >= 3
    to: reminded
    do: [{send: first-reminder}, {notify: lead}, {notify: ar@example.com}]
    why: Late.
  - {id: phone, from: reminded, when: days_overdue >= 8, to: called, do: [{call: collections}], why: Still late.}
""",
    file="test",
)


def ledger(path: Path, count: int = 3) -> Path:
    """Accounts with an invoice of 50.00 each, due on 10 January; A0002 pays through A0000."""
    found: list[dict[str, object]] = []
    for number in range(count):
        who = {"account": f"A{number:04}", "date": "2026-01-02"}
        through = {"pays_through": "A0000"} if number == 2 else {}
        found.append({"event": "account", **who, "currency": "USD", **through})
        if not through:
            found.append({"event": "invoice", **who, "id": "I1", "amount": "50.00", "due": "2026-01-10"})
    return write_events(path / "events.jsonl", found)


@pytest.fixture
def book(engine: Engine, tmp_path: Path) -> Engine:
    """Three accounts on 12 January, two days overdue, with delivery on."""
    step(engine, TODAY)
    activate(engine, POLICY)
    with engine.begin() as connection:
        turn_delivery(connection, is_on=True, actor="lena", reason="go")
    take_in(engine, ledger(tmp_path))
    go_to(engine, dt.date(2026, 1, 12))
    return engine


def go_to(engine: Engine, day: dt.date) -> None:
    """Step the clock and run what is due, as the workers do."""
    with engine.begin() as connection:
        clock.step_to(connection, day)
    run(engine, REAL)


def test_what_a_person_records_is_a_cause_with_an_actor(book: Engine) -> None:
    """A promise over all that is overdue moves the account at once; the journal says who recorded it."""
    promise = {"event": "promise", "id": "P1", "amount": "50.00", "due": "2026-01-20"}
    with book.begin() as connection:
        done = record(connection, "A0001", [promise], actor="carla", engineering=REAL)
    assert ("promised", 5000) == states(book)["A0001"]
    assert (1, ["step"]) == (len(done.events), [entry.kind.value for entry in done.advanced.entries])
    with book.connect() as connection:
        row = connection.execute(select(tables.journal).where(tables.journal.c.account_id == "A0001")).mappings().one()
        assert ("carla", "promise", "promised") == (row["actor"], row["cause"], row["rule"])


def test_the_second_of_two_people_is_told(book: Engine) -> None:
    """Who records on an account that has changed since they looked at it gets Conflict, and nothing is written."""
    with book.begin() as connection:
        seen = accounts.load(connection, ["A0001"])["A0001"].version
        call = {"event": "contact", "channel": "call", "outcome": "no_answer"}
        record(connection, "A0001", [call], actor="carla", engineering=REAL, seen=seen)
    with pytest.raises(Conflict, match="has changed since you opened it"), book.begin() as connection:
        record(connection, "A0001", [call], actor="ben", engineering=REAL, seen=seen)
    with book.connect() as connection:
        assert ["carla"] == [e.actor for e in events.of_accounts(connection, ["A0001"])["A0001"] if e.actor]


def test_the_same_call_twice_is_two_calls(book: Engine) -> None:
    """Two calls of one day with the same outcome are two events: both attempts count."""
    call = {"event": "contact", "channel": "call", "outcome": "no_answer"}
    for _ in range(2):
        with book.begin() as connection:
            record(connection, "A0001", [call], actor="carla", engineering=REAL)
    with book.connect() as connection:
        assert 2 == len(accounts.load(connection, ["A0001"])["A0001"].account.contacts)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"event": "promise", "id": "P", "amount": "50.001", "due": "2026-01-20"}, "decimals"),
        ({"event": "dispute", "id": "D", "invoice": "none", "reason": "x"}, "does not have"),
        ({"event": "contact", "channel": "pigeon"}, "is one of call"),
    ],
)
def test_what_contradicts_the_books_is_refused(book: Engine, content: dict[str, object], said: str) -> None:
    """One line says why, and nothing of it is kept."""
    with pytest.raises(Refused, match=said), book.begin() as connection:
        record(connection, "A0001", [content], actor="carla", engineering=REAL)
    with book.connect() as connection:
        assert [] == [e for e in events.of_accounts(connection, ["A0001"])["A0001"] if e.actor]


def test_what_leaves_is_a_row_of_the_same_transaction(book: Engine) -> None:
    """A message becomes a row of the outbox, a notice to a role a task, a notice to an address a mail of ours."""
    go_to(book, dt.date(2026, 1, 13))
    with book.connect() as connection:
        message, task = desk_tables.message, desk_tables.task
        rows = connection.execute(select(message).where(message.c.account_id == "A0001").order_by(message.c.id)).all()
        assert [(1, "first-reminder", "queued", ""), (None, "notice: first", "queued", "ar@example.com")] == [
            (row.number, row.template, row.status, row.recipient) for row in rows
        ]
        tasks = connection.execute(select(task).where(task.c.account_id == "A0001")).all()
        assert [("notice", "lead", dt.date(2026, 1, 13))] == [(row.kind, row.assignee, row.due_on) for row in tasks]


def test_a_notice_that_is_still_open_is_not_told_again(book: Engine) -> None:
    """A rule that repeats its notice makes another task only once the first one is done."""
    entry = Entry(
        kind=EntryKind.EFFECT,
        account="A0001",
        at=dt.datetime(2026, 1, 13, tzinfo=dt.UTC),
        on=dt.date(2026, 1, 13),
        clock=dt.time(8),
        cause="wake",
        effect="notify",
        name="lead",
        rule="look",
    )
    leaving = outbox.Leaving(entry=entry, zone="UTC", policy="p")
    count = text("SELECT count(*) FROM task WHERE account_id = 'A0001'")
    with book.begin() as connection:
        for expected in (1, 1):
            outbox.put_out(connection, [leaving, leaving], with_messages=True)
            assert expected == connection.execute(count).scalar()
        connection.execute(text("UPDATE task SET done_at = now() WHERE account_id = 'A0001'"))
        outbox.put_out(connection, [leaving], with_messages=True)
        assert 2 == connection.execute(count).scalar()


def test_a_stepped_account_waits_for_its_delivery(book: Engine) -> None:
    """While the result of a message is unknown its account is not due, whatever day it is; no family member runs on."""
    go_to(book, dt.date(2026, 1, 20))
    with book.begin() as connection:
        rows = connection.execute(text("SELECT id, state, next_due FROM account ORDER BY id")).all()
        assert [("A0000", "reminded", None), ("A0001", "reminded", None), ("A0002", "reminded", None)] == [
            tuple(row) for row in rows
        ]
        assert not clock.is_at_rest(connection, clock.read(connection))


def test_two_workers_never_claim_one_family(book: Engine) -> None:
    """What one transaction has claimed, families whole, another passes over without waiting."""
    with book.begin() as connection:
        clock.step_to(connection, dt.date(2026, 1, 13))
    is_due = accounts.due(dt.datetime(2026, 1, 14, 12, tzinfo=dt.UTC), dt.date(2026, 1, 13))
    with book.begin() as one, book.begin() as other:
        first = accounts.claim(one, is_due & (tables.account.c.id == "A0000"), 1)
        second = accounts.claim(other, is_due, 10)
        assert ["A0000", "A0002"] == first
        assert ["A0001"] == second
        assert [] == accounts.claim(other, is_due & (tables.account.c.id == "A0002"), 10)


def test_who_is_due_last_does_not_wait_for_a_herd(engine: Engine, tmp_path: Path) -> None:
    """A quarter of each batch is for those due last, the rest for those due longest."""
    step(engine, TODAY)
    activate(engine, POLICY)
    take_in(engine, ledger(tmp_path, 8))
    with engine.begin() as connection:
        minute = "'2026-01-13 08:00Z'::timestamptz + right(id, 1)::int * interval '1 min'"
        connection.execute(text(f"UPDATE account SET next_due = {minute}, due_on = '2026-01-13', family = id"))
        claimed = accounts.claim(connection, accounts.due(dt.datetime(2026, 1, 14, tzinfo=dt.UTC), None), 4)
    assert ["A0000", "A0001", "A0002", "A0007"] == sorted(claimed)


def test_an_account_that_cannot_be_lived_on_is_set_aside_alone(book: Engine) -> None:
    """Its reason is journalled and shown, it is not due again, and the others of its batch go on."""
    with book.begin() as connection:
        connection.execute(text("UPDATE account SET fired = '[1]' WHERE id = 'A0001'"))  # no fold of ours writes this
    go_to(book, dt.date(2026, 1, 13))
    assert {"A0000": "reminded", "A0001": "current", "A0002": "reminded"} == {
        key: state for key, (state, _) in states(book).items()
    }
    with book.connect() as connection:
        row = connection.execute(text("SELECT parked, next_due FROM account WHERE id = 'A0001'")).one()
        assert row.next_due is None
        assert "cannot be decided" in row.parked["reason"]


def test_an_account_that_the_database_does_not_take_is_set_aside_alone(book: Engine) -> None:
    """What a constraint refuses would be due for ever, and nobody behind it would be looked at any more."""
    with book.begin() as connection:
        connection.execute(text("ALTER TABLE effect ADD CHECK (account_id <> 'A0001')"))
    go_to(book, dt.date(2026, 1, 13))
    assert {"A0000": "reminded", "A0001": "current", "A0002": "reminded"} == {
        key: state for key, (state, _) in states(book).items()
    }
    with book.connect() as connection:
        reason = connection.execute(text("SELECT parked ->> 'reason' FROM account WHERE id = 'A0001'")).scalar_one()
    assert "cannot be kept: the database refuses its values (CheckViolation)" == reason


SHOP = """
policy: shop-{at}
currency: USD
applies_to: segment == "s{at}"
rules:
  - {{id: late, from: current, when: days_overdue >= {days}, to: reminded, why: Late.}}
"""


def test_more_active_policies_than_a_process_compiles_stop_nobody(engine: Engine, tmp_path: Path) -> None:
    """Every account is decided by its own, is explained on any day, and an audit makes every decision again."""
    step(engine, TODAY)
    found: list[dict[str, object]] = []
    for at in range(MAX_VERSIONS + 6):
        with engine.begin() as connection:
            policy = load_policy(SHOP.format(at=at, days=3 + at % 2), file="test")
            make_active(connection, policy, message="", actor="tester")
        who = {"account": f"A{at:04}", "date": "2026-01-02"}
        found.append({"event": "account", **who, "currency": "USD", "segment": f"s{at}"})
        found.append({"event": "invoice", **who, "id": "I1", "amount": "50.00", "due": "2026-01-10"})
    take_in(engine, write_events(tmp_path / "events.jsonl", found))
    evaluator = DurableRules()
    with engine.begin() as connection:
        clock.step_to(connection, dt.date(2026, 1, 13))
    run(engine, Engineering(evaluator=evaluator, delivery="recorded"))
    assert {f"A{at:04}": "current" if at % 2 else "reminded" for at in range(MAX_VERSIONS + 6)} == {
        key: state for key, (state, _) in states(engine).items()
    }
    assert evaluator.is_worn
    ids, doors = [f"A{at:04}" for at in range(MAX_VERSIONS + 6)], Engineering(evaluator=evaluator)
    with engine.connect() as connection:
        looked_at = verify(connection, {"durable_rules": evaluator, "the reference": Reference()}, ids)
        assert (MAX_VERSIONS // 2 + 3, ()) == (looked_at.decisions, looked_at.findings)
        last = explained(connection, ids[-2], dt.date(2026, 1, 12), doors)
    assert ["days_overdue >= 3 (days_overdue is 2)"] == [rule.because for rule in last.rules]


def test_a_parked_account_can_be_tried_again(book: Engine) -> None:
    """A retry runs a pass, with the person as its actor, and the account goes on."""
    with book.begin() as connection:
        connection.execute(
            text("""UPDATE account SET parked = '{"reason": "x", "at": "2026-01-12T00:00:00+00:00", "rule": null,
                    "to": null}', wake = NULL, next_due = NULL, due_on = NULL WHERE id = 'A0001'""")
        )
    with book.begin() as connection:
        retry(connection, "A0001", actor="ada", engineering=REAL)
    go_to(book, dt.date(2026, 1, 13))
    assert "reminded" == states(book)["A0001"][0]


def test_accounts_are_placed_before_go_live_without_a_message(engine: Engine, tmp_path: Path) -> None:
    """Old debts begin where people say; what waited is dropped; the audit finds nothing wrong; afterwards it is no."""
    step(engine, TODAY)
    activate(engine, POLICY)
    take_in(engine, ledger(tmp_path))
    go_to(engine, dt.date(2026, 1, 14))
    assert "reminded" == states(engine)["A0001"][0]
    with engine.begin() as connection:
        place(connection, ["A0001"], State.CALLED, actor="lena", reason="old debt", engineering=REAL)
    assert "called" == states(engine)["A0001"][0]
    with engine.connect() as connection:
        assert ["dropped"] == list(
            connection.execute(text("SELECT status FROM effect WHERE account_id = 'A0001'")).scalars()
        )
        assert () == verify(connection, {"the reference": Reference()}, ["A0001"]).findings
    with engine.begin() as connection:
        turn_delivery(connection, is_on=True, actor="lena", reason="go")
    with pytest.raises(SaysNo, match="before delivery is turned on"), engine.begin() as connection:
        place(connection, ["A0001"], State.REMINDED, actor="lena", reason="again", engineering=REAL)


def test_turning_delivery_off_keeps_everything_back(book: Engine) -> None:
    """Nothing leaves while it is off; turned on again, what waited leaves on the next working morning."""
    with book.begin() as connection:
        turn_delivery(connection, is_on=False, actor="lena", reason="wrong template")
    go_to(book, dt.date(2026, 1, 14))
    with book.connect() as connection:
        assert (
            [] == connection.execute(select(desk_tables.message).where(desk_tables.message.c.number.is_not(None))).all()
        )
    with book.begin() as connection:
        assert turn_delivery(connection, is_on=True, actor="lena", reason="mended")
        assert not turn_delivery(connection, is_on=True, actor="lena", reason="mended")
    go_to(book, dt.date(2026, 1, 14))
    go_to(book, dt.date(2026, 1, 15))
    with book.connect() as connection:
        query = select(tables.effect.c.sent_on).where(tables.effect.c.account_id == "A0001")
        assert [dt.date(2026, 1, 15)] == list(connection.execute(query).scalars())

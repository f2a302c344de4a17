"""Measures of a day are what its accounts, one by one, come to; and what is made of them."""

import datetime as dt
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, select

from arflow.accounts.entries import Account, ClearingKind
from arflow.reports.daily import Happened
from arflow.reports.kpi import Countback, count_back
from arflow.reports.measures import ENDED, Measured, _months, measured, month_ends
from arflow.store import accounts, tables
from arflow.vocabulary import OUTCOMES
from tests.production import step, take_in, write_events
from tests.random_events import Line
from tests.reports.books import START, ledger
from tests.reports.folded import positions
from tests.reports.test_judged import naive
from tests.sizes import size

pytestmark = pytest.mark.database

DAY = START + dt.timedelta(days=70)

FULL_OF_TALK = 8
"""The seed of a ledger in which customers were reached; there are others in which none was."""


def loaded(connection: Connection, currency: str) -> list[Account]:
    ids = connection.execute(select(tables.account.c.id)).scalars().all()
    every = (stored.account for stored in accounts.load(connection, ids).values())
    return [one for one in every if one.currency == currency]


def came(every: list[Account], kinds: set[ClearingKind], start: dt.date, end: dt.date) -> int:
    """What came, less what went back, one by one."""
    total = 0
    for clearing in (clearing for one in every for clearing in one.ledger.clearings.values()):
        if clearing.kind in kinds:
            total += clearing.amount * (start < clearing.on <= end)
            total -= clearing.amount * (clearing.reversed_on is not None and start < clearing.reversed_on <= end)
    return total


def talks(every: list[Account], start: dt.date, end: dt.date) -> Counter[str]:
    """Calls, those that reached somebody, and conversations, one by one."""
    found: Counter[str] = Counter()
    for contact in (contact for one in every for contact in one.contacts if start < contact.on <= end):
        outcome = OUTCOMES.get(contact.outcome or "")
        is_call = contact.channel == "call" and contact.direction == "out" and (outcome is None or outcome.is_attempt)
        is_conversation = outcome is not None and outcome.is_conversation
        found["calls"] += is_call
        found["reached"] += is_call and is_conversation
        found["conversations"] += is_conversation
    return found


@pytest.mark.parametrize("seed", range(FULL_OF_TALK, FULL_OF_TALK + size(1, 12)))
def test_they_are_what_the_accounts_come_to(book: Engine, tmp_path: Path, seed: int) -> None:
    """Of today and of past days, in two currencies, with reversals, credit notes and write-offs."""
    take_in(book, write_events(tmp_path / "events.jsonl", ledger(seed, 40)), accept_rejects=True)
    step(book, DAY)
    ends = [DAY, *(DAY - dt.timedelta(days=days) for days in (9, 30, 55))]
    seen: Counter[str] = Counter()
    with book.connect() as connection:
        found = measured(connection, DAY, ends, 20)
        stood = {day: positions(connection, day) for one in found for day in (one.start, one.day)}
        for one in found:
            mine = [position for position in stood[one.day] if position.currency == one.currency]
            before = [position for position in stood[one.start] if position.currency == one.currency]
            assert sum(position.open_amount for position in mine) == one.receivable
            assert sum(position.gross for position in mine) == one.overdue
            assert sum(position.open_amount for position in before) == one.before
            every, happened = loaded(connection, one.currency), one.happened
            assert came(every, {ClearingKind.PAYMENT}, one.start, one.day) == happened.collected
            credits_ = {ClearingKind.CREDIT, ClearingKind.CREDIT_NOTE}
            assert came(every, credits_, one.start, one.day) == happened.credited
            assert came(every, {ClearingKind.WRITE_OFF}, one.start, one.day) == happened.written_off
            said = talks(every, one.start, one.day)
            assert [said[name] for name in ("calls", "reached", "conversations")] == [
                happened.calls,
                happened.reached,
                happened.conversations,
            ]
            numbers = {"collected": happened.collected, "off": happened.written_off, "credited": happened.credited}
            seen += Counter({name: 1 for name, amount in {**numbers, **said}.items() if amount})
    assert {"collected", "off", "credited", "calls"} <= set(seen)
    assert seed != FULL_OF_TALK or {"reached", "conversations"} <= set(seen)


def test_promises_count_where_they_were_due(book: Engine, tmp_path: Path) -> None:
    take_in(book, write_events(tmp_path / "events.jsonl", ledger(4, 60)), accept_rejects=True)
    step(book, DAY)
    with book.connect() as connection:
        found = measured(connection, DAY, [START + dt.timedelta(days=45)], 30)
        told = naive(connection, DAY)
        whose = {one.id: currency for currency in ("USD", "EUR") for one in loaded(connection, currency)}
    for one in found:
        mine = [verdict for key, verdict in told if whose[key] == one.currency and verdict.promise.due > one.start]
        counts = Counter(verdict.status for verdict in mine if verdict.promise.due <= one.day)
        assert {status: counts[status] for status in ENDED} == one.promised.counts
    assert all(sum(one.promised.counts.values()) for one in found)


def lines() -> list[Line]:
    """30,000.00 invoiced in March, 20,000.00 in April; 30,000.00 open, 10,000.00 of it overdue; 300.00 written off."""

    def invoice(key: str, on: str, due: str, amount: str) -> Line:
        return {"event": "invoice", "account": "A", "date": on, "id": key, "amount": amount, "due": due}

    return [
        {"event": "account", "account": "A", "date": "2026-03-01", "currency": "USD"},
        invoice("1", "2026-03-01", "2026-03-31", "19700.00"),
        invoice("2", "2026-03-02", "2026-04-10", "10000.00"),
        invoice("3", "2026-03-02", "2026-03-20", "300.00"),
        invoice("4", "2026-04-10", "2026-05-10", "20000.00"),
        {"event": "payment", "account": "A", "date": "2026-04-02", "id": "P", "amount": "19700.00", "invoice": "1"},
        {"event": "write_off", "account": "A", "date": "2026-04-05", "invoice": "3"},
    ]


def test_a_company_by_hand(book: Engine, tmp_path: Path) -> None:
    """The formulas with amounts that anybody can follow."""
    take_in(book, write_events(tmp_path / "events.jsonl", lines()))
    day = dt.date(2026, 4, 30)
    step(book, day)
    with book.connect() as connection:
        (april,) = measured(connection, day, [day], 30)
    assert (dt.date(2026, 3, 31), 3_000_000, 3_000_000, 1_000_000) == (
        april.start,
        april.before,
        april.receivable,
        april.overdue,
    )
    assert [45, 30, 15] == [april.dso, april.best_possible_dso, april.days_delinquent]
    assert april.countback == Countback(days=30 + Fraction(31, 3), is_more=False)
    assert Fraction(20_000, 30_000) == april.effectiveness
    assert Fraction(300, 20_000) == april.bad_debt
    assert Fraction(1, 3) == april.overdue_part
    assert (1_970_000, 2_000_000) == (april.happened.collected, april.happened.invoiced)


def test_a_young_book_counts_back_no_days_of_which_nothing_is_known() -> None:
    """Invoiced on 28 January, and all of it open on 10 February: fourteen days, not forty-one."""
    on = dt.date(2026, 1, 28)
    found = count_back(1_000, list(_months({on: Happened(invoiced=1_000)}, dt.date(2026, 2, 10))))
    assert found == Countback(days=Fraction(14), is_more=False)


def test_nothing_yet_is_no_number(book: Engine, tmp_path: Path) -> None:
    take_in(book, write_events(tmp_path / "events.jsonl", lines()))
    step(book, dt.date(2026, 4, 30))
    with book.connect() as connection:
        (empty,) = measured(connection, dt.date(2026, 4, 30), [dt.date(2026, 1, 31)], 30)
    assert isinstance(empty, Measured)
    nothing = (empty.dso, empty.effectiveness, empty.bad_debt, empty.reached, empty.promise_rate, empty.promised.kept)
    assert {None} == set(nothing)
    assert empty.countback == Countback(days=Fraction(0), is_more=False)


def test_the_ends_of_months() -> None:
    assert [dt.date(2026, 2, 28), dt.date(2026, 1, 31), dt.date(2025, 12, 31)] == month_ends(dt.date(2026, 3, 31), 3)

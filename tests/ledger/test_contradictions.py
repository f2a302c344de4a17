"""A line that contradicts an account's books is left out whole, and no other line with it."""

import time
from collections.abc import Mapping

import pytest

from arflow.accounts.entries import Account
from arflow.accounts.events import Event, parse
from arflow.ledger.contradictions import contradictions

BLANK = Account(id="A", currency="USD")
Row = Mapping[str, str]


def _event(line: int, **content: str) -> Event:
    return parse({"account": "A", "date": "2026-01-05", **content}, line)


def _invoice(line: int, number: str, **changes: str) -> Event:
    return _event(line, **{"event": "invoice", "id": number, "amount": "5.00", "due": "2026-01-20", **changes})


def _payment(line: int, number: str, invoice: str, date: str = "2026-01-06") -> Event:
    return _event(line, event="payment", id=number, amount="5.00", invoice=invoice, date=date)


def test_what_fits_is_no_contradiction() -> None:
    assert {} == contradictions(BLANK, [_invoice(1, "I1"), _payment(2, "P1", "I1")], {1, 2})


def test_each_contradiction_is_found_with_its_reason() -> None:
    """One line does not hide the next, and what stands between them is taken."""
    events = [_payment(1, "P1", "I8"), _invoice(2, "I1"), _payment(3, "P2", "I9"), _payment(4, "P3", "I1")]
    found = contradictions(BLANK, events, {1, 2, 3, 4})
    assert [1, 3] == sorted(found)
    assert "names invoice `I9`" in found[3]


def test_a_line_is_left_out_with_all_its_events() -> None:
    """The invoice of a row goes with its wrong payment, and then a payment of that invoice is wrong as well."""
    events = [_invoice(1, "I1"), _payment(1, "P1", "I9", "2026-01-08"), _payment(2, "P2", "I1"), _invoice(3, "I3")]
    assert [1, 2] == sorted(contradictions(BLANK, events, {1, 2, 3}))


def test_a_new_line_is_to_blame_for_what_is_recorded() -> None:
    """A correction that takes away what a recorded event needs is left out; others are not."""
    recorded = _event(0, event="write_off", invoice="I1", date="2026-01-09")
    elsewhere = _invoice(7, "I1", date="2026-01-10")
    assert {7} != contradictions(BLANK, [_invoice(0, "I1"), recorded], {7}).keys()
    assert {6} == contradictions(BLANK, [_invoice(6, "I2"), recorded, elsewhere], {6, 7}).keys()


def test_what_is_recorded_and_contradicts_itself_is_no_lines_fault() -> None:
    """It was taken in by an older version; an import neither hangs on it nor is refused for it."""
    recorded = _event(0, event="write_off", invoice="I9")
    assert {} == contradictions(BLANK, [recorded, _invoice(1, "I1", date="2026-01-06")], {1})


@pytest.mark.parametrize("alone", [True, False])
def test_many_contradictions_take_no_longer_each(alone: bool) -> None:
    """Payments of invoices that nobody knows are found out in one go, also with another event in each row."""
    rows = [
        (_event(n, event="contact", channel="call"), _payment(n, f"P{n}", "X", "2026-01-05")) for n in range(1, 2001)
    ]
    before = time.process_time()
    assert 2000 == len(contradictions(BLANK, [event for row in rows for event in row[alone:]], set(range(1, 2001))))
    assert time.process_time() - before < 20

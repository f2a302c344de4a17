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


def _reversal(line: int, date: str) -> Event:
    return _event(line, event="payment_reversed", payment="P1", date=date)


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


def test_a_line_that_moves_what_is_recorded_is_to_blame_wherever_it_stands_now() -> None:
    """An invoice that is moved behind its own payment; the innocent row before that payment is not taken for it."""
    recorded = _payment(0, "P1", "I1", "2026-01-20")
    moved, innocent = _invoice(7, "I1", date="2026-01-25"), _invoice(6, "I2")
    assert [7] == list(contradictions(BLANK, [innocent, recorded, moved], {6, 7}, {7}))
    reason = contradictions(BLANK, [recorded, moved], {7})[7]
    assert reason.startswith("with it the books would not fit any more: payment `P1` names invoice `I1`")


def test_a_line_that_did_it_before_is_to_blame_and_no_innocent_one() -> None:
    """The recorded reversal is of the twentieth; the file reverses on the fifteenth, and has good rows between."""
    recorded = [_invoice(0, "I1"), _payment(0, "P1", "I1"), _reversal(0, "2026-01-20")]
    good = [_invoice(day, f"X{day}", date=f"2026-01-{day}") for day in (16, 17, 18)]
    new = [_reversal(1, "2026-01-15"), *good, _payment(19, "P2", "X16", "2026-01-19")]
    assert {1} == contradictions(BLANK, [*recorded, *new], {1, 16, 17, 18, 19}).keys()


def test_a_later_line_about_the_same_is_innocent_of_what_came_before() -> None:
    """It is refused for itself; the write-off before it was wrong without the file as well."""
    recorded = _event(0, event="write_off", invoice="I9", date="2026-01-09")
    later = _event(2, event="credit", id="C1", invoice="I9", amount="1.00", date="2026-01-10")
    found = contradictions(BLANK, [_invoice(1, "I1"), recorded, later], {1, 2})
    assert [2] == list(found)
    assert "credit `C1` names invoice `I9`" == found[2][:30]


def test_the_last_line_before_is_to_blame_for_what_would_hold_without_it() -> None:
    """For want of one that has to do with it: a payment without an invoice leaves nothing to write off once more."""
    off = _event(0, event="write_off", invoice="I1", date="2026-01-08")
    again = _event(0, event="write_off", invoice="I1", date="2026-01-12")
    reversed_ = _event(0, event="payment_reversed", payment="P1", date="2026-01-10")
    recorded = [_invoice(0, "I1"), _payment(0, "P1", "I1"), off, reversed_, again]
    money = _event(7, event="payment", id="P7", amount="5.00", date="2026-01-11")
    assert [7] == list(contradictions(BLANK, [*recorded, money], {7}))


def test_what_falls_into_the_hole_of_a_correction_is_nobodys_fault() -> None:
    """Neither the payments of the invoice that is left out, corrected or not, nor its dispute, nor how that ended."""
    dispute = _event(5, event="dispute", id="D", invoice="I1", reason="x", date="2026-01-08")
    closed = _event(0, event="dispute_closed", id="D", outcome="rejected", date="2026-01-09")
    recorded = [_payment(0, "P1", "I1"), closed]
    lines = [_invoice(1, "I1", date="2026-01-25"), _invoice(2, "I2"), _invoice(3, "I3"), _payment(4, "P2", "I1")]
    assert [1] == list(contradictions(BLANK, [*recorded, *lines, dispute], {1, 2, 3, 4, 5}, {1, 2, 4, 5}))


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

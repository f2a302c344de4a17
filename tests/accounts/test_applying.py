"""What each event does to an account, and what contradicts its books (contract, section 5)."""

import datetime as dt
from collections.abc import Mapping, Sequence

import pytest

from arflow.accounts.applying import apply
from arflow.accounts.entries import Account, ClearingKind
from arflow.accounts.events import parse
from arflow.errors import Refused

Line = Mapping[str, object]
DAY = "2026-01-05"


def invoice(key: str = "I1", amount: str = "100.00", due: str = "2026-01-16", **more: object) -> Line:
    return {"event": "invoice", "id": key, "amount": amount, "due": due, **more}


def payment(key: str = "P1", amount: str = "100.00", **more: str) -> Line:
    return {"event": "payment", "id": key, "amount": amount, **more}


def booked(*lines: Line, currency: str = "USD") -> Account:
    account = Account(id="A", currency=currency)
    for at, line in enumerate(lines):
        event = parse({"account": "A", "date": DAY, **line})
        account = apply(account, event, (dt.datetime(2026, 1, 5, tzinfo=dt.UTC), at))
    return account


def open_items(account: Account) -> list[tuple[str, int]]:
    return [(item.invoice, item.open) for item in account.ledger.open_items]


def test_a_payment_with_an_invoice_goes_to_it_instalments_by_due_date() -> None:
    parts = [{"due": "2026-03-01", "amount": "60.00"}, {"due": "2026-02-01", "amount": "40.00"}]
    account = booked(invoice("I1"), invoice("I2", instalments=parts), payment(amount="70.00", invoice="I2"))
    assert [item.open for item in account.ledger.invoices["I2"].items] == [0, 3000]
    assert open_items(account) == [("I1", 10000), ("I2", 3000)]


def test_a_payment_without_one_goes_to_the_oldest_due_date_then_the_invoice_id() -> None:
    account = booked(
        invoice("I3", due="2026-01-10"), invoice("I2"), invoice("I1"), payment(amount="250.00"), invoice("I0")
    )
    assert open_items(account) == [("I0", 10000), ("I2", 5000)]


def test_what_is_left_over_stays_unapplied() -> None:
    """It is not taken for later invoices by itself."""
    account = booked(invoice(), payment(amount="130.00"), invoice("I2"))
    assert (account.ledger.unapplied, open_items(account)) == (3000, [("I2", 10000)])


def test_a_payment_for_a_paid_invoice_is_unapplied() -> None:
    account = booked(invoice("I1"), invoice("I2"), payment("P1", invoice="I1"), payment("P2", invoice="I1"))
    assert (account.ledger.unapplied, open_items(account)) == (10000, [("I2", 10000)])


def test_a_credit_takes_all_that_is_open_unless_it_names_an_amount() -> None:
    credit = {"event": "credit", "id": "C1", "invoice": "I1"}
    assert open_items(booked(invoice(), payment(amount="30.00"), credit)) == []
    account = booked(invoice(), credit | {"amount": "130.00"})
    assert (open_items(account), account.ledger.unapplied) == ([], 3000)


def test_a_negative_invoice_is_money_and_no_debt() -> None:
    account = booked(invoice("I1"), invoice("N1", "-130.00"))
    assert (open_items(account), account.ledger.unapplied, list(account.ledger.invoices)) == ([], 3000, ["I1"])
    assert [(one.kind, one.amount) for one in account.ledger.clearings.values()] == [(ClearingKind.CREDIT_NOTE, 13000)]


def test_a_write_off_clears_and_can_be_taken_back_and_made_again() -> None:
    off, back = {"event": "write_off", "invoice": "I1"}, {"event": "write_off_reversed", "invoice": "I1"}
    lines: list[Line] = [invoice(), payment(amount="30.00"), off, back, off, back]
    opens = [sum(amount for _, amount in open_items(booked(*lines[:at]))) for at in range(1, 7)]
    assert opens == [10000, 7000, 0, 7000, 0, 7000]


def test_what_is_open_again_after_a_write_off_can_be_written_off_too() -> None:
    """A payment that is reversed reopens it; what was written off comes back all together."""
    off, back = {"event": "write_off", "invoice": "I1"}, {"event": "write_off_reversed", "invoice": "I1"}
    reversed_ = {"event": "payment_reversed", "payment": "P1"}
    lines: list[Line] = [invoice(), payment(amount="60.00"), off, reversed_, off, back, off]
    opens = [sum(amount for _, amount in open_items(booked(*lines[:at]))) for at in range(3, 8)]
    assert opens == [0, 6000, 0, 10000, 0]
    offs = [one for one in booked(*lines).ledger.clearings.values() if one.kind is ClearingKind.WRITE_OFF]
    assert [("I1#1", 4000, False), ("I1#2", 6000, False), ("I1#3", 10000, True)] == [
        (one.id, one.amount, one.reversed_on is None) for one in offs
    ]


@pytest.mark.parametrize(
    ("closing", "still_open", "unapplied"),
    [
        ({"outcome": "upheld"}, 4000, 0),
        ({"outcome": "partly_upheld", "credit": "20.00"}, 8000, 0),
        ({"outcome": "partly_upheld", "credit": "120.00"}, 0, 2000),
        ({"outcome": "rejected"}, 10000, 0),
        ({"outcome": "withdrawn"}, 10000, 0),
    ],
)
def test_a_closed_dispute_credits_by_its_outcome(closing: Line, still_open: int, unapplied: int) -> None:
    dispute = {"event": "dispute", "id": "D1", "invoice": "I1", "amount": "60.00"}
    account = booked(invoice(), dispute, {"event": "dispute_closed", "id": "D1", **closing})
    found = (account.ledger.invoices["I1"].open, account.ledger.unapplied, account.ledger.open_disputes)
    assert (still_open, unapplied, ()) == found


def test_an_upheld_dispute_credits_only_what_is_open() -> None:
    dispute = {"event": "dispute", "id": "D1", "invoice": "I1", "amount": "60.00"}
    account = booked(
        invoice(), dispute, payment(amount="70.00"), {"event": "dispute_closed", "id": "D1", "outcome": "upheld"}
    )
    assert (open_items(account), account.ledger.unapplied) == ([], 0)


def test_an_account_event_replaces_what_it_names_and_keeps_the_rest() -> None:
    record = {
        "event": "account",
        "country": "US",
        "tags": ["a"],
        "attributes": {"x": 1, "y": "z"},
        "credit_limit": "5.00",
    }
    account = booked(record, {"event": "account", "tags": ["b"], "attributes": {"x": 2}, "segment": "retail"})
    assert (account.country, account.segment, account.tags) == ("US", "retail", frozenset({"b"}))
    assert (account.attributes, account.credit_limit) == ({"x": 2, "y": "z"}, 500)
    assert booked(record, {"event": "account", "credit_limit": None}).credit_limit is None


def test_tags_and_holds_come_and_go() -> None:
    lines: list[Line] = [
        {"event": "tag", "tag": "a"},
        {"event": "tag", "tag": "b"},
        {"event": "untag", "tag": "a"},
        {"event": "untag", "tag": "never"},
        {"event": "hold"},
    ]
    account = booked(*lines)
    assert (account.tags, account.on_hold) == (frozenset({"b"}), True)
    assert not booked(*lines, {"event": "hold_released"}).on_hold


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([payment(invoice="I9")], "payment `P1` names invoice `I9`, which account `A` does not have on 2026-01-05"),
        ([invoice("I-100"), payment(invoice="I-10")], "did you mean `I-100`"),
        ([payment(currency="EUR")], "payment `P1` is in EUR, but account `A` is in USD"),
        ([payment(amount="0.00")], "`amount` of payment `P1` must be above zero"),
        ([payment(amount="-5.00")], "must be above zero"),
        ([payment(amount="5.005")], "more decimals than USD"),
        ([invoice(currency="EUR")], "it belongs to another account of the same customer"),
        ([invoice(amount="0.001")], "more decimals than USD"),
        ([invoice(instalments=[{"due": "2026-02-01", "amount": "99.99"}])], "do not add up to 100.00"),
        ([invoice(amount="0.00", instalments=[{"due": "2026-02-01", "amount": "0.00"}])], "not above zero"),
        ([invoice("N1", "-5.00", instalments=[{"due": "2026-02-01", "amount": "-5.00"}])], "cannot have instalments"),
        ([{"event": "payment_reversed", "payment": "P9"}], "payment `P9`, which is to be reversed, is unknown"),
        ([payment(), *[{"event": "payment_reversed", "payment": "P1"}] * 2], "is reversed already, on 2026-01-05"),
        ([{"event": "credit", "id": "C1", "invoice": "I1"}], "credit `C1` names invoice `I1`"),
        ([{"event": "write_off", "invoice": "I1"}], "write off names invoice `I1`"),
        ([invoice(), *[{"event": "write_off", "invoice": "I1"}] * 2], "is written off already"),
        ([invoice(), {"event": "write_off_reversed", "invoice": "I1"}], "is not written off on 2026-01-05"),
        ([{"event": "promise", "id": "R1", "amount": "5.00", "due": "2026-01-04"}], "before the day it was made"),
        (
            [{"event": "promise", "id": "R1", "amount": "5.00", "due": "2026-01-09", "invoices": ["I1"]}],
            "promise `R1` names invoice `I1`",
        ),
        ([{"event": "promise_cancelled", "id": "R1"}], "promise `R1`, which is to be cancelled, is unknown"),
        ([{"event": "dispute", "id": "D1", "invoice": "I1"}], "dispute `D1` names invoice `I1`"),
        (
            [{"event": "dispute_closed", "id": "D1", "outcome": "upheld"}],
            "dispute `D1`, which is to be closed, is unknown",
        ),
        (
            [
                invoice(),
                {"event": "dispute", "id": "D1", "invoice": "I1"},
                {"event": "dispute_closed", "id": "D1", "outcome": "partly_upheld"},
            ],
            "`credit` is given for `partly_upheld`, and only for it",
        ),
        (
            [
                invoice(),
                {"event": "dispute", "id": "D1", "invoice": "I1"},
                {"event": "dispute_closed", "id": "D1", "outcome": "upheld", "credit": "5.00"},
            ],
            "`credit` is given for `partly_upheld`, and only for it",
        ),
        ([{"event": "account", "credit_limit": "-5.00"}], "`credit_limit` is below zero"),
    ],
)
def test_what_contradicts_the_books_is_refused(lines: Sequence[Line], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        booked(*lines)
    assert reason in refused.value.reason


def test_yen_have_no_decimals_and_dinars_three() -> None:
    assert open_items(booked(invoice(amount="5000"), currency="JPY")) == [("I1", 5000)]
    assert open_items(booked(invoice(amount="5.125"), currency="KWD")) == [("I1", 5125)]

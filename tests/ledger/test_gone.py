"""What a whole file has no more was paid, and is open again when it comes back: the algebra, without any file."""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from arflow.accounts.entries import Account
from arflow.accounts.events import MAX_NAME, Event, parse
from arflow.accounts.promises import Terms, verdicts
from arflow.clock import Now
from arflow.ledger import gone
from arflow.ledger.contradictions import folded
from arflow.ledger.gone import File, Found
from arflow.ledger.whole import Comparison

BLANK = Account(id="A", currency="USD")
NOW = (dt.date(2026, 2, 2), dt.time(9))
INVOICES = ("I1", "I2", "I3")
Line = Mapping[str, object]


def _invoice(key: str = "I1", **changes: object) -> Line:
    return {"event": "invoice", "id": key, "amount": "80.00", "date": "2026-01-05", "due": "2026-01-20", **changes}


def _events(lines: Iterable[Line]) -> list[Event]:
    return [parse({"account": "A", "date": "2026-01-10", **line}) for line in lines]


def _open(events: Iterable[Event]) -> dict[str, int]:
    return {key: invoice.open for key, invoice in folded(BLANK, events).ledger.invoices.items()}


class Ledger:
    """The events of an account, and the payments that were taken for granted and stand, as the database has them."""

    def __init__(self, *lines: Line) -> None:
        self.events = _events(lines)
        self.before = {key: f"{part / 100:.2f}" for key, part in _open(self.events).items()}

    def take(self, here: Collection[str], now: gone.Moment = NOW) -> Sequence[Event]:
        """Import a file that has the invoices `here` and no others, with what was open of them before all.

        Gives what follows.
        """
        made = [event for event in self.events if event.kind == "invoice" and event.id in here]
        rows = [replace(event, data={**event.data, "amount": self.before[event.text("id")]}) for event in made]
        ours = frozenset(event.text("id") for event in self.events if event.kind == "invoice")
        found = Found(ours=ours, present=frozenset(here), guesses=frozenset(self._guesses()))
        follows = gone.settlement(BLANK, self.events, File(rows), found, now).events
        self.events += follows
        return follows

    def _guesses(self) -> Iterator[str]:
        undone = {event.text("payment") for event in self.events if event.kind == "payment_reversed"}
        ids = (event.text("id") for event in self.events if event.kind == "payment")
        return (key for key in ids if key.startswith(gone.PREFIX) and key not in undone)


@pytest.mark.parametrize(
    ("since", "amount"),
    [
        ([], "80.00"),
        ([{"event": "payment", "id": "P", "invoice": "I1", "amount": "30.00"}], "50.00"),
        ([{"event": "payment", "id": "P", "amount": "30.00"}], "50.00"),
        ([{"event": "credit", "id": "C", "invoice": "I1", "amount": "20.00"}], "60.00"),
        ([{"event": "dispute", "id": "D", "invoice": "I1", "amount": "20.00"}], "80.00"),
        ([{"event": "payment", "id": "P", "amount": "90.00"}], None),
        ([{"event": "write_off", "invoice": "I1"}], None),
        ([{"event": "invoice", "id": "N", "amount": "-90.00", "due": "2026-01-20"}], None),
        (
            [
                {"event": "payment", "id": "P", "amount": "80.00"},
                {"event": "payment_reversed", "payment": "P", "date": "2026-01-12"},
            ],
            "80.00",
        ),
    ],
)
def test_what_is_open_is_paid(since: list[Line], amount: str | None) -> None:
    """Whatever was paid, credited or written off before; then nothing is open, and the account is as it came to be."""
    ledger = Ledger(_invoice(), *since)
    made = ledger.take([])
    assert [amount] * (amount is not None) == [event.text("amount") for event in made]
    assert 0 == _open(ledger.events)["I1"]
    assert [] == ledger.take([])


def test_it_says_what_it_is_when_it_was_learned() -> None:
    (payment,) = Ledger(_invoice()).take([])
    assert ("payment", *NOW) == (payment.kind, payment.on, payment.clock)
    assert {"id": "gone I1 2026-02-02", "invoice": "I1", "amount": "80.00"} == payment.data


def test_it_is_never_before_the_invoice() -> None:
    """One that is dated ahead is paid then, and so it is open again not before; what else is ahead defers nothing."""
    debit = {"event": "payment", "id": "P", "invoice": "I2", "amount": "10.00", "date": "2026-03-20"}
    ledger = Ledger(_invoice(date="2026-02-05"), _invoice("I2"), debit)
    assert [("I2", NOW[0]), ("I1", dt.date(2026, 2, 5))] == [(one.text("invoice"), one.on) for one in ledger.take([])]
    assert [dt.date(2026, 2, 5)] == [event.on for event in ledger.take(["I1"])]
    assert {"I1": 8000, "I2": 0} == _open(ledger.events)


def test_gone_twice_on_a_day_it_has_two_names() -> None:
    ledger = Ledger(_invoice())
    names = [event.text("id") for here in ([], ["I1"], [], ["I1"], []) for event in ledger.take(here)]
    assert ["gone I1 2026-02-02", "", "gone I1 2026-02-02 2", "", "gone I1 2026-02-02 3"] == names


def test_a_long_number_is_cut_and_the_names_differ_all_the_same() -> None:
    numbers = ["9" * (MAX_NAME - 1) + end for end in "ab"]
    made = Ledger(*(_invoice(number) for number in numbers)).take([])
    assert numbers == [event.text("invoice") for event in made]
    assert all(len(event.text("id")) <= MAX_NAME for event in made)
    assert 2 == len({event.text("id") for event in made})


def test_a_name_that_a_file_has_taken_is_left_to_it() -> None:
    """Whoever calls a payment so keeps it, and it is taken for no other."""
    ledger = Ledger(_invoice(), {"event": "payment", "id": "gone I1 2026-02-02", "amount": "1.00", "invoice": "I1"})
    assert ["gone I1 2026-02-02 2"] == [event.text("id") for event in ledger.take([])]


def test_it_keeps_a_promise_and_a_reversal_judges_it_again() -> None:
    """As any payment does."""
    ledger = Ledger(_invoice(), {"event": "promise", "id": "R", "amount": "80.00", "due": "2026-02-10"})
    found = []
    for here in (["I1"], [], ["I1"]):
        ledger.take(here)
        account = folded(BLANK, ledger.events)
        (verdict,) = verdicts(account.promised, account.ledger.payments, dt.date(2026, 2, 3), Terms())
        found.append(verdict.status)
    assert ["open", "kept", "open"] == found


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sets(st.sampled_from(INVOICES)), max_size=6),
    st.lists(st.sampled_from(INVOICES), max_size=2),
    st.booleans(),
)
def test_a_file_alone_says_what_is_open(files: list[set[str]], parts: list[str], same_minute: bool) -> None:
    """After each file what it has is open as it was before all, and nothing else; once more it changes nothing."""
    part = [{"event": "payment", "id": f"P{at}", "invoice": key, "amount": "30.00"} for at, key in enumerate(parts)]
    ledger = Ledger(*(_invoice(key) for key in INVOICES), *part)
    before = _open(ledger.events)
    for at, here in enumerate(files):
        now = NOW if same_minute else (NOW[0] + dt.timedelta(days=at), NOW[1])
        ledger.take(here, now)
        assert {key: before[key] * (key in here) for key in INVOICES} == _open(ledger.events)
        assert [] == ledger.take(here, now)
    ids = [event.text("id") for event in ledger.events if event.kind == "payment"]
    assert len(ids) == len(set(ids))
    assert 0 == folded(BLANK, ledger.events).ledger.unapplied


@pytest.mark.parametrize(
    ("found", "trouble"),
    [
        ((0, 900, True, True), None),
        ((0, 900, False, True, 1), "this file was imported before another one"),
        ((0, 80, False, False, 20), None),
        ((0, 80, False, False, 21), "21 invoices that were taken as paid are in this file again, beside 80 open"),
        ((20, 30, False, False), None),
        ((21, 84, False, False), None),
        ((21, 83, False, False), "21 of 83 invoices that are open are not in this file any more"),
        ((2, 2, True, False), "there is no invoice in this file, and 2 are open that would be taken as paid"),
        ((1, 90, False, True), "this file was imported before another one"),
    ],
)
def test_a_file_that_looks_cut_off_or_old_is_not_believed(
    found: tuple[int, int, bool, bool, *tuple[int]], trouble: str | None
) -> None:
    """More than twenty and more than a quarter at once, none at all, or what was imported before another file."""
    count, expected, is_empty, is_old, *opened = found
    file = Comparison(profiles=[], expected=expected, is_empty=is_empty, is_old=is_old, now=Now())
    told = file.trouble(count, sum(opened))
    assert trouble == told if trouble is None else told is not None and told.startswith(trouble)

"""A wrong correction is left out, and what is recorded stays in its place, also for the other rows of the file.

Nor is more taken as paid of what a whole file has no more than is open in the books and not in the file.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arflow.accounts.events import Event, parse
from arflow.ledger import gone
from arflow.ledger.taking import Outcome, Staged, Taker
from arflow.store.events import StoredEvent

Content = Mapping[str, object]
INVOICE = {"event": "invoice", "id": "I1", "amount": "80.00", "date": "2026-01-05", "due": "2026-02-04"}
PAYMENT = {"event": "payment", "id": "P1", "invoice": "I1", "amount": "80.00", "date": "2026-01-20"}
WRONG = {**INVOICE, "instalments": [{"due": "2026-02-04", "amount": "79.00"}]}


def _taken(recorded: Iterable[Content], rows: Iterable[tuple[Content, ...]], *, correct: bool = True) -> Taker:
    """The rows of a file, the first on line 1, after what is recorded."""
    stored = [
        StoredEvent(row=at, event=parse({**one, "account": "A"}), applied=True, known_at=None, known_on=None)
        for at, one in enumerate(recorded)
    ]
    staged = [
        Staged(line, "USD", json.dumps(content), is_own=True)
        for line, row in enumerate(rows, start=1)
        for content in row
    ]
    taker = Taker("A", "USD", staged, stored, Outcome())
    taker.decide(correct=correct)
    return taker


def _new(taker: Taker) -> list[str | None]:
    return [event.id for event, _, _ in taker.new]


def test_an_invoice_is_not_moved_behind_its_own_payment() -> None:
    """The row has the payment as it is recorded, and the invoice five days after it: all of it stays as it was."""
    taker = _taken([INVOICE, PAYMENT], [({**INVOICE, "date": "2026-01-25"}, PAYMENT)])
    assert ([], [], [1]) == (taker.new, taker.corrected, [*taker.outcome.rejects])
    assert "payment `P1` names invoice `I1`" in taker.outcome.rejects[1]


def test_a_rejected_correction_takes_no_row_with_it() -> None:
    """The invoice is there as it was, so its payment is good."""
    taker = _taken([INVOICE], [(WRONG,), (PAYMENT,)])
    assert (["P1"], [], [1]) == (_new(taker), taker.corrected, [*taker.outcome.rejects])


def test_a_good_correction_stays_beside_a_wrong_one() -> None:
    """The payment is corrected, though the correction of its invoice is not taken."""
    taker = _taken([INVOICE, PAYMENT], [(WRONG,), ({**PAYMENT, "amount": "70.00"},)])
    assert ([2], [1]) == ([event.line for _, event in taker.corrected], [*taker.outcome.rejects])


@pytest.mark.parametrize("count", [3, 50])
def test_many_wrong_corrections_are_all_found(count: int) -> None:
    """Those beyond a number are taken back together; good rows that need none of them are taken all the same."""
    known = [{**INVOICE, "id": f"I{n}"} for n in range(count)]
    rows = [({**WRONG, "id": f"I{n}"},) for n in range(count)]
    taker = _taken([*known, {**INVOICE, "id": "J"}], [*rows, ({**PAYMENT, "invoice": "J"},)])
    assert (["P1"], count) == (_new(taker), len(taker.outcome.rejects))


def test_good_corrections_stay_beside_many_wrong_ones() -> None:
    """Thirty invoices would stand behind their own payments; what is left out for that is not held against the rest."""
    known = [INVOICE | {"id": f"{kind}{n}"} for n in range(30) for kind in "WG"]
    paid = [PAYMENT | {"id": f"P{n}", "invoice": f"W{n}"} for n in range(30)]
    rows = [(one | ({"date": "2026-02-01"} if one["id"][0] == "W" else {"amount": "70.00"}),) for one in known]
    taker = _taken([*known, *paid], rows)
    assert [f"G{n}" for n in range(30)] == [event.id for _, event in taker.corrected]
    assert [*range(1, 61, 2)] == sorted(taker.outcome.rejects)


def test_what_an_earlier_release_took_rejects_no_new_row() -> None:
    """A credit that is called as those of disputes stands where it is recorded, and a new one is rejected."""
    credit = {"event": "credit", "id": "dispute 4711", "invoice": "I1", "amount": "5.00", "date": "2026-01-10"}
    new = [(INVOICE | {"id": "I2"},), (credit,), (credit | {"id": "dispute 5"},), (INVOICE | {"date": "2026-01-06"},)]
    taker = _taken([INVOICE, credit], new)
    assert (["I2"], [3]) == (_new(taker), [*taker.outcome.rejects])
    assert "credit `dispute 5` cannot be called so" in taker.outcome.rejects[3]


def test_a_row_that_repeats_another_otherwise_is_rejected_also_where_the_invoice_is_known() -> None:
    """It would be a correction else, beside a row that says that nothing is to be corrected."""
    taker = _taken([INVOICE], [(INVOICE,), (INVOICE | {"amount": "30.00"},), (INVOICE,)])
    assert ([2], [], [], 2) == (
        [*taker.outcome.rejects],
        taker.corrected,
        taker.outcome.corrections,
        taker.outcome.unchanged,
    )


# --- whole files ------------------------------------------------------------------------------------------------------

NOW = (dt.date(2026, 2, 27), dt.time(9))


class Whole:
    """The books of an account, and the whole files that are taken in, as the database would have it done."""

    def __init__(self, *recorded: Content) -> None:
        self.recorded = [*recorded]

    def take(self, *rows: Content, correct: bool = False) -> Outcome:
        """Import a file that has everything open."""
        taker = _taken(self.recorded, [(row,) for row in rows], correct=correct)
        here = {str(row["id"]) for row in rows}
        made = {str(one["id"]) for one in self.recorded if one["event"] == "invoice"}
        undone = {one["payment"] for one in self.recorded if one["event"] == "payment_reversed"}
        payments = [one for one in self.recorded if one["event"] == "payment" and one["id"] not in undone]
        back = [str(one["id"]) for one in payments if str(one["id"]).startswith(gone.PREFIX) and one["invoice"] in here]
        taker.settle(made - here, back, here, NOW)
        for stored, event in taker.corrected:
            self.recorded[stored.row] = _content(event)
        self.recorded += [_content(event) for event, _, _ in taker.new]
        return taker.outcome

    @property
    def open(self) -> Mapping[str, int]:
        books = gone.books(_taken([], []).blank(), [parse({**one, "account": "A"}) for one in self.recorded], NOW)
        return {key: invoice.open for key, invoice in books.invoices.items() if invoice.open}


def _content(event: Event) -> Content:
    data = {name: str(value) if isinstance(value, dt.date) else value for name, value in event.data.items()}
    return {"event": event.kind, "date": event.on.isoformat(), "time": f"{event.clock:%H:%M}", **data}


def _invoice(key: str, amount: str = "100.00", day: str = "05") -> Content:
    return {"event": "invoice", "id": key, "amount": amount, "date": f"2026-01-{day}", "due": f"2026-02-{day}"}


def _on(day: str) -> Content:
    return {"date": f"2026-01-{day}"}


OLD, YOUNG, NOTE = _invoice("I0", day="01"), _invoice("I1"), _invoice("C", "-100.00", "08")
BANK = {"event": "payment", "id": "BANK", "amount": "100.00", "date": "2026-02-20"}


@pytest.mark.parametrize("since", [BANK, NOTE])
def test_as_much_stays_open_as_the_file_has_open(since: Content) -> None:
    """Money without a reference went to the older invoice, and the books of the company say that it was the other."""
    whole = Whole(OLD, YOUNG, since)
    for _ in range(2):
        told = whole.take(OLD)
        assert (0, 1, {"USD": 10000}) == (told.gone.invoices, told.settled_here.invoices, told.settled_here.amounts)
        assert ["I0 of A (100.00 USD)"] == told.settled_here.first
        assert {"I1": 10000} == whole.open
    told = whole.take()
    assert (1, 0, {}) == (told.gone.invoices, told.settled_here.invoices, whole.open)


def test_a_credit_note_that_is_still_in_the_file_explains_what_it_settled_here() -> None:
    """There it is open as well, so the file as a whole says no more than the books."""
    whole = Whole(OLD, YOUNG, NOTE)
    assert (1, 0) == ((told := whole.take(OLD, NOTE)).gone.invoices, told.settled_here.invoices)
    assert {} == whole.open


@pytest.mark.parametrize(("day", "taken"), [("08", 1), ("04", 0)])
def test_a_credit_note_that_is_unapplied_in_the_file_explains_what_it_settled_here_and_no_more(
    day: str, taken: int
) -> None:
    """The file does not have the invoice that it was for; where it is unapplied here as well it explains nothing."""
    whole = Whole(_invoice("I0", day="05"), _invoice("I1", day="09"), _invoice("I2", day="10"), {**NOTE, **_on(day)})
    whole.recorded.append({**BANK, "amount": "100.00" if taken else "200.00"})
    file = [_invoice("I1", day="09"), {**NOTE, **_on(day)}]
    assert taken == whole.take(*file).gone.invoices
    assert ({} if taken else {"I2": 10000}) == whole.open


@pytest.mark.parametrize(
    "since", [{"event": "write_off", "invoice": "I0"}, {"event": "credit", "id": "K", "invoice": "I0"}]
)
def test_what_people_gave_up_is_not_held_against_other_debts(since: Content) -> None:
    """A write-off names its invoice; that the company's books do not know of it yet tells nothing of another."""
    whole = Whole(OLD, YOUNG, {**since, "date": "2026-02-20"})
    assert (1, 0) == ((told := whole.take(OLD)).gone.invoices, told.settled_here.invoices)


def test_the_oldest_are_taken_as_paid_first() -> None:
    """One of them in part: what is left is exactly as much as the file says."""
    whole = Whole(OLD, YOUNG, _invoice("I2", day="06"), _invoice("I3", day="07"), {**BANK, "amount": "150.00"})
    told = whole.take(OLD)
    assert ["I1 of A (50.00 USD)", "I2 of A (100.00 USD)"] == told.gone.first
    assert {"I3": 10000} == whole.open


@pytest.mark.parametrize("correct", [False, True])
def test_a_number_that_is_used_again_reopens_no_old_debt(correct: bool) -> None:
    """It cannot be corrected behind the payment of the old one; that is told, and nothing is open by mistake."""
    whole = Whole(OLD)
    whole.take()
    told = whole.take({**OLD, "amount": "30.00", "date": "2026-02-28", "due": "2026-03-28"}, correct=correct)
    assert (0, 1, {}) == (told.open_again, told.back_otherwise, whole.open)
    assert 1 == whole.take(OLD).open_again


def test_an_invoice_that_is_back_and_corrected_is_open_as_it_is_now() -> None:
    """With its correction; without, nobody knows whether it is the one that was paid."""
    whole = Whole(OLD)
    whole.take()
    assert (0, 1, 1) == (
        (told := whole.take({**OLD, "amount": "60.00"})).open_again,
        told.back_otherwise,
        told.settled_here.invoices,
    )
    assert 1 == whole.take({**OLD, "amount": "60.00"}, correct=True).open_again
    assert {"I0": 6000} == whole.open


def test_an_invoice_that_a_file_has_twice_is_reopened_by_none_of_them() -> None:
    """Which of them is right nobody knows."""
    whole = Whole(OLD)
    whole.take()
    told = whole.take(OLD, {**OLD, "amount": "30.00"})
    assert (0, 1, [2], {}) == (told.open_again, told.back_otherwise, [*told.rejects], whole.open)


DOCUMENTS = (OLD, YOUNG, _invoice("I2", "70.00", "06"), _invoice("I3", "20.00", "09"), NOTE, _invoice("D", "-30.00"))
FILE = st.sets(st.sampled_from(range(len(DOCUMENTS))))
MONEY = st.sampled_from(["0.00", "30.00", "100.00", "150.00"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(FILE, MONEY, st.sampled_from(["", "I0", "I1"])), max_size=5))
@example([({0, 1}, "100.00", ""), ({0}, "0.00", ""), (set(), "0.00", "")])
def test_no_debt_of_the_file_vanishes(files: Sequence[tuple[set[int], str, str]]) -> None:
    """The books never have less open than the file because of what is gone, and what they had less before is told."""
    whole = Whole()
    for at, (chosen, amount, named) in enumerate(files):
        file = [DOCUMENTS[key] for key in sorted(chosen)]
        told = whole.take(*file)
        owed = 100 * sum(Decimal(str(row["amount"])) for row in file)
        if sum(whole.open.values()) < owed:
            assert (0, True) == (told.gone.invoices, told.settled_here.invoices > 0)
        assert {} == whole.take(*file).new
        if amount != "0.00":
            names = {"invoice": named} if any(one.get("id") == named for one in whole.recorded) else {}
            whole.recorded.append({**BANK, "id": f"B{at}", "amount": amount, **names})

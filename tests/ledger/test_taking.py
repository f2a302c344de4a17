"""A wrong correction is left out, and what is recorded stays in its place, also for the other rows of the file.

Nor is more taken as paid of what a whole file has no more than is open in the books and not in the file.
"""

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arflow.accounts.entries import Ledger
from arflow.accounts.events import Event, parse
from arflow.ledger import gone
from arflow.ledger.gone import Found
from arflow.ledger.taking import Outcome, Staged, Taker
from arflow.store.events import StoredEvent

Content = Mapping[str, object]
INVOICE = {"event": "invoice", "id": "I1", "amount": "80.00", "date": "2026-01-05", "due": "2026-02-04"}
PAYMENT = {"event": "payment", "id": "P1", "invoice": "I1", "amount": "80.00", "date": "2026-01-20"}
WRONG = {**INVOICE, "instalments": [{"due": "2026-02-04", "amount": "79.00"}]}


def _taken(
    recorded: Iterable[Content], rows: Iterable[tuple[Content, ...]], *, correct: bool = True, is_whole: bool = False
) -> Taker:
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
    taker = Taker("A", "USD", staged, stored, Outcome(), is_whole=is_whole)
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

NOW, LATER = (dt.date(2026, 2, 27), dt.time(9)), (dt.date(2026, 3, 6), dt.time(9))


class Whole:
    """The books of an account, and the whole files that are taken in, as the database would have it done."""

    def __init__(self, *recorded: Content) -> None:
        self.recorded = [*recorded]
        self.now = NOW
        self.before = len(recorded)
        self.is_complete = True
        self.unread = set[str]()
        """What the file has as well, in rows that cannot be read."""
        self.elsewhere = set[str]()
        """What other files brought, and this one need not have."""

    def take(self, *rows: Content, correct: bool = False) -> Outcome:
        """Import a file that has everything open."""
        self.before = len(self.recorded)
        taker = _taken(self.recorded, [(row,) for row in rows], correct=correct, is_whole=True)
        made = {str(one["id"]) for one in self.recorded if one["event"] == "invoice"}
        present = {str(row["id"]) for row in rows}
        found = Found(ours=made - self.elsewhere, present=present | self.unread, guesses=self.guessed)
        taker.settle(found, self.now, is_complete=self.is_complete)
        for stored, event in taker.corrected:
            self.recorded[stored.row] = _content(event)
        self.recorded += [_content(event) for event, _, _ in taker.new]
        return taker.outcome

    @property
    def _payments(self) -> Sequence[Content]:
        undone = {one["payment"] for one in self.recorded if one["event"] == "payment_reversed"}
        return [one for one in self.recorded if one["event"] == "payment" and one["id"] not in undone]

    @property
    def guessed(self) -> AbstractSet[str]:
        """The payments that were taken for granted and stand."""
        return {key for one in self._payments if (key := str(one["id"])).startswith(gone.PREFIX)}

    @property
    def added(self) -> Mapping[str, int]:
        """What the last file added, by kind."""
        return Counter(str(one["event"]) for one in self.recorded[self.before :])

    @property
    def standing(self) -> Sequence[object]:
        """What the payments that stand come to, in the order of their recording."""
        return [one["amount"] for one in self._payments]

    @property
    def net(self) -> Decimal:
        """What is open less what stands against no invoice."""
        return Decimal(sum(self.open.values()) - self._books.unapplied) / 100

    @property
    def open(self) -> Mapping[str, int]:
        return {key: invoice.open for key, invoice in self._books.invoices.items() if invoice.open}

    @property
    def _books(self) -> Ledger:
        events = [parse({**one, "account": "A"}) for one in self.recorded]
        return gone.books(_taken([], []).blank(), events, (dt.date(2026, 12, 31), NOW[1]))


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


@pytest.mark.parametrize("correct", [False, True])
def test_an_invoice_that_is_back_with_less_is_open_with_that(correct: bool) -> None:
    """The amount of a whole file is what is open; so that it is less is no correction."""
    whole = Whole(OLD)
    whole.take()
    told = whole.take({**OLD, "amount": "60.00"}, correct=correct)
    assert (1, 0, 0, []) == (told.open_again, told.back_otherwise, told.settled_here.invoices, told.corrections)
    assert {"I0": 6000} == whole.open


def test_an_invoice_that_is_back_with_another_due_date_is_open() -> None:
    """As the books have it, until that is corrected."""
    whole = Whole(OLD)
    whole.take()
    told = whole.take({**OLD, "due": "2026-02-10"})
    assert (1, 0, 1, {"I0": 10000}) == (told.open_again, told.back_otherwise, len(told.corrections), whole.open)


def test_of_an_invoice_that_a_file_has_twice_the_first_row_counts() -> None:
    """As in any file; the other one is rejected."""
    whole = Whole(OLD)
    whole.take()
    told = whole.take(OLD, {**OLD, "amount": "30.00"})
    assert (1, 0, [2], {"I0": 10000}) == (told.open_again, told.back_otherwise, [*told.rejects], whole.open)


def _bank(amount: str = "100.00", invoice: str = "", day: str = "2026-02-28", key: str = "BANK") -> Content:
    return {"event": "payment", "id": key, "amount": amount, "date": day, **({"invoice": invoice} if invoice else {})}


@pytest.mark.parametrize("day", ["2026-02-20", "2026-02-28"])
@pytest.mark.parametrize("invoice", ["", "I0", "I1"])
def test_whether_the_bank_or_the_export_comes_first_does_not_matter(day: str, invoice: str) -> None:
    """The payment that was taken for granted makes room for the bank's, and no debt of the file is lost behind it."""
    bank, books = _bank(day=day, invoice=invoice), []
    for first in (True, False):
        whole = Whole(OLD, YOUNG, *([bank] * first))
        whole.take(YOUNG)
        whole.recorded += [bank] * (not first)
        whole.now = LATER
        whole.take(YOUNG)
        assert not whole.take(YOUNG).new
        books.append(whole.open)
    assert books[0] == books[1]
    assert {"I0" if invoice == "I1" else "I1": 10000} == books[0]


def test_the_right_number_is_open_once_a_payment_was_entered_anew_with_its_invoice() -> None:
    """As docs/imports.md says: what was taken for granted of that one goes to another that is gone."""
    bank, young = _bank(day="2026-02-20"), [YOUNG, _invoice("I2", day="06")]
    whole = Whole(OLD, *young, bank)
    assert (1, {"I2": 10000}) == (whole.take(OLD).gone.invoices, whole.open)
    whole.recorded.append({"event": "payment_reversed", "payment": "BANK", "date": "2026-02-28"})
    whole.recorded.append(_bank(invoice="I1", day="2026-02-20", key="BANK2"))
    whole.now = LATER
    whole.take(OLD)
    assert ({"I0": 10000}, Decimal(100)) == (whole.open, whole.net)


def test_what_is_left_of_a_guess_that_makes_room_is_taken_as_paid_again() -> None:
    """The bank's payment is less by a discount, and the invoice is gone all the same."""
    whole = Whole(OLD)
    whole.take()
    whole.recorded.append(_bank("98.00", "I0"))
    whole.now = LATER
    told = whole.take()
    assert (1, {"payment": 1, "payment_reversed": 1}, {}) == (told.paid_otherwise, whole.added, whole.open)
    assert ["98.00", "2.00"] == whole.standing


def test_a_credit_of_the_file_that_another_invoice_used_up_here_is_set_off_all_the_same() -> None:
    """It went to the oldest, which was paid in money: by the file, net, nothing is owed."""
    whole = Whole(OLD, YOUNG, NOTE)
    told = whole.take(YOUNG, NOTE)
    assert (["I1 of A (100.00 USD)"], {}) == (told.gone.first, whole.open)
    assert not whole.take(YOUNG, NOTE).new
    assert 1 == whole.take(YOUNG).open_again
    assert {"I1": 10000} == whole.open


def test_a_note_of_another_file_keeps_nothing_open_in_this_one() -> None:
    """Of another company, whose customer it is as well: it settled an invoice of this one here."""
    whole = Whole(OLD, YOUNG, NOTE)
    whole.elsewhere = {"C"}
    assert (1, {}) == (whole.take(OLD).gone.invoices, whole.open)


def test_a_note_that_was_paid_out_settles_what_is_entered_for_it() -> None:
    """As docs/imports.md says: an invoice of as much, of the day before the note and due before all others."""
    whole = Whole(OLD, NOTE)
    assert (1, {}) == (whole.take(OLD).settled_here.invoices, whole.open)
    whole.recorded.append({**_invoice("REFUND", day="07"), "due": "2026-01-07"})
    whole.elsewhere = {"REFUND"}
    assert (0, {"I0": 10000}) == (whole.take(OLD).settled_here.invoices, whole.open)


@pytest.mark.parametrize("correct", [False, True])
def test_the_amount_is_what_is_open(correct: bool) -> None:
    """So a part payment that both have is no correction; one that only the file has is taken for granted."""
    whole = Whole(YOUNG, _bank("40.00", "I1", "2026-02-20"))
    told = whole.take({**YOUNG, "amount": "60.00"}, correct=correct)
    assert ([], 0, {"I1": 6000}) == (told.corrections, told.gone.invoices, whole.open)
    told = whole.take({**YOUNG, "amount": "50.00"}, correct=correct)
    assert ([], {"USD": 1000}, {"I1": 5000}) == (told.corrections, told.gone.amounts, whole.open)
    whole.recorded.append(_bank("10.00", "I1", key="BANK2"))
    whole.now = LATER
    whole.take({**YOUNG, "amount": "50.00"}, correct=correct)
    assert (["40.00", "10.00"], {"I1": 5000}) == (whole.standing, whole.open)


def test_a_correction_of_anything_else_leaves_the_amount() -> None:
    """Of what the file says is open the part payment is off already."""
    whole = Whole(_invoice("I1", "200.00"), _bank("150.00", "I1", "2026-02-20"))
    whole.take({**_invoice("I1", "50.00"), "due": "2026-02-16"}, correct=True)
    assert ({"I1": 5000}, "200.00", "2026-02-16") == (
        whole.open,
        *(whole.recorded[0][key] for key in ("amount", "due")),
    )


@pytest.mark.parametrize(
    "before",
    [
        [OLD, YOUNG, _bank("200.00", "I0", "2026-02-20")],
        [_bank(day="2026-01-01"), YOUNG],
        [_invoice("C", "-100.00", "02"), YOUNG],
    ],
)
def test_money_that_stands_against_no_invoice_is_not_counted_twice(before: Sequence[Content]) -> None:
    """It may have been for the one that is gone: a payment above its invoice, or before it, or a credit note before."""
    whole = Whole(*before)
    told = whole.take()
    assert (0, ["I1 of A (100.00 USD)"]) == (told.gone.invoices, told.unmatched.first)
    whole.take(_invoice("I9"))
    assert {"I1": 10000, "I9": 10000} == whole.open


def test_a_row_that_takes_up_loose_money_lets_no_debt_vanish() -> None:
    """It is entered late, and dated before the money: so that is no longer there for what is gone."""
    whole = Whole(_bank(day="2026-01-03"), YOUNG)
    told = whole.take(OLD)
    assert (0, ["I0 of A (100.00 USD)"], {"I1": 10000}) == (told.gone.invoices, told.settled_here.first, whole.open)


def test_a_number_that_is_used_again_invents_no_debt() -> None:
    """The new invoice is entered under a number of its own, and the file has it under the old one."""
    whole = Whole(OLD, YOUNG)
    whole.take(YOUNG)
    again = {**OLD, "amount": "40.00", "date": "2026-03-01", "due": "2026-03-20"}
    whole.recorded.append({**again, "id": "I0-new"})
    whole.elsewhere = {"I0-new"}
    whole.now = LATER
    assert (1, 1) == ((told := whole.take(again)).back_otherwise, told.gone.invoices)
    assert {"I0-new": 4000} == whole.open


def test_a_row_that_says_nothing_keeps_nothing_closed_that_is_back() -> None:
    """It may be of anything, so nothing is taken as paid; what the others say is open all the same."""
    whole = Whole(OLD, YOUNG)
    whole.take(YOUNG)
    whole.is_complete = False
    assert (1, 0) == ((told := whole.take(OLD)).open_again, told.gone.invoices)
    assert {"I0": 10000, "I1": 10000} == whole.open


def test_a_guess_that_people_took_back_is_not_made_again() -> None:
    """They saw that the bank's payment is the same, which stands against no invoice since."""
    whole = Whole(OLD)
    whole.take()
    guess = whole.recorded[-1]["id"]
    whole.recorded += [_bank(invoice="I0"), {"event": "payment_reversed", "payment": guess, "date": "2026-03-01"}]
    whole.now = LATER
    assert (0, ["I0 of A (100.00 USD)"]) == ((told := whole.take()).gone.invoices, told.unmatched.first)


def test_a_row_that_cannot_be_read_is_of_the_whole_invoice() -> None:
    """What is left of it is not known; a debt that is asked for too often is seen."""
    whole = Whole(OLD)
    whole.take({**OLD, "amount": "60.00"})
    whole.unread = {"I0"}
    assert (1, {"I0": 10000}) == (whole.take().open_again, whole.open)


DOCUMENTS = (
    *(OLD, YOUNG, _invoice("I2", "70.00", "06"), _invoice("I3", "20.00", "09")),
    *(NOTE, _invoice("D", "-30.00"), _invoice("E", "-100.00", "24")),
)
FILE = st.dictionaries(st.sampled_from(range(len(DOCUMENTS))), st.sampled_from([1, 1, 1, 2, 4]))
MONEY = st.sampled_from(["0.00", "30.00", "100.00", "150.00"])
DAY = st.sampled_from(["2026-01-03", "2026-02-20", ""])


def _rows(chosen: Mapping[int, int], known: Iterable[object]) -> Sequence[Content]:
    """Documents, each divided by a number once it is known: so much is left of it."""
    rows = list[Content]()
    for key, part in sorted(chosen.items()):
        document = DOCUMENTS[key]
        left = Decimal(str(document["amount"])) / (part if document["id"] in known else 1)
        rows.append({**document, "amount": f"{left:.2f}"})
    return rows


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(FILE, MONEY, st.sampled_from(["", "I0", "I1"]), DAY), max_size=6))
@example(
    [({0: 1, 1: 1}, "100.00", "", "2026-02-20"), ({0: 1}, "0.00", "", "2026-02-20"), ({}, "0.00", "", "2026-02-20")]
)
@example([({0: 1, 1: 1}, "0.00", "", ""), ({1: 1}, "100.00", "", ""), ({1: 1}, "0.00", "", "")])
def test_the_books_say_what_the_file_says_net(files: Sequence[tuple[Mapping[int, int], str, str, str]]) -> None:
    """Or less, where without any guess they say no more: then it is told, and nothing is taken as paid.

    Of credit that the file has above its debts they may say less, for no more is taken as paid than is open. Whatever
    came before, and in whatever order files and money came, only the sums count. Once more changes nothing.
    """
    whole, paid = Whole(), Decimal(0)
    for at, (chosen, amount, named, day) in enumerate(files):
        whole.now = (NOW[0] + dt.timedelta(days=at), NOW[1])
        file = _rows(chosen, {one.get("id") for one in whole.recorded})
        told = whole.take(*file)
        said = sum((Decimal(str(row["amount"])) for row in file), Decimal(0))
        made = sum(Decimal(str(one["amount"])) for one in whole.recorded if one["event"] == "invoice")
        assert min(said, made - paid) == whole.net or (said < whole.net <= 0 and not whole.open)
        assert made - paid >= said or not whole.guessed
        assert sum(whole.open.values()) >= 100 * said or told.settled_here.invoices
        assert not whole.take(*file).new
        names = {"invoice": named} if any(one.get("id") == named for one in whole.recorded) else {}
        if amount != "0.00" and (not names or day != "2026-01-03"):
            tomorrow = (whole.now[0] + dt.timedelta(days=1)).isoformat()
            whole.recorded.append({**BANK, "id": f"B{at}", "amount": amount, "date": day or tomorrow, **names})
            paid += Decimal(amount)

"""A wrong correction is left out, and what is recorded stays in its place, also for the other rows of the file."""

import json
from collections.abc import Iterable, Mapping

import pytest

from arflow.accounts.events import parse
from arflow.ledger.taking import Outcome, Staged, Taker
from arflow.store.events import StoredEvent

Content = Mapping[str, object]
INVOICE = {"event": "invoice", "id": "I1", "amount": "80.00", "date": "2026-01-05", "due": "2026-02-04"}
PAYMENT = {"event": "payment", "id": "P1", "invoice": "I1", "amount": "80.00", "date": "2026-01-20"}
WRONG = {**INVOICE, "instalments": [{"due": "2026-02-04", "amount": "79.00"}]}


def _taken(recorded: Iterable[Content], rows: Iterable[tuple[Content, ...]]) -> Taker:
    """The rows of a file, the first on line 1, after what is recorded, with corrections."""
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
    taker.decide(correct=True)
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

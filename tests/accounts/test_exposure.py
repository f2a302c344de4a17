"""How overdue debt divides into disputed, promised and collectible parts (contract, section 5)."""

import datetime as dt

from arflow.accounts.entries import Dispute, Invoice, Item, Ledger, Promise
from arflow.accounts.exposure import Exposure, exposure
from arflow.accounts.promises import Terms, verdicts

TODAY = dt.date(2026, 3, 10)
RECORDED = (dt.datetime(2026, 3, 1, tzinfo=dt.UTC), 0)


def invoice(key: str, *items: tuple[int, int]) -> Invoice:
    """An invoice of (days overdue, open amount) instalments."""
    parts = [Item(due=TODAY - dt.timedelta(days=days), amount=open_, open=open_) for days, open_ in items]
    return Invoice(id=key, issued=TODAY, recorded=RECORDED, items=tuple(sorted(parts, key=lambda item: item.due)))


def dispute(invoice: str, amount: int | None = None, *, closed: bool = False) -> Dispute:
    key = f"D{invoice}{amount}"
    closed_on = TODAY if closed else None
    return Dispute(id=key, invoice=invoice, amount=amount, reason="", on=TODAY, recorded=RECORDED, closed_on=closed_on)


def promise(amount: int, *invoices: str, due: int = 5) -> Promise:
    end = TODAY + dt.timedelta(days=due)
    return Promise(id=f"R{due}", amount=amount, due=end, invoices=invoices, on=TODAY, recorded=RECORDED)


def shown(*invoices: Invoice, disputes: tuple[Dispute, ...] = (), promises: tuple[Promise, ...] = ()) -> Exposure:
    ledger = Ledger(invoices={one.id: one for one in invoices}, disputes={one.id: one for one in disputes})
    return exposure(ledger, TODAY, verdicts(promises, (), TODAY, Terms()))


def collectible(found: Exposure) -> list[tuple[str, int, int]]:
    """(invoice, days overdue, amount) of each collectible instalment."""
    return [(item.invoice, (TODAY - item.due).days, item.open) for item in found.collectible]


def test_what_is_due_today_is_not_overdue() -> None:
    found = shown(invoice("I1", (1, 100), (0, 50), (-3, 25)))
    assert (collectible(found), found.disputed, found.promised) == ([("I1", 1, 100)], 0, 0)


def test_a_dispute_covers_all_that_is_open_unless_it_names_an_amount() -> None:
    """Due and not yet due count as disputed."""
    found = shown(invoice("I1", (9, 100), (-3, 50)), invoice("I2", (5, 70)), disputes=(dispute("I1"),))
    assert (collectible(found), found.disputed) == ([("I2", 5, 70)], 150)


def test_a_disputed_amount_covers_the_earliest_instalment_first() -> None:
    found = shown(invoice("I1", (9, 100), (5, 60)), disputes=(dispute("I1", 120),))
    assert (collectible(found), found.disputed) == ([("I1", 5, 40)], 120)


def test_disputes_of_one_invoice_add_up_and_never_beyond_it() -> None:
    found = shown(invoice("I1", (9, 100)), disputes=(dispute("I1", 60), dispute("I1", 70)))
    assert (collectible(found), found.disputed) == ([], 100)


def test_a_closed_dispute_covers_nothing() -> None:
    found = shown(invoice("I1", (9, 100)), disputes=(dispute("I1", closed=True),))
    assert (collectible(found), found.disputed) == ([("I1", 9, 100)], 0)


def test_a_promise_covers_the_oldest_overdue_debt_up_to_its_amount() -> None:
    found = shown(invoice("I1", (9, 100)), invoice("I2", (12, 70)), promises=(promise(90),))
    assert (collectible(found), found.promised) == ([("I1", 9, 80)], 90)


def test_a_promise_with_invoices_covers_only_them() -> None:
    found = shown(invoice("I1", (9, 100)), invoice("I2", (12, 70)), promises=(promise(500, "I1"),))
    assert (collectible(found), found.promised) == ([("I2", 12, 70)], 100)


def test_promises_add_up() -> None:
    found = shown(invoice("I1", (9, 100)), promises=(promise(60), promise(30, due=9)))
    assert (collectible(found), found.promised) == ([("I1", 9, 10)], 90)


def test_what_is_disputed_need_not_be_promised() -> None:
    """A promise reaches past it to younger debt."""
    found = shown(invoice("I1", (9, 100)), invoice("I2", (5, 70)), disputes=(dispute("I1"),), promises=(promise(50),))
    assert (collectible(found), found.disputed, found.promised) == ([("I2", 5, 20)], 100, 50)

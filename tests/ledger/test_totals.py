"""Control totals."""

from arflow.ledger.rowevents import Item, Reject, Row, Skipped
from arflow.ledger.totals import Totals


def test_totals_count_rows_and_add_up_money_within_its_currency_only() -> None:
    """Minor units by currency; yen have no decimals, and a negative invoice counts as such."""
    bill = {"event": "invoice", "amount": "12.50"}
    items: list[Item] = [
        Row(line=2, account="A", currency="USD", events=(bill, {"event": "payment", "amount": "2.50"})),
        Row(
            line=3, account="A", currency="USD", events=({"event": "account"}, {"event": "invoice", "amount": "-1.00"})
        ),
        Row(line=4, account="B", currency="JPY", events=({"event": "invoice", "amount": "500"},)),
        Skipped(line=5),
        Reject(line=6, reason="x"),
    ]
    totals = Totals()
    for item in items:
        totals = totals.plus(item)
    expected = Totals(rows=5, skipped=1, rejected=1, invoices=3, billed={"USD": 1150, "JPY": 500}, paid={"USD": 250})
    assert expected == totals

"""Control totals of an import: what was read, to be held against the sender's own figures.

Pure sums over the reader's items, per currency and never added up across. No account is looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from arflow import money
from arflow.ledger.rowevents import Item, Reject, Row, Skipped


@dataclass(frozen=True, kw_only=True)
class Totals:
    """The sums so far; `plus` gives those with one more item."""

    rows: int = 0
    """All rows under the header, skipped and rejected ones too."""
    skipped: int = 0
    rejected: int = 0
    invoices: int = 0
    billed: Mapping[str, int] = field(default_factory=dict)
    """What the invoices come to, in minor units by currency; negative ones count as such."""
    paid: Mapping[str, int] = field(default_factory=dict)
    """What the payments come to."""

    def plus(self, item: Item) -> "Totals":
        """The totals with `item`."""
        match item:
            case Skipped():
                return replace(self, rows=self.rows + 1, skipped=self.skipped + 1)
            case Reject():
                return replace(self, rows=self.rows + 1, rejected=self.rejected + 1)
        billed, paid = _amounts(item, "invoice"), _amounts(item, "payment")
        return replace(
            self,
            rows=self.rows + 1,
            invoices=self.invoices + len(billed),
            billed=_added(self.billed, item.currency, billed),
            paid=_added(self.paid, item.currency, paid),
        )


def _amounts(row: Row, event: str) -> list[int]:
    return [money.parse(made["amount"], row.currency) for made in row.events if made["event"] == event]


def _added(sums: Mapping[str, int], currency: str, amounts: list[int]) -> Mapping[str, int]:
    return {**sums, currency: sums.get(currency, 0) + sum(amounts)} if amounts else sums

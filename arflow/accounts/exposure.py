"""How what is open divides: disputed, promised and collectible parts (contract, sections 5 and 6)."""

import datetime as dt
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from arflow.accounts.entries import Dispute, Ledger, OpenItem
from arflow.accounts.promises import Verdict


class Exposure(Struct, frozen=True, kw_only=True):
    """`disputed`: due and not yet due; `promised`: the overdue, undisputed part that open promises cover.

    `collectible` holds what is left of each overdue instalment, the oldest first.
    """

    disputed: int
    promised: int
    collectible: tuple[OpenItem, ...]


def exposure(book: Ledger, day: dt.date, promised: Sequence[Verdict]) -> Exposure:
    """How the ledger stands on the policy day `day` under these promises."""
    agreed = undisputed(book.open_items, book.open_disputes) if book.open_disputes else book.open_items
    overdue = [item for item in agreed if item.due < day]
    left = _uncovered(overdue, promised) if promised else overdue
    return Exposure(
        disputed=_open(book.open_items) - _open(agreed) if agreed is not book.open_items else 0,
        promised=_open(overdue) - _open(left) if left is not overdue else 0,
        collectible=tuple(left if left is overdue and agreed is book.open_items else [i for i in left if i.open]),
    )


def _open(items: Iterable[OpenItem]) -> int:
    return sum(item.open for item in items)


def undisputed(items: Sequence[OpenItem], disputes: Iterable[Dispute]) -> Sequence[OpenItem]:
    """`items` less what open disputes cover of their invoice, the earliest instalment first."""
    contested = _contested(disputes)
    if not contested:
        return items
    left = []
    for item in items:
        part = min(item.open, contested.get(item.invoice, 0))
        if part:
            contested[item.invoice] -= part
        left.append(replace(item, open=item.open - part))
    return left


def _contested(disputes: Iterable[Dispute]) -> dict[str, int]:
    """What open disputes contest of each invoice; a dispute without an amount contests any amount."""
    found: dict[str, int] = {}
    for dispute in disputes:
        amount = 2**62 if dispute.amount is None else dispute.amount
        found[dispute.invoice] = found.get(dispute.invoice, 0) + amount
    return found


def _uncovered(overdue: Sequence[OpenItem], promised: Sequence[Verdict]) -> list[OpenItem]:
    """`overdue` less what open promises cover, the earliest-ending promise first, the oldest debt first."""
    left = list(overdue)
    still_open = [verdict for verdict in promised if verdict.status == "open"]
    for verdict in sorted(still_open, key=lambda verdict: (verdict.end, verdict.promise.recorded)):
        reach, invoices = verdict.outstanding, verdict.promise.invoices
        for at, item in enumerate(left):
            if invoices and item.invoice not in invoices:
                continue
            part = min(reach, item.open)
            left[at] = replace(item, open=item.open - part)
            reach -= part
    return left

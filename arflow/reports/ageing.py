"""`arflow report ageing`: what is open and overdue at the end of a date, by age; one line a currency."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from arflow import money
from arflow.reports.listed import bucket_name
from arflow.reports.positions import BUCKETS, Position


@dataclass(kw_only=True)
class Ageing:
    """One currency. Amounts are minor units; `gross` = `disputed` + `promised` + `collectible`."""

    currency: str
    accounts: int = 0
    open_accounts: int = 0
    open_invoices: int = 0
    open_amount: int = 0
    overdue_accounts: int = 0
    overdue_invoices: int = 0
    gross: int = 0
    disputed: int = 0
    promised: int = 0
    collectible: int = 0
    oldest_days: int = 0
    buckets: list[list[int]] = field(default_factory=lambda: [[0, 0] for _ in BUCKETS])
    """[invoices, amount] of each bucket; an invoice is in the bucket of its oldest overdue instalment."""

    with_age: list[int] = field(default_factory=lambda: [0] * len(BUCKETS))
    """How many accounts have something in each bucket; one account may be in several."""

    def add(self, position: Position) -> None:
        """Count one account's position."""
        self.accounts += 1
        self.open_accounts += position.open_invoices > 0
        self.open_invoices += position.open_invoices
        self.open_amount += position.open_amount
        self.overdue_accounts += position.gross > 0
        self.overdue_invoices += position.overdue_invoices
        self.gross += position.gross
        self.disputed += position.disputed
        self.promised += position.promised
        self.collectible += position.collectible
        self.oldest_days = max(self.oldest_days, position.oldest_days)
        for at, (invoices, amount) in enumerate(position.buckets):
            self.buckets[at][0] += invoices
            self.buckets[at][1] += amount
            self.with_age[at] += invoices > 0


def ageing(positions: Iterable[Position]) -> list[Ageing]:
    """One Ageing a currency, in the order of the currencies; sums are never made across."""
    found: dict[str, Ageing] = {}
    for position in positions:
        found.setdefault(position.currency, Ageing(currency=position.currency)).add(position)
    return [found[currency] for currency in sorted(found)]


COLUMNS = ("currency", "overdue_for", "accounts", "invoices", "amount", "oldest_days")
"""The columns of `by_age`."""


def by_age(line: Ageing) -> list[Mapping[str, object]]:
    """One currency as its page shows it: a row for each age, one for all that is overdue, one for all that is open."""
    ages = [
        (bucket_name(bucket), line.with_age[bucket], invoices, amount, "")
        for bucket, (invoices, amount) in enumerate(line.buckets)
    ]
    overdue = ("All overdue", line.overdue_accounts, line.overdue_invoices, line.gross, line.oldest_days)
    still_open = ("All open", line.open_accounts, line.open_invoices, line.open_amount, "")
    return [
        dict(
            zip(
                COLUMNS,
                (line.currency, name, accounts, invoices, money.show(amount, line.currency), oldest),
                strict=True,
            )
        )
        for name, accounts, invoices, amount, oldest in (*ages, overdue, still_open)
    ]


def as_json(line: Ageing) -> Mapping[str, object]:
    """One currency with documented names: amounts as decimal strings and, as `..._minor`, in minor units."""
    amounts = {
        "open_amount": line.open_amount,
        "overdue_amount": line.gross,
        "disputed_amount": line.disputed,
        "promised_amount": line.promised,
        "collectible_amount": line.collectible,
    }
    return {
        "currency": line.currency,
        "accounts": line.accounts,
        "open_accounts": line.open_accounts,
        "open_invoices": line.open_invoices,
        "overdue_accounts": line.overdue_accounts,
        "overdue_invoices": line.overdue_invoices,
        "oldest_days": line.oldest_days,
        **{name: money.show(minor, line.currency) for name, minor in amounts.items()},
        **{f"{name}_minor": minor for name, minor in amounts.items()},
        "buckets": [
            {"from": first, "to": last, "invoices": count, "amount": money.show(amount, line.currency)}
            for (first, last), (count, amount) in zip(BUCKETS, line.buckets, strict=True)
        ],
    }

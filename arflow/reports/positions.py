"""How each account stood at the end of a date, in its own zone: its books folded from its events up to that date."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from arflow.accounts.applying import apply
from arflow.accounts.entries import Account, OpenItem
from arflow.accounts.exposure import exposure
from arflow.accounts.promises import Terms, verdicts
from arflow.accounts.timeline import references_first
from arflow.store import accounts, events, policies
from arflow.store.events import StoredEvent

BATCH = 1000


@dataclass(frozen=True, kw_only=True)
class Position:
    """One account at the end of a date. Amounts are minor units; `overdue` holds every overdue instalment, gross."""

    account: str
    currency: str
    state: str
    open_invoices: int
    open_amount: int
    overdue: tuple[OpenItem, ...]
    disputed: int
    promised: int
    collectible: int

    @property
    def gross(self) -> int:
        """All that was overdue."""
        return sum(item.open for item in self.overdue)


def positions(connection: Connection, day: dt.date) -> Iterator[Position]:
    """Every account that anything was recorded of by `day`, in the order of their ids."""
    terms = _terms(connection)
    after = ""
    while ids := accounts.all_ids(connection, after, BATCH):
        currencies = accounts.known_among(connection, ids)
        found = events.of_accounts(connection, ids)
        states = _states(connection, ids, day)
        for key in ids:
            recorded = [stored for stored in found.get(key, ()) if stored.event.on <= day]
            if recorded:
                account = _folded(Account(id=key, currency=currencies[key]), recorded)
                yield _position(account, day, states.get(key, "current"), terms)
        after = ids[-1]


def _terms(connection: Connection) -> dict[str, Terms]:
    """How promises are judged in each currency: as the policy with the highest precedence says."""
    known = policies.activations(connection)
    active = policies.active(connection, known, policies.latest_activation(connection))
    return {
        policy.currency: Terms(grace_days=policy.grace_days, tolerance=policy.tolerance) for policy in reversed(active)
    }


def _folded(account: Account, recorded: list[StoredEvent]) -> Account:
    for part in events.parts_of(recorded):
        at = dt.datetime.combine(part.on, part.clock, tzinfo=dt.UTC)
        for place, event in enumerate(references_first(list(part.events))):
            if event.kind not in ("notice_delivered", "notice_failed"):
                account = apply(account, event, (at, place))
    return account


def _position(account: Account, day: dt.date, state: str, terms: dict[str, Terms]) -> Position:
    book = account.ledger
    judged = verdicts(account.promises.values(), book.payments, day, terms.get(account.currency, Terms()))
    stands = exposure(book, day, judged)
    overdue = tuple(item for item in book.open_items if item.due < day)
    collectible = sum(item.open for item in stands.collectible)
    gross = sum(item.open for item in overdue)
    return Position(
        account=account.id,
        currency=account.currency,
        state=state,
        open_invoices=len({item.invoice for item in book.open_items}),
        open_amount=sum(item.open for item in book.open_items),
        overdue=overdue,
        disputed=gross - stands.promised - collectible,
        promised=stands.promised,
        collectible=collectible,
    )


def _states(connection: Connection, ids: list[str], day: dt.date) -> dict[str, str]:
    query = text(
        'SELECT DISTINCT ON (account_id) account_id, "to" FROM journal '
        "WHERE kind = 'step' AND account_id = ANY(:ids) AND \"on\" <= :day ORDER BY account_id, seq DESC"
    )
    return {row.account_id: row.to for row in connection.execute(query, {"ids": ids, "day": day})}

"""How each account stood at the end of a date, in its own zone: its books folded from its events up to that date."""

import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, text

from arflow.accounts.applying import apply
from arflow.accounts.entries import Account, Ledger, OpenItem, Promise
from arflow.accounts.exposure import exposure
from arflow.accounts.promises import Terms, verdicts
from arflow.accounts.timeline import references_first
from arflow.isodates import ONE_DAY
from arflow.life.records import EntryKind
from arflow.store import accounts, events, policies, tables
from arflow.store.events import StoredEvent

BATCH = 1000

_Step = tuple[dt.date, str]
"""Its day, and the state into which it led."""

BUCKETS = ((1, 7), (8, 14), (15, 30), (31, 60), (61, 90), (91, None))
"""Days overdue, both ends included; the last bucket has no end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """One account at the end of a date. Amounts are minor units; `gross` = `disputed` + `promised` + `collectible`."""

    account: str
    currency: str
    state: str
    open_invoices: int
    open_amount: int
    gross: int
    disputed: int
    promised: int
    collectible: int
    oldest_days: int
    """How long the oldest overdue instalment has been overdue; 0 when none is."""

    buckets: tuple[tuple[int, int], ...]
    """(invoices, amount) overdue in each of BUCKETS; an invoice is in that of its oldest overdue instalment."""

    @property
    def overdue_invoices(self) -> int:
        """How many invoices have something overdue."""
        return sum(invoices for invoices, _ in self.buckets)


@dataclass(frozen=True, kw_only=True, slots=True)
class Division:
    """How the overdue part of a ledger divides."""

    disputed: int
    promised: int
    collectible: int


@dataclass(frozen=True, kw_only=True)
class Judging:
    """How promises are judged, also at the end of a past day: as the policy does that has the account now."""

    first: Mapping[str, Terms]
    """By currency: as the policy with the highest precedence says."""

    others: Mapping[str, Terms]
    """By policy version: as the active version of its policy says, where that is not the same."""

    def of(self, currency: str, version: str | None) -> Terms:
        """As the policy of `version` says, else the first one in the currency."""
        return self.others.get(version or "") or self.first.get(currency, Terms())

    @property
    def grace(self) -> dict[str, int]:
        """The days of grace by what they go by: a policy version, or else a currency."""
        return {key: terms.grace_days for key, terms in (*self.first.items(), *self.others.items())}

    @property
    def longest(self) -> int:
        """The most days of grace that there are."""
        return max(self.grace.values(), default=0)


def positions_of(connection: Connection, ids: Sequence[str], day: dt.date) -> Iterator[Position]:
    """Those of `ids` that anything was recorded of by `day`, in their order."""
    terms = judging(connection)
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        blank, found = _blank(connection, batch), events.of_accounts(connection, batch)
        states = _states(connection, batch, day)
        for key in batch:
            recorded = [stored for stored in found.get(key, ()) if stored.event.on <= day]
            if recorded:
                account = _folded(blank[key], recorded)
                yield _position(account, day, states.get(key, "current"), terms)


def positions_by_day(
    connection: Connection, ids: Sequence[str], upto: dt.date
) -> Iterator[list[tuple[dt.date, Position]]]:
    """How each of `ids` stood from the end of each day on which it may have changed, until `upto`."""
    terms = judging(connection)
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        blank, found = _blank(connection, batch), events.of_accounts(connection, batch)
        steps = _steps(connection, batch, upto)
        for key in batch:
            yield list(_day_by_day(blank[key], found.get(key, ()), steps.get(key, ()), upto, terms))


def _day_by_day(
    account: Account, said: Iterable[StoredEvent], steps: Iterable[_Step], upto: dt.date, terms: Judging
) -> Iterator[tuple[dt.date, Position]]:
    recorded = [stored for stored in said if stored.event.on <= upto]
    if not recorded:
        return
    grace = dt.timedelta(days=terms.of(account.currency, account.policy_version).grace_days)
    whole = _folded(account, recorded)
    days = {stored.event.on for stored in recorded} | {on for on, _ in steps}
    days |= {item.due + ONE_DAY for invoice in whole.ledger.invoices.values() for item in invoice.items}
    days |= {promise.due + grace + ONE_DAY for promise in whole.promises.values()}
    done, first = 0, recorded[0].event.on
    for day in sorted(day for day in days if first <= day <= upto):
        upto_then = bisect_right(recorded, day, key=lambda stored: stored.event.on)
        account, done = _folded(account, recorded[done:upto_then]), upto_then
        state = next((to for on, to in steps if on <= day), "current")
        yield day, _position(account, day, state, terms)


def _steps(connection: Connection, ids: Sequence[str], upto: dt.date) -> Mapping[str, list[_Step]]:
    """The steps of each account until `upto`, the last one first."""
    journal = tables.journal
    query = select(journal.c.account_id, journal.c.on, journal.c.to).where(
        journal.c.account_id.in_(accounts.listed(ids)),
        journal.c.kind == EntryKind.STEP.value,
        journal.c.on <= upto,
    )
    found: dict[str, list[_Step]] = defaultdict(list)
    for row in connection.execute(query.order_by(journal.c.account_id, journal.c.seq.desc())):
        found[row.account_id].append((row.on, row.to))
    return found


def judging(connection: Connection) -> Judging:
    """How promises are judged since the latest activation."""
    known = policies.activations(connection)
    active = policies.active(connection, known, policies.latest_activation(connection))
    terms = {policy.name: Terms(grace_days=policy.grace_days, tolerance=policy.tolerance) for policy in active}
    first = {policy.currency: terms[policy.name] for policy in reversed(active)}
    others = {policy.name for policy in active if terms[policy.name] != first[policy.currency]}
    return Judging(first=first, others={one.version: terms[one.name] for one in known if one.name in others})


def _blank(connection: Connection, ids: Sequence[str]) -> Mapping[str, Account]:
    """Each of `ids` before anything happened to it."""
    account = tables.account
    query = select(account.c.id, account.c.currency, account.c.policy_version)
    rows = connection.execute(query.where(account.c.id.in_(accounts.listed(ids))))
    return {row.id: Account(id=row.id, currency=row.currency, policy_version=row.policy_version) for row in rows}


def _folded(account: Account, recorded: list[StoredEvent]) -> Account:
    for part in events.parts_of(recorded):
        at = dt.datetime.combine(part.on, part.clock, tzinfo=dt.UTC)
        for place, event in enumerate(references_first(list(part.events))):
            if event.kind not in ("notice_delivered", "notice_failed"):
                account = apply(account, event, (at, place))
    return account


def _position(account: Account, day: dt.date, state: str, terms: Judging) -> Position:
    book = account.ledger
    overdue = [item for item in book.open_items if item.due < day]
    divides = division(book, account.promises.values(), day, terms.of(account.currency, account.policy_version))
    return Position(
        account=account.id,
        currency=account.currency,
        state=state,
        open_invoices=len({item.invoice for item in book.open_items}),
        open_amount=sum(item.open for item in book.open_items),
        gross=sum(item.open for item in overdue),
        disputed=divides.disputed,
        promised=divides.promised,
        collectible=divides.collectible,
        oldest_days=max(((day - item.due).days for item in overdue), default=0),
        buckets=_buckets(overdue, day),
    )


def division(book: Ledger, promises: Iterable[Promise], day: dt.date, terms: Terms) -> Division:
    """How what is overdue at the end of `day` divides, promises judged by `terms`."""
    stands = exposure(book, day, verdicts(promises, book.payments, day, terms))
    collectible = sum(item.open for item in stands.collectible)
    disputed = book.gross_overdue(day) - stands.promised - collectible
    return Division(disputed=disputed, promised=stands.promised, collectible=collectible)


def _buckets(overdue: Iterable[OpenItem], day: dt.date) -> tuple[tuple[int, int], ...]:
    """What is overdue by age; the items come oldest first."""
    invoices, amounts = [0] * len(BUCKETS), [0] * len(BUCKETS)
    found: dict[str, int] = {}
    for item in overdue:
        if item.invoice not in found:
            found[item.invoice] = _bucket((day - item.due).days)
            invoices[found[item.invoice]] += 1
        amounts[found[item.invoice]] += item.open
    return tuple(zip(invoices, amounts, strict=True))


def _bucket(age: int) -> int:
    return next(at for at, (_, last) in enumerate(BUCKETS) if last is None or age <= last)


def _states(connection: Connection, ids: Sequence[str], day: dt.date) -> dict[str, str]:
    query = text(
        'SELECT DISTINCT ON (account_id) account_id, "to" FROM journal '
        "WHERE kind = 'step' AND account_id = ANY(:ids) AND \"on\" <= :day ORDER BY account_id, seq DESC"
    )
    return {row.account_id: row.to for row in connection.execute(query, {"ids": list(ids), "day": day})}

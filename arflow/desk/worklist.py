"""Lists of accounts in the order in which people should work them. One query each, whatever the size of the book.

What is due comes first; then what is likely to be lost of what is collectible (`risk`), the most first, then the
larger amount, then the oldest. Amounts of different currencies are never added or compared: each account has a place
within its own currency (the share of accounts there with more), and the list goes by these places, so that those of
every currency with the most at risk stand at its top.

The amount by which the list is ordered is SQL's cheap measure: overdue and undisputed, less what open promises still
cover. It differs from the fact `overdue_amount` where promises name invoices, share payments or are judged by another
policy than the first one of the currency, and by one day before an account's `act_at`; broken promises are told as
cheaply. What is shown is the fact.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Double,
    Row,
    Select,
    Subquery,
    any_,
    case,
    cast,
    false,
    func,
    or_,
    select,
    true,
    union,
    union_all,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, distinct_on

from arflow.accounts.entries import ClearingKind
from arflow.clock import Now
from arflow.desk import access, risk, tasks
from arflow.desk.users import User
from arflow.life.records import EntryKind
from arflow.reports.divided import contested
from arflow.reports.positions import judging
from arflow.store import accounts, desk_tables, tables

_WHOLE = 2**31

Which = ColumnElement[bool]
"""The condition on the table `account` that says whose accounts a list holds."""

_account = tables.account


@dataclass(frozen=True, kw_only=True)
class Place:
    """An account's place on a list. `has_call`: a call is open that the person is to make."""

    account: str
    is_due: bool
    has_call: bool
    has_task: bool
    of: int
    """How many accounts the whole list has."""

    of_due: int
    """How many of them have something due."""


@dataclass(frozen=True, kw_only=True)
class Worklist:
    """A page of a list, and the currencies of the whole list, whichever of them it was narrowed to."""

    places: Sequence[Place]
    currencies: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class LastStep:
    """The step that led an account to where it stands; `rule` is None when people forced it."""

    rule: str | None
    version: str | None
    actor: str
    reason: str


def mine(user: User, now: Now) -> Which:
    """Whether an account is for `user` to work: theirs, or with a task due for them that they reach.

    What a caller reaches is theirs to work. Of what others reach, each kind is looked up by itself: a condition that
    asks for one or the other reads every account there is.
    """
    if not access.reaches_all(user):
        return true()
    task = desk_tables.task
    theirs = [select(_account.c.id).where(kind).correlate(None) for kind in access.kinds_of_reach(user)]
    return _account.c.id.in_(union_all(*theirs, select(task.c.account_id).where(tasks.is_due(user, now))))


def _has_task(account: ColumnElement[str], user: User, now: Now) -> ColumnElement[bool]:
    task = desk_tables.task
    return select(task.c.id).where(task.c.account_id == account, tasks.is_due(user, now)).exists()


def everything() -> Which:
    """Every account that the user reaches."""
    return true()


def owned_by(name: str) -> Which:
    """Whether an account belongs to the user or queue `name`."""
    return _account.c.owner == name


def overdue(day: dt.date) -> Which:
    """Whether an account has something overdue on `day`, as the reports of a day count it: also what is disputed."""
    item = tables.item
    return _account.c.id.in_(select(item.c.account_id).where(item.c.open > 0, item.c.due < day))


def unassigned() -> Which:
    """Whether nobody who works here has the account: no owner, or one who is no user (any more) and no queue."""
    return access.has_nobody()


def count(connection: Connection, which: Which) -> int:
    """How many accounts of which something has happened are of `which`."""
    query = select(func.count()).select_from(_account).where(_account.c.born, which)
    return int(connection.execute(query).scalar_one())


def page(
    connection: Connection,
    user: User,
    which: Which,
    now: Now,
    *,
    currency: str = "",
    offset: int,
    limit: int,
) -> Worklist:
    """The accounts of `which` that `user` reaches, in the order of their work today."""
    asks = _asked if access.reaches_all(user) else _asked_again
    query = asks(_Asked(user=user, now=now, grace=_grace(connection)), which, currency, (offset, limit))
    rows = connection.execute(query).all()
    return Worklist(places=[_place(row) for row in rows if row.account is not None], currencies=rows[0].known or ())


def after(connection: Connection, user: User, now: Now, account: str) -> str | None:
    """The account that `user` works after `account`, by the list of their own."""
    return following(page(connection, user, mine(user, now), now, offset=0, limit=_WHOLE).places, account)


def following(places: Sequence[Place], account: str) -> str | None:
    """The account to be worked after `account`; None where the list ends.

    What is due comes first on a list. So who has just worked one goes to its top; who passes over one that is due, or
    has nothing due any more, goes to the one behind.
    """
    at = next((at for at, place in enumerate(places) if place.account == account), -1)
    is_due = at >= 0 and places[at].is_due
    if places and places[0].is_due and not is_due:
        return places[0].account
    return places[at + 1].account if at + 1 < len(places) else None


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """Who asks, when, and how many days of grace promises have in each currency."""

    user: User
    now: Now
    grace: tuple[tuple[str, int], ...]


def _grace(connection: Connection) -> tuple[tuple[str, int], ...]:
    return tuple((currency, terms.grace_days) for currency, terms in sorted(judging(connection).first.items()))


def _asked(by: _Asked, which: Which, currency: str, window: tuple[int, int]) -> Select[Any]:
    user, now, reached = by.user, by.now, _reached(by.user, which)
    wanted = reached.c.currency == currency if currency else true()
    chosen = select(reached, _has_task(reached.c.id, user, now).label("has_task")).where(wanted).cte("chosen")
    those = _Chosen(accounts=chosen, are_few=not access.reaches_all(user), grace=dict(by.grace))
    ranked = _ranked(those, now.today).subquery("ranked")
    shown = select(ranked).order_by(*_order(ranked)).offset(window[0]).limit(window[1]).subquery("shown")
    known = select(func.array_agg(aggregate_order_by(reached.c.currency.distinct(), reached.c.currency)).label("known"))
    every = known.subquery("every")
    return select(every.c.known, *shown.c).select_from(every.outerjoin(shown, true())).order_by(*_order(shown))


_asked_again = lru_cache(maxsize=64)(_asked)
"""What callers ask for between any two calls: to write this query costs as much as a third of a list's page."""


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """The accounts of a list, with the `book` of each; `are_few`: they are some thousands at most, of any number."""

    accounts: CTE
    are_few: bool
    grace: Mapping[str, int]
    """The days of grace of promises, by currency."""

    def ends(self, due: ColumnElement[dt.date]) -> ColumnElement[dt.date]:
        """The last day on which a promise for `due` may still be kept."""
        return due + (case(dict(self.grace), value=self.accounts.c.currency, else_=0) if self.grace else 0)

    def has(self, key: ColumnElement[str], of: str) -> ColumnElement[bool]:
        """Whether `key` is the id or the book of one of them.

        The rows of few are looked up one by one: as many as there are of the others make no difference.
        """
        ids = select(self.accounts.c[of])
        return key == any_(func.array(ids.scalar_subquery())) if self.are_few else key.in_(ids)


def _order(ranked: Subquery) -> tuple[ColumnElement[Any], ...]:
    of = ranked.c
    return of.is_due.desc(), of.place, of.oldest.asc().nulls_last(), of.currency, of.account


def _place(row: Row[Any]) -> Place:
    return Place(
        account=row.account,
        is_due=row.is_due,
        has_call=row.has_call,
        has_task=row.has_task,
        of=row.of,
        of_due=row.of_due,
    )


def _reached(user: User, which: Which) -> CTE:
    """The accounts of `which` that the user reaches; those that they reach in more than one way come once."""
    is_theirs = _account.c.call_open & (_account.c.owner == user.name)
    has_call = or_(is_theirs, func.coalesce(access.called_on(user.queues), false()))
    columns = (
        _account.c.id,
        _account.c.currency,
        access.book().label("book"),
        has_call.label("has_call"),
    )
    ways = [select(*columns).where(_account.c.born, which, way) for way in access.ways_to_reach(user)]
    return union(*ways).cte("reached") if len(ways) > 1 else ways[0].cte("reached")


def _ranked(those: _Chosen, day: dt.date) -> Select[Any]:
    chosen, books, promised = those.accounts, _collectible(those, day), _promised(those, day)
    measure = func.greatest(0.0, func.coalesce(books.c.amount, 0.0) - func.coalesce(promised.c.amount, 0.0))
    oldest = case((measure > 0, books.c.oldest))
    lost = risk.share_in_sql(day - func.coalesce(oldest, day), func.coalesce(promised.c.broken, 0) > 0)
    by = [(measure * lost).desc(), measure.desc(), oldest.asc()]
    place = func.percent_rank().over(partition_by=chosen.c.currency, order_by=by)
    is_due = chosen.c.has_call | chosen.c.has_task
    return select(
        chosen.c.id.label("account"),
        chosen.c.currency,
        place.label("place"),
        oldest.label("oldest"),
        is_due.label("is_due"),
        chosen.c.has_call,
        chosen.c.has_task,
        func.count().over().label("of"),
        func.count().filter(is_due).over().label("of_due"),
    ).select_from(
        chosen.outerjoin(books, books.c.account_id == chosen.c.book).outerjoin(
            promised, promised.c.account_id == chosen.c.id
        )
    )


def _collectible(those: _Chosen, day: dt.date) -> CTE:
    """By book: what is overdue and undisputed, and its oldest due date. Disputes cover the earliest due date first."""
    item = tables.item
    overdue = (
        select(
            item.c.account_id,
            item.c.invoice_id,
            func.sum(item.c.open).label("open"),
            func.min(item.c.due).label("oldest"),
        )
        .where(those.has(item.c.account_id, "book"), item.c.open > 0, item.c.due < day)
        .group_by(item.c.account_id, item.c.invoice_id)
        .cte("overdue")
    )
    dispute = tables.dispute
    open_ones = select(dispute).where(those.has(dispute.c.account_id, "book"), dispute.c.closed_on.is_(None))
    part = contested(open_ones.subquery("dispute"))
    left = case((part.c.is_whole, 0), else_=func.greatest(0, overdue.c.open - func.coalesce(part.c.amount, 0)))
    joined = overdue.outerjoin(
        part, (part.c.account_id == overdue.c.account_id) & (part.c.invoice_id == overdue.c.invoice_id)
    )
    return (
        select(
            overdue.c.account_id,
            cast(func.sum(left), Double).label("amount"),
            func.min(overdue.c.oldest).filter(left > 0).label("oldest"),
        )
        .select_from(joined)
        .group_by(overdue.c.account_id)
        .cte("collectible")
    )


def _promised(those: _Chosen, day: dt.date) -> CTE:
    """By account: what its promises that have not come due yet still cover, and how many others it broke lately."""
    chosen, promise = those.accounts, tables.promise
    end = those.ends(promise.c.due)
    counts = promise.c.cancelled_at.is_(None) & (promise.c.due >= day - dt.timedelta(days=risk.BROKEN_DAYS))
    came = func.coalesce(_came(chosen, end), 0)
    one = (
        select(
            promise.c.account_id,
            (promise.c.amount - came).label("missing"),
            (end >= day).label("is_open"),
            ((end < day) & (came <= 0)).label("is_broken"),
        )
        .select_from(promise.join(chosen, chosen.c.id == promise.c.account_id))
        .where(those.has(promise.c.account_id, "id"), counts)
        .subquery("one")
    )
    return (
        select(
            one.c.account_id,
            cast(func.sum(func.greatest(0, one.c.missing)).filter(one.c.is_open), Double).label("amount"),
            func.count().filter(one.c.is_broken).label("broken"),
        )
        .group_by(one.c.account_id)
        .cte("promised")
    )


def _came(chosen: CTE, end: ColumnElement[dt.date]) -> ColumnElement[int]:
    """What was paid since the promise was made, in time."""
    promise, clearing = tables.promise, tables.clearing
    is_payment = (clearing.c.kind == ClearingKind.PAYMENT.value) & clearing.c.reversed_on.is_(None)
    since = (clearing.c.recorded_at > promise.c.recorded_at) & (clearing.c.on <= end)
    return (
        select(func.sum(clearing.c.amount))
        .where(clearing.c.account_id == chosen.c.book, is_payment, since)
        .correlate(promise, chosen)
        .scalar_subquery()
    )


def last_steps(connection: Connection, ids: Sequence[str]) -> dict[str, LastStep]:
    """The last step of each of the accounts `ids` that ever stepped."""
    journal = tables.journal
    query = (
        select(
            journal.c.account_id,
            journal.c.rule,
            journal.c.policy_version,
            journal.c.actor,
            func.coalesce(journal.c.details["reason"].astext, "").label("reason"),
        )
        .ext(distinct_on(journal.c.account_id))
        .where(journal.c.account_id.in_(accounts.listed(ids)), journal.c.kind == EntryKind.STEP.value)
        .order_by(journal.c.account_id, journal.c.seq.desc())
    )
    return {
        row.account_id: LastStep(rule=row.rule, version=row.policy_version, actor=row.actor, reason=row.reason)
        for row in connection.execute(query)
    }

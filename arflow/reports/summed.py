"""Today's pipeline, ageing and owners, added up by the database: what they make of today's positions, without these."""

import datetime as dt
from typing import Any

from sqlalchemy import Connection, Row, Select, Subquery, func, select

from arflow.reports import divided, owners
from arflow.reports.ageing import Ageing
from arflow.reports.ledgers import present
from arflow.reports.owners import Owned
from arflow.reports.pipeline import Standing, in_all_states
from arflow.reports.positions import BUCKETS, judging
from arflow.reports.present import total
from arflow.reports.stood import stood
from arflow.store import tables

_account, _item = tables.account, tables.item
_currency, _state, _owner = _account.c.currency, _account.c.state, _account.c.owner


def present_pipeline(connection: Connection, day: dt.date) -> list[Standing]:
    """Every state in every currency that has accounts."""
    counted = connection.execute(_counts(_currency, _state)).all()
    lines = {(line.currency, line.state): line for line in in_all_states(sorted({row.currency for row in counted}))}
    for row in counted:
        lines[row.currency, row.state].accounts = row.accounts
    for row in connection.execute(_open_amounts(day)):
        line = lines[row.currency, row.state]
        line.open_amount, line.gross, line.collectible = row.open, row.gross, row.gross
    terms = judging(connection)
    for row in connection.execute(_parts(divided.by_sql(present(), day, terms), _currency, _state)):
        _divide(lines[row.currency, row.state], row.disputed, row.promised)
    for account, parts in divided.others(connection, day, terms):
        _divide(lines[account.currency, account.state.value], parts.disputed, parts.promised)
    return list(lines.values())


def ageing_of(connection: Connection, day: dt.date) -> list[Ageing]:
    """What was open and overdue at the end of `day`, by currency and age: one Ageing a currency, in their order."""
    return [_ageing(row) for row in connection.execute(_ages(stood(connection, day)))]


def present_owners(connection: Connection, day: dt.date) -> list[Owned]:
    """Who has what today: those who do not work here first, then queues, then people, each by name."""
    everybody, terms = owners.known(connection), judging(connection)
    lines: dict[tuple[str, str], Owned] = {}
    for row in connection.execute(_counts(_owner, _currency)):
        lines[row.owner, row.currency] = owners.owned(row.owner, row.currency, everybody, accounts=row.accounts)
    for row in connection.execute(_overdue_by_owner(day)):
        line = lines[row.owner, row.currency]
        line.overdue_accounts, line.gross, line.collectible = row.accounts, row.gross, row.gross
    for row in connection.execute(_parts(divided.by_sql(present(), day, terms), _owner, _currency)):
        lines[row.owner, row.currency].collectible -= row.disputed + row.promised
    for account, parts in divided.others(connection, day, terms):
        lines[account.owner, account.currency].collectible -= parts.disputed + parts.promised
    return owners.in_order(lines.values())


def _divide(line: Standing, disputed: int, promised: int) -> None:
    line.disputed += disputed
    line.promised += promised
    line.collectible -= disputed + promised


def _counts(*which: Any) -> Select[Any]:  # noqa: ANN401  # columns of any type
    """How many accounts there are with each of what the columns `which` hold together."""
    return select(*which, func.count().label("accounts")).where(_account.c.born).group_by(*which)


def _parts(parts: Subquery, *which: Any) -> Select[Any]:  # noqa: ANN401  # columns of any type
    """What is disputed and promised of those accounts together."""
    sums = (total(parts.c.disputed).label("disputed"), total(parts.c.promised).label("promised"))
    joined = parts.join(_account, _account.c.id == parts.c.account_id)
    return select(*which, *sums).select_from(joined).where(_account.c.born).group_by(*which)


def _open_amounts(day: dt.date) -> Select[Any]:
    """What is open and overdue in each state and currency."""
    which = (_currency, _state)
    joined = _account.join(_item, _item.c.account_id == _account.c.id)
    sums = (total(_item.c.open).label("open"), total(_item.c.open, _item.c.due < day).label("gross"))
    return select(*which, *sums).select_from(joined).where(_account.c.born, _item.c.open > 0).group_by(*which)


def _overdue_by_owner(day: dt.date) -> Select[Any]:
    """How many accounts of each owner have something overdue in each currency, and how much."""
    which = (_owner, _currency)
    overdue = (
        select(_item.c.account_id, total(_item.c.open).label("open"))
        .where(_item.c.open > 0, _item.c.due < day)
        .group_by(_item.c.account_id)
        .subquery("overdue")
    )
    sums = (func.count().label("accounts"), total(overdue.c.open).label("gross"))
    joined = _account.join(overdue, overdue.c.account_id == _account.c.id)
    return select(*which, *sums).select_from(joined).where(_account.c.born).group_by(*which)


_SUMMED = ("open_invoices", "open_amount", "gross", "disputed", "promised")


def _ages(one: Subquery) -> Select[Any]:
    """One row a currency: the numbers of its Ageing."""
    places = range(len(BUCKETS))
    return (
        select(
            one.c.currency,
            func.count().label("accounts"),
            func.count().filter(one.c.open_invoices > 0).label("open_accounts"),
            func.count().filter(one.c.gross > 0).label("overdue_accounts"),
            func.max(one.c.oldest_days).label("oldest_days"),
            *(total(one.c[name]).label(name) for name in _SUMMED),
            *(total(one.c.invoices[at + 1]).label(f"invoices_{at}") for at in places),
            *(total(one.c.amounts[at + 1]).label(f"amount_{at}") for at in places),
            *(func.count().filter(one.c.invoices[at + 1] > 0).label(f"accounts_{at}") for at in places),
        )
        .group_by(one.c.currency)
        .order_by(one.c.currency)
    )


def _ageing(row: Row[Any]) -> Ageing:
    found = row._mapping  # noqa: SLF001  # what SQLAlchemy documents for a column whose name is worked out
    buckets = [[found[f"invoices_{at}"], found[f"amount_{at}"]] for at in range(len(BUCKETS))]
    return Ageing(
        currency=row.currency,
        accounts=row.accounts,
        open_accounts=row.open_accounts,
        open_invoices=row.open_invoices,
        open_amount=row.open_amount,
        overdue_accounts=row.overdue_accounts,
        overdue_invoices=sum(invoices for invoices, _ in buckets),
        gross=row.gross,
        disputed=row.disputed,
        promised=row.promised,
        collectible=row.gross - row.disputed - row.promised,
        oldest_days=row.oldest_days,
        buckets=buckets,
        with_age=[found[f"accounts_{at}"] for at in range(len(BUCKETS))],
    )

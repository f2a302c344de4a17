"""How each account stood at the end of a past day, from the books as they are kept.

It gives what `positions` gives, which folds each account's events. SQL takes the later entries off the books instead,
for all accounts at once. Only accounts of which something recorded until then is still to be applied, or of which it
cannot say what their promises covered, are folded.
"""

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select, union_all

from arflow.life.records import EntryKind
from arflow.reports import divided
from arflow.reports.given import given
from arflow.reports.ledgers import past
from arflow.reports.pipeline import Standing, in_all_states
from arflow.reports.positions import Position, judging, positions_of
from arflow.reports.present import COLUMNS, books, standings, total
from arflow.store import accounts, tables

_account, _event = tables.account, tables.event
_BESIDE_BOOKS = frozenset(
    {"account", "contact", "hold", "hold_released", "tag", "untag", "forced", "notice_delivered", "notice_failed"}
)
"""The kinds of events that move no money, and promise and contest none."""


def past_standings(connection: Connection, day: dt.date) -> Select[Any]:
    """`standings` of every account that anything was recorded of by `day`."""
    terms, ledgers, folded = judging(connection), past(day), _to_be_folded(connection, day)
    is_folded = _account.c.id.in_(accounts.listed(folded))
    recorded = select(_event.c.id).where(_event.c.account_id == _account.c.id, _event.c.on <= day).exists()
    by_sql = standings(books(ledgers, day), divided.by_sql(ledgers, day, terms), _state(day), recorded & ~is_folded)
    others = given([_row(position) for position in positions_of(connection, folded, day)], *COLUMNS)
    return select(union_all(by_sql, select(others)).subquery("each"))


def _row(position: Position) -> dict[str, Any]:
    """The row of `standings` that says a position."""
    invoices, amounts = zip(*position.buckets, strict=True)
    said = {each.name: getattr(position, each.name) for each in COLUMNS if hasattr(position, each.name)}
    return {**said, "id": position.account, "invoices": invoices, "amounts": amounts}


def past_pipeline(connection: Connection, day: dt.date) -> list[Standing]:
    """Every state in every currency that had accounts at the end of `day`."""
    one = past_standings(connection, day).subquery("one")
    which, names = (one.c.currency, one.c.state), ("open_amount", "gross", "disputed", "promised")
    sums = select(*which, func.count().label("accounts"), *(total(one.c[name]).label(name) for name in names))
    rows = connection.execute(sums.group_by(*which)).all()
    found = {(line.currency, line.state): line for line in in_all_states(sorted({row.currency for row in rows}))}
    for row in rows:
        line = found[row.currency, row.state]
        line.accounts, line.open_amount, line.gross = row.accounts, row.open_amount, row.gross
        line.disputed, line.promised = row.disputed, row.promised
        line.collectible = row.gross - row.disputed - row.promised
    return list(found.values())


def _to_be_folded(connection: Connection, day: dt.date) -> list[str]:
    """The accounts whose books do not say how they stood then."""
    intricate = divided.intricate(connection, past(day), day, judging(connection))
    return sorted({*unsettled(connection, day), *intricate})


def _state(day: dt.date) -> ColumnElement[str]:
    """The state into which the last step until the end of `day` led."""
    journal = tables.journal
    steps = select(journal.c.to).where(
        journal.c.account_id == _account.c.id, journal.c.kind == EntryKind.STEP.value, journal.c.on <= day
    )
    last = steps.order_by(journal.c.seq.desc()).limit(1)
    return func.coalesce(last.scalar_subquery(), "current")


def unsettled(connection: Connection, day: dt.date) -> list[str]:
    """The accounts with an event of money, or a correction of one, that their books do not know yet."""
    is_about_then = or_(_event.c.on <= day, _event.c.was.is_not(None))
    is_of_books = _event.c.kind.not_in(_BESIDE_BOOKS)
    query = select(_event.c.account_id).where(~_event.c.applied, is_about_then, is_of_books)
    return list(connection.execute(query.distinct()).scalars())

"""How each account stood at the end of a day, as a source of rows that SQL narrows, puts in order and adds up.

Today's from the books, a past day's from them less what came later. No list of all accounts is ever held here.
"""

import datetime as dt
from typing import Any

from sqlalchemy import Connection, Row, Subquery

from arflow.reports.days import today
from arflow.reports.past import past_standings
from arflow.reports.positions import Position
from arflow.reports.present import present_standings


def stood(connection: Connection, day: dt.date) -> Subquery:
    """A row for every account of which anything was recorded by the end of `day`, with the columns of `standings`."""
    standings = present_standings if day == today(connection) else past_standings
    return standings(connection, day).subquery("stood")


def position(row: Row[Any]) -> Position:
    """The position that a row says."""
    return Position(
        account=row.id,
        currency=row.currency,
        state=row.state,
        open_invoices=row.open_invoices,
        open_amount=row.open_amount,
        gross=row.gross,
        disputed=row.disputed,
        promised=row.promised,
        collectible=row.gross - row.disputed - row.promised,
        oldest_days=row.oldest_days,
        buckets=tuple(zip(row.invoices, row.amounts, strict=True)),
    )

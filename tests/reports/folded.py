"""Reports as they are defined: every account folded from its events, one after the other, and counted."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Select, select

from arflow.reports.pipeline import Standing, in_all_states
from arflow.reports.positions import Position, positions_of
from arflow.reports.stood import position
from arflow.store import tables


def positions(connection: Connection, day: dt.date) -> list[Position]:
    """Every account that anything was recorded of by `day`, in the order of their ids."""
    ids = connection.execute(select(tables.account.c.id).order_by(tables.account.c.id)).scalars().all()
    return list(positions_of(connection, ids, day))


def rows(connection: Connection, standings: Select[Any]) -> list[Position]:
    """The positions that SQL says, in the order of their ids."""
    one = standings.subquery("one")
    return [position(row) for row in connection.execute(select(one).order_by(one.c.id))]


def pipeline(stood: Iterable[Position]) -> list[Standing]:
    """Every state in every currency that has accounts; sums are never made across currencies."""
    found = list(stood)
    lines = in_all_states(sorted({each.currency for each in found}))
    by_state = {(line.currency, line.state): line for line in lines}
    for each in found:
        by_state[each.currency, each.state].add(each)
    return lines

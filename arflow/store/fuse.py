"""Storm fuses: how much has left by policy and day, which fuses are blown, and what people did about them.

What leaves is counted in the transaction that lets it leave. Processes count on parts of their own, so that they do not
wait for each other; each sees what others have committed, so that at most a batch of each leaves beyond the ceiling.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from arflow.rules.guards import USUAL_DAYS
from arflow.store.desk_tables import blown_fuse, departed

_PARTS = 64

Day = tuple[str, dt.date]
"""The name of a policy, and a local date."""


@dataclass(frozen=True, kw_only=True)
class Fuse:
    """A fuse that blew: `number` messages and calls of `policy` would have left on the local date `on`."""

    id: int
    policy: str
    on: dt.date
    number: int
    ceiling: int
    at: dt.datetime
    mended_at: dt.datetime | None
    is_released: bool | None
    actor: str
    reason: str
    known_at: dt.datetime | None
    known_on: dt.date | None


def count(connection: Connection, numbers: Mapping[Day, int]) -> None:
    """Add what leaves in this transaction."""
    part = func.mod(func.pg_backend_pid(), _PARTS)
    rows = [{"policy": policy, "on": on, "part": part, "number": number} for (policy, on), number in numbers.items()]
    statement = insert(departed).values(sorted(rows, key=lambda row: (row["policy"], row["on"])))
    more = departed.c.number + statement.excluded.number
    connection.execute(statement.on_conflict_do_update(index_elements=["policy", "on", "part"], set_={"number": more}))


def left(connection: Connection, day: Day) -> int:
    """How much has left of a policy on a local date."""
    query = select(func.coalesce(func.sum(departed.c.number), 0))
    return int(connection.execute(query.where(departed.c.policy == day[0], departed.c.on == day[1])).scalar_one())


def usual(connection: Connection, day: Day) -> int:
    """The most that left of a policy on one of the USUAL_DAYS before a local date, 0 when nothing ever did.

    When nothing left on these, what left on the last date before them. A date whose fuse blew and was not released is
    passed over: else each discarded storm would let a larger one through.
    """
    policy, on = day
    stormy = select(blown_fuse.c.on).where(blown_fuse.c.policy == policy, blown_fuse.c.is_released.is_not(True))
    earlier = (departed.c.policy == policy, departed.c.on < on, departed.c.on.not_in(stormy))
    last = select(func.max(departed.c.on)).where(*earlier).scalar_subquery()
    since = func.least(on - dt.timedelta(days=USUAL_DAYS), last)
    days = select(func.sum(departed.c.number).label("number")).where(*earlier, departed.c.on >= since)
    query = select(func.coalesce(func.max(days.group_by(departed.c.on).subquery().c.number), 0))
    return int(connection.execute(query).scalar_one())


def blow(connection: Connection, day: Day, number: int, ceiling: int) -> None:
    """Blow the fuse of a policy, unless it is blown, or was released for this date."""
    policy, on = day
    released = select(blown_fuse.c.id).where(
        blown_fuse.c.policy == policy, blown_fuse.c.on == on, blown_fuse.c.is_released
    )
    if connection.execute(released).first() is None:
        row = {"policy": policy, "on": on, "number": number, "ceiling": ceiling}
        connection.execute(insert(blown_fuse).values(row).on_conflict_do_nothing())


def every(connection: Connection) -> list[Fuse]:
    """Every fuse that ever blew, in order; few ever do."""
    return [Fuse(**row) for row in connection.execute(FUSES).mappings()]


FUSES = select(blown_fuse).order_by(blown_fuse.c.id)


def is_blown() -> ColumnElement[bool]:
    """Whether a fuse of the table stands blown."""
    return blown_fuse.c.mended_at.is_(None)


def blown(connection: Connection) -> list[Fuse]:
    """The fuses that are blown."""
    return [fuse for fuse in every(connection) if fuse.mended_at is None]


def mend(
    connection: Connection,
    policy: str,
    *,
    is_released: bool,
    actor: str,
    reason: str,
    known_at: dt.datetime | None,
    known_on: dt.date | None,
) -> bool:
    """Put the fuse of a policy in again; gives False when it is not blown. Use `advance.mend_fuse`."""
    done = connection.execute(
        update(blown_fuse)
        .where(blown_fuse.c.policy == policy, is_blown())
        .values(
            mended_at=func.now(),
            is_released=is_released,
            actor=actor,
            reason=reason,
            known_at=known_at,
            known_on=known_on,
        )
    )
    return done.rowcount == 1

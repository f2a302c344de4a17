"""What is compared to know whether anything has been recorded or decided since: equal marks, equal answers."""

from sqlalchemy import BigInteger, Connection, cast, func, select

from arflow.store import desk_tables, tables

Mark = tuple[int, ...]
"""Two marks are equal when nothing was recorded, corrected or decided in between, no policy or switch was turned, no
word of payments said, and no fuse blown or mended."""


def mark(connection: Connection) -> Mark:
    """The mark of this moment."""
    event = tables.event
    fuse = desk_tables.blown_fuse
    corrections = select(func.count()).select_from(event).where(~event.c.applied, event.c.was.is_not(None))
    parts = (
        select(cast(func.coalesce(func.sum(tables.account.c.version), 0), BigInteger)),
        select(func.count()).select_from(tables.account),
        select(func.coalesce(func.max(event.c.id), 0)),
        corrections,
        select(func.coalesce(func.max(tables.policy_activation.c.id), 0)),
        select(func.coalesce(func.max(desk_tables.delivery_switch.c.id), 0)),
        select(func.coalesce(func.max(desk_tables.cash_mark.c.id), 0)),
        select(func.count(fuse.c.id) + func.count(fuse.c.mended_at)),
    )
    row = connection.execute(select(*(part.scalar_subquery() for part in parts))).one()
    return tuple(int(value) for value in row)

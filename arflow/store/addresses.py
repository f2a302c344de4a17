"""Addresses that a mail server refused for good: nothing is sent to one until a person clears it."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from arflow.store import accounts
from arflow.store.desk_tables import refused_address


@dataclass(frozen=True, kw_only=True)
class RefusedAddress:
    """An address, in small letters, and what the mail server said when it refused it."""

    address: str
    reason: str
    at: dt.datetime


def refused(connection: Connection, addresses: Iterable[str]) -> dict[str, RefusedAddress]:
    """Those of `addresses` that are refused, by the address in small letters."""
    wanted = sorted({address.strip().lower() for address in addresses})
    found = _read(connection, refused_address.c.address.in_(accounts.listed(wanted))) if wanted else []
    return {one.address: one for one in found}


def every_refused(connection: Connection, limit: int) -> list[RefusedAddress]:
    """The addresses that are refused, the latest first."""
    return _read(connection, limit=limit)


def _read(connection: Connection, *conditions: ColumnElement[bool], limit: int | None = None) -> list[RefusedAddress]:
    table = refused_address
    query = select(table.c.address, table.c.reason, table.c.at).where(table.c.cleared_at.is_(None), *conditions)
    rows = connection.execute(query.order_by(table.c.id.desc()).limit(limit)).mappings()
    return [RefusedAddress(**row) for row in rows]


def mark(connection: Connection, address: str, reason: str, message: int) -> None:
    """Note that a mail server refused `address`, unless that is noted."""
    row = insert(refused_address).values(address=address.lower(), reason=reason, message_id=message)
    unless = text("cleared_at IS NULL")
    connection.execute(row.on_conflict_do_nothing(index_elements=["address"], index_where=unless))


def clear(connection: Connection, address: str, actor: str) -> bool:
    """Let letters go to `address` again, because a person says so; False when it is not refused."""
    done = connection.execute(
        update(refused_address)
        .where(refused_address.c.address == address.strip().lower(), refused_address.c.cleared_at.is_(None))
        .values(cleared_at=func.now(), cleared_by=actor)
    )
    return done.rowcount == 1

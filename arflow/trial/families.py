"""On which accounts a policy is tried: whole families, chosen evenly, the same each time."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Select, func, select

from arflow.store import tables

_READ_AT_ONCE = 1_000


def chosen(connection: Connection, currencies: Sequence[str], most: int) -> list[tuple[str, int]]:
    """The heads of families with up to `most` accounts in all, each with its size, in the order of their hashes.

    So the first of them are as even a choice as all. A family that is too large for what is left is passed over, so
    they are read until nothing is left, however many that are.
    """
    family = tables.account.c.family
    fitting = _families(currencies).having(func.count() <= most).order_by(func.md5(family), family)
    found, left = list[tuple[str, int]](), most
    with connection.execute(fitting, execution_options={"yield_per": _READ_AT_ONCE}) as rows:
        for row in rows:
            if row.size <= left:
                found.append((row.family, row.size))
                left -= row.size
            if not left:
                break
    return found


def _families(currencies: Sequence[str]) -> Select[tuple[str, int]]:
    """Every family with its size."""
    family = tables.account.c.family
    return select(family, func.count().label("size")).where(_is_in(currencies)).group_by(family)


def sizes(connection: Connection, currencies: Sequence[str], most: int) -> tuple[int, int, int]:
    """How many accounts there are, how many of them in families of more than `most`, and in the smallest family."""
    size = _families(currencies).subquery().c.size
    too_large = func.sum(size).filter(size > most)
    row = connection.execute(select(func.sum(size), too_large, func.min(size))).one()
    return int(row[0] or 0), int(row[1] or 0), int(row[2] or 0)


def _is_in(currencies: Sequence[str]) -> ColumnElement[bool]:
    return tables.account.c.currency.in_(currencies)

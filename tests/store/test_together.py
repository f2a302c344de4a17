"""Questions that are asked at once: each has its own rows, and what goes wrong is said as of any statement."""

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import Engine, Integer, Select, bindparam, func, literal_column, select
from sqlalchemy.exc import DataError

from arflow.accounts.entries import Account
from arflow.store import accounts, tables, together

pytestmark = pytest.mark.database

UPTO: Select[Any] = select(func.generate_series(literal_column("1"), bindparam("upto", type_=Integer)))
DAYS: Select[Any] = select(literal_column("date '2026-01-05'") + bindparam("upto", type_=Integer))


def test_each_has_its_own_rows_in_the_order_asked(engine: Engine) -> None:
    with engine.connect() as connection:
        answers = together.ask(connection, together.written(UPTO, DAYS, UPTO), {"upto": 2})
        assert [[(1,), (2,)], [(dt.date(2026, 1, 7),)], [(1,), (2,)]] == answers
        assert [[]] == together.ask(connection, together.written(UPTO), {"upto": 0})


def test_they_see_what_their_transaction_has_written(engine: Engine) -> None:
    everybody = together.written(select(tables.account.c.id))
    with engine.connect() as connection:
        accounts.create(connection, [Account(id="A", currency="USD")], policy_seen=0)
        assert [[("A",)]] == together.ask(connection, everybody, {})
        connection.rollback()
        assert [[]] == together.ask(connection, everybody, {})


@pytest.mark.parametrize("place", range(3))
def test_an_error_of_one_is_an_error_of_all(engine: Engine, place: int) -> None:
    """As SQLAlchemy's own, which names what was asked; the connection is good for more."""
    wrong = select(literal_column("1") / literal_column("0"))
    queries = [UPTO, UPTO]
    queries.insert(place, wrong)
    with engine.connect() as connection:
        with pytest.raises(DataError, match="division by zero"):
            together.ask(connection, together.written(*queries), {"upto": 2})
        connection.rollback()
        assert [[(1,)]] == together.ask(connection, together.written(UPTO), {"upto": 1})


def test_a_query_with_a_value_of_its_own_is_refused() -> None:
    """Two of them might call theirs alike."""
    with pytest.raises(ValueError, match="values of its own: id_1"):
        together.written(select(tables.account.c.id).where(tables.account.c.id == "A"))

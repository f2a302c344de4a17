"""The ticker reads PostgreSQL and rings Redis; it keeps nothing, and lets the day of a demo pass at its pace."""

import datetime as dt

import pytest
from redis import Redis
from sqlalchemy import Engine, func, insert, select, update

from arflow import clock, queues
from arflow.advance import turn_delivery
from arflow.queues import DELIVER, DRAIN
from arflow.store import accounts, desk_tables, tables, waiting
from tests.workers.books import NAME, open_account
from workers import ticker

pytestmark = pytest.mark.database
_PAST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def _tick(engine: Engine, redis: Redis) -> list[int]:
    ticker.tick(engine, redis)
    return [queues.waiting(redis, kind) for kind in (DRAIN, DELIVER)]


def _make_due(engine: Engine) -> None:
    with engine.begin() as connection:
        accounts.make_due(connection, _PAST, _PAST.date())


def test_it_rings_while_accounts_are_due(engine: Engine, redis: Redis) -> None:
    """One ring for a batch, however many ticks; a wiped Redis is rung again; none when nothing is due."""
    open_account(engine)
    assert [0, 0] == _tick(engine, redis)
    _make_due(engine)
    assert [[1, 0], [1, 0]] == [_tick(engine, redis), _tick(engine, redis)]
    redis.flushall()
    assert [1, 0] == _tick(engine, redis)


def test_it_rings_for_messages_while_delivery_is_on(engine: Engine, redis: Redis) -> None:
    open_account(engine)
    with engine.begin() as connection:
        connection.execute(
            insert(desk_tables.message).values(
                account_id=NAME, number=1, template="friendly-reminder", decided_at=_PAST, status="queued"
            )
        )
    assert [0, 0] == _tick(engine, redis)
    with engine.begin() as connection:
        turn_delivery(connection, is_on=True, actor="test", reason="")
    assert [0, 1] == _tick(engine, redis)


def test_it_notes_that_it_is_there(engine: Engine, redis: Redis) -> None:
    with engine.connect() as connection:
        assert waiting.seconds_since(connection, ticker.NAME) is None
    ticker.tick(engine, redis)
    with engine.connect() as connection:
        assert 10 > (waiting.seconds_since(connection, ticker.NAME) or 11)


def test_a_demo_goes_on_at_its_pace(engine: Engine, redis: Redis) -> None:
    """A day passes when its seconds are over, however many tickers look; not while it is paused."""
    with engine.begin() as connection:
        clock.begin_demo(connection, dt.date(2026, 1, 1), 60.0)
    days = []
    for is_running in (False, True, True):
        with engine.begin() as connection:
            clock.run_demo(connection, is_running=is_running)
        ticker.tick(engine, redis)
        ticker.tick(engine, redis)
        days.append(_day(engine))
    assert [dt.date(2026, 1, 1), dt.date(2026, 1, 2), dt.date(2026, 1, 2)] == days
    with engine.begin() as connection:
        earlier = func.now() - dt.timedelta(seconds=61)
        connection.execute(update(desk_tables.heartbeat).values(seen_at=earlier))
    ticker.tick(engine, redis)
    assert dt.date(2026, 1, 3) == _day(engine)


def _day(engine: Engine) -> dt.date:
    with engine.connect() as connection:
        day = connection.execute(select(tables.clock.c.day)).scalar_one()
    assert isinstance(day, dt.date)
    return day

"""The ticker reads PostgreSQL and rings Redis; it keeps nothing, and lets the day of a demo pass at its pace."""

import datetime as dt
import json
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import Engine, func, insert, select, text, update

from arflow import anchors, clock, queues
from arflow.advance import Engineering, record, turn_delivery
from arflow.errors import DatabaseRefused
from arflow.queues import DELIVER, DRAIN
from arflow.rules.reference import Reference
from arflow.store import accounts, database, desk_tables, tables
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


def test_it_rings_for_nobody_while_a_backup_is_restored(engine: Engine, redis: Redis) -> None:
    """Also one that was there before: a copy has accounts that are due, and letters that left long ago."""
    open_account(engine)
    _make_due(engine)
    database.begin_restoring(engine)
    with pytest.raises(DatabaseRefused, match="a backup is being restored here"):
        _tick(engine, redis)
    assert [0, 0] == [queues.waiting(redis, kind) for kind in (DRAIN, DELIVER)]
    with engine.begin() as connection:
        database.end_restoring(connection)
    assert [1, 0] == _tick(engine, redis)


def test_it_notes_that_it_is_there(engine: Engine, redis: Redis) -> None:
    seen = text("SELECT now() - seen_at < interval '10 seconds' FROM heartbeat WHERE name = :name")
    with engine.connect() as connection:
        assert connection.execute(seen, {"name": ticker.NAME}).scalar() is None
    ticker.tick(engine, redis)
    with engine.connect() as connection:
        assert connection.execute(seen, {"name": ticker.NAME}).scalar_one()


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


def test_each_day_has_its_anchor(engine: Engine, tmp_path: Path) -> None:
    """Once something was journalled; one a day; where no folder can be made there is none, and the ticker goes on."""
    open_account(engine)
    _look(engine, tmp_path / "home")
    assert "" == anchors.file_of(tmp_path / "home").read_text()
    _journal(engine)
    (tmp_path / "file").touch()
    _look(engine, tmp_path / "file")
    for _ in range(2):
        _look(engine, tmp_path / "home")
    (line,) = anchors.file_of(tmp_path / "home").read_text().splitlines()
    assert (1, 1, 1) == tuple(json.loads(line)[name] for name in ("anchor", "accounts", "rows"))


def _look(engine: Engine, home: Path) -> None:
    anchoring = ticker.Anchoring(engine, home)
    anchoring.look()
    anchoring.wait()


def _journal(engine: Engine) -> None:
    with engine.begin() as connection:
        forced = {"event": "forced", "to": "escalated", "reason": "for a lawyer"}
        doors = Engineering(evaluator=Reference(), delivery="recorded")
        record(connection, NAME, [forced], actor="lena", engineering=doors)


def _day(engine: Engine) -> dt.date:
    with engine.connect() as connection:
        day = connection.execute(select(tables.clock.c.day)).scalar_one()
    assert isinstance(day, dt.date)
    return day

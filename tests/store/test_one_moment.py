"""What looks at much while others write sees all of it as of one moment."""

import datetime as dt

import pytest
from sqlalchemy import Engine, select, update

from arflow.store import database, tables

pytestmark = pytest.mark.database


def test_what_others_write_meanwhile_is_not_seen(engine: Engine) -> None:
    day = select(tables.clock.c.day)
    with database.one_moment(engine) as connection:
        assert connection.execute(day).scalar() is None
        with engine.begin() as other:
            other.execute(update(tables.clock).values(day=dt.date(2026, 1, 1)))
        assert connection.execute(day).scalar() is None
    with database.one_moment(engine) as connection:
        assert dt.date(2026, 1, 1) == connection.execute(day).scalar()

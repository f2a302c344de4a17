"""Accounts that were read are read again once anything of them is written, and not before."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event

from arflow import clock
from arflow.advance import advance, record
from arflow.store import accounts, remembered
from tests.desk.books import REAL
from tests.desk.conftest import OWNERS, shop_with
from tests.production import step

pytestmark = pytest.mark.database

IDS = sorted(OWNERS)
NOTES = ({"event": "tag", "tag": "vip"}, {"event": "untag", "tag": "vip"}, {"event": "hold", "reason": "asked"})


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    sent: list[str] = []

    def note(*arguments: object) -> None:
        sent.append(str(arguments[2]))

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def check(connection: Connection) -> None:
    """What is remembered is what is there."""
    assert accounts.load(connection, IDS) == remembered.load(connection, IDS)


def test_what_is_remembered_is_what_is_there(engine: Engine, tmp_path: Path) -> None:
    """After each change, also in the transaction that makes several of them, and when that is rolled back."""
    shop_with(engine, tmp_path)
    for day in (21, 22, 25):
        step(engine, dt.date(2026, 1, day))
        with engine.connect() as connection:
            check(connection)
    for undone in (True, False):
        with engine.connect() as connection:
            for content in NOTES:
                record(connection, "CARA", [content], actor="cara", engineering=REAL)
                check(connection)
            if not undone:
                connection.commit()
        with engine.connect() as connection:
            check(connection)


def test_what_stands_as_it_did_is_not_read_again(engine: Engine, tmp_path: Path) -> None:
    shop_with(engine, tmp_path)
    with engine.begin() as connection, counted(engine) as sent:
        remembered.load(connection, IDS)
        sent.clear()
        assert set(IDS) == set(remembered.load(connection, IDS))
        assert 1 == len(sent)
        record(connection, "CARA", NOTES[:1], actor="cara", engineering=REAL)
        advance(connection, ["CARL"], clock.read(connection), REAL)
        sent.clear()
        remembered.load(connection, ["CARA", "NOBODY", "UNKNOWN"])
        assert 1 < len(sent)


def test_what_is_not_there_is_not_found(engine: Engine) -> None:
    with engine.connect() as connection:
        assert {} == remembered.load(connection, ["NONE"])

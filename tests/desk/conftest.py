"""What the tests of people share: accounts that somebody owns, and one whose call is open."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from arflow import advance
from arflow.rules.loader import load_policy
from tests.cli.books import invoice
from tests.production import activate, step, take_in, write_events

POLICY = """
policy: shop
currency: USD
rules:
  - {id: paid-up, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}
  - {id: phone, from: current, when: days_overdue >= 3, to: called, do: [{call: collections}], why: Late.}
"""
OWNERS = {"CARA": "cara", "CARL": "carl", "QUEUE": "seniors", "NOBODY": "", "CALLED": ""}


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction of its own, on a migrated database."""
    with engine.begin() as made:
        yield made


@pytest.fixture
def shop(engine: Engine, tmp_path: Path) -> Engine:
    """Accounts named after who owns them; only CALLED is late, and its call is open on the queue collections."""
    shop_with(engine, tmp_path)
    return engine


def shop_with(engine: Engine, folder: Path) -> None:
    """Fill an empty database so."""
    step(engine, dt.date(2026, 1, 4))
    with engine.begin() as connection:
        advance.turn_delivery(connection, is_on=True, actor="tester", reason="for a test")
    activate(engine, load_policy(POLICY, file="shop.yaml"))
    opened = {"event": "account", "date": "2026-01-05", "currency": "USD"}
    lines = [{**opened, "account": name, "owner": owner} for name, owner in OWNERS.items()]
    take_in(engine, write_events(folder / "shop.jsonl", [*lines, invoice("CALLED")]))
    step(engine, dt.date(2026, 1, 20))

"""Accounts that move to another zone, lived anew: what became known did so in the zone that they had by then."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from arflow import clock
from arflow.accounts.entries import Account
from arflow.accounts.events import parse
from arflow.advance import Engineering, record, rehearse
from arflow.clock import Now
from arflow.replay import Request, lives
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.rules.reference import Reference
from arflow.store import accounts, database
from tests.conftest import copied_database
from tests.production import activate, run, step, take_in, write_events
from tests.set_clock import put, settable

pytestmark = pytest.mark.database

DOORS = Engineering(evaluator=Reference())
REAL = Engineering(evaluator=Reference(), delivery="recorded")
OWED: dict[str, object] = {
    "account": "A",
    "date": "2026-01-05",
    "event": "invoice",
    "id": "I",
    "amount": "50.00",
    "due": "2026-01-05",
}


def policy(days: int) -> Policy:
    rule = f"{{id: r, from: current, when: days_overdue >= {days}, to: reminded, do: [{{tag: seen}}], why: Late.}}"
    return load_policy(f"policy: p\ncurrency: USD\ncalendar: {{timezone: account}}\nrules:\n  - {rule}\n", file="test")


def lives_in(zone: str, day: int) -> dict[str, object]:
    return {"account": "A", "date": f"2026-01-{day:02}", "event": "account", "timezone": zone}


def come(engine: Engine, tmp_path: Path, day: int, *lines: dict[str, object]) -> None:
    step(engine, dt.date(2026, 1, day))
    take_in(engine, write_events(tmp_path / f"{day}.jsonl", lines))


def both(engine: Engine) -> tuple[Account, Account]:
    """The account A as it is kept, and lived anew."""
    with engine.begin() as connection:
        kept = accounts.load(connection, ["A"])["A"].account
        return kept, rehearse(connection, ["A"], clock.read(connection), DOORS)["A"].account


@pytest.mark.parametrize(("before", "after"), [("Europe/Berlin", "Asia/Kolkata"), ("Asia/Tokyo", "America/New_York")])
@pytest.mark.parametrize("is_policy", [True, False])
def test_the_end_of_a_day_is_that_of_the_new_zone(
    engine: Engine, tmp_path: Path, before: str, after: str, *, is_policy: bool
) -> None:
    """An invoice, or a policy, that becomes known after the move does so at the end of that day in the new zone."""
    step(engine, dt.date(2026, 1, 4))
    activate(engine, policy(60))
    come(engine, tmp_path, 5, lives_in(before, 5), *([OWED] if is_policy else []))
    come(engine, tmp_path, 6, lives_in(after, 6))
    come(engine, tmp_path, 7, *([] if is_policy else [OWED]))
    if is_policy:
        activate(engine, policy(1))
    kept, anew = both(engine)
    assert kept == anew


def test_a_zone_named_later_is_not_that_of_the_beginning(engine: Engine, tmp_path: Path) -> None:
    """Imported whole, an account lives as in its replay: on the policy's clock until its zone is known."""
    who: dict[str, object] = {"account": "A", "date": "2026-01-05", "event": "account"}
    lines = [who, OWED, lives_in("Asia/Tokyo", 10)]
    step(engine, dt.date(2026, 1, 3))
    activate(engine, policy(3))
    take_in(engine, write_events(tmp_path / "all.jsonl", lines))
    step(engine, dt.date(2026, 1, 12))
    request = Request(events=tuple(parse(line) for line in lines), policy=policy(3), until=dt.date(2026, 1, 12))
    [lived] = lives(request, Reference())
    assert {one.entered_at for one in (*both(engine), lived.account)} == {dt.datetime(2026, 1, 8, 8, tzinfo=dt.UTC)}


@pytest.fixture
def real(template: str) -> Iterator[Engine]:
    """An empty database on a real clock that the test sets."""
    engine = database.connect(settable(copied_database(template, "moving")))
    yield engine
    engine.dispose()


def test_on_the_real_clock_nothing_said_after_the_move_waits(real: Engine, tmp_path: Path) -> None:
    """A hold at ten in Tokyo is known that day, though in Los Angeles, where the account was, it were yet to come."""

    def say(at: dt.datetime, **content: object) -> None:
        put(real, at)
        with real.begin() as connection:
            record(connection, "A", [content], actor="ada", engineering=REAL)

    put(real, dt.datetime(2026, 1, 5, tzinfo=dt.UTC))
    activate(real, policy(3))
    take_in(real, write_events(tmp_path / "a.jsonl", [lives_in("America/Los_Angeles", 4)]))
    say(dt.datetime(2026, 1, 6, 12, tzinfo=dt.UTC), event="account", timezone="Asia/Tokyo")
    say(dt.datetime(2026, 1, 7, 1, 0, 30, tzinfo=dt.UTC), event="hold")
    say(dt.datetime(2026, 1, 7, 16, tzinfo=dt.UTC), event="tag", tag="x", date="2026-01-03")
    put(real, dt.datetime(2026, 1, 8, 3, tzinfo=dt.UTC))
    run(real, REAL)
    with real.begin() as connection:
        anew = rehearse(connection, ["A"], Now(day=dt.date(2026, 1, 7)), REAL)["A"].account
    assert anew.on_hold
    assert not anew.tags

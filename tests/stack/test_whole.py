"""Ledgers driven through `arflow up`'s own processes on a clock that runs by itself: what a replay of them prints.

The ticker rings, RQ workers drain and deliver, messages become files, their results come back as causes, and the day
moves on only when nothing is due and nothing is queued. The long run lives through more days.
"""

import datetime as dt
import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from arflow import clock
from arflow.accounts.events import parse
from arflow.advance import activate, turn_delivery
from arflow.ledger import importing, profileloader
from arflow.ledger.csvfile import CsvFile
from arflow.ledger.profiles import Profile
from arflow.ledger.rowevents import Row
from arflow.replay import Request, replay
from arflow.rules.engine import DurableRules
from arflow.sample import generate
from arflow.store import database, embedded, migrating
from tests.conftest import copied_database
from tests.production import journal_lines, replay_lines, standard, write_events
from tests.servers import Up, until
from tests.sizes import size

pytestmark = [pytest.mark.database, pytest.mark.slow]

DAYS = size(30, 540)
ACCOUNTS, MONTHS = size(60, 400), size(4, 18)
TERMS = 12
"""So many days more of a ledger whose first invoices fall due after a month only."""

_ONE_DAY = dt.timedelta(days=1)
SPEED = 0.2
PATIENCE = 120.0 + 8.0 * DAYS
CURRENCIES = ("USD", "EUR", "GBP")
Events = list[dict[str, object]]


@pytest.fixture
def home(folder: Path, request: pytest.FixtureRequest) -> Path:
    """A home of this test's own."""
    return folder / str(request.node.name)[:20]


@pytest.fixture
def own_servers(servers: dict[str, str]) -> dict[str, str]:
    """As `servers`, with a database of this test's own."""
    if "ARFLOW_DATABASE_URL" not in servers:
        return servers
    url = servers["ARFLOW_DATABASE_URL"].replace("/arflow?", "/template1?")
    return servers | {"ARFLOW_DATABASE_URL": copied_database(url, "whole")}


def prepare(url: str, file: Path, profile: Profile | None, eve: dt.date) -> None:
    """A database whose clock runs by itself from the evening of `eve`, with a ledger and the standard policies."""
    engine = database.connect(url)
    migrating.migrate(engine)
    with engine.begin() as connection:
        clock.begin_demo(connection, eve, SPEED)
        for currency in CURRENCIES:
            activate(connection, standard(f"standard-{currency.lower()}"), message="for a test", actor="tester")
        turn_delivery(connection, is_on=True, actor="tester", reason="for a test")
        importing.import_file(
            connection, file, clock.read(connection), importing.Options(profile=profile), lambda *_: None
        )
        clock.run_demo(connection, is_running=True)
    engine.dispose()


def drive(home: Path, servers: dict[str, str], last: dt.date) -> tuple[list[str], Events]:
    """Let the processes live to the end of `last`; gives the journal's steps and effects, and the delivery results."""
    up = Up(home, "--demo", **servers).wait()
    try:
        engine = database.connect(up.database_url)
        until(lambda: _has_passed(engine, last), PATIENCE)
        found, told = journal_lines(engine), results(engine)
        engine.dispose()
    finally:
        up.end()
    return [line for line in found if json.loads(line)["date"] <= last.isoformat()], told


def _has_passed(engine: Engine, last: dt.date) -> bool:
    with engine.begin() as connection:
        present = clock.demo(connection)
        if present is None or present.day <= last:
            return False
        clock.run_demo(connection, is_running=False)
        return clock.is_at_rest(connection, clock.read(connection))


def results(engine: Engine) -> Events:
    """The delivery results that were recorded, in the order of their recording."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM event WHERE kind LIKE 'notice%' ORDER BY id")).all()
    return [{**row.content, "event": row.kind, "account": row.account_id} for row in rows]


def replayed(events: Events, last: dt.date, currency: str, accounts: set[object]) -> list[str]:
    """What `arflow replay --delivery recorded --until LAST` prints of `accounts` under the policy of their currency."""
    parsed = tuple(parse(event, at) for at, event in enumerate(events, start=1) if event["account"] in accounts)
    request = Request(events=parsed, policy=standard(f"standard-{currency.lower()}"), until=last, delivery="recorded")
    return replay_lines(replay(request, DurableRules()))


def _first_day(events: Events) -> dt.date:
    return min(dt.date.fromisoformat(str(event["date"])) for event in events)


def test_the_sample_ledger_through_all_processes_is_its_replay(
    home: Path, own_servers: dict[str, str], tmp_path: Path
) -> None:
    """Reminders, calls, repeats and promises of three currencies and four zones: the same sorted steps and effects."""
    events = list(generate(seed=5, accounts=ACCOUNTS, months=MONTHS, until=dt.date(2026, 6, 30)))
    eve = _first_day(events) - 2 * _ONE_DAY
    last = eve + DAYS * _ONE_DAY
    prepare(
        own_servers.get("ARFLOW_DATABASE_URL") or embedded.start(home),
        write_events(tmp_path / "sample.jsonl", events),
        None,
        eve,
    )
    lived, told = drive(home, own_servers, last)
    expected: list[str] = []
    for currency in CURRENCIES:
        mine = {e["account"] for e in events if e["event"] == "account" and e.get("currency") == currency}
        expected += replayed([*events, *told], last, currency, mine)
    assert {"notice_delivered"} <= {event["event"] for event in told}
    assert sorted(expected) == lived


@pytest.mark.long
@pytest.mark.sample_data
def test_the_ibm_ledger_through_all_processes_is_its_replay(
    home: Path, own_servers: dict[str, str], sample_data: Path
) -> None:
    """A real ledger without addresses: every message fails to be delivered, is told so, and the ladder waits."""
    file, profile = sample_data / "ibm" / "WA_Fn-UseC_-Accounts-Receivable.csv", profileloader.find("ibm-us")
    events = [dict(event) for row in CsvFile(file, profile) if isinstance(row, Row) for event in row.events]
    unique = list({json.dumps(event): event for event in events}.values())
    eve = _first_day(unique) - _ONE_DAY
    last = eve + (DAYS + TERMS) * _ONE_DAY
    prepare(own_servers.get("ARFLOW_DATABASE_URL") or embedded.start(home), file, profile, eve)
    lived, told = drive(home, own_servers, last)
    mine = {event["account"] for event in unique}
    assert {"notice_failed"} == {event["event"] for event in told}
    assert replayed([*unique, *told], last, "USD", mine) == lived

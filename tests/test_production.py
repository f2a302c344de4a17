"""Production and replay come to the same: the same events give the same steps and effects, however they come in."""

import datetime as dt
import itertools
import json
import random
from pathlib import Path

import pytest
from sqlalchemy import Engine

from arflow.accounts.events import parse
from arflow.ledger import profileloader
from arflow.ledger.csvfile import CsvFile
from arflow.ledger.rowevents import Row
from arflow.replay import Request, lives, replay
from arflow.rules.engine import DurableRules
from arflow.sample import generate
from arflow.store.accounts import load
from tests.production import activate, journal_lines, replay_lines, standard, states, step, take_in, write_events
from tests.sizes import LONG

pytestmark = pytest.mark.database

IBM_FILES = {
    "ibm-us": "WA_Fn-UseC_-Accounts-Receivable.csv",
    "ibm-leading-zeros": "variant_leading_zeros.csv",
    "ibm-dayfirst": "variant_dayfirst_dates.csv",
}
START, END = dt.date(2011, 12, 30), dt.date(2013, 3, 31) if LONG else dt.date(2012, 7, 31)
"""The stretch of the IBM ledger that is lived through, from the day before its first invoice."""

SAMPLE_END = dt.date(2026, 6, 30)


@pytest.fixture(scope="module")
def sample() -> list[dict[str, object]]:
    """A small sample ledger: the habits of the big one, fewer accounts and months."""
    return list(generate(seed=7, accounts=40, months=8, until=SAMPLE_END))


def _sample_replay(events: list[dict[str, object]], currency: str) -> list[str]:
    return _replayed(_of_currency(events, currency), f"standard-{currency.lower()}", SAMPLE_END)


def _replayed(events: list[dict[str, object]], policy: str, until: dt.date) -> list[str]:
    parsed = tuple(parse(event, line) for line, event in enumerate(events, start=1))
    return replay_lines(replay(Request(events=parsed, policy=standard(policy), until=until), DurableRules()))


def _of_currency(events: list[dict[str, object]], currency: str) -> list[dict[str, object]]:
    mine = {e["account"] for e in events if e["event"] == "account" and e.get("currency") == currency}
    return [event for event in events if event["account"] in mine]


def _all_replayed(events: list[dict[str, object]]) -> list[str]:
    return sorted(line for currency in ("USD", "EUR", "GBP") for line in _sample_replay(events, currency))


def _activate_all(engine: Engine) -> None:
    for name in ("standard-usd", "standard-eur", "standard-gbp"):
        activate(engine, standard(name))


def _first_day(events: list[dict[str, object]]) -> dt.date:
    return min(dt.date.fromisoformat(str(event["date"])) for event in events)


def test_the_sample_ledger_imported_whole_lives_as_its_replay(
    engine: Engine, sample: list[dict[str, object]], tmp_path: Path
) -> None:
    """All events imported before the first day, then day by day: the same steps and effects as the replay's."""
    step(engine, _first_day(sample) - dt.timedelta(days=2))
    _activate_all(engine)
    take_in(engine, write_events(tmp_path / "events.jsonl", sample))
    step(engine, SAMPLE_END)
    assert _all_replayed(sample) == journal_lines(engine)


def test_the_sample_ledger_imported_day_by_day_lives_as_its_replay(
    engine: Engine, sample: list[dict[str, object]], tmp_path: Path
) -> None:
    """Each day's events imported the evening before: the same steps and effects as the replay's."""
    day = _first_day(sample) - dt.timedelta(days=2)
    step(engine, day)
    _activate_all(engine)
    by_day = itertools.groupby(
        sorted(sample, key=lambda event: str(event["date"])), key=lambda event: str(event["date"])
    )
    for date, events in by_day:
        step(engine, dt.date.fromisoformat(date) - dt.timedelta(days=1))
        take_in(engine, write_events(tmp_path / f"{date}.jsonl", events))
    step(engine, SAMPLE_END)
    assert _all_replayed(sample) == journal_lines(engine)


def test_files_in_another_order_and_twice_give_the_same_end(
    engine: Engine, sample: list[dict[str, object]], tmp_path: Path
) -> None:
    """The ledger in five files of different accounts, shuffled inside, in reverse order, each twice: the same lines."""
    step(engine, _first_day(sample) - dt.timedelta(days=2))
    _activate_all(engine)
    files = []
    for number in range(5):
        mine = [event for event in sample if _family_number(sample, str(event["account"])) % 5 == number]
        files.append(write_events(tmp_path / f"{number}.jsonl", _shuffled(mine, number)))
    for file in [*reversed(files), *files]:
        take_in(engine, file)
    step(engine, SAMPLE_END)
    assert _all_replayed(sample) == journal_lines(engine)


def _shuffled(events: list[dict[str, object]], seed: int) -> list[dict[str, object]]:
    """`events` in a random order; those of one account and moment are one cause and stay in theirs."""
    moments: dict[tuple[object, ...], list[dict[str, object]]] = {}
    for event in events:
        moments.setdefault((event["account"], event["date"], event.get("time")), []).append(event)
    groups = list(moments.values())
    random.Random(seed).shuffle(groups)
    return [event for group in groups for event in group]


def _family_number(events: list[dict[str, object]], account: str) -> int:
    """Accounts that pay through another come in the same file as that one."""
    payer = next((e["pays_through"] for e in events if e["account"] == account and e.get("pays_through")), account)
    return sum(str(payer).encode())


def _ibm_events(sample_data: Path) -> list[dict[str, object]]:
    file = CsvFile(sample_data / "ibm" / IBM_FILES["ibm-us"], profileloader.find("ibm-us"))
    found = {json.dumps(event): event for row in file if isinstance(row, Row) for event in row.events}
    return list(found.values())


def test_an_account_that_moves_east_on_its_first_day_lives_as_its_replay(engine: Engine, tmp_path: Path) -> None:
    """Its second event has the earlier instant where its account is to be, and still comes second."""
    who = {"account": "Nord", "date": "2026-03-03"}
    events: list[dict[str, object]] = [
        {"event": "account", **who, "time": "00:01", "timezone": "UTC"},
        {"event": "account", **who, "time": "03:00", "timezone": "Asia/Kolkata"},
    ]
    step(engine, dt.date(2026, 3, 2))
    activate(engine, standard("standard-usd"))
    take_in(engine, write_events(tmp_path / "events.jsonl", events))
    step(engine, dt.date(2026, 3, 4))
    request = Request(events=tuple(map(parse, events)), policy=standard("standard-usd"), until=dt.date(2026, 3, 4))
    (lived,) = lives(request, DurableRules())
    with engine.connect() as connection:
        stored = load(connection, ["Nord"])["Nord"].account
    assert ("Asia/Kolkata", lived.account) == (stored.timezone, stored)


@pytest.mark.sample_data
def test_the_ibm_ledger_lives_as_its_replay(engine: Engine, sample_data: Path) -> None:
    """The IBM ledger imported whole through its profile, then day by day: the same as the replay of its events."""
    step(engine, START)
    activate(engine, standard("standard-usd"))
    take_in(engine, sample_data / "ibm" / IBM_FILES["ibm-us"], profileloader.find("ibm-us"))
    step(engine, END)
    assert _replayed(_ibm_events(sample_data), "standard-usd", END) == journal_lines(engine)


@pytest.mark.sample_data
@pytest.mark.parametrize("order", list(itertools.permutations(IBM_FILES))[::2])
def test_the_ibm_variants_are_one_ledger(engine: Engine, sample_data: Path, order: tuple[str, ...]) -> None:
    """Whichever variant comes first gives 2,466 invoices; the others, in whichever order, change nothing."""
    first, *others = order
    report = take_in(engine, sample_data / "ibm" / IBM_FILES[first], profileloader.find(first))
    ledger = states(engine)
    assert (2466, 2466, 100) == (report.outcome.new["invoice"], report.outcome.new["payment"], report.outcome.opened)
    assert {"USD": 14770318} == report.outcome.billed
    for name in others:
        again = take_in(engine, sample_data / "ibm" / IBM_FILES[name], profileloader.find(name))
        assert (0, 0, 0) == (sum(again.outcome.new.values()), len(again.outcome.corrections), again.rejected)
    assert ledger == states(engine)

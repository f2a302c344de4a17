"""With real delivery the stepped clock never outruns a message: a life is what a replay of the results prints."""

import datetime as dt
import random
import zlib
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Row, select, text, update

from arflow import clock
from arflow.accounts.events import parse
from arflow.advance import Delivery, Engineering, deliver_results
from arflow.forecast import forecast
from arflow.replay import Request, replay
from arflow.rules.engine import DurableRules
from arflow.rules.loader import load_policy
from arflow.sample import generate
from arflow.store import desk_tables, switch
from tests.production import activate, journal_lines, replay_lines, run, standard, step, take_in, turn, write_events

pytestmark = pytest.mark.database

REAL = Engineering(evaluator=DurableRules(), delivery="recorded")
END = dt.date(2026, 6, 30)
_ONE_DAY = dt.timedelta(days=1)
MESSAGE = desk_tables.message


@pytest.fixture(scope="module")
def sample() -> list[dict[str, object]]:
    """A small sample ledger with families, four zones and three currencies."""
    return list(generate(seed=11, accounts=40, months=7, until=END))


def begin(engine: Engine, events: list[dict[str, object]], path: Path, *, delivering: bool = True) -> dt.date:
    """The evening before the first event: policies, the delivery switch, and the whole ledger; gives that day."""
    day = min(dt.date.fromisoformat(str(event["date"])) for event in events) - 2 * _ONE_DAY
    step(engine, day)
    for name in ("standard-usd", "standard-eur", "standard-gbp"):
        activate(engine, standard(name))
    if delivering:
        turn(engine, is_on=True)
    take_in(engine, write_events(path / "events.jsonl", events))
    return day


def fails(account: str, number: int) -> bool:
    """Whether a message is to fail: about one in ten, whenever and in whichever order it is tried."""
    return zlib.crc32(f"{account} {number}".encode()) % 10 == 0


def hand_over(engine: Engine) -> int:
    """Do what the deliverer does, without its mail: settle every queued message and record its result."""
    with engine.begin() as connection:
        if not switch.is_on(connection):
            return 0
        rows = connection.execute(select(MESSAGE).where(MESSAGE.c.status == "queued")).all()
        random.Random(len(rows)).shuffle(rows)  # type: ignore[arg-type]  # a list of rows
        results = [delivery(row, delivered=not fails(row.account_id, row.number)) for row in rows]
        for row, result in zip(rows, results, strict=True):
            status = "sent" if result.delivered else "failed"
            done = update(MESSAGE).where(MESSAGE.c.id == row.id).values(status=status, settled_at=text("now()"))
            connection.execute(done)
        deliver_results(connection, results)
    return len(rows)


def delivery(row: Row[Any], *, delivered: bool) -> Delivery:
    """What became of the message of a row."""
    return Delivery(
        account=row.account_id,
        template=row.template,
        decided_at=row.decided_at,
        zone=row.zone,
        delivered=delivered,
    )


def test_what_is_told_twice_is_there_twice(engine: Engine, sample: list[dict[str, object]], tmp_path: Path) -> None:
    """In one call or in two; nothing that is told is taken for a repetition of what was."""
    begin(engine, sample, tmp_path)
    account = next(str(event["account"]) for event in sample if event["event"] == "account")
    told = Delivery(
        account=account,
        template="first-reminder",
        decided_at=dt.datetime(2026, 1, 5, tzinfo=dt.UTC),
        zone="UTC",
        delivered=True,
    )
    for times in (2, 1):
        with engine.begin() as connection:
            deliver_results(connection, [told] * times)
    query = "SELECT occurrence FROM event WHERE kind = 'notice_delivered' ORDER BY id"
    with engine.connect() as connection:
        assert [1, 2, 3] == list(connection.execute(text(query)).scalars())


def live(engine: Engine, day: dt.date, until: dt.date, batch: int = 7) -> None:
    """Step the clock as the ticker does: a day moves on only when nothing is due and nothing is queued."""
    while True:
        run(engine, REAL, limit=batch)
        if hand_over(engine):
            continue
        with engine.begin() as connection:
            assert clock.is_at_rest(connection, clock.read(connection))
            if day == until:
                return
            day += _ONE_DAY
            clock.step_to(connection, day)


def results(engine: Engine) -> list[dict[str, object]]:
    """The recorded delivery results, as events."""
    query = "SELECT content, kind, account_id FROM event WHERE kind LIKE 'notice%' ORDER BY id"
    with engine.connect() as connection:
        return [
            {**row.content, "event": row.kind, "account": row.account_id} for row in connection.execute(text(query))
        ]


def replayed(events: list[dict[str, object]], until: dt.date = END) -> list[str]:
    """What replays of the standard policies print, each for the accounts in its currency."""
    found: list[str] = []
    for currency in ("USD", "EUR", "GBP"):
        mine = {e["account"] for e in events if e["event"] == "account" and e.get("currency") == currency}
        parsed = tuple(parse(event, at) for at, event in enumerate(events, start=1) if event["account"] in mine)
        policy = standard(f"standard-{currency.lower()}")
        found += replay_lines(
            replay(Request(events=parsed, policy=policy, until=until, delivery="recorded"), REAL.evaluator)
        )
    return sorted(found)


def test_a_ledger_lived_with_delivery_is_the_replay_of_its_results(
    engine: Engine, sample: list[dict[str, object]], tmp_path: Path
) -> None:
    """Messages are handed over in any order, one in ten fails, families wait for each other: the same steps."""
    live(engine, begin(engine, sample, tmp_path), END)
    told = results(engine)
    assert {"notice_delivered", "notice_failed"} == {event["event"] for event in told}
    assert replayed([*sample, *told]) == journal_lines(engine)


def test_nothing_leaves_before_go_live_and_the_forecast_comes_true(
    engine: Engine, sample: list[dict[str, object]], tmp_path: Path
) -> None:
    """Delivery is off after the first import; what is forecast then is what leaves in 14 days once it is on."""
    half = END - dt.timedelta(days=60)
    day = begin(engine, sample, tmp_path, delivering=False)
    live(engine, day, half)
    with engine.connect() as connection:
        assert [] == connection.execute(select(MESSAGE)).all()
        assert 0 == connection.execute(text("SELECT count(*) FROM effect WHERE status <> 'waiting'")).scalar()
        made = forecast(connection, REAL)
        foreseen = [(one.account, one.on, one.effect, one.name) for one in made.leaving]
        assert (len(foreseen), half) == (made.total, made.today)
    turn(engine, is_on=True)
    _all_arrive(engine, half, half + dt.timedelta(days=14))
    query = """SELECT account_id, "on", details ->> 'effect', details ->> 'name' FROM journal
               WHERE kind = 'effect' AND details ->> 'effect' IN ('send', 'call')"""
    with engine.connect() as connection:
        left = [tuple(row) for row in connection.execute(text(query))]
    assert len(left) > 10
    assert sorted(left) == sorted(foreseen)


def _all_arrive(engine: Engine, day: dt.date, until: dt.date) -> None:
    """As `live`, with a mail that always arrives."""
    global fails  # noqa: PLW0603  # put back below
    real, fails = fails, lambda *_: False
    try:
        live(engine, day, until)
    finally:
        fails = real


def test_a_result_that_is_known_tomorrow_wakes_its_account(engine: Engine, tmp_path: Path) -> None:
    """Across the date line it is tomorrow already: the letter of the move leaves today, its result is dated ahead."""
    who = {"account": "Tui", "date": "2026-03-02"}
    events: list[dict[str, object]] = [
        {"event": "account", **who, "currency": "USD", "timezone": "Pacific/Honolulu"},
        {"event": "invoice", **who, "id": "I1", "amount": "100.00", "due": "2026-02-27"},
        {"event": "account", **who, "date": "2026-03-03", "time": "12:00", "timezone": "Pacific/Apia"},
        {"event": "contact", **who, "date": "2026-03-06", "channel": "letter", "direction": "in"},
    ]
    live(engine, begin(engine, events, tmp_path), dt.date(2026, 3, 20))
    expected = replayed([*events, *results(engine)], dt.date(2026, 3, 20))
    assert 3 == len(expected)
    assert expected == journal_lines(engine)


BRANCH = """\
policy: branches
currency: USD
rules:
  - id: write
    from: current
    when: days_overdue >= 1 and segment == "branch"
    to: reminded
    do: [{send: first-reminder}]
    why: Late.
"""


def test_a_letter_at_the_very_instant_of_its_payers_event_leaves(engine: Engine, tmp_path: Path) -> None:
    """What the payer records at noon lets two branches write at noon; none of the family waits for ever for that."""
    step(engine, dt.date(2026, 3, 1))
    activate(engine, load_policy(BRANCH, file="branches.yaml"))
    turn(engine, is_on=True)
    branch: dict[str, object] = {"event": "account", "date": "2026-03-01", "pays_through": "A", "segment": "branch"}
    invoice = {"event": "invoice", "id": "I1", "amount": "50.00", "due": "2026-02-20"}
    events: list[dict[str, object]] = [
        {"event": "account", "date": "2026-03-01", "account": "A"},
        {**branch, "account": "B"},
        {**branch, "account": "C"},
        {**invoice, "account": "A", "date": "2026-03-03", "time": "12:00"},
    ]
    take_in(engine, write_events(tmp_path / "events.jsonl", events))
    live(engine, dt.date(2026, 3, 1), dt.date(2026, 3, 9))
    steps = [line for line in journal_lines(engine) if '"step"' in line]
    assert [("B", True), ("C", True)] == [(name, f'"{name}"' in line) for name, line in zip("BC", steps, strict=True)]
    parsed = tuple(parse(event, at) for at, event in enumerate([*events, *results(engine)], start=1))
    asked = Request(events=parsed, policy=load_policy(BRANCH, file="b"), until=dt.date(2026, 3, 9), delivery="recorded")
    assert sorted(journal_lines(engine)) == sorted(replay_lines(replay(asked, REAL.evaluator)))

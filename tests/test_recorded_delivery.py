"""With real delivery the stepped clock never outruns a message: a life is what a replay of the results prints."""

import datetime as dt
import json
import random
import zlib
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, Row, select, text, update

from arflow import advance, clock
from arflow.accounts.events import parse
from arflow.advance import Delivery, Engineering, deliver_results
from arflow.errors import Refused
from arflow.forecast import forecast
from arflow.replay import Request, replay
from arflow.rules.engine import DurableRules
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.sample import generate
from arflow.store import desk_tables, switch
from tests.production import activate, journal_lines, replay_lines, run, standard, step, take_in, turn, write_events
from tests.random_events import Line, random_events
from tests.random_policies import LIVELY, loaded, random_document
from tests.sizes import size

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


INVOICE: Line = {"event": "invoice", "id": "I", "amount": "50.00"}
PAYMENT: Line = {"event": "payment", "id": "Z", "amount": "50.00"}
PAID = BRANCH.replace(
    "rules:\n",
    """rules:
  - {id: paid, from: reminded, when: gross_overdue_amount == 0, to: resolved, do: [{notify: lead}], why: Paid.}
""",
)


def both(engine: Engine, path: Path, policy: Policy, events: list[Line], until: dt.date) -> tuple[list[str], list[str]]:
    """What a replay of all that was recorded prints, and what production journalled, lived day by day."""
    day = dt.date.fromisoformat(str(min(str(event["date"]) for event in events))) - _ONE_DAY
    step(engine, day, delivery="recorded")
    with engine.begin() as connection:
        advance.activate(connection, policy, message="", actor="x")
    turn(engine, is_on=True)
    take_in(engine, write_events(path / "events.jsonl", events))
    live(engine, day, until, batch=3)
    return sorted(printed(policy, [*events, *results(engine)], until)), journal_lines(engine)


def printed(policy: Policy, events: list[Line], until: dt.date) -> list[str]:
    """What a replay prints. Raises Refused."""
    parsed = tuple(parse(event, at) for at, event in enumerate(events, start=1))
    asked = Request(events=parsed, policy=policy, until=until, delivery="recorded")
    return replay_lines(replay(asked, REAL.evaluator))


def without_cause(lines: list[str]) -> list[dict[str, object]]:
    """Journal lines, but for what caused them."""
    return [{key: value for key, value in json.loads(line).items() if key != "cause"} for line in lines]


def test_a_letter_at_the_very_instant_of_its_payers_event_leaves(engine: Engine, tmp_path: Path) -> None:
    """What the payer records at noon lets two branches write at noon; none of the family waits for ever for that."""
    branch: Line = {"event": "account", "date": "2026-03-01", "pays_through": "A", "segment": "branch"}
    events: list[Line] = [
        {"event": "account", "date": "2026-03-01", "account": "A"},
        {**branch, "account": "B"},
        {**branch, "account": "C"},
        {**INVOICE, "account": "A", "date": "2026-03-03", "time": "12:00", "due": "2026-02-20"},
    ]
    replayed, lived = both(engine, tmp_path, load_policy(BRANCH, file="b"), events, dt.date(2026, 3, 9))
    steps = [line for line in lived if '"step"' in line]
    assert [("B", True), ("C", True)] == [(name, f'"{name}"' in line) for name, line in zip("BC", steps, strict=True)]
    assert replayed == lived


def test_what_a_payer_does_as_a_letter_leaves_is_not_lost(engine: Engine, tmp_path: Path) -> None:
    """It pays at the very instant of the letter: that is the cause of what comes next, not the letter's arrival."""
    events: list[Line] = [
        {"event": "account", "date": "2026-03-02", "account": "P"},
        {"event": "account", "date": "2026-03-02", "account": "K", "pays_through": "P", "segment": "branch"},
        {**INVOICE, "account": "P", "date": "2026-03-02", "due": "2026-03-03"},
        {**PAYMENT, "account": "P", "date": "2026-03-04", "time": "08:00"},
    ]
    replayed, lived = both(engine, tmp_path, load_policy(PAID, file="p"), events, dt.date(2026, 3, 6))
    assert ["payer"] == [json.loads(line)["cause"] for line in lived if '"paid"' in line and '"step"' in line]
    assert replayed == lived


def test_of_two_things_that_a_payer_does_at_one_instant_the_first_can_be_why_a_letter_leaves(
    engine: Engine, tmp_path: Path
) -> None:
    """Both lie in the hour that a clock skips. The payer cannot be kept back, or the letter would never leave."""
    at_once = PAID.replace("rules:", 'calendar: {timezone: account, act_at: "00:00", weekend: [sat]}\nrules:', 1)
    zone: Line = {"event": "account", "date": "2026-03-02", "timezone": "America/New_York"}
    events: list[Line] = [
        {**zone, "account": "P"},
        {**zone, "account": "K", "pays_through": "P", "segment": "branch"},
        {**INVOICE, "account": "P", "date": "2026-03-08", "time": "02:15", "due": "2026-03-03"},
        {**PAYMENT, "account": "P", "date": "2026-03-08", "time": "02:30"},
    ]
    replayed, lived = both(engine, tmp_path, load_policy(at_once, file="p"), events, dt.date(2026, 3, 12))
    assert "notice_delivered" in str(lived)  # the payment is only seen once the letter has arrived
    assert len(replayed) == len(lived) == 4


def test_who_is_a_day_ahead_hears_of_its_payers_debt(engine: Engine, tmp_path: Path) -> None:
    """K has lived through its third of March, in the west, when its payer's fourth begins in the east.

    L stands still there for a letter. That of K leaves at the next moment that K has, as in a replay; but what is its
    cause there is told as its payer's here.
    """
    east: Line = {"event": "account", "date": "2026-03-02", "timezone": "Australia/Lord_Howe"}
    west: Line = {"event": "account", "account": "K", "timezone": "Pacific/Honolulu"}
    events: list[Line] = [
        {**east, "account": "P"},
        {**west, "date": "2026-03-02", "pays_through": "P", "segment": ""},
        {**east, "account": "L", "pays_through": "P", "segment": "branch"},
        {**INVOICE, "account": "P", "date": "2026-03-04", "time": "07:59", "due": "2026-03-01"},
        {"event": "account", "account": "K", "date": "2026-03-03", "time": "18:00", "segment": "branch"},
    ]
    zones = PAID.replace("rules:", "calendar: {timezone: account}\nrules:", 1)
    replayed, lived = both(engine, tmp_path, load_policy(zones, file="p"), events, dt.date(2026, 3, 9))
    assert without_cause(replayed) == without_cause(lived)


# --- random families --------------------------------------------------------------------------------------------------

DAYS = 8
_CLOCKS = ("08:00", "08:00", "08:00", "08:01", "12:00", "12:00", "18:00")
_ZONES = (("UTC",), ("America/New_York", "Europe/Berlin"), ("Asia/Kolkata", "UTC", "Europe/Berlin"))


def random_family(rng: Random, name: str, start: dt.date) -> list[Line]:
    """Payers, and those who pay through them or through one after the other; much happens at the same few times."""
    zones = rng.choice(_ZONES)
    payers = [f"{name}P{at}" for at in range(rng.randint(1, 2))]
    lines = [line for payer in payers for line in random_events(rng, payer, start, DAYS, rng.randint(3, 8))]
    for at in range(rng.randint(1, 3)):
        own = random_events(rng, f"{name}K{at}", start + _ONE_DAY, DAYS, rng.randint(2, 6))
        own[0]["pays_through"] = rng.choice(payers)
        for line in own[1:]:
            if line["event"] == "account" and rng.random() < 0.6:
                line["pays_through"] = rng.choice((None, *payers))
        lines += own
    for line in lines:
        if "time" in line and rng.random() < 0.6:
            line["time"] = rng.choice(_CLOCKS)
        if "timezone" in line:
            line["timezone"] = rng.choice(zones)
    found = [line for line in lines if not str(line["event"]).startswith("notice")]
    return sorted(found, key=lambda line: (str(line["account"]), str(line["date"]), str(line.get("time", "00:00"))))


def random_policy(rng: Random) -> Policy:
    """A random policy of few facts, so that much is due at once, by whose calendar no letter leaves around midnight."""
    document = random_document(rng, rng.sample(LIVELY, rng.randint(2, 5)))
    calendar = document["calendar"]
    assert isinstance(calendar, dict)
    return loaded(document | {"calendar": calendar | {"act_at": "08:00", "act_until": "18:00", "weekend": ["sun"]}})


def can_be_replayed(policy: Policy, events: list[Line], until: dt.date) -> bool:
    """Whether a replay refuses none of it."""
    try:
        printed(policy, events, until)
    except Refused:
        return False
    return True


@pytest.mark.parametrize("seed", sorted({4, 8, 10, 12, 19, 23, 30, 39, 74, 103, 135, 141} | set(range(size(0, 140)))))
def test_random_families_live_as_in_a_replay_of_their_results(engine: Engine, tmp_path: Path, seed: int) -> None:
    """Whatever their payers do, and when.

    By the seeds 8, 39, 74, 103, 135 and 141 what a payer did as a letter left was once lost. Left out are families by
    which a stepped day cannot tell what a replay tells: where it is still today for a payer in the west, those who pay
    through it in the east hear of that before what they record themselves on the morning of tomorrow. By these seeds 4
    of 300 differ, 146, 227, 234 and 239; and 4 of a review's 200 longer lives in farther zones: 17, 41, 93 and 175.
    """
    rng, start = Random(seed), dt.date(2026, 1, 10)
    policy, until = random_policy(rng), start + (DAYS + 4) * _ONE_DAY
    families = [random_family(rng, name, start) for name in "AB"]
    events = [line for lines in families if can_be_replayed(policy, lines, until) for line in lines]
    replayed, lived = both(engine, tmp_path, policy, events, until)
    assert replayed == lived

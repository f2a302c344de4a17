"""Bad clocks: the database's jumps, a worker's differs, summer time comes and goes, everything stood for a month.

No wake is lost, early or twice, and no journal goes back, because there is one clock, the database's, and an account's
own never goes back.
"""

import datetime as dt
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from email import message_from_bytes
from email.policy import default as as_written
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, text

from arflow import clock
from arflow.advance import record
from arflow.audit import verify
from arflow.deliver import deliver_batch
from arflow.ledger import importing
from arflow.ledger.importing import Options
from arflow.mail import Folder, Mail
from arflow.rules.loader import load_policy
from arflow.rules.reference import Reference
from arflow.store import accounts, database
from tests.conftest import copied_database
from tests.production import activate, run, states, turn, write_events
from tests.set_clock import put, settable, shifted
from tests.test_doors import REAL

pytestmark = pytest.mark.database

LADDER = """
policy: p
currency: USD
catch_up: CATCH_UP
calendar: {timezone: UTC, act_at: "08:00", act_until: "18:00", weekend: []}
rules:
  - {id: paid-up, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}
  - {id: promised, from: any, when: has_open_promise and overdue_amount == 0 and gross_overdue_amount > 0, to: promised,
     why: A promise covers it.}
  - {id: broken, from: promised, when: 'promise_status in ("broken", "partly_kept")', to: called,
     do: [{call: collections}], why: Not kept.}
  - {id: first, from: current, when: days_overdue >= 3, to: reminded, do: [{send: first-reminder}], why: Late.}
  - {id: second, from: reminded, when: days_overdue >= 7, do: [{send: second-reminder}], why: Later.}
  - {id: phone, from: reminded, when: days_overdue >= 10, to: called,
     do: [{send: final-reminder}, {call: collections}], why: Still late.}
  - {id: again, from: called, when: days_since_contact >= 3, repeat_after_days: 3, do: [{notify: lead}], why: Silence.}
  - {id: up, from: called, when: days_overdue >= 20, to: escalated, do: [{notify: lead}], why: Much too late.}
"""
BEGIN = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
HOUR, DAY, MONTH = dt.timedelta(hours=1), dt.timedelta(days=1), dt.timedelta(days=31)


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[arg-type, misc]  # year to minute


@pytest.fixture
def folder(tmp_path: Path) -> Mail:
    return Mail(transport=Folder(tmp_path / "mail"), address="accounts@hill.example", company="Hill & Sons")


Opened = Callable[..., Engine]


@pytest.fixture
def opened(template: str, tmp_path: Path) -> Iterator[Opened]:
    """Makes databases whose clock stands at `at`, with delivery on and a ledger taken in."""
    made: list[Engine] = []

    def make(events: Iterable[dict[str, object]], *texts: str, at: dt.datetime = BEGIN) -> Engine:
        engine = database.connect(settable(copied_database(template, "test")))
        made.append(engine)
        put(engine, at)
        for document in texts:
            activate(engine, load_policy(document, file="test"))
        turn(engine, is_on=True)
        take_in(engine, write_events(tmp_path / "events.jsonl", list(events)))
        return engine

    yield make
    for engine in made:
        engine.dispose()


def take_in(engine: Engine, path: Path) -> None:
    """Import a file, as at any time of the day."""
    with engine.begin() as connection:
        importing.import_file(connection, path, clock.read(connection), Options(profile=None), lambda *_: None)
    run(engine, REAL)


def ledger() -> list[dict[str, object]]:
    """A0 owes since 12 January, A1 pays through it; A2 promised all until the 20th; A3 owes since the 15th."""
    found: list[dict[str, object]] = []
    for number, due in enumerate(("2026-01-12", None, "2026-01-12", "2026-01-15")):
        who: dict[str, object] = {"account": f"A{number}", "date": "2026-01-02"}
        contacts = [{"name": "Ann", "email": f"ann{number}@x.example"}]
        through = {} if due else {"pays_through": "A0"}
        found.append({"event": "account", **who, "currency": "USD", "contacts": contacts, **through})
        if due:
            found.append({"event": "invoice", **who, "id": "I1", "amount": "50.00", "due": due})
    promise = {"event": "promise", "account": "A2", "id": "P1", "amount": "50.00", "due": "2026-01-20"}
    return [*found, {**promise, "date": "2026-01-04"}]


def at_work(engine: Engine, mail: Mail) -> None:
    """Workers do what there is to do now."""
    run(engine, REAL)
    while deliver_batch(engine, mail):
        run(engine, REAL)


JOURNAL = 'SELECT account_id, seq, at, kind, cause, rule, source, "to", details FROM journal ORDER BY account_id, seq'


def journal(engine: Engine) -> list[tuple[object, ...]]:
    """Every row, in order."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(JOURNAL))]


def never_back(engine: Engine) -> bool:
    """Whether the instants of no journal go back, and every decision follows from its facts."""
    before = "lag(at) OVER (PARTITION BY account_id ORDER BY seq)"
    with engine.connect() as connection:
        query = text(f"SELECT count(*) FROM (SELECT at < {before} AS back FROM journal) AS rows WHERE back")
        back = connection.execute(query).scalar()
        sound = verify(connection, {"the reference": Reference()}, accounts.all_ids(connection)).findings == ()
    return not back and sound


def walk(engine: Engine, mail: Mail, hops: Sequence[dt.datetime]) -> None:
    """Set the clock to each of `hops` and let the workers do what is due; nothing happens before its time."""
    latest, seen = BEGIN, 0
    for at in hops:
        put(engine, at)
        at_work(engine, mail)
        latest = max(latest, at)
        with engine.connect() as connection:
            count, last = connection.execute(text("SELECT count(*), max(at) FROM journal")).one()
        assert last is None or last <= latest
        assert seen == count or at == latest, "something happened while the clock stood before what has been"
        seen = count


def steps(begin: dt.datetime, end: dt.datetime, by: dt.timedelta) -> list[dt.datetime]:
    return [begin + by * number for number in range((end - begin) // by + 1)]


# --- jumps -----------------------------------------------------------------------------------------------------------


def test_a_clock_that_jumps_back_changes_nothing(opened: Opened, folder: Mail) -> None:
    """Every fourth morning it jumps back after the work is done: what happens is what would have happened."""
    straight = steps(BEGIN + 8 * HOUR, BEGIN + 28 * DAY, 12 * HOUR)
    found = []
    for back in (None, HOUR, DAY, MONTH):
        jumps = [(at, at - back, at - back / 2) if back and at.day % 4 == 0 else (at,) for at in straight]
        engine = opened(ledger(), LADDER.replace("CATCH_UP", "one_step"))
        walk(engine, folder, [hop for hops in jumps for hop in hops])
        assert never_back(engine)
        found.append(journal(engine))
    assert {"called", "reminded", "escalated"} <= {row[7] for row in found[0]}
    assert [found[0]] * 3 == found[1:]


def test_what_is_said_while_the_clock_is_back_counts_at_once(opened: Opened, tmp_path: Path, folder: Mail) -> None:
    """The clock went back a day; who pays meanwhile is paid up now, not when the clock has caught up."""
    engine = opened(ledger(), LADDER.replace("CATCH_UP", "one_step"))
    walk(engine, folder, steps(BEGIN, utc(2026, 1, 16, 12), 12 * HOUR))
    put(engine, utc(2026, 1, 15, 12))
    for account in ("A0", "A3"):
        payment = {"event": "payment", "id": "Z1", "amount": "50.00"}
        with engine.begin() as connection:
            record(connection, account, [payment], actor="carla", engineering=REAL)
    assert ("resolved", "resolved", "current") == tuple(states(engine)[key][0] for key in ("A0", "A1", "A3"))
    put(engine, utc(2026, 1, 15, 13))
    file = write_events(
        tmp_path / "more.jsonl",
        [{"event": "payment", "account": "A2", "id": "Z2", "amount": "50.00", "date": "2026-01-15"}],
    )
    take_in(engine, file)
    assert ("resolved", 0) == states(engine)["A2"]
    assert never_back(engine)


# --- a standstill ----------------------------------------------------------------------------------------------------


CAUGHT_UP = {
    "jump": {
        "A0": ["15 first-reminder", "46 escalated"],
        "A2": ["13 promised", "46 escalated"],
        "A3": ["46 escalated"],
    },
    "one_step": {
        "A0": ["15 first-reminder", "46 final-reminder", "47 escalated"],
        "A2": ["13 promised", "46 called", "47 escalated"],
        "A3": ["46 first-reminder", "47 final-reminder", "48 escalated"],
    },
    "notice_required": {
        "A0": ["15 first-reminder", "46 final-reminder", "47 escalated"],
        "A2": ["13 promised", "46 called", "47 escalated"],
        "A3": ["46 first-reminder", "47 second-reminder", "48 final-reminder", "49 escalated"],
    },
}
"""What happens to whom on which day of the year, when nothing worked from the afternoon of 15 January for a month."""


@pytest.mark.parametrize("mode", sorted(CAUGHT_UP))
def test_after_a_month_nobody_is_written_to_twice_a_day(opened: Opened, folder: Mail, mode: str) -> None:
    """The clock went forward a month: each account climbs as its mode says, from the day on which work goes on."""
    engine = opened(ledger(), LADDER.replace("CATCH_UP", mode))
    walk(engine, folder, steps(BEGIN, utc(2026, 1, 15, 12), 12 * HOUR))
    walk(engine, folder, steps(utc(2026, 2, 15, 12), utc(2026, 2, 22, 12), 6 * HOUR))
    assert CAUGHT_UP[mode] == {key: told(engine, key) for key in CAUGHT_UP[mode]}
    assert [] == twice_a_day(folder)
    assert {"escalated"} == {state for state, _ in states(engine).values()}
    assert never_back(engine)


@pytest.mark.parametrize("mode", sorted(CAUGHT_UP))
def test_letters_that_lay_at_the_post_when_all_stood_still_leave_on_days_of_their_own(
    opened: Opened, folder: Mail, mode: str
) -> None:
    """The first letters were decided and not handed over; a month later others are: one a day, the oldest first."""
    engine = opened(ledger(), LADDER.replace("CATCH_UP", mode))
    for at in steps(BEGIN, utc(2026, 1, 18, 12), 12 * HOUR):
        put(engine, at)
        run(engine, REAL)
    for at in steps(utc(2026, 2, 16, 9), utc(2026, 2, 26, 9), 4 * HOUR):
        put(engine, at)
        at_work(engine, folder)
    assert [] == twice_a_day(folder)
    with engine.connect() as connection:
        unsettled = "SELECT count(*) FROM message WHERE settled_at IS NULL"
        assert 0 == connection.execute(text(unsettled)).scalar_one()
    assert never_back(engine)


def told(engine: Engine, account: str) -> list[str]:
    """The last step, or else letter, of each day on which there was one, with the day of the year."""
    found = {}
    for row in journal(engine):
        if row[0] == account and (row[3] == "step" or (row[3] == "effect" and row[8]["effect"] == "send")):  # type: ignore[index]
            what = row[7] if row[3] == "step" else row[8]["name"]  # type: ignore[index]
            found[row[2].timetuple().tm_yday] = what  # type: ignore[attr-defined]
    return [f"{day} {what}" for day, what in found.items()]


def twice_a_day(mail: Mail) -> list[tuple[str, dt.date]]:
    """Who got two letters on one date, as the letters themselves say."""
    assert isinstance(mail.transport, Folder)
    raw = [mail.transport.read(key) or b"" for key in mail.transport.keys(1000)]
    letters = [message_from_bytes(content, policy=as_written) for content in raw]
    assert letters
    dates = Counter((str(letter["To"]), letter["Date"].datetime.date()) for letter in letters)
    return [key for key, number in dates.items() if number > 1]


# --- summer time -----------------------------------------------------------------------------------------------------


EVERY_MORNING = """
policy: {name}
currency: USD
applies_to: segment == "{name}"
calendar: {{timezone: {zone}, act_at: "{act_at}", act_until: "23:59", weekend: []}}
rules:
  - {{id: daily, from: current, when: days_overdue >= 1, repeat_after_days: 1, do: [{{notify: lead}}], why: Daily.}}
"""
SUMMER_TIME = {
    "ny-begins": (
        "America/New_York",
        "02:30",
        (utc(2026, 3, 7, 7, 30), utc(2026, 3, 8, 7, 0), utc(2026, 3, 9, 6, 30)),
    ),
    "ny-ends": (
        "America/New_York",
        "01:30",
        (utc(2026, 10, 31, 5, 30), utc(2026, 11, 1, 5, 30), utc(2026, 11, 2, 6, 30)),
    ),
    "sydney-begins": (
        "Australia/Sydney",
        "02:30",
        (utc(2026, 10, 2, 16, 30), utc(2026, 10, 3, 16, 0), utc(2026, 10, 4, 15, 30)),
    ),
    "sydney-ends": (
        "Australia/Sydney",
        "02:30",
        (utc(2026, 4, 3, 15, 30), utc(2026, 4, 4, 15, 30), utc(2026, 4, 5, 16, 30)),
    ),
    "lord-howe-begins": (
        "Australia/Lord_Howe",
        "02:15",
        (utc(2026, 10, 2, 15, 45), utc(2026, 10, 3, 15, 30), utc(2026, 10, 4, 15, 15)),
    ),
    "lord-howe-ends": (
        "Australia/Lord_Howe",
        "01:45",
        (utc(2026, 4, 3, 14, 45), utc(2026, 4, 4, 14, 45), utc(2026, 4, 5, 15, 15)),
    ),
}
"""Policies by name: their zone, their act_at, and the instants of three mornings around a change of the clocks.

Half past two does not exist on the first, and comes twice on the other one; on Lord Howe it is half an hour that does.
"""


def test_summer_time_comes_and_goes_and_each_morning_comes_once(opened: Opened, folder: Mail) -> None:
    """At the instant that does not exist: after the gap; at the one that comes twice: the first time, and only then."""
    policies = [EVERY_MORNING.format(name=name, zone=zone, act_at=at) for name, (zone, at, _) in SUMMER_TIME.items()]
    found: list[dict[str, object]] = []
    for name, (zone, _, mornings) in SUMMER_TIME.items():
        who = {"account": name, "date": "2026-01-02"}
        due = mornings[0].astimezone(ZoneInfo(zone)).date() - DAY
        found.append({"event": "account", **who, "currency": "USD", "segment": name})
        found.append({"event": "invoice", **who, "id": "I1", "amount": "50.00", "due": due.isoformat()})
    engine = opened(found, *policies)
    around = (dt.timedelta(seconds=-1), dt.timedelta(0), HOUR / 2, HOUR)
    mornings_of = {name: mornings for name, (_, _, mornings) in SUMMER_TIME.items()}
    for at in sorted({morning + by for mornings in mornings_of.values() for morning in mornings for by in around}):
        put(engine, at)
        at_work(engine, folder)
        expected = {name: [one for one in mornings if one <= at] for name, mornings in mornings_of.items()}
        assert expected == {name: acted(engine, name, mornings[-1]) for name, mornings in mornings_of.items()}
    assert never_back(engine)


def acted(engine: Engine, account: str, until: dt.datetime) -> list[dt.datetime]:
    """When the rules of an account acted, up to an instant."""
    query = "SELECT at FROM journal WHERE account_id = :account AND kind = 'acts' AND at <= :until ORDER BY seq"
    with engine.connect() as connection:
        return list(connection.execute(text(query), {"account": account, "until": until}).scalars())


# --- a worker's own clock --------------------------------------------------------------------------------------------


WORKER = """
import sys, time
from arflow.advance import Engineering, drain
from arflow.rules.reference import Reference
from arflow.store import database

engine = database.connect(sys.argv[1])
while drain(engine, Engineering(evaluator=Reference(), delivery="recorded")):
    pass
print(time.time())
"""


@pytest.mark.parametrize(("differs", "acts"), [(600, -300), (-600, 300)], ids=["ahead", "behind"])
def test_a_worker_goes_by_the_clock_of_the_database(opened: Opened, tmp_path: Path, differs: int, acts: int) -> None:
    """Ten minutes ahead it does nothing early, ten minutes behind it does what is due: the act is five minutes away."""
    now = clock.real_now()
    moment = (now - dt.timedelta(seconds=acts)).replace(second=0, microsecond=0)
    zone = f"Etc/GMT{moment.hour - 12:+d}"  # where it is noon, so that no midnight is near; its sign is turned round
    act_at = f"{moment.astimezone(ZoneInfo(zone)):%H:%M}"
    policy = LADDER.replace("CATCH_UP", "one_step").replace('UTC, act_at: "08:00"', f'{zone}, act_at: "{act_at}"')
    due = moment.astimezone(ZoneInfo(zone)).date() - 3 * DAY
    who = {"account": "A0", "date": (due - 30 * DAY).isoformat()}
    found: list[dict[str, object]] = [
        {"event": "account", **who, "currency": "USD"},
        {"event": "invoice", **who, "id": "I1", "amount": "50.00", "due": due.isoformat()},
    ]
    engine = opened(found, policy, at=moment - HOUR)
    put(engine, now, runs=True)
    url = engine.url.render_as_string(hide_password=False)
    done = subprocess.run(
        [sys.executable, "-c", WORKER, url], env=shifted(tmp_path, differs), check=True, capture_output=True
    )
    assert abs(float(done.stdout) - clock.real_now().timestamp() - differs) < 60
    expected = [moment] if acts > 0 else []
    assert expected == [row[2] for row in journal(engine)][:1]
    put(engine, moment + HOUR)
    run(engine, REAL)
    assert [moment] == [row[2] for row in journal(engine)][:1]


def test_only_the_business_clock_reads_the_time() -> None:
    """Of the whole program; a duration is no time, and what the database says is not ours."""
    reads = re.compile(r"datetime\.now\(|date\.today\(|utcnow\(|time\.time\(|time_ns\(|localtime\(|gmtime\(")
    root = Path(__file__).parents[1]
    found = {
        str(path.relative_to(root))
        for room in ("arflow", "workers")
        for path in (root / room).rglob("*.py")
        if reads.search(path.read_text("utf-8"))
    }
    assert {"arflow/clock.py"} == found

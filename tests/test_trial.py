"""A trial lives accounts as production does: what it foretells comes true, and what was is what it says it was."""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select, text, update

from arflow import advance, clock
from arflow.accounts.events import parse
from arflow.advance import ahead_under, deliver_results, past_under
from arflow.life.life import Life
from arflow.life.records import Entry, EntryKind
from arflow.messages.recipients import has_address
from arflow.replay import Request, replay
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.sample import generate
from arflow.store import accounts, database
from arflow.trial import families, trying
from arflow.trial.told import PARKED, Trial
from arflow.trial.trying import tried
from tests.cli.books import FIRST_DAY, LAST_DAY, LEDGER, POLICY, contents
from tests.conftest import copied_database
from tests.production import POLICIES, STANDARD, activate, run, standard, step, take_in, turn, write_events
from tests.random_events import Line, random_events
from tests.random_policies import loaded, random_document
from tests.set_clock import put, settable
from tests.sizes import size
from tests.test_recorded_delivery import MESSAGE, REAL, delivery

pytestmark = pytest.mark.database

END, AHEAD = dt.date(2026, 4, 30), 14
_ONE_DAY = dt.timedelta(days=1)
TELLING = (EntryKind.STEP, EntryKind.EFFECT, EntryKind.PARKED)
SOONER = {"when: days_overdue >= 5 and overdue_amount": "when: days_overdue >= 2 and overdue_amount"}


def changed(name: str, words: Mapping[str, str]) -> Policy:
    """A shipped policy with other words."""
    source = (POLICIES / f"{name}.yaml").read_text("utf-8")
    for was, now in words.items():
        assert was in source
        source = source.replace(was, now)
    return load_policy(source, file=name)


def told(entries: Iterable[Entry]) -> Counter[tuple[object, ...]]:
    """Steps, effects and parkings, whatever caused them."""
    return Counter(
        (e.account, e.on, e.clock, e.kind.value, e.source, e.to, e.effect, e.name, e.rule)
        for e in entries
        if e.kind in TELLING
    )


def journalled(engine: Engine, account: str = "%") -> Counter[tuple[object, ...]]:
    """The same of what stands in the journal."""
    query = """SELECT account_id, "on", clock, kind, source, "to", details ->> 'effect', details ->> 'name', rule
               FROM journal WHERE kind IN ('step', 'effect', 'parked') AND account_id LIKE :account"""
    with engine.connect() as connection:
        return Counter(tuple(row) for row in connection.execute(text(query), {"account": account}))


def entries(lives: Mapping[str, Life]) -> list[Entry]:
    return [entry for life in lives.values() for entry in life.entries]


def now_of(connection: Connection) -> tuple[list[str], clock.Now]:
    return accounts.all_ids(connection, limit=100_000), clock.read(connection)


# --- the past ---------------------------------------------------------------------------------------------------------

USD = "US-%"


@pytest.fixture(scope="module")
def lived(template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A sample company under the standard policies, whose ledger came in twice: much of it late."""
    folder = tmp_path_factory.mktemp("trial")
    engine = database.connect(copied_database(template, "trial"))
    events = list(generate(seed=6, accounts=size(25, 200), months=5, until=END))
    step(engine, dt.date(2025, 11, 29))
    for name in STANDARD:
        activate(engine, standard(name))
    early = [event for event in events if str(event["date"]) < "2026-02-01"]
    take_in(engine, write_events(folder / "early.jsonl", early))
    step(engine, dt.date(2026, 3, 10))
    take_in(engine, write_events(folder / "late.jsonl", [event for event in events if event not in early]))
    step(engine, END)
    yield engine
    engine.dispose()


def trial_of(engine: Engine, policy: Policy, **asked: Any) -> Trial:  # noqa: ANN401  # those of `tried`
    with database.one_moment(engine) as connection:
        return tried(connection, policy, REAL, **asked)


def test_the_past_of_the_policy_that_was_always_active_is_what_was_journalled(lived: Engine) -> None:
    """Step by step, to the minute, also of what came in late."""
    with database.one_moment(lived) as connection:
        ids, now = now_of(connection)
        dollars = [key for key in ids if key.startswith("US-")]
        lives = past_under(connection, dollars, now, REAL, policy=standard("standard-usd"))
        assert {key: life.account.state for key, life in lives.items()} == {
            key: life.account.state for key, life in advance.standing(connection, dollars, now, REAL).items()
        }
    found = told(entries(lives))
    assert found.total() > 50
    assert journalled(lived, USD) == found


def test_a_policy_that_was_activated_late_is_lived_as_if_it_had_always_been_there(
    engine: Engine, tmp_path: Path
) -> None:
    """As in a replay: neither its own activation nor that of what it replaced is a cause."""
    parking = POLICY.replace("examples:", "never: [{id: no, to: resolved, when: days_in_state >= 0}]\nexamples:")
    after = load_policy(parking.replace("days_overdue >= 10", "days_overdue >= 5"), file="after")
    dollars = [line for line in LEDGER if line["account"] != "E"]
    step(engine, FIRST_DAY)
    take_in(engine, write_events(tmp_path / "e.jsonl", dollars))
    step(engine, FIRST_DAY + 9 * _ONE_DAY)
    activate(engine, load_policy(POLICY, file="before"))
    step(engine, LAST_DAY - 9 * _ONE_DAY)
    activate(engine, after)
    step(engine, LAST_DAY)
    with database.one_moment(engine) as connection:
        lives = past_under(connection, ["A", "B"], clock.read(connection), REAL, policy=after)
    found = sorted((e.account, f"{e.on}", e.kind.value) for e in entries(lives) if e.kind in TELLING)
    events = tuple(parse(line, number) for number, line in enumerate(dollars, 1))
    lines = replay(Request(events=events, policy=after, until=LAST_DAY), REAL.evaluator)
    assert sorted((line["account"], line["date"], line["kind"]) for line in lines) == found
    assert ("B", "2026-01-25", "parked") in found


def test_the_active_policy_makes_no_difference(lived: Engine) -> None:
    """All that it counts is the same on both sides, and what it counts in the past is what was journalled then."""
    made = trial_of(lived, standard("standard-usd"), past=60)
    for question in (made.past, made.ahead):
        assert question is not None
        assert (0, 0, ()) == (question.differing, question.elsewhere, question.accounts)
        assert all(count.now == count.tried for count in question.counts)
        assert question.counts
    assert made.past is not None
    first = made.past.start
    assert END - dt.timedelta(days=59) == first
    journal = Counter[tuple[object, object]]()
    for (_, on, _, kind, source, to, effect, name, _), number in journalled(lived, USD).items():
        assert isinstance(on, dt.date)
        if on >= first:
            journal[effect or kind, name or (f"{source} to {to}" if to else "")] += number
    assert journal == Counter({(one.kind, one.what): one.now for one in made.past.sums})


def test_a_policy_that_acts_sooner_is_told_with_where_it_first_differs(lived: Engine) -> None:
    """What is counted, how accounts stand and which of them differ agree with each other."""
    made = trial_of(lived, changed("standard-usd", SOONER), differences=1)
    assert (made.accounts, standard("standard-usd").version) == (made.of, made.active)
    assert made.past is not None
    assert made.past.differing > 1 == len(made.past.accounts)
    for one in made.past.accounts:
        assert one.now != one.tried
        assert one.tried is not None
        assert one.tried.rule
    money = [one.overdue_minor for one in made.past.accounts]
    assert sorted(money, reverse=True) == money
    for side in ("now", "tried"):
        assert made.accounts == sum(getattr(standing, side) for standing in made.past.states)
        assert sum(getattr(one, side) for one in made.past.sums) == sum(getattr(one, side) for one in made.past.counts)


def test_nothing_is_written(lived: Engine) -> None:
    before = contents(lived)
    trial_of(lived, changed("standard-usd", SOONER))
    assert before == contents(lived)


def test_weeks_are_counted_back_from_today(lived: Engine) -> None:
    """The first has the days that are left over; what falls into a question's days is counted once."""
    made = trial_of(lived, standard("standard-usd"), past=10, ahead=2)
    assert made.past is not None
    assert made.ahead is not None
    day = dt.timedelta(days=1)
    assert (END - 9 * day, END - 6 * day) == made.past.periods
    assert (END, END + day, END + 2 * day) == made.ahead.periods
    assert trial_of(lived, standard("standard-usd"), past=0).past is None


# --- the sample -------------------------------------------------------------------------------------------------------


def test_a_part_of_the_accounts_is_the_same_each_time_and_says_so(lived: Engine) -> None:
    """Nothing is made larger than it is, and a smaller part lies within a larger one."""
    policy = changed("standard-usd", SOONER)
    small, again, large = (trial_of(lived, policy, most=most, differences=1000) for most in (4, 4, 7))
    assert small == again
    assert (4, 7) == (small.accounts, large.accounts)
    assert small.of > 7
    assert f"4 of {small.of} accounts in USD" in small.scope
    assert small.past is not None
    assert large.past is not None
    assert {one.account for one in small.past.accounts} <= {one.account for one in large.past.accounts}


def test_families_are_whole(lived: Engine) -> None:
    """Whatever the part: an account and the one it pays through are both in it, or neither is."""
    with lived.connect() as connection:
        all_of_them = families.chosen(connection, ["USD"], 1000)
        assert max(size for _, size in all_of_them) > 1
        for most in range(1, sum(size for _, size in all_of_them)):
            chosen = families.chosen(connection, ["USD"], most)
            assert sum(size for _, size in chosen) <= most
            assert set(chosen) <= set(all_of_them)


def test_only_accounts_in_its_currency_are_looked_at(lived: Engine) -> None:
    """And in that of the active version, if the policy had another one before."""
    pounds = changed("standard-usd", {"currency: USD": "currency: GBP"})
    assert ("GBP", "USD") == trial_of(lived, pounds, past=0, ahead=1).currencies
    francs = changed("standard-usd", {"currency: USD": "currency: CHF", "policy: standard-usd": "policy: new"})
    assert "There is no account in CHF" in trial_of(lived, francs).scope


def test_what_its_time_was_not_enough_for_is_said(lived: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "_BATCH", 2)
    with database.one_moment(lived) as connection:
        made = tried(connection, standard("standard-usd"), REAL, past=5, ahead=0, seconds=0.0)
    assert (True, True) == (made.is_cut, 2 <= made.accounts < made.of)
    assert "as many as its time was enough for" in made.scope


# --- small books ------------------------------------------------------------------------------------------------------

PLAIN = """
policy: plain
currency: USD
rules:
  - {id: write, from: current, when: days_overdue >= 3, to: reminded, do: [{send: first-reminder}], why: Late.}
"""
MARKING = PLAIN.replace(
    "rules:", "rules:\n  - {id: mark, from: current, when: days_overdue >= 1, do: [{tag: late}], why: L.}"
)


def tried_on(engine: Engine, folder: Path, lines: list[Line], **asked: Any) -> Trial:  # noqa: ANN401  # those of `tried`
    """Marking what is late, tried on a small book that has lived until 20 March without."""
    step(engine, dt.date(2026, 3, 1))
    activate(engine, load_policy(PLAIN, file="plain"))
    take_in(engine, write_events(folder / "e.jsonl", lines))
    step(engine, dt.date(2026, 3, 20))
    return trial_of(engine, load_policy(MARKING, file="marking"), **asked)


def account(key: str, **more: object) -> Line:
    return {"event": "account", "account": key, "date": "2026-03-02", "currency": "USD", **more}


def invoice(key: str) -> Line:
    return {"event": "invoice", "account": key, "date": "2026-03-02", "id": "I", "amount": "50.00", "due": "2026-03-10"}


def test_what_happens_under_both_is_no_difference(engine: Engine, tmp_path: Path) -> None:
    """Something more that is done first moves what follows to another place, but not to another day."""
    made = tried_on(engine, tmp_path, [account("A"), invoice("A")], ahead=0)
    assert made.past is not None
    assert [(None, "tag late")] == [(one.now, one.tried.words) for one in made.past.accounts if one.tried]


def test_a_family_that_is_too_large_is_told(engine: Engine, tmp_path: Path) -> None:
    """With the number of accounts that would be enough, where none fits; else beside what was taken."""
    family = [account("H"), *(account(f"K{at}", pays_through="H") for at in range(5))]
    made = tried_on(engine, tmp_path, family, most=5)
    assert (0, 6, 6, 6) == (made.accounts, made.of, made.too_large, made.smallest)
    assert "No family in USD fits in 5 accounts; ask for at least 6." == made.scope
    take_in(engine, write_events(tmp_path / "z.jsonl", [account("Z")]))
    policy = load_policy(MARKING, file="marking")
    some = trial_of(engine, policy, most=5)
    assert (1, 7, 6) == (some.accounts, some.of, some.too_large)
    assert "Tried on 1 of 7 accounts in USD" in some.scope
    assert "6 are in families too large to be taken" in some.scope
    assert "Tried on all 7 accounts in USD." == trial_of(engine, policy, most=7).scope


def test_families_that_are_too_large_keep_nobody_out(engine: Engine, tmp_path: Path) -> None:
    """However many of them come first by their hashes."""
    names = sorted((f"N{at}" for at in range(20)), key=lambda name: hashlib.md5(name.encode()).hexdigest())  # noqa: S324  # as the choice has it
    large = [account(f"{head}-{at}", pays_through=head) for head in names[:6] for at in range(4)]
    made = tried_on(engine, tmp_path, [*map(account, names), *large], ahead=0, most=3)
    assert (3, 44, 30) == (made.accounts, made.of, made.too_large)


def test_an_account_that_has_not_begun_is_told_apart(engine: Engine, tmp_path: Path) -> None:
    """Nothing can be said of it; one that begins in the days ahead is there at their end."""
    lines = [account("A"), invoice("A"), account("B") | {"date": "2026-09-01"}, account("C") | {"date": "2026-03-25"}]
    made = tried_on(engine, tmp_path, lines)
    assert made.past is not None
    assert made.ahead is not None
    assert (3, 2, 1) == (made.accounts, made.past.not_begun, made.ahead.not_begun)
    for question in (made.past, made.ahead):
        assert made.accounts == question.not_begun + sum(one.now for one in question.states)


# --- beside others, and what cannot be lived --------------------------------------------------------------------------

TYPED = """
policy: typed
currency: USD
precedence: 50
applies_to: country == "US"
attributes: {size: int}
rules:
  - {id: late, from: current, when: days_overdue >= 2, to: reminded, do: [{send: first-reminder}], why: Late.}
"""


def test_a_policy_of_a_new_name_is_added_beside_the_others(lived: Engine) -> None:
    """With its precedence: above them it has the accounts that it applies to, below them it has none."""
    first = load_policy(TYPED, file="typed")
    made = trial_of(lived, first)
    assert made.active is None
    assert made.past is not None
    assert made.past.differing > 0
    last = trial_of(lived, load_policy(TYPED.replace("precedence: 50", "precedence: -5"), file="typed"))
    assert last.past is not None
    assert last.ahead is not None
    assert (0, 0) == (last.past.differing, last.ahead.differing)


def test_accounts_that_it_would_park_are_counted_with_the_reason(lived: Engine) -> None:
    """Such as those whose attributes are of another type, or that no policy applies to any more."""
    nobody = changed("standard-usd", {"currency: USD": 'currency: USD\napplies_to: country == "XX"'})
    made = trial_of(lived, nobody)
    for question in (made.past, made.ahead):
        assert question is not None
        assert ["no policy"] == [one.name for one in question.parked]
        assert (0, made.accounts) == (question.parked[0].now, question.parked[0].tried)
    assert made.ahead is not None
    assert sum(one.tried for one in made.ahead.counts if one.kind == PARKED) >= made.accounts


def test_who_was_parked_before_is_no_news(engine: Engine, tmp_path: Path) -> None:
    """A version that stands for the active one parks nobody; those who stand still are told of at the end."""
    nobody = POLICY.replace("currency: USD", 'currency: USD\napplies_to: country == "XX"')
    step(engine, FIRST_DAY)
    activate(engine, load_policy(nobody, file="nobody"))
    take_in(engine, write_events(tmp_path / "e.jsonl", [line for line in LEDGER if line["account"] != "E"]))
    step(engine, FIRST_DAY + 9 * _ONE_DAY)
    made = trial_of(engine, load_policy(nobody.replace('"XX"', '"YY"'), file="other"), past=3)
    for question in (made.past, made.ahead):
        assert question is not None
        assert [("no policy", made.accounts, made.accounts)] == [(p.name, p.now, p.tried) for p in question.parked]
        assert [] == [one for one in question.counts if one.kind == PARKED]


def test_an_attribute_of_another_type_parks_its_account(lived: Engine) -> None:
    with lived.connect() as connection, connection.begin() as changes:
        some = "SELECT min(account_id) FROM event WHERE kind = 'account' AND content ->> 'country' = 'US'"
        wrong = """UPDATE event SET content = content || '{"attributes": {"size": "big"}}'
                   WHERE kind = 'account' AND account_id = (%s)"""
        connection.execute(text(wrong % some))
        made = tried(connection, load_policy(TYPED, file="typed"), REAL, ahead=0)
        changes.rollback()
    assert made.past is not None
    assert [(0, 1)] == [(one.now, one.tried) for one in made.past.parked if "size" in one.name]


def test_an_account_that_cannot_be_lived_stops_nothing(lived: Engine) -> None:
    """Its family is parked with the reason; all others are lived as ever."""
    with lived.connect() as connection, connection.begin() as changes:
        row = "SELECT min(id) FROM event WHERE kind = 'payment' AND account_id LIKE 'US-%'"
        wrong = """UPDATE event SET content = content || '{"invoice": "NONE"}' WHERE id = (%s) RETURNING account_id"""
        (key,) = connection.execute(text(wrong % row)).one()
        size_of = len(accounts.members_of(connection, [key]))
        made = tried(connection, changed("standard-usd", SOONER), REAL, differences=1000)
        changes.rollback()
    assert made.past is not None
    assert [(size_of, size_of)] == [(one.now, one.tried) for one in made.past.parked if "cannot be decided" in one.name]
    assert made.past.differing > 0
    assert key not in {one.account for one in made.past.accounts}


# --- ahead ------------------------------------------------------------------------------------------------------------


def hand_over(engine: Engine) -> int:
    """Do what the deliverer does, without its mail: what has an address arrives, and nothing else does."""
    with engine.begin() as connection:
        rows = connection.execute(select(MESSAGE).where(MESSAGE.c.status == "queued").order_by(MESSAGE.c.id)).all()
        stored = accounts.load(connection, [row.account_id for row in rows])
        results = [delivery(row, delivered=has_address(stored[row.account_id].account)) for row in rows]
        settled = update(MESSAGE).where(MESSAGE.c.status == "queued")
        connection.execute(settled.values(status="sent", settled_at=text("now()")))
        deliver_results(connection, results)
    return len(rows)


def live(engine: Engine, day: dt.date, until: dt.date) -> None:
    """Step the clock as the ticker does: a day moves on only when nothing is due and nothing is queued."""
    while True:
        run(engine, REAL)
        if hand_over(engine):
            continue
        if day == until:
            return
        day += _ONE_DAY
        with engine.begin() as connection:
            clock.step_to(connection, day)


def assert_comes_true(engine: Engine, today: dt.date, after: Policy) -> int:
    """Activated for real and lived day by day, with letters that leave: what was foretold, to the minute."""
    until = today + AHEAD * _ONE_DAY
    with database.one_moment(engine) as connection:
        ids, now = now_of(connection)
        without = told(entries(ahead_under(connection, ids, now, until, REAL)))
        foretold = told(entries(ahead_under(connection, ids, now, until, REAL, policy=after)))
    done = journalled(engine)
    with engine.begin() as connection:
        advance.activate(connection, after, message="", actor="x")
    live(engine, today, until)
    assert foretold == journalled(engine) - done
    return (without - foretold).total()


def random_ledger(rng: Random, start: dt.date) -> list[Line]:
    """Random lives of two months; every other account has an address."""
    lines: list[Line] = []
    for number in range(size(4, 20)):
        own = random_events(rng, f"A{number}", start, 60, 25)
        own[0] |= {"currency": "USD"}
        if number % 2:
            own[0] |= {"contacts": [{"name": "AP", "email": "ap@customer.example"}]}
        lines += [line for line in own if not str(line["event"]).startswith("notice")]
    return lines


def random_policy(rng: Random, name: str) -> Policy:
    """A random policy by whose calendar no letter leaves around midnight.

    A stepped day ends then, so that a letter and its result would lie on both sides of what became known that day.
    """
    document = random_document(rng) | {"policy": name}
    calendar = document["calendar"]
    assert isinstance(calendar, dict)
    return loaded(document | {"calendar": calendar | {"act_at": "08:00", "act_until": "18:00"}})


@pytest.mark.parametrize("seed", range(size(2, 60)))
def test_what_is_foretold_of_an_activation_comes_true(engine: Engine, tmp_path: Path, seed: int) -> None:
    """Whatever the policies: a version of the same name, or one more."""
    rng, start = Random(seed), dt.date(2026, 1, 10)
    was, after = random_policy(rng, rng.choice(("after", "after", "before"))), random_policy(rng, "after")
    step(engine, start - _ONE_DAY, delivery="recorded")
    with engine.begin() as connection:
        advance.activate(connection, was, message="", actor="x")
    turn(engine, is_on=True)
    take_in(engine, write_events(tmp_path / "e.jsonl", random_ledger(rng, start)), accept_rejects=True)
    live(engine, start - _ONE_DAY, start + 30 * _ONE_DAY)
    assert_comes_true(engine, start + 30 * _ONE_DAY, after)


def test_what_is_foretold_of_families_comes_true(engine: Engine, tmp_path: Path) -> None:
    """Of the sample ledger, in which some pay through others, in four zones."""
    events = list(generate(seed=6, accounts=25, months=5, until=END))
    assert any("pays_through" in event for event in events)
    first = min(dt.date.fromisoformat(str(event["date"])) for event in events) - 2 * _ONE_DAY
    step(engine, first, delivery="recorded")
    for name in STANDARD:
        activate(engine, standard(name))
    turn(engine, is_on=True)
    take_in(engine, write_events(tmp_path / "e.jsonl", events))
    today = END - 40 * _ONE_DAY
    live(engine, first, today)
    assert assert_comes_true(engine, today, changed("standard-usd", SOONER)) > 0


@pytest.mark.parametrize("is_on", [True, False])
def test_on_the_real_clock_it_is_activated_at_this_moment(database_url: str, tmp_path: Path, is_on: bool) -> None:
    """What is due under it at once comes at once, as production has it; nothing is dated before."""
    engine = database.connect(settable(database_url))
    morning = dt.datetime(2026, 2, 17, 15, tzinfo=dt.UTC)
    put(engine, dt.datetime(2026, 1, 8, 15, tzinfo=dt.UTC))
    activate(engine, standard("standard-usd"))
    if is_on:
        turn(engine, is_on=True)
    who: Line = {"account": "A", "date": "2026-01-08", "contacts": [{"name": "AP", "email": "ap@customer.example"}]}
    lines: list[Line] = [
        {"event": "account", **who, "currency": "USD"},
        {"event": "invoice", "account": "A", "date": "2026-01-08", "id": "I", "amount": "100.00", "due": "2026-02-15"},
    ]
    take_in(engine, write_events(tmp_path / "e.jsonl", lines))
    put(engine, morning)
    run(engine, REAL)
    with database.one_moment(engine) as connection:
        now, until = clock.read(connection), morning.date() + AHEAD * _ONE_DAY
        after = changed("standard-usd", SOONER)
        lives = ahead_under(connection, ["A"], now, until, REAL, policy=after)
        made = tried(connection, after, REAL, past=0)
    first = next(entry for entry in entries(lives) if entry.kind in TELLING)
    assert ("policy", morning.date(), "reminded") == (first.cause, first.on, first.to)
    assert made.ahead is not None
    assert [("A", morning.date())] == [(one.account, one.tried.on) for one in made.ahead.accounts if one.tried]
    engine.dispose()

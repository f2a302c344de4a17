"""The fresh-cash gate and the storm fuse in production: what they keep back waits, visibly, and goes or is dropped."""

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from arflow import clock
from arflow.advance import complete_payments, mend_fuse, record, standing
from arflow.audit import verify
from arflow.deliver import deliver_batch
from arflow.ledger import importing
from arflow.ledger.importing import Options
from arflow.mail import Folder, Mail
from arflow.rules.guards import FEWEST, StormFuse
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.rules.reference import Reference
from arflow.store import accounts, fuse, leases
from tests.production import activate, run, states, turn, write_events
from tests.test_doors import REAL
from tests.test_real_clock import ledger, today

pytestmark = pytest.mark.database


def policy(guards: str, last: str = "", applies_to: str = "days_overdue >= 0") -> Policy:
    """Writes to and calls everybody who is late, under `guards`."""
    document = f"""
policy: p
currency: USD
applies_to: {applies_to}
calendar: {{timezone: account, act_at: "00:00", act_until: "23:59", weekend: []}}
guards: {guards}
rules:
  - {{id: paid-up, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}}
  - {{id: first, from: current, when: days_overdue >= 3, to: reminded, do: [{{send: first-reminder}}], why: Late.}}
  - {{id: ring, from: reminded, when: days_overdue >= 4, do: [{{call: collections}}], why: Still late.}}
  - {{id: harsher, from: reminded, when: '"harsher" in tags', to: called, why: Asked for.}}
{last}"""
    return load_policy(document, file="test")


def begun(engine: Engine, path: Path, guards: str, count: int = 3) -> Engine:
    """`count` late accounts under `guards`, delivery on, everything run."""
    activate(engine, policy(guards))
    turn(engine, is_on=True)
    with engine.begin() as connection:
        now = clock.read(connection)
        events = write_events(path / "events.jsonl", ledger(count))
        importing.import_file(connection, events, now, Options(profile=None), lambda *_: None)
    run(engine, REAL)
    return engine


def effects(engine: Engine, account: str = "A0") -> dict[str, str]:
    """Each message and call of an account with where it stands."""
    with engine.connect() as connection:
        found = accounts.load(connection, [account])[account].account.outgoing
    return {effect.kind.value: effect.status.value for effect in found}


def kept_back(engine: Engine, account: str = "A0") -> str:
    """Why nothing of an account leaves."""
    with engine.connect() as connection:
        now = clock.read(connection)
        assert now.at is not None
        return standing(connection, [account], now, REAL)[account].kept_back(now.at)


def complete(engine: Engine, through: dt.date | None = None) -> None:
    """Say that payments are complete, and run what was waiting for it."""
    with engine.begin() as connection:
        complete_payments(connection, actor="bea", through=through)
    run(engine, REAL)


def say(engine: Engine, account: str, content: dict[str, object]) -> None:
    with engine.begin() as connection:
        record(connection, account, [content], actor="bea", engineering=REAL)
    run(engine, REAL)


def sound(engine: Engine) -> bool:
    """Whether every journal row holds, and every decision follows from its facts."""
    with engine.connect() as connection:
        return verify(connection, {"the reference": Reference()}, accounts.all_ids(connection)).findings == ()


# --- fresh cash -------------------------------------------------------------------------------------------------------


def test_nothing_leaves_before_payments_are_complete_and_steps_go_on(engine: Engine, tmp_path: Path) -> None:
    """It waits with its reason, a word that is too old changes nothing, a fresh one lets all of it go at once."""
    begun(engine, tmp_path, "{fresh_cash: {max_age_hours: 30}}")
    assert ("reminded", {"send": "waiting", "call": "waiting"}) == (states(engine)["A0"][0], effects(engine))
    assert "nobody has said yet that payments are complete" == kept_back(engine)
    complete(engine, through=today() - dt.timedelta(days=4))
    assert {"send": "waiting", "call": "waiting"} == effects(engine)
    assert kept_back(engine).endswith("only, more than 30 hours ago")
    complete(engine)
    assert {"send": "sent", "call": "sent"} == effects(engine)
    assert "" == kept_back(engine)
    assert sound(engine)


def test_who_has_paid_when_payments_are_complete_gets_nothing(engine: Engine, tmp_path: Path) -> None:
    """What waited is looked at again: the reminder of a paid account is dropped, the others leave."""
    begun(engine, tmp_path, "{fresh_cash: {max_age_hours: 30}}")
    say(engine, "A1", {"event": "payment", "id": "P1", "amount": "50.00"})
    complete(engine)
    assert {"send": "dropped", "call": "dropped"} == effects(engine, "A1")
    assert {"send": "sent", "call": "sent"} == effects(engine)
    assert sound(engine)


def test_hold_steps_keeps_harsher_moves_back_until_payments_are_complete(engine: Engine, tmp_path: Path) -> None:
    """The first reminder is a harsher move: it is made at the next look once payments are complete."""
    begun(engine, tmp_path, "{fresh_cash: {max_age_hours: 30, hold_steps: true}}")
    assert ("current", {}) == (states(engine)["A0"][0], effects(engine))
    complete(engine)
    say(engine, "A0", {"event": "tag", "tag": "seen"})
    assert ("reminded", {"send": "sent", "call": "sent"}) == (states(engine)["A0"][0], effects(engine))
    assert sound(engine)


def test_unapplied_money_that_covers_all_keeps_the_letter(engine: Engine, tmp_path: Path) -> None:
    """A payment for an invoice that is paid already: until somebody clears it, the customer is left alone."""
    begun(engine, tmp_path, "{fresh_cash: {hold_if_unapplied_covers: true, max_age_hours: 30}}")
    paid: dict[str, object] = {"event": "invoice", "id": "I9", "amount": "1.00", "due": today().isoformat()}
    say(engine, "A0", paid)
    say(engine, "A0", {"event": "payment", "id": "P1", "amount": "60.00", "invoice": "I9"})
    complete(engine)
    assert "unapplied money covers all that is collectible" == kept_back(engine)
    assert {"send": "waiting", "call": "waiting"} == effects(engine)
    assert {"send": "sent", "call": "sent"} == effects(engine, "A1")


def test_a_new_policy_sends_nothing_for_days_before_its_activation(engine: Engine, tmp_path: Path) -> None:
    """Its steps could have come on seventeen mornings: they come now, one letter a date, none before it was active."""
    begun(engine, tmp_path, "{}")
    more = """  - {id: second, from: reminded, when: days_overdue >= 5, do: [{send: second-reminder}], why: Later.}
  - {id: third, from: reminded, when: days_overdue >= 6, do: [{send: final-demand}], why: Later still.}
"""
    changed = policy("{}", more)
    activate(engine, changed)
    run(engine, REAL)
    query = """SELECT effect.name, effect.status, effect.decided_at >= activation.known_at AS is_after,
                      coalesce(effect.due_at, effect.sent_at) >= activation.known_at AS leaves_after
               FROM effect, (SELECT max(known_at) AS known_at FROM policy_activation) AS activation
               WHERE account_id = 'A0' AND kind = 'send' ORDER BY number"""
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(query))]
    assert [("first-reminder", "sent", False, False)] == rows[:1]
    assert [("second-reminder", "waiting", True, True), ("final-demand", "waiting", True, True)] == rows[1:]


@pytest.mark.parametrize(
    "guards", ["{}", "{fresh_cash: {max_age_hours: 200}}", "{fresh_cash: {hold_if_unapplied_covers: true}}"]
)
def test_what_waits_leaves_when_another_version_lets_it(engine: Engine, tmp_path: Path, guards: str) -> None:
    """Nobody ever says for it that payments are complete: a version that does not ask, or asks less, is enough."""
    begun(engine, tmp_path, "{fresh_cash: {max_age_hours: 30}}")
    complete(engine, through=today() - dt.timedelta(days=4))
    assert {"send": "waiting", "call": "waiting"} == effects(engine)
    activate(engine, policy(guards))
    run(engine, REAL)
    assert {"send": "sent", "call": "sent"} == effects(engine)
    assert sound(engine)


def test_what_waits_leaves_when_no_policy_has_the_account_any_more(engine: Engine, tmp_path: Path) -> None:
    """It is parked; no guard is left that could keep back what was decided before."""
    begun(engine, tmp_path, "{fresh_cash: {max_age_hours: 30}}")
    activate(engine, policy("{}", applies_to="days_overdue >= 1000"))
    run(engine, REAL)
    assert {"send": "sent", "call": "sent"} == effects(engine)


def test_unapplied_money_keeps_what_waited_for_payments_until_it_is_cleared(engine: Engine, tmp_path: Path) -> None:
    """The word of payments frees it from one guard into the other: it is looked at again from day to day."""
    begun(engine, tmp_path, "{fresh_cash: {hold_if_unapplied_covers: true, max_age_hours: 30}}")
    say(engine, "A0", {"event": "invoice", "id": "I9", "amount": "1.00", "due": today().isoformat()})
    say(engine, "A0", {"event": "payment", "id": "P1", "amount": "60.00", "invoice": "I9"})
    complete(engine)
    with engine.connect() as connection:
        waiting = accounts.load(connection, ["A0"])["A0"].account.waiting
    assert [True, True] == [one.due_at is not None for one in waiting]


# --- the storm fuse ---------------------------------------------------------------------------------------------------


@given(
    st.integers(1, 10_000) | st.none(),
    st.integers(2, 50),
    st.integers(0, 100_000),
)
def test_a_ceiling_is_the_lower_of_both_and_never_below_what_is_no_storm(
    most: int | None, times: int, usual: int
) -> None:
    ceiling = StormFuse(max_per_day=most, times_usual=times).ceiling(usual)
    relative = max(FEWEST, times * usual) if usual else None
    assert {ceiling} <= {most, relative}
    assert all(ceiling is not None and ceiling <= one for one in (most, relative) if one is not None)


@pytest.fixture
def storm(engine: Engine, tmp_path: Path) -> Engine:
    """Five messages and calls may leave on a day, nine accounts want two each: the third of them blows the fuse."""
    begun(engine, tmp_path, "{storm_fuse: {max_per_day: 5}}", count=2)
    assert [] == blown(engine)
    with engine.begin() as connection:
        now = clock.read(connection)
        more = [line | {"account": f"B{line['account']}"} for line in ledger(8) if "pays_through" not in line]
        events = write_events(tmp_path / "more.jsonl", more)
        importing.import_file(connection, events, now, Options(profile=None), lambda *_: None)
    run(engine, REAL, limit=1)
    return engine


def test_a_storm_stops_itself_and_everything_stays(storm: Engine, tmp_path: Path) -> None:
    """What is decided later waits at its account, and what had left before is not handed over either."""
    assert [("p", 6, 5)] == blown(storm)
    assert {"sent": 6, "waiting": 12} == left(storm)
    assert "the storm fuse of policy `p` is blown" == kept_back(storm, "BA7")
    assert 0 == deliver_batch(storm, mail(tmp_path / "mail"))
    assert {"reminded"} == {state for state, _ in states(storm).values()}  # steps go on


def test_released_all_of_it_leaves_and_is_no_new_storm(storm: Engine, tmp_path: Path) -> None:
    mend(storm, is_released=True)
    assert {"sent": 18} == left(storm)
    assert [] == blown(storm)
    assert 9 == deliver_batch(storm, mail(tmp_path / "mail"))
    assert not mend(storm, is_released=False)  # somebody else was faster
    assert sound(storm)


def test_what_is_decided_after_a_storm_was_let_go_is_free_on_that_day_only(storm: Engine) -> None:
    """A lead has looked at this day; the next one is counted anew."""
    mend(storm, is_released=True)
    with storm.begin() as connection:
        on = clock.read(connection).today
        for day, expected in ((on, []), (on + dt.timedelta(days=1), [("p", 6, 5)])):
            fuse.blow(connection, ("p", day), 6, 5)
            assert expected == [(one.policy, one.number, one.ceiling) for one in fuse.blown(connection)]


def test_discarded_nothing_of_it_ever_leaves_and_the_rules_know(storm: Engine, tmp_path: Path) -> None:
    """What waited is dropped, what was in the outbox has failed, both with who and why; the fuse is in again."""
    mend(storm, is_released=False)
    assert {"dropped": 12, "sent": 3, "failed": 3} == left(storm)
    assert ([], 0) == (blown(storm), deliver_batch(storm, mail(tmp_path / "mail")))
    with storm.connect() as connection:
        said = "SELECT DISTINCT actor, details->>'reason' AS reason FROM journal WHERE kind = 'dropped'"
        assert [("lena", "looked at")] == [tuple(row) for row in connection.execute(text(said))]
        failed = "SELECT DISTINCT error FROM message WHERE status = 'failed'"
        assert ["discarded by lena: looked at"] == connection.execute(text(failed)).scalars().all()
    assert sound(storm)


def test_discarded_the_fuse_blows_again_when_more_leaves_on_that_date(storm: Engine, tmp_path: Path) -> None:
    """What has left on it has left; only a release lets more of it go."""
    mend(storm, is_released=False)
    with storm.begin() as connection:
        events = write_events(tmp_path / "again.jsonl", [line | {"account": "C"} for line in ledger(1)])
        importing.import_file(connection, events, clock.read(connection), Options(profile=None), lambda *_: None)
    run(storm, REAL)
    assert [("p", 8, 5)] == blown(storm)


def test_discarded_is_also_what_somebody_had_claimed(storm: Engine, tmp_path: Path) -> None:
    """Who had it may have died, and may be handing it over: it is theirs no more, and said to have perhaps left."""
    with storm.begin() as connection:
        connection.execute(text("UPDATE message SET policy = 'of no fuse'"))
        claimed = leases.claim(connection, limit=2, seconds=600, domain="hill.example")
        connection.execute(text("UPDATE message SET policy = 'p'"))
    mend(storm, is_released=False)
    assert 0 == deliver_batch(storm, mail(tmp_path / "mail"))
    with storm.begin() as connection:
        assert [False] * 2 == [leases.settle(connection, one, "sent") for one in claimed]
        query = "SELECT id FROM message WHERE status = 'failed' AND error LIKE '%: looked at; % may have left'"
        assert {one.id for one in claimed} == set(connection.execute(text(query)).scalars())
    assert {"dropped": 12, "sent": 3, "failed": 3} == left(storm)
    assert sound(storm)


def test_usual_is_the_busiest_day_of_the_last_five_weeks(engine: Engine) -> None:
    """Of this policy; the day itself and older ones do not count."""
    on = dt.date(2026, 3, 31)
    numbers = {("p", on): 9, ("p", on - dt.timedelta(days=1)): 4, ("p", on - dt.timedelta(days=35)): 7}
    others = {("p", on - dt.timedelta(days=36)): 50, ("q", on - dt.timedelta(days=2)): 60}
    for _ in range(2):
        with engine.begin() as connection:
            fuse.count(connection, numbers | others)
    with engine.connect() as connection:
        assert (14, 18) == (fuse.usual(connection, ("p", on)), fuse.left(connection, ("p", on)))
        assert 0 == fuse.usual(connection, ("r", on))


def test_a_discarded_storm_is_not_usual(storm: Engine) -> None:
    """A released one is: somebody has looked at it. One that nobody has decided on is none either."""
    with storm.begin() as connection:
        on = clock.read(connection).today
        fuse.count(connection, {("p", on - dt.timedelta(days=1)): 4, ("p", on + dt.timedelta(days=1)): 9})
        before = fuse.usual(connection, ("p", on + dt.timedelta(days=1)))
    mend(storm, is_released=False)
    with storm.begin() as connection:
        discarded = fuse.usual(connection, ("p", on + dt.timedelta(days=1)))
        fuse.blow(connection, ("p", on + dt.timedelta(days=1)), 9, 5)
    mend(storm, is_released=True)
    with storm.connect() as connection:
        released = fuse.usual(connection, ("p", on + dt.timedelta(days=2)))
    assert (4, 4, 9) == (before, discarded, released)


def test_a_storm_that_was_discarded_blows_the_fuse_again_on_the_next_date(engine: Engine) -> None:
    """Its own number is not what its repetition is measured by."""
    on, guard = dt.date(2026, 3, 31), StormFuse()
    with engine.begin() as connection:
        fuse.count(connection, {("p", on - dt.timedelta(days=1)): 400, ("p", on): 1400})
        usual = fuse.usual(connection, ("p", on))
        fuse.blow(connection, ("p", on), 1400, guard.ceiling(usual) or 0)
    mend(engine, is_released=False)
    with engine.connect() as connection:
        again = fuse.usual(connection, ("p", on + dt.timedelta(days=1)))
    assert (1200, 1200) == (guard.ceiling(usual), guard.ceiling(again))


def test_after_idle_weeks_usual_is_the_last_date_on_which_something_left(engine: Engine) -> None:
    """That is when the backlog leaves; of dates before it, none counts, nor does a storm that was discarded."""
    on = dt.date(2026, 3, 31)
    days = {36: 1400, 40: 7, 41: 50}
    with engine.begin() as connection:
        fuse.count(connection, {("p", on - dt.timedelta(days=ago)): number for ago, number in days.items()})
        fuse.blow(connection, ("p", on - dt.timedelta(days=36)), 1400, 500)
    mend(engine, is_released=False)
    with engine.connect() as connection:
        assert (7, 50) == tuple(fuse.usual(connection, ("p", on - dt.timedelta(days=ago))) for ago in (0, 35))
        assert (50, 0) == tuple(fuse.usual(connection, ("p", on - dt.timedelta(days=ago))) for ago in (40, 41))


def blown(engine: Engine) -> list[tuple[str, int, int]]:
    with engine.connect() as connection:
        return [(one.policy, one.number, one.ceiling) for one in fuse.blown(connection)]


def mend(engine: Engine, *, is_released: bool) -> bool:
    with engine.begin() as connection:
        is_mended = mend_fuse(connection, "p", is_released=is_released, actor="lena", reason="looked at")
    run(engine, REAL)
    return is_mended


def left(engine: Engine) -> dict[str, int]:
    """How many messages and calls stand where."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT status, count(*) AS number FROM effect GROUP BY status"))
        return {row.status: row.number for row in rows}


def mail(folder: Path) -> Mail:
    return Mail(transport=Folder(folder), address="accounts@hill.example", company="Hill & Sons")

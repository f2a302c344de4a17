"""Events that become known late: whatever their order, the end is the same, and what rules did since stands."""

import datetime as dt
from collections.abc import Sequence
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arflow.accounts.entries import Account, Ledger
from arflow.accounts.events import parse
from arflow.accounts.facts import snapshot
from arflow.accounts.timeline import timeline
from arflow.life.life import Life, reading
from arflow.life.lives import Batch, PayerCause, Script
from arflow.life.records import LedgerHistory, Part, World
from arflow.rules.calendar import instant
from arflow.rules.policy import Policy
from arflow.rules.reference import Reference
from tests.life.test_life import OVERDUE, Line, part, policy, utc
from tests.random_events import random_events, random_start

NOW = utc("2026-03-01T12:00")
UTC = ZoneInfo("UTC")
QUIET = policy({"when": "on_hold", "to": "called"})
TAGS = ("a", "b", "old", "vip")
BOUGHT: Line = {"event": "invoice", "id": "I1", "amount": "100.00", "due": "2026-12-01"}

_SAID = st.one_of(
    st.builds(lambda kind, tag: {"event": kind, "tag": tag}, st.sampled_from(("tag", "untag")), st.sampled_from(TAGS)),
    st.builds(lambda tags: {"event": "account", "tags": sorted(tags)}, st.sets(st.sampled_from(TAGS))),
    st.builds(lambda owner: {"event": "account", "owner": owner}, st.sampled_from(("bob", "carol", ""))),
    st.just({"event": "account", "segment": "retail"}),
    st.just({"event": "contact", "channel": "call"}),
)


def dated(lines: Sequence[Line]) -> list[Part]:
    """Each of `lines` on a day of its own, in order."""
    start = dt.date(2026, 1, 5)
    return [part((start + dt.timedelta(days=at)).isoformat(), "09:00", line) for at, line in enumerate(lines)]


def told(batches: Sequence[Sequence[Part]], rules: Policy = QUIET) -> Life:
    """The life of an account that is told of `batches`, one after the other, and all of them late."""
    life = Life(Account(id="A", currency="USD"), World(policies=(rules,), evaluator=Reference()))
    known, now = list[Part](), NOW
    for batch in batches:
        fresh = sorted(batch, key=lambda one: one.on)
        if known and fresh[0].on < max(one.on for one in known):
            life.relive(sorted([*known, *fresh], key=lambda one: one.on), fresh, now)
        else:
            life.absorb(fresh, now)
        known, now = [*known, *fresh], now + dt.timedelta(hours=1)
    return life


@given(st.data(), st.lists(_SAID, min_size=1, max_size=7))
def test_owner_and_tags_are_those_of_the_dates_in_whatever_order_files_come(
    data: st.DataObject, said: list[Line]
) -> None:
    parts = dated(said)
    order = data.draw(st.permutations(parts))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(parts)))))
    batches = [order[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(parts)], strict=True) if begin < end]
    found, expected = told(batches).account, told([parts]).account
    assert (found.owner, found.tags) == (expected.owner, expected.tags)


def test_late_words_lose_to_newer_ones_and_count_where_there_are_none() -> None:
    """Three of six events come late."""
    six = dated(
        [
            {"event": "account", "owner": "carol", "tags": ["old"]},
            {"event": "account", "tags": ["a", "b"]},
            {"event": "untag", "tag": "vip"},
            {"event": "tag", "tag": "vip"},
            {"event": "account", "owner": "bob"},
            {"event": "contact", "channel": "call"},
        ]
    )
    for batches in ([six], [[six[1], *six[3:]], [six[0], six[2]]], [six[3:], six[:3]], [six[5:], six[2:5], six[:2]]):
        account = told(batches).account
        assert (account.owner, account.tags) == ("bob", frozenset({"a", "b", "vip"}))


@given(st.lists(_SAID, min_size=1, max_size=6), st.integers(0, 5))
def test_what_rules_did_is_not_taken_back_by_what_speaks_of_something_else(said: list[Line], late: int) -> None:
    """A rule's tag that no event names stays, whatever comes late; so does its owner unless an owner comes late."""
    rules = policy({"when": "overdue_amount >= 0.00", "do": [{"tag": "watched"}, {"assign": "desk"}]})
    parts = dated([BOUGHT, *said, {"event": "contact", "channel": "letter"}])
    at = 1 + late % len(said)
    life = told([[*parts[:at], *parts[at + 1 :]], [parts[at]]], rules)
    assert "watched" in life.account.tags
    assert life.account.owner == ("desk" if "owner" not in said[at - 1] else life.account.owner)


def test_a_late_word_about_a_tag_of_a_rule_is_heard() -> None:
    """A rule put it on, and a person took it off: nothing later says otherwise."""
    rules = policy({"when": "overdue_amount >= 0.00", "do": [{"tag": "watched"}]})
    parts = dated([BOUGHT, {"event": "untag", "tag": "watched"}, {"event": "contact", "channel": "call"}])
    assert told([[parts[0], parts[2]]], rules).account.tags == {"watched"}
    assert told([[parts[0], parts[2]], [parts[1]]], rules).account.tags == frozenset()


# --- what is late only because time has passed ------------------------------------------------------------------------

EACH_DAY = ", ".join(str(day) for day in range(1, 200))
LOOKING = policy({"when": f"days_in_state in ({EACH_DAY})", "do": [{"tag": "seen"}], "repeat_after_days": 1})


@pytest.mark.parametrize("seed", range(120))
def test_what_comes_behind_all_that_was_applied_is_added_as_if_all_were_folded_anew(seed: int) -> None:
    """The account has been looked at on each day since; nothing else of it has been applied."""
    rng = Random(seed)
    start = random_start(rng)
    first, *rest = random_events(rng, "A", start, 60, rng.randint(4, 25))
    lines = [first, *({name: line[name] for name in line if name not in ("timezone", "tags")} for line in rest)]
    parts = [
        Part(on=moment.on, clock=moment.clock, events=moment.events)
        for moment in timeline([parse(one) for one in lines])
    ]
    cut = rng.randint(1, len(parts) - 1) if len(parts) > 1 else 1
    now = instant(UTC, start + dt.timedelta(days=80), dt.time(12))
    added, folded = lived_to(parts[:cut], now), lived_to(parts[:cut], now)
    if parts[cut:] and added.has_lived_past(parts[-1]):  # one that is parked was not looked at
        added.add(parts[cut:], now)
        folded.relive(parts, parts[cut:], now)
    assert told_of(added.account) == told_of(folded.account)


def lived_to(parts: Sequence[Part], now: dt.datetime) -> Life:
    """The life of an account to which `parts` happened at their own times, until `now`."""
    life = Life(Account(id="A", currency="USD"), World(policies=(LOOKING,), evaluator=Reference()))
    Script(life, [Batch(parts=(one,)) for one in parts]).run(now)
    return life


def told_of(account: Account) -> dict[str, object]:
    """What events make of an account."""
    names = ("ledger", "promises", "contacts", "episodes", "tags", "owner", "on_hold", "attributes", "credit_limit")
    return {name: getattr(account, name) for name in names}


# --- who pays through another -----------------------------------------------------------------------------------------


def ledger(*lines: tuple[str, Line]) -> Ledger:
    """The ledger that dated lines come to."""
    life = Life(Account(id="P", currency="USD"), World(policies=(QUIET,), evaluator=Reference()))
    for date, line in lines:
        one = part(date, "09:00", line)
        life.absorb([one])
    return life.account.ledger


OLD: tuple[str, Line] = ("2026-01-01", OVERDUE)
NEW: tuple[str, Line] = ("2026-02-08", {"event": "invoice", "id": "I2", "amount": "50.00", "due": "2026-02-09"})
PAID: tuple[str, Line] = ("2026-02-10", {"event": "payment", "id": "P1", "amount": "100.00", "invoice": "I1"})
WRITING = policy({"when": "days_overdue >= 1", "do": [{"send": "friendly"}], "repeat_after_days": 7})
CHILD = part("2026-01-01", "10:00", {"event": "account", "pays_through": "P"})
SEGMENT = part("2026-01-20", "10:00", {"event": "account", "segment": "retail"})
CALL = part("2026-02-11", "10:00", {"event": "contact", "channel": "call"})


def lived_with_payer(history: LedgerHistory) -> Life:
    """The life of an account whose payer has owed I1 since 2 January, and has paid it while I2 was overdue."""
    world = World(policies=(WRITING,), evaluator=Reference(), ledgers={"P": history})
    life = Life(Account(id="A", currency="USD"), world)
    script = Script(life)
    life.absorb([CHILD])
    script.payer = [PayerCause(at=at, payer="P", ledger=after) for at, after in history.changes[1:]]
    script.run(dt.date(2026, 2, 10))
    life.absorb([CALL])
    return life


def payers_past() -> LedgerHistory:
    changes = (
        (utc("2026-01-01T09:00"), ledger(OLD)),
        (utc("2026-02-08T09:00"), ledger(OLD, NEW)),
        (utc("2026-02-10T09:00"), ledger(OLD, NEW, PAID)),
    )
    return LedgerHistory(changes=changes)


def present_only(life: Life) -> None:
    """Leave of the payer what production has at hand: its ledger as it is."""
    now = life.world.ledgers["P"].changes[-1][1]
    past = LedgerHistory(changes=((dt.datetime.min.replace(tzinfo=dt.UTC), now),))
    life.world = World(policies=(WRITING,), evaluator=Reference(), ledgers={"P": past})


def test_a_late_event_leaves_the_running_episode_of_who_pays_through_another() -> None:
    """What the payer cleared since was overdue when the episode began: its letters still count."""
    life = lived_with_payer(payers_past())
    now = utc("2026-02-12T12:00")
    before = life.account.episode, facts(life, now)
    assert before[1]["notices_sent"] == 6
    assert before[1]["days_in_episode"] == 40
    present_only(life)
    life.relive([CHILD, SEGMENT, CALL], [SEGMENT], now)
    assert life.account.segment == "retail"
    assert (life.account.episode, facts(life, now)) == before


def test_the_episode_ends_when_it_turns_out_that_the_account_pays_for_itself() -> None:
    life = lived_with_payer(payers_past())
    present_only(life)
    alone = part("2026-02-09", "10:00", {"event": "account", "pays_through": None})
    life.relive([CHILD, alone, CALL], [alone], utc("2026-02-12T12:00"))
    assert (life.account.payer_ledger, life.account.episode) == (None, None)


def test_who_turns_out_to_pay_through_another_has_its_debt_as_it_is_now() -> None:
    """Of an invoice that the payer has paid meanwhile nothing is overdue."""
    owed, free = ledger(OLD), ledger(OLD, ("2026-02-10", PAID[1]))
    history = LedgerHistory(changes=((utc("2026-01-01T09:00"), owed), (utc("2026-02-10T09:00"), free)))
    life = Life(
        Account(id="A", currency="USD"), World(policies=(QUIET,), evaluator=Reference(), ledgers={"P": history})
    )
    life.absorb([CALL])
    life.relive([CHILD, CALL], [CHILD], utc("2026-02-12T12:00"))
    assert life.account.payer_ledger is free
    assert life.account.episode is None


def facts(life: Life, at: dt.datetime) -> dict[str, object]:
    """How far the episode has come at `at`."""
    seen = snapshot(life.account, life.policy_day(at), reading(WRITING)).facts
    return {name: seen[name] for name in ("notices_sent", "days_in_episode")}

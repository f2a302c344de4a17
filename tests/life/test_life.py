"""One account's life where zones, policies and late news meet (contract, sections 3 and 4)."""

import datetime as dt
import json
from collections.abc import Mapping

from arflow.accounts.entries import Account
from arflow.accounts.events import parse
from arflow.life.life import Life
from arflow.life.lives import PolicyChange, Script
from arflow.life.records import EntryKind, Part, World
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.rules.reference import Reference

Line = Mapping[str, object]
OVERDUE: Line = {"event": "invoice", "id": "I1", "amount": "100.00", "due": "2026-01-02"}
WEEK: Line = {"weekend": ["sun"]}


def policy(*rules: Line, **more: object) -> Policy:
    named = [{"id": f"r{at}", "from": "any", "why": "So.", **rule} for at, rule in enumerate(rules)]
    return load_policy(json.dumps({"policy": "p", "currency": "USD", "rules": named} | more), file="p.yaml")


def part(date: str, time: str, *lines: Line) -> Part:
    events = tuple(parse({"account": "A", "date": date, "time": time, **line}) for line in lines)
    return Part(on=events[0].on, clock=events[0].clock, events=events)


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"{text}+00:00")


def living(*parts: Part, rules: Policy) -> Life:
    life = Life(Account(id="A", currency="USD"), World(policies=(rules,), evaluator=Reference()))
    for one in parts:
        life.run_until(life.instant_of(one))
        life.absorb([one])
    return life


def effects(life: Life) -> list[tuple[str, str]]:
    """The local date and the name of everything that left."""
    return [(entry.on.isoformat(), str(entry.name)) for entry in life.entries if entry.kind is EntryKind.EFFECT]


def test_an_account_enters_its_first_state_with_its_first_event() -> None:
    life = living(part("2026-01-05", "09:00", OVERDUE), rules=policy({"when": "on_hold", "to": "called"}))
    found = (life.account.entered_on, life.account.entered_at)
    assert found == (dt.date(2026, 1, 5), utc("2026-01-05T09:00"))


def test_the_policy_day_stays_when_an_account_moves_west() -> None:
    """Nobody has looked at it since the first event, and yet it is 10 January when it leaves Samoa."""
    rules = policy({"when": "on_hold", "to": "called"}, calendar={"timezone": "account", "default_timezone": "UTC"})
    life = living(
        part("2026-01-05", "09:00", {"event": "account", "timezone": "Pacific/Apia"}),
        part("2026-01-10", "09:00", {"event": "account", "timezone": "Pacific/Honolulu"}),
        rules=rules,
    )
    assert life.local(life.account.last_instant).date() == dt.date(2026, 1, 9)
    assert life.account.policy_day == dt.date(2026, 1, 10)


def test_the_policy_day_stays_when_a_new_policy_acts_later() -> None:
    rules = {"when": "on_hold", "to": "called"}
    life = living(part("2026-01-05", "09:00", OVERDUE), rules=policy(rules))
    late = policy(rules, calendar={"act_at": "23:00", "act_until": "23:30"})
    life.policies_changed((late,), utc("2026-01-08T09:00"))
    assert life.account.policy_day == dt.date(2026, 1, 8)
    assert late.calendar.policy_day(life.zone(), utc("2026-01-08T09:00")) == dt.date(2026, 1, 7)


def test_an_account_that_moves_west_gets_no_second_message_on_a_date() -> None:
    """It has 9 January twice, and on neither side of it a message more."""
    rules = policy(
        {"when": "days_overdue >= 1", "do": [{"send": "friendly"}], "repeat_after_days": 1},
        calendar={"timezone": "account", "default_timezone": "UTC", **WEEK},
    )
    life = living(
        part("2026-01-09", "09:00", {"event": "account", "timezone": "Pacific/Apia"}, OVERDUE),
        part("2026-01-09", "12:00", {"event": "account", "timezone": "Pacific/Honolulu"}),
        rules=rules,
    )
    life.run_until(utc("2026-01-13T12:00"))
    assert effects(life) == [(f"2026-01-{day:02}", "friendly") for day in (9, 10, 12)]


def test_a_day_ends_where_the_account_then_lives() -> None:
    """A wake that gives it to a policy of another zone ends the day earlier; nothing of the next one happens."""
    near = policy(
        {"when": "days_overdue >= 8", "to": "called"}, calendar={"timezone": "Asia/Kolkata", "act_at": "00:30"}
    )
    first = policy({"when": "on_hold", "to": "called"}, applies_to="days_overdue < 8")
    life = Life(Account(id="A", currency="USD"), World(policies=(first, near), evaluator=Reference()))
    life.absorb([part("2026-01-05", "09:00", OVERDUE)])
    Script(life).run(dt.date(2026, 1, 10))
    assert life.zone().key == "Asia/Kolkata"
    assert max(entry.on for entry in life.entries) == dt.date(2026, 1, 10)
    assert life.account.last_instant < utc("2026-01-10T18:30")


def test_a_cause_that_moves_with_its_zone_is_not_lost() -> None:
    """A wake gives the account to a policy of another zone: what is still to come happens at its new time."""
    near = policy({"when": "on_hold", "to": "resolved"}, calendar={"timezone": "Asia/Kolkata"})
    first = policy({"when": "on_hold", "to": "called"}, applies_to="days_overdue < 8")
    life = Life(Account(id="A", currency="USD"), World(policies=(first, near), evaluator=Reference()))
    life.absorb([part("2026-01-05", "09:00", OVERDUE)])
    change = PolicyChange(on=dt.date(2026, 1, 10), clock=dt.time(9), policies=(near,))
    lived = Script(life, changes=[change]).run(dt.date(2026, 1, 12))
    assert (lived.account.policy_version, life.world.policies) == (near.version, (near,))


# --- what becomes known late -----------------------------------------------------------------------------------------


def test_a_call_that_becomes_known_late_closes_the_call_task() -> None:
    """The books are folded anew, and the task that the call answered is done."""
    rules = policy({"when": "days_overdue >= 1", "do": [{"call": "collections"}], "repeat_after_days": 2})
    first = part("2026-01-05", "09:00", OVERDUE)
    life = living(first, rules=rules)
    call = part("2026-01-05", "10:00", {"event": "contact", "channel": "call"})
    life.run_until(utc("2026-01-06T12:00"))
    life.relive([first, call], [call], utc("2026-01-06T12:00"))
    assert (life.account.call_open, len(life.account.contacts)) == (False, 1)
    life.run_until(utc("2026-01-08T12:00"))
    assert effects(life) == [("2026-01-05", "collections"), ("2026-01-07", "collections")]


def test_a_payment_that_becomes_known_late_changes_the_books_and_nothing_that_was_done() -> None:
    rules = policy(
        {"id": "paid", "from": "called", "when": "gross_overdue_amount == 0", "to": "resolved"},
        {"id": "phone", "from": "current", "when": "days_overdue >= 1", "to": "called"},
    )
    first = part("2026-01-05", "09:00", OVERDUE)
    life = living(first, rules=rules)
    paid = part("2026-01-04", "09:00", {"event": "payment", "id": "P1", "amount": "100.00"})
    before = list(life.entries)
    life.relive([paid, first], [paid], utc("2026-01-06T12:00"))
    assert life.entries == before
    assert (life.account.state, life.account.ledger.unapplied) == ("called", 10000)
    life.relive([first, paid], [paid], utc("2026-01-07T12:00"))
    assert [(entry.to, entry.cause) for entry in life.entries[len(before) :]] == [("resolved", "payment")]


def test_unapplied_money_keeps_nothing_back_where_nothing_is_collectible() -> None:
    """A cent covers a debt of nothing: a note before the due date is about no money that may have come."""
    courtesy = {"from": "current", "when": "days_until_due <= 3", "do": [{"send": "courtesy-note"}]}
    life = living(
        part("2026-01-05", "09:00", {"event": "invoice", "id": "I1", "amount": "1.00", "due": "2026-02-02"}),
        part("2026-01-05", "09:01", {"event": "payment", "id": "P1", "amount": "1.01", "invoice": "I1"}),
        part("2026-01-05", "09:02", {"event": "invoice", "id": "I2", "amount": "50.00", "due": "2026-01-15"}),
        rules=policy(courtesy, guards={"fresh_cash": {"hold_if_unapplied_covers": True}}),
    )
    life.run_until(utc("2026-01-31T00:00"))
    assert [("2026-01-12", "courtesy-note")] == effects(life)


def test_what_a_guard_keeps_back_leaves_once_another_policy_has_the_account() -> None:
    """By an event, or by time alone; what was decided before leaves before what the new policy decides."""
    late = {"from": "current", "when": "days_overdue >= 1", "to": "reminded", "do": [{"send": "first"}]}
    again = {"from": "reminded", "when": "days_overdue >= 1", "do": [{"send": "second"}]}
    for applies_to, event in (('country == ""', {"event": "account", "country": "DE"}), ("days_overdue <= 3", {})):
        guarded = policy(late, applies_to=applies_to, guards={"fresh_cash": {"max_age_hours": 30}}, calendar=WEEK)
        world = World(policies=(guarded, policy(again, policy="q", calendar=WEEK)), evaluator=Reference(), cash=())
        life = Life(Account(id="A", currency="USD"), world)
        life.absorb([part("2026-01-02", "09:00", OVERDUE)])
        life.run_until(utc("2026-01-06T07:00"))
        assert [] == effects(life)
        if event:
            life.absorb([part("2026-01-06", "08:00", event)])
        life.run_until(utc("2026-01-08T00:00"))
        assert [("2026-01-06", "first"), ("2026-01-07", "second")] == effects(life)


def test_who_is_parked_for_the_same_reason_is_so_since_the_first_time() -> None:
    """Each cause looks at it anew and says so; it has stood still all the same."""
    rules = policy({"from": "current", "when": "days_overdue >= 1", "to": "resolved"})
    owed = {"event": "invoice", "id": "I1", "amount": "50.00", "due": "2026-01-05"}
    life = living(part("2026-01-06", "12:00", owed), rules=rules)
    for day in ("09", "12"):
        life.absorb([part(f"2026-01-{day}", "12:00", {"event": "contact", "channel": "call", "outcome": "call_back"})])
    assert life.account.parked is not None
    assert utc("2026-01-06T12:00") == life.account.parked.at
    assert [6, 9, 12] == [entry.at.day for entry in life.entries if entry.kind is EntryKind.PARKED]
    life.absorb([part("2026-01-13", "12:00", {"event": "forced", "to": "called", "reason": "so", "actor": "lena"})])
    assert life.account.parked is not None
    assert utc("2026-01-13T12:00") == life.account.parked.at


def test_while_nothing_is_overdue_by_the_policys_day_no_episode_is_told_of() -> None:
    """A policy whose day begins sooner has begun one; the other one, which gets the account, asks by its own day."""
    first = policy(
        {"from": "current", "when": "days_overdue >= 99", "to": "reminded"},
        applies_to='country == "US"',
        calendar={"act_at": "00:01"},
    )
    other = policy(
        {"from": "current", "when": 'promise_status == "open"', "to": "promised"},
        policy="q",
        never=[{"id": "n", "to": "promised", "when": "gross_overdue_amount == 0"}],
        calendar={"act_at": "20:00", "act_until": "22:00"},
    )
    life = Life(Account(id="A", currency="USD"), World(policies=(first, other), evaluator=Reference()))
    owed = {"event": "invoice", "id": "I1", "amount": "50.00", "due": "2026-01-05"}
    life.absorb(
        [part("2026-01-06", "12:00", owed, {"event": "promise", "id": "R", "amount": "100.00", "due": "2026-03-16"})]
    )
    assert life.account.parked is None
    life.run_until(utc("2026-01-07T00:00"))
    assert [("promised", "2026-01-06 20:00")] == [(one.to, f"{one.on} {one.clock:%H:%M}") for one in life.entries]

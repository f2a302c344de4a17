"""The next moment at which time alone can change what the rules say of an account (contract, section 3)."""

import datetime as dt
import json
from collections.abc import Mapping

import pytest

from arflow.accounts.entries import Account
from arflow.accounts.events import parse
from arflow.life.life import Life
from arflow.life.records import Part, World
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.rules.reference import Reference

Line = Mapping[str, object]


def policy(*rules: Line, **more: object) -> Policy:
    """A policy of UTC that acts at eight."""
    named = [{"id": f"r{at}", "from": "any", "why": "So.", **rule} for at, rule in enumerate(rules)]
    return load_policy(json.dumps({"policy": "p", "currency": "USD", "rules": named} | more), file="p.yaml")


def to_called(when: str) -> Line:
    return {"when": when, "to": "called"}


def tagging(when: str, **more: object) -> Line:
    return {"when": when, "do": [{"tag": "x"}], **more}


def lived(*lines: Line, policies: tuple[Policy, ...], until: str = "") -> Life:
    """The life through these events, and on from wake to wake until a date."""
    life = Life(Account(id="A", currency="USD"), World(policies=policies, evaluator=Reference()))
    for line in lines:
        event = parse({"account": "A", "date": "2026-01-05", "time": "09:00", **line})
        part = Part(on=event.on, clock=event.clock, events=(event,))
        life.run_until(life.instant_of(part))
        life.absorb([part])
    if until:
        life.run_until(dt.datetime.fromisoformat(f"{until}T23:59+00:00"))
    return life


def wake(*lines: Line, rules: tuple[Line, ...], until: str = "", **more: object) -> str:
    """The account's wake, as a date and time of UTC, or `never`."""
    at = lived(*lines, policies=(policy(*rules, **more),), until=until).account.wake
    return "never" if at is None else f"{at:%Y-%m-%d %H:%M}"


INVOICE: Line = {"event": "invoice", "id": "I1", "amount": "100.00", "due": "2026-01-16"}
PROMISE: Line = {"event": "promise", "id": "R1", "amount": "100.00", "due": "2026-01-20"}
OVERDUE: Line = {**INVOICE, "due": "2026-01-02"}
CALL: Line = {"event": "contact", "channel": "call", "date": "2026-01-06"}


@pytest.mark.parametrize(
    ("lines", "when", "expected"),
    [
        ([INVOICE], "days_overdue >= 3", "2026-01-19 08:00"),
        ([INVOICE], "days_overdue == 3", "2026-01-19 08:00"),
        ([INVOICE], "days_overdue > 3 and overdue_amount >= 500.00", "2026-01-20 08:00"),
        ([INVOICE], "gross_overdue_amount > 0.00", "2026-01-17 08:00"),
        ([INVOICE], "overdue_invoices == 1", "2026-01-17 08:00"),
        ([INVOICE], "days_in_episode >= 5", "2026-01-22 08:00"),
        ([INVOICE], "days_until_due < 4", "2026-01-13 08:00"),
        ([INVOICE], "days_until_due == 0", "2026-01-16 08:00"),
        ([INVOICE], "late_invoices_365d == 1", "2026-01-17 08:00"),
        ([INVOICE], "not days_in_state < 30", "2026-02-04 08:00"),
        ([INVOICE], "oldest_invoice_age in (3, 30)", "2026-01-08 08:00"),
        ([INVOICE], "open_amount > 500.00", "never"),
        ([INVOICE], "days_since_notice < 3", "never"),
        ([INVOICE], "days_since_contact > 36500", "never"),
        ([INVOICE, CALL], "days_since_contact >= 3", "2026-01-09 08:00"),
        ([INVOICE, CALL], "call_attempts_7d == 0", "2026-01-13 08:00"),
        ([INVOICE, PROMISE], "days_to_promise <= 2", "2026-01-18 08:00"),
        ([OVERDUE, PROMISE], "not has_open_promise", "2026-01-21 08:00"),
        ([OVERDUE, PROMISE], "overdue_amount > 0.00", "2026-01-21 08:00"),
        ([OVERDUE, PROMISE], 'promise_status == "broken"', "2026-01-21 08:00"),
        ([OVERDUE, PROMISE], "broken_promises_90d == 1", "2026-01-21 08:00"),
        ([INVOICE, {"event": "write_off", "invoice": "I1"}], "late_invoices_365d == 1", "2026-01-17 08:00"),
        ([], "days_overdue >= 3", "never"),
    ],
)
def test_an_account_wakes_when_a_comparison_can_differ(lines: list[Line], when: str, expected: str) -> None:
    """Whether or not the whole condition then holds: these never do."""
    assert expected == wake({"event": "hold_released"}, *lines, rules=(tagging(f"({when}) and open_amount > 900.00"),))


def test_what_has_joined_a_window_leaves_it_in_its_turn() -> None:
    """Two late invoices, the second of which is not yet due: the fact differs only when both have left."""
    lines = [OVERDUE, {**INVOICE, "id": "I2"}]
    rules = (tagging("late_invoices_365d == 0 and on_hold"),)
    assert [wake(*lines, rules=rules), wake(*lines[:1], rules=rules)] == ["2027-01-16 08:00", "2027-01-02 08:00"]


def test_an_age_with_an_anchor_after_the_policy_day_stands_still_first() -> None:
    """Before `act_at` it is still yesterday, and today's entries are of that day."""
    early = {**CALL, "time": "06:00"}
    found = [wake(early, rules=(tagging(f"days_since_contact {op} and on_hold"),)) for op in ("== 0", "== 1", ">= 2")]
    assert found == ["2026-01-07 08:00", "2026-01-07 08:00", "2026-01-08 08:00"]


def test_an_act_that_has_fired_is_over_for_this_stay() -> None:
    """Nothing of it can matter any more, until the account leaves the state."""
    rules = (tagging("days_overdue >= 3"), tagging("days_overdue >= 30"))
    found = [wake(OVERDUE, rules=rules, until=until) for until in ("", "2026-02-01", "2026-03-01")]
    assert found == ["2026-02-01 08:00", "never", "never"]


def test_an_act_that_repeats_wakes_at_the_end_of_its_pause() -> None:
    rules = (tagging("days_overdue >= 3", repeat_after_days=10),)
    found = [wake(OVERDUE, rules=rules, until=until) for until in ("", "2026-01-15", "2026-01-25")]
    assert found == ["2026-01-15 08:00", "2026-01-25 08:00", "2026-02-04 08:00"]


def test_a_repeat_counts_from_the_sending_and_not_while_it_waits() -> None:
    """Decided on Friday night, the message leaves on Monday."""
    rules = ({"when": "days_overdue >= 3", "do": [{"send": "friendly"}], "repeat_after_days": 2},)
    late = {**OVERDUE, "date": "2026-01-09", "time": "20:00"}
    found = [wake(late, rules=rules, until=until) for until in ("", "2026-01-12")]
    assert found == ["never", "2026-01-14 08:00"]


def test_a_move_that_is_held_back_tries_again_at_the_next_act_at() -> None:
    lines: list[Line] = [OVERDUE, {"event": "hold", "time": "10:00"}]
    rules = (to_called("days_overdue >= 4"),)
    found = [wake(*lines, rules=rules, until=until) for until in ("", "2026-01-20")]
    assert found == ["2026-01-06 08:00", "2026-01-21 08:00"]


def test_a_rule_of_the_state_just_entered_is_due_at_the_next_act_at() -> None:
    rules = (to_called("days_overdue >= 1"), {"when": "days_overdue >= 2", "to": "escalated"})
    assert wake(OVERDUE, rules=rules) == "2026-01-06 08:00"


def test_a_message_that_leaves_after_an_episode_began_by_time_counts_in_it() -> None:
    """Decided on the Friday of the due date, it leaves on Monday; nobody has looked at the account on the weekend."""
    note = {"when": "days_until_due == 0", "do": [{"send": "courtesy"}]}
    late = {**INVOICE, "date": "2026-01-16", "time": "20:00"}
    rules = (note, tagging("notices_sent == 1"))
    assert [wake(late, rules=rules), wake(late, rules=rules, until="2026-01-19")] == ["never", "2026-01-20 08:00"]


def test_a_tag_of_the_pass_itself_counts() -> None:
    """Effects take hold after all has been chosen, so the rule that asks for one is due next."""
    rules = ({"when": "days_overdue >= 1", "do": [{"tag": "late"}]}, tagging('"late" in tags'))
    assert wake(OVERDUE, rules=rules) == "2026-01-06 08:00"


def test_a_parked_account_is_not_woken() -> None:
    life = lived(OVERDUE, policies=(policy({"when": "days_overdue >= 1", "to": "disputed"}),), until="2026-03-01")
    assert (life.account.wake, life.account.parked is not None, len(life.entries)) == (None, True, 1)


def test_the_end_of_eligibility_wakes_and_parks() -> None:
    rules, until = (tagging("on_hold"),), "2026-01-20"
    assert wake(OVERDUE, rules=rules, applies_to="days_overdue < 10") == "2026-01-12 08:00"
    life = lived(OVERDUE, policies=(policy(*rules, applies_to="days_overdue < 10"),), until=until)
    assert life.account.parked is not None
    assert (life.account.parked.reason, life.account.parked.at.day) == ("no policy", 12)


def test_a_step_that_ends_eligibility_is_noticed_at_the_next_act_at() -> None:
    """What the pass itself has changed counts, as it does for rules."""
    policies = (policy(to_called("days_overdue >= 1"), applies_to='state == "current"'),)
    life = lived(OVERDUE, policies=policies)
    assert (life.account.state, life.account.wake) == ("called", dt.datetime(2026, 1, 6, 8, tzinfo=dt.UTC))
    life.run_until(dt.datetime(2026, 1, 9, tzinfo=dt.UTC))
    assert [(entry.kind, entry.at.day) for entry in life.entries] == [("step", 5), ("parked", 6)]


def test_a_policy_that_comes_before_takes_the_account_when_it_applies() -> None:
    """At the first `act_at` of the present policy on which it applies by its own calendar: in Samoa it is tomorrow."""
    calendars = [{"timezone": "Pacific/Apia"}, {"act_at": "23:30", "act_until": "23:59"}]
    first = policy(tagging("on_hold"), applies_to="days_overdue >= 10", calendar=calendars[0])
    second = policy(tagging("on_hold", id="other"), calendar=calendars[1])
    life = lived(OVERDUE, policies=(first, second))
    assert (life.policy, life.account.wake) == (second, dt.datetime(2026, 1, 11, 23, 30, tzinfo=dt.UTC))
    life.run_until(dt.datetime(2026, 1, 11, 23, 30, tzinfo=dt.UTC))
    assert (life.policy, life.account.policy_day) == (first, dt.date(2026, 1, 12))


def test_never_is_looked_at_too() -> None:
    rules = (to_called("open_amount > 500.00"),)
    never = [{"id": "n", "to": "called", "when": "days_overdue < 10"}]
    assert wake(OVERDUE, rules=rules, never=never) == "2026-01-12 08:00"


def test_most_days_pass_in_silence() -> None:
    """From the first day to the last of two years, this account is looked at five times."""
    asked: list[str] = []

    class Counting(Reference):
        """Counts the passes."""

        def applies(self, policy: Policy, facts: object) -> bool:
            asked.append(policy.name)
            return True

    ladder = (
        {"id": "a", "from": "current", "when": "days_overdue >= 3", "to": "reminded"},
        {"id": "b", "from": "reminded", "when": "days_overdue >= 30", "to": "called"},
        {"id": "c", "from": "called", "when": "days_overdue >= 700", "to": "escalated"},
    )
    life = Life(Account(id="A", currency="USD"), World(policies=(policy(*ladder),), evaluator=Counting()))
    event = parse({"account": "A", "date": "2026-01-05", **INVOICE})
    life.absorb([Part(on=event.on, clock=event.clock, events=(event,))])
    passes = [len(asked)]
    life.run_until(dt.datetime(2028, 1, 5, tzinfo=dt.UTC))
    steps = [entry.to for entry in life.entries]
    assert (steps, len(asked) <= 2 * 5, passes[0] <= 2) == (["reminded", "called", "escalated"], True, True)

"""When an account is to be looked at again, because by then time alone can change the answer (contract, section 3)."""

import datetime as dt
from collections.abc import Iterator

from arflow.errors import Refused
from arflow.life.passes import eligible, is_quiet, situation
from arflow.life.present import Present
from arflow.life.spending import fired, repeat_ends
from arflow.life.wakes import first_change
from arflow.rules.decide import acts
from arflow.rules.policy import Policy
from arflow.rules.watching import Watch

_DAYS_AHEAD = dt.timedelta(days=3)
"""No zone's policy day is further ahead of another's than this."""


def next_wake(here: Present, now: dt.datetime) -> dt.datetime | None:
    """The account's next wake after `now`; None when only an event can change anything."""
    policy = here.policy
    if here.account.parked is not None or policy is None:
        return None
    if here.world.every_day or _would_act(here, policy, now):
        return here.calendar().next_act(here.zone(), now)
    return _next_change(here, policy, now)


def wake_after_holding(here: Present, now: dt.datetime) -> dt.datetime | None:
    """The next wake after `now` on which something else can happen than that the same moves are held back again.

    While what holds them is nothing that time changes, each morning until then would bring nothing. For those who look
    ahead only: an account that lives is looked at every morning.
    """
    policy, account = here.policy, here.account
    if account.wake is None or policy is None or any(effect.due_at is not None for effect in account.waiting):
        return account.wake
    view = here.snapshot(policy)
    held = situation(here, policy, view)
    if here.world.every_day or held.harsher_today or held.delivered_today or held.kept or not _is_at_home(here, now):
        return account.wake
    if acts(here.evaluator, policy, view.facts, held):  # one that looks at what an act before it has put out
        return account.wake
    later = _next_change(here, policy, now)
    return later if later is None else max(later, account.wake)


def _next_change(here: Present, policy: Policy, now: dt.datetime) -> dt.datetime | None:
    """The first `act_at` after `now` on which a clause can differ, or a repeat ends."""
    zone, calendar = here.zone(), here.calendar()
    instants = [calendar.act_instant(zone, day) for day in _days(here, policy)]
    instants += [at for other in _before(here, policy) for at in _acts_for(here, other, now)]
    return max(calendar.next_act(zone, now), min(instants)) if instants else None


def _is_at_home(here: Present, now: dt.datetime) -> bool:
    """Whether a pass right now would leave the account to the policy that has it."""
    if here.chosen is not None and here.chosen[0] is here.account and here.chosen[1] == now:
        return True
    try:
        return eligible(here, now) is here.policy
    except Refused:
        return False


def _would_act(here: Present, policy: Policy, now: dt.datetime) -> bool:
    """Whether a pass right now would fire a rule, hold one back, or give the account to another policy or to none."""
    if not _is_at_home(here, now):
        return True
    if is_quiet(here, policy):
        return False
    view, evaluator, rules = here.snapshot(policy), here.evaluator, policy.rules_in(here.account.state)
    found = evaluator.first(policy, here.account.state, view.facts, 0)
    is_move = found is not None and rules[found].to is not None
    return is_move or bool(acts(evaluator, policy, view.facts, situation(here, policy, view)))


def _days(here: Present, policy: Policy) -> list[dt.date]:
    """The policy days on which a clause can differ or a repeat ends."""
    today, acted = here.account.policy_day, fired(here.account, policy)
    over = frozenset([rule.id for rule in acted if rule.repeat_after_days is None])
    change = _change(here, policy, policy.watch(here.account.state, over), today)
    ends = [repeat_ends(here.account, rule) for rule in acted]
    return [day for day in (change, *ends) if day is not None and day > today]


def _before(here: Present, policy: Policy) -> Iterator[Policy]:
    """The policies that would have the account rather than `policy`, if they applied."""
    for other in here.world.policies[: here.world.policies.index(policy)]:
        if other.currency == policy.currency:
            yield other


def _change(here: Present, policy: Policy, watch: Watch, today: dt.date) -> dt.date | None:
    """The first day on which what is watched differs from `today`, if there is one."""
    return first_change(here.snapshot(policy, today), watch, lambda day: here.ahead(policy, day))


def _acts_for(here: Present, other: Policy, now: dt.datetime) -> Iterator[dt.datetime]:
    """The first `act_at` on which the clauses of `other.applies_to` can differ, on the policy days of its calendar."""
    zone, calendar = here.zone(), here.calendar()
    change = _change(here, other, other.watch_applies, here.day_under(other, now))
    if change is not None:
        at = max(calendar.next_act(zone, now), calendar.act_instant(zone, change - _DAYS_AHEAD))
        while max(here.policy_day(at), here.day_under(other, at)) < change:
            at = calendar.next_act(zone, at)
        yield at

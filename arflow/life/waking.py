"""When an account is to be looked at again, because by then time alone can change the answer (contract, section 3)."""

import datetime as dt
from collections.abc import Iterator, Sequence

from arflow.accounts.facts import Snapshot, snapshot
from arflow.errors import Refused
from arflow.life.passes import eligible, situation
from arflow.life.present import Present, reading
from arflow.life.spending import fired, repeat_ends
from arflow.life.wakes import first_change
from arflow.rules.decide import acts
from arflow.rules.expressions import Comparison, comparisons
from arflow.rules.policy import Policy

_ONE_DAY = dt.timedelta(days=1)
_DAYS_AHEAD = 3
"""No zone's policy day is further ahead of another's than this."""


def next_wake(here: Present, now: dt.datetime) -> dt.datetime | None:
    """The account's next wake after `now`; None when only an event can change anything."""
    policy = here.policy
    if here.account.parked is not None or policy is None:
        return None
    zone, calendar = here.zone(), here.calendar()
    soonest = calendar.next_act(zone, now)
    if here.world.every_day or _would_act(here, policy, now):
        return soonest
    day = min((day for day in _days(here, policy, now) if day is not None), default=None)
    return None if day is None else max(soonest, calendar.act_instant(zone, day))


def _would_act(here: Present, policy: Policy, now: dt.datetime) -> bool:
    """Whether a pass right now would fire a rule, hold one back, or give the account to another policy or to none."""
    try:
        if eligible(here, now) is not policy:
            return True
    except Refused:
        return True
    view, evaluator = here.snapshot(policy), here.world.evaluator
    found = evaluator.first(policy, here.account.state, view.facts, 0)
    if found is None:
        return False
    is_move = policy.rules_in(here.account.state)[found].to is not None
    return is_move or bool(acts(evaluator, policy, view.facts, situation(here, policy, view)))


def _days(here: Present, policy: Policy, now: dt.datetime) -> Iterator[dt.date | None]:
    """The policy days on which a clause can differ, a repeat ends, or another policy comes to apply."""
    today = here.account.policy_day
    yield _first_change(here, policy, [*_clauses(here, policy), *policy.common_clauses], today)
    for other in here.world.policies[: here.world.policies.index(policy)]:
        if other.currency == policy.currency:
            yield _first_day_for(here, other, now)
    for rule in fired(here.account, policy):
        ends = repeat_ends(here.account, rule)
        yield ends if ends is not None and ends > today else None


def _clauses(here: Present, policy: Policy) -> list[Comparison]:
    """The clauses that can matter in this stay: those of acts that fire once are over once they have fired."""
    over = {rule.id for rule in fired(here.account, policy) if rule.repeat_after_days is None}
    rules = [rule for rule in policy.rules_in(here.account.state) if rule.id not in over]
    return [clause for rule in rules for clause in comparisons(rule.when)]


def _first_change(here: Present, policy: Policy, clauses: Sequence[Comparison], today: dt.date) -> dt.date | None:
    def on(day: dt.date) -> Snapshot:
        return snapshot(here.account, day, reading(policy))

    return first_change(here.snapshot(policy, today), clauses, on)


def _first_day_for(here: Present, other: Policy, now: dt.datetime) -> dt.date | None:
    """The first policy day on whose `act_at` the clauses of `other.applies_to` can differ, by its own calendar."""
    clauses = list(comparisons(other.applies_to)) if other.applies_to is not None else []
    change = _first_change(here, other, clauses, here.day_under(other, now))
    if change is None:
        return None
    zone, calendar = here.zone(), here.calendar()
    day = max(change - _DAYS_AHEAD * _ONE_DAY, here.account.policy_day + _ONE_DAY)
    while day < change and here.day_under(other, calendar.act_instant(zone, day)) < change:
        day += _ONE_DAY
    return day

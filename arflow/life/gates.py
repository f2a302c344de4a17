"""What keeps a message or call from leaving although its moment has come: a hold, a switch, a fuse, money on its way.

It waits, and why can be told at any time. Nothing here decides a step, but for a policy that says `hold_steps`.
"""

import datetime as dt

from msgspec import Struct

from arflow.life.present import Present
from arflow.rules.guards import FreshCash


class Wait(Struct, frozen=True, kw_only=True):
    """Why nothing leaves now, and when to look again; None: as soon as what keeps it is gone."""

    reason: str
    until: dt.datetime | None = None


def wait(here: Present, now: dt.datetime) -> Wait | None:
    """What keeps messages and calls of the account back at `now`; None when nothing does."""
    policy = here.policy
    if here.account.on_hold:
        return Wait(reason="the account is on hold")
    if not here.world.delivering:
        return Wait(reason="delivery is off")
    if policy is not None and policy.name in here.world.blown:
        return Wait(reason=f"the storm fuse of policy `{policy.name}` is blown")
    return None if policy is None or policy.guards.fresh_cash is None else _cash(here, policy.guards.fresh_cash, now)


def held_step(here: Present, now: dt.datetime) -> str:
    """Why harsher moves wait because money may have come; empty when they do not."""
    policy = here.policy
    gate = policy.guards.fresh_cash if policy else None
    found = _cash(here, gate, now) if gate is not None and gate.hold_steps else None
    return found.reason if found else ""


def _cash(here: Present, gate: FreshCash, now: dt.datetime) -> Wait | None:
    stale = _stale(here, gate.max_age_hours, now)
    if stale is None and gate.hold_if_unapplied_covers and _is_covered(here):
        today = here.local(now).date()
        later = here.calendar().earliest_sending(here.zone(), now, not_on={today})
        return Wait(reason="unapplied money covers all that is collectible", until=later)
    return stale


def _stale(here: Present, hours: int | None, now: dt.datetime) -> Wait | None:
    """That payments are not known to be complete, until the next word of it."""
    marks, zone = here.world.cash, here.zone()
    if hours is None or marks is None:
        return None
    until = max((mark.until(zone) for mark in marks if mark.known(zone) <= now), default=None)
    if until is not None and now - until <= dt.timedelta(hours=hours):
        return None
    what = "nobody has said yet that payments are complete" if until is None else _complete(here, until, hours)
    return Wait(reason=what, until=next((known for mark in marks if (known := mark.known(zone)) > now), None))


def _complete(here: Present, until: dt.datetime, hours: int) -> str:
    return f"payments are complete until {here.local(until):%Y-%m-%d %H:%M} only, more than {hours} hours ago"


def _is_covered(here: Present) -> bool:
    facts = here.readable().facts
    return 0 < facts.overdue_amount <= facts.unapplied_amount

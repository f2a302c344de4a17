"""Accounts as people look at them: the facts, why they stand where they stand, whom to call when, what comes next.

For the accounts of one page, read at once; nothing is changed. The lives are those that production runs.
"""

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from arflow import clock, explain
from arflow.accounts.entries import Account
from arflow.accounts.facts import Snapshot
from arflow.advance import Engineering, is_its_own, versions_standing
from arflow.clock import Now
from arflow.desk import brief, worklist
from arflow.desk.brief import Allowed
from arflow.desk.worklist import LastStep
from arflow.life.life import Life
from arflow.rules.calendar import Calendar
from arflow.rules.policy import Policy
from arflow.store import journal, policies

_MOST_KEPT = 5_000
"""Of how many accounts what comes next is kept."""


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """One account now. `today` is the local date at which people record; `version` that of the row that was read."""

    account: Account
    version: int
    zone: str
    at: dt.datetime
    today: dt.date
    policy: Policy | None
    seen: Snapshot
    last_step: LastStep | None
    why: str
    """The reason of the rule that led here, or what the person who forced the step said."""
    allowed: Allowed
    life: Life

    def foresee(self) -> explain.Next | None:
        """What comes next by time alone; runs the account ahead, unless it was just as now when it was last asked."""
        return _foreseen.get(self.life, self.at)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """All that what comes next depends on: the same again gives the same."""

    account: Account
    world: tuple[object, ...]
    moment: tuple[object, ...]

    @classmethod
    def of(cls, life: Life, at: dt.datetime) -> "_Asked | None":
        """None where it depends on the very moment: how old the latest word of payments is goes by the hour."""
        world, zone, calendar = life.world, life.zone(), life.calendar()
        if life.policy is None or life.policy.guards.fresh_cash is not None or world.ledgers:
            return None
        policies = tuple(policy.version for policy in world.policies)
        present = world.present and calendar.policy_day(zone, world.present)
        return cls(
            account=life.account,
            world=(policies, world.delivery, world.delivering, world.blown, world.results, present),
            moment=(life.policy_day(at), life.local(at).date(), max(at, calendar.earliest_sending(zone, at)) > at),
        )


class Foreseen:
    """What comes next of the accounts that were asked for last: the same list is opened between any two calls."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[_Asked, explain.Next | None]] = OrderedDict()

    def get(self, life: Life, at: dt.datetime) -> explain.Next | None:
        """What `explain.foresee` says of the life at `at`."""
        asked = _Asked.of(life, at)
        if asked is None:
            return explain.foresee(life, at)
        with self._lock:
            kept = self._kept.get(life.account.id)
        if kept is not None and kept[0] == asked:
            return kept[1]
        found = explain.foresee(life, at)
        with self._lock:
            self._kept[life.account.id] = (asked, found)
            self._kept.move_to_end(life.account.id)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return found


_foreseen = Foreseen()


def outlooks(connection: Connection, ids: Sequence[str], engineering: Engineering) -> dict[str, Outlook]:
    """The accounts `ids` as they stand; the number of queries does not depend on how many they are.

    Those that cannot be read are not among them; then each is read by itself. Where none of many can be, it is no fault
    of theirs, and is raised.
    """
    try:
        with connection.begin_nested():
            return _outlooks(connection, ids, engineering)
    except Exception as error:
        if not is_its_own(error):
            raise
        if len(ids) == 1:
            return {}
        found = {key: one for each in ids for key, one in outlooks(connection, [each], engineering).items()}
        if not found:
            raise
        return found


def _outlooks(connection: Connection, ids: Sequence[str], engineering: Engineering) -> dict[str, Outlook]:
    now = clock.read(connection)
    lives = versions_standing(connection, ids, now, engineering)
    steps = worklist.last_steps(connection, ids)
    deciding = {name: policies.named(connection, name) for name in {s.version for s in steps.values()} if name}
    return {
        key: _outlook(life, now, version, steps.get(key), _why(steps.get(key), deciding))
        for key, (life, version) in lives.items()
    }


def explained(connection: Connection, one: Outlook) -> explain.Explanation:
    """Why the account stands where it stands, rule by rule, and what comes next."""
    last = journal.last_step(connection, one.account.id, dt.date.max)
    deciding = policies.named(connection, last.policy_version) if last and last.policy_version else None
    return explain.explain(one.life, one.at, last, deciding)


def _why(step: LastStep | None, deciding: Mapping[str, Policy]) -> str:
    if step is None:
        return ""
    if step.rule is None or step.version is None:
        return step.reason
    return next((rule.why for rule in deciding[step.version].rules if rule.id == step.rule), "")


def _outlook(life: Life, now: Now, version: int, step: LastStep | None, why: str) -> Outlook:
    account, policy, zone = life.account, life.policy, life.zone()
    today, _ = clock.local_moment(now, zone)
    at = now.at or explain.end_of(life, now.last_day)
    seen = life.facts_at(at)
    return Outlook(
        account=account,
        version=version,
        zone=str(zone),
        at=at,
        today=today,
        policy=policy,
        seen=seen,
        last_step=step,
        why=why,
        allowed=brief.allowed(account, seen, life.calendar(), zone, _working_moment(life.calendar(), life, now, today)),
        life=life,
    )


def _working_moment(calendar: Calendar, life: Life, now: Now, today: dt.date) -> dt.datetime:
    """The moment from which on somebody may call: now; on a stepped clock, which stands at its day's end, that day."""
    return now.at or calendar.act_instant(life.zone(), today)

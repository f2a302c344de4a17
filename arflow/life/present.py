"""The present of one life: the account as it now is, the world it lives in, and what has been recorded of it.

Passes, sendings and wakes all work on this one value; nothing here decides.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from arflow.accounts import episodes
from arflow.accounts.entries import Account, Ledger, Outgoing
from arflow.accounts.facts import Reading, Snapshot, snapshot
from arflow.accounts.promises import Terms
from arflow.evolving import evolve
from arflow.life.records import Entry, EntryKind, World
from arflow.rules.calendar import ACCOUNT_ZONE, Calendar
from arflow.rules.decide import Remembering, Situation
from arflow.rules.policy import Policy
from arflow.vocabulary import Facts


def reading(policy: Policy) -> Reading:
    """How `policy` reads an account."""
    return Reading(terms=_terms(policy), attributes=policy.attributes)


def _terms(policy: Policy) -> Terms:
    return Terms(grace_days=policy.grace_days, tolerance=policy.tolerance, act_at=policy.calendar.act_at)


class Ground(Struct, frozen=True, kw_only=True):
    """What a decision was made on: the facts, the situation, and the moves that were held back with their reasons."""

    facts: Facts | None = None
    situation: Situation | None = None
    held: tuple[tuple[str, str], ...] = ()


class _Seen(Struct, frozen=True):
    """The latest snapshot taken: most passes change nothing and would take the same one four times."""

    account: Account
    policy: Policy
    reading: Reading
    snapshot: Snapshot

    def is_of(self, account: Account, policy: Policy, day: dt.date) -> bool:
        return self.account is account and self.policy is policy and self.snapshot.day == day


class _Home(Struct, frozen=True):
    """Under what an account lives: its policy, and the calendar and zone that follow from it."""

    world: World
    version: str | None
    currency: str
    timezone: str
    policy: Policy | None
    terms: Terms
    calendar: Calendar
    zone: ZoneInfo
    floor: dt.datetime | None
    """Before this instant nothing happens; None: all at its own moment."""

    @classmethod
    def of(cls, account: Account, world: World) -> "_Home":
        own = next((policy for policy in world.policies if policy.version == account.policy_version), None)
        policy = own or next((p for p in world.policies if p.currency == account.currency), None)
        terms = _terms(policy) if policy else Terms()
        policy = policy or next(iter(world.policies), None)
        calendar = policy.calendar if policy else Calendar(timezone=ACCOUNT_ZONE)
        zone, now = calendar.zone(account.timezone), world.present
        floor = None if now is None else calendar.act_instant(zone, calendar.policy_day(zone, now))
        version, currency, timezone = account.policy_version, account.currency, account.timezone
        return cls(world, version, currency, timezone, own, terms, calendar, zone, floor)

    def is_of(self, account: Account) -> bool:
        """Whether `account` is as the one that this was looked up for."""
        return (
            self.version == account.policy_version
            and self.timezone == account.timezone
            and self.currency == account.currency
        )


@dataclass
class Present:
    """One account in its world. `actor` and `reason` are those of the cause that is being dealt with."""

    account: Account
    world: World
    entries: list[Entry] = field(default_factory=list)
    actor: str = ""
    reason: str = ""
    evaluator: Remembering = field(init=False)
    """That of the world, for this life."""

    chosen: tuple[Account, dt.datetime] | None = None
    """As what, and when, the account was last given to its policy."""

    _seen: "_Seen | None" = None
    _known_home: "_Home | None" = None
    _latest_local: tuple[dt.datetime, ZoneInfo, dt.datetime] | None = None
    """An instant, a zone, and the instant there: the same one is asked for over and over."""

    _housed: Account | None = None
    """The account for which the latest home was found right."""

    def __post_init__(self) -> None:
        self.evaluator = Remembering(self.world.evaluator)

    # --- time ---------------------------------------------------------------------------------------------------------

    @property
    def _home(self) -> "_Home":
        """Under what the account lives; looked up anew only when it, or the world, has changed in that respect."""
        account, known = self.account, self._known_home
        if self._housed is account and known is not None and known.world is self.world:
            return known
        if known is None or known.world is not self.world or not known.is_of(account):
            known = self._known_home = _Home.of(account, self.world)
        self._housed = account
        return known

    @property
    def policy(self) -> Policy | None:
        """The policy that had the account at its last pass, if it is still active."""
        return self._home.policy

    @property
    def terms(self) -> Terms:
        """How promises are judged: as its policy says, else as the first policy in its currency does."""
        return self._home.terms

    def calendar(self) -> Calendar:
        """The calendar the account lives by: its policy's, else that of the first policy in its currency."""
        return self._home.calendar

    def zone(self) -> ZoneInfo:
        """The zone the account lives in."""
        return self._home.zone

    def local(self, at: dt.datetime) -> dt.datetime:
        """`at` on the account's own clock."""
        zone, known = self._home.zone, self._latest_local
        if known is None or known[0] is not at or known[1] is not zone:
            known = self._latest_local = (at, zone, at.astimezone(zone))
        return known[2]

    def policy_day(self, at: dt.datetime) -> dt.date:
        """The account's policy day at `at`; it never decreases."""
        home = self._home
        return max(self.account.policy_day, home.calendar.policy_day(home.zone, at))

    def day_under(self, policy: Policy, at: dt.datetime) -> dt.date:
        """The policy day that the account has under `policy` at `at`."""
        if policy is self.policy:
            return self.policy_day(at)
        return max(self.account.policy_day, policy.calendar.policy_day(policy.calendar.zone(self.account.timezone), at))

    def not_before(self, due: dt.datetime) -> dt.datetime:
        """When what falls due at `due` happens: nobody is written to, or moved on, on a day that nobody worked on."""
        floor = self._home.floor
        return due if floor is None or floor < due else floor

    def stand_at(self, now: dt.datetime) -> None:
        """Note that `now` has come."""
        if now > self.account.last_instant:
            self.account = evolve(self.account, last_instant=now)

    def reach(self, at: dt.datetime) -> None:
        """Let time alone do what it has done by `at`, before something else changes the account or how it is read."""
        account, home, changes = self.account, self._home, dict[str, Any]()
        day = max(account.policy_day, home.calendar.policy_day(home.zone, at))
        if at > account.last_instant:
            changes["last_instant"] = at
        if day != account.policy_day and home.policy is not None:
            changes["policy_day"] = day
        if changes:
            self.account = evolve(account, **changes)
        self._fall_due(at, day)

    # --- the account --------------------------------------------------------------------------------------------------

    def snapshot(self, policy: Policy, day: dt.date | None = None) -> Snapshot:
        """The facts of the account as `policy` reads it, on `day` or else on its policy day."""
        on = day or self.account.policy_day
        seen = self._seen
        if seen is None or not seen.is_of(self.account, policy, on):
            read = self._reading(policy)
            taken = snapshot(self.account, on, read, seen.snapshot if seen else None)
            seen = self._seen = _Seen(self.account, policy, read, taken)
        return seen.snapshot

    def readable(self, day: dt.date | None = None) -> Snapshot:
        """The facts as the policy that has the account reads it, if one does, on `day` or else on its policy day."""
        policy, on = self.policy, day or self.account.policy_day
        return snapshot(self.account, on, Reading(terms=self.terms)) if policy is None else self.snapshot(policy, on)

    def ahead(self, policy: Policy, day: dt.date) -> Snapshot:
        """The facts on a later day, as `policy` will read them if nothing is recorded until then."""
        seen = self._seen
        return snapshot(self.account, day, self._reading(policy), seen.snapshot if seen else None)

    def _reading(self, policy: Policy) -> Reading:
        """How `policy` reads the account: most often as at the latest snapshot."""
        seen = self._seen
        return seen.reading if seen is not None and seen.policy is policy else reading(policy)

    def fall_due(self, at: dt.datetime) -> None:
        """Begin the episode that time alone has begun by `at`."""
        self._fall_due(at, self.policy_day(at))

    def _fall_due(self, at: dt.datetime, day: dt.date) -> None:
        home = self._home
        self.account = episodes.fallen_due(
            self.account,
            day,
            lambda begun: min(at, home.calendar.act_instant(home.zone, begun)).astimezone(home.zone),
        )

    def settle_episode(self, before: Ledger, at: dt.datetime) -> None:
        """Begin, end or go on with an episode, after events at `at` that changed the ledger `before`."""
        self.account = episodes.after_events(self.account, before, self.policy_day(at), self.local(at))

    def update(self, changed: Iterable[Outgoing]) -> None:
        """Put `changed` effects in the place of those with their numbers."""
        new = {effect.number: effect for effect in changed}
        if new:
            outgoing = tuple(new.get(effect.number, effect) for effect in self.account.outgoing)
            self.account = evolve(self.account, outgoing=outgoing)

    # --- records ------------------------------------------------------------------------------------------------------

    def record(
        self,
        kind: EntryKind,
        now: dt.datetime,
        cause: str,
        *,
        reason: str | None = None,
        rule: str | None = None,
        source: str | None = None,
        to: str | None = None,
        rules: tuple[str, ...] = (),
        ground: Ground = Ground(),  # noqa: B008  # frozen and without content
    ) -> None:
        """Record a step, acts or a refused pass at `now`; without a `reason` that of the cause."""
        self._enter(
            kind,
            now,
            cause,
            reason,
            rule=rule,
            source=source,
            to=to,
            rules=rules,
            held=ground.held,
            facts=ground.facts,
            situation=ground.situation,
        )

    def record_effect(
        self,
        kind: EntryKind,
        now: dt.datetime,
        cause: str,
        *,
        effect: str,
        name: str,
        rule: str,
        number: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Record that an effect took hold or was dropped at `now`."""
        self._enter(kind, now, cause, reason, effect=effect, name=name, rule=rule, number=number)

    def _enter(self, kind: EntryKind, now: dt.datetime, cause: str, reason: str | None, **more: Any) -> None:  # noqa: ANN401  # as Entry has them
        local = self.local(now)
        entry = Entry(
            kind=kind,
            account=self.account.id,
            at=now,
            on=local.date(),
            clock=local.time(),
            cause=cause,
            actor=self.actor,
            reason=self.reason if reason is None else reason,
            policy_version=self.account.policy_version,
            **more,
        )
        self.entries.append(entry)

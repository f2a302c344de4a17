"""One account's life: wakes, sendings and causes in their order, each with its pass (contract, sections 3 and 4)."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from arflow.accounts import episodes
from arflow.accounts.applying import apply
from arflow.accounts.entries import Account, EffectStatus, Firing, Ledger, Outgoing, Parked
from arflow.accounts.events import Event
from arflow.accounts.facts import Reading, Snapshot, snapshot
from arflow.accounts.promises import Terms
from arflow.errors import Refused
from arflow.life.records import Entry, EntryKind, Part, World
from arflow.life.wakes import first_change
from arflow.machines.states import is_harsher
from arflow.machines.stepping import refusal
from arflow.rules.calendar import ACCOUNT_ZONE, Calendar, instant
from arflow.rules.decide import Situation, acts, next_move
from arflow.rules.expressions import Comparison, comparisons
from arflow.rules.policy import CatchUp, Policy, Rule
from arflow.vocabulary import TIMED_EFFECTS, Effect, EffectKind, Facts, State

WAKE, POLICY, PAYER = "wake", "policy", "payer"
_NO_POLICY = "no policy"
_FOLDED = (
    *("name", "timezone", "country", "language", "segment", "risk_grade", "debtor_kind", "collector_role"),
    *("credit_limit", "pays_through", "people", "attributes", "on_hold", "ledger", "promises", "contacts", "episodes"),
)
"""What a fold of the recorded events alone gives; the rest of an account is the machine's."""
_ONE_DAY = dt.timedelta(days=1)


def reading(policy: Policy) -> Reading:
    """How `policy` reads an account."""
    return Reading(
        terms=Terms(grace_days=policy.grace_days, tolerance=policy.tolerance), attributes=policy.attributes
    )


class Life:
    """Carries one account from cause to cause. `account` is the present value, `entries` what has been recorded."""

    def __init__(self, account: Account, world: World) -> None:
        self.account, self.world = account, world
        self.entries: list[Entry] = []
        self._actor = self._reason = ""

    # --- time ----------------------------------------------------------------------------------------------------------

    @property
    def policy(self) -> Policy | None:
        """The policy that had the account at its last pass, if it is still active."""
        version = self.account.policy_version
        return next((policy for policy in self.world.policies if policy.version == version), None)

    def calendar(self) -> Calendar:
        """The calendar the account lives by: its policy's, else that of the first policy in its currency."""
        policy = self.policy or next((p for p in self.world.policies if p.currency == self.account.currency), None)
        policy = policy or next(iter(self.world.policies), None)
        return policy.calendar if policy else Calendar(timezone=ACCOUNT_ZONE)

    def zone(self) -> ZoneInfo:
        """The zone the account lives in."""
        return self.calendar().zone(self.account.timezone)

    def local(self, at: dt.datetime) -> dt.datetime:
        """`at` on the account's own clock."""
        return at.astimezone(self.zone())

    def policy_day(self, at: dt.datetime) -> dt.date:
        """The account's policy day at `at`; it never decreases."""
        return max(self.account.policy_day, self.calendar().policy_day(self.zone(), at))

    def _day_under(self, policy: Policy, at: dt.datetime) -> dt.date:
        """The policy day that the account would have under `policy` at `at`."""
        return max(self.account.policy_day, policy.calendar.policy_day(policy.calendar.zone(self.account.timezone), at))

    def instant_of(self, part: Part) -> dt.datetime:
        """The instant of a part: its local time in the account's zone, never before the account's latest instant."""
        given = [event.text("timezone") for event in part.events if "timezone" in event.data]
        name = self.account.timezone if self.account.born or not given else given[0]
        at = instant(self.calendar().zone(name), part.on, part.clock)
        return max(at, self.account.last_instant)

    def next_due(self) -> dt.datetime | None:
        """When the account is due by itself: its wake or its next sending, whichever comes first."""
        sendings = [effect.due_at for effect in self.account.waiting if effect.due_at]
        wakes = [self.account.wake] if self.account.wake else []
        return min([*sendings, *wakes], default=None)

    def run_until(self, limit: dt.datetime, *, inclusive: bool = True) -> None:
        """Run every wake and sending that falls due up to `limit`, in order."""
        while self.run_next(limit, inclusive=inclusive):
            pass

    def run_next(self, limit: dt.datetime, *, inclusive: bool = True) -> bool:
        """Run what falls due next, a wake and sendings of one instant; False when nothing does up to `limit`."""
        due = self.next_due()
        if due is None or due > limit or (due == limit and not inclusive):
            return False
        self._at(due)
        if self.account.wake is not None and self.account.wake <= due:
            self._pass(due, WAKE)
        self._send_due(due, WAKE)
        self._derive_wake(due)
        return True

    def _at(self, now: dt.datetime) -> None:
        self.account = replace(self.account, last_instant=max(now, self.account.last_instant))

    # --- causes --------------------------------------------------------------------------------------------------------

    def absorb(self, parts: Sequence[Part], now: dt.datetime | None = None, cause: str | None = None) -> bool:
        """Apply all of `parts` and run one pass, at `now` or else at the instant of the last part.

        Gives whether they were a cause: False when all of them were passed over. Raises Refused, placed at the event's line, when an event contradicts what is recorded.
        """
        names: list[str] = []
        forced: Event | None = None
        for part in parts:
            at = self.instant_of(part)
            for event in self._applied(part, at):
                names += [] if event.kind in names else [event.kind]
                forced = event if event.kind == "forced" else forced
        if names:
            self._cause(now or self.account.last_instant, cause or "+".join(names), forced)
        return bool(names)

    def relive(self, history: Sequence[Part], fresh: Sequence[Part], now: dt.datetime) -> None:
        """Fold the books anew from their whole `history`, because `fresh` parts of it came late; then run one pass.

        The state, the stay and what was put out stay as they are: history is never acted out again.
        """
        folded = Life(Account(id=self.account.id, currency=self.account.currency), self.world)
        for part in history:
            list(folded._applied(part, folded.instant_of(part)))  # noqa: SLF001  # another life, the same class
        was_on_hold, books = self.account.on_hold, folded.account
        self.account = replace(
            self.account, **{name: getattr(books, name) for name in _FOLDED}, born=True, payer_ledger=books.payer_ledger
        )
        forced, names = None, []
        for event in (event for part in fresh for event in part.events):
            self._touch_up(event, now)
            names += [] if event.kind in names else [event.kind]
            forced = event if event.kind == "forced" else forced
        if was_on_hold and not self.account.on_hold:
            self._release(now)
        self._fall_due(now)
        self._cause(now, "+".join(names), forced)

    def _touch_up(self, event: Event, now: dt.datetime) -> None:
        """Do what a late event does outside the books, where rules have had their say since."""
        if event.kind in ("notice_delivered", "notice_failed"):
            self._settle_notice(event, now)
        elif event.kind in ("tag", "untag"):
            self.account = apply(self.account, event, (now, 0))
        elif event.kind == "account" and "owner" in event.data:
            self.account = replace(self.account, owner=event.text("owner"))

    def payer_changed(self, ledger: Ledger, at: dt.datetime) -> None:
        """Take over the payer's ledger after a cause of the payer at `at`, and run a pass."""
        before = self.account.book
        self._reach(at)
        self.account = replace(self.account, payer_ledger=ledger)
        self._settle_episode(before, at)
        self._cause(at, PAYER)

    def policies_changed(self, policies: tuple[Policy, ...], at: dt.datetime) -> None:
        """Live under `policies` from `at` on, and run a pass."""
        self._reach(at)
        self.world = replace(self.world, policies=policies)
        self._cause(at, POLICY)

    def _cause(self, now: dt.datetime, cause: str, forced: Event | None = None) -> None:
        self._at(now)
        self.account = replace(self.account, parked=None)
        self._actor = forced.text("actor") if forced else ""
        self._reason = forced.text("reason") if forced else ""
        self._pass(now, cause, State(forced.text("to")) if forced else None)
        self._actor = self._reason = ""
        self._send_due(now, cause)
        self._derive_wake(now)

    def _applied(self, part: Part, at: dt.datetime) -> Iterable[Event]:
        """Apply the events of one part; gives those that were not passed over."""
        if self.account.born:
            self._reach(at)
        before, counted = self.account.book, []
        for place, event in enumerate(part.events):
            try:
                if self._apply(event, at, place):
                    counted.append(event)
            except Refused as refused:
                raise Refused(refused.reason, file=refused.file, line=event.line or None) from None
        self._at(at)
        self._settle_episode(before, at)
        return counted

    def _apply(self, event: Event, at: dt.datetime, place: int) -> bool:
        if event.kind in ("notice_delivered", "notice_failed"):
            return self._settle_notice(event, at)
        if not self.account.born:
            self.account = replace(self.account, born=True, entered_on=event.on, entered_at=at)
        self.account = apply(self.account, event, (at, place))
        if event.kind == "account":
            self._take_payer(at)
        if event.kind == "hold_released":
            self._release(at)
        return True

    def _take_payer(self, at: dt.datetime) -> None:
        payer = self.account.pays_through
        if payer is None:
            self.account = replace(self.account, payer_ledger=None)
            return
        if payer == self.account.id:
            raise Refused(f"account `{payer}` pays through itself")
        if payer not in self.world.ledgers:
            raise Refused(f"account `{self.account.id}` pays through `{payer}`, which is unknown or pays through another")
        self.account = replace(self.account, payer_ledger=self.world.ledgers[payer].before(at))

    def _release(self, at: dt.datetime) -> None:
        """A release lets everything that waited for it go at once, working hours permitting."""
        freed = [replace(e, due_at=at) if e.due_at is None else e for e in self.account.waiting]
        self._update(freed)

    def _settle_notice(self, event: Event, at: dt.datetime) -> bool:
        """Record a delivery result on the oldest message of that name still unknown; False when there is none."""
        named = [m for m in self.account.messages if m.name == event.text("notice") and m.status is EffectStatus.SENT]
        if self.world.delivery != "recorded" or not named:
            return False
        status = EffectStatus.DELIVERED if event.kind == "notice_delivered" else EffectStatus.FAILED
        self._update([replace(named[0], status=status, settled_at=at, settled_day=self.policy_day(at))])
        return True

    def _reach(self, at: dt.datetime) -> None:
        """Let time alone do what it has done by `at`, before something else changes the account or how it is read."""
        if self.policy is not None:
            self.account = replace(self.account, policy_day=self.policy_day(at))
        self._fall_due(at)

    def _fall_due(self, at: dt.datetime) -> None:
        zone, calendar = self.zone(), self.calendar()
        self.account = episodes.fallen_due(
            self.account, self.policy_day(at), lambda day: min(at, calendar.act_instant(zone, day))
        )

    def _settle_episode(self, before: Ledger, at: dt.datetime) -> None:
        today = self.local(at).date()
        self.account = episodes.after_events(self.account, before, self.policy_day(at), at, today)

    # --- a pass --------------------------------------------------------------------------------------------------------

    def _pass(self, now: dt.datetime, cause: str, forced: State | None = None) -> None:
        try:
            chosen = self._choose(now)
        except Refused as refused:
            self._park(now, cause, refused.reason)
            return
        if chosen is None:
            self._park(now, cause, _NO_POLICY)
            return
        effects, refused_pass = self._moves(chosen, now, cause, forced)
        if not refused_pass:
            effects += self._acts(chosen, now, cause)
        for effect, rule in effects:
            self._put_out(effect, rule, now, cause)

    def _choose(self, now: dt.datetime) -> Policy | None:
        """Give the account to the first eligible policy and bring its episode up to the policy day."""
        self._reach(now)
        policy = self._eligible(now)
        if policy is not None:
            day = self._day_under(policy, now)
            self.account = replace(self.account, policy_version=policy.version, policy_day=day)
            self._fall_due(now)
        return policy

    def _eligible(self, now: dt.datetime) -> Policy | None:
        """The first policy in the account's currency that applies to it at `now`."""
        for policy in self.world.policies:
            if policy.currency == self.account.currency:
                facts = snapshot(self.account, self._day_under(policy, now), reading(policy)).facts
                if self.world.evaluator.applies(policy, facts):
                    return policy
        return None

    def _would_change_hands(self, policy: Policy, now: dt.datetime) -> bool:
        """Whether a pass right now would give the account to another policy than `policy`, or to none."""
        try:
            return self._eligible(now) is not policy
        except Refused:
            return True

    def _snapshot(self, policy: Policy) -> Snapshot:
        return snapshot(self.account, self.account.policy_day, reading(policy))

    def situation(self, policy: Policy, now: Snapshot, visited: frozenset[str] = frozenset()) -> Situation:
        """What a decision depends on besides the facts."""
        notices = now.notices
        return Situation(
            visited=visited | {self.account.state},
            harsher_today=self.account.last_harsher_day == now.day,
            awaiting=notices.pending,
            delivered_today=notices.delivered_today,
            undelivered=notices.undelivered,
            spent=frozenset(rule.id for rule in policy.rules_in(self.account.state) if self._is_spent(rule, now.day)),
        )

    def _is_spent(self, rule: Rule, day: dt.date) -> bool:
        if rule.to is not None or rule.id not in self.account.fired:
            return False
        ends = self._repeat_ends(rule)
        return ends is None or day < ends

    def _repeat_ends(self, rule: Rule) -> dt.date | None:
        """The policy day from which a fired act may fire again; None when it does not, or while its effects wait."""
        base = self._fired_on(self.account.fired[rule.id])
        if rule.repeat_after_days is None or base is None:
            return None
        return base + dt.timedelta(days=rule.repeat_after_days)

    def _fired_on(self, firing: Firing) -> dt.date | None:
        """The date from which a repeat counts: of its last sending, if it sends or calls."""
        sent = [effect for effect in self.account.outgoing if effect.number in firing.outgoing]
        if any(effect.status is EffectStatus.WAITING for effect in sent):
            return None
        return max((effect.sent_on for effect in sent if effect.sent_on), default=firing.on)

    def _moves(
        self, policy: Policy, now: dt.datetime, cause: str, forced: State | None
    ) -> tuple[list[tuple[Effect, str]], bool]:
        """Make the moves of the pass; gives the last move's effects, and whether the pass was refused."""
        if forced is not None:
            return [], self._force(policy, now, cause, forced)
        visited: frozenset[str] = frozenset()
        effects: list[tuple[Effect, str]] = []
        while True:
            view = self._snapshot(policy)
            situation = self.situation(policy, view, visited)
            move = next_move(self.world.evaluator, policy, view.facts, situation)
            if move.rule is None or move.rule.to is None:
                return effects, False
            if move.refusal is not None:
                self._park(now, cause, move.refusal, rule=move.rule, facts=view.facts, situation=situation, held=move.held)
                return effects, True
            visited = situation.visited
            self._step(move.rule.to, now, cause, rule=move.rule, facts=view.facts, situation=situation, held=move.held)
            effects = [(effect, move.rule.id) for effect in move.rule.do]
            if policy.catch_up is not CatchUp.JUMP:
                return effects, False

    def _force(self, policy: Policy, now: dt.datetime, cause: str, to: State) -> bool:
        """Make a forced move; gives whether it was refused. A move into the state it is in is no move."""
        if to is self.account.state:
            return False
        view = self._snapshot(policy)
        situation = self.situation(policy, view)
        if State.ESCALATED not in (to, self.account.state):
            reason: str | None = "people force a move to `escalated` or from it only"
        else:
            reason = refusal(self.account.state, to, view.facts)
        if reason is not None:
            self._park(now, cause, reason, to=to, facts=view.facts, situation=situation)
            return True
        self._step(to, now, cause, facts=view.facts, situation=situation)
        return False

    def _step(
        self,
        to: State,
        now: dt.datetime,
        cause: str,
        *,
        facts: Facts,
        situation: Situation,
        rule: Rule | None = None,
        held: tuple[tuple[str, str], ...] = (),
    ) -> None:
        account, source = self.account, self.account.state
        self.account = replace(
            account,
            state=to,
            stay=account.stay + 1,
            entered_on=self.local(now).date(),
            entered_at=now,
            fired={},
            call_open=False,
            last_harsher_day=account.policy_day if is_harsher(source, to) else account.last_harsher_day,
        )
        self._record(
            EntryKind.STEP,
            now,
            cause,
            source=source.value,
            to=to.value,
            rule=rule.id if rule else None,
            held=held,
            facts=facts,
            situation=situation,
        )

    def _park(
        self,
        now: dt.datetime,
        cause: str,
        reason: str,
        *,
        rule: Rule | None = None,
        to: State | None = None,
        facts: Facts | None = None,
        situation: Situation | None = None,
        held: tuple[tuple[str, str], ...] = (),
    ) -> None:
        target = rule.to if rule else to
        name = rule.id if rule else None
        self.account = replace(self.account, parked=Parked(reason=reason, at=now, rule=name, to=target), wake=None)
        self._record(
            EntryKind.PARKED,
            now,
            cause,
            rule=name,
            to=target.value if target else None,
            reason=reason,
            facts=facts,
            situation=situation,
            held=held,
        )

    def _acts(self, policy: Policy, now: dt.datetime, cause: str) -> list[tuple[Effect, str]]:
        view = self._snapshot(policy)
        situation = self.situation(policy, view)
        fired = acts(self.world.evaluator, policy, view.facts, situation)
        if not fired:
            return []
        today = self.local(now).date()
        self.account = replace(
            self.account, fired={**self.account.fired, **{rule.id: Firing(on=today) for rule in fired}}
        )
        self._record(
            EntryKind.ACTS, now, cause, rules=tuple(rule.id for rule in fired), facts=view.facts, situation=situation
        )
        return [(effect, rule.id) for rule in fired for effect in rule.do]

    # --- effects -------------------------------------------------------------------------------------------------------

    def _put_out(self, effect: Effect, rule: str, now: dt.datetime, cause: str) -> None:
        """Let an effect take hold, or put it on the list of those that wait for their moment."""
        if effect.kind in TIMED_EFFECTS:
            self._wait(effect, rule, now)
            self._send_due(now, cause)
            return
        if effect.kind is EffectKind.ASSIGN:
            self.account = replace(self.account, owner=effect.name)
        elif effect.kind is EffectKind.TAG:
            self.account = replace(self.account, tags=self.account.tags | {effect.name})
        elif effect.kind is EffectKind.UNTAG:
            self.account = replace(self.account, tags=self.account.tags - {effect.name})
        self._record(EntryKind.EFFECT, now, cause, effect=effect.kind.value, name=effect.name, rule=rule)

    def _wait(self, effect: Effect, rule: str, now: dt.datetime) -> None:
        account, number = self.account, self.account.effects_decided + 1
        waiting = Outgoing(
            number=number,
            kind=effect.kind,
            name=effect.name,
            rule=rule,
            stay=account.stay,
            overdue_then=account.book.gross_overdue(account.policy_day) > 0,
            decided_at=now,
            decided_on=self.local(now).date(),
            due_at=None if account.on_hold else self._earliest(effect.kind, now),
        )
        fired = dict(account.fired)
        if rule in fired:
            fired[rule] = replace(fired[rule], outgoing=(*fired[rule].outgoing, number))
        self.account = replace(
            account, outgoing=(*account.outgoing, waiting), effects_decided=number, fired=fired
        )

    def _earliest(self, kind: EffectKind, now: dt.datetime) -> dt.datetime:
        written_on = {message.sent_on for message in self.account.messages if kind is EffectKind.SEND}
        return self.calendar().earliest_sending(self.zone(), now, not_on=written_on)

    def _send_due(self, now: dt.datetime, cause: str) -> None:
        """Look again at everything whose moment has come, in the order of decision."""
        for effect in self.account.waiting:
            if effect.due_at is not None and effect.due_at <= now:
                self._look_again(effect, now, cause)

    def _look_again(self, effect: Outgoing, now: dt.datetime, cause: str) -> None:
        dropped = self._why_dropped(effect, now)
        if dropped is not None:
            self._update([replace(effect, status=EffectStatus.DROPPED, settled_at=now)])
            self._record_effect(EntryKind.DROPPED, effect, now, cause, dropped)
            return
        due = None if self.account.on_hold else self._earliest(effect.kind, now)
        if due is None or due > now:
            self._update([replace(effect, due_at=due)])
            return
        self._leave(effect, now, cause)

    def _why_dropped(self, effect: Outgoing, now: dt.datetime) -> str | None:
        if effect.stay != self.account.stay:
            return "the account has left the state"
        if effect.overdue_then and not self.account.book.gross_overdue(self.policy_day(now)):
            return "nothing is overdue any more"
        return None

    def _leave(self, effect: Outgoing, now: dt.datetime, cause: str) -> None:
        sent = replace(effect, status=EffectStatus.SENT, sent_at=now, sent_on=self.local(now).date())
        if effect.kind is EffectKind.SEND and self.world.delivery == "instant":
            sent = replace(
                sent, status=EffectStatus.DELIVERED, settled_at=now, settled_day=self.policy_day(now)
            )
        self._update([sent])
        if effect.kind is EffectKind.CALL:
            if self.account.call_open:
                return
            self.account = replace(self.account, call_open=True)
        self._record_effect(EntryKind.EFFECT, effect, now, cause)

    def _record_effect(
        self, kind: EntryKind, effect: Outgoing, now: dt.datetime, cause: str, reason: str = ""
    ) -> None:
        self._record(
            kind,
            now,
            cause,
            effect=effect.kind.value,
            name=effect.name,
            rule=effect.rule,
            number=effect.number,
            reason=reason,
        )

    def _update(self, changed: Iterable[Outgoing]) -> None:
        new = {effect.number: effect for effect in changed}
        if new:
            self.account = replace(
                self.account, outgoing=tuple(new.get(effect.number, effect) for effect in self.account.outgoing)
            )

    # --- the next wake -------------------------------------------------------------------------------------------------

    def _derive_wake(self, now: dt.datetime) -> None:
        self.account = replace(self.account, wake=self._next_wake(now))

    def _next_wake(self, now: dt.datetime) -> dt.datetime | None:
        policy = self.policy
        if self.account.parked is not None or policy is None:
            return None
        zone, calendar = self.zone(), self.calendar()
        soonest = calendar.next_act(zone, now)
        if self.world.every_day or self._would_fire(policy) or self._would_change_hands(policy, now):
            return soonest
        day = self._first_change(policy, now)
        return None if day is None else max(soonest, calendar.act_instant(zone, day))

    def _would_fire(self, policy: Policy) -> bool:
        """Whether a pass right now would fire a rule, or hold one back."""
        view, rules = self._snapshot(policy), policy.rules_in(self.account.state)
        found = self.world.evaluator.first(policy, self.account.state, view.facts, 0)
        if found is not None and rules[found].to is not None:
            return True
        return bool(found is not None and acts(self.world.evaluator, policy, view.facts, self.situation(policy, view)))

    def _first_change(self, policy: Policy, now: dt.datetime) -> dt.date | None:
        today = self.account.policy_day
        days = [self._first_change_of(policy, [*self._clauses(policy), *policy.common_clauses], today)]
        for other in self.world.policies[: self.world.policies.index(policy)]:
            if other.currency == policy.currency and other.applies_to is not None:
                days.append(self._first_day_for(other, now))
        for rule in policy.rules_in(self.account.state):
            ends = self._repeat_ends(rule) if rule.to is None and rule.id in self.account.fired else None
            days.append(ends if ends is not None and ends > today else None)
        return min((day for day in days if day is not None), default=None)

    def _clauses(self, policy: Policy) -> list[Comparison]:
        """The clauses that can matter in this stay: those of acts that fire once are over once they have fired."""
        over = {rule.id for rule in policy.rules if rule.repeat_after_days is None and rule.to is None}
        rules = [r for r in policy.rules_in(self.account.state) if r.id not in over or r.id not in self.account.fired]
        return [clause for rule in rules for clause in comparisons(rule.when)]

    def _first_change_of(self, policy: Policy, clauses: list[Comparison], today: dt.date) -> dt.date | None:
        def on(day: dt.date) -> Snapshot:
            return snapshot(self.account, day, reading(policy))

        return first_change(on(today), clauses, on)

    def _first_day_for(self, other: Policy, now: dt.datetime) -> dt.date | None:
        """The first policy day on whose `act_at` the clauses of `other.applies_to` can differ, by its own calendar."""
        clauses = list(comparisons(other.applies_to)) if other.applies_to else []
        change = self._first_change_of(other, clauses, self._day_under(other, now))
        if change is None:
            return None
        zone, calendar = self.zone(), self.calendar()
        day = max(change - 3 * _ONE_DAY, self.account.policy_day + _ONE_DAY)
        while day < change and self._day_under(other, calendar.act_instant(zone, day)) < change:
            day += _ONE_DAY
        return day

    # --- records -------------------------------------------------------------------------------------------------------

    def _record(self, kind: EntryKind, now: dt.datetime, cause: str, **details: object) -> None:
        local = self.local(now)
        self.entries.append(
            Entry(  # type: ignore[arg-type]  # `details` are the entry's own optional fields
                kind=kind,
                account=self.account.id,
                at=now,
                on=local.date(),
                clock=local.time().replace(tzinfo=None),
                cause=cause,
                actor=self._actor,
                policy_version=self.account.policy_version,
                **({"reason": self._reason} | details),
            )
        )

"""A pass over one account (contract, section 4): choose the policy, make the moves, fire the acts, let effects out."""

import datetime as dt
from dataclasses import dataclass

from arflow.accounts.entries import Firing, Parked
from arflow.accounts.facts import Snapshot
from arflow.errors import Refused
from arflow.evolving import evolve
from arflow.life import gates
from arflow.life.present import Ground, Present
from arflow.life.records import EntryKind
from arflow.life.sendings import is_freed, put_out, release
from arflow.life.spending import spent
from arflow.machines.states import is_harsher
from arflow.machines.stepping import refusal
from arflow.rules.decide import Situation, acts, next_move
from arflow.rules.expressions import comparisons
from arflow.rules.policy import CatchUp, Policy, Rule
from arflow.vocabulary import Effect, State

NO_POLICY = "no policy"


def run_pass(here: Present, now: dt.datetime, cause: str, forced: State | None = None) -> None:
    """Run one pass at `now`; `forced` is the state into which people have moved the account."""
    _Pass(here, now, cause).run(forced)


def place(here: Present, now: dt.datetime, cause: str, to: State) -> bool:
    """Step into `to` without any rule; False, and nothing happens, when no policy has the account or it is no move."""
    return _Pass(here, now, cause).place(to)


def eligible(here: Present, now: dt.datetime) -> Policy | None:
    """The first policy in the account's currency that applies to it at `now`.

    Raises Refused when a recorded attribute is not of the type that a policy declares, and the policy asks for it to
    say whether it applies, or does apply.
    """
    for policy in here.world.policies:
        if policy.currency == here.account.currency:
            view = here.snapshot(policy, here.day_under(policy, now))
            if view.misfits:
                _refuse_misfits(here, policy, view)
            elif here.evaluator.applies(policy, view.facts):
                return policy
    return None


def _refuse_misfits(here: Present, policy: Policy, view: Snapshot) -> None:
    """Raise Refused for an attribute of another type than `policy` declares, unless that does not matter to it."""
    asked = {clause.fact for clause in comparisons(policy.applies_to)} if policy.applies_to else set()
    first = next((fact for fact in view.misfits if fact in asked), None)
    if first is None and here.evaluator.applies(policy, view.facts):
        first = next(iter(view.misfits))
    if first is not None:
        raise Refused(f"{view.misfits[first]} (`{first}` of policy `{policy.name}`)")


def is_quiet(here: Present, policy: Policy) -> bool:
    """Whether no rule of the account's state holds, as it now is: neither a move nor an act."""
    return here.evaluator.first(policy, here.account.state, here.snapshot(policy).facts, 0) is None


def situation(here: Present, policy: Policy, view: Snapshot, visited: frozenset[str] = frozenset()) -> Situation:
    """What a decision depends on besides the facts."""
    notices = view.notices
    return Situation(
        visited=visited | {here.account.state},
        harsher_today=here.account.last_harsher_day == view.day,
        awaiting=notices.pending,
        delivered_today=notices.delivered_today,
        undelivered=notices.undelivered,
        kept=gates.held_step(here, here.account.last_instant),
        spent=spent(here.account, policy, view.day),
    )


@dataclass
class _Pass:
    """One pass: the account it is about, its instant, and its cause."""

    here: Present
    now: dt.datetime
    cause: str

    def run(self, forced: State | None) -> None:
        try:
            policy = self._choose()
        except Refused as refused:
            self._park(refused.reason)
            return
        if policy is None:
            self._park(NO_POLICY)
            return
        if forced is None and is_quiet(self.here, policy):
            return
        effects, refused_pass = self._moves(policy, forced)
        if not refused_pass:
            effects += self._acts(policy)
        for effect, rule in effects:
            put_out(self.here, effect, rule, self.now, self.cause)

    def place(self, to: State) -> bool:
        policy, source = self._choose(), self.here.account.state
        if policy is None or to is source:
            return False
        view = self.here.snapshot(policy)
        if refusal(source, to, view.facts) is not None:
            return False
        self._step(to, Ground(facts=view.facts, situation=situation(self.here, policy, view)))
        return True

    def _choose(self) -> Policy | None:
        """Give the account to the first eligible policy and bring its episode up to the policy day."""
        here = self.here
        here.reach(self.now)
        policy = eligible(here, self.now)
        if policy is not None and policy is not here.policy:
            here.account = evolve(
                here.account, policy_version=policy.version, policy_day=here.day_under(policy, self.now)
            )
            here.fall_due(self.now)
            self._free()
        here.chosen = (here.account, self.now) if policy is not None else None
        return policy

    def _free(self) -> None:
        """Look again at what waited only because of the policy that has the account no more."""
        if is_freed(self.here, self.now):
            release(self.here, self.now)

    def _moves(self, policy: Policy, forced: State | None) -> tuple[list[tuple[Effect, str]], bool]:
        """Make the moves of the pass; gives the last move's effects, and whether the pass was refused."""
        if forced is not None:
            return [], self._force(policy, forced)
        visited: frozenset[str] = frozenset()
        effects: list[tuple[Effect, str]] = []
        while True:
            view = self.here.snapshot(policy)
            now = situation(self.here, policy, view, visited)
            move = next_move(self.here.evaluator, policy, view.facts, now)
            if move.rule is None or move.rule.to is None:
                return effects, False
            ground = Ground(facts=view.facts, situation=now, held=move.held)
            if move.refusal is not None:
                self._park(move.refusal, rule=move.rule, ground=ground)
                return effects, True
            self._step(move.rule.to, ground, rule=move.rule)
            effects, visited = [(effect, move.rule.id) for effect in move.rule.do], now.visited
            if policy.catch_up is not CatchUp.JUMP:
                return effects, False

    def _force(self, policy: Policy, to: State) -> bool:
        """Make a forced move; gives whether it was refused. A move into the state it is in is no move."""
        source = self.here.account.state
        if to is source:
            return False
        view = self.here.snapshot(policy)
        ground = Ground(facts=view.facts, situation=situation(self.here, policy, view))
        if State.ESCALATED not in (to, source):
            reason: str | None = "people force a move to `escalated` or from it only"
        else:
            reason = refusal(source, to, view.facts)
        if reason is not None:
            self._park(reason, to=to, ground=ground)
            return True
        self._step(to, ground)
        return False

    def _acts(self, policy: Policy) -> list[tuple[Effect, str]]:
        here, view = self.here, self.here.snapshot(policy)
        now = situation(here, policy, view)
        fired = acts(here.evaluator, policy, view.facts, now)
        if not fired:
            return []
        firing = Firing(on=here.local(self.now).date())
        here.account = evolve(here.account, fired={**here.account.fired, **{rule.id: firing for rule in fired}})
        rules = tuple(rule.id for rule in fired)
        ground = Ground(facts=view.facts, situation=now)
        here.record(EntryKind.ACTS, self.now, self.cause, rules=rules, ground=ground)
        return [(effect, rule.id) for rule in fired for effect in rule.do]

    def _step(self, to: State, ground: Ground, rule: Rule | None = None) -> None:
        here, account = self.here, self.here.account
        here.account = evolve(
            account,
            state=to,
            stay=account.stay + 1,
            entered_on=here.local(self.now).date(),
            entered_at=self.now,
            fired={},
            call_open=False,
            last_harsher_day=account.policy_day if is_harsher(account.state, to) else account.last_harsher_day,
        )
        here.record(
            EntryKind.STEP,
            self.now,
            self.cause,
            source=account.state.value,
            to=to.value,
            rule=rule.id if rule else None,
            ground=ground,
        )

    def _park(
        self,
        reason: str,
        *,
        rule: Rule | None = None,
        to: State | None = None,
        ground: Ground = Ground(),  # noqa: B008  # frozen and without content
    ) -> None:
        here, target, name = self.here, rule.to if rule else to, rule.id if rule else None
        self._free()
        here.account = evolve(here.account, parked=Parked(reason=reason, at=self.now, rule=name, to=target), wake=None)
        here.record(
            EntryKind.PARKED,
            self.now,
            self.cause,
            rule=name,
            to=target.value if target else None,
            reason=reason,
            ground=ground,
        )

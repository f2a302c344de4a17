"""What a policy can never do, whatever happens to an account: claims about its rules, each proved or shown to fail.

What is proved holds of all facts that the laws of `laws.py` allow, at the moment of a decision; a letter that is then
decided may leave later, and is looked at again. A claim fails by an account of which the facts are named. Pure.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from arflow import money
from arflow.evolving import worked_out
from arflow.rules.comparing import one_line
from arflow.rules.expressions import Comparison, Expression, Not, comparisons, parse
from arflow.rules.findings import Finding, Kind, Verdict, Witness
from arflow.rules.firing import Firing, all_of, any_of, condition, guard, none_of
from arflow.rules.policy import CatchUp, Policy, Rule
from arflow.rules.reference import holds
from arflow.rules.solver import Counted, Solver, Undecided
from arflow.rules.stillness import ARRIVED, DID_NOT_ARRIVE, LOOSE, MATCHED, Stillness, named_in
from arflow.vocabulary import Facts, State

_CHASED = (State.REMINDED, State.CALLED, State.PROMISED, State.DISPUTED)
_BY_RULES = (State.CURRENT, *_CHASED, State.RESOLVED)
"""All states but `escalated`, where people work by hand."""

MOST_WITNESSES = 20
"""How many accounts are looked for by which one claim fails."""

_NOTHING_OVERDUE = condition("gross_overdue_amount == 0")


_ABOUT_NOBODY = "this is about no account that the policy can have, so nothing is proved of any"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A claim that somebody makes: no rule leads `to` a state, or contacts the customer (None), while `when`."""

    to: State | None
    when: Expression
    text: str
    """The condition as it was written."""


def asked(policy: Policy, to: State | None, text: str) -> Asked:
    """The claim that no rule of `policy` leads `to` a state, or contacts the customer, while `text`. Raises Refused."""
    return Asked(to=to, when=parse(text, policy.facts, policy.currency), text=text)


def prove(policy: Policy, claims: Sequence[Asked] = ()) -> Iterator[Finding]:
    """What comes of every claim about `policy`: its own, those of `claims`, and what every sound policy keeps."""
    own = [(never, Asked(to=never.to, when=never.when, text=never.when_text)) for never in policy.never]
    prover = _Prover(policy, (*[claim for _, claim in own], *claims))
    for never, claim in own:
        yield replace(prover.claimed(claim), kind=Kind.NEVER, id=never.id, line=never.line)
    yield from (prover.claimed(claim) for claim in claims)
    yield from (prover.refused(), prover.fires(), prover.paid(), prover.forgotten(), prover.unmatched())
    if policy.catch_up is CatchUp.NOTICE_REQUIRED:
        yield prover.undelivered()
    yield prover.circle()


def claimed(policy: Policy, claim: Asked) -> Finding:
    """What comes of one claim about `policy`."""
    return _Prover(policy, (claim,)).claimed(claim)


@dataclass(frozen=True, kw_only=True)
class _Large:
    """The debts that must not stand still: `above` says how large they are, `also` what else is so of the account."""

    above: Expression
    also: Expression
    because: tuple[str, ...] = ()
    """Where these are not all of which the claim seems to speak."""


@dataclass(frozen=True)
class _Prover:
    """One policy, and all that is claimed of it."""

    policy: Policy
    claims: Sequence[Asked]

    # --- what must not happen -----------------------------------------------------------------------------------------

    def claimed(self, claim: Asked) -> Finding:
        """Whether no rule does what must not be done."""
        does = f"leads to `{claim.to}`" if claim.to else "writes or calls"
        rules = [rule for rule in self.policy.rules if (rule.to is claim.to if claim.to else rule.contacts_customer)]
        return self._finding(
            Kind.ASKED,
            f"no rule {does} while {one_line(claim.text)}",
            lambda: (found for rule in rules for found in self._by(rule, claim.when)),
            about=lambda: all_of(self._firing.has, claim.when),
        )

    def refused(self) -> Finding:
        """Whether the machine permits whatever the rules ask for."""
        return self._finding(
            Kind.REFUSED,
            "no rule asks for a move that the machine refuses, which would park the account",
            lambda: (found for rule in self.policy.rules for found in self._by(rule, Not(part=guard(rule)))),
            about=lambda: self._firing.has,
        )

    def _by(self, rule: Rule, when: Expression) -> Iterator[Witness]:
        """How `rule` fires while `when`, if it can."""
        facts = self._find(all_of(when, any_of(*self._firing.ways(rule))))
        if facts is not None:
            yield Witness(facts=facts, rule=rule, when=when)

    # --- what a sound policy keeps ------------------------------------------------------------------------------------

    def fires(self) -> Finding:
        """Whether every rule can fire."""
        says = "no rule is idle: each can fire, as far as facts alone tell"
        try:
            idle = [rule for rule in self.policy.rules if not self._can_fire(rule)]
            because = tuple(f"`{rule.id}` (line {rule.line}) cannot: {self._why_idle(rule)}" for rule in idle)
        except Undecided as undecided:
            return Finding(kind=Kind.FIRES, says=says, verdict=Verdict.UNDECIDED, because=(str(undecided),))
        return Finding(kind=Kind.FIRES, says=says, verdict=Verdict.FAILS if idle else Verdict.PROVED, because=because)

    def _can_fire(self, rule: Rule) -> bool:
        """Whether `rule` can fire where no people lead the account."""
        if self._can(any_of(*self._firing.ways_unrefused(rule))):
            return True
        if rule.to is not None:
            return False
        return any(self._one_pass.is_possible(move, act) for move, act in self._firing.ways_after_moves(rule))

    def _can(self, one: Expression) -> bool:
        return self._solver_of(1).is_possible(one)

    def _why_idle(self, rule: Rule) -> str:
        if not self._can(all_of(self._firing.has, rule.when)):
            return "no account ever meets its condition"
        if rule.to is not None and self._can(any_of(*self._firing.ways(rule))):
            return "it is refused each time, by the machine or by `never`"
        states = [state for state in rule.states if state is not rule.to]
        if not self._can(any_of(*[self._firing.is_free(rule, state) for state in states])):
            return "it leads up the ladder, and is held back whenever its condition is true"
        for other in self._firing.before(rule, states[0]):
            is_first = all(other in self._firing.before(rule, state) for state in states)
            if is_first and not self._can(all_of(self._firing.has, rule.when, Not(part=other.when))):
                return f"`{other.id}`, which comes first, is true whenever it is"
        return "rules that come first are true whenever it is"

    def paid(self) -> Finding:
        """Whether accounts of which nothing is overdue are let go, and not led on to where others are chased."""
        return self._finding(
            Kind.PAID,
            f"an account of which nothing is overdue leaves {_listed(_CHASED)} by itself, and comes to none of them",
            lambda: (found for state in _CHASED for found in self._kept(state)),
            about=lambda: all_of(any_of(*[self._firing.stands_in(state) for state in _CHASED]), _NOTHING_OVERDUE),
        )

    def _kept(self, state: State) -> Iterator[Witness]:
        """How an account of which nothing is overdue stays in `state`, or is led on."""
        led_on = [rule for rule in self._firing.moves(state) if rule.to in _CHASED]
        ways: list[tuple[Rule | None, Expression]] = [
            (None, self._unpaid_for(state)),
            *((one, all_of(self._firing.fires_in(one, state), guard(one), _NOTHING_OVERDUE)) for one in led_on),
        ]
        yield from (Witness(facts=facts, rule=rule) for rule, way in ways if (facts := self._find(way)))

    def _unpaid_for(self, state: State) -> Expression:
        """That nothing is overdue, and no move that never waits leads out of `state`."""
        return all_of(self._firing.stands_in(state), _NOTHING_OVERDUE, none_of(self._firing.milder_moves(state)))

    def forgotten(self) -> Finding:
        """Whether no large debt stands still for good; if so, up to which amount one can."""
        return self._large(
            Kind.FORGOTTEN,
            "a debt above all amounts that the policy names never stands still for good, unless it is in `escalated`, "
            "on hold, promised, or bears a tag that the rules name",
            all_of(MATCHED, ARRIVED),
            more=lambda kind: (*self._smaller(kind), *self._by_people(kind)),
        )

    def unmatched(self) -> Finding:
        """The same of an account with money that stands against no invoice."""
        says = "such a debt does not stand still for good either where money on the account stands against no invoice"
        return self._large(Kind.UNMATCHED, says, all_of(LOOSE, ARRIVED))

    def undelivered(self) -> Finding:
        """The same of an account of which a letter failed, so that harsher moves wait for somebody's contact."""
        return self._large(
            Kind.UNDELIVERED,
            "such a debt does not stand still for good either where a letter did not arrive, and harsher moves wait "
            "until somebody has been in contact",
            all_of(MATCHED, DID_NOT_ARRIVE),
            waits=True,
        )

    def _large(
        self,
        kind: Kind,
        says: str,
        also: Expression,
        *,
        waits: bool = False,
        more: Callable[[_Large], Iterable[str]] = lambda _: (),
    ) -> Finding:
        """Whether no large debt stands still; where an account `waits`, only what never waits helps it."""
        try:
            large = self._largest(also)
        except Undecided as undecided:
            return Finding(kind=kind, says=says, verdict=Verdict.UNDECIDED, because=(str(undecided),))
        if large is None:
            return Finding(kind=kind, says=says, verdict=Verdict.UNDECIDED, because=(_ABOUT_NOBODY,))
        finding = self._finding(
            kind,
            says,
            lambda: (
                Witness(facts=facts)
                for state in self._led_to
                if (facts := self._stuck(state, large.above, large.also, waits=waits))
            ),
            about=all_of,
            more=lambda: more(large),
        )
        return replace(finding, because=(*large.because, *finding.because))

    def _largest(self, also: Expression) -> _Large | None:
        """The largest debts that the policy can have for good in a state to which rules lead; None if it has none.

        It may name amounts up to which, or tags by which alone, it has accounts at all.
        """
        stands = any_of(*[self._still.has_stood(state) for state in self._led_to])
        amounts = (*sorted(self._still.amounts - {0}, reverse=True), 0)
        for freed, untagged in enumerate(self._still.untagged):
            for at, amount in enumerate(amounts):
                large = _Large(
                    above=Comparison(fact="overdue_amount", op=">", values=(amount,)), also=all_of(untagged, also)
                )
                if self._can(all_of(stands, large.above, large.also)):
                    shown = money.show(amount, self.policy.currency)
                    less = f"the policy never has so large a debt for good: this is about those above {shown}"
                    tags = "this is about accounts with any of the tags that `applies_to` names"
                    return replace(large, because=(*[less] * (at > 0), *[tags] * freed))
        return None

    def _stuck(self, state: State, size: Expression, also: Expression, *, waits: bool = False) -> Facts | None:
        """An account that stands still for good in `state`."""
        moves = self._firing.milder_moves(state) if waits else self._firing.moves(state)
        over = self._over[state]
        stuck = all_of(self._still.stuck(state, moves, over), size, also)
        return self._find(stuck, Counted(conditions=self._still.counted(over), fact="notices_sent"))

    @worked_out
    def _over(self) -> Mapping[State, list[Rule]]:
        """The acts of each state that write once, and of which the episode that runs has counted the letter.

        It has not where an account stays when its episode ends, nor where they write outside of one.
        """
        found: dict[State, list[Rule]] = {}
        for state in _BY_RULES:
            stays = state is State.RESOLVED or self._can(self._unpaid_for(state))
            once = [] if stays else self._still.once(state)
            found[state] = [rule for rule in once if not self._can(all_of(rule.when, _NOTHING_OVERDUE))]
        return found

    def _by_people(self, large: _Large) -> Iterator[str]:
        """The states in which a debt stands still to which no rule leads, only people who take an account back."""
        for state in _BY_RULES:
            if state not in self._led_to and self._stuck(state, large.above, large.also):
                yield f"in `{state}`, to which only people lead, it does"

    def _smaller(self, large: _Large) -> Iterator[str]:
        """Up to which amount a debt can stand still for good, just below one of the amounts in the policy."""
        for amount in sorted(self._still.amounts, reverse=True):
            for state in self._led_to:
                is_just_below = Comparison(fact="overdue_amount", op="==", values=(amount - 1,))
                if amount > 1 and self._stuck(state, is_just_below, large.also):
                    yield f"one of {money.show(amount - 1, self.policy.currency)} can, in `{state}`"
                    return

    def circle(self) -> Finding:
        """Whether no account comes back to where it was while nothing is recorded."""
        return self._finding(
            Kind.CIRCLE,
            "no account goes round in circles for ever while nothing is recorded",
            lambda: next((found for ring in self._rings() if (found := list(self._round(ring)))), []),
            about=lambda: all_of(self._firing.has, self._still.only_time),
        )

    def _round(self, ring: Sequence[State]) -> Iterator[Witness]:
        """How an account comes round through the states of `ring`, if one can."""
        steps = [any_of(*self._still.steps(one, to)) for one, to in zip(ring, (*ring[1:], ring[0]), strict=True)]
        moments = self._solver_of(len(ring)).find(*steps)
        for facts, step, to in zip(moments or (), steps, (*ring[1:], ring[0]), strict=moments is not None):
            _confirm(step, facts)
            rules = self._firing.moves(State(facts.state))
            yield Witness(facts=facts, rule=next(rule for rule in rules if rule.to is to and holds(rule.when, facts)))

    def _rings(self) -> Iterator[tuple[State, ...]]:
        """Every way round by steps that time alone can make one by one, each from its first state, short ones first."""
        leads = {state: [to for to in State if self._can(any_of(*self._still.steps(state, to)))] for state in State}
        order = {state: place for place, state in enumerate(State)}
        paths: list[tuple[State, ...]] = [(state,) for state in State]
        while paths:
            yield from (path for path in paths if path[0] in leads[path[-1]])
            paths = [
                (*path, to) for path in paths for to in leads[path[-1]] if to not in path and order[to] > order[path[0]]
            ]

    @worked_out
    def _led_to(self) -> tuple[State, ...]:
        """The states in which accounts begin, or to which rules lead, but for `escalated`."""
        led = {State.CURRENT, *(rule.to for rule in self.policy.rules)}
        return tuple(state for state in _BY_RULES if state in led)

    # --- answers ------------------------------------------------------------------------------------------------------

    def _finding(
        self,
        kind: Kind,
        says: str,
        witnesses: Callable[[], Iterable[Witness]],
        *,
        about: Callable[[], Expression],
        more: Callable[[], Iterable[str]] = tuple,
    ) -> Finding:
        """What comes of a claim `about` accounts that fails by each of `witnesses`; `more` is said where it is proved.

        Of accounts that cannot be everything is true, so nothing is proved where there is none.
        """
        finding = Finding(kind=kind, says=says, verdict=Verdict.UNDECIDED)
        try:
            found = tuple(islice(witnesses(), MOST_WITNESSES))
            if found:
                because = ("others were not looked for",) if len(found) == MOST_WITNESSES else ()
                return replace(finding, verdict=Verdict.FAILS, witnesses=found, because=because)
            if not self._can(about()):
                return replace(finding, because=(_ABOUT_NOBODY,))
            return replace(finding, verdict=Verdict.PROVED, because=tuple(more()))
        except Undecided as undecided:
            return replace(finding, because=(str(undecided),))

    # --- questions ----------------------------------------------------------------------------------------------------

    def _find(self, one: Expression, counted: Counted | None = None) -> Facts | None:
        found = self._solver_of(1).find(one, counted=counted)
        if found is None:
            return None
        _confirm(one, found[0])
        return found[0]

    def _solver_of(self, moments: int) -> Solver:
        if moments not in self._solvers:
            self._solvers[moments] = Solver(
                self.policy.facts, self._conditions, moments=moments, moving=self._still.moving
            )
        return self._solvers[moments]

    @worked_out
    def _one_pass(self) -> Solver:
        """Two moments of one pass, between which the account is led to another state."""
        moving = frozenset({"state", "days_in_state"})
        return Solver(self.policy.facts, self._conditions, moments=2, moving=moving)

    @worked_out
    def _solvers(self) -> dict[int, Solver]:
        return {}

    @worked_out
    def _conditions(self) -> tuple[Expression, ...]:
        return (self._firing.has, *[rule.when for rule in self.policy.rules], *[claim.when for claim in self.claims])

    @worked_out
    def _firing(self) -> Firing:
        return Firing(self.policy)

    @worked_out
    def _still(self) -> Stillness:
        return Stillness(self._firing, named_in(self._conditions), self._fewest_letters)

    def _fewest_letters(self, rule: Rule) -> int:
        """Of how many letters of the episode the condition of `rule` can be true at the fewest; 0 if of none."""
        if rule.id not in self._fewest:
            named = {
                int(one) for clause in comparisons(rule.when) if clause.fact == "notices_sent" for one in clause.values
            }
            counts = sorted({0, *named, *(one + 1 for one in named)})
            self._fewest[rule.id] = next((count for count in counts if self._can(_of_letters(rule, count))), 0)
        return self._fewest[rule.id]

    @worked_out
    def _fewest(self) -> dict[str, int]:
        return {}


def _confirm(one: Expression, facts: Facts) -> None:
    """Raise RuntimeError unless the naive evaluator agrees with what the solver found."""
    if not holds(one, facts):
        raise RuntimeError(f"the solver and the naive evaluator disagree about {one} of {facts}")


def _of_letters(rule: Rule, count: int) -> Expression:
    return all_of(rule.when, Comparison(fact="notices_sent", op="==", values=(count,)))


def _listed(states: Sequence[State]) -> str:
    *most, last = [f"`{state}`" for state in states]
    return f"{', '.join(most)} and {last}"

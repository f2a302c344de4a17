"""Under which facts a rule fires, as a condition: its own, and what the rules before it and the machine leave to it.

Pure. The order of a pass (contract, section 4) is told once more here, as conditions; `rules/decide.py` and
`life/passes.py` are the ones that act by it, and `tests/rules/test_proving.py` holds this against them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from arflow.evolving import worked_out
from arflow.machines.states import is_harsher
from arflow.rules.catalogue import CATALOGUE
from arflow.rules.expressions import All, Any, Comparison, Difference, Expression, Not, parse
from arflow.rules.policy import CatchUp, Policy, Rule
from arflow.vocabulary import State


def condition(text: str) -> Expression:
    """A condition that we write ourselves; amounts in it are 0."""
    return parse(text, CATALOGUE, "USD")


def all_of(*parts: Expression) -> Expression:
    """That every part holds; true where there is none."""
    return All(parts=parts)


def any_of(*parts: Expression) -> Expression:
    """That one part holds."""
    return Any(parts=parts)


def none_of(rules: Iterable[Rule]) -> Expression:
    """That the condition of none of `rules` holds."""
    return all_of(*[Not(part=rule.when) for rule in rules])


GUARDS: Mapping[State, Expression] = MappingProxyType(
    {
        State.PROMISED: condition("has_open_promise"),
        State.DISPUTED: condition("has_open_dispute"),
        State.RESOLVED: condition("gross_overdue_amount == 0"),
    }
)
"""What the machine asks of a move into a state (`machines/states.py`), as conditions."""

_ON_HOLD = condition("on_hold")
_COVERED = all_of(
    condition("overdue_amount > 0"),
    Difference(fact="overdue_amount", less="unapplied_amount", op="<=", values=(0,)),
)
"""Unapplied money covers all that is collectible (`life/gates.py`)."""

_NOTHING_PENDING = condition("not notice_pending")
_JUST_ENTERED = condition("days_in_state == 0")
"""But for an account that the same cause moves to where it is still the day before: its stay is a day old at once."""


@dataclass(frozen=True)
class Firing:
    """The rules of one policy, and when they fire."""

    policy: Policy

    def ways(self, rule: Rule) -> Iterator[Expression]:
        """For each state in which `rule` applies the condition under which it fires there."""
        for state in self._leads_from(rule):
            yield self.fires_in(rule, state)

    def ways_unrefused(self, rule: Rule) -> Iterator[Expression]:
        """The same, where neither the machine nor `never` then refuses it."""
        for state in self._leads_from(rule):
            yield all_of(self._has_its_turn(rule, state), self._unrefused(rule))

    def ways_after_moves(self, act: Rule) -> Iterator[tuple[Expression, Expression]]:
        """For each move into a state of `act`: when it is made, and when `act` fires right after it, in its pass."""
        for state in self._leads_from(act):
            then = all_of(self._is_left_to(act, state), _JUST_ENTERED)
            for move in (rule for rule in self.policy.rules if rule.to is state):
                yield from ((all_of(way, self._unrefused(move)), then) for way in self.ways(move))

    def fires_in(self, rule: Rule, state: State) -> Expression:
        """The condition under which `rule` fires in `state`, be it then refused or not.

        Acts come after the move that led here, before any other; and people can force a move into any state.
        """
        fires = self._has_its_turn(rule, state)
        if rule.to is not None:
            return fires
        return any_of(fires, all_of(self.is_free(rule, state), _JUST_ENTERED, GUARDS.get(state, all_of())))

    def is_free(self, rule: Rule, state: State) -> Expression:
        """That the condition of `rule` holds in `state`, and nothing holds it back there."""
        return all_of(self._may_ask(rule, state), rule.when, *self._not_held(rule, state))

    def before(self, rule: Rule, state: State) -> tuple[Rule, ...]:
        """The moves that are asked before `rule` in `state`."""
        moves = self.moves(state)
        return moves[: moves.index(rule)] if rule in moves else moves

    def moves(self, state: State) -> tuple[Rule, ...]:
        """The rules that lead out of `state`, in their order."""
        return tuple(rule for rule in self.policy.rules_in(state) if rule.to is not None)

    def milder_moves(self, state: State) -> tuple[Rule, ...]:
        """Those of them that are never held back."""
        return tuple(rule for rule in self.moves(state) if not _climbs(rule, state))

    def stands_in(self, state: State) -> Expression:
        """That the policy can have the account, and it stands in `state`."""
        return all_of(self.has, _stands(state))

    @worked_out
    def has(self) -> Expression:
        """That the policy can have the account."""
        currency = Comparison(fact="currency", op="==", values=(self.policy.currency,))
        return currency if self.policy.applies_to is None else all_of(currency, self.policy.applies_to)

    def _may_ask(self, rule: Rule, state: State) -> Expression:
        """That `rule` may be asked in `state`: the policy has the account, or had it before it came there.

        Whether it has the account is asked once a pass, before any move; acts, and under jump moves, come after some.
        """
        is_first = rule.to is not None and self.policy.catch_up is not CatchUp.JUMP
        before = any_of() if is_first else all_of(self._had, _JUST_ENTERED)
        return all_of(any_of(self.has, before), _stands(state))

    @worked_out
    def _had(self) -> Expression:
        """That the policy had the account if it stood in some other state."""
        return _whatever(self.has, frozenset({"state", "days_in_state"}))

    @worked_out
    def kept(self) -> Expression:
        """That messages and calls are kept back for as long as nothing is recorded: unapplied money covers the debt."""
        cash = self.policy.guards.fresh_cash
        return _COVERED if cash is not None and cash.hold_if_unapplied_covers else any_of()

    def _leads_from(self, rule: Rule) -> list[State]:
        return [state for state in State if state in rule.states and state is not rule.to]

    def _unrefused(self, rule: Rule) -> Expression:
        """That neither the machine nor `never` refuses `rule`."""
        return all_of(guard(rule), *[Not(part=never.when) for never in self.policy.never if never.to is rule.to])

    def _has_its_turn(self, rule: Rule, state: State) -> Expression:
        """That `rule` is free in `state`, and the moves before it leave the pass to it."""
        return all_of(self.is_free(rule, state), *[self._leaves(one, rule, state) for one in self.before(rule, state)])

    def _is_left_to(self, act: Rule, state: State) -> Expression:
        """The same of an act right after the move that led to `state`: only under `jump` are there other moves then."""
        return self._has_its_turn(act, state) if self.policy.catch_up is CatchUp.JUMP else self.is_free(act, state)

    def _leads_to(self, state: State) -> frozenset[State]:
        """`state`, and those from which rules lead to it, one after the other."""
        found, more = frozenset[State](), frozenset({state})
        while more - found:
            found |= more
            more = frozenset(one for rule in self.policy.rules if rule.to in found for one in self._leads_from(rule))
        return found

    def _leaves(self, other: Rule, rule: Rule, state: State) -> Expression:
        """That the move `other`, which is asked first, leaves the pass to `rule`."""
        ways: list[Expression] = [Not(part=other.when)]
        if _climbs(other, state) and not _climbs(rule, state):
            ways.append(self._may_be_held)
        if self.policy.catch_up is CatchUp.JUMP and other.to is not rule.to and other.to in self._leads_to(state):
            ways.append(_JUST_ENTERED)  # it may lead to where this very pass has come from
        return any_of(*ways)

    @worked_out
    def _may_be_held(self) -> Expression:
        """When a harsher move can be held back; but for a hold it does not go by facts alone."""
        is_hold = self.policy.catch_up is CatchUp.JUMP and not self._steps_wait
        return _ON_HOLD if is_hold else all_of()

    @property
    def _steps_wait(self) -> bool:
        """Whether harsher moves wait as well where money may have come."""
        cash = self.policy.guards.fresh_cash
        return cash is not None and cash.hold_steps

    def _not_held(self, rule: Rule, state: State) -> Iterator[Expression]:
        if _climbs(rule, state):
            yield Not(part=_ON_HOLD)
            if self._steps_wait:
                yield Not(part=self.kept)
            if self.policy.catch_up is CatchUp.NOTICE_REQUIRED:
                yield _NOTHING_PENDING


def _stands(state: State) -> Expression:
    return Comparison(fact="state", op="==", values=(state.value,))


def _whatever(one: Expression, names: frozenset[str], *, is_wanted: bool = True) -> Expression:
    """`one`, with every clause about `names` as it would have to be; what `one` permits, this permits."""
    match one:
        case Comparison():
            free = all_of() if is_wanted else any_of()
            return free if one.fact in names else one
        case Not():
            return Not(part=_whatever(one.part, names, is_wanted=not is_wanted))
        case _:
            return replace(one, parts=tuple(_whatever(part, names, is_wanted=is_wanted) for part in one.parts))


def guard(rule: Rule) -> Expression:
    """What the machine asks of the move of `rule`."""
    return all_of() if rule.to is None else GUARDS.get(rule.to, all_of())


def _climbs(rule: Rule, state: State) -> bool:
    return rule.to is not None and is_harsher(state, rule.to)

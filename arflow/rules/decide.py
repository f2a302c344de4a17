"""What the rules say for given facts: the next move, or the acts. Pure; the evaluator is an argument."""

from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

from arflow.machines.states import is_harsher
from arflow.machines.stepping import refusal
from arflow.rules.policy import CatchUp, Never, Policy, Rule
from arflow.vocabulary import Facts, State


class Evaluator(Protocol):
    """Answers which expressions of a policy hold; `rules/engine.py` and `rules/reference.py` are the two there are."""

    def first(self, policy: Policy, state: State, facts: Facts, start: int) -> int | None:
        """The index, from `start` on, of the first of `policy.rules_in(state)` whose `when` holds."""

    def forbidden(self, policy: Policy, to: State, facts: Facts) -> Never | None:
        """The first `never` that forbids a move into `to`."""

    def applies(self, policy: Policy, facts: Facts) -> bool:
        """Whether `applies_to` holds."""


@dataclass(slots=True)
class Remembering:
    """Asks `evaluator`, but nothing twice of the same facts: a pass and the search for the next wake ask much alike."""

    evaluator: Evaluator
    _facts: Facts | None = None
    _asked: tuple[str, State] | None = None
    _start: int = 0
    _found: int | None = None

    def first(self, policy: Policy, state: State, facts: Facts, start: int) -> int | None:
        """As the evaluator; what was found from an earlier place on is also the first from any place up to it."""
        known = facts is self._facts and self._asked == (policy.version, state) and start >= self._start
        if not known or (self._found is not None and start > self._found):
            self._found = self.evaluator.first(policy, state, facts, start)
            self._facts, self._asked, self._start = facts, (policy.version, state), start
        return self._found

    def forbidden(self, policy: Policy, to: State, facts: Facts) -> Never | None:
        """As the evaluator."""
        return self.evaluator.forbidden(policy, to, facts)

    def applies(self, policy: Policy, facts: Facts) -> bool:
        """As the evaluator."""
        return self.evaluator.applies(policy, facts)


class Situation(Struct, frozen=True, kw_only=True):
    """What a decision depends on besides the facts.

    `visited`: states of this pass; `harsher_today`: a harsher move was made on this policy day; `awaiting`: a message
    of this episode is unsent or its delivery unknown; `delivered_today`: the latest delivery is of this policy day;
    `undelivered`: a delivery failed and neither a later message was delivered nor a contact recorded since;
    `kept`: why harsher moves wait for money that may have come; `spent`: acts that have fired in this stay and may not
    fire again yet.
    """

    visited: frozenset[str] = frozenset()
    harsher_today: bool = False
    awaiting: bool = False
    delivered_today: bool = False
    undelivered: bool = False
    kept: str = ""
    spent: frozenset[str] = frozenset()


class Move(Struct, frozen=True, kw_only=True):
    """What the moves came to: `rule` fires; or it is refused for the reason in `refusal`; `held` were passed over."""

    rule: Rule | None = None
    refusal: str | None = None
    held: tuple[tuple[str, str], ...] = ()
    """(rule id, reason) of each rule that held but was held back."""


def held_back(policy: Policy, rule: Rule, facts: Facts, situation: Situation) -> str | None:
    """Why a move that would fire has to wait, or None. Only harsher moves ever wait."""
    if rule.to is None or not is_harsher(facts.state, rule.to):
        return None
    if facts.on_hold:
        return "the account is on hold"
    return situation.kept or _waits_to_catch_up(policy.catch_up, situation)


def _waits_to_catch_up(mode: CatchUp, situation: Situation) -> str | None:
    if mode is CatchUp.JUMP:
        return None
    if situation.harsher_today:
        return "one harsher move has been made on this policy day"
    return None if mode is CatchUp.ONE_STEP else _waits_for_notice(situation)


def _waits_for_notice(situation: Situation) -> str | None:
    if situation.awaiting:
        return "a message is not yet sent, or its delivery not yet known"
    if situation.delivered_today:
        return "the latest message was delivered on this policy day"
    if situation.undelivered:
        return "the latest delivery failed and nobody has been in contact since"
    return None


def next_move(evaluator: Evaluator, policy: Policy, facts: Facts, situation: Situation) -> Move:
    """The first move of the state whose `when` holds, that leads to no visited state and that is not held back."""
    state, at = State(facts.state), -1
    held: list[tuple[str, str]] = []
    rules = policy.rules_in(state)
    while (at := _or_end(evaluator.first(policy, state, facts, at + 1), rules)) < len(rules):
        rule = rules[at]
        if rule.to is None:
            break
        if rule.to in situation.visited:
            continue
        reason = held_back(policy, rule, facts, situation)
        if reason is None:
            return Move(rule=rule, refusal=_refused(evaluator, policy, rule.to, facts), held=tuple(held))
        held.append((rule.id, reason))
    return Move(held=tuple(held))


def _or_end(found: int | None, rules: tuple[Rule, ...]) -> int:
    return len(rules) if found is None else found


def _refused(evaluator: Evaluator, policy: Policy, to: State, facts: Facts) -> str | None:
    reason = refusal(facts.state, to, facts)
    if reason is not None:
        return f"the machine refuses it: {reason}"
    never = evaluator.forbidden(policy, to, facts)
    return None if never is None else f"`never` forbids it: {never.id}"


def acts(evaluator: Evaluator, policy: Policy, facts: Facts, situation: Situation) -> tuple[Rule, ...]:
    """The acts of the state whose `when` holds and that are not spent, in order."""
    state, found = State(facts.state), []
    rules = policy.rules_in(state)
    at = sum([rule.to is not None for rule in rules])
    while (at := _or_end(evaluator.first(policy, state, facts, at), rules)) < len(rules):
        if rules[at].id not in situation.spent:
            found.append(rules[at])
        at += 1
    return tuple(found)

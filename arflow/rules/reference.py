"""The naive evaluator, a tree walk that anybody can check by reading: for `explain`, for audits, and as the oracle."""

from dataclasses import dataclass

from arflow.rules.expressions import All, Any, Comparison, Difference, Expression, Not, compare
from arflow.rules.policy import Never, Policy
from arflow.vocabulary import Facts, State


def holds(expression: Expression, facts: Facts) -> bool:
    """Whether `expression` is true of `facts`."""
    match expression:
        case Difference():
            return compare(expression, int(str(facts[expression.fact])) - int(str(facts[expression.less])))
        case Comparison():
            return compare(expression, facts[expression.fact])
        case All():
            return all(holds(part, facts) for part in expression.parts)
        case Any():
            return any(holds(part, facts) for part in expression.parts)
        case Not():
            return not holds(expression.part, facts)


@dataclass(frozen=True, slots=True)
class Reference:
    """The evaluator that walks the tree for every question."""

    def first(self, policy: Policy, state: State, facts: Facts, start: int) -> int | None:
        """The index, from `start` on, of the first of `policy.rules_in(state)` whose `when` holds."""
        rules = policy.rules_in(state)
        return next((at for at in range(start, len(rules)) if holds(rules[at].when, facts)), None)

    def forbidden(self, policy: Policy, to: State, facts: Facts) -> Never | None:
        """The first `never` that forbids a move into `to`."""
        return next((never for never in policy.never if never.to is to and holds(never.when, facts)), None)

    def applies(self, policy: Policy, facts: Facts) -> bool:
        """Whether `applies_to` holds."""
        return policy.applies_to is None or holds(policy.applies_to, facts)

"""Whether an expression holds of given facts: the tree of the policy's loader, walked."""

import operator
from collections.abc import Callable, Mapping
from typing import Any as Anything

from arflow.rules.expressions import All, Any, Comparison, Expression, Not
from arflow.vocabulary import FactValue

_OPERATORS: Mapping[str, Callable[[Anything, Anything], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def holds(expression: Expression, facts: Mapping[str, FactValue]) -> bool:
    """Whether `expression` is true of `facts`."""
    match expression:
        case All(parts=parts):
            return all(holds(part, facts) for part in parts)
        case Any(parts=parts):
            return any(holds(part, facts) for part in parts)
        case Not(part=part):
            return not holds(part, facts)
        case Comparison(fact=name, op=op, values=values):
            return _compare(facts[name], op, values)


def _compare(fact: FactValue, op: str, values: tuple[object, ...]) -> bool:
    match op:
        case "in" | "not in":
            return (fact in values) == (op == "in")
        case "has" | "has not":
            return isinstance(fact, frozenset) and (values[0] in fact) == (op == "has")
        case _:
            return _OPERATORS[op](fact, values[0])

"""The forty rules that `decide` measures, as other libraries and a Python compiler read them, and facts that meet them.

They are all of one state, the hardest case: the rules of a policy are mostly spread over its states.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random

from arflow.rules.catalogue import CATALOGUE, PROMISE_STATUSES, FactType
from arflow.rules.expressions import All, Any, Comparison, Expression, Not, comparisons
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.rules.reference import Reference
from arflow.vocabulary import NEVER, Facts, FactValue, State

STATE = State.REMINDED
"""The state of all forty rules."""

EACH_ANSWER = 25
"""So many sets of facts for each answer: each of the forty rules, and none of them."""

MOST_DRAWN = 1_000_000
"""How many random sets of facts are drawn at most until every answer has its share."""

Answer = int | None
"""The place of the rule that fires, or none."""

_TEXTS: Mapping[str, Sequence[str]] = {
    "risk_grade": ("A", "B", "C", "D", "E", ""),
    "segment": ("retail", "branch", "key", ""),
    "promise_status": ("none", "none", "none", *PROMISE_STATUSES),
}
_TAGS = ("vip", "new", "vip", "new", "vip", "new", "insolvent", "represented", "stop-contact")
_DAYS = (0, 1, 3, 4, 5, 6, 7, 9, 10, 12, 14, 15, 20, 25, 30, 40, 45, 50, 60, 75, 90, 120, NEVER)
_AMOUNTS = (0, 1999, 2500, 50_000, 999_999, 1_000_000, 12_345_678)


def policy() -> Policy:
    """The policy of the forty rules."""
    file = Path(__file__).with_suffix(".yaml")
    return load_policy(file.read_text(), file=file.name)


def fields(rules: Policy) -> dict[str, FactType]:
    """The facts that the rules read, and the type of each."""
    read = (clause.fact for rule in rules.rules_in(STATE) for clause in comparisons(rule.when))
    return {name: CATALOGUE[name].type for name in sorted(set(read))}


def as_json(rules: Policy, asked: Sequence[Facts]) -> Mapping[str, object]:
    """The rules as trees, the types of their facts, and the sets of facts: only what the rules read."""
    types = fields(rules)
    return {
        "rules": [_tree(rule.when) for rule in rules.rules_in(STATE)],
        "types": types,
        "facts": [{name: _plain(facts[name]) for name in types} for facts in asked],
    }


def _plain(value: FactValue) -> str | int | bool | list[str]:
    return sorted(value) if isinstance(value, frozenset) else value


def _tree(expression: Expression) -> Mapping[str, object]:
    match expression:
        case Comparison():
            return {"fact": expression.fact, "op": expression.op, "values": expression.values}
        case All():
            return {"all": [_tree(part) for part in expression.parts]}
        case Any():
            return {"any": [_tree(part) for part in expression.parts]}
        case Not():
            return {"not": _tree(expression.part)}


# --- the limit --------------------------------------------------------------------------------------------------------


def compiled(rules: Policy) -> Callable[[Facts], Answer]:
    """The rules as one Python function, as somebody would write it who needs no policy to be changed."""
    lines = [f"    if {_code(rule.when)}: return {at}" for at, rule in enumerate(rules.rules_in(STATE))]
    source = "\n".join(["def decide(facts):", *lines, "    return None"])
    made: dict[str, Callable[[Facts], Answer]] = {}
    exec(source, made)  # noqa: S102  # of our own forty rules
    return made["decide"]


def _code(expression: Expression) -> str:
    match expression:
        case Comparison(fact=fact, op="has" | "has not" as op, values=(member, *_)):
            return f"{member!r} {'in' if op == 'has' else 'not in'} facts.{fact}"
        case Comparison(fact=fact, op="in" | "not in" as op, values=values):
            return f"facts.{fact} {op} {tuple(values)!r}"
        case Comparison(fact=fact, op=op, values=(value, *_)):
            return f"facts.{fact} {op} {value!r}"
        case All(parts=parts):
            return "(" + " and ".join(map(_code, parts)) + ")"
        case Any(parts=parts):
            return "(" + " or ".join(map(_code, parts)) + ")"
        case Not(part=part):
            return f"(not {_code(part)})"
    raise TypeError(expression)


# --- facts ------------------------------------------------------------------------------------------------------------


def asked_and_answered(rules: Policy, rng: Random) -> tuple[list[Facts], list[Answer]]:
    """Random facts, as many that each rule fires for as none does, in a random order, and the naive answers."""
    decide, counts, found = compiled(rules), Counter[Answer](), []
    wanted = EACH_ANSWER * (len(rules.rules_in(STATE)) + 1)
    for _ in range(MOST_DRAWN):
        facts = _drawn(rng)
        answer = decide(facts)
        if counts[answer] < EACH_ANSWER:
            counts[answer] += 1
            found.append(facts)
            if len(found) == wanted:
                break
    rng.shuffle(found)
    reference = Reference()
    answers = [reference.first(rules, STATE, facts, 0) for facts in found]
    if len(set(answers)) < len(rules.rules_in(STATE)) + 1:
        raise AssertionError(f"answers that never came up: {set(range(len(rules.rules))) - set(answers)}")
    return found, answers


def _drawn(rng: Random) -> Facts:
    """A whole set of facts, those that the rules do not read among them."""
    values = {name: _value(rng, name, spec.type) for name, spec in CATALOGUE.items()}
    return Facts(**(values | {"state": STATE.value}))  # type: ignore[arg-type]  # each has its fact's type


def _value(rng: Random, name: str, kind: FactType) -> FactValue:
    match kind:
        case FactType.TEXT:
            return rng.choice(_TEXTS.get(name, ("", "US", "DE")))
        case FactType.SET:
            return frozenset(rng.sample(_TAGS, rng.randrange(3)))
        case FactType.BOOL:
            return rng.random() < 0.3  # mostly not
        case FactType.AMOUNT:
            return rng.choice(_AMOUNTS)
        case FactType.COUNT:
            return rng.randrange(5)
        case FactType.DAYS:
            return rng.choice(_DAYS)

"""The two evaluators side by side, in a process of its own: a compiled ruleset is never freed.

`python -m tests.rules.oracle FROM TO` compares them on the random policies of these seeds and prints each difference.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from arflow.rules.catalogue import FactSpec, FactType
from arflow.rules.engine import MAX_VERSIONS, DurableRules
from arflow.rules.expressions import Comparison, Expression, comparisons, parse
from arflow.rules.policy import Never, Policy, Rule
from arflow.rules.reference import Reference
from arflow.vocabulary import NEVER, Facts, FactValue, State
from tests.random_policies import ATTRIBUTES, CATALOGUE_AND_ATTRIBUTES

_TEXTS = (
    "",
    "a",
    "US",
    "us",
    "Ü ß",
    "1",
    "01",
    "true",
    "a.b",
    "a:b",
    "it's",
    "back\\slash",
    "{}",
    "日本",
    "x" * 300,
    " a",
    "$m",
)
_TAGS = (*_TEXTS[1:], "tags", "cursor", "field:0", 'say "hi"', "tab\there")
_INTEGERS = (0, 1, 2, 63, 64, 10**9)
_AMOUNTS = (0, 1, 100, -1, -250, 10**15 - 1, -(10**15) + 1)
_DAYS = (0, 1, 2, 3, 7, 30, NEVER - 1, NEVER)
_CALM = tuple(spec for spec in CATALOGUE_AND_ATTRIBUTES.values() if not spec.values and spec.name != "currency")


def differences(seed: int, durable: DurableRules, facts_each: int = 6) -> Iterator[str]:
    """Every question on which the evaluators differ about the policy of `seed`."""
    rng = Random(seed)
    policy = random_policy(rng, seed)
    for _ in range(facts_each):
        facts = random_facts(rng, policy)
        state = State(facts.state)
        rules = policy.rules_in(state)
        for start in {0, *(rng.randrange(len(rules) + 1) for _ in range(3))}:
            wanted, found = (one.first(policy, state, facts, start) for one in (Reference(), durable))
            if wanted != found:
                yield f"seed {seed}: first from {start} is {found}, not {wanted}; {policy.rules}; {facts}"
        for to in State:
            forbids, forbade = (one.forbidden(policy, to, facts) for one in (Reference(), durable))
            if forbids != forbade:
                yield f"seed {seed}: `{to}` is forbidden by {forbade}, not {forbids}; {policy.never}; {facts}"
        if Reference().applies(policy, facts) is not durable.applies(policy, facts):
            yield f"seed {seed}: applies_to; {policy.applies_to_text}; {facts}"


def random_policy(rng: Random, seed: int) -> Policy:
    """A policy with rules in one state, now and then a great many of them or very large ones."""
    count = rng.choice((1, 2, 3, 5, 8, 8, 8, 70)) if rng.random() < 0.97 else 300
    size = (1, 2, 3, 6) if count > 10 else (1, 2, 3, 6, 12, 40)
    rules = tuple(_rule(rng, f"r{at}", rng.choice(size)) for at in range(count))
    never = tuple(_never(rng, f"n{at}") for at in range(rng.choice((0, 0, 1, 2))))
    applies_to = random_expression(rng, 3) if rng.random() < 0.3 else None
    return Policy(
        name="p",
        title="",
        currency="USD",
        version=f"v{seed}",
        source="",
        attributes=ATTRIBUTES,
        rules=rules,
        never=never,
        applies_to=applies_to[1] if applies_to else None,
        applies_to_text=applies_to[0] if applies_to else "",
    )


def _rule(rng: Random, name: str, size: int) -> Rule:
    text, when = random_expression(rng, size)
    return Rule(id=name, states=frozenset({State.CURRENT}), when=when, when_text=text, to=State.CALLED)


def _never(rng: Random, name: str) -> Never:
    text, when = random_expression(rng, rng.randint(1, 4))
    return Never(id=name, to=rng.choice((State.CALLED, State.ESCALATED)), when=when, when_text=text)


def random_expression(rng: Random, size: int) -> tuple[str, Expression]:
    """The text and the tree of a random condition of `size` clauses."""
    known = rng.sample(_CALM, rng.randint(1, 6))
    text = _text(rng, known, size)
    return text, parse(text, CATALOGUE_AND_ATTRIBUTES, "USD")


def _text(rng: Random, known: list[FactSpec], size: int, depth: int = 0) -> str:
    """An expression of about `size` clauses on few facts, so that its clauses have to do with each other."""
    if size <= 1 or depth > 15:
        return ("not " if rng.random() < 0.2 else "") + _clause(rng, rng.choice(known))
    if rng.random() < 0.2:
        word = rng.choice((" and ", " or "))
        return f"({word.join(_clause(rng, rng.choice(known)) for _ in range(size))})"
    left = rng.randint(1, size - 1)
    parts = _text(rng, known, left, depth + 1), _text(rng, known, size - left, depth + 1)
    joined = rng.choice((" and ", " or ")).join(parts)
    return rng.choice((f"({joined})", f"not ({joined})"))


def _clause(rng: Random, spec: FactSpec) -> str:
    if spec.type is FactType.SET:
        return f"{_quoted(rng, rng.choice(_TAGS))} {rng.choice(('in', 'not in'))} {spec.name}"
    order = ["<", "<=", ">", ">="] if spec.is_ordered else []
    if rng.random() < 0.25:
        many = rng.choice((1, 2, 3, 60)) if spec.type is FactType.COUNT else rng.randint(1, 4)
        literals = ", ".join(_literal(rng, spec, at) for at in range(many))
        return f"{spec.name} {rng.choice(('in', 'not in'))} ({literals})"
    return f"{spec.name} {rng.choice(['==', '!=', *order])} {_literal(rng, spec)}"


def _literal(rng: Random, spec: FactSpec, at: int = 0) -> str:
    match spec.type:
        case FactType.TEXT:
            return _quoted(rng, rng.choice(_TEXTS))
        case FactType.BOOL:
            return rng.choice(("true", "false"))
        case FactType.AMOUNT:
            minor = rng.choice(_AMOUNTS)
            return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02}"
        case FactType.COUNT:
            return str(at or rng.choice(_INTEGERS))
        case _:
            return str(rng.choice(_DAYS))


def _quoted(rng: Random, text: str) -> str:
    mark = "'" if '"' in text else '"' if "'" in text else rng.choice("'\"")
    return f"{mark}{text}{mark}"


def random_facts(rng: Random, policy: Policy) -> Facts:
    """Facts at, near and far from the literals that `policy` names."""
    conditions = [rule.when for rule in policy.rules] + [never.when for never in policy.never]
    return random_facts_near(rng, *conditions, *([policy.applies_to] if policy.applies_to else ()))


def random_facts_near(rng: Random, *conditions: Expression) -> Facts:
    """Facts at, near and far from the literals of `conditions`."""
    facts = Facts(state="current", attributes={f"attr_{name}": _value(rng, f"attr_{name}") for name in ATTRIBUTES})
    values: dict[str, FactValue] = {}
    for clause in [clause for condition in conditions for clause in comparisons(condition)]:
        if clause.fact not in values or rng.random() < 0.3:
            values[clause.fact] = _value_near(rng, clause)
    attributes = {name: value for name, value in values.items() if name.startswith("attr_")}
    plain = {name: value for name, value in values.items() if not name.startswith("attr_")}
    merged = {**facts.attributes, **attributes}
    return replace(facts, **plain, attributes=merged)  # type: ignore[arg-type]  # each value has its fact's type


def _value_near(rng: Random, clause: Comparison) -> FactValue:
    literal = rng.choice(clause.values)
    if clause.fact == "tags":
        return frozenset(rng.sample(_TAGS, rng.randint(0, 4))) | ({str(literal)} if rng.random() < 0.5 else frozenset())
    if rng.random() < 0.4:
        return _value(rng, clause.fact)
    if isinstance(literal, bool | str):
        return literal
    return literal + rng.choice((-1, 0, 0, 1))


def _value(rng: Random, fact: str) -> str | int | bool:
    spec = CATALOGUE_AND_ATTRIBUTES[fact]
    if spec.type is FactType.TEXT:
        return rng.choice((*_TEXTS, 'a"', "a\n", "\x01", "US\\", 'US"'))
    if spec.type is FactType.BOOL:
        return rng.random() < 0.5
    return rng.choice(_AMOUNTS if spec.type is FactType.AMOUNT else _INTEGERS)


def compare(seeds: range) -> list[str]:
    """The differences on the policies of `seeds`, with a new engine when one is full."""
    found: list[str] = []
    for at, seed in enumerate(seeds):
        if at % MAX_VERSIONS == 0:
            durable = DurableRules()
        found += differences(seed, durable)
        if durable.is_worn:
            found.append(f"seed {seed}: the naive evaluator was asked twice")
    return found


if __name__ == "__main__":
    for line in compare(range(int(sys.argv[1]), int(sys.argv[2]))):
        sys.stdout.write(line + "\n")

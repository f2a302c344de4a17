"""The only file that knows `durable_rules`: policies compiled to rulesets, facts posted, the first match noted.

What was measured, and is kept to here: no `$nex` and no `not` (trees are brought to a form without negation); every
field always present and of one type (bools and set members are 0 or 1); integers and texts only; one ruleset for each
policy version and state; posts are consumed by the rule with the lowest `pri`, so matches are read one after the other
by moving a cursor; at most 64 order tests on one field, so the cursor is cut into blocks of 60 rules; a lock, because
the library is not safe with two threads; a bounded number of versions, because a ruleset is never freed.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from durable import engine as durable

from arflow.errors import Refused
from arflow.rules.expressions import All, Any, Comparison, Expression, Not, comparisons
from arflow.rules.policy import Never, Policy
from arflow.vocabulary import Facts, State

MAX_VERSIONS = 64
"""Policy versions that one process may compile; each costs up to a few megabytes for the life of the process."""

_BLOCK = 60
_NEGATED = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "in": "not in",
    "not in": "in",
    "has": "has not",
    "has not": "has",
}
_OPERATORS = {"<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte", "!=": "$neq"}
_Field = str | int
_Definition = dict[str, object]


class _Host(durable.Host):  # type: ignore[misc]  # the library has no types
    """A host without its two timer threads."""

    def _run(self) -> None:
        """Start nothing: arflow's timers are rows in the database."""


def _plain(value: object) -> _Field:
    return int(value) if isinstance(value, bool) else value  # type: ignore[return-value]  # literals are text or int


def _field(clause: Comparison) -> str:
    return f"{clause.fact}:{clause.values[0]}" if clause.op.startswith("has") else clause.fact


def _test(clause: Comparison) -> _Definition:
    name = _field(clause)
    if clause.op.startswith("has"):
        return {name: int(clause.op == "has")}
    tests: list[_Definition] = []
    for value in clause.values:
        plain = _plain(value)
        if clause.op in ("==", "in"):
            tests.append({name: plain})
        else:
            tests.append({_OPERATORS.get(clause.op, "$neq"): {name: plain}})
    return _joined("$and" if clause.op == "not in" else "$or", tests)


def _joined(word: str, tests: Sequence[_Definition]) -> _Definition:
    return tests[0] if len(tests) == 1 else {word: list(tests)}


def _condition(expression: Expression, *, negated: bool = False) -> _Definition:
    """The library's form of `expression`, with every negation pushed down into the comparisons."""
    match expression:
        case Not():
            return _condition(expression.part, negated=not negated)
        case Comparison():
            if negated:
                turned = Comparison(fact=expression.fact, op=_NEGATED[expression.op], values=expression.values)
                return _test(turned)
            return _test(expression)
        case All() | Any():
            word = "$and" if isinstance(expression, All) is not negated else "$or"
            return _joined(word, [_condition(part, negated=negated) for part in expression.parts])


def _clauses(expressions: Iterable[Expression]) -> list[Comparison]:
    return [clause for expression in expressions for clause in comparisons(expression)]


@dataclass(slots=True)
class _Ruleset:
    """One compiled list of conditions, and the fields that its posts must carry."""

    name: str
    size: int
    plain: tuple[str, ...]
    members: tuple[tuple[str, str, str], ...]
    noted: list[int] = field(default_factory=list)

    def message(self, facts: Facts, start: int) -> dict[str, _Field]:
        posted: dict[str, _Field] = {name: _plain(facts[name]) for name in self.plain}
        for fact, member, name in self.members:
            posted[name] = int(member in facts[fact])  # type: ignore[operator]  # only sets have members
        for block in range(0, self.size, _BLOCK):
            posted[f"cursor:{block}"] = start
        return posted


class DurableRules:
    """The evaluator that decides in production. One per process; safe to use from several threads."""

    def __init__(self) -> None:
        self._host = _Host()
        self._lock = threading.Lock()
        self._versions: OrderedDict[str, Mapping[str, _Ruleset]] = OrderedDict()
        self._compiled = 0

    def first(self, policy: Policy, state: State, facts: Facts, start: int) -> int | None:
        """The index, from `start` on, of the first of `policy.rules_in(state)` whose `when` holds."""
        return self._first(policy, state, facts, start)

    def forbidden(self, policy: Policy, to: State, facts: Facts) -> Never | None:
        """The first `never` that forbids a move into `to`."""
        found = self._first(policy, f"never {to}", facts, 0)
        return None if found is None else [never for never in policy.never if never.to is to][found]

    def applies(self, policy: Policy, facts: Facts) -> bool:
        """Whether `applies_to` holds."""
        return policy.applies_to is None or self._first(policy, "applies_to", facts, 0) is not None

    def compile(self, policy: Policy) -> None:
        """Compile every ruleset of `policy` now. Raises Refused when the process has compiled too many versions."""
        with self._lock:
            self._rulesets(policy)

    def _first(self, policy: Policy, name: str, facts: Facts, start: int) -> int | None:
        with self._lock:
            ruleset = self._rulesets(policy).get(name)
            if ruleset is None or start >= ruleset.size:
                return None
            ruleset.noted.clear()
            try:
                self._host.post(ruleset.name, ruleset.message(facts, start))
            except durable.MessageNotHandledException:
                return None
            return ruleset.noted[0]

    def _rulesets(self, policy: Policy) -> Mapping[str, _Ruleset]:
        found = self._versions.get(policy.version)
        if found is None:
            if self._compiled >= MAX_VERSIONS:
                raise Refused(f"this process has compiled {MAX_VERSIONS} policy versions, which is its limit; restart it")
            self._compiled += 1
            found = self._versions[policy.version] = self._compile(policy)
        return found

    def _compile(self, policy: Policy) -> Mapping[str, _Ruleset]:
        lists: dict[str, list[Expression]] = {
            state: [rule.when for rule in policy.rules_in(state)] for state in State
        }
        for never in policy.never:
            lists.setdefault(f"never {never.to}", []).append(never.when)
        if policy.applies_to is not None:
            lists["applies_to"] = [policy.applies_to]
        return {name: self._ruleset(policy.version, name, list_) for name, list_ in lists.items() if list_}

    def _ruleset(self, version: str, name: str, conditions: list[Expression]) -> _Ruleset:
        clauses = _clauses(conditions)
        members = {(c.fact, str(c.values[0]), _field(c)) for c in clauses if c.op.startswith("has")}
        plain = {clause.fact for clause in clauses if not clause.op.startswith("has")}
        made = _Ruleset(f"{version}:{name}", len(conditions), tuple(sorted(plain)), tuple(sorted(members)))
        rules = {f"r_{at}": _rule(at, when, made.noted) for at, when in enumerate(conditions)}
        self._host.register_rulesets({made.name: rules})
        return made


def _rule(at: int, when: Expression, noted: list[int]) -> _Definition:
    reached = {"$lte": {f"cursor:{at - at % _BLOCK}": at}}
    return {"all": [{"m": {"$and": [reached, _condition(when)]}}], "pri": at, "run": _noting(at, noted)}


def _noting(at: int, noted: list[int]) -> Callable[[object], None]:
    """An action that only notes its rule: the library swallows what an action raises."""

    def note(_: object) -> None:
        noted.append(at)

    return note

"""The only file that knows `durable_rules`: policies compiled to rulesets, facts posted, the first match noted.

What was measured, and is kept to here: no `$nex` and no `not`; every field always present and of one type (bools, set
members and cut-out parts are 0 or 1, and never named after what a policy says); integers and texts only; conditions cut
to what the library holds (`cutting.py`); a post is consumed by the rule with the lowest `pri`, so matches are read one
after the other by moving a cursor; every rule may be under way at once, so a ruleset has few rules, and a long list of
rules several rulesets; the first test that fails ends a rule, and rules share what they begin with alike, so plain
clauses come first and what has several ways last; a lock, because the library is not safe with two threads; a bounded
number of versions, because a ruleset is never freed, and beyond it the naive evaluator answers. The library names the
action that a post starts, so none is ever run: its own way of running one costs three times what the match does.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter

import durable_rules_engine as network
from durable import engine as durable

from arflow.errors import WornOut
from arflow.rules.catalogue import CATALOGUE
from arflow.rules.cutting import MAX_FIELDS, Cutter, Group, Part, Piece, pieces_of
from arflow.rules.expressions import Comparison, Expression, Literal
from arflow.rules.policy import Never, Policy
from arflow.rules.reference import Reference
from arflow.vocabulary import Facts, State

MAX_VERSIONS = 64
"""Policy versions that one process may compile; each costs up to a few megabytes for the life of the process."""

_MAX_RULES = 40
"""Rules of one ruleset: the library keeps at most 64 unfinished steps, and one condition asks for up to 16."""
_MAX_FIELDS = 4 * MAX_FIELDS
"""Fields of one ruleset: a post may have at most 255."""
_OPERATORS = {"<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte", "!=": "$neq", "not in": "$neq"}
_CURSOR = "cursor"
_NO_MATCH, _MATCH = 1, 0
"""What the library answers to a post that starts no action, and to one that starts one."""

_Definition = dict[str, object]
_Named = Comparison | Part
_Asker = Callable[[Facts, Callable[[int], bool]], object]
_quoted = lru_cache(maxsize=10_000)(json.JSONEncoder(ensure_ascii=False).encode)


_UNCOMPILED = Reference()
"""Answers for versions that there is no room for: slower, and the same."""


class DurableRules:
    """The evaluator that decides in production. One per process; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._versions: dict[str, Mapping[str, _Conditions]] = {}
        self._is_worn = False

    def first(self, policy: Policy, state: State, facts: Facts, start: int) -> int | None:
        """The index, from `start` on, of the first of `policy.rules_in(state)` whose `when` holds."""
        try:
            return self._first(policy, state, facts, start)
        except WornOut:
            return _UNCOMPILED.first(policy, state, facts, start)

    def forbidden(self, policy: Policy, to: State, facts: Facts) -> Never | None:
        """The first `never` that forbids a move into `to`."""
        try:
            found = self._first(policy, f"never {to}", facts, 0)
        except WornOut:
            return _UNCOMPILED.forbidden(policy, to, facts)
        return None if found is None else [never for never in policy.never if never.to is to][found]

    def applies(self, policy: Policy, facts: Facts) -> bool:
        """Whether `applies_to` holds."""
        try:
            return policy.applies_to is None or self._first(policy, "applies_to", facts, 0) is not None
        except WornOut:
            return _UNCOMPILED.applies(policy, facts)

    def compile(self, policy: Policy) -> None:
        """Compile every ruleset of `policy` now. Raises WornOut when the process has compiled too many versions."""
        with self._lock:
            self._compiled(policy)

    def _first(self, policy: Policy, name: str, facts: Facts, start: int) -> int | None:
        with self._lock:
            conditions = self._compiled(policy).get(name)
            return None if conditions is None else conditions.first(facts, start)

    @property
    def is_worn(self) -> bool:
        """Whether a new process should take over: a version was asked that this one has no room for any more."""
        return self._is_worn

    def _compiled(self, policy: Policy) -> "Mapping[str, _Conditions]":
        found = self._versions.get(policy.version)
        if found is None:
            if len(self._versions) >= MAX_VERSIONS:
                self._is_worn = True
                raise WornOut(
                    f"this process has compiled {MAX_VERSIONS} policy versions, its limit; a new one has room"
                )
            found = {
                name: _Conditions(f"{policy.version}:{name}", conditions)
                for name, conditions in _lists(policy).items()
                if conditions
            }
            self._versions[policy.version] = found
        return found


def _lists(policy: Policy) -> Mapping[str, Sequence[Expression]]:
    """The conditions of `policy` that are asked together, in their order, by name."""
    lists: dict[str, list[Expression]] = {state: [rule.when for rule in policy.rules_in(state)] for state in State}
    for never in policy.never:
        lists.setdefault(f"never {never.to}", []).append(never.when)
    if policy.applies_to is not None:
        lists["applies_to"] = [policy.applies_to]
    return lists


class _Conditions:
    """A list of conditions, compiled: as few rulesets as the library's limits allow, and one for each cut-out part."""

    def __init__(self, name: str, conditions: Sequence[Expression]) -> None:
        cutter = Cutter()
        pieces = [cutter.cut(condition) for condition in conditions]
        self._rulesets = [_Ruleset(f"{name}:{begin}", begin, pieces[begin:end]) for begin, end in _slices(pieces)]
        self._parts = [_Ruleset(f"{name}:part:{at}", 0, [piece]) for at, piece in enumerate(cutter.parts)]

    def first(self, facts: Facts, start: int) -> int | None:
        """The index, from `start` on, of the first condition that holds."""
        truth = self._truth_of(facts) if self._parts else _no_part
        for ruleset in self._rulesets:
            if ruleset.end > start:
                found = ruleset.first(facts, max(start, ruleset.begin), truth)
                if found is not None:
                    return found
        return None

    def _truth_of(self, facts: Facts) -> Callable[[int], bool]:
        """What tells whether a part holds; each is asked once."""
        truths: dict[int, bool] = {}

        def truth(number: int) -> bool:
            if number not in truths:
                truths[number] = self._parts[number].first(facts, 0, truth) is not None
            return truths[number]

        return truth


def _no_part(number: int) -> bool:
    raise IndexError(number)


def _slices(pieces: Sequence[Piece]) -> Iterator[tuple[int, int]]:
    """(begin, end) of the conditions that share a ruleset."""
    begin, fields = 0, set[object]()
    for at, piece in enumerate(pieces):
        asked = {_asked(named) for named in pieces_of(piece)}
        if at > begin and (at - begin >= _MAX_RULES or len(fields | asked) > _MAX_FIELDS):
            yield begin, at
            begin, fields = at, set()
        fields |= asked
    yield begin, len(pieces)


@dataclass(slots=True)
class _Ruleset:
    """Some conditions in one ruleset of the library, and the fields that its posts must carry."""

    name: str
    begin: int
    pieces: Sequence[Piece]
    numbers: Callable[[Mapping[str, object]], tuple[object, ...]] = field(init=False)
    """Takes the numbers and bools that are asked out of all facts at once."""

    others: tuple[_Asker, ...] = field(init=False)
    """What gives each of the other fields."""

    template: str = field(init=False)
    """A post as JSON, with a place for the cursor, for each number, and for what else is asked."""

    compiled: durable.Ruleset = field(init=False)
    end: int = field(init=False)
    """The index after its last condition."""

    def __post_init__(self) -> None:
        self.end = self.begin + len(self.pieces)
        fields = _fields(self.pieces)
        numbers = [name for name, named in fields.items() if _is_number(named)]
        self.numbers = _taker([_fact(fields[name]) for name in numbers])
        self.others = tuple(_asker(named) for named in fields.values() if not _is_number(named))
        places = [f'"{name}":{_place(fields[name])}' for name in sorted(fields, key=lambda n: n not in numbers)]
        self.template = "{" + ",".join([f'"{_CURSOR}":%d', *places]) + "}"
        names = {_asked(named): name for name, named in fields.items()}
        rules = {f"{_PREFIX}{at}": _rule(at, piece, names) for at, piece in enumerate(self.pieces, self.begin)}
        self.compiled = durable.Ruleset(self.name, None, rules)

    def first(self, facts: Facts, start: int, truth: Callable[[int], bool]) -> int | None:
        """The index, from `start` on, of the first condition that holds; `truth` tells of parts."""
        others = [ask(facts, truth) for ask in self.others]
        post = self.template % (start, *self.numbers(facts.__dict__), *others)
        handle = self.compiled._handle  # noqa: SLF001  # the library's own functions take it
        said, state = network.assert_event(handle, post)
        if said == _NO_MATCH:
            return None
        if said != _MATCH:
            raise RuntimeError(f"durable_rules answers {said} to a post")
        _, action = network.start_action_for_state(handle, state)
        while network.complete_and_start_action(handle, state):
            pass  # what else it would start is of no interest
        return int(action[len(_ACTION) : action.index('"', len(_ACTION))])


_PREFIX = "r_"
_ACTION = f'{{"{_PREFIX}'
"""What the library's word of an action begins with; the index of its rule follows."""


def _rule(at: int, piece: Piece, names: Mapping[object, str]) -> _Definition:
    """The rule of one condition: its plain clauses, its cursor, then what has several ways through it.

    The first clause that fails ends it, most often at once. The library shares among rules what they begin with alike:
    of plain clauses that opens no more ways than there are rules. The cursor, which no two rules have alike, keeps
    every rule's own ways, and the values of its lists, apart from those of others.
    """
    pieces = piece.pieces if isinstance(piece, Group) and piece.every else (piece,)
    plain = [_test(inner, names) for inner in pieces if _is_plain(inner)]
    others = [_test(inner, names) for inner in pieces if not _is_plain(inner)]
    reached = {"$lte": {_CURSOR: at}}
    return {"all": [{"m": {"$and": [*plain, reached, *others]}}], "pri": at, "run": _never_run}


def _is_plain(piece: Piece) -> bool:
    """Whether there is one way through a piece: one value is compared."""
    return isinstance(piece, Part) or (isinstance(piece, Comparison) and len(piece.values) == 1)


def _never_run(_: object) -> None:
    """The library wants an action; the name of the rule is all that is read of it."""


def _asked(named: _Named) -> object:
    """What a field tells of: a fact, whether a set has a member, or a part."""
    if isinstance(named, Part):
        return named.number
    return (named.fact, named.values[0]) if named.op.startswith("has") else named.fact


def _fields(pieces: Sequence[Piece]) -> dict[str, _Named]:
    """Every field that `pieces` read, by a short name, which the library reads sooner than that of a fact."""
    asked = {_asked(named): named for piece in pieces for named in pieces_of(piece)}
    return {f"f{at}": named for at, named in enumerate(asked.values())}


def _is_text(named: _Named) -> bool:
    return isinstance(named, Comparison) and not named.op.startswith("has") and isinstance(named.values[0], str)


def _is_number(named: _Named) -> bool:
    """Whether what is asked is a number or bool among the facts, other than a declared attribute."""
    return isinstance(named, Comparison) and not isinstance(named.values[0], str) and named.fact in CATALOGUE


def _taker(names: Sequence[str]) -> Callable[[Mapping[str, object]], tuple[object, ...]]:
    """Takes the values of `names` out of a mapping, in their order."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda facts: tuple(facts[name] for name in names)


def _place(named: _Named) -> str:
    """Where a value stands in a post; bools become 0 or 1 there."""
    return "%s" if _is_text(named) else "%d"


def _fact(named: _Named) -> str:
    """The fact of a field that is no part."""
    if isinstance(named, Part):
        raise TypeError(named)
    return named.fact


def _asker(named: _Named) -> _Asker:
    """What gives the value of a field, given all facts and what tells of parts."""
    if isinstance(named, Part):
        number = named.number
        return lambda _, truth: truth(number)
    fact, member = named.fact, named.values[0]
    if named.op.startswith("has"):
        return lambda facts, _: member in facts.__dict__[fact]
    if _is_text(named) and fact in CATALOGUE:
        return lambda facts, _: _quoted(facts.__dict__[fact])
    if _is_text(named):
        return lambda facts, _: _quoted(facts[fact])
    return lambda facts, _: facts[fact]


def _test(piece: Piece, names: Mapping[object, str]) -> _Definition:
    if isinstance(piece, Group):
        return _joined("$and" if piece.every else "$or", [_test(inner, names) for inner in piece.pieces])
    name = names[_asked(piece)]
    if isinstance(piece, Part):
        return {name: 1}
    if piece.op.startswith("has"):
        return {name: int(piece.op == "has")}
    tests = [_compared(piece.op, name, value) for value in piece.values]
    return _joined("$and" if piece.op == "not in" else "$or", tests)


def _compared(op: str, name: str, value: Literal) -> _Definition:
    plain = int(value) if isinstance(value, bool) else value
    return {name: plain} if op in ("==", "in") else {_OPERATORS[op]: {name: plain}}


def _joined(word: str, tests: Sequence[_Definition]) -> _Definition:
    return tests[0] if len(tests) == 1 else {word: list(tests)}

"""The only file that knows `z3`: finds facts of which a condition is true, or proves that no account can have any.

What it looks through are all facts that the laws of `laws.py` allow, each a whole number, a truth, or a text: one that
is named, or one that nobody names. What it finds is plain: fact by fact as near as can be to an account of which
nothing is recorded. Pure: the same question has the same answer on every machine.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import z3

from arflow.errors import ArflowError
from arflow.rules.catalogue import FactSpec, FactType
from arflow.rules.expressions import All, Comparison, Difference, Expression, Literal, Not, comparisons
from arflow.rules.laws import LAWS, MOST, AtMost, Law, least
from arflow.vocabulary import NEVER, Facts, FactValue

_MOST_WORK = 20_000_000
"""How much work one question may take, in z3's own units, which do not depend on the machine."""

_NUMBERS = (FactType.AMOUNT, FactType.COUNT, FactType.DAYS)
_BLANK = Facts(state="")


class Undecided(ArflowError):
    """It was not found out whether any account can have such facts: the question is too large; make rules simpler."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """That no more of `conditions` are true than the fact `fact` counts."""

    conditions: Sequence[Expression]
    fact: str


class Solver:
    """Answers questions about the facts of one account, at one moment or at several.

    `known` are the facts that may be asked for, `named` every expression that will be asked with. Of several moments
    only the facts in `moving` may be otherwise at one than at another; of a set its members, as in `tags:vip`.
    """

    def __init__(
        self,
        known: Mapping[str, FactSpec],
        named: Iterable[Expression],
        *,
        moments: int = 1,
        moving: frozenset[str] = frozenset(),
    ) -> None:
        self._known, self._moments, self._moving = known, range(moments), moving
        named = list(named)
        self._texts = _texts(known, named)
        self._kept = {id(one): one for one in named}
        self._terms: dict[tuple[int, int], z3.ExprRef] = {}
        self._solver = z3.Solver()
        self._solver.set("rlimit", _MOST_WORK)
        for moment in self._moments:
            self._solver.add(*self._ranges(moment), *(self._law(law, moment) for law in LAWS))

    def find(self, *conditions: Expression, counted: Counted | None = None) -> tuple[Facts, ...] | None:
        """Facts of which each condition is true at its moment; None when no account can have them. Raises Undecided."""
        with self._asking(conditions, counted):
            if not self._is_possible():
                return None
            return tuple(_facts({name: self._settled(name, at) for name in self._known}) for at in self._moments)

    def is_possible(self, *conditions: Expression) -> bool:
        """Whether any account can have facts of which each condition is true at its moment. Raises Undecided."""
        with self._asking(conditions):
            return self._is_possible()

    @contextmanager
    def _asking(self, conditions: Sequence[Expression], counted: Counted | None = None) -> Iterator[None]:
        """Within, only facts are looked at of which the conditions are true."""
        self._solver.push()
        try:
            self._solver.add(*self._asked(conditions, counted))
            yield
        finally:
            self._solver.pop()

    def _asked(self, conditions: Sequence[Expression], counted: Counted | None) -> Iterator[z3.ExprRef]:
        yield from (self._truth(condition, at) for at, condition in enumerate(conditions))
        if counted is not None and counted.conditions:
            ones = [z3.If(self._truth(condition, 0), 1, 0) for condition in counted.conditions]
            yield z3.Sum(ones) <= self._variable(counted.fact, 0)

    def _is_possible(self, *wishes: z3.ExprRef) -> bool:
        answer = self._solver.check(*wishes)
        if answer == z3.unknown:
            raise Undecided
        return bool(answer == z3.sat)

    # --- a question in the words of z3 --------------------------------------------------------------------------------

    def _variable(self, name: str, moment: int, member: str | None = None) -> z3.ExprRef:
        """What stands for a fact, or for a member of a set."""
        full = name if member is None else f"{name}:{member}"
        if moment and full in self._moving:
            full = f"{moment}:{full}"
        is_truth = member is not None or self._known[name].type is FactType.BOOL
        return z3.Bool(full) if is_truth else z3.Int(full)

    def _ranges(self, moment: int) -> Iterator[z3.ExprRef]:
        for name, spec in self._known.items():
            if spec.type in _NUMBERS:
                yield z3.And(
                    self._variable(name, moment) >= least(spec), self._variable(name, moment) <= MOST[spec.type]
                )
            elif spec.type is FactType.TEXT:
                one = self._variable(name, moment)
                yield z3.And(one >= 0, one < len(self._texts[name]))

    def _law(self, law: Law, moment: int) -> z3.ExprRef:
        then = self._sums(law.then, moment) if isinstance(law.then, AtMost) else self._truth(law.then, moment)
        return then if law.given is None else z3.Implies(self._truth(law.given, moment), then)

    def _sums(self, law: AtMost, moment: int) -> z3.ExprRef:
        less, more = (z3.Sum([self._variable(name, moment) for name in side]) for side in (law.less, law.more))
        return less + law.apart <= more

    def _truth(self, expression: Expression, moment: int) -> z3.ExprRef:
        """The term for an expression; those that were named come again and again."""
        if id(expression) not in self._kept:
            return self._made(expression, moment)
        key = id(expression), moment
        if key not in self._terms:
            self._terms[key] = self._made(expression, moment)
        return self._terms[key]

    def _made(self, expression: Expression, moment: int) -> z3.ExprRef:
        if isinstance(expression, Comparison):
            return self._clause(expression, moment)
        if isinstance(expression, Not):
            return z3.Not(self._truth(expression.part, moment))
        parts = [self._truth(part, moment) for part in expression.parts]
        return z3.And(parts) if isinstance(expression, All) else z3.Or(parts)

    def _clause(self, clause: Comparison, moment: int) -> z3.ExprRef:
        if clause.op in ("has", "has not"):
            has = self._variable(clause.fact, moment, str(clause.values[0]))
            return has if clause.op == "has" else z3.Not(has)
        fact, values = self._variable(clause.fact, moment), [self._value(clause.fact, one) for one in clause.values]
        if isinstance(clause, Difference):
            fact = fact - self._variable(clause.less, moment)
        match clause.op:
            case "<":
                return fact < values[0]
            case "<=":
                return fact <= values[0]
            case ">":
                return fact > values[0]
            case ">=":
                return fact >= values[0]
        is_one = z3.Or([fact == value for value in values])
        return is_one if clause.op in ("==", "in") else z3.Not(is_one)

    def _value(self, name: str, value: Literal) -> z3.ExprRef:
        return self._texts[name].index(str(value)) if self._known[name].type is FactType.TEXT else value

    # --- an answer as facts -------------------------------------------------------------------------------------------

    def _settled(self, name: str, moment: int) -> FactValue:
        """The value of a fact, as near as can be to its blank one; from here on it has that one."""
        kind = self._known[name].type
        if kind is FactType.SET:
            members = self._texts[name]
            return frozenset(one for one in members if self._is_needed(self._variable(name, moment, one)))
        blank = blank_of(self._known[name])
        fact = self._variable(name, moment)
        if kind is FactType.BOOL:
            return self._is_needed(fact)
        if kind is FactType.TEXT:
            texts = self._texts[name]
            at = next(
                at for at in sorted(range(len(texts)), key=lambda at: texts[at] != blank) if self._take(fact == at)
            )
            return texts[at]
        return self._nearest(fact, int(str(blank)))

    def _is_needed(self, fact: z3.ExprRef) -> bool:
        return not self._take(z3.Not(fact)) and self._take(fact)

    def _take(self, wish: z3.ExprRef) -> bool:
        """Let `wish` be true from here on, if it can be."""
        if not self._is_possible(wish):
            return False
        self._solver.add(wish)
        return True

    def _nearest(self, fact: z3.ExprRef, blank: int) -> int:
        """The value of a number that is nearest to `blank`; to 0 where that stands for what never was, and it was."""
        if self._take(fact == blank):
            return blank
        centre = 0 if blank == NEVER else blank
        low, high = -1, 2 * max(MOST.values())
        while high - low > 1:
            middle = (low + high) // 2
            is_near = self._is_possible(z3.And(fact >= centre - middle, fact <= centre + middle))
            low, high = (low, middle) if is_near else (middle, high)
        return next(value for value in (centre + high, centre - high) if self._take(fact == value))


def blank_of(spec: FactSpec) -> FactValue:
    """The value of a fact while nothing is recorded."""
    if not spec.name.startswith("attr_"):
        return _BLANK[spec.name]
    if spec.type is FactType.TEXT:
        return ""
    return False if spec.type is FactType.BOOL else 0


def _texts(known: Mapping[str, FactSpec], named: Iterable[Expression]) -> dict[str, list[str]]:
    """The values that texts can have, and the members that sets can: those that are named, and one text that is not."""
    found: dict[str, list[str]] = {name: list(spec.values) for name, spec in known.items()}
    for clause in (clause for expression in named for clause in comparisons(expression)):
        found[clause.fact] += map(str, clause.values)
    found = {name: [*dict.fromkeys(texts)] for name, texts in found.items()}
    for name, spec in known.items():
        if spec.type is FactType.TEXT and not spec.values:
            found[name] = ["", *(text for text in found[name] if text), _other(found[name])]
    return found


def _other(named: Sequence[str]) -> str:
    """A text that is none of those that are named."""
    text = "other"
    while text in named:
        text += "-"
    return text


def _facts(values: Mapping[str, FactValue]) -> Facts:
    attributes = {name: value for name, value in values.items() if name.startswith("attr_")}
    others = {name: value for name, value in values.items() if not name.startswith("attr_")}
    return Facts(**others, attributes=attributes)  # type: ignore[arg-type]  # each value has its fact's type

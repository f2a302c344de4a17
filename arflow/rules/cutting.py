"""Cuts conditions to the size that `durable_rules` holds. Pure; the engine is the only one who needs it.

The library walks a condition path by path, so that `(a or b) and (c or d)` has four; it keeps at most 64 unfinished
steps, 16 nested groups a rule and 512 tests beside each other, and beyond that it fails or never returns. So a negation
is pushed down into the comparisons, and a piece that is too large is cut out: it becomes a condition of its own, whose
truth the engine posts as one more field.
"""

from dataclasses import dataclass, field
from math import prod

from arflow.rules.expressions import All, Any, Comparison, Expression, Literal, Not

MAX_GROUPS = 12
"""`and`, `or` and lists in one condition."""
MAX_PATHS = 16
"""Ways through one condition that can be open at once."""
MAX_WIDTH = 400
"""Tests beside each other."""
MAX_FIELDS = 40
"""Clauses of one condition, and so the fields that a post must carry for it."""

_AT_ONCE = 8
"""How many plain clauses are put together when a long chain is cut."""
_SHORT_LIST = 40
"""How many values a clause may have; a longer list is several clauses."""

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


@dataclass(frozen=True, slots=True)
class Part:
    """Stands in a condition for the piece with this number."""

    number: int


@dataclass(frozen=True, slots=True)
class Group:
    """Several pieces joined by `and` (`every`) or by `or`."""

    every: bool
    pieces: "tuple[Piece, ...]"


Piece = Comparison | Part | Group
"""A condition, or a piece of one, without negation."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a piece asks of the library; see the limits above."""

    groups: int = 0
    paths: int = 1
    width: int = 1
    fields: int = 1


def cost(piece: Piece) -> Cost:
    """What `piece` asks of the library."""
    if isinstance(piece, Part):
        return Cost()
    if isinstance(piece, Comparison):
        return Cost(groups=int(len(piece.values) > 1), width=len(piece.values))
    costs = [cost(inner) for inner in piece.pieces]
    paths, widths = [one.paths for one in costs], [one.width for one in costs]
    return Cost(
        groups=1 + sum(one.groups for one in costs),
        paths=prod(paths) if piece.every else sum(paths),
        width=max(widths) if piece.every else sum(widths),
        fields=sum(one.fields for one in costs),
    )


def _fits(piece: Piece) -> bool:
    asked = cost(piece)
    return (
        asked.groups <= MAX_GROUPS
        and asked.paths <= MAX_PATHS
        and asked.width <= MAX_WIDTH
        and asked.fields <= MAX_FIELDS
    )


@dataclass
class Cutter:
    """Cuts conditions that are asked together; `parts` are the pieces cut out so far, each after those it names."""

    parts: list[Piece] = field(default_factory=list)
    _numbers: dict[Piece, int] = field(default_factory=dict)

    def cut(self, condition: Expression) -> Piece:
        """`condition` in a form that fits, with its large pieces among `parts`."""
        return self._fitted(_positive(condition, negated=False))

    def _fitted(self, piece: Piece) -> Piece:
        if not isinstance(piece, Group):
            return piece
        whole = Group(piece.every, tuple(self._fitted(inner) for inner in piece.pieces))
        return whole if _fits(whole) else self._cut(whole)

    def _cut(self, whole: Group) -> Piece:
        """`whole` with everything but plain clauses cut out, and long chains cut into links."""
        left = [self._part(piece) if isinstance(piece, Group) else piece for piece in whole.pieces]
        while len(left) > _AT_ONCE:
            links = [tuple(left[at : at + _AT_ONCE]) for at in range(0, len(left), _AT_ONCE)]
            left = [self._part(Group(whole.every, link)) for link in links]
        return Group(whole.every, tuple(left))

    def _part(self, piece: Piece) -> Part:
        if piece not in self._numbers:
            self._numbers[piece] = len(self.parts)
            self.parts.append(piece)
        return Part(self._numbers[piece])


def _positive(expression: Expression, *, negated: bool) -> Piece:
    match expression:
        case Not():
            return _positive(expression.part, negated=not negated)
        case Comparison():
            return _clause(expression.fact, _NEGATED[expression.op] if negated else expression.op, expression.values)
        case All() | Any():
            every = isinstance(expression, All) is not negated
            return Group(every, tuple(_positive(part, negated=negated) for part in expression.parts))


def _clause(fact: str, op: str, values: tuple[Literal, ...]) -> Piece:
    """A comparison; one with a long list of values is a group of several."""
    starts = range(0, len(values), _SHORT_LIST)
    lists = [Comparison(fact=fact, op=op, values=values[at : at + _SHORT_LIST]) for at in starts]
    return lists[0] if len(lists) == 1 else Group(op == "not in", tuple(lists))


def pieces_of(piece: Piece) -> "list[Comparison | Part]":
    """The clauses and parts that `piece` names."""
    if isinstance(piece, Group):
        return [found for inner in piece.pieces for found in pieces_of(inner)]
    return [piece]

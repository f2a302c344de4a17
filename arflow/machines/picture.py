"""Draws a state diagram as SVG: seven states at fixed places, and one numbered, curved arrow for each pair they join.

The same arrows are the rows of a table beside it, which says everything that the picture says. Plain edges come in, so
that nothing here has to know what a rule is. All colours are the page's: classes and `currentColor`, nothing inline.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from math import hypot

from arflow.machines.diagram import Edge, joined
from arflow.machines.states import GUARDS, MEANING, is_harsher
from arflow.vocabulary import State

Point = tuple[float, float]

WIDTH, HEIGHT = 960, 550
_HALF_WIDTH, _HALF_HEIGHT = 62, 20
_GAP = 5
"""Between an arrow's ends and its states."""
_BEND = 0.14
"""How far an arrow is bent, as a part of its length; there and back are bent to different sides."""
_HEAD = 11
_RADIUS = 11
"""Of the disc with an arrow's number."""

PLACES = {
    State.CURRENT: (75, 250),
    State.REMINDED: (270, 60),
    State.CALLED: (690, 60),
    State.ESCALATED: (885, 250),
    State.DISPUTED: (785, 440),
    State.PROMISED: (480, 520),
    State.RESOLVED: (175, 440),
}
"""On the rim of an oval, so that no arrow runs through a third state; the ladder climbs from left to right."""


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """What leads from one state to another; its number stands in the picture and in the table."""

    number: int
    source: State
    target: State
    labels: tuple[str, ...]

    @property
    def is_harsher(self) -> bool:
        """Whether it climbs the ladder."""
        return is_harsher(self.source, self.target)


def arrows(edges: Iterable[Edge]) -> tuple[Arrow, ...]:
    """One arrow for each pair of states that an edge joins, in the order of the states."""
    pairs = joined(edges).items()
    return tuple(
        Arrow(number=number, source=source, target=target, labels=tuple(labels))
        for number, ((source, target), labels) in enumerate(pairs, 1)
    )


def picture(drawn: Sequence[Arrow], name: str) -> str:
    """The arrows and all states as one `svg` element; `name` is what it is called by those who cannot see it."""
    curves = [_curve(arrow) for arrow in drawn]
    discs = _number_places(curves)
    return "\n".join(
        [
            f'<svg class="picture" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(name)}">',
            *(_arrow(arrow, curve, disc) for arrow, curve, disc in zip(drawn, curves, discs, strict=True)),
            *(_state(state) for state in PLACES),
            "</svg>",
        ]
    )


def _state(state: State) -> str:
    x, y = PLACES[state]
    asked = f"; refused while {GUARDS[state][0]}" if state in GUARDS else ""
    return (
        f'<g class="state state-{state}"><title>{escape(f"{state}: {MEANING[state]}{asked}")}</title>'
        f'<rect x="{x - _HALF_WIDTH}" y="{y - _HALF_HEIGHT}" width="{2 * _HALF_WIDTH}" height="{2 * _HALF_HEIGHT}" '
        f'rx="{_HALF_HEIGHT}"/><text x="{x}" y="{y + 5}" text-anchor="middle">{state}</text></g>'
    )


def _arrow(arrow: Arrow, curve: "_Curve", disc: Point) -> str:
    said = escape(f"{arrow.source} to {arrow.target}: {', '.join(arrow.labels)}")
    kind = "arrow harsher" if arrow.is_harsher else "arrow"
    (x1, y1), (x2, y2), (x3, y3) = curve.start, curve.middle, curve.end
    x, y = disc
    return (
        f'<g class="{kind}"><title>{said}</title>'
        f'<path d="M{x1:.1f} {y1:.1f} Q{x2:.1f} {y2:.1f} {x3:.1f} {y3:.1f}"/>'
        f'<polygon points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in curve.head())}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_RADIUS}"/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">{arrow.number}</text></g>'
    )


# --- curves -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Curve:
    """A quadratic curve: it leaves `start` towards `middle`, and comes from there to `end`."""

    start: Point
    middle: Point
    end: Point

    def at(self, part: float) -> Point:
        """The point at `part` of the way, 0 to 1."""
        return _between(_between(self.start, self.middle, part), _between(self.middle, self.end, part), part)

    def cut(self, begin: float, until: float) -> "_Curve":
        """The piece from `begin` to `until`, by de Casteljau's halving."""
        first = _Curve(start=self.start, middle=_between(self.start, self.middle, until), end=self.at(until))
        part = begin / until
        return _Curve(start=first.at(part), middle=_between(first.middle, first.end, part), end=first.end)

    def head(self) -> tuple[Point, Point, Point]:
        """The triangle at its end."""
        dx, dy = self.end[0] - self.middle[0], self.end[1] - self.middle[1]
        length = hypot(dx, dy) or 1.0
        dx, dy = dx / length * _HEAD, dy / length * _HEAD
        x, y = self.end
        return (x, y), (x - dx - dy * 0.4, y - dy + dx * 0.4), (x - dx + dy * 0.4, y - dy - dx * 0.4)


def _between(a: Point, b: Point, part: float) -> Point:
    return a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part


def _curve(arrow: Arrow) -> _Curve:
    """The visible part of the arrow: it begins and ends a little outside its states."""
    (x1, y1), (x2, y2) = PLACES[arrow.source], PLACES[arrow.target]
    middle = ((x1 + x2) / 2 + (y2 - y1) * _BEND, (y1 + y2) / 2 - (x2 - x1) * _BEND)
    whole = _Curve(start=(x1, y1), middle=middle, end=(x2, y2))
    seen = [step / 200 for step in range(201) if _is_outside(whole.at(step / 200), arrow)]
    return whole.cut(seen[0], seen[-1])


def _is_outside(point: Point, arrow: Arrow) -> bool:
    return all(
        abs(point[0] - PLACES[state][0]) > _HALF_WIDTH + _GAP or abs(point[1] - PLACES[state][1]) > _HALF_HEIGHT + _GAP
        for state in (arrow.source, arrow.target)
    )


_WAYS = (0.5, 0.42, 0.58, 0.35, 0.65, 0.28, 0.72, 0.22, 0.78)


def _number_places(curves: Sequence[_Curve]) -> list[Point]:
    """Where each number stands: on its own arrow, where it is furthest from the numbers and arrows around it."""
    taken: list[Point] = []
    points = [[curve.at(step / 20) for step in range(21)] for curve in curves]
    for at, curve in enumerate(curves):
        others = [point for found in points[:at] + points[at + 1 :] for point in found]
        taken.append(max((curve.at(way) for way in _WAYS), key=partial(_room, taken=tuple(taken), others=others)))
    return taken


def _room(place: Point, taken: Sequence[Point], others: Sequence[Point]) -> float:
    """How free a place is: enough room to the next number first, then to the next arrow."""
    return min(_nearest(place, taken), 2.5 * _RADIUS) * 10 + min(_nearest(place, others), 2.0 * _RADIUS)


def _nearest(place: Point, points: Sequence[Point]) -> float:
    return min((hypot(place[0] - x, place[1] - y) for x, y in points), default=float(WIDTH))

"""PURE. Bars as numbers: where each piece of a bar begins and ends, for pictures that templates draw as SVG."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LABELS, LENGTH, ROOM = 108, 300, 92
"""Widths, in units of the picture: of labels on the left, of the longest bar, and at least of what is behind it."""

_CHARACTER = 7
"""About how wide one character of what stands behind a bar is."""

ROW, THICK = 26, 16
"""The distance of two bars, and how thick one is."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece of a bar, of one kind."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar: its label, its pieces from left to right, and what stands behind it."""

    label: str
    pieces: Sequence[Piece]
    note: str
    y: int

    @property
    def end(self) -> float:
        """Where the bar ends."""
        return max((piece.x + piece.width for piece in self.pieces), default=LABELS)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Bars that share a scale."""

    bars: Sequence[Bar]

    @property
    def room(self) -> int:
        """The width of what stands behind the bars."""
        return max([ROOM, *(_CHARACTER * (len(bar.note) + 1) for bar in self.bars)])

    @property
    def width(self) -> int:
        """The width of the picture."""
        return LABELS + LENGTH + self.room

    @property
    def height(self) -> int:
        """The height of the picture."""
        return ROW * len(self.bars) + 4


def picture(rows: Iterable[tuple[str, Sequence[tuple[str, int]], str]]) -> Picture:
    """Bars of (label, amounts by kind, note); the longest is LENGTH, and what is not zero can be seen."""
    found = list(rows)
    longest = max((sum(amount for _, amount in amounts) for _, amounts, _ in found), default=0)
    bars = [
        Bar(label=label, pieces=_pieces(amounts, longest), note=note, y=2 + ROW * place)
        for place, (label, amounts, note) in enumerate(found)
    ]
    return Picture(bars=bars)


def _pieces(amounts: Sequence[tuple[str, int]], longest: int) -> list[Piece]:
    pieces: list[Piece] = []
    x: float = LABELS
    for kind, amount in amounts:
        if amount > 0:
            width = max(1.5, LENGTH * amount / longest)
            pieces.append(Piece(kind=kind, x=round(x, 2), width=round(width, 2)))
            x += width
    return pieces

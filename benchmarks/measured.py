"""What a benchmark found: its sides, round by round, and whether its floors hold."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Say = Callable[[str], None]
"""Tells the person who waits how far it is, a line at a time."""


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """One side of a comparison: what it is, in which unit, and its values, one a round."""

    label: str
    unit: str
    values: tuple[float, ...]
    settings: str = ""
    """How it was run, where that is a choice: batch size, concurrency, version."""

    @property
    def median(self) -> float:
        """The value in the middle."""
        return median(self.values)

    @property
    def spread(self) -> float:
        """How far the highest and the lowest lie apart, as a part of the median; 0 of one value."""
        return (max(self.values) - min(self.values)) / self.median if self.median else 0.0


@dataclass(frozen=True, kw_only=True)
class Floor:
    """What must hold: `found` is at least `wanted`, or at most."""

    text: str
    wanted: float
    found: float
    at_most: bool = False
    reason: str = ""
    """Why it is short, when that is known; printed only then."""

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.found <= self.wanted if self.at_most else self.found >= self.wanted

    @property
    def short_by(self) -> float:
        """How much is missing, in the floor's own unit; 0 when it holds."""
        return 0.0 if self.holds else abs(self.wanted - self.found)

    def __str__(self) -> str:
        """The floor, what was found, and whether that is enough."""
        found = f"{self.text}: {figure(self.found)}"
        if self.holds:
            return f"{found}, holds"
        return f"{found}, short by {figure(self.short_by)}" + (f" ({self.reason})" if self.reason else "")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A row of the table: what was measured, its sides, and its floors."""

    name: str
    what: str
    rounds: tuple[Rounds, ...]
    floors: tuple[Floor, ...]


def figure(value: float) -> str:
    """A number as people read it: three digits that count, thousands with a comma."""
    if value == 0:
        return "0"
    if abs(value) >= 100:  # from here on no digit behind the point counts
        return f"{value:,.0f}"
    return f"{value:.3g}"

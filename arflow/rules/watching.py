"""At which values of their facts the clauses of some rules turn, worked out once, so that the next turn is soon found.

Pure. A clause can only change its truth where its fact passes one of its literals; between two of these edges all
clauses about a fact keep their truth, which is one pattern. `life/wakes.py` asks for the next other pattern.
"""

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from arflow.rules.catalogue import CATALOGUE, ByTime
from arflow.rules.expressions import Comparison, compare
from arflow.vocabulary import Facts, FactValue


@dataclass(frozen=True, slots=True)
class Course:
    """How the clauses about one number turn along all its values.

    `patterns` has the truths below the first of `edges`, from each of them on; `above` and `below` say for each such
    range at which value a fact that grows, or shrinks, first comes to another pattern: None if never.
    """

    edges: tuple[int, ...]
    patterns: tuple[tuple[bool, ...], ...]
    above: tuple[int | None, ...]
    below: tuple[int | None, ...]

    def pattern(self, value: int) -> tuple[bool, ...]:
        """Which of the clauses are true at `value`."""
        return self.patterns[bisect_right(self.edges, value)]

    def next_above(self, value: int) -> int | None:
        """The first value above `value` at which a clause is otherwise than at `value`."""
        return self.above[bisect_right(self.edges, value)]

    def next_below(self, value: int) -> int | None:
        """The first value below `value` at which a clause is otherwise than at `value`."""
        return self.below[bisect_right(self.edges, value)]


def course(clauses: Sequence[Comparison]) -> Course:
    """The course of clauses about one number."""
    edges = tuple(sorted({edge for clause in clauses for literal in clause.values for edge in _edges(int(literal))}))
    patterns = tuple(_truths(clauses, value) for value in (edges[0] - 1, *edges))
    ranges = range(len(patterns))
    return Course(
        edges=edges,
        patterns=patterns,
        above=tuple(next((edges[j - 1] for j in ranges[i:] if patterns[j] != patterns[i]), None) for i in ranges),
        below=tuple(next((edges[j] - 1 for j in ranges[i::-1] if patterns[j] != patterns[i]), None) for i in ranges),
    )


def _edges(literal: int) -> tuple[int, int]:
    """The only values at which a comparison with `literal` can turn: where it is reached, and where it is passed."""
    return literal, literal + 1


def _truths(clauses: Sequence[Comparison], value: FactValue) -> tuple[bool, ...]:
    return tuple(compare(clause, value) for clause in clauses)


@dataclass(frozen=True, slots=True)
class Watch:
    """What time alone can change of some clauses: numbers, other facts, windows, and whether schedules matter.

    `ages` and `countdowns` are those of the numbers that move by one a day.
    """

    numbers: tuple[tuple[str, Course], ...]
    ages: tuple[tuple[str, Course], ...]
    countdowns: tuple[tuple[str, Course], ...]
    others: tuple[tuple[str, tuple[Comparison, ...]], ...]
    windows: tuple[str, ...]
    is_scheduled: bool

    def pattern(self, facts: Facts) -> Hashable:
        """What is true: two values are equal if every clause is as true for the one as for the other."""
        values = vars(facts)
        return (
            *[course.pattern(values[name]) for name, course in self.numbers],
            *[_truths(clauses, values[name]) for name, clauses in self.others],
        )


def watch(clauses: Iterable[Comparison]) -> Watch:
    """What time alone can change of `clauses`; a fact that stands still, as every attribute does, is none of it."""
    by_fact: dict[str, dict[Comparison, None]] = {}
    for clause in clauses:
        if clause.fact in CATALOGUE and CATALOGUE[clause.fact].by_time != (ByTime.CONSTANT,):
            by_fact.setdefault(clause.fact, {})[clause] = None
    specs = [CATALOGUE[name] for name in by_fact]
    numbers = tuple((spec.name, course(tuple(by_fact[spec.name]))) for spec in specs if spec.is_ordered)
    return Watch(
        numbers=numbers,
        ages=tuple(number for number in numbers if CATALOGUE[number[0]].is_age),
        countdowns=tuple(number for number in numbers if CATALOGUE[number[0]].is_countdown),
        others=tuple((spec.name, tuple(by_fact[spec.name])) for spec in specs if not spec.is_ordered),
        windows=tuple(spec.name for spec in specs if ByTime.WINDOW in spec.by_time),
        is_scheduled=any(ByTime.SCHEDULE in spec.by_time for spec in specs),
    )

"""Conditions cut to size keep their meaning and the limits of the library."""

from random import Random

import pytest

from arflow.rules.cutting import MAX_FIELDS, MAX_GROUPS, MAX_PATHS, MAX_WIDTH, Cutter, Group, Part, Piece, cost
from arflow.rules.expressions import Comparison, compare, parse
from arflow.rules.reference import holds
from arflow.vocabulary import Facts
from tests.random_policies import CATALOGUE_AND_ATTRIBUTES
from tests.rules.oracle import random_expression, random_facts_near


def _true(piece: Piece, cutter: Cutter, facts: Facts) -> bool:
    if isinstance(piece, Part):
        return _true(cutter.parts[piece.number], cutter, facts)
    if isinstance(piece, Comparison):
        return compare(piece, facts[piece.fact])
    joined = all if piece.every else any
    return joined(_true(inner, cutter, facts) for inner in piece.pieces)


def test_a_cut_condition_means_what_it_meant_and_fits() -> None:
    """Random conditions of up to 300 clauses, with all their parts."""
    for seed in range(300):
        rng = Random(seed)
        text, condition = random_expression(rng, rng.choice((1, 5, 40, 300)))
        cutter = Cutter()
        whole = cutter.cut(condition)
        for piece in (whole, *cutter.parts):
            asked = cost(piece)
            assert asked.groups <= MAX_GROUPS, seed
            assert asked.paths <= MAX_PATHS, seed
            assert asked.width <= MAX_WIDTH, seed
            assert asked.fields <= MAX_FIELDS, seed
        for _ in range(5):
            facts = random_facts_near(rng, condition)
            assert holds(condition, facts) is _true(whole, cutter, facts), (seed, text, facts)


def test_a_part_only_names_parts_before_it() -> None:
    """So the truth of every part can be found in their order."""
    cutter = Cutter()
    text = " and ".join(f'(country == "{at}" or segment == "{at}" and on_hold)' for at in range(60))
    cutter.cut(parse(text, CATALOGUE_AND_ATTRIBUTES, "USD"))
    assert len(cutter.parts) > 8
    for at, piece in enumerate(cutter.parts):
        named = [
            inner.number for inner in (piece.pieces if isinstance(piece, Group) else ()) if isinstance(inner, Part)
        ]
        assert [number for number in named if number >= at] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not days_overdue < 3", "days_overdue >= 3"),
        ("not (on_hold and days_overdue == 3)", "on_hold == false or days_overdue != 3"),
        ("not (on_hold or not has_open_promise)", "on_hold == false and has_open_promise"),
        ('not country in ("US", "DE")', 'country not in ("US", "DE")'),
        ('not "vip" in tags', '"vip" not in tags'),
        ("not not on_hold", "on_hold"),
    ],
)
def test_negations_are_pushed_into_the_comparisons(text: str, expected: str) -> None:
    negated, plain = (Cutter().cut(parse(one, CATALOGUE_AND_ATTRIBUTES, "USD")) for one in (text, expected))
    for hold in (False, True):
        for facts in (
            Facts(state="current", on_hold=hold, days_overdue=days, country=country, tags=tags, has_open_promise=hold)
            for days in (2, 3)
            for country in ("US", "FR")
            for tags in (frozenset[str](), frozenset({"vip"}))
        ):
            assert _true(plain, Cutter(), facts) is _true(negated, Cutter(), facts)

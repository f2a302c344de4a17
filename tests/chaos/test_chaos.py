"""A minute of chaos, and faults of arflow itself that it must catch; the long run takes five, three times."""

import logging
from collections.abc import Callable

import pytest

from tests.chaos.faults import DELIVER, DRAIN, FAULTS, RIVALS
from tests.chaos.run import run
from tests.chaos.sizes import sized
from tests.chaos.world import Size
from tests.sizes import LONG, size

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(1800)]

SEEDS = (1, 2, 3) if LONG else (1,)
SECONDS = size(11, 300)
SMALL = Size(seconds=2, rounds=2, accounts=30, days=10, events=15, newcomers=5, workers=1)
CATCHES = {
    "mark-before-send": (DELIVER, "letters lost"),
    "no-version-guard": (RIVALS, "two people who both won"),
    "wake-cleared-before-commit": (DRAIN, "accounts unlike the replay"),
}
"""Each planted fault with the kind of fault that brings it out, and the invariant that it violates."""

Tally = Callable[[str, int], None]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """The mail server says nothing of clients that die."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_and_nothing_is_there_twice(seed: int, tally: Tally) -> None:
    """Every kind of fault, in rounds, on a company at work."""
    shape, least = sized(SECONDS)
    verdict = run(seed, shape, least=least)
    tally("chaos faults", sum(verdict.faults.values()))
    tally("chaos causes", verdict.figures["causes"])
    assert {} == {name: verdict.found[name][:5] for name in verdict.violated}, verdict.table()


@pytest.mark.parametrize("plants", CATCHES if LONG else ["+".join(CATCHES)])
def test_a_planted_fault_is_caught(plants: str, tally: Tally) -> None:
    """And named by the invariant that it violates: all three at once, in the long run each among all other faults."""
    catches = [CATCHES[plant] for plant in plants.split("+")]
    shape, kinds = (sized(SECONDS)[0], tuple(FAULTS)) if LONG else (SMALL, tuple(kind for kind, _ in catches))
    verdict = run(1, shape, kinds=kinds, plant=plants)
    tally("planted faults", len(catches))
    assert {invariant for _, invariant in catches} <= set(verdict.violated), verdict.table()

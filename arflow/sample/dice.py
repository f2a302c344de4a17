"""The only source of chance: whole numbers drawn from `random.Random.random()`.

It is the one method whose sequence Python promises to keep, so that a seed gives the same ledger under every version.
"""

import random
from collections.abc import Sequence
from functools import cache
from typing import TypeVar

Value = TypeVar("Value")
BLOCK = 100
"""Quotas are exact in every block of so many accounts."""


class Dice:
    """Chance for one account; `key` is its seed."""

    def __init__(self, key: str) -> None:
        self._random = random.Random(key)  # noqa: S311  # a sample that anybody may repeat, not a secret

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        return int(self._random.random() * limit)

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + self.below(high - low + 1)

    def low_between(self, low: int, high: int) -> int:
        """As `between`, with small numbers far more often than large ones, as invoice amounts are."""
        return low + min(self.below(high - low + 1) for _ in range(3))

    def chance(self, permille: int) -> bool:
        """True in `permille` of 1,000 cases."""
        return self.below(1000) < permille

    def one_of(self, values: Sequence[Value]) -> Value:
        """One of `values`, each as likely as the others."""
        return values[self.below(len(values))]

    def weighted(self, table: Sequence[tuple[int, Value]]) -> Value:
        """One of the values of `table`, (weight, value) pairs, by its weight."""
        left = self.below(sum(weight for weight, _ in table))
        for weight, value in table:
            if left < weight:
                return value
            left -= weight
        raise AssertionError("the weights add up")

    def along(self, quantiles: Sequence[int]) -> int:
        """A whole number whose distribution has `quantiles`, at equal steps from the smallest to the largest."""
        at = self.below(len(quantiles) - 1)
        return self.between(quantiles[at], quantiles[at + 1])


def percentile(seed: int, habit: str, index: int) -> int:
    """Where account `index` stands in `habit`, from 0 to 99: each value exactly once in every hundred accounts.

    What is to hold for a fifth of the customers holds for those below 20, and not merely on average.
    """
    return _shuffled(f"{seed}:{habit}:{index // BLOCK}")[index % BLOCK]


@cache
def _shuffled(key: str) -> tuple[int, ...]:
    dice, cards = Dice(key), list(range(BLOCK))
    for last in range(BLOCK - 1, 0, -1):
        other = dice.below(last + 1)
        cards[last], cards[other] = cards[other], cards[last]
    return tuple(cards)

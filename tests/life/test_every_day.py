"""Jumping from wake to wake comes to exactly what a pass at every `act_at` comes to (contract, section 3).

Random policies, ledgers, zones and calendars, all catch-up and delivery modes. A failure prints its seed and the
smallest story that still shows it.
"""

import pytest

from tests.life.stories import difference, random_story, smallest
from tests.sizes import size

EXAMPLES = size(200, 10_000)
BATCHES = 8


@pytest.mark.parametrize("batch", range(BATCHES))
def test_wakes_come_to_what_every_day_comes_to(batch: int) -> None:
    """No wake is missing: all entries with their facts and reasons, and the account's end, are the same."""
    for seed in range(batch, EXAMPLES, BATCHES):
        story = random_story(seed)
        if difference(story):
            least = smallest(story)
            pytest.fail(f"seed {seed}: {least}\n{difference(least)}")

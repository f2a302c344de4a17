"""Looking ahead passes over the mornings that bring nothing, and finds what going through each of them finds."""

import datetime as dt
from dataclasses import replace

import pytest
from msgspec import structs

from arflow import explain
from arflow.accounts.entries import Account
from arflow.life.life import Life
from arflow.life.records import World
from tests.life.stories import lived, random_story
from tests.sizes import size

STORIES = size(40, 3000)
BATCHES = 4


class Sleepless(Life):
    """Goes through every morning on which it wakes."""

    def sleep_on(self, now: dt.datetime) -> None:
        """It never does."""


def held(account: Account, world: World) -> list[tuple[Account, World]]:
    """An account as it is, on hold, and where nothing leaves any more."""
    return [
        (account, world),
        (replace(account, on_hold=True), world),
        (account, structs.replace(world, delivering=False)),
        (account, structs.replace(world, delivery="recorded")),
    ]


@pytest.mark.parametrize("batch", range(BATCHES))
def test_it_finds_what_going_through_every_morning_finds(batch: int) -> None:
    found = 0
    for seed in range(batch, STORIES, BATCHES):
        life = lived(random_story(seed), every_day=False).life
        for account, world in held(life.account, life.world):
            at = account.last_instant
            slow, quick = (
                explain.first_entry(Sleepless(account, world), at),
                explain.first_entry(Life(account, world), at),
            )
            assert (seed, slow and slow[1]) == (seed, quick and quick[1])
            found += slow is not None
    assert found


def test_who_is_held_is_looked_at_a_few_times_only() -> None:
    """Two years of mornings were what a list of accounts waited for while delivery was off."""
    looked = []

    class Counting(Life):
        def sleep_on(self, now: dt.datetime) -> None:
            looked.append(now)
            super().sleep_on(now)

    for seed in range(STORIES):
        life = lived(random_story(seed), every_day=False).life
        before = len(looked)
        explain.first_entry(
            Counting(life.account, structs.replace(life.world, delivering=False)), life.account.last_instant
        )
        assert len(looked) - before < 100

"""Looking ahead passes over the mornings that bring nothing, and finds what going through each of them finds."""

import datetime as dt
from dataclasses import replace
from random import Random

import pytest
from msgspec import structs

from arflow import explain
from arflow.accounts.entries import Account
from arflow.isodates import ONE_DAY
from arflow.life.life import Life
from arflow.life.records import EntryKind, World
from tests.life.stories import Story, lived, random_story
from tests.sizes import size

STORIES = size(40, 3000)
BATCHES = 4
CUTS = 4
"""On so many days of each story it is asked what comes next."""
SOME_WEEKS = 40 * ONE_DAY

DISPUTED_ON_A_WEEKEND = Story(
    policies=(
        {
            "policy": "p",
            "currency": "USD",
            "rules": [
                {
                    "id": "late",
                    "from": "current",
                    "when": "days_overdue >= 3",
                    "to": "reminded",
                    "do": [{"send": "first"}],
                },
                {"id": "contested", "from": ["current", "reminded"], "when": "has_open_dispute", "to": "disputed"},
                {
                    "id": "settled",
                    "from": "disputed",
                    "when": "not has_open_dispute",
                    "to": "reminded",
                    "do": [{"send": "second"}],
                },
            ],
        },
    ),
    own=(
        {"event": "invoice", "account": "K", "date": "2025-12-01", "id": "I", "amount": "50.00", "due": "2026-01-07"},
        {"event": "dispute", "account": "K", "date": "2026-01-10", "time": "12:00", "id": "D", "invoice": "I"},
        {
            "event": "dispute_closed",
            "account": "K",
            "date": "2026-01-11",
            "time": "12:00",
            "id": "D",
            "outcome": "rejected",
        },
    ),
    until="2026-01-11",
)
"""The letter of Saturday is dropped on Monday: until then it holds the next move, and after that nothing does."""


WRITTEN_ON_HOLD = Story(
    policies=(
        {
            "policy": "p",
            "currency": "USD",
            "rules": [
                {"id": "writes", "from": "current", "when": "days_overdue >= 3", "do": [{"send": "first"}]},
                {"id": "tells", "from": "current", "when": "notice_pending", "do": [{"assign": "ann"}]},
            ],
        },
    ),
    own=(
        {"event": "invoice", "account": "K", "date": "2025-12-01", "id": "I", "amount": "50.00", "due": "2026-01-05"},
        {"event": "hold", "account": "K", "date": "2026-01-06"},
    ),
    until="2026-01-07",
)
"""The letter of the 8th waits, and an act looks at that on the next morning."""


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


def test_a_letter_that_is_dropped_holds_nothing_any_more() -> None:
    found = explain.foresee(*_asked(DISPUTED_ON_A_WEEKEND))
    assert (dt.date(2026, 1, 13), "reminded") == (found and (found.on, found.what))


def test_an_act_that_looks_at_what_is_kept_back_is_not_passed_over() -> None:
    found = explain.foresee(*_asked(WRITTEN_ON_HOLD))
    assert (dt.date(2026, 1, 9), "assign ann") == (found and (found.on, found.what))


@pytest.mark.parametrize("batch", range(BATCHES))
def test_what_is_foretold_on_any_day_is_what_comes(batch: int) -> None:
    """Random stories, stopped on random days: the next thing that is told is the foretold one, or there is none."""
    foretold = 0
    for seed in range(batch, STORIES, BATCHES):
        story, rng = replace(random_story(seed), changes=()), Random(seed)
        for _ in range(0 if story.payers else CUTS):
            cut = _cut(story, rng)
            life, at = _asked(cut)
            found = explain.foresee(life, at)
            predicted = [(found.on, found.clock, found.kind, found.rule)] if found else []
            assert (seed, cut.until, predicted) == (seed, cut.until, _told_next(cut, found.on if found else None))
            foretold += len(predicted)
    assert foretold


def _asked(story: Story) -> tuple[Life, dt.datetime]:
    """The life at the end of the story, and that moment."""
    life = lived(story, every_day=False).life
    life.entries.clear()
    return life, explain.end_of(life, dt.date.fromisoformat(story.until))


def _cut(story: Story, rng: Random) -> Story:
    """The story up to one of its days, or a few days after it."""
    until = dt.date.fromisoformat(str(rng.choice(story.own)["date"])) + rng.randint(0, 3) * ONE_DAY
    own = tuple(line for line in story.own if str(line["date"]) <= until.isoformat())
    return replace(story, own=own, until=until.isoformat())


def _told_next(story: Story, on: dt.date | None) -> list[tuple[dt.date, dt.time, str, str | None]]:
    """The first thing told after the story has ended: until `on`, and a day more for other zones, or for some weeks."""
    until = on + ONE_DAY if on else dt.date.fromisoformat(story.until) + SOME_WEEKS
    entries = lived(replace(story, until=until.isoformat()), every_day=False).entries
    later = entries[len(lived(story, every_day=False).entries) :]
    told = [entry for entry in later if entry.kind in (EntryKind.STEP, EntryKind.EFFECT, EntryKind.PARKED)]
    return [(entry.on, entry.clock, entry.kind.value, entry.rule) for entry in told[:1]]

"""Jumping from wake to wake comes to exactly what a pass at every `act_at` comes to (contract, section 3).

Random policies, ledgers, zones and calendars, all catch-up and delivery modes. `ARFLOW_EXAMPLES` raises the number of
lives; a failure prints its seed and the smallest story that still shows it.
"""

import datetime as dt
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

import pytest

from arflow.accounts.entries import Account
from arflow.accounts.events import Event, parse
from arflow.accounts.facts import snapshot
from arflow.accounts.timeline import timeline
from arflow.errors import Refused
from arflow.life.life import reading
from arflow.life.lives import Lived, PolicyChange, live
from arflow.life.records import LedgerHistory, World
from arflow.rules.reference import Reference
from tests.random_events import Line, random_events, random_start
from tests.random_policies import Document, loaded, random_document

EXAMPLES = int(os.environ.get("ARFLOW_EXAMPLES", "400"))
BATCHES = 8


@dataclass(frozen=True, kw_only=True)
class Story:
    """One account, and perhaps its payer, under policies that may change."""

    seed: int
    policies: tuple[Document, ...]
    changes: tuple[tuple[str, str, tuple[Document, ...]], ...] = ()
    own: tuple[Line, ...]
    payer: tuple[Line, ...] = ()
    delivery: str = "instant"
    until: str


def random_story(seed: int) -> Story:
    rng = Random(seed)
    start, days = random_start(rng), rng.choice((20, 45, 90, 90, 150, 420))
    payer = tuple(random_events(rng, "P", start, days, rng.randint(2, 12))) if rng.random() < 0.25 else ()
    known = tuple(str(line["id"]) for line in payer[:6] if line["event"] == "invoice" and line["amount"] > "0")
    own = random_events(rng, "K", start + dt.timedelta(days=rng.randint(0, 3)), days, rng.randint(3, 20))
    if payer:
        own[0]["pays_through"] = "P"
        for line in own:
            if line["event"] == "account" and line is not own[0] and rng.random() < 0.4:
                line["pays_through"] = rng.choice((None, "P"))
    changes = []
    if rng.random() < 0.35:
        for _ in range(rng.randint(1, 2)):
            day = start + dt.timedelta(days=rng.randint(0, days))
            changes.append((day.isoformat(), rng.choice(("00:00", "02:30", "09:00", "23:45")), random_policies(rng)))
    return Story(
        seed=seed,
        policies=random_policies(rng),
        changes=tuple(sorted(changes, key=lambda change: change[:2])),
        own=tuple(own),
        payer=payer,
        delivery=rng.choice(("instant", "recorded")),
        until=(start + dt.timedelta(days=days + rng.choice((0, 10, 100)))).isoformat(),
    )


def random_policies(rng: Random) -> tuple[Document, ...]:
    return tuple(random_document(rng) for _ in range(rng.choice((1, 1, 1, 2, 3))))


def events_of(lines: tuple[Line, ...]) -> Iterator[Event]:
    for at, line in enumerate(lines, 1):
        yield parse(line, at)


def lived(story: Story, *, every_day: bool) -> Lived:
    until = dt.date.fromisoformat(story.until)
    world = World(
        policies=tuple(loaded(document) for document in story.policies),
        evaluator=Reference(),
        delivery=story.delivery,
        every_day=every_day,
    )
    changes = [
        PolicyChange(
            on=dt.date.fromisoformat(on),
            clock=dt.time.fromisoformat(clock),
            policies=tuple(loaded(document) for document in documents),
        )
        for on, clock, documents in story.changes
    ]
    if story.payer:
        payer = live(Account(id="P", currency="USD"), timeline(events_of(story.payer)), world, until, changes)
        world = replace(world, ledgers={"P": payer.ledgers})
    return live(Account(id="K", currency="USD"), timeline(events_of(story.own)), world, until, changes)


def told(life: Lived) -> list[object]:
    """Everything that a life comes to, in order; the last entry is its end."""
    account, policy = life.account, life.life.policy
    day = max(account.policy_day, life.life.policy_day(life.life.account.last_instant))
    end = replace(account, wake=None, last_instant=day_zero, policy_day=dt.date.min, episodes=())
    return [*life.entries, end]


day_zero = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def difference(story: Story) -> str | None:
    jumping, daily = told(lived(story, every_day=False)), told(lived(story, every_day=True))
    for at in range(max(len(jumping), len(daily))):
        jumped = jumping[at] if at < len(jumping) else None
        passed = daily[at] if at < len(daily) else None
        if jumped != passed:
            return f"every day: {passed}\n  jumping: {jumped}"
    return None


def smallest(story: Story) -> Story:
    """`story` with everything left out that the difference does not need."""
    shrunk = True
    while shrunk:
        shrunk = False
        for smaller in _smaller(story):
            try:
                differs = difference(smaller)
            except (Refused, IndexError):
                continue
            if differs:
                story, shrunk = smaller, True
                break
    return story


def _smaller(story: Story) -> Iterator[Story]:
    for at in range(len(story.changes)):
        yield replace(story, changes=story.changes[:at] + story.changes[at + 1 :])
    for at in range(len(story.policies)):
        if len(story.policies) > 1:
            yield replace(story, policies=story.policies[:at] + story.policies[at + 1 :])
    for at in range(len(story.own)):
        yield replace(story, own=story.own[:at] + story.own[at + 1 :])
    for at in range(1, len(story.payer)):
        yield replace(story, payer=story.payer[:at] + story.payer[at + 1 :])
    for at, document in enumerate(story.policies):
        for smaller in _smaller_documents(document):
            yield replace(story, policies=(*story.policies[:at], smaller, *story.policies[at + 1 :]))
    for at, (on, clock, documents) in enumerate(story.changes):
        for place, document in enumerate(documents):
            if len(documents) > 1:
                left = (on, clock, documents[:place] + documents[place + 1 :])
                yield replace(story, changes=(*story.changes[:at], left, *story.changes[at + 1 :]))
            for smaller in _smaller_documents(document):
                changed = (on, clock, (*documents[:place], smaller, *documents[place + 1 :]))
                yield replace(story, changes=(*story.changes[:at], changed, *story.changes[at + 1 :]))


def _smaller_documents(document: Document) -> Iterator[Document]:
    rules = document["rules"]
    assert isinstance(rules, list)
    for at in range(len(rules)):
        if len(rules) > 1:
            yield document | {"rules": rules[:at] + rules[at + 1 :]}
    for key in ("applies_to", "never", "attributes", "promises"):
        if key in document:
            yield {name: value for name, value in document.items() if name != key}


@pytest.mark.parametrize("batch", range(BATCHES))
def test_wakes_come_to_what_every_day_comes_to(batch: int) -> None:
    """A wake is missed nowhere: all entries, their facts and reasons, and the account's end are the same."""
    for seed in range(batch, EXAMPLES, BATCHES):
        story = random_story(seed)
        if difference(story):
            least = smallest(story)
            pytest.fail(f"seed {seed}: {json.dumps(least.__dict__, indent=1, default=str)}\n{difference(least)}")

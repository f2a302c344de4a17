"""The laws that proofs lean on hold of all facts that random lives come to (`arflow/rules/laws.py`)."""

import datetime as dt
from collections.abc import Iterator

import pytest

from arflow.accounts.entries import Account
from arflow.accounts.events import parse
from arflow.accounts.facts import Reading, snapshot
from arflow.life.life import Life
from arflow.life.records import Part, World
from arflow.rules.catalogue import CATALOGUE
from arflow.rules.laws import LAWS, MOST, AtMost, Law
from arflow.rules.policy import Never, Policy
from arflow.rules.reference import Reference, holds
from arflow.vocabulary import NEVER, Facts, State
from tests.life.stories import lived, random_story
from tests.sizes import size

EXAMPLES = size(60, 3_000)
BATCHES = 4


class Watching:
    """The naive evaluator, which keeps all facts that it was asked about."""

    def __init__(self) -> None:
        self.seen: list[Facts] = []

    def first(self, policy: Policy, state: State, facts: Facts, start: int) -> int | None:
        self.seen.append(facts)
        return Reference().first(policy, state, facts, start)

    def forbidden(self, policy: Policy, to: State, facts: Facts) -> Never | None:
        return Reference().forbidden(policy, to, facts)

    def applies(self, policy: Policy, facts: Facts) -> bool:
        return Reference().applies(policy, facts)


def facts_of_lives(seeds: range) -> Iterator[tuple[int, Facts]]:
    """Every facts that the rules are asked about in the random stories of `seeds`, looked at on each day."""
    for seed in seeds:
        watching = Watching()
        lived(random_story(seed), every_day=True, evaluator=watching)
        yield from ((seed, facts) for facts in watching.seen)


def is_kept(law: Law, facts: Facts) -> bool:
    if law.given is not None and not holds(law.given, facts):
        return True
    if isinstance(law.then, AtMost):
        less, more = (sum(int(str(facts[name])) for name in side) for side in (law.then.less, law.then.more))
        return less + law.then.apart <= more
    return holds(law.then, facts)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_law_is_kept_by_lives(batch: int) -> None:
    for seed, facts in facts_of_lives(range(batch, EXAMPLES, BATCHES)):
        for law in LAWS:
            assert is_kept(law, facts), f"seed {seed}: {law.why}: {facts}"


def test_every_law_is_put_to_the_test() -> None:
    """Its condition is met in lives, so that it says something of them."""
    left = {law for law in LAWS if law.given is not None}
    for _, facts in facts_of_lives(range(1_000)):
        left -= {law for law in left if law.given is not None and holds(law.given, facts)}
        if not left:
            break
    assert [law.why for law in left] == []


def test_every_number_is_within_its_range() -> None:
    """Also of the oldest and the farthest dates, and the largest amounts, that can be recorded."""
    lines = [
        {"event": "account", "date": "1900-01-01", "credit_limit": "0.01"},
        {"event": "invoice", "date": "1900-01-01", "id": "I1", "amount": "9999999999999.99", "due": "1900-01-01"},
        {"event": "invoice", "date": "1900-01-01", "id": "I2", "amount": "9999999999999.99", "due": "2200-12-31"},
        {"event": "payment", "date": "1900-01-02", "id": "P1", "amount": "1.00"},
        {"event": "contact", "date": "1900-01-02", "channel": "call"},
    ]
    events = [parse({"account": "A", **line}) for line in lines]
    life = Life(Account(id="A", currency="USD"), World(policies=(), evaluator=Reference()))
    life.absorb([Part(on=event.on, clock=event.clock, events=(event,)) for event in events])
    facts = snapshot(life.account, dt.date(2200, 12, 31), Reading()).facts
    assert facts.days_overdue > NEVER
    for name, value in facts.items():
        if isinstance(value, int) and not isinstance(value, bool):
            assert 0 <= value <= MOST[CATALOGUE[name].type], name
    assert [law.why for law in LAWS if not is_kept(law, facts)] == []

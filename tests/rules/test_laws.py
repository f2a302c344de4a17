"""The laws that proofs lean on hold of all facts that random lives come to (`arflow/rules/laws.py`)."""

from collections.abc import Iterator

import pytest

from arflow.rules.laws import LAWS, AtMost, Law
from arflow.rules.policy import Never, Policy
from arflow.rules.reference import Reference, holds
from arflow.vocabulary import Facts, State
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
    """And each is put to the test: its condition is met, and its other side is not always so."""
    met = dict.fromkeys(LAWS, 0)
    for seed, facts in facts_of_lives(range(batch, EXAMPLES, BATCHES)):
        for law in LAWS:
            assert is_kept(law, facts), f"seed {seed}: {law.why}: {facts}"
            met[law] += law.given is None or holds(law.given, facts)
    assert all(met.values()), [law.why for law, count in met.items() if not count]

"""Accounts that pay through another are one family with it."""

from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine, text

from arflow.store import accounts
from tests.production import take_in, write_events
from tests.sizes import size

pytestmark = pytest.mark.database


def _joined(ids: list[str], pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Whose family each is of, one pair after the other."""
    heads = {key: key for key in ids}
    for one, other in pairs:
        mine, theirs = heads[one], heads[other]
        heads = {key: theirs if head == mine else head for key, head in heads.items()}
    return heads


def test_pairs_that_come_together_are_joined_as_one_after_the_other(engine: Engine, tmp_path: Path) -> None:
    known = [f"A{n}" for n in range(9)]
    lines = [{"event": "account", "account": key, "date": "2026-01-05", "currency": "USD"} for key in known]
    take_in(engine, write_events(tmp_path / "events.jsonl", lines))
    for seed in range(size(20, 500)):
        rng = Random(seed)
        ids = known[: rng.randint(2, 9)]
        pairs = [(rng.choice(ids), rng.choice(ids)) for _ in range(rng.randint(1, 8))]
        cut = rng.randint(0, len(pairs))
        with engine.begin() as connection:
            connection.execute(text("UPDATE account SET family = id"))
            for some in (pairs[:cut], pairs[cut:]):
                accounts.join_families(connection, some)
            found = accounts.families_of(connection, ids)
        assert _joined(ids, pairs) == found, (seed, pairs)

"""What a tick costs when nothing is due: the ticker's own function, with its Valkey, in companies of three sizes."""

import shutil
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from redis import Redis

from arflow import queues
from benchmarks.company import Company, large, opened, smaller
from benchmarks.measured import Floor, Measured, Rounds, Say
from benchmarks.size import Size
from tests.servers import valkey
from workers import ticker

TICKS = 50
"""How many make a round; its value is their median."""

FLOOR = 5.0
_WHY = "a tick is five round trips to PostgreSQL, of which one is a commit that is on disk"


def run(size: Size, say: Say) -> Measured:
    """Milliseconds for a tick, in each company, in turns."""
    folder = Path(tempfile.mkdtemp(prefix="arflow-idle-"))
    try:
        with ExitStack() as stack:
            redis = stack.enter_context(queues.connect(stack.enter_context(valkey(folder))))
            companies = [stack.enter_context(opened(plan, say)) for plan in (*smaller(size), large(size))]
            for company in companies:
                _round(company, redis)  # the first connection, the first plan of a query
            found = [tuple(_round(company, redis) for company in companies) for _ in range(size.rounds)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sides = tuple(
        Rounds(label=f"{company.plan.accounts:,} accounts", unit="ms a tick", values=values)
        for company, values in zip(companies, zip(*found, strict=True), strict=True)
    )
    floors = tuple(
        Floor(text=f"a tick at {side.label}, at most 5 ms", wanted=FLOOR, found=side.median, at_most=True, reason=_WHY)
        for side in sides
    )
    return Measured(name="idle", what="a tick of the ticker with nothing due", rounds=sides, floors=floors)


def _round(company: Company, redis: Redis) -> float:
    """The median of some ticks, in milliseconds."""
    assert not company.is_due()
    taken = []
    for _ in range(TICKS):
        begun = time.perf_counter()
        ticker.tick(company.engine, redis)
        taken.append(1_000 * (time.perf_counter() - begun))
    return statistics.median(taken)

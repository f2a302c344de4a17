"""How much of its speed the drain keeps when the workers stand some milliseconds away from PostgreSQL and Redis.

Each worker is in a network namespace of its own; a relay between them and the servers holds all bytes both ways. The
bell is rung beside the servers, as the ticker would stand there.
"""

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks import apart, crew
from benchmarks.apart import Apart
from benchmarks.company import ZONES, Plan, checkpoint, opened
from benchmarks.crew import Crew
from benchmarks.measured import Floor, Measured, Rounds, Say
from benchmarks.size import Size

ROUND_TRIPS = (0, 2, 5, 10)
"""Milliseconds that a round trip takes longer, half of them each way."""

WORKERS = (1, 2)
SLICE = {True: 800, False: 1_600}
"""Accounts a round and side: quick, and in full."""

ROUNDS = {True: 1, False: 5}
KEPT = 1 / 4
"""A floor of our own, as nobody else has set one; the faster a worker is, the larger a part of its time the way is."""

Side = tuple[int, int]
"""How many workers, and how many milliseconds away."""


def run(size: Size, say: Say) -> Measured:
    """Accounts a second, by how many workers and how far away they are, in turns."""
    if not apart.may_be_made():
        say("far: no network namespace can be made (not root?): measured through the relay on loopback only")
    found: dict[Side, list[float]] = {(workers, away): [] for away in ROUND_TRIPS for workers in WORKERS}
    plan = Plan(slices=(SLICE[size.quick],) * (len(WORKERS) + len(found)))
    for at in range(ROUNDS[size.quick]):
        for side, rate in _round(plan, at, list(found), say):
            found[side].append(rate)
        say(f"far: round {at + 1}: " + ", ".join(f"{label(*side)} {values[-1]:,.0f}" for side, values in found.items()))
    sides = {
        side: Rounds(label=label(*side), unit="accounts a second", values=tuple(values))
        for side, values in found.items()
    }
    floors = tuple(
        Floor(
            text=f"{label(workers, away)}, beside as many without delay, a quarter",
            wanted=KEPT,
            found=sides[workers, away].median / sides[workers, 0].median,
        )
        for workers, away in sides
        if away
    )
    return Measured(
        name="far",
        what=f"the drain with workers in network namespaces of their own, {plan.slices[0]:,} accounts a round",
        rounds=tuple(sides.values()),
        floors=floors,
    )


def label(workers: int, away: int) -> str:
    """What a side is called."""
    return f"{workers} worker{'s' if workers > 1 else ''}, {away} ms there and back"


def _round(plan: Plan, at: int, sides: list[Side], say: Say) -> Iterator[tuple[Side, float]]:
    """The rate of each side, in another order each round, in a company of its own."""
    with ExitStack() as stack:
        company = stack.enter_context(opened(plan, say))
        zones = iter(ZONES)
        crews: dict[int, tuple[Crew, Apart]] = {}
        for workers in WORKERS:
            own = stack.enter_context(crew.idle(company))
            place = stack.enter_context(apart.apart(company.url, own.redis_url, workers))
            own.start(place.sites)
            own.work_off(next(zones))  # the policy is compiled
            crews[workers] = own, place
        for side in (*sides[at % len(sides) :], *sides[: at % len(sides)]):
            own, place = crews[side[0]]
            place.delay(side[1] / 1_000)
            checkpoint()
            yield side, own.work_off(next(zones)).rate
            place.delay(0)
            own.rest()  # a ring that is heard late would have two crews at work
        for own, _ in crews.values():
            own.end()  # while the relay is still there

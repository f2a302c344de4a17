"""What companies of three sizes are taken to be like, and what they need then."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from benchmarks import kept, simulation
from benchmarks.simulation import Course, Shard, Wave

MORNINGS = (
    ("UTC+9", 0, 0.10), ("UTC+8", 1, 0.15), ("UTC+5:30", 3.5, 0.10), ("UTC+1", 8, 0.25), ("UTC", 9, 0.10),
    ("UTC-3", 12, 0.05), ("UTC-5", 14, 0.15), ("UTC-6", 15, 0.05), ("UTC-8", 17, 0.05),
)  # fmt: skip
"""Where the accounts are: the zone, how many hours after the first one it wakes, and its part."""

HOUR = 3_600
WITHIN = HOUR
"""In how many seconds the accounts of one zone are to be worked off when all of them wake at once."""

RESTORED_WITHIN, MEMORY = 8 * HOUR, 256e9
"""A PostgreSQL is as large as can be restored in a night, and holds what batches read in so much memory."""

BUSY = 0.6
"""The part of PostgreSQL's cores that a herd may take; the rest is for pages, imports, letters and vacuum."""

NEAR = 0.001
"""Seconds there and back between machines of one place."""

CALLS_A_DAY, PAGES_A_CALL, WORKING_DAYS, WORKING_SECONDS, PEAK = 60, 4, 220, 8 * HOUR, 2
"""Of a caller; and how much more than usual is asked for in the busiest hour."""

BETWEEN_PAYMENTS = 2.0
"""Seconds between two payments that come in files while a herd is worked off, at each PostgreSQL."""


@dataclass(frozen=True)
class Company:
    """A company by the number of its accounts, and what follows for it."""

    accounts: int

    @cached_property
    def bytes(self) -> float:
        """What is there after a year."""
        return self.accounts * kept.bytes_of()

    @cached_property
    def shards(self) -> int:
        """How many PostgreSQL servers, so that each is restored in a night and has memory enough."""
        return math.ceil(max(self.bytes / restorable(), self.accounts * kept.bytes_of(read=True) / MEMORY))

    @cached_property
    def shard_accounts(self) -> int:
        """How many accounts one PostgreSQL has."""
        return math.ceil(self.accounts / self.shards)

    @cached_property
    def largest_wave(self) -> float:
        """How many accounts of one PostgreSQL wake at once at most."""
        return self.shard_accounts * max(part for _, _, part in MORNINGS)

    @cached_property
    def workers(self) -> int:
        """How many drain workers a PostgreSQL has, two at least."""
        return max(2, math.ceil(self.largest_wave * kept.seconds_of_an_account(NEAR) / WITHIN))

    @cached_property
    def cores(self) -> int:
        """How many cores a PostgreSQL needs, two at least."""
        return max(2, math.ceil(self.rate * kept.usual_costs().database / BUSY))

    @cached_property
    def rate(self) -> float:
        """Accounts a second that its workers work off at one PostgreSQL."""
        return self.workers / kept.seconds_of_an_account(NEAR)

    @cached_property
    def pages(self) -> float:
        """Pages a second that callers open in the busiest hour."""
        calls = self.accounts * kept.year_table("contact")["rows"]
        return calls * PAGES_A_CALL * PEAK / (WORKING_DAYS * WORKING_SECONDS)

    @cached_property
    def month_end(self) -> Course:
        """The month's end of one PostgreSQL: every account wakes at eight in its own zone."""
        return simulation.run(self.shard(MORNINGS))

    def shard(self, mornings: Sequence[tuple[str, float, float]]) -> Shard:
        """One PostgreSQL of it."""
        return Shard(
            costs=kept.usual_costs(),
            waves=tuple(
                Wave(at=hours * HOUR, accounts=round(self.shard_accounts * part)) for _, hours, part in mornings
            ),
            workers=self.workers,
            database_cores=self.cores,
            worker_cores=self.workers + 1,
            round_trip=NEAR,
            payments=1 / BETWEEN_PAYMENTS,
        )


def restorable() -> float:
    """The bytes of a PostgreSQL that can be restored in a night."""
    return RESTORED_WITHIN * kept.restored()


def callers(one: Company) -> float:
    """How many people call."""
    return math.ceil(one.accounts * kept.year_table("contact")["rows"] / (CALLS_A_DAY * WORKING_DAYS))


def web(one: Company) -> int:
    """Processes that answer pages, each busy for BUSY of its time, two at least for each PostgreSQL."""
    pages = kept.measured()["page"]
    seconds = float(pages["list"]["own_us"] + pages["account"]["own_us"]) / 2e6
    return max(2 * one.shards, math.ceil(one.pages * seconds / BUSY))


COMPANIES = (Company(100_000), Company(10_000_000), Company(1_000_000_000))

"""The month's end as a simulation of events: accounts that wake zone by zone, workers, processors, a network, payments.

It is arflow's own order of work: a ticker looks and rings, a job takes batch after batch for a while, and a batch is
the longest due and, a quarter of it, those due last. What each costs comes from outside. A batch goes back and forth
between its worker and its PostgreSQL; both compute on processors that they share with others, in turns. Not simulated
are disks, which have to take what is written as fast, and families, which are claimed as one.
"""

import heapq
from collections.abc import Generator
from dataclasses import dataclass, field
from random import Random
from statistics import mean
from typing import Any

import simpy

from arflow.advance import BATCH
from arflow.store.accounts import _FOR_THE_LAST
from workers import jobs, ticker

_LEGS = 3
"""In so many pieces a batch goes back and forth; its round trips and its processor time are spread over them."""

_TURN = 0.02
"""For how many seconds a process has a processor until another one that waits for it gets its turn."""

Steps = Generator[simpy.Event, Any, None]


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Seconds of processors: of a worker and of PostgreSQL for each account; and for a payment that comes in a file.

    `round_trips` is how often a batch goes to PostgreSQL and back, `passing` what it costs PostgreSQL to pass over an
    account that another worker holds.
    """

    worker: float
    database: float
    round_trips: float
    passing: float = 0.0
    payment: float = 0.0
    payment_database: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Wave:
    """So many accounts wake at one instant, in seconds from the beginning."""

    at: float
    accounts: int


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One PostgreSQL with its accounts and its workers."""

    costs: Costs
    waves: tuple[Wave, ...]
    workers: int
    database_cores: int
    worker_cores: int = 0
    """0: the workers are on the machine of their PostgreSQL, and share its cores."""

    round_trip: float = 0.0
    """Seconds there and back between a worker and PostgreSQL."""

    payments: float = 0.0
    """How many come in files each second, one by one, while there is work."""


@dataclass
class Course:
    """What happened: accounts looked at, batches, when each wave was worked off, and how long payments waited."""

    handled: int = 0
    batches: int = 0
    ended: float = 0.0
    waves: list[float] = field(default_factory=list)
    """How many seconds after its instant the last account of each wave was done."""

    waits: list[float] = field(default_factory=list)
    """Seconds from a payment's arrival until it was acted on."""

    @property
    def rate(self) -> float:
        """Accounts a second from the beginning to the end."""
        return self.handled / self.ended

    @property
    def wait(self) -> float:
        """The mean of the payments' waits; 0 without any."""
        return mean(self.waits) if self.waits else 0.0

    def wait_of(self, percent: int) -> float:
        """The seconds within which so many of a hundred payments were acted on."""
        ordered = sorted(self.waits)
        return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else 0.0


@dataclass(frozen=True, order=True)
class _Due:
    """Accounts that are due since one instant: of a wave, or one that has paid (`came`: when the payment did)."""

    since: float
    wave: int = -1
    came: float = -1.0


class _Waiting:
    """What is due and held by nobody, by the instant since which it is."""

    def __init__(self) -> None:
        self._first: list[_Due] = []
        self._last: list[tuple[float, _Due]] = []
        self._number: dict[_Due, int] = {}
        self.total = 0

    def add(self, due: _Due, number: int) -> None:
        """So many more."""
        heapq.heappush(self._first, due)
        heapq.heappush(self._last, (-due.since, due))
        self._number[due] = number
        self.total += number

    def take(self, limit: int) -> list[tuple[_Due, int]]:
        """Up to `limit`, most of them the longest due, a part those due last."""
        late = limit // _FOR_THE_LAST
        return [*self._taken(limit - late, is_last=False), *self._taken(late, is_last=True)]

    def _taken(self, limit: int, *, is_last: bool) -> list[tuple[_Due, int]]:
        found = []
        while limit and self.total:
            due = self._last[0][1] if is_last else self._first[0]
            there = self._number.get(due, 0)
            number = min(limit, there)
            if number == there:
                self._drop(is_last=is_last)
                self._number.pop(due, None)
            else:
                self._number[due] -= number
            if number:
                found.append((due, number))
                limit, self.total = limit - number, self.total - number
        return found

    def _drop(self, *, is_last: bool) -> None:
        if is_last:
            heapq.heappop(self._last)
        else:
            heapq.heappop(self._first)


def run(shard: Shard, seed: int = 1) -> Course:
    """Let the waves come and be worked off; the same seed gives the same course."""
    return _Run(shard, seed).course


class _Run:
    def __init__(self, shard: Shard, seed: int) -> None:
        self._shard, self._rng = shard, Random(seed)
        self._time = simpy.Environment()
        self._waiting, self._bell, self.course = _Waiting(), simpy.Store(self._time), Course()
        self._held = 0
        self._left = [wave.accounts for wave in shard.waves]
        self.course.waves = [0.0] * len(shard.waves)
        self._of_database = simpy.Resource(self._time, shard.database_cores)
        self._of_workers = simpy.Resource(self._time, shard.worker_cores) if shard.worker_cores else self._of_database
        self._over = self._time.event()
        for number, wave in enumerate(shard.waves):
            self._time.process(self._wake(number, wave))
        for _ in range(shard.workers):
            self._time.process(self._work())
        self._time.process(self._tick())
        if shard.payments:
            self._time.process(self._pay())
        self._time.run(self._over)
        self.course.ended = self._time.now

    def _wake(self, number: int, wave: Wave) -> Steps:
        if wave.at:  # else it is there when the ticker first looks
            yield self._time.timeout(wave.at)
        self._waiting.add(_Due(since=wave.at, wave=number), wave.accounts)

    def _tick(self) -> Steps:
        """The ticker: what waits is counted, and jobs are rung for."""
        while True:
            wanted = min(-(-self._waiting.total // BATCH), ticker.RINGS)
            for _ in range(wanted - len(self._bell.items)):
                self._bell.put(None)
            yield self._time.timeout(ticker.BUSY_SECONDS if wanted else ticker.SECONDS)

    def _work(self) -> Steps:
        """A worker: for each ring batches until nothing is due, or the job's time is over."""
        while True:
            yield self._bell.get()
            until = self._time.now + jobs.SECONDS
            while self._time.now < until and (taken := self._waiting.take(BATCH)):
                yield from self._batch(sum(number for _, number in taken))
                self._note(taken)

    def _batch(self, accounts: int) -> Steps:
        costs, others = self._shard.costs, self._held
        self._held += accounts
        yield from self._compute(self._of_database, others * costs.passing)
        for _ in range(_LEGS):
            if self._shard.round_trip:
                yield self._time.timeout(self._shard.round_trip * costs.round_trips / _LEGS)
            yield from self._compute(self._of_database, accounts * costs.database / _LEGS)
            yield from self._compute(self._of_workers, accounts * costs.worker / _LEGS)
        self._held -= accounts

    def _compute(self, cores: simpy.Resource, seconds: float) -> Steps:
        """Use a processor for so long, in turns with the others that wait for one."""
        if not seconds:
            return
        left = seconds
        if cores.capacity > self._shard.workers:  # nobody ever waits
            yield self._time.timeout(left)
            return
        while left > 0:
            with cores.request() as granted:
                yield granted
                yield self._time.timeout(min(left, _TURN))
            left -= _TURN

    def _note(self, taken: list[tuple[_Due, int]]) -> None:
        """What was committed."""
        self.course.batches += 1
        for due, number in taken:
            self.course.handled += number
            if due.came >= 0:
                self.course.waits.append(self._time.now - due.came)
            else:
                self._left[due.wave] -= number
                self.course.waves[due.wave] = self._time.now - due.since
        if not any(self._left) and not self._over.triggered:
            self._over.succeed()

    def _pay(self) -> Steps:
        while True:
            yield self._time.timeout(self._rng.expovariate(self._shard.payments))
            self._time.process(self._payment())

    def _payment(self) -> Steps:
        """A payment comes in a file: once that is taken in, its account is due since now."""
        came, costs = self._time.now, self._shard.costs
        yield from self._compute(self._of_workers, costs.payment)
        yield from self._compute(self._of_database, costs.payment_database)
        self._waiting.add(_Due(since=self._time.now, came=came), 1)

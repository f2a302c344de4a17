"""`replay`: accounts lived through ninety days from memory, with the lives that production lives.

arflow replays what it is given on one core, and holds all of it: so the accounts are split between two processes, and
handed over some at a time, as whoever replays a large company with it would do. The limit is what the rules alone
cost: every question that the lives asked the evaluator, asked again.
"""

import datetime as dt
import gc
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

from arflow.accounts.events import Event, parse
from arflow.replay import Request, replay
from arflow.rules.decide import Evaluator
from arflow.rules.engine import DurableRules
from arflow.rules.policy import Never, Policy
from arflow.sample import generate
from arflow.vocabulary import Facts, State
from benchmarks.measured import Floor, Measured, Rounds, Say
from benchmarks.size import Size
from tests.production import standard

QUICK, FULL = 600, 100_000
"""Accounts of all rounds together; each round has others."""

UNTIL = dt.date(2026, 6, 28)
MONTHS = 3
"""From 30 March: ninety days."""

PROCESSES = 2
AT_ONCE = 500
"""How many accounts are handed to the replay at a time; a branch goes with its head."""

MOST_SECONDS, MOST_GROWTH = 90.0, 1.1
LIMIT_ACCOUNTS = 300
"""Of how many accounts the limit asks the questions again."""

_PAGE = os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a process tells of its accounts: seconds, lines that came out, and its memory in MB after each hand."""

    accounts: int
    seconds: float
    lines: int
    memory: tuple[float, ...]


def run(size: Size, say: Say) -> Measured:
    """Accounts a second, by two processes and by one, and by the rules alone, in turns."""
    part = (QUICK if size.quick else FULL) // size.rounds // PROCESSES
    both: list[list[Told]] = []
    alone, limit = [], []
    for turn in range(size.rounds):
        both.append(_lived(PROCESSES, part, seed=turn * PROCESSES))
        alone.append(_rate(_lived(1, max(AT_ONCE, part // 10) if not size.quick else part, seed=1000 + turn)))
        limit.append(_limit(seed=2000 + turn))
        told = both[-1]
        say(f"replay: {sum(one.accounts for one in told):,} accounts in {_wall(told):.1f} s, {_lines(told):,} lines")
    return _measured(both, alone, limit)


def _measured(both: list[list[Told]], alone: list[float], limit: list[float]) -> Measured:
    accounts = sum(one.accounts for told in both for one in told)
    seconds = sum(map(_wall, both))
    growth = max(_growth(one.memory) for told in both for one in told)
    memory = tuple(max(max(one.memory) for one in told) for told in both)
    return Measured(
        name="replay",
        what=f"{accounts:,} accounts of the sample ledger through 90 days, {AT_ONCE} handed over at a time; "
        f"arflow replays on one core, the {PROCESSES} processes are the benchmark's",
        rounds=(
            Rounds(label="arflow replay, 2 processes", unit="accounts a second", values=tuple(map(_rate, both))),
            Rounds(label="arflow replay, 1 process", unit="accounts a second", values=tuple(alone)),
            Rounds(label="the limit: its decisions alone, 1 process", unit="accounts a second", values=tuple(limit)),
            Rounds(label="memory of a process, its events included", unit="MB", values=memory),
        ),
        floors=(
            Floor(
                text="seconds for 100,000 accounts on two cores, at most 90",
                wanted=MOST_SECONDS,
                found=seconds * 100_000 / accounts,
                at_most=True,
            ),
            Floor(
                text="times the memory after the first half of the accounts, at most 1.1",
                wanted=MOST_GROWTH,
                found=growth,
                at_most=True,
            ),
        ),
    )


def _wall(told: list[Told]) -> float:
    return max(one.seconds for one in told)


def _rate(told: list[Told]) -> float:
    return sum(one.accounts for one in told) / _wall(told)


def _lines(told: list[Told]) -> int:
    return sum(one.lines for one in told)


def _growth(memory: tuple[float, ...]) -> float:
    middle = (len(memory) + 1) // 2
    return max(memory[middle:], default=memory[0]) / max(memory[:middle])


# --- the processes ----------------------------------------------------------------------------------------------------


def _lived(processes: int, accounts: int, *, seed: int) -> list[Told]:
    """What so many processes tell, each of which replays its own accounts; they begin together."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    pipes = [context.Pipe(duplex=False) for _ in range(processes)]
    started = [
        context.Process(target=_live, args=(seed + at, accounts, barrier, pipe)) for at, (_, pipe) in enumerate(pipes)
    ]
    for process in started:
        process.start()
    told = [pipe.recv() for pipe, _ in pipes]
    for process in started:
        process.join()
    return told


def _live(seed: int, accounts: int, barrier: Barrier, pipe: Connection) -> None:
    """A process: make the events, wait for the others, and replay them."""
    hands, evaluator = list(_hands(seed, accounts)), DurableRules()
    evaluator.compile(_policy())
    memory, lines = [], 0
    gc.freeze()  # as the command does
    barrier.wait()
    begun = time.monotonic()
    for events in hands:
        lines += len(replay(_request(events), evaluator))
        memory.append(int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE)
    seconds = time.monotonic() - begun
    pipe.send(Told(accounts=accounts, seconds=seconds, lines=lines, memory=tuple(memory)))


def _policy() -> Policy:
    return standard("standard-usd")


def _request(events: tuple[Event, ...]) -> Request:
    return Request(events=events, policy=_policy(), until=UNTIL)


def _hands(seed: int, accounts: int) -> Iterator[tuple[Event, ...]]:
    """The events of so many accounts of the sample ledger, AT_ONCE at a time, all in dollars."""
    hand: list[Event] = []
    held = 0
    for _, told in groupby(generate(seed=seed, accounts=accounts, months=MONTHS, until=UNTIL), lambda e: e["account"]):
        events = [parse(_in_dollars(event)) for event in told]
        if held >= AT_ONCE and not any(event.text("pays_through") for event in events):
            yield tuple(hand)
            hand, held = [], 0
        hand += events
        held += 1
    yield tuple(hand)


def _in_dollars(event: Mapping[str, object]) -> dict[str, object]:
    return {**event, "currency": "USD"} if "currency" in event else {**event}


# --- the limit --------------------------------------------------------------------------------------------------------


@dataclass
class _Noting:
    """Evaluates, and notes every question."""

    evaluator: Evaluator
    asked: list[Callable[[], object]] = field(default_factory=list)

    def first(self, policy: Policy, state: State, facts: Facts, start: int) -> int | None:
        """As the evaluator."""
        self.asked.append(lambda: self.evaluator.first(policy, state, facts, start))
        return self.evaluator.first(policy, state, facts, start)

    def forbidden(self, policy: Policy, to: State, facts: Facts) -> Never | None:
        """As the evaluator."""
        self.asked.append(lambda: self.evaluator.forbidden(policy, to, facts))
        return self.evaluator.forbidden(policy, to, facts)

    def applies(self, policy: Policy, facts: Facts) -> bool:
        """As the evaluator."""
        self.asked.append(lambda: self.evaluator.applies(policy, facts))
        return self.evaluator.applies(policy, facts)


def _limit(seed: int) -> float:
    """How many accounts a second there would be if their lives were nothing but decisions."""
    noting = _Noting(DurableRules())
    for events in _hands(seed, LIMIT_ACCOUNTS):
        replay(_request(events), noting)
    begun = time.monotonic()
    for ask in noting.asked:
        ask()
    return LIMIT_ACCOUNTS / (time.monotonic() - begun)

"""`replay`: accounts lived through ninety days from a file of events, by the product's own `arflow replay`.

It is what the command does, but for its arguments: the file is read, processes share the accounts, and every line comes
out in order. The limit is what the rules alone cost: every question that the lives asked the evaluator, asked again.
"""

import datetime as dt
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from arflow.accounts.events import parse
from arflow.replay import Request, replay
from arflow.rules.decide import Evaluator
from arflow.rules.engine import DurableRules
from arflow.rules.policy import Never, Policy
from arflow.sample import generate
from arflow.sharing import replayed
from arflow.vocabulary import Facts, State
from benchmarks.measured import Floor, Measured, Rounds, Say
from benchmarks.memory_of import held
from benchmarks.size import Size
from tests.production import standard

QUICK, FULL = 6_000, 100_000
"""Accounts of all rounds together; each round has others."""

UNTIL = dt.date(2026, 6, 28)
MONTHS = 3
"""From 30 March: ninety days."""

PROCESSES = 2
FEW = 100 * PROCESSES
"""So many accounts give each process one hand: what more of them take longer is without what it takes to begin."""

MOST_SECONDS, MOST_GROWTH = 90.0, 1.1
LIMIT_ACCOUNTS = 300
"""Of how many accounts the limit asks the questions again."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What came of a replay: its seconds, the lines that came out, and MB of its largest process through its course."""

    accounts: int
    seconds: float
    lines: int
    memory: tuple[float, ...]


def run(size: Size, say: Say) -> Measured:
    """Accounts a second, by two processes and by one, and by the rules alone, in turns."""
    part = (QUICK if size.quick else FULL) // size.rounds
    begun, both, alone, limit = [], [], [], []
    for turn in range(size.rounds):
        begun.append(_lived(FEW, PROCESSES, seed=3000 + turn))
        both.append(_lived(part, PROCESSES, seed=turn))
        alone.append(_lived(part if size.quick else part // 10, 1, seed=1000 + turn))
        limit.append(_limit(seed=2000 + turn))
        told = both[-1]
        say(f"replay: {told.accounts:,} accounts in {told.seconds:.1f} s, {told.lines:,} lines")
    return _measured(begun, both, alone, limit)


def _measured(begun: list[Told], both: list[Told], alone: list[Told], limit: list[float]) -> Measured:
    accounts, starting = sum(told.accounts for told in both), min(told.seconds for told in begun)
    more = [(told.accounts - FEW) / (told.seconds - starting) for told in both]
    return Measured(
        name="replay",
        what=f"{accounts:,} accounts of the sample ledger through 90 days, from a file of events to lines in order",
        rounds=(
            Rounds(
                label=f"arflow replay --processes {PROCESSES}, once they have begun",
                unit="accounts a second",
                values=tuple(more),
                settings=f"the first {FEW} in {starting:.1f} s",
            ),
            Rounds(
                label="arflow replay --processes 1",
                unit="accounts a second",
                values=tuple(told.accounts / told.seconds for told in alone),
            ),
            Rounds(label="the limit: its decisions alone, 1 process", unit="accounts a second", values=tuple(limit)),
            Rounds(label="memory of a process", unit="MB", values=tuple(max(told.memory) for told in both)),
        ),
        floors=(
            Floor(
                text="seconds for 100,000 accounts on two cores, at most 90",
                wanted=MOST_SECONDS,
                found=starting + (100_000 - FEW) / median(more),
                at_most=True,
            ),
            Floor(
                text="times the memory of the first half of the accounts, at most 1.1",
                wanted=MOST_GROWTH,
                found=max(_growth(told.memory) for told in both),
                at_most=True,
            ),
        ),
    )


def _growth(memory: tuple[float, ...]) -> float:
    middle = (len(memory) + 1) // 2
    return max(memory[middle:], default=memory[0]) / max(memory[:middle])


# --- the product ------------------------------------------------------------------------------------------------------


def _lived(accounts: int, processes: int, *, seed: int) -> Told:
    """Replay so many accounts of a seed by so many processes."""
    memory: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "events.jsonl")
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(event) + "\n" for event in _events(seed, accounts))
        asked = Request(events=(), policy=_policy(), until=UNTIL, file=str(path))
        begun = time.monotonic()
        lines = sum(1 for _ in replayed(path, asked, processes, lambda *_: memory.append(_largest())))
        seconds = time.monotonic() - begun
    return Told(accounts=accounts, seconds=seconds, lines=lines, memory=tuple(memory or [_largest()]))


def _largest() -> float:
    """MB of the largest process that lives accounts, or of this one when it does so itself."""
    living = [process.pid for process in multiprocessing.active_children() if process.pid]
    return max(held(pid) for pid in living or [os.getpid()])


def _policy() -> Policy:
    return standard("standard-usd")


def _events(seed: int, accounts: int) -> Iterator[Mapping[str, object]]:
    """The events of so many accounts of the sample ledger, all in dollars."""
    for event in generate(seed=seed, accounts=accounts, months=MONTHS, until=UNTIL):
        yield {**event, "currency": "USD"} if "currency" in event else event


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
    events = tuple(parse(event) for event in _events(seed, LIMIT_ACCOUNTS))
    replay(Request(events=events, policy=_policy(), until=UNTIL), noting)
    begun = time.monotonic()
    for ask in noting.asked:
        ask()
    return LIMIT_ACCOUNTS / (time.monotonic() - begun)

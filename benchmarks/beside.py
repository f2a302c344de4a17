"""The peers of the drain: a job or a workflow an account, on two processes, each run as its documentation has it."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.company import Company, empty_database
from benchmarks.racing import Run, done, race
from benchmarks.size import Size
from tests.servers import valkey

PROCESSES = 2
TASKS, THREADS, POLL_SECONDS = 10, 20, 0.1
"""How many accounts a process of procrastinate and of DBOS has in hand; how often DBOS looks into its queue."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A peer: what people call it, its program, what that is told besides the accounts, and how it is run, in words."""

    name: str
    program: str
    told: Mapping[str, object]
    settings: str
    count: int
    """How many accounts it gets a round, of the full size: six to eight seconds of work."""

    def run(self, size: Size, accounts: Sequence[str], row: Mapping[str, str]) -> Run:
        """Enqueue the accounts, which is not timed, and have them worked off."""
        given = {**self.told, "row": dict(row)}
        done(self._command(size, "enqueue", {**given, "accounts": list(accounts), "number": 0}))
        return race([self._command(size, "work", {**given, "number": number + 1}) for number in range(PROCESSES)])

    def prepare(self, size: Size) -> None:
        """Have it make its tables."""
        done(self._command(size, "enqueue", {**self.told, "accounts": [], "number": 0, "is_first": True}))

    def _command(self, size: Size, what: str, given: Mapping[str, object]) -> Sequence[str | Path]:
        return [size.peers / "bin" / "python", "-m", f"benchmarks.peers.{self.program}", what, json.dumps(given)]


@contextmanager
def peers(size: Size, theirs: Company) -> Iterator[tuple[Peer, ...]]:
    """The peers, ready to work on the accounts of a company; what they keep of their own is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="arflow-peers-"))
    try:
        with valkey(folder) as redis, empty_database() as for_dbos, empty_database() as for_procrastinate:
            found = (
                _dbos(theirs.url, for_dbos),
                _procrastinate(theirs.url, for_procrastinate),
                _rq(theirs.url, redis),
            )
            for peer in found:
                peer.prepare(size)
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _dbos(url: str, own: str) -> Peer:
    return Peer(
        name="DBOS",
        program="run_dbos",
        told={"url": url, "own": own, "concurrency": THREADS, "polling_seconds": POLL_SECONDS, "pool": THREADS + 10},
        settings=f"{PROCESSES} processes, a queue with worker_concurrency {THREADS} and polling_interval_sec "
        f"{POLL_SECONDS}, a workflow an account with one READ COMMITTED transaction of a datasource",
        count=1_000,
    )


def _procrastinate(url: str, own: str) -> Peer:
    return Peer(
        name="procrastinate",
        program="run_procrastinate",
        told={"url": url, "own": own, "concurrency": TASKS, "delete_jobs": "never"},
        settings=f"{PROCESSES} workers with concurrency {TASKS}, coroutines, psycopg's pool",
        count=2_500,
    )


def _rq(url: str, redis: str) -> Peer:
    return Peer(
        name="RQ",
        program="run_rq",
        told={"url": url, "redis": redis},
        settings=f"{PROCESSES} SimpleWorkers, JSON, no results kept",
        count=2_500,
    )

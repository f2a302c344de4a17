"""arflow's own workers as `arflow up` starts them, with a Valkey of their own, on a company; and who rings for them."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from arflow import anchors, queues
from arflow.queues import DRAIN
from benchmarks.company import Company
from benchmarks.racing import FellOver, Run
from tests.servers import PATIENCE, until, valkey
from workers import ticker

_LOOK_SECONDS, _LONGEST_LOOK = 5e-6, 0.25
"""Seconds between two looks whether any is left, for each account that was due: a hundredth of the time they take."""

_ANCHOR_SECONDS = 600.0
_LAST_RING = 0.2
"""Seconds that a worker beside its servers takes at most to see that nothing is due."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where a process stands: what its command begins with, and how the servers are reached from there."""

    database_url: str
    redis_url: str
    command: tuple[str, ...] = ()


class Crew:
    """Drain workers that wait for the bell."""

    def __init__(self, company: Company, redis_url: str, home: Path) -> None:
        self.company, self.home, self.redis_url = company, home, redis_url
        self.here = Site(database_url=company.url, redis_url=redis_url)
        self.redis = queues.connect(redis_url)
        self.workers: list[subprocess.Popen[bytes]] = []

    def work_off(self, zone: str) -> Run:
        """Let it be morning in a zone, ring as the ticker does, and time it until nothing is due any more."""
        due = self.company.dawn(zone)
        begun = time.monotonic()
        with self.rung():
            self.wait(due)
        return Run(handled=due, seconds=time.monotonic() - begun)

    def wait(self, due: int) -> None:
        """Wait until nothing is due. Raises FellOver when a worker has ended."""
        while self.company.is_due():
            if any(worker.poll() is not None for worker in self.workers):
                raise FellOver(f"a worker ended, {due:,} accounts were due")
            time.sleep(min(_LONGEST_LOOK, _LOOK_SECONDS * due))  # nothing tells when the last account is done

    def rest(self) -> None:
        """Wait until nobody has heard a ring for nothing any more, so that the next slice is begun by its own."""
        until(lambda: queues.waiting(self.redis, DRAIN) == 0, PATIENCE)
        time.sleep(_LAST_RING)  # nothing tells when a job that found nothing has ended

    def start(self, sites: Sequence[Site]) -> None:
        """Start one at each site, and wait until they listen."""
        for number, site in enumerate(sites, start=1):
            self.workers.append(self._start(site, "workers.worker", f"drain-{number}", DRAIN))
        until(lambda: queues.workers_seen(self.redis)[DRAIN] == len(sites), PATIENCE)

    def end(self) -> None:
        """Have them end."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait(PATIENCE)
        self.redis.close()

    def processes(self) -> dict[str, int]:
        """The processes that work: the workers, the database sessions of everybody but us, and Valkey."""
        found = {f"worker {number}": worker.pid for number, worker in enumerate(self.workers, start=1)}
        engine = self.company.engine
        engine.dispose()  # what is left are the sessions of others
        query = (
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend' ORDER BY pid"
        )
        with engine.connect() as connection:
            sessions = connection.execute(text(query)).scalars().all()
        found |= {f"database session {number}": pid for number, pid in enumerate(sessions, start=1)}
        return found | {"Valkey": int(self.redis.info("server")["process_id"])}

    @contextmanager
    def ticker(self) -> Iterator[int]:
        """The ticker in a process of its own, once it has looked and written the anchor of the day; gives its id."""
        process = self._start(self.here, "workers.ticker", "ticker")
        anchor = anchors.file_of(self.home)
        try:
            until(lambda: anchor.exists() and anchor.stat().st_size > 0, _ANCHOR_SECONDS)
            yield process.pid
            process.terminate()
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()

    def _start(self, site: Site, module: str, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        names = {
            "ARFLOW_DATABASE_URL": site.database_url,
            "ARFLOW_REDIS_URL": site.redis_url,
            "ARFLOW_HOME": str(self.home),
        }
        own = [sys.executable, "-P", "-m", module, "--name", name, "--log-file", "--lifeline", *arguments]
        command, environment = [*site.command, *own], os.environ | names
        return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, start_new_session=True)

    @contextmanager
    def rung(self) -> Iterator[None]:
        """While this lasts the ticker's function looks and rings, in a thread, with its own pauses."""
        over = threading.Event()

        def ring() -> None:
            while not over.wait(ticker.tick(self.company.engine, self.redis)):
                pass

        ringing = threading.Thread(target=ring)
        ringing.start()
        yield
        over.set()
        ringing.join()


@contextmanager
def of(company: Company, workers: int) -> Iterator[Crew]:
    """A crew of so many workers that is there; it ends with the block."""
    with idle(company) as crew:
        crew.start([crew.here] * workers)
        yield crew
        crew.end()


@contextmanager
def idle(company: Company) -> Iterator[Crew]:
    """A crew without workers yet; those that were not ended are killed."""
    home = Path(tempfile.mkdtemp(prefix="arflow-crew-"))
    try:
        with valkey(home) as url:
            crew = Crew(company, url, home)
            try:
                yield crew
            finally:
                for worker in crew.workers:
                    worker.kill()
                    worker.wait()
    finally:
        shutil.rmtree(home, ignore_errors=True)

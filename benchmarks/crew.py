"""arflow's own workers as `arflow up` starts them, with a Valkey of their own, on a company; and who rings for them."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from arflow import queues
from arflow.queues import DRAIN
from benchmarks.company import Company
from benchmarks.racing import FellOver, Run
from tests.servers import PATIENCE, until, valkey
from workers import ticker

_LOOK_SECONDS = 0.02


class Crew:
    """So many drain workers that wait for the bell."""

    def __init__(self, company: Company, redis: Redis, workers: list["subprocess.Popen[bytes]"]) -> None:
        self.company, self.redis, self.workers = company, redis, workers

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
            time.sleep(_LOOK_SECONDS)

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
    """A crew that is there; it ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="arflow-crew-"))
    started: list[subprocess.Popen[bytes]] = []
    try:
        with valkey(folder) as url, queues.connect(url) as redis:
            started += [_start(company, url, folder, number) for number in range(workers)]
            until(lambda: queues.workers_seen(redis)[DRAIN] == workers, PATIENCE)
            yield Crew(company, redis, started)
            for worker in started:
                worker.terminate()
            for worker in started:
                worker.wait(PATIENCE)
    finally:
        for worker in started:
            worker.kill()
            worker.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _start(company: Company, redis_url: str, home: Path, number: int) -> "subprocess.Popen[bytes]":
    names = {"ARFLOW_DATABASE_URL": company.url, "ARFLOW_REDIS_URL": redis_url, "ARFLOW_HOME": str(home)}
    command = [sys.executable, "-P", "-m", "workers.worker", "--name", f"drain-{number}", "--log-file", DRAIN]
    return subprocess.Popen(command, env=os.environ | names)

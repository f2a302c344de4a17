"""An RQ worker on exactly one queue, in this one process: it runs what `arflow.queues.Ring` lets through, nothing else.

It forks nothing and takes no commands through Redis. It ends after a bounded number of jobs, so that memory which
libraries never give back is given back, and is to be started again. Told to end, it finishes the batch at hand.
"""

import gc
from types import FrameType
from typing import Any
from uuid import uuid4

from redis import Redis
from redis.client import Pipeline
from rq import Queue, SimpleWorker, worker_registration
from rq.exceptions import DeserializationError, StopRequested
from rq.job import Job
from rq.timeouts import UnixSignalDeathPenalty
from rq.worker import WorkerStatus

from arflow import mail, queues
from arflow.advance import Engineering
from arflow.logs import failure, log
from arflow.queues import KINDS, ForeignJob
from arflow.rules.engine import DurableRules
from workers import entry, jobs
from workers.ending import Ending
from workers.entry import Process
from workers.patience import AWAY, FIRST, Backoff, reached
from workers.standing_back import have_sessions_stand_back, stand_back

JOBS = 1000
"""After how many jobs a worker ends."""

WORN_JOBS = 100
"""After how many at the earliest, when it is worn out: with very many active policies a new one is so at once."""

SEEN_SECONDS = 20
"""How often, at least, a worker tells Redis that it is there; it also waits no longer for a job at a time."""


class TimeIsUp(BaseException):
    """A job took too long. Not an Exception: no door may take it for something wrong with an account."""


class Limit(UnixSignalDeathPenalty):
    """Ends a job that takes too long."""

    def handle_death_penalty(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002  # as RQ has it
        """The time is up."""
        raise TimeIsUp


class Listener(SimpleWorker):
    """A worker that listens on one queue, and hears nothing but rings and signals."""

    death_penalty_class = Limit
    max_connection_wait_time = 2.0
    log_result_lifespan = False

    def __init__(
        self, kind: str, name: str, connection: Redis, ending: Ending, evaluator: DurableRules | None = None
    ) -> None:
        self.ending, self.taken, self.evaluator = ending, 0, evaluator
        super().__init__(
            [queues.queue(connection, kind)],
            name=f"{name}-{uuid4().hex[:12]}",
            connection=connection,
            worker_ttl=SEEN_SECONDS,
            job_class=queues.Ring,
            serializer="json",
            log_job_description=False,
        )

    def subscribe(self) -> None:
        """Nobody steers a worker through Redis."""

    def check_for_suspension(self, burst: bool) -> None:  # noqa: FBT001  # as RQ has it
        """Nor holds it up."""

    def request_stop(self, signum: int | None, frame: FrameType | None) -> None:  # noqa: ARG002  # as RQ has it
        """End now, or after the batch at hand. Raises StopRequested when there is none."""
        self.ending.told()
        if self.get_state() != WorkerStatus.BUSY:
            raise StopRequested
        self._stop_requested = True

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Count the job, and do it; a worn-out process makes place for a new one."""
        self.taken += 1
        job.origin = queue.name  # whatever it says itself
        super().execute_job(job, queue)
        if self.evaluator is not None and self.evaluator.is_worn and self.taken >= WORN_JOBS:
            self.ending.told()
            self._stop_requested = True

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Tell Redis that it is there; a Redis that was wiped knows nothing of it, and is told all of it again."""
        super().heartbeat(timeout, pipeline)
        if pipeline is None and not self.connection.sismember(self.redis_workers_keys, self.key):
            with self.connection.pipeline() as anew:
                anew.hset(self.key, mapping=self.serialize())
                worker_registration.register(self, anew)
                anew.execute()

    def handle_exception(self, job: Job, *exc_info: Any) -> None:  # noqa: ANN401  # as RQ has it
        """Say that a job failed, without any value that the error's text may repeat."""
        error = exc_info[1]
        if isinstance(error, ForeignJob | DeserializationError):
            log(__name__).error("a foreign job was refused", job=job.id, queue=job.origin)
        else:
            log(__name__).error("a job failed", job=job.id, queue=job.origin, **failure(error))


def work(process: Process, kind: str) -> None:
    """Listen until told to end, or until it has done its number of jobs. What is away is tried again."""
    if kind == queues.DRAIN:
        stand_back()  # a hundred thousand wakes of one morning can wait for a page, a page not for them
    ending = process.ending
    letters = mail.of(process.settings)
    engine = reached(process.database_url, ending)
    if engine is None:
        return
    if kind == queues.DRAIN:
        have_sessions_stand_back(engine)
    evaluator = DurableRules()
    engineering = Engineering(evaluator=evaluator, delivery="recorded")
    jobs.equip(jobs.Equipment(engine=engine, engineering=engineering, mail=letters, is_ending=ending.is_told))
    backoff = Backoff(ending)
    gc.freeze()  # what was imported stays: the collector would walk all of it again and again beside the accounts
    while not ending.is_told():
        try:
            with queues.connect(process.redis_url, patience=2 * SEEN_SECONDS) as redis:
                listener = Listener(kind, process.name, redis, ending, evaluator)
                listener.work(max_jobs=JOBS, logging_level=None)
        except StopRequested:
            break
        except AWAY as error:
            backoff.away(error)
        else:
            if listener.taken >= JOBS:
                break
            ending.wait(FIRST)
    engine.dispose()


if __name__ == "__main__":
    parser = entry.parser("workers.worker", __doc__ or "")
    parser.add_argument("kind", choices=KINDS, help="the queue that it listens on")
    given = parser.parse_args()
    entry.run(given, lambda process: work(process, given.kind))

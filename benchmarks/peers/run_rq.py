"""RQ: a job an account. `enqueue`: the jobs wait in Redis; `work`: one SimpleWorker until none is left.

RQ's notes on performance have SimpleWorker for jobs of single-digit milliseconds, which these are.
"""

import json
import sys

from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from benchmarks.peers import rq_job, timed

_JOB = f"{rq_job.__name__}.{rq_job.look.__name__}"


def _enqueue(queue: Queue) -> None:
    """Put a job an account into the queue, without results that nobody reads."""
    accounts = rq_job.told()["accounts"]
    queue.enqueue_many([Queue.prepare_data(_JOB, args=(account,), result_ttl=0) for account in accounts])
    sys.stdout.write(json.dumps({"enqueued": queue.count}) + "\n")


def _work(queue: Queue) -> None:
    rq_job.connection()
    worker = SimpleWorker([queue], connection=queue.connection, serializer=JSONSerializer, log_job_description=False)
    timed.wait_for_go()
    worker.work(burst=True, logging_level="ERROR")
    rq_job.own.tell()


if __name__ == "__main__":
    there = Queue("due", connection=Redis.from_url(rq_job.told()["redis"]), serializer=JSONSerializer)
    {"enqueue": _enqueue, "work": _work}[sys.argv[1]](there)

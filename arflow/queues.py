"""The doorbell: Redis or Valkey, its two queues, and the only kind of job that they may hold. Nothing is kept here.

What is due is a row in PostgreSQL; a job only says that somebody should look. So all of it may vanish at any moment,
and whoever can write to it may not make a worker do anything but look: a job that names another function than the
one whitelisted entry point is refused, and no setting of a job is believed.
"""

from collections.abc import Mapping
from urllib.parse import quote

import redis
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.worker import BaseWorker

from arflow.errors import DatabaseRefused

DRAIN, DELIVER = "drain", "deliver"
KINDS = (DRAIN, DELIVER)
ENTRY = "workers.jobs.run"
"""The only function that a job may name."""

JOB_SECONDS = 300
"""How long a job may take; it ends by itself long before."""

FAILURE_SECONDS = 86_400
"""How long a failed job is kept to be looked at; a done one is not kept."""

OLDEST = {"redis": (7, 0), "valkey": (7, 2)}
"""The oldest releases that are used."""

_SECONDS = 5.0


class RedisRefused(DatabaseRefused):
    """The Redis or Valkey is not one that this version of arflow may use."""


class ForeignJob(Exception):
    """A job that is none of ours; it is kept as a failed one, and nothing of it is run."""


class Ring(Job):
    """A job that can only be a ring of the bell: what else Redis says of it is forgotten or refused."""

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Read the job, but take from it only what it is to do."""
        try:
            super().restore(raw_data)
        except Exception as error:
            raise NoSuchJobError(f"what is kept of job {self.id} cannot be read") from error
        self._success_callback_name = self._failure_callback_name = self._stopped_callback_name = None
        self.webhooks, self._dependency_ids = [], []
        self.retries_left = self.repeats_left = self.rate_limit_key = None
        self.timeout, self.result_ttl, self.failure_ttl = JOB_SECONDS, 0, FAILURE_SECONDS

    def _execute(self) -> object:
        """Run it. Raises ForeignJob for everything but a ring."""
        named = (self.func_name, self.instance, len(self.args), self.kwargs)
        if named != (ENTRY, None, 1, {}) or self.args[0] not in KINDS:
            raise ForeignJob(self.id)
        return super()._execute()


def unix_url(path: str) -> str:
    """The URL of a server that listens on a unix socket."""
    return f"unix://{quote(path)}"


def connect(url: str, patience: float = _SECONDS) -> Redis:
    """A client of the server at `url`, which has `patience` to answer. Raises RedisRefused when it cannot be used."""
    try:
        client = Redis.from_url(url, socket_connect_timeout=_SECONDS, socket_timeout=patience, health_check_interval=30)
    except ValueError:
        raise RedisRefused("the Redis URL cannot be read; write redis://user@host:6379/0 or unix:///path") from None
    try:
        _check(client.info("server"))
    except RedisError as error:
        client.close()
        raise RedisRefused(f"the Redis server cannot be reached: {' '.join(str(error).split())}") from None
    except RedisRefused:
        client.close()
        raise
    return client


def _check(told: Mapping[str, object]) -> None:
    name = str(told.get("server_name", "redis"))
    version = str(told.get(f"{name}_version", told.get("redis_version", "0")))
    oldest = OLDEST.get(name)
    if oldest is None:
        raise RedisRefused(f"arflow rings through Redis or Valkey, this server is {name}")
    if tuple(int(part) for part in version.split(".")[:2]) < oldest:
        wanted = ".".join(map(str, oldest))
        raise RedisRefused(f"arflow needs {name.capitalize()} {wanted} or later, this server is {version}")


def queue(connection: Redis, kind: str) -> Queue:
    """One of the two queues."""
    return Queue(
        f"arflow-{kind}",
        connection=connection,
        default_timeout=JOB_SECONDS,
        job_class=Ring,
        serializer="json",
    )


def ring(connection: Redis, kind: str, wanted: int) -> int:
    """Put jobs into a queue until `wanted` wait in it; gives how many were put. No job has a name of its own."""
    bell = queue(connection, kind)
    missing = max(0, wanted - bell.count)
    for _ in range(missing):
        bell.enqueue_call(
            ENTRY,
            args=(kind,),
            timeout=JOB_SECONDS,
            result_ttl=0,
            failure_ttl=FAILURE_SECONDS,
            description=kind,
        )
    return missing


def waiting(connection: Redis, kind: str) -> int:
    """How many jobs wait in a queue."""
    return queue(connection, kind).count


def refused_or_failed(connection: Redis, kind: str) -> int:
    """How many jobs of a queue failed within a day; foreign ones are among them."""
    return int(queue(connection, kind).failed_job_registry.get_job_count(cleanup=False))


def workers_seen(connection: Redis) -> dict[str, int]:
    """How many workers listen on each queue, as far as Redis knows."""
    found = dict.fromkeys(KINDS, 0)
    for worker in BaseWorker.all(connection=connection, serializer="json"):
        for kind in KINDS:
            found[kind] += f"arflow-{kind}" in worker.queue_names()
    return found


Unreachable = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)
"""What is raised while the server is away; it is tried again."""

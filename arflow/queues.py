"""The doorbell: Redis or Valkey, its two queues, and the only kind of job that they may hold. Nothing is kept here.

What is due is a row in PostgreSQL; a job only says that somebody should look. So all of it may vanish at any moment,
and whoever can write to it may not make a worker do anything but look: a job that names another function than the
one whitelisted entry point is refused, and no setting of a job is believed.
"""

import zlib
from collections.abc import Mapping
from urllib.parse import quote

import redis
from redis import Redis
from redis.exceptions import RedisError, ResponseError
from rq import Queue
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
        """Read what the job is to do, and when it came. What cannot be read is no ring, and refused when it is run."""
        try:
            super().restore(
                {name: raw_data[name] for name in _READ if name in raw_data} | {b"data": _unpacked(raw_data)}
            )
        except Exception:  # noqa: BLE001  # whatever it is: it is no ring
            super().restore({b"data": b""})
        self.timeout, self.result_ttl, self.failure_ttl = JOB_SECONDS, 0, FAILURE_SECONDS

    def _execute(self) -> object:
        """Run it. Raises ForeignJob for everything but a ring."""
        try:
            named = (self.func_name, self.instance, len(self.args), self.kwargs)
            is_ring = named == (ENTRY, None, 1, {}) and self.args[0] in KINDS
        except Exception:  # noqa: BLE001  # what is no JSON, or JSON of any shape
            is_ring = False
        if not is_ring:
            raise ForeignJob(self.id)
        return super()._execute()


_READ = (b"created_at", b"enqueued_at")
_LONGEST = 10_000
"""How many bytes what a job is to do may have; a ring has about 40."""


def _unpacked(raw_data: Mapping[bytes, bytes]) -> bytes:
    """What the job is to do, as text; a little that is packed can be as much as memory holds."""
    return zlib.decompressobj().decompress(raw_data[b"data"], _LONGEST)


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
    try:
        missing = max(0, wanted - bell.count)
    except ResponseError:  # something else than a queue stands in its place
        connection.delete(bell.key)
        missing = wanted
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

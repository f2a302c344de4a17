"""The doorbell: a ring is a ring and nothing else, and vanishing takes nothing with it."""

import pickle
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.exceptions import DeserializationError

from arflow import queues
from arflow.queues import DELIVER, DRAIN, ForeignJob, RedisRefused, Ring


def test_no_more_jobs_wait_than_are_wanted(redis: Redis) -> None:
    assert [2, 0, 1] == [queues.ring(redis, DRAIN, wanted) for wanted in (2, 1, 3)]
    assert (3, 0) == (queues.waiting(redis, DRAIN), queues.waiting(redis, DELIVER))


def test_a_wiped_doorbell_rings_again(redis: Redis) -> None:
    """No name of a job is kept anywhere that could stand in the way of the next one."""
    queues.ring(redis, DRAIN, 2)
    redis.flushall()
    assert 2 == queues.ring(redis, DRAIN, 2)


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        ("os.mkdir", ("FOLDER",), {}),
        (queues.ENTRY, ("steal",), {}),
        (queues.ENTRY, (DRAIN, "more"), {}),
        (queues.ENTRY, (), {"kind": DRAIN}),
        ("workers.jobs.equip", (DRAIN,), {}),
    ],
)
def test_a_foreign_job_is_refused(
    redis: Redis, tmp_path: Path, function: str, arguments: tuple[str, ...], named: dict[str, str]
) -> None:
    """Only the one entry point is called, and only by its kinds."""
    folder = tmp_path / "made"
    given = [str(folder) if word == "FOLDER" else word for word in arguments]
    job = Queue("arflow-drain", connection=redis, serializer="json").enqueue_call(function, args=given, kwargs=named)
    with pytest.raises(ForeignJob):
        Ring.fetch(job.id, connection=redis, serializer="json").perform()
    assert not folder.exists()


def test_nothing_else_of_a_job_is_believed(redis: Redis) -> None:
    """A ring that names other functions to be called at its end, or addresses to be told, has none of them."""
    job = queues.queue(redis, DRAIN).enqueue_call(queues.ENTRY, args=(DRAIN,))
    believed = {
        "success_callback_name": "os.getcwd",
        "failure_callback_name": "os.getcwd",
        "stopped_callback_name": "os.getcwd",
        "webhooks": '[{"url": "http://127.0.0.1:1/", "events": ["finished"]}]',
        "timeout": "9999999",
        "result_ttl": "-1",
        "repeats_left": "5",
        "retries_left": "5",
    }
    for name, value in believed.items():
        redis.hset(job.key, name, value)
    read = Ring.fetch(job.id, connection=redis, serializer="json")
    assert (None, None, None) == (read.success_callback, read.failure_callback, read.stopped_callback)
    assert ([], None, None) == (read.webhooks, read.repeats_left, read.retries_left)
    assert (queues.JOB_SECONDS, 0) == (read.timeout, read.result_ttl)


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.mkdir, (Path("exploded"),)


def test_pickled_jobs_are_never_read(redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can write to Redis cannot run code by what a pickle does when it is opened."""
    monkeypatch.chdir(tmp_path)
    job = queues.queue(redis, DRAIN).enqueue_call(queues.ENTRY, args=(DRAIN,))
    redis.hset(job.key, "data", pickle.dumps(_Bomb()))
    with pytest.raises(DeserializationError):
        Ring.fetch(job.id, connection=redis, serializer="json").perform()
    assert [] == list(tmp_path.iterdir())


def test_a_job_that_cannot_be_read_is_passed_over(redis: Redis) -> None:
    job = queues.queue(redis, DRAIN).enqueue_call(queues.ENTRY, args=(DRAIN,))
    redis.hset(job.key, "timeout", "tomorrow")
    assert Queue.dequeue_any([queues.queue(redis, DRAIN)], None, redis, job_class=Ring, serializer="json") is None


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"redis_version": "6.2.7"}, "arflow needs Redis 7.0 or later, this server is 6.2.7"),
        (
            {"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "7.1.9"},
            "arflow needs Valkey 7.2 or later, this server is 7.1.9",
        ),
        ({"redis_version": "7.4.0", "server_name": "keydb"}, "arflow rings through Redis or Valkey"),
    ],
)
def test_an_old_server_is_refused(told: dict[str, object], why: str) -> None:
    with pytest.raises(RedisRefused, match=why):
        queues._check(told)


@pytest.mark.parametrize(
    "told",
    [{"redis_version": "7.0.15"}, {"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "9.1.2"}],
)
def test_a_new_server_is_used(told: dict[str, object]) -> None:
    queues._check(told)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("nonsense", "the Redis URL cannot be read"),
        ("redis://:secret@127.0.0.1:1/0", "the Redis server cannot be reached"),
        ("unix:///nowhere/v.sock", "the Redis server cannot be reached"),
    ],
)
def test_a_server_that_is_not_there(url: str, why: str) -> None:
    """One line, and never the password."""
    with pytest.raises(RedisRefused, match=why) as refused:
        queues.connect(url)
    assert "secret" not in str(refused.value)

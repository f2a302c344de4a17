"""The doorbell: a ring is a ring and nothing else, and vanishing takes nothing with it."""

import pickle
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from arflow import queues
from arflow.queues import DELIVER, DRAIN, ForeignJob, RedisRefused, Ring
from tests.fuzz.bounds import peak_megabytes


def test_no_more_jobs_wait_than_are_wanted(redis: Redis) -> None:
    assert [2, 0, 1] == [queues.ring(redis, DRAIN, wanted) for wanted in (2, 1, 3)]
    assert (3, 0) == (queues.waiting(redis, DRAIN), queues.waiting(redis, DELIVER))


def test_a_wiped_doorbell_rings_again(redis: Redis) -> None:
    """No name of a job is kept anywhere that could stand in the way of the next one."""
    queues.ring(redis, DRAIN, 2)
    redis.flushall()
    assert 2 == queues.ring(redis, DRAIN, 2)


JUNK: Mapping[str, Mapping[str, bytes]] = {
    "another function": {"data": b'["os.mkdir", null, ["FOLDER"], {}]'},
    "another function of ours": {"data": b'["workers.jobs.equip", null, ["drain"], {}]'},
    "another kind": {"data": b'["workers.jobs.run", null, ["steal"], {}]'},
    "an account": {"data": b'["workers.jobs.run", null, ["drain", "A1"], {}]'},
    "a named argument": {"data": b'["workers.jobs.run", null, [], {"kind": "drain"}]'},
    "a kind that is no text": {"data": b'["workers.jobs.run", null, [["drain"]], {}]'},
    "a method": {"data": b'["run", {"a": 1}, ["drain"], {}]'},
    "no list": {"data": b'{"func": "workers.jobs.run"}'},
    "a number": {"data": b"1"},
    "too few": {"data": b'["workers.jobs.run"]'},
    "nested": {"data": b"[" * 5_000},
    "no JSON": {"data": b"\xff\xfe\x00garbage"},
    "nothing": {"data": b""},
    "no data at all": {"description": b"x"},
    "packed without end": {"data": zlib.compress(b"x" * 200_000_000, 9)},
    "packed and broken off": {"data": zlib.compress(b"x" * 200_000)[:20]},
    "a timeout that is none": {"data": b'["os.getcwd", null, [], {}]', "timeout": b"tomorrow"},
    "dates that are none": {"data": b'["os.getcwd", null, [], {}]', "created_at": b"tomorrow"},
}
"""Jobs that are no ring, as whoever can write to Redis may put them there."""


def put_junk(redis: Redis, name: str, folder: Path) -> str:
    """Put one of JUNK into the queue as it is; gives its id."""
    key = f"junk-{name.replace(' ', '-')}"
    fields = {field: value.replace(b"FOLDER", bytes(folder)) for field, value in JUNK[name].items()}
    packed: dict[Any, Any] = {
        field: zlib.compress(value) if value[:1] == b"[" else value for field, value in fields.items()
    }
    redis.hset(f"rq:job:{key}", mapping=packed)
    redis.rpush("rq:queue:arflow-drain", key)
    return key


@pytest.mark.parametrize("name", JUNK)
def test_a_foreign_job_is_refused(redis: Redis, tmp_path: Path, name: str) -> None:
    """Only the one entry point is called, and only by its kinds; what cannot be read is no ring either."""
    key, before = put_junk(redis, name, tmp_path / "made"), peak_megabytes()
    with pytest.raises(ForeignJob):
        Ring.fetch(key, connection=redis, serializer="json").perform()
    assert [] == list(tmp_path.iterdir())
    assert peak_megabytes() - before < 100


def test_something_else_in_the_place_of_a_queue_is_taken_away(redis: Redis) -> None:
    redis.set(queues.queue(redis, DRAIN).key, "junk")
    assert (2, 2) == (queues.ring(redis, DRAIN, 2), queues.waiting(redis, DRAIN))


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
    with pytest.raises(ForeignJob):
        Ring.fetch(job.id, connection=redis, serializer="json").perform()
    assert [] == list(tmp_path.iterdir())


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

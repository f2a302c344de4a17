"""A worker takes batch after batch until nothing is left, ends in order, and waits for servers that are away."""

import datetime as dt
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from rq import SimpleWorker
from sqlalchemy import Engine, event, select

from arflow import mail, queues
from arflow.advance import Engineering
from arflow.config import Settings
from arflow.queues import DELIVER, DRAIN
from arflow.rules.engine import DurableRules
from arflow.store import accounts, database, tables
from tests.servers import PATIENCE, until
from tests.workers.books import NAME, open_account
from tests.workers.test_queues import JUNK, put_junk
from workers import jobs
from workers.ending import Ending
from workers.worker import JOBS, WORN_JOBS, Listener

pytestmark = pytest.mark.database
_PAST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def _make_due(engine: Engine) -> None:
    with engine.begin() as connection:
        accounts.make_due(connection, _PAST, _PAST.date())


def _is_due(engine: Engine) -> bool:
    account = tables.account
    with engine.connect() as connection:
        due = connection.execute(select(account.c.next_due).where(account.c.id == NAME)).scalar()
    return due is not None and due <= _PAST


def _equip(engine: Engine, folder: Path, *, is_ending: bool) -> None:
    engineering = Engineering(evaluator=DurableRules(), delivery="recorded")
    letters = mail.of(Settings(home=folder))
    jobs.equip(jobs.Equipment(engine=engine, engineering=engineering, mail=letters, is_ending=lambda: is_ending))


@pytest.mark.parametrize("is_ending", [False, True])
def test_a_job_takes_batches_until_nothing_is_left_or_the_process_is_to_end(
    engine: Engine, tmp_path: Path, is_ending: bool
) -> None:
    open_account(engine)
    _make_due(engine)
    _equip(engine, tmp_path, is_ending=is_ending)
    jobs.run(DRAIN)
    jobs.run(DELIVER)
    assert is_ending == _is_due(engine)


def test_a_job_does_nothing_while_a_backup_is_restored(engine: Engine, tmp_path: Path) -> None:
    """What moved then would be no copy of what was backed up."""
    open_account(engine)
    _make_due(engine)
    _equip(engine, tmp_path, is_ending=False)
    database.begin_restoring(engine)
    jobs.run(DRAIN)
    assert _is_due(engine)
    with engine.begin() as connection:
        database.end_restoring(connection)
    jobs.run(DRAIN)
    assert not _is_due(engine)


def test_the_collector_waits_while_accounts_are_lived_and_comes_afterwards(engine: Engine, tmp_path: Path) -> None:
    """Also when a job ends in an error; a worker that has nothing to do, or waits for a server, has its collector."""
    open_account(engine)
    _make_due(engine)
    _equip(engine, tmp_path, is_ending=False)
    seen = list[bool]()
    event.listen(engine, "before_cursor_execute", lambda *_: seen.append(gc.isenabled()))
    jobs.run(DRAIN)
    assert ({False}, True) == (set(seen), gc.isenabled())
    seen.clear()
    jobs.run(DELIVER)
    assert {True} == set(seen)
    event.listen(engine, "before_cursor_execute", _fail)
    with pytest.raises(ZeroDivisionError):
        jobs.run(DRAIN)
    assert gc.isenabled()


def _fail(*_: object) -> None:
    raise ZeroDivisionError


@pytest.fixture
def worker(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A drain worker in a process of its own."""
    names = {"ARFLOW_DATABASE_URL": database_url, "ARFLOW_REDIS_URL": redis_url, "ARFLOW_HOME": str(tmp_path)}
    command = [sys.executable, "-P", "-m", "workers.worker", "--name", "tested", "--log-file", DRAIN]
    process = subprocess.Popen(command, env=os.environ | names)
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize(("is_worn", "lasts"), [(True, WORN_JOBS), (False, JOBS)])
def test_a_worn_out_worker_ends_but_not_after_every_job(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, is_worn: bool, lasts: int
) -> None:
    """Where more policies are active than a process compiles, the next one will be worn as soon as it begins."""
    monkeypatch.setattr(SimpleWorker, "execute_job", lambda *_: None)
    evaluator, ending = DurableRules(), Ending()
    evaluator._is_worn = is_worn
    listener = Listener(DRAIN, "tested", redis, ending, evaluator)
    job, queue = queues.Ring("one", connection=redis), queues.queue(redis, DRAIN)
    while not ending.is_told() and listener.taken < JOBS:
        listener.execute_job(job, queue)
    assert (lasts, is_worn) == (listener.taken, listener._stop_requested)


def _log(tmp_path: Path) -> str:
    path = tmp_path / "logs" / "tested.log"
    return path.read_text() if path.exists() else ""


def test_a_worker_does_what_is_rung_for_and_nothing_else(
    worker: subprocess.Popen[bytes], engine: Engine, redis: Redis, tmp_path: Path
) -> None:
    """Junk is refused and reported, and the worker goes on; Redis is wiped, and it is seen there again."""
    open_account(engine)
    redis.set("rq:suspended", 1)  # what RQ's own workers would wait for
    for name in JUNK:
        put_junk(redis, name, tmp_path / "made")
    until(lambda: queues.refused_or_failed(redis, DRAIN) == len(JUNK), PATIENCE)
    until(lambda: _log(tmp_path).count("a foreign job was refused") == len(JUNK), PATIENCE)
    assert not (tmp_path / "made").exists()

    redis.rpush("rq:queue:arflow-drain", b"\xff\x00", "no such job", "list")
    redis.rpush("rq:job:list", "a list in the place of a job")
    _make_due(engine)
    queues.ring(redis, DRAIN, 4)
    until(lambda: not _is_due(engine), PATIENCE)

    redis.flushall()
    until(lambda: queues.workers_seen(redis) == {DRAIN: 1, DELIVER: 0}, PATIENCE)

    worker.send_signal(signal.SIGTERM)
    assert 0 == worker.wait(PATIENCE)
    assert {DRAIN: 0, DELIVER: 0} == queues.workers_seen(redis)

"""`arflow up` goes on: each of its processes may die, its Redis may be wiped, and other commands come and go."""

import datetime as dt
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from arflow import queues
from arflow.queues import DELIVER, DRAIN
from arflow.store import accounts, database, tables
from tests.servers import ON_DEBIAN, PROGRAM, Up, is_alive, until
from tests.workers.books import NAME, open_account

pytestmark = [pytest.mark.database, pytest.mark.slow]

SECONDS = 10.0
"""Within which work goes on."""

SERVERS = () if ON_DEBIAN else ("valkey", "Valkey", "postgres", "PostgreSQL")
PROCESSES = ("ticker", "drain-1", "deliver-1", "web", *SERVERS)
_PAST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def up(folder: Path, servers: dict[str, str]) -> Iterator[Up]:
    """One running stack for all tests of this module."""
    made = Up(folder / "home", **servers).wait()
    yield made
    made.end()


@pytest.fixture(scope="module")
def engine(up: Up) -> Iterator[Engine]:
    """Its database, with one account."""
    made = database.connect(up.database_url)
    open_account(made)
    yield made
    made.dispose()


def _works(up: Up, engine: Engine) -> None:
    """An account that is due is looked at, messages are asked for, and the pages answer: each within SECONDS."""
    until(lambda: _made_due(engine), SECONDS)
    until(lambda: not _is_due(engine), SECONDS)
    until(lambda: _delivers(up), SECONDS)
    until(up.answers, SECONDS)


def _made_due(engine: Engine) -> bool:
    try:
        with engine.begin() as connection:
            accounts.make_due(connection, _PAST, _PAST.date())
    except Exception:  # noqa: BLE001  # whatever a server says that was killed just now
        return False
    return True


def _is_due(engine: Engine) -> bool:
    account = tables.account
    with engine.connect() as connection:
        due = connection.execute(select(account.c.next_due).where(account.c.id == NAME)).scalar()
    return due is not None and due <= _PAST


def _delivers(up: Up) -> bool:
    """Whether a deliver worker hears a ring."""
    try:
        with up.redis as redis:
            queues.ring(redis, DELIVER, 1)
            until(lambda: queues.waiting(redis, DELIVER) == 0, SECONDS)
    except (queues.RedisRefused, *queues.Unreachable):
        return False
    return True


@pytest.mark.parametrize("name", PROCESSES)
def test_work_goes_on_when_a_process_is_killed(up: Up, engine: Engine, name: str) -> None:
    """Killed with -9, each in turn, it is there again, and what is due is looked at."""
    before = up.children()
    os.kill(before[name], signal.SIGKILL)
    until(lambda: not is_alive(before[name]), SECONDS)
    _works(up, engine)
    until(lambda: {*before} == {*up.children()}, SECONDS)
    assert before[name] != up.children()[name]


def test_work_goes_on_when_redis_is_wiped(up: Up, engine: Engine) -> None:
    with up.redis as redis:
        redis.flushall()
        _works(up, engine)
        until(lambda: queues.workers_seen(redis) == {DRAIN: 1, DELIVER: 1}, SECONDS)


def test_a_second_up_says_so(up: Up) -> None:
    said = subprocess.run(
        [PROGRAM, "up"], env=os.environ | {"ARFLOW_HOME": str(up.home)}, capture_output=True, text=True, check=False
    )
    line = f"arflow: arflow is up already in {up.home}; end that one first, or set another ARFLOW_HOME\n"
    assert (2, "", line) == (said.returncode, said.stdout, said.stderr)


def test_other_commands_come_and_go(up: Up, engine: Engine) -> None:
    """A command that ends does not take the database with it."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("ARFLOW_")}
    names = {"ARFLOW_HOME": str(up.home), **up.servers}
    said = subprocess.run([PROGRAM, "report", "pipeline"], env=env | names, capture_output=True, text=True, check=False)
    assert (0, "") == (said.returncode, said.stderr)
    assert _made_due(engine)
    assert up.answers()


def test_logs_are_one_object_a_line_and_readable_by_nobody_else(up: Up, engine: Engine) -> None:
    logs = up.home / "logs"
    assert 0o700 == logs.stat().st_mode & 0o777
    lines = [line for log in logs.glob("*.log") for line in log.read_text().splitlines()]
    assert lines
    assert all(line.startswith("{") and line.endswith("}") for line in lines)
    assert all("postgresql://" not in line for line in lines)

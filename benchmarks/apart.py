"""Workers that stand somewhere else than the servers: each in a network namespace of its own, behind a relay.

A hub has a link to each worker; in it the relay listens, and holds all bytes both ways. Namespaces have no names: each
lasts as long as processes are in it, and all of those end when this process does, however it ends. Whoever may make
none has the workers on the loopback of this machine, behind the same relay.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy.engine import make_url

from benchmarks.crew import Site
from benchmarks.racing import ROOT, FellOver
from tests.servers import PATIENCE, until

_LOOPBACK = "127.0.0.1"
_HOLD = ("unshare", "--net", "cat")
"""A process in a network namespace of its own, which ends with its standard input."""


@dataclass(frozen=True, kw_only=True)
class Apart:
    """The sites of workers, and the relay between them and the servers."""

    sites: tuple[Site, ...]
    relay: "subprocess.Popen[str]"

    def delay(self, round_trip: float) -> None:
        """Let each way take half of `round_trip` seconds longer from now on."""
        assert self.relay.stdin is not None
        self.relay.stdin.write(f"{round_trip / 2}\n")
        self.relay.stdin.flush()
        time.sleep(0.05)  # it reads that in a thread of its own


@cache
def may_be_made() -> bool:
    """Whether this process may make network namespaces and links between them."""
    try:
        with _namespace() as one, _namespace() as other:
            _link(one, other, 1)
    except (OSError, subprocess.CalledProcessError, FellOver):
        return False
    return True


@contextmanager
def apart(database_url: str, redis_url: str, workers: int) -> Iterator[Apart]:
    """A site for each of so many workers, apart from these two servers, without delay to begin with."""
    paths = {"database": _database_socket(database_url), "redis": unquote(urlsplit(redis_url).path)}
    with ExitStack() as stack:
        if not may_be_made():
            relay, ports = stack.enter_context(_relay((), _LOOPBACK, paths))
            yield Apart(sites=(_site((), _LOOPBACK, database_url, ports),) * workers, relay=relay)
            return
        hub = stack.enter_context(_namespace())
        places = [stack.enter_context(_namespace()) for _ in range(workers)]
        hosts = [_link(hub, place, number) for number, place in enumerate(places, start=1)]
        relay, ports = stack.enter_context(_relay(_within(hub), "0.0.0.0", paths))  # noqa: S104  # of the hub alone
        sites = [_site(_within(place), host, database_url, ports) for place, host in zip(places, hosts, strict=True)]
        yield Apart(sites=tuple(sites), relay=relay)


def _database_socket(url: str) -> str:
    return f"{make_url(url).query['host']}/.s.PGSQL.5432"


def _site(command: Sequence[str], host: str, database_url: str, ports: Mapping[str, int]) -> Site:
    there = make_url(database_url).set(host=host, port=ports["database"], query={})
    return Site(
        command=tuple(command),
        database_url=there.render_as_string(hide_password=False),
        redis_url=f"redis://{host}:{ports['redis']}/0",
    )


@contextmanager
def _relay(
    command: Sequence[str], host: str, paths: Mapping[str, str]
) -> Iterator[tuple["subprocess.Popen[str]", Mapping[str, int]]]:
    """A relay that runs behind `command`, and its ports."""
    given = json.dumps({"host": host, "paths": dict(paths)})
    started = [*command, sys.executable, "-m", "benchmarks.relay", given]
    with subprocess.Popen(started, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as relay:
        try:
            assert relay.stdout is not None
            yield relay, json.loads(relay.stdout.readline())
        finally:
            relay.kill()


# --- namespaces -------------------------------------------------------------------------------------------------------


@contextmanager
def _namespace() -> Iterator[int]:
    """A network namespace with its loopback; gives a process in it, which ends with our end of its standard input."""
    ours = Path("/proc/self/ns/net").readlink()
    with subprocess.Popen(_HOLD, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as held:
        theirs = Path(f"/proc/{held.pid}/ns/net")
        try:
            until(lambda: held.poll() is not None or theirs.readlink() != ours, PATIENCE)
            if held.poll() is not None:
                raise FellOver("no network namespace can be made")
            _rule(held.pid, "link", "set", "lo", "up")
            yield held.pid
        finally:
            held.kill()


def _link(hub: int, place: int, number: int) -> str:
    """Join two namespaces by a link; gives the address of the hub's end."""
    near, far = f"10.77.{number}.1", f"10.77.{number}.2"
    _rule(hub, "link", "add", f"to{number}", "type", "veth", "peer", "name", "hub", "netns", str(place))
    for process, name, address in ((hub, f"to{number}", near), (place, "hub", far)):
        _rule(process, "address", "add", f"{address}/30", "dev", name)
        _rule(process, "link", "set", name, "up")
    return near


def _rule(process: int, *words: str) -> None:
    """Run `ip` in the namespace of a process."""
    subprocess.run([*_within(process), "ip", *words], check=True, stderr=subprocess.DEVNULL)


def _within(process: int) -> tuple[str, ...]:
    """What a command begins with that is to run in the namespace of a process."""
    return ("nsenter", "--target", str(process), "--net")

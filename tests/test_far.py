"""Workers apart from their servers: the relay holds every byte for a while and loses none, and nothing stays behind."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

from benchmarks import apart
from benchmarks.racing import ROOT
from tests.servers import is_alive, until, valkey


@contextmanager
def echo(path: Path) -> Iterator[str]:
    """A server on a unix socket that says what it hears."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def answer(one: socket.socket) -> None:
        with one:
            while piece := one.recv(1 << 16):
                one.sendall(piece)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield str(path)
    server.close()


@contextmanager
def relayed(path: str, delay: float) -> Iterator[socket.socket]:
    """A connection through a relay that holds each direction for `delay` seconds."""
    given = json.dumps({"host": "127.0.0.1", "paths": {"echo": path}})
    command = [sys.executable, "-m", "benchmarks.relay", given]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as relay:
        assert relay.stdin is not None
        assert relay.stdout is not None
        port = json.loads(relay.stdout.readline())["echo"]
        relay.stdin.write(f"{delay}\n")
        relay.stdin.flush()
        time.sleep(0.2)
        with socket.create_connection(("127.0.0.1", port), 60) as near:
            yield near
        relay.stdin.close()  # and it ends
        assert relay.wait(10) == 0


def test_a_relay_holds_each_piece_for_the_delay(tmp_path: Path) -> None:
    with echo(tmp_path / "echo") as path, relayed(path, 0.05) as near:
        for _ in range(5):
            begun = time.monotonic()
            near.sendall(b"ping")
            assert near.recv(100) == b"ping"
            assert time.monotonic() - begun >= 0.1


def test_a_relay_loses_nothing_and_does_not_make_what_follows_wait(tmp_path: Path) -> None:
    """A hundred pieces of 100 kB each that follow each other come as they were, and not one delay after the other."""
    said = Random(1).randbytes(10_000_000)

    def speak(near: socket.socket) -> None:
        for at in range(0, len(said), 100_000):
            near.sendall(said[at : at + 100_000])
        near.shutdown(socket.SHUT_WR)

    with echo(tmp_path / "echo") as path, relayed(path, 0.2) as near:
        begun = time.monotonic()
        threading.Thread(target=speak, args=(near,)).start()
        heard = b"".join(iter(lambda: near.recv(1 << 16), b""))
        assert said == heard
        assert time.monotonic() - begun < 0.5 * 100 * 0.4


def namespace_of(process: int | str) -> str:
    """The network namespace of a process."""
    return str(Path(f"/proc/{process}/ns/net").readlink())


def is_there(namespace: str) -> bool:
    """Whether any process is in a network namespace."""
    for place in Path("/proc").glob("[0-9]*/ns/net"):
        with suppress(OSError):  # it has ended meanwhile
            if str(place.readlink()) == namespace:
                return True
    return False


NOWHERE = "postgresql://postgres:@/arflow?host=/nowhere"


def test_workers_reach_the_servers_through_the_relay_each_from_its_own_network(tmp_path: Path) -> None:
    ping = "import os, redis, sys; print(redis.Redis.from_url(sys.argv[1]).ping(), os.readlink('/proc/self/ns/net'))"
    with valkey(tmp_path) as url:
        with apart.apart(NOWHERE, url, 2) as place:
            commands = [[*site.command, sys.executable, "-c", ping, site.redis_url] for site in place.sites]
            said = [subprocess.run(one, capture_output=True, text=True, check=True).stdout for one in commands]
            relays = namespace_of(place.relay.pid)
        assert {"True"} == {line.split()[0] for line in said}
        there = {relays, *(line.split()[1] for line in said)}
    assert len(there) == (3 if apart.may_be_made() else 1)
    assert not any(is_there(one) for one in there - {namespace_of("self")})


def test_no_namespace_outlives_who_made_it(tmp_path: Path) -> None:
    """Killed with -9, it can clean nothing up, and nothing needs to be."""
    code = (
        "import time; from benchmarks.apart import apart\n"
        f"with apart('{NOWHERE}', 'unix://{tmp_path}/none', 1) as place:\n"
        "    print(place.relay.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT) as maker:
        assert maker.stdout is not None
        relay = int(maker.stdout.readline())
        theirs = namespace_of(relay)
        maker.kill()
    until(lambda: not is_alive(relay), 10)
    until(lambda: theirs == namespace_of("self") or not is_there(theirs), 10)

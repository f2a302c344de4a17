"""A network that takes its time: `python -m benchmarks.relay GIVEN` hands on bytes between workers and servers, later.

It listens on a TCP port for each server, tells the ports as JSON, and carries each connection to the server's unix
socket. Every piece that comes in goes on when it has been held for the delay, in its order; while it is held others
come in, so that nothing but the time is lost. A line on standard input is the delay of each direction in seconds, from
then on. It ends when standard input does, so that it outlives nobody.
"""

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import SimpleQueue

_MOST = 1 << 18
"""How many bytes are taken in at once."""

Delay = Callable[[], float]


def carry(source: socket.socket, target: socket.socket, delay: Delay) -> None:
    """Hand on what comes from `source`, and its end, to `target`, each piece as much later as `delay` says then."""
    held: SimpleQueue[tuple[float, bytes]] = SimpleQueue()

    def take_in() -> None:
        piece = b"?"
        while piece:
            try:
                piece = source.recv(_MOST)
            except OSError:  # it was torn down, which is an end too
                piece = b""
            held.put((time.monotonic() + delay(), piece))

    def hand_on() -> None:
        piece = b"?"
        with suppress(OSError):  # nobody is there any more
            while piece:
                due, piece = held.get()
                time.sleep(max(0.0, due - time.monotonic()))
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)

    for work in (take_in, hand_on):
        threading.Thread(target=work, daemon=True).start()


def listen(host: str, path: str, delay: Delay) -> int:
    """Listen on a port of `host` for those who want to reach the unix socket `path`; gives the port."""
    server = socket.create_server((host, 0))

    def accept() -> None:
        while True:
            near, _ = server.accept()
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            far = socket.socket(socket.AF_UNIX)
            far.connect(path)
            carry(near, far, delay)
            carry(far, near, delay)

    threading.Thread(target=accept, daemon=True).start()
    return int(server.getsockname()[1])


def main(host: str, paths: Mapping[str, str]) -> None:
    """Relay until standard input ends."""
    held = [0.0]
    ports = {name: listen(host, path, lambda: held[0]) for name, path in paths.items()}
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        held[0] = float(line)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))

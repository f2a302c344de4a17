"""Keeps the embedded PostgreSQL: starts it or finds it running, ends when it is gone, and ends it when told to."""

import logging
import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from arflow.errors import DatabaseRefused
from arflow.logs import failure, log
from arflow.stack import keeping
from arflow.store import embedded
from workers import entry, lifeline
from workers.ending import Ending, Stopped
from workers.entry import Process

ORDERLY_SECONDS, HURRIED_SECONDS = 30.0, 1.5
"""How long the server has to end in order; and when the supervisor is gone."""


def work(process: Process) -> None:
    """Keep the server of this home."""
    home = process.settings.home
    with suppress(Stopped):
        _keep(home, process.ending)
    _end(home)
    log(__name__).info("ends")
    _leave(0)


def _keep(home: Path, ending: Ending) -> None:
    """Start the server and watch it. Raises Stopped when told to end while it is waited for."""
    try:
        url = embedded.start(home, keeping.say_waits, ending.stop_if_told)
    except DatabaseRefused as refused:
        keeping.say_refused(str(refused))
        raise
    keeping.say_ready(url)
    place = _listens_at(home)
    keeping.watch(ending, lambda: _answers(place), lambda: _start_again(home, ending))


def _start_again(home: Path, ending: Ending) -> None:
    """Start it, or see it next time: what is left of the one before may still be in the way."""
    try:
        embedded.start_again(home, _note, ending.stop_if_told)
    except DatabaseRefused as refused:
        log(__name__).error("PostgreSQL does not start yet", **failure(refused))


def _note(what: str) -> None:
    """Nobody listens to a keeper any more that was ready once."""
    log(__name__).warning("the server is not ready yet", what=what)


def _leave(status: int) -> NoReturn:
    """End without the wheel, which would look for a server that is not there."""
    logging.shutdown()
    os._exit(status)


def _listens_at(home: Path) -> str:
    """The server's socket, as its own file says."""
    lines = (home / "postgres" / "postmaster.pid").read_text().splitlines()
    return f"{lines[4]}/.s.PGSQL.{lines[3]}"


def _answers(place: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as there:
        there.settimeout(5)
        try:
            there.connect(place)
        except OSError:
            return False
    return True


def _end(home: Path) -> None:
    """End the server: in order, and when that takes too long, at once; it recovers from that at its next start."""
    since = time.monotonic()
    pid, number = embedded.process_of(home), signal.SIGINT
    while pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        while embedded.process_of(home) == pid and time.monotonic() - since < _patience():
            time.sleep(0.05)
        if embedded.process_of(home) != pid or number == signal.SIGQUIT:
            break
        log(__name__).warning("PostgreSQL is ended at once")
        number = signal.SIGQUIT


def _patience() -> float:
    return HURRIED_SECONDS if lifeline.is_lost() else ORDERLY_SECONDS


if __name__ == "__main__":
    entry.run(entry.parser("arflow.stack.postgres", __doc__ or "").parse_args(), work)

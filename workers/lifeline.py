"""A child must not outlive its supervisor: it ends when its standard input does, however the supervisor died.

Standard input is the reading end of a pipe whose writing end only the supervisor holds. Nothing is ever written.
"""

import os
import signal
import threading
import time

from arflow.logs import log

SECONDS = 3.0
"""How long a child has for an orderly end."""


_lost = threading.Event()


def is_lost() -> bool:
    """Whether the supervisor is gone, so that this process has only SECONDS left."""
    return _lost.is_set()


def hold() -> None:
    """Watch standard input from now on."""
    threading.Thread(target=_watch, name="lifeline", daemon=True).start()


def _watch() -> None:
    while os.read(0, 64):
        pass
    _lost.set()
    log(__name__).warning("the supervisor is gone")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS)
    os._exit(1)

"""How a keeper of a server speaks with its supervisor: that it waits, then that it is ready, each a line on its output.

From then on it watches until it ends.
"""

import json
import sys
from collections.abc import Callable

from arflow.logs import log
from workers.ending import Ending

LOOK_SECONDS = 0.5


def say_ready(url: str) -> None:
    """Tell the supervisor where the server is."""
    _say({"url": url})


def say_waits(what: str) -> None:
    """Tell the supervisor why the server is not ready yet."""
    log(__name__).warning("the server is not ready yet", what=what)
    _say({"waits": what})


def say_refused(reason: str) -> None:
    """Tell the supervisor why the server cannot be there."""
    _say({"refused": reason})


def _say(told: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def watch(ending: Ending, is_there: Callable[[], bool], start_again: Callable[[], None]) -> None:
    """Look at the server until told to end, and start it again when it is not there twice in a row."""
    missed = 0
    while not ending.wait(LOOK_SECONDS):
        missed = 0 if is_there() else missed + 1
        if missed > 1:
            log(__name__).error("the server is gone and is started again")
            start_again()
            missed = 0

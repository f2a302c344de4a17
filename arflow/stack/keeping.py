"""How a keeper of a server speaks with its supervisor: one line on standard output, then it watches until it ends."""

import json
import sys
from collections.abc import Callable

from workers.patience import Ending

LOOK_SECONDS = 0.5


class ServerGone(Exception):
    """The server that was kept is gone; its keeper ends, and is to be started again."""


def say_ready(url: str) -> None:
    """Tell the supervisor where the server is."""
    _say({"url": url})


def say_refused(reason: str) -> None:
    """Tell the supervisor why the server cannot be there."""
    _say({"refused": reason})


def _say(told: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def watch(ending: Ending, is_there: Callable[[], bool]) -> None:
    """Look at the server until told to end. Raises ServerGone when it is not there twice in a row."""
    missed = 0
    while not ending.wait(LOOK_SECONDS):
        missed = 0 if is_there() else missed + 1
        if missed > 1:
            raise ServerGone

"""Two locks of a home: one that its supervisor holds, and one that lives as long as any of its children.

The first makes a second `arflow up` say so at once. The second lets the next one wait until what a killed supervisor
left behind is gone. The kernel lets go of both when their holders end, however they do.
"""

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from arflow.errors import ArflowError
from arflow.stack.places import Places

WAIT_SECONDS = 15.0


class UpAlready(ArflowError):
    """Somebody else's `arflow up` is there."""


class Locks:
    """The locks of one run."""

    def __init__(self, places: Places) -> None:
        self._home = places.home
        self._own = _owned(places.run)
        self.of_children = _opened(places.run / "children.lock")
        """A descriptor that every child inherits."""

    def wait_for_the_last_run(self, stop_if_told: Callable[[], None]) -> None:
        """Wait until no child of an earlier run is left. Raises UpAlready when they do not end."""
        until = time.monotonic() + WAIT_SECONDS
        while not _take(self.of_children):
            stop_if_told()
            if time.monotonic() > until:
                raise UpAlready(f"processes of an earlier `arflow up` in {self._home} do not end; end them first")
            time.sleep(0.1)

    def release(self) -> None:
        """Let go of both."""
        os.close(self.of_children)
        os.close(self._own)


def _owned(run: Path) -> int:
    """The supervisor's lock, taken. Raises UpAlready.

    Whoever ends takes the folder away, so a lock counts only while the file that was locked is still the one there.
    """
    while True:
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = run / "up.lock"
        with suppress(FileNotFoundError):  # taken away between two lines of this
            descriptor = _opened(path)
            if not _take(descriptor):
                os.close(descriptor)
                raise UpAlready(f"arflow is up already in {run.parent}; end that one first, or set another ARFLOW_HOME")
            if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
            os.close(descriptor)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

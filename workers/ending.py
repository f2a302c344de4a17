"""How a process is told to end, and waits until then. No database and no Redis here: a keeper of a server has none."""

import signal
import threading
from types import FrameType


class Stopped(BaseException):
    """Told to end before the work could begin."""


class Ending:
    """Whether this process was told to end; SIGTERM and SIGINT tell it."""

    def __init__(self) -> None:
        self._told = threading.Event()

    def listen(self) -> None:
        """Take the signals from now on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.told)

    def told(self, *_: int | FrameType | None) -> None:
        """End as soon as it can be done in order."""
        self._told.set()

    def is_told(self) -> bool:
        """Whether it was told to end."""
        return self._told.is_set()

    def stop_if_told(self) -> None:
        """Raise Stopped when it was told to end."""
        if self.is_told():
            raise Stopped

    def wait(self, seconds: float) -> bool:
        """Wait; gives whether it was told to end meanwhile."""
        return self._told.wait(seconds)

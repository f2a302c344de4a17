"""How a program that takes part tells of itself: ready, then from its first to its last account, by the real clock.

What comes before the first account (imports, connections, waiting for the bell) is not counted: it is paid once.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Timed:
    """Counts what this process does, and when it began and ended."""

    def __init__(self) -> None:
        self.handled, self.began, self.ended = 0, 0.0, 0.0
        self._lock = threading.Lock()

    @contextmanager
    def one(self) -> Iterator[None]:
        """What is done within is one account."""
        with self.batch() as count:
            yield
            count(1)

    @contextmanager
    def batch(self) -> Iterator[Callable[[int], None]]:
        """What is done within is as many accounts as are counted; none is as if nothing had been done."""
        begun, counted = time.time(), list[int]()
        yield counted.append
        number = sum(counted)
        with self._lock:
            self.handled += number
            if number:
                self.began = min(self.began or begun, begun)
                self.ended = max(self.ended, time.time())

    def tell(self) -> None:
        """Say it, as the last line."""
        sys.stdout.write(json.dumps({"handled": self.handled, "began": self.began, "ended": self.ended}) + "\n")
        sys.stdout.flush()


def wait_for_go() -> None:
    """Say that all is ready, and wait until everybody is."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()

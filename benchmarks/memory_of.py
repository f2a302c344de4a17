"""How much memory processes hold, watched from outside while something lasts."""

import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MEGABYTE = 1_000_000
_ANONYMOUS = re.compile(r"^Anonymous:\s+(\d+) kB", re.MULTILINE)


class Watch:
    """Looks at processes now and then, in a thread."""

    def __init__(self, processes: Mapping[str, int], seconds: float) -> None:
        self._processes, self._seconds, self._over = processes, seconds, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._found: dict[str, list[float]] = {name: [] for name in processes}

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def megabytes(self) -> dict[str, tuple[float, ...]]:
        """What each held, in order."""
        return {name: tuple(found) for name, found in self._found.items()}

    def _look(self) -> None:
        while True:
            for name, pid in self._processes.items():
                self._found[name].append(held(pid))
            if self._over.wait(self._seconds):
                return


def held(pid: int) -> float:
    """Megabytes that a process holds: of a database session without the buffers, which all sessions share."""
    folder = Path("/proc") / str(pid)
    if folder.joinpath("comm").read_text().startswith("postgres"):
        found = _ANONYMOUS.search(folder.joinpath("smaps_rollup").read_text())
        return int(found[1]) * 1_024 / _MEGABYTE if found else 0.0
    return int(folder.joinpath("statm").read_text().split()[1]) * _PAGE / _MEGABYTE

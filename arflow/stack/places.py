"""Where the stack keeps what it needs while it runs: locks, sockets, logs; all of it under ARFLOW_HOME if that fits.

The path of a unix socket may have at most 107 bytes, and a configuration file of Valkey has no quotes. A home that is
too long or has such signs gets a folder among the system's temporary ones for its Valkey.
"""

import hashlib
import os
import re
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from arflow.errors import ArflowError

LONGEST_SOCKET = 107
_PLAIN = re.compile(r"[\w./+@=,~-]+")


class PlaceRefused(ArflowError):
    """A folder that the stack needs is somebody else's."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """The folders of a home."""

    home: Path

    @property
    def run(self) -> Path:
        """Holds the locks while the stack runs."""
        return self.home / "run"

    @property
    def valkey(self) -> Path:
        """Holds Valkey's socket, configuration and log."""
        own = self.home / "valkey"
        fits = len(os.fsencode(own / "valkey.sock")) <= LONGEST_SOCKET and _PLAIN.fullmatch(str(own))
        return own if fits else self._temporary

    @property
    def socket(self) -> Path:
        """Where Valkey listens."""
        return self.valkey / "valkey.sock"

    @property
    def _temporary(self) -> Path:
        mark = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"arflow-{os.geteuid()}-{mark}"

    def make_valkey(self) -> Path:
        """Make Valkey's folder, which only its user may enter. Raises PlaceRefused."""
        folder = self.valkey
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise PlaceRefused(f"{folder} belongs to somebody else; remove it, or set TMPDIR or ARFLOW_HOME")
        folder.chmod(0o700)
        return folder

    def clear(self) -> None:
        """Leave nothing behind of a run."""
        shutil.rmtree(self.run, ignore_errors=True)
        if self.valkey == self._temporary:
            shutil.rmtree(self.valkey, ignore_errors=True)

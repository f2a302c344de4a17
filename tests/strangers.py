"""Another user of the same machine, who tries to reach our servers. Only root can be somebody else."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

_CONNECT = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
_MODE = 0o700


def assert_closed(socket: Path, owner: int) -> None:
    """Nobody but its owner may connect to a socket, or put another one into its place."""
    for path in (socket.parent, socket):
        found = path.lstat()
        assert (owner, 0) == (found.st_uid, stat.S_IMODE(found.st_mode) & ~_MODE), path
    if os.geteuid() == 0:
        python = shutil.which("python3", path="/usr/local/bin:/usr/bin") or sys.executable
        done = subprocess.run(
            [python, "-I", "-c", _CONNECT, socket], user="nobody", capture_output=True, text=True, check=False, cwd="/"
        )
        assert "PermissionError" in done.stderr

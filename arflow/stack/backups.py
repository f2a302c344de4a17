"""A backup is a folder: a dump of the database as it stood at one moment, and a manifest that says what is in it.

It is made while everything runs. A restored copy is the same company at that moment, with delivery off and, if it is a
demo's, a clock that stands; whoever was logged in is not. What was to be handed over then may have been, by the
original: it has failed in the copy, where people see it and may repeat it. Until all of this is so, nobody can use it.
"""

import datetime as dt
import hashlib
import json
import os
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import Connection, Engine, delete, func, select, text, update
from sqlalchemy.exc import OperationalError

from arflow import anchors, clock
from arflow.accounts.entries import EffectStatus
from arflow.advance import BATCH, Delivery, deliver_results, turn_delivery
from arflow.errors import DatabaseRefused, Refused
from arflow.stack import programs
from arflow.stack.programs import Command, Programs
from arflow.store import database, desk_tables, migrating, tables

DUMP, MANIFEST = "arflow.dump", "manifest.json"
ACTOR = "restore"
_CHUNK = 1 << 20
_LAST_LINES = 3

Progress = Callable[[str, float], None]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What is in a backup, and of when."""

    arflow: str
    schema: str
    made_at: str
    postgresql: int
    rows: Mapping[str, int]
    bytes: int
    sha256: str
    programs: int = 0
    """The major version of the pg_dump that made it; 0 where that was not noted yet."""

    anchor: str = ""
    """The line of the anchor that was made just before, or of the last one that could be."""


def require_new(folder: Path) -> None:
    """Raise Refused when `folder` is there already, or what a backup that was killed has left of it."""
    if folder.exists():
        raise Refused("is there already; name a folder that is not", file=str(folder.absolute()))
    if (left := _unfinished(folder)).exists():
        raise Refused(
            "a backup of this name was begun and not ended; remove this unless it is still running",
            file=str(left.absolute()),
        )


def _unfinished(folder: Path) -> Path:
    """Where a backup is until it is whole."""
    return folder.with_name(f".{folder.name}.unfinished")


def make(engine: Engine, folder: Path, at: Progress, anchor: str = "") -> Manifest:
    """Back the database up into `folder`, which may not be there yet. All of it is of one moment."""
    require_new(folder)
    fitting = programs.fitting(engine)
    unfinished = _unfinished(folder)
    unfinished.mkdir(mode=0o700, parents=True)
    try:
        made = replace(_dumped(engine, fitting, unfinished, at), anchor=anchor)
        _write(unfinished / MANIFEST, json.dumps(asdict(made), indent=2) + "\n")
        unfinished.rename(folder)
    finally:
        for path in (unfinished / DUMP, unfinished / MANIFEST):
            path.unlink(missing_ok=True)
        if unfinished.exists():
            unfinished.rmdir()
    return made


def _write(path: Path, content: str) -> None:
    """Write a file that is on disk when this returns."""
    with path.open("w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _dumped(engine: Engine, fitting: Programs, folder: Path, at: Progress) -> Manifest:
    dump = folder / DUMP
    with _one_moment(engine) as (connection, of_moment):
        rows = _rows(connection)
        arguments = ("--format=custom", "--no-owner", "--no-privileges", "--verbose", f"--file={dump}", *of_moment)
        _run(fitting.command("pg_dump", engine, *arguments), at, len(rows))
        schema = database.schema_version(connection) or ""
    dump.chmod(0o600)
    return Manifest(
        arflow=version("arflow"),
        schema=schema,
        made_at=clock.real_now().isoformat(timespec="seconds"),
        postgresql=fitting.server,
        rows=rows,
        bytes=dump.stat().st_size,
        sha256=_digest(dump, at),
        programs=fitting.major,
    )


@contextmanager
def _one_moment(engine: Engine) -> Iterator[tuple[Connection, Sequence[str]]]:
    """A connection that sees everything as it stood at one moment, and the arguments with which pg_dump sees the same.

    The server hands a moment on as a file. Where its disk has no room for that, nobody may write meanwhile.
    """
    with database.one_moment(engine) as connection:
        snapshot = _exported(connection)
        if snapshot is not None:
            yield connection, (f"--snapshot={snapshot}",)
            return
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        connection.execute(text(f"LOCK TABLE {', '.join(sorted(tables.metadata.tables))} IN SHARE MODE"))
        yield connection, ()


def _exported(connection: Connection) -> str | None:
    """The name of the moment that a connection sees; None when the server cannot write it down."""
    try:
        return str(connection.execute(text("SELECT pg_export_snapshot()")).scalar_one())
    except OperationalError as error:
        if error.connection_invalidated:
            raise
        return None


def _rows(connection: Connection) -> dict[str, int]:
    """How many rows each of our tables has."""
    return {name: _count(connection, name) for name in sorted(tables.metadata.tables)}


def _digest(dump: Path, at: Progress) -> str:
    digest, total = hashlib.sha256(), max(1, dump.stat().st_size)
    with dump.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            at("checksum", file.tell() / total)
    return digest.hexdigest()


def read(folder: Path) -> Manifest:
    """The manifest of a backup. Raises Refused when the folder is none, or none that this arflow can read."""
    path = folder / MANIFEST
    try:
        made = _manifest(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise Refused(f"there is no {MANIFEST}; name a folder that `arflow backup` made", file=str(folder)) from None
    except (ValueError, TypeError, AttributeError):
        raise Refused("is not the manifest of a backup", file=str(path)) from None
    if made.schema not in database.known_versions():
        raise Refused(f"is of schema `{made.schema}`, which is newer than this arflow; upgrade arflow", file=str(path))
    return made


def _manifest(said: Mapping[str, Any]) -> Manifest:
    """A manifest as it stands in its file. What a later arflow says besides is passed over: its schema tells it."""
    known = {field.name for field in fields(Manifest)}
    return Manifest(**{name: value for name, value in said.items() if name in known})


def restore(engine: Engine, folder: Path, at: Progress, home: Path | None = None) -> Manifest:
    """Restore a backup into an empty database; in `home` the file of anchors begins with the line of the backup.

    Raises Refused, DatabaseRefused; then nothing was changed, or nobody can use the copy until it is restored again.
    """
    made = read(folder)
    _require_unused(engine)
    if home is not None:
        anchors.require_room(home)
    fitting, dump = _fitting(engine, made), folder / DUMP
    with _alone(engine):
        if not dump.is_file() or _digest(dump, at) != made.sha256:
            raise Refused("is not the file that was backed up: its checksum differs", file=str(dump))
    arguments = ("--single-transaction", "--exit-on-error", "--clean", "--if-exists", "--no-owner", "--no-privileges")
    _run(fitting.command("pg_restore", engine, *arguments, "--verbose", str(dump)), at, len(made.rows))
    _require_same(engine, made)
    migrating.migrate(engine)
    if home is not None:
        anchors.begin_anew(home, made.anchor)  # before anybody can use the copy: the old file would belie it
    _settle(engine, f"restored from a backup of {made.made_at}")
    return made


def _require_unused(engine: Engine) -> None:
    """Raise DatabaseRefused when somebody worked with the database already; its bare tables do not count."""
    with engine.connect() as connection:
        if database.schema_version(connection) is None or database.is_restoring(connection):
            return
    database.require_current(engine)
    with engine.connect() as connection:
        used = [name for name, rows in _rows(connection).items() if rows and name not in _NO_MATTER]
    if used:
        raise DatabaseRefused(
            f"the database is in use (its table `{used[0]}` has rows); restore into an empty one, with another "
            "ARFLOW_HOME or ARFLOW_DATABASE_URL"
        )


_NO_MATTER = ("clock", "heartbeat", "one_time_link")
"""What a database holds on which nobody has worked yet."""


def _fitting(engine: Engine, made: Manifest) -> Programs:
    """The programs that read a backup and fit the server. Raises DatabaseRefused when there are none."""
    server = programs.server_of(engine)
    if server < made.postgresql:  # before its programs are looked for: no others would help
        raise DatabaseRefused(
            f"the backup is of PostgreSQL {made.postgresql}, this server is {server}; restore into the same or a later "
            "version"
        )
    return programs.of_server(server, made.programs)


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Have nobody work with the database from now on, if nobody does; when what is still to be done fails, undo that.

    Who begins after the mark sees it, who began before it is seen here. Raises DatabaseRefused when somebody did.
    """
    is_new = database.begin_restoring(engine)
    try:
        _require_alone(engine)
        yield
    except BaseException:
        if is_new:
            with engine.begin() as connection:
                database.end_restoring(connection)
        raise


def _require_alone(engine: Engine) -> None:
    """Raise DatabaseRefused while others are on the database. Who has just ended may be seen for a moment longer.

    A ticker beats every second: by that it shows when its session is somebody else's, as behind a pooler.
    """
    until = monotonic() + _MOMENT
    while (sessions := _sessions(engine)) and monotonic() < until:
        sleep(_LOOK)
    if sessions:
        raise DatabaseRefused(f"others are on the database (sessions: {sessions}); {_ALONE}")
    last = _last_beat(engine)
    if last is not None:
        sleep(_MOMENT)
        if _last_beat(engine) != last:
            raise DatabaseRefused(f"a ticker works with the database; {_ALONE}")


_ALONE = "end `arflow up` and whatever else uses it, then restore"
_MOMENT, _LOOK = 3.0, 0.1
"""For how many seconds it is watched whether others are there, and how often."""


def _sessions(engine: Engine) -> int:
    with engine.connect() as connection:
        return database.others(connection)


def _last_beat(engine: Engine) -> dt.datetime | None:
    """When a process was last seen; None when none ever was."""
    beats = desk_tables.heartbeat
    with engine.connect() as connection:
        if connection.execute(text(f"SELECT to_regclass('{beats.name}')")).scalar() is None:
            return None
        return connection.execute(select(func.max(beats.c.seen_at))).scalar()


def _require_same(engine: Engine, made: Manifest) -> None:
    """Raise DatabaseRefused when not all came that the backup holds."""
    compared = [name for name in made.rows if name not in _DROPPED]
    with engine.connect() as connection:
        came = {name: _count(connection, name) for name in compared}
    wrong = [name for name in compared if came[name] != made.rows[name]]
    if wrong:
        raise DatabaseRefused(
            f"table `{wrong[0]}` has {came[wrong[0]]} rows after the restore, not {made.rows[wrong[0]]}"
        )


_DROPPED = tuple(table.name for table in (desk_tables.session, desk_tables.one_time_link, desk_tables.heartbeat))
"""Tables that a copy begins without."""


def _settle(engine: Engine, reason: str) -> None:
    """Make the copy harmless, and let people and workers in: nothing leaves it, and nothing of it moves by itself."""
    with engine.begin() as connection:
        turn_delivery(
            connection, is_on=False, actor=ACTOR, reason=reason
        )  # another database from now on, if it was off
        if clock.demo(connection) is not None:
            clock.run_demo(connection, is_running=False)
        _end_unsettled(connection, f"{reason}: the original may have sent it; repeat it if it did not arrive")
        for name in _DROPPED:
            connection.execute(delete(tables.metadata.tables[name]))
        database.end_restoring(connection)


def _end_unsettled(connection: Connection, error: str) -> None:
    """End every message that was to be handed over, unsent; the rules are told that it did not arrive.

    So no account is treated harsher for a letter that may not have come, and none waits for ever for its result.
    """
    message, effect = desk_tables.message, tables.effect
    of_effect = (effect.c.account_id == message.c.account_id) & (effect.c.number == message.c.number)
    is_unknown = select(effect.c.number).where(of_effect, effect.c.status == EffectStatus.SENT).exists()
    ended = connection.execute(
        update(message)
        .where(message.c.settled_at.is_(None))
        .values(status="failed", settled_at=func.now(), leased_until=None, lease=message.c.lease + 1, error=error)
        .returning(
            message.c.account_id, message.c.template, message.c.decided_at, message.c.zone, is_unknown.label("is_told")
        )
    )
    known = available_timezones()
    told = [
        Delivery(
            account=row.account_id,
            template=row.template,
            decided_at=row.decided_at,
            zone=row.zone if row.zone in known else "UTC",
            delivered=False,
        )
        for row in sorted(ended, key=lambda row: row.decided_at)
        if row.is_told
    ]
    for start in range(0, len(told), BATCH):
        deliver_results(connection, told[start : start + BATCH])


def _count(connection: Connection, name: str) -> int:
    return connection.execute(select(func.count()).select_from(tables.metadata.tables[name])).scalar_one()


def _run(command: Command, at: Progress, steps: int) -> None:
    """Run one of PostgreSQL's programs. Raises DatabaseRefused with the last thing that it said."""
    name = Path(command.line[0]).name
    last: deque[str] = deque(maxlen=_LAST_LINES)
    done = 0
    with subprocess.Popen(  # noqa: S603  # a program of PostgreSQL, with arguments of ours
        command.line, env=os.environ | command.environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        for line in process.stderr or ():
            last.append(line.strip())
            done += "data for table" in line or "contents of table" in line
            at(name, min(1.0, done / max(1, steps)))
    if process.returncode:
        said = [line for line in last if "error" in line.lower()] or list(last)
        raise DatabaseRefused(f"{name} failed: {said[0] if said else process.returncode}")

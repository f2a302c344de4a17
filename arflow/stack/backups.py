"""A backup is a folder: a dump of the database as it stood at one moment, and a manifest that says what is in it.

It is made while everything runs. A restored copy is the same company at that moment, with delivery off and, if it is a
demo's, a clock that stands; whoever was logged in is not. What was to be handed over then may have been, by the
original: it has failed in the copy, where people see it and may repeat it. Until all of this is so, nobody can use it.
"""

import hashlib
import json
import os
import subprocess
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from zoneinfo import available_timezones

from sqlalchemy import Connection, Engine, delete, func, insert, select, text, update

from arflow import clock
from arflow.accounts.entries import EffectStatus
from arflow.advance import BATCH, Delivery, deliver_results, turn_delivery
from arflow.errors import DatabaseRefused, Refused
from arflow.stack import programs
from arflow.stack.programs import Command
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
    anchor: str = ""
    """The line of the anchor that was made just before."""


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
    unfinished = _unfinished(folder)
    unfinished.mkdir(mode=0o700, parents=True)
    try:
        made = replace(_dumped(engine, unfinished, at), anchor=anchor)
        (unfinished / MANIFEST).write_text(json.dumps(asdict(made), indent=2) + "\n", encoding="utf-8")
        unfinished.rename(folder)
    finally:
        for path in (unfinished / DUMP, unfinished / MANIFEST):
            path.unlink(missing_ok=True)
        if unfinished.exists():
            unfinished.rmdir()
    return made


def _dumped(engine: Engine, folder: Path, at: Progress) -> Manifest:
    fitting = programs.fitting(engine)
    with database.one_moment(engine) as connection:
        snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        rows = _rows(connection)
        arguments = ("--format=custom", "--no-owner", "--no-privileges", "--verbose")
        dump = folder / DUMP
        command = fitting.command("pg_dump", engine, *arguments, f"--snapshot={snapshot}", f"--file={dump}")
        _run(command, at, len(rows))
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
    )


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
        made = Manifest(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise Refused(f"there is no {MANIFEST}; name a folder that `arflow backup` made", file=str(folder)) from None
    except (ValueError, TypeError):
        raise Refused("is not the manifest of a backup", file=str(path)) from None
    if made.schema not in database.known_versions():
        raise Refused(f"is of schema `{made.schema}`, which is newer than this arflow; upgrade arflow", file=str(path))
    return made


def restore(engine: Engine, folder: Path, at: Progress) -> Manifest:
    """Restore a backup into an empty database. Raises Refused, DatabaseRefused; then nothing was changed."""
    made = read(folder)
    _require_unused(engine)
    dump = folder / DUMP
    if not dump.is_file() or _digest(dump, at) != made.sha256:
        raise Refused("is not the file that was backed up: its checksum differs", file=str(dump))
    fitting = programs.fitting(engine)
    if fitting.server < made.postgresql:
        raise DatabaseRefused(
            f"the backup is of PostgreSQL {made.postgresql}, this server is {fitting.server}; restore into the same "
            "or a later version"
        )
    arguments = ("--single-transaction", "--exit-on-error", "--clean", "--if-exists", "--no-owner", "--no-privileges")
    database.begin_restoring(engine)
    _run(fitting.command("pg_restore", engine, *arguments, "--verbose", str(dump)), at, len(made.rows))
    _settle(engine, made)
    return made


def _require_unused(engine: Engine) -> None:
    """Raise DatabaseRefused when somebody works with the database already; its bare tables do not count."""
    with engine.connect() as connection:
        if database.schema_version(connection) is None or database.is_restoring(connection):
            return
        database.require_current(engine)
        used = [name for name, rows in _rows(connection).items() if rows and name not in _NO_MATTER]
    if used:
        raise DatabaseRefused(
            f"the database is in use (its table `{used[0]}` has rows); restore into an empty one, with another "
            "ARFLOW_HOME or ARFLOW_DATABASE_URL"
        )


_NO_MATTER = ("clock", "heartbeat", "one_time_link")
"""What a database holds on which nobody has worked yet."""


def _settle(engine: Engine, made: Manifest) -> None:
    """Check what came, and make the copy harmless: nothing leaves it, and nothing of it moves by itself."""
    with engine.connect() as connection:
        came = {name: _count(connection, name) for name in made.rows}
    wrong = [name for name, rows in made.rows.items() if came[name] != rows]
    if wrong:
        raise DatabaseRefused(
            f"table `{wrong[0]}` has {came[wrong[0]]} rows after the restore, not {made.rows[wrong[0]]}"
        )
    migrating.migrate(engine)
    reason = f"restored from a backup of {made.made_at}"
    with engine.begin() as connection:
        _keep_off(connection, reason)
        if clock.demo(connection) is not None:
            clock.run_demo(connection, is_running=False)
        _end_unsettled(connection, f"{reason}: the original may have sent it; repeat it if it did not arrive")
        for table in (desk_tables.session, desk_tables.one_time_link, desk_tables.heartbeat):
            connection.execute(delete(table))
        database.end_restoring(connection)


def _keep_off(connection: Connection, reason: str) -> None:
    """Turn delivery off; where it is off already, note that this is another database from now on."""
    if not turn_delivery(connection, is_on=False, actor=ACTOR, reason=reason):
        now = clock.read(connection)
        row = {"is_on": False, "actor": ACTOR, "reason": reason, "known_at": now.at, "known_on": now.day}
        connection.execute(insert(desk_tables.delivery_switch), row)


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

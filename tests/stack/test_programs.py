"""PostgreSQL's own programs connect as arflow does, whatever its URL says, and no password stands in a command line."""

import os
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from arflow.errors import DatabaseRefused
from arflow.stack import programs
from arflow.stack.programs import Programs
from arflow.store import embedded


def test_all_that_the_url_says_of_the_connection_is_handed_on() -> None:
    said = "sslmode=verify-full&sslcert=c.pem&sslkey=k.pem&channel_binding=require&host=/run/postgres"
    engine = create_engine(f"postgresql+psycopg://ann:secret%40@/books?{said}&application_name=x")
    command = Programs(folder=Path("/bin"), major=18, server=18).command("pg_dump", engine, "--verbose")
    assert ("/bin/pg_dump", "--no-password", "--dbname=books", "--verbose") == command.line
    assert {
        "PGHOST": "/run/postgres",
        "PGUSER": "ann",
        "PGPASSWORD": "secret@",
        "PGSSLMODE": "verify-full",
        "PGSSLCERT": "c.pem",
        "PGSSLKEY": "k.pem",
        "PGCHANNELBINDING": "require",
    } == command.environment


def test_several_hosts_are_told_apart_from_their_ports() -> None:
    hosts = "host=a.example:5432&host=b.example:5433&target_session_attrs=read-write"
    engine = create_engine(f"postgresql+psycopg://ann@/books?{hosts}")
    environment = Programs(folder=Path("/bin"), major=18, server=18).command("pg_dump", engine).environment
    assert ("a.example,b.example", "5432,5433") == (environment["PGHOST"], environment["PGPORT"])


def test_a_password_may_stand_among_the_parameters() -> None:
    engine = create_engine("postgresql+psycopg://books.example:5433/books?user=ann&password=secret")
    environment = Programs(folder=Path("/bin"), major=18, server=18).command("pg_dump", engine).environment
    assert {"PGHOST": "books.example", "PGPORT": "5433", "PGUSER": "ann", "PGPASSWORD": "secret"} == environment


# --- which programs ---------------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where folders are put, each with a pg_dump of the version that it is called by. At first none is on the PATH."""
    monkeypatch.setenv("PATH", "")
    return tmp_path


def put(path: Path, *versions: str) -> None:
    """Put folders with a pg_dump of each of these versions first on the PATH."""
    for version in versions:
        program = path / version / "pg_dump"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version} (Debian {version}-1)'\n")
        program.chmod(0o755)
        os.environ["PATH"] = f"{program.parent}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize("server", [15, 16])
def test_a_server_older_than_17_gets_programs_of_its_own_version_only(path: Path, server: int) -> None:
    """What later ones restore it refuses, and what they dump its own ones cannot read: they are no way out."""
    others = {15, 16, 17} - {server}
    put(path, "18.1", *(f"{other}.3" for other in others))
    with pytest.raises(DatabaseRefused, match=rf"no pg_dump .* PostgreSQL {server} are .*-client-{server},"):
        programs.of_server(server)
    put(path, f"{server}.2")
    wrote = (
        f"PostgreSQL 18 wrote this backup, which cannot be restored into PostgreSQL {server}; restore into 17 or later"
    )
    with pytest.raises(DatabaseRefused, match=wrote):
        programs.of_server(server, least=18)
    assert Programs(folder=path / f"{server}.2", major=server, server=server) == programs.of_server(server)


def test_a_later_server_gets_the_nearest_programs_that_are_not_older(path: Path) -> None:
    own = Programs(folder=embedded.programs(), major=embedded.MAJOR, server=17)
    put(path, "16.4")
    assert own == programs.of_server(17)
    put(path, "17.0", "17.2", "18.1")
    assert Programs(folder=path / "17.2", major=17, server=17) == programs.of_server(17)
    assert own == programs.of_server(17, least=18)
    wrote = (
        "^pg_dump of PostgreSQL 99 wrote this backup, and no pg_dump and pg_restore of PostgreSQL 99 are on the PATH"
    )
    with pytest.raises(DatabaseRefused, match=wrote):
        programs.of_server(17, least=99)
    with pytest.raises(DatabaseRefused, match="no pg_dump and pg_restore of PostgreSQL 99 are on the PATH"):
        programs.of_server(99)


def test_what_is_no_pg_dump_is_passed_over(path: Path) -> None:
    put(path, "15.1", "of another program")
    assert path / "15.1" == programs.of_server(15).folder

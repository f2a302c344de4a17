"""PostgreSQL's own programs connect as arflow does, whatever its URL says, and no password stands in a command line."""

from pathlib import Path

from sqlalchemy import create_engine

from arflow.stack.programs import Programs


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

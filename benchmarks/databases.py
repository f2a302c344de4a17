"""Databases of one benchmark alone, empty but for their tables, on the server that everything is measured on."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from arflow.store import database, migrating
from benchmarks import company
from tests.set_clock import settable

_numbers = count(1)


@contextmanager
def migrated() -> Iterator[str]:
    """The URL of a database with arflow's tables and a clock that can be set; it is gone afterwards."""
    name = f"bench_{next(_numbers)}"
    _rule(f"CREATE DATABASE {name}")
    url = make_url(company.server()).set(database=name).render_as_string(hide_password=False)
    engine = database.connect(url)
    migrating.migrate(engine)
    engine.dispose()
    settable(url)
    try:
        yield url
    finally:
        _rule(f"DROP DATABASE {name} WITH (FORCE)")


def _rule(statement: str) -> None:
    """Run a statement that no transaction may hold."""
    there = make_url(company.server()).set(drivername="postgresql+psycopg", database="postgres")
    engine = create_engine(there, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()

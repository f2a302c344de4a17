"""Which tests may run: those on real data need its folder, and `--strict-skips` lets no test be skipped.

A test that needs real data is marked `sample_data` or `golden`, or asks for the fixture of that name. What was skipped
and why stands in the run's summary, one line for each reason.
"""

import atexit
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL, make_url

from arflow.store import database, embedded, migrating
from tests.servers import ON_DEBIAN, end_at_once, postgresql

pytest_plugins = ["tests.sizes"]

VARIABLES = {"sample_data": "ARFLOW_SAMPLE_DATA", "golden": "ARFLOW_GOLDEN"}
"""Each kind of real data, and the environment variable that names its folder."""


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """The folder of real ledgers."""
    return Path(os.environ[VARIABLES["sample_data"]])


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of golden timelines."""
    return Path(os.environ[VARIABLES["golden"]])


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL of this test process, embedded or Debian's, gone when its tests are over."""
    home = Path(tempfile.mkdtemp(prefix="arflow-tests-", dir=_in_memory()))
    home.chmod(0o755)
    atexit.register(shutil.rmtree, home, ignore_errors=True)  # after the server's own end, which makes the folder anew
    try:
        if ON_DEBIAN:
            with postgresql(home) as url:
                yield url
        else:
            yield embedded.start(home)
            end_at_once(home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _in_memory() -> str | None:
    """A file system in memory, if there is one with room: a thousand databases are made of files, and removed."""
    memory = Path("/dev/shm")  # noqa: S108  # a folder of its own is made there
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > _ROOM else None


_ROOM = 4 << 30
_CARELESS = (
    "fsync = off",
    "full_page_writes = off",
    "max_wal_size = '1GB'",
    "checkpoint_timeout = '1h'",
    "autovacuum = off",
)
"""A test's database need not outlive the machine; and a hundred of them keep the autovacuum busy all the time."""


@pytest.fixture(scope="session")
def template(server: str) -> str:
    """The URL of a migrated database, from which each test gets its own."""
    engine = database.connect(server)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for setting in _CARELESS:
            connection.execute(text(f"ALTER SYSTEM SET {setting}"))
        connection.execute(text("SELECT pg_reload_conf()"))
    migrating.migrate(engine)
    engine.dispose()
    return server


_NUMBERS = count(1)


@pytest.fixture
def database_url(template: str) -> Iterator[str]:
    """The URL of a migrated database of this test alone."""
    url = copied_database(template, "test")
    yield url
    _drop(url)


@pytest.fixture
def empty_url(server: str) -> Iterator[str]:
    """The URL of an empty database of this test alone."""
    url = copied_database(server.replace(f"/{embedded.DATABASE}?", "/template1?"), "empty")
    yield url
    _drop(url)


def copied_database(url: str, prefix: str) -> str:
    """The URL of a new database beside the one at `url`, which is its template."""
    there = make_url(url).set(drivername="postgresql+psycopg")
    name = f"{prefix}_{os.getpid()}_{next(_NUMBERS)}"
    _command(there, f"CREATE DATABASE {name} TEMPLATE {there.database} STRATEGY FILE_COPY")
    return there.set(drivername="postgresql", database=name).render_as_string(hide_password=False)


def _drop(url: str) -> None:
    there = make_url(url).set(drivername="postgresql+psycopg")
    _command(there, f"DROP DATABASE IF EXISTS {there.database} WITH (FORCE)")


def _command(there: URL, command: str) -> None:
    """Let the server of a database do what concerns a whole database."""
    engine = create_engine(there.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(command))
    engine.dispose()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A migrated database of this test alone."""
    made = database.connect(database_url)
    yield made
    made.dispose()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--strict-skips", action="store_true", help="a skipped test fails the run")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for kind, variable in VARIABLES.items():
        if not _names_a_folder(variable):
            skip = pytest.mark.skip(reason=f"{kind.replace('_', ' ')}: set {variable} to its folder")
            for item in items:
                if item.get_closest_marker(kind) or kind in getattr(item, "fixturenames", ()):
                    item.add_marker(skip)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    verdict = ", which --strict-skips forbids" if terminalreporter.config.getoption("--strict-skips") else ""
    for reason, tests in _skipped(terminalreporter).items():
        terminalreporter.write_line(f"SKIPPED {reason} ({tests} tests{verdict})")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")  # pytest-xdist's workers have none
    strict = session.config.getoption("--strict-skips") and exitstatus == pytest.ExitCode.OK
    if strict and reporter and _skipped(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _names_a_folder(variable: str) -> bool:
    folder = os.environ.get(variable, "")
    return folder != "" and Path(folder).is_dir()


def _skipped(reporter: pytest.TerminalReporter) -> Counter[str]:
    """How many tests were skipped for each reason."""
    reasons = (report.longrepr[2] for report in reporter.stats.get("skipped", ()))
    return Counter(reason.removeprefix("Skipped: ") for reason in reasons)

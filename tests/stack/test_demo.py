"""`arflow up --demo`: a sample company that lives by itself, and is never mistaken for a real one."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, select, text

from arflow import clock
from arflow.desk import users
from arflow.stack import sample_company
from arflow.store import database, tables
from tests.production import write_events
from tests.servers import PROGRAM, Up, until

pytestmark = [pytest.mark.database, pytest.mark.slow]


@pytest.fixture(scope="module")
def up(folder: Path) -> Iterator[Up]:
    """A running demo, a day of which takes a second."""
    made = Up(folder / "demo", "--demo", "--speed", "1").wait()
    yield made
    made.end()


@pytest.fixture(scope="module")
def engine(up: Up) -> Iterator[Engine]:
    """Its database."""
    made = database.connect(up.database_url)
    yield made
    made.dispose()


def _ran(up: Up, *arguments: str) -> tuple[int, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("ARFLOW_")}
    said = subprocess.run(
        [PROGRAM, *arguments], env=env | {"ARFLOW_HOME": str(up.home)}, capture_output=True, text=True, check=False
    )
    return said.returncode, said.stderr


def _day(engine: Engine) -> int:
    with engine.connect() as connection:
        return (_demo(connection).day - sample_company.BEGINS_ON).days


def _demo(connection: Connection) -> clock.Demo:
    present = clock.demo(connection)
    assert present is not None
    return present


def test_it_says_who_may_log_in(up: Up, engine: Engine) -> None:
    """The log-ins stand before the address, the last line of the start; they work, and nobody is parked."""
    said, _, _ = up.told.partition("\narflow is at ")
    names = [line.split()[0] for line in said.splitlines()[-len(sample_company.PEOPLE) :]]
    assert [person.name for person in sample_company.PEOPLE] == names
    with engine.begin() as connection:
        assert all(users.password_is(connection, p.name, sample_company.PASSWORD) for p in sample_company.PEOPLE)
        assert 0 == connection.execute(text("SELECT count(*) FROM account WHERE parked IS NOT NULL")).scalar()


def test_it_moves_by_itself(up: Up, engine: Engine) -> None:
    """Days pass; payers go on paying, accounts move, and letters lie in the mail folder: all through the workers."""
    until(lambda: _day(engine) >= 5, 60)
    with engine.connect() as connection:
        journal = tables.journal
        steps = connection.execute(
            select(journal.c.seq).where(journal.c.kind == "step", journal.c.on > sample_company.BEGINS_ON)
        ).all()
        applied = connection.execute(
            text("SELECT count(*) FROM event WHERE kind = 'payment' AND applied AND \"on\" > :day"),
            {"day": sample_company.BEGINS_ON},
        ).scalar_one()
    assert steps
    assert applied
    until(lambda: any((up.home / "mail").rglob("*.eml")), 30)


def test_no_real_ledger_belongs_there(up: Up, folder: Path) -> None:
    event = {
        "event": "invoice",
        "account": "REAL",
        "id": "1",
        "date": "2026-01-01",
        "amount": "1.00",
        "due": "2026-02-01",
    }
    file = write_events(folder / "real.jsonl", [event])
    status, said = _ran(up, "import", str(file))
    assert (2, "arflow: this database is a demo, where no real ledger belongs; set another ARFLOW_HOME\n") == (
        status,
        said,
    )


def test_it_stands_when_its_ledger_has_ended(engine: Engine) -> None:
    with engine.begin() as connection:
        clock.run_demo(connection, is_running=True)
    assert not sample_company.stop_at_the_end(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE clock SET day = :day"), {"day": sample_company.LAST_DAY})
    until(lambda: not _is_running(engine), 20)


def _is_running(engine: Engine) -> bool:
    with engine.connect() as connection:
        return _demo(connection).is_running


def test_it_is_run_as_a_demo_only(up: Up) -> None:
    """Ended, it does not run as if it were a real company's."""
    assert 0 == up.end()
    assert (2, "arflow: this database is a demo; run `arflow up --demo`, or set another ARFLOW_HOME\n") == _ran(
        up, "up", "--port", "0"
    )

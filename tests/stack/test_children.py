"""The children of a run: one that cannot be started again is tried again, and takes nobody else along."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from arflow.stack.children import Child, Plan, Surroundings
from tests.servers import until

SECONDS = 20.0


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    """One that ends at once, whenever it is started."""
    lifeline = os.open(os.devnull, os.O_RDONLY)
    plan = Plan(name="brief", module="this")
    made = Child(plan, Surroundings(home=tmp_path, environment=os.environ, lifeline=lifeline, inherited=()))
    yield made
    made.process.wait(SECONDS)
    os.close(lifeline)


def test_what_cannot_be_started_now_is_started_later(child: Child, tmp_path: Path) -> None:
    """As when the machine has no process or file to spare; here a folder lies where its errors go."""
    errors, before = tmp_path / "logs" / "brief.err", child.pid
    errors.unlink()
    errors.mkdir()
    until(lambda: child.look() == "brief cannot be started (Is a directory); that is tried again", SECONDS)
    assert before == child.pid
    errors.rmdir()
    until(lambda: child.look() is None and child.pid != before, SECONDS)

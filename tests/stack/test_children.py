"""The children of a run: one that cannot be started again is tried again, and takes nobody else along."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import tests
from arflow.stack import children
from arflow.stack.children import Child, Plan, Surroundings
from tests.servers import until

SECONDS = 20.0


@contextmanager
def _begun(plan: Plan, home: Path) -> Iterator[Child]:
    """A child in `home`, which may be a module of these tests, until it has ended."""
    lifeline, holds = os.pipe()
    environment = os.environ | {"ARFLOW_HOME": str(home), "PYTHONPATH": str(Path(tests.__file__).parents[1])}
    made = Child(plan, Surroundings(home=home, environment=environment, lifeline=lifeline, inherited=()))
    try:
        yield made
        made.process.wait(SECONDS)
    finally:
        os.close(lifeline)
        os.close(holds)
        if made.process.stdout:
            made.process.stdout.close()


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    """One that ends at once, whenever it is started."""
    with _begun(Plan(name="brief", module="this"), tmp_path) as made:
        yield made


def test_what_cannot_be_started_now_is_started_later(child: Child, tmp_path: Path) -> None:
    """As when the machine has no process or file to spare; here a folder lies where its errors go."""
    errors, before = tmp_path / "logs" / "brief.err", child.pid
    errors.unlink()
    errors.mkdir()
    until(lambda: child.look() == "brief cannot be started (Is a directory); that is tried again", SECONDS)
    assert before == child.pid
    errors.rmdir()
    until(lambda: child.look() is None and child.pid != before, SECONDS)


@pytest.mark.parametrize("seconds", [0.0, 4.5])
def test_who_says_that_it_waits_has_as_long_as_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """The person is told, once; then it is waited for beyond the time in which others must be ready."""
    monkeypatch.setattr(children, "READY_SECONDS", 4.0)
    said: list[str] = []
    plan = Plan(name="late", module="tests.stack.late", arguments=(str(seconds),), speaks=True)
    with _begun(plan, tmp_path) as late:
        assert "there" == late.wait_for_url(said.append, lambda: None)
    assert ["it takes its time"] == said


def test_who_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    """It has ended, and the line says where its last words are."""
    with _begun(Plan(name="brief", module="this", speaks=True), tmp_path) as brief:
        assert brief.process.stdout is not None
        while brief.process.stdout.read(1):
            pass  # `this` speaks, but not like a keeper
        with pytest.raises(children.ChildRefused, match=r"brief does not start; .*/logs/brief\.log or \.err says why"):
            brief.wait_for_url(print, lambda: None)

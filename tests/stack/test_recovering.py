"""`arflow up` after a power cut: PostgreSQL recovers first, for as long as that takes."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from arflow.store import embedded
from tests.recovering import held_up
from tests.servers import PATIENCE, Up, until

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.long]

IMPATIENT = {"PGCTLTIMEOUT": "1"}
"""The time that PostgreSQL's own program would give the server, in seconds."""


@pytest.fixture
def gate(folder: Path) -> Iterator[Path]:
    """What ends the recovery, at the latest with the test: whoever asks for it outlives the server."""
    made = folder / "gate"
    made.unlink(missing_ok=True)
    yield made
    made.touch()


@pytest.fixture
def home(folder: Path, gate: Path, request: pytest.FixtureRequest) -> Path:
    """A home whose server will recover until the gate is there."""
    made = folder / str(request.node.name)
    embedded.start(made)
    embedded.stop(made)
    held_up(made, gate)
    return made


def test_it_waits_for_as_long_as_postgresql_recovers(home: Path, gate: Path) -> None:
    """And says so, once."""
    up = Up(home, **IMPATIENT)
    try:
        until(lambda: embedded.WAITS in up.told or up.process.poll() is not None, PATIENCE)
        gate.touch()
        up.wait()
    finally:
        assert 0 == up.end()
    assert (1, "ends") == (up.told.count(embedded.WAITS), _last_words(home))


def test_told_to_end_while_postgresql_recovers(home: Path) -> None:
    """It ends in order, and so does the server; nothing is begun by it any more."""
    up = Up(home, **IMPATIENT)
    until(lambda: embedded.process_of(home) is not None or up.process.poll() is not None, PATIENCE)
    assert 0 == up.end(signal.SIGTERM)
    assert embedded.process_of(home) is None
    assert "arflow is at" not in up.told
    assert "ends" == _last_words(home)


def _last_words(home: Path) -> str:
    """What the keeper of its server logged last."""
    said: str = json.loads((home / "logs" / "postgres.log").read_text().splitlines()[-1])["event"]
    return said

"""Our own timelines come out as they say, from wake to wake as well as looking every day; so do the refusals."""

import subprocess
import sys
from pathlib import Path

import pytest

from arflow.errors import Refused
from arflow.rules.engine import MAX_VERSIONS
from arflow.rules.reference import Reference
from tests import played

FOLDER = Path(__file__).parents[1]
BATCHES = 1 + 2 * len(played.names()) // MAX_VERSIONS
"""Enough that no process compiles too many policies, of which a timeline has one or two."""


@pytest.mark.parametrize("every_day", [False, True], ids=["wakes", "every-day"])
@pytest.mark.parametrize("name", played.names())
def test_a_timeline_comes_out_as_it_says(name: str, every_day: bool) -> None:
    assert played.difference(played.timeline(name), Reference(), every_day=every_day) == ""


@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_evaluator_of_production_says_the_same(batch: int) -> None:
    """In processes of their own, because each may only compile so many policies."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.played", *played.names()[batch::BATCHES]]
    ended = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("name", played.refusals())
def test_a_refusal_is_one_line_that_names_file_and_line(name: str) -> None:
    expected = played.refusals()[name]
    with pytest.raises(Refused) as refused:
        played.play(expected, Reference())
    told = str(refused.value)
    assert "\n" not in told
    assert expected.file in told
    if expected.line is not None:
        assert expected.line == refused.value.line


@pytest.mark.parametrize("name", played.names())
def test_a_timeline_is_called_as_its_file_and_says_what_it_pins(name: str) -> None:
    told = played.timeline(name)
    assert told.name == name
    assert told.says.endswith(".")

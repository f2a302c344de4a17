"""How much of a thing the tests do: little within `make test`, all of it with `make test-long` (ARFLOW_LONG=1).

`tally` counts what was really done; the run's summary says it, summed over all processes.
"""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

LONG = os.environ.get("ARFLOW_LONG", "0") != "0"
"""Whether this is the long run."""


def size(short: int, long: int) -> int:
    """How many, how many seconds, how deep: `short` within the ten minutes of `make test`, else `long`."""
    return long if LONG else short


_TALLY = pytest.StashKey[Counter[str]]()


@pytest.fixture(scope="session")
def tally(pytestconfig: pytest.Config) -> Callable[[str, int], None]:
    """Counts what was done: `tally("crash points", 1)`."""

    def count(what: str, number: int = 1) -> None:
        pytestconfig.stash[_TALLY][what] += number

    return count


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `long`, unless this is the long run."""
    if not LONG:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long")])
        items[:] = [item for item in items if not item.get_closest_marker("long")]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TALLY] = Counter()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401  # pytest-xdist's
    counted: dict[str, int] = getattr(node, "workeroutput", {}).get("tally", {})
    into: Counter[str] = node.config.stash[_TALLY]
    into.update(counted)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        counted: Counter[str] = session.config.stash[_TALLY]
        session.config.workeroutput["tally"] = dict(counted)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for what, number in sorted(terminalreporter.config.stash[_TALLY].items()):
        terminalreporter.write_line(f"RAN {number:,} {what}")

"""Every fuzzer counts its examples, and may not make the process grow without bound."""

from collections.abc import Callable, Iterator

import pytest

from tests.fuzz.bounds import MEGABYTES, peak_megabytes


@pytest.fixture(scope="session")
def counted(tally: Callable[[str, int], None]) -> Callable[[], None]:
    """Counts one example."""
    return lambda: tally("fuzz examples", 1)


@pytest.fixture(autouse=True)
def memory() -> Iterator[None]:
    """Fails a test that lets the process grow by too much."""
    before = peak_megabytes()
    yield
    assert peak_megabytes() - before < MEGABYTES

"""What every fuzzer is held to: an end in bounded time and memory, and of an error one clear line."""

import resource
import signal
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from arflow.errors import ArflowError
from tests.sizes import LONG, size

SECONDS = 20.0
"""How much of the processor one example may use; most need milliseconds."""

MEGABYTES = 400
"""How much the process may grow by one fuzzer."""

_LONGEST_LINE = 8_000  # a thousand characters, each at worst shown as an escape
_UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})


@contextmanager
def bounded(seconds: float = SECONDS) -> Iterator[None]:
    """Ends what goes on for too long. Processor time counts, so a machine that is busy makes nothing fail."""

    def over(*_: object) -> None:
        pytest.fail(f"did not end within {seconds:g} s of processor time")  # no Exception, so that nothing catches it

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def peak_megabytes() -> int:
    """The most memory that this process has ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def examples(short: int, long: int) -> Callable[[Any], Any]:
    """How many examples: `short` fixed ones within `make test`, else `long` new ones. Nothing is kept between runs."""
    return settings(
        max_examples=size(short, long),
        derandomize=not LONG,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),  # explaining would trace what is measured
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


def said(error: ArflowError) -> str:
    """What the error says, which must be one line that a terminal shows as it is."""
    text = str(error)
    assert text.strip(), repr(error)
    assert not [character for character in text if unicodedata.category(character) in _UNSEEN], repr(text)
    assert len(text) <= _LONGEST_LINE, len(text)
    return text

"""How much a chaos run of so many seconds does."""

from tests.chaos.world import Size

LONG = 300.0
"""From so many seconds on a run has all that five minutes must have."""


def sized(seconds: float) -> tuple[Size, int]:
    """The size of a run, and how often each kind of fault must happen at least."""
    if seconds >= LONG:
        rounds = round(6 * seconds / LONG)
        return Size(seconds=seconds, rounds=rounds, accounts=5000, days=5, events=20, newcomers=100), 5
    return Size(seconds=seconds, rounds=1, accounts=300, days=14, events=14, newcomers=20), 1

"""How much a chaos run of so many seconds does."""

from tests.chaos.world import Size


def sized(seconds: float) -> tuple[Size, int]:
    """The size of a run, and how often each kind of fault must happen at least."""
    if seconds >= 300:
        return Size(seconds=seconds, accounts=5000, days=14, events=14, newcomers=100), 5
    return Size(seconds=seconds, accounts=300, days=14, events=14, newcomers=20, gap=0.2), 1

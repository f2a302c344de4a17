"""Guards of a policy: what keeps its messages and calls back although a rule asks for them. Data; `life/gates.py` acts.

A guard never changes what the rules decide: what it keeps back waits, visibly and with its reason.
"""

from dataclasses import dataclass, field

FEWEST = 500
"""So many messages and calls a day are no storm, whatever is usual."""

USUAL_DAYS = 35
"""What is usual is the most that left on one of so many days before, which hold a whole month; `store/fuse.usual`."""


@dataclass(frozen=True, kw_only=True)
class FreshCash:
    """Nobody is written to or called about money that may have come.

    `max_age_hours`: how old the latest complete payments may be, None: any age; `hold_if_unapplied_covers`: whether
    unapplied money that covers all that is collectible keeps messages back; `hold_steps`: whether harsher moves wait
    as well.
    """

    max_age_hours: int | None = None
    hold_if_unapplied_covers: bool = False
    hold_steps: bool = False


@dataclass(frozen=True, kw_only=True)
class StormFuse:
    """How many messages and calls may leave on one day: at most `max_per_day`, and `times_usual` times what is usual.

    The second is never below FEWEST, and says nothing before anything has left on an earlier day that was no storm.
    """

    max_per_day: int | None = None
    times_usual: int = 3

    def ceiling(self, usual: int) -> int | None:
        """How many may leave on a day, where `usual` is the most that left on one of the days before; None: any."""
        relative = [max(FEWEST, self.times_usual * usual)] if usual else []
        absolute = [] if self.max_per_day is None else [self.max_per_day]
        return min([*relative, *absolute], default=None)


@dataclass(frozen=True, kw_only=True)
class Guards:
    """The guards of one policy. Every policy has a fuse, with these values where its document says none."""

    fresh_cash: FreshCash | None = None
    storm_fuse: StormFuse = field(default_factory=StormFuse)

"""What is going to happen to one account, in order of time. Each entry has a minute of its own."""

import datetime as dt
import heapq
from collections.abc import Callable

from arflow.isodates import ONE_DAY
from arflow.sample.dice import Dice

Action = Callable[[], None]
Hours = tuple[int, int]
"""The first and the last minute of the day at which something may happen."""

WHOLE_DAY: Hours = (0, 0)
"""A booking without a time of day, as a bank statement has it."""

OFFICE: Hours = (9 * 60, 17 * 60)
BOOKING: Hours = (13 * 60, 17 * 60 + 30)
_CLOSED = ((1, 1), (12, 25), (12, 26))


def is_working(day: dt.date) -> bool:
    """Whether business is done on `day`."""
    return day.weekday() < 5 and (day.month, day.day) not in _CLOSED  # noqa: PLR2004  # Saturday is 5


def working(day: dt.date) -> dt.date:
    """`day`, or the first working day after it."""
    while not is_working(day):
        day += ONE_DAY
    return day


def working_before(day: dt.date) -> dt.date:
    """`day`, or the last working day before it."""
    while not is_working(day):
        day -= ONE_DAY
    return day


class Agenda:
    """Runs actions in the order of their day and minute; `today` and `minute` are those of the running one."""

    def __init__(self, dice: Dice, first_day: dt.date) -> None:
        self.today, self.minute = first_day, 0
        self._dice = dice
        self._taken = {(first_day, 0)}
        self._heap: list[tuple[dt.date, int, int, Action]] = []
        self._planned = 0

    def plan(self, day: dt.date, hours: Hours, action: Action) -> None:
        """Let `action` happen on the working day `day` or the next one, always after today."""
        day = working(max(day, self.today + ONE_DAY))
        self._planned += 1
        heapq.heappush(self._heap, (day, self._free_minute(day, hours), self._planned, action))

    def plan_in(self, low: int, high: int, hours: Hours, action: Action) -> None:
        """Let `action` happen in `low` to `high` days."""
        self.plan(self.today + dt.timedelta(days=self._dice.between(low, high)), hours, action)

    def run(self, until: dt.date) -> None:
        """Run everything through the end of `until`."""
        while self._heap and self._heap[0][0] <= until:
            self.today, self.minute, _, action = heapq.heappop(self._heap)
            action()

    def _free_minute(self, day: dt.date, hours: Hours) -> int:
        """A minute within `hours` at which nothing else happens; the next free one when it is taken."""
        minute = self._dice.between(*hours)
        if (day, minute) in self._taken and hours == WHOLE_DAY:
            minute = self._dice.between(*BOOKING)
        while (day, minute) in self._taken:
            minute += 1
        self._taken.add((day, minute))
        return minute

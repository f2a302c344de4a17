"""The business clock: real, or stepped to the end of a day. Nobody else reads the time for rules, wakes or journals."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from arflow.errors import Refused
from arflow.store import tables


@dataclass(frozen=True, kw_only=True)
class Now:
    """The business clock's now: the instant `at`, or on a stepped clock the end of `day` in each account's own zone."""

    at: dt.datetime | None = None
    day: dt.date | None = None

    @property
    def limit(self) -> dt.date | dt.datetime:
        """How far lives run now."""
        if self.at is not None:
            return self.at
        if self.day is None:
            raise TypeError(self)
        return self.day

    @property
    def start(self) -> dt.datetime:
        """An instant that has come wherever this now has; who becomes due at it is looked at now."""
        return self.at or dt.datetime.combine(self.day or dt.date.min, dt.time(0), tzinfo=dt.UTC)

    @property
    def last_day(self) -> dt.date:
        """The last local date on which anything anywhere may be due now."""
        return self.day or (self.latest + dt.timedelta(days=1)).date()

    @property
    def latest(self) -> dt.datetime:
        """The instant before which an account may be due anywhere on earth."""
        if self.at is not None:
            return self.at + dt.timedelta(microseconds=1)
        if self.day is None:
            raise TypeError(self)
        return dt.datetime.combine(self.day, dt.time(12), tzinfo=dt.UTC) + dt.timedelta(days=1)


def read(connection: Connection) -> Now:
    """The business clock of this database."""
    day = connection.execute(select(tables.clock.c.day)).scalar()
    return Now(day=day) if day else Now(at=dt.datetime.now(dt.UTC))


def step_to(connection: Connection, day: dt.date) -> Now:
    """Step the clock to the end of `day`. Raises Refused when it would go back, or when the clock is the real one."""
    present = connection.execute(select(tables.clock.c.day).with_for_update()).scalar()
    if present is None and connection.execute(select(func.count()).select_from(tables.account)).scalar():
        raise Refused(
            "this database lives on the real clock and has accounts; a stepped clock is set on an empty database only"
        )
    if present is not None and day < present:
        raise Refused(f"the business clock stands at the end of {present} and never goes back to {day}")
    connection.execute(update(tables.clock).values(day=day))
    return Now(day=day)

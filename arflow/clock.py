"""The business clock: real, or stepped to the end of a day. Nobody else reads the time for rules, wakes or journals.

The real one is the database's, whatever the clocks of the machines say on which workers and pages run.
"""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from arflow.errors import Refused
from arflow.isodates import ONE_DAY
from arflow.store import accounts, desk_tables, switch, tables

_LAST_MINUTE = dt.time(23, 59)
_FURTHEST_EAST = dt.timezone(dt.timedelta(hours=14))
"""Where days begin first on earth."""

_FASTEST, _SLOWEST = 0.2, 86_400


@dataclass(frozen=True, kw_only=True)
class Now:
    """The business clock's now: the instant `at`, or on a stepped clock the end of `day` in each account's own zone."""

    at: dt.datetime | None = None
    day: dt.date | None = None
    is_demo: bool = False
    """Whether the stepped clock is that of a demo, which moves on by itself."""

    @property
    def is_rehearsal(self) -> bool:
        """Whether the clock is stepped by hand, so that nothing of it is for the outside world."""
        return self.day is not None and not self.is_demo

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
    def today(self) -> dt.date:
        """The business date: that of a stepped clock, else today's in UTC."""
        return self.start.date()

    @property
    def start_day(self) -> dt.date:
        """A local date that has come wherever this now has."""
        return self.day or (self.start - ONE_DAY).date()

    @property
    def last_day(self) -> dt.date:
        """The last local date on which anything anywhere may be due now."""
        return self.day or (self.latest + ONE_DAY).date()

    def has_begun(self, day: dt.date, where: dt.tzinfo = _FURTHEST_EAST) -> bool:
        """Whether the local date `day` has begun in the zone `where`; without one, anywhere on earth."""
        return day <= (self.day or self.start.astimezone(where).date())

    @property
    def latest(self) -> dt.datetime:
        """The instant before which an account may be due anywhere on earth."""
        if self.at is not None:
            return self.at + dt.timedelta(microseconds=1)
        if self.day is None:
            raise TypeError(self)
        return dt.datetime.combine(self.day, dt.time(12), tzinfo=dt.UTC) + ONE_DAY


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The clock of a demo: it stands at `day`, and moves on by itself every `seconds_per_day` while it is running."""

    day: dt.date
    is_running: bool
    seconds_per_day: float


def read(connection: Connection) -> Now:
    """The business clock of this database: the instant of this reading, so read it once the locks are held.

    The instant at which the transaction began may lie before what another one did while this one waited for it.
    """
    clock = tables.clock.c
    row = connection.execute(select(clock.day, clock.is_demo, func.clock_timestamp().label("at"))).one()
    return Now(day=row.day, is_demo=row.is_demo) if row.day else Now(at=row.at.astimezone(dt.UTC))


def step_to(connection: Connection, day: dt.date) -> Now:
    """Step the clock to the end of `day`.

    Raises Refused when it would go back, or when the clock is the real one and there are accounts already.
    """
    present = connection.execute(select(tables.clock.c.day).with_for_update()).scalar()
    if present is None and connection.execute(select(func.count()).select_from(tables.account)).scalar():
        raise Refused(
            "this database lives on the real clock and has accounts; a stepped clock is set on an empty database only"
        )
    if present is not None and day < present:
        raise Refused(f"the business clock stands at the end of {present} and never goes back to {day}")
    connection.execute(update(tables.clock).values(day=day))
    return Now(day=day)


def local_moment(now: Now, zone: dt.tzinfo) -> tuple[dt.date, dt.time]:
    """The local date and minute at which a person records something now; on a stepped clock the last of its day."""
    if now.at is None:
        return now.last_day, _LAST_MINUTE
    local = now.at.astimezone(zone)
    return local.date(), local.time().replace(second=0, microsecond=0)


# --- the demo's clock ------------------------------------------------------------------------------------------------


def demo(connection: Connection) -> Demo | None:
    """The clock of a demo database, None for any other."""
    table = tables.clock
    row = connection.execute(select(table.c.day, table.c.is_demo, table.c.is_running, table.c.seconds_per_day)).one()
    if not row.is_demo or row.day is None:
        return None
    return Demo(day=row.day, is_running=row.is_running, seconds_per_day=row.seconds_per_day)


def begin_demo(connection: Connection, day: dt.date, seconds_per_day: float) -> None:
    """Make an empty database a demo that stands at the end of `day`. Raises Refused for any other database."""
    if demo(connection) is not None:
        return
    if accounts.count(connection) or connection.execute(select(tables.clock.c.day)).scalar():
        raise Refused("this database was not made by --demo and is never made one; use a home of its own (ARFLOW_HOME)")
    connection.execute(update(tables.clock).values(day=day, is_demo=True, seconds_per_day=seconds_per_day))


def run_demo(connection: Connection, *, is_running: bool, seconds_per_day: float | None = None) -> None:
    """Let the demo's clock run, or pause it. Raises Refused when this is no demo, or no speed."""
    if demo(connection) is None:
        raise Refused("only the clock of a demo can be driven; this database lives on the real clock")
    if seconds_per_day is not None and not _SLOWEST >= seconds_per_day >= _FASTEST:
        raise Refused(f"a day of the demo takes {_FASTEST} to {_SLOWEST:,} seconds")
    speed = {} if seconds_per_day is None else {"seconds_per_day": seconds_per_day}
    connection.execute(update(tables.clock).values(is_running=is_running, **speed))


def is_at_rest(connection: Connection, now: Now) -> bool:
    """Whether nothing is due any more, and every message that may leave has left."""
    account, message = tables.account, desk_tables.message
    due = select(account.c.id).where(accounts.due(now.latest, now.day)).exists()
    unsettled = select(message.c.id).where(message.c.settled_at.is_(None)).exists()
    is_due, is_unsettled = connection.execute(select(due, unsettled)).one()
    return not is_due and not (is_unsettled and switch.is_on(connection))


def advance_demo(connection: Connection) -> dt.date | None:
    """Step the demo's clock to the next day, if today is over; gives the new day, or None when it is not."""
    present = demo(connection)
    if present is None or not is_at_rest(connection, Now(day=present.day)):
        return None
    return step_to(connection, present.day + ONE_DAY).day


def real_now() -> dt.datetime:
    """The real instant, for what no business clock may move: the date of a backup, the name of a file."""
    return dt.datetime.now(dt.UTC)

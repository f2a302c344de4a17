"""When a policy acts: zones, policy days, working days and the earliest moment of a sending (contract, section 3).

Instants are aware datetimes in UTC; wall clocks are only ever turned into instants, never compared.
"""

import datetime as dt
from collections.abc import Container
from dataclasses import dataclass
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
from holidays.registry import COUNTRIES, FINANCIAL

from arflow.isodates import ONE_DAY

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ACCOUNT_ZONE = "account"
COUNTRIES_WITH_HOLIDAYS = frozenset(name for names in (*COUNTRIES.values(), *FINANCIAL.values()) for name in names)
"""What the `holidays` library knows, by all names: countries (`DE`, `DEU` and `Germany`) and markets (`ECB`)."""


@cache
def zone_named(name: str) -> ZoneInfo | None:
    """The IANA zone called `name`, or None when there is none."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


_KEPT = 10_000
"""How many of the latest answers are kept of each kind: a process that lives many accounts has no use for all."""


@lru_cache(maxsize=_KEPT)
def instant(zone: ZoneInfo, day: dt.date, clock: dt.time) -> dt.datetime:
    """The instant of a local time: its first occurrence when it comes twice, the end of the gap when it is skipped."""
    local = dt.datetime.combine(day, clock, tzinfo=zone)
    late, early = local.astimezone(dt.UTC), local.replace(fold=1).astimezone(dt.UTC)
    if early >= late:
        return late
    return _end_of_gap(zone, early, late)


def _end_of_gap(zone: ZoneInfo, before: dt.datetime, after: dt.datetime) -> dt.datetime:
    """The instant between `before` and `after` at which the zone's clock jumps, found by halving."""
    offset_after = after.astimezone(zone).utcoffset()
    low, high = int(before.timestamp()), int(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if dt.datetime.fromtimestamp(middle, zone).utcoffset() == offset_after:
            high = middle
        else:
            low = middle
    return dt.datetime.fromtimestamp(high, dt.UTC)


@lru_cache(maxsize=_KEPT)
def _policy_day(zone: ZoneInfo, act_at: dt.time, now: dt.datetime) -> dt.date:
    day = now.astimezone(zone).date() + ONE_DAY
    while instant(zone, day, act_at) > now:
        day -= ONE_DAY
    return day


@lru_cache(maxsize=_KEPT)
def _next_act(zone: ZoneInfo, act_at: dt.time, now: dt.datetime) -> dt.datetime:
    day = now.astimezone(zone).date() - ONE_DAY
    while instant(zone, day, act_at) <= now:
        day += ONE_DAY
    return instant(zone, day, act_at)


@cache
def _holidays_of(country: str) -> holidays.HolidayBase:
    return holidays.country_holidays(country)


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """The calendar of a policy. `timezone` is a zone or `account`; times are local; `weekend` numbers Monday as 0."""

    timezone: str = "UTC"
    default_timezone: str = "UTC"
    act_at: dt.time = dt.time(8)
    act_until: dt.time = dt.time(18)
    holidays: str = ""
    weekend: frozenset[int] = frozenset({5, 6})

    def zone(self, account_zone: str) -> ZoneInfo:
        """The zone in which an account recorded in `account_zone` lives under this calendar."""
        wanted = account_zone if self.timezone == ACCOUNT_ZONE else self.timezone
        return zone_named(wanted) or zone_named(self.default_timezone) or ZoneInfo("UTC")

    def act_instant(self, zone: ZoneInfo, day: dt.date) -> dt.datetime:
        """The instant of `act_at` on `day`."""
        return instant(zone, day, self.act_at)

    def policy_day(self, zone: ZoneInfo, now: dt.datetime) -> dt.date:
        """The local date of the latest `act_at` that has passed at `now`."""
        return _policy_day(zone, self.act_at, now)

    def next_act(self, zone: ZoneInfo, now: dt.datetime) -> dt.datetime:
        """The first `act_at` after `now`."""
        return _next_act(zone, self.act_at, now)

    def is_working_day(self, day: dt.date) -> bool:
        """Whether `day` is neither on the weekend nor a holiday."""
        return day.weekday() not in self.weekend and not (self.holidays and day in _holidays_of(self.holidays))

    def earliest_sending(
        self, zone: ZoneInfo, now: dt.datetime, *, not_on: Container[dt.date | None] = ()
    ) -> dt.datetime:
        """The first moment from `now` on at which a message or call may leave, never on a local date in `not_on`."""
        today = now.astimezone(zone).date()
        opens, closes = self.act_instant(zone, today), instant(zone, today, self.act_until)
        if today not in not_on and self.is_working_day(today) and opens <= now <= closes:
            return now
        day = today if now < opens else today + ONE_DAY
        while day in not_on or not self.is_working_day(day):
            day += ONE_DAY
        return self.act_instant(zone, day)

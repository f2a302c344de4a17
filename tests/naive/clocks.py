"""Instants, policy days and working days (contract, section 3)."""

import datetime as dt
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays

from arflow.rules.policy import Policy

MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
_AHEAD = dt.timedelta(hours=15)
"""No zone is so far ahead of UTC."""


@cache
def zone(name: str) -> ZoneInfo | None:
    """The zone called so, if there is one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def zone_of(policy: Policy, recorded: str) -> ZoneInfo:
    """The zone in which an account lives that is recorded to be in `recorded`."""
    calendar = policy.calendar
    wanted = recorded if calendar.timezone == "account" else calendar.timezone
    return zone(wanted) or zone(calendar.default_timezone) or ZoneInfo("UTC")


@lru_cache(maxsize=100_000)
def instant(place: ZoneInfo, day: dt.date, clock: dt.time) -> dt.datetime:
    """The first instant at which the clock on the wall is there, or beyond."""
    wanted = dt.datetime.combine(day, clock)
    now = wanted.replace(tzinfo=dt.UTC) - _AHEAD
    while wall(place, now) < wanted:
        now += MINUTE
    return now


def wall(place: ZoneInfo, now: dt.datetime) -> dt.datetime:
    """What calendar and clock on the wall show."""
    return now.astimezone(place).replace(tzinfo=None)


def policy_day(place: ZoneInfo, act_at: dt.time, now: dt.datetime) -> dt.date:
    """The date of the latest `act_at` that has passed."""
    day = wall(place, now).date() + DAY
    while instant(place, day, act_at) > now:
        day -= DAY
    return day


def next_act(place: ZoneInfo, act_at: dt.time, now: dt.datetime) -> dt.datetime:
    """The first `act_at` after `now`."""
    day = wall(place, now).date() - DAY
    while instant(place, day, act_at) <= now:
        day += DAY
    return instant(place, day, act_at)


@cache
def _free_days(country: str) -> holidays.HolidayBase:
    return holidays.country_holidays(country)


def is_working(policy: Policy, day: dt.date) -> bool:
    """Whether messages and calls go out on `day`."""
    calendar = policy.calendar
    return day.weekday() not in calendar.weekend and not (calendar.holidays and day in _free_days(calendar.holidays))


def is_open(policy: Policy, place: ZoneInfo, now: dt.datetime) -> bool:
    """Whether `now` is on a working day, from `act_at` to `act_until`."""
    day, calendar = wall(place, now).date(), policy.calendar
    begins, ends = instant(place, day, calendar.act_at), instant(place, day, calendar.act_until)
    return is_working(policy, day) and begins <= now <= ends

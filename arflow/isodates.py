"""Dates and times of day as documents write them: ISO 8601, nothing else, and only those that exist."""

import datetime as dt
import json
import re

from arflow.errors import Refused

ONE_DAY = dt.timedelta(days=1)

EARLIEST, LATEST = 1900, 2200
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


def read_date(value: object) -> dt.date:
    """The ISO date in `value`. Raises Refused for anything else, also for a date that does not exist."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            day = dt.date.fromisoformat(value)
        except ValueError:
            raise Refused(f"`{value}` does not exist") from None
        if EARLIEST <= day.year <= LATEST:
            return day
    raise Refused(f"is a date such as 2026-01-31 between {EARLIEST} and {LATEST}, not {shown(value)}")


def read_time(value: object) -> dt.time:
    """The time of day HH:MM in `value`. Raises Refused for anything else."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Refused(f'is a time such as "09:30", not {shown(value)}')
    return dt.time(int(match.group(1)), int(match.group(2)))


def shown(value: object) -> str:
    """A wrong value as a refusal shows it: as JSON, cut short."""
    return json.dumps(value, default=str)[:60]

"""Which day a report is of: today unless another is asked for, and none that is still to come."""

import datetime as dt

from sqlalchemy import Connection

from arflow import clock
from arflow.errors import Refused


def today(connection: Connection) -> dt.date:
    """The date of the business clock: that of a stepped clock, else today's in UTC."""
    return clock.read(connection).today


def asked_for(connection: Connection, day: dt.date | None) -> dt.date:
    """The day to report of.

    Raises Refused for one that has not begun anywhere yet: what is going to be paid by then is not known.
    """
    now = clock.read(connection)
    if day is not None and not now.has_begun(day):
        raise Refused(f"{day} is still to come, today is {now.today}; a report looks back")
    return day or now.today

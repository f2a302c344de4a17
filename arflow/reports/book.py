"""The figures of a company: for commands and files those of the moment, for pages of a large one shared by all.

What a page shows of a large company may be a little older (`shared`).
"""

import datetime as dt
from functools import partial

from sqlalchemy import Connection, Engine

from arflow.reports import blocks, sweeps
from arflow.reports.ageing import Ageing
from arflow.reports.blocks import Blocks
from arflow.reports.days import today
from arflow.reports.flow import Flow, Moves, flow, moves
from arflow.reports.listed import Asked, Behind, behind
from arflow.reports.measures import Measured, trend
from arflow.reports.owners import Owned
from arflow.reports.past import past_pipeline
from arflow.reports.pipeline import Standing
from arflow.reports.shared import Shared, Told, is_large
from arflow.reports.summed import ageing_of, present_owners, present_pipeline
from arflow.reports.sweeps import Underway
from arflow.reports.work import Work, work


def pipeline_of(connection: Connection, day: dt.date) -> list[Standing]:
    """How many accounts and how much money stood in each state at the end of `day`."""
    if day == today(connection):
        return present_pipeline(connection, day)
    return past_pipeline(connection, day)


PERIODS = (30, 90, 365)
"""Of how many days pages tell how collecting goes."""

_pipeline, _ageing, _owners = Shared(pipeline_of), Shared(ageing_of), Shared(present_owners)
_SLOWLY = 600
"""For how many times as long as they took such figures are shown: they take long, and change little in an hour."""


def _behind(connection: Connection, asked: Asked, offset: int, limit: int) -> Behind:
    return behind(connection, asked, offset=offset, limit=limit)


def _flow(connection: Connection, days: tuple[dt.date, dt.date]) -> list[tuple[list[Flow], list[Moves]]]:
    return [(flow(connection, *days), moves(connection, *days))]


_lists, _flows = Blocks(_behind), Shared(_flow)
_trends = {days: Shared(partial(trend, days=days), _SLOWLY) for days in PERIODS}
_works = {days: Shared(partial(work, days=days), _SLOWLY) for days in PERIODS}


def pipeline_shown(connection: Connection, day: dt.date) -> Told[Standing] | Underway:
    """`pipeline_of` for a page; a past day of a large company as it was known when all of them were gone through."""
    if day >= today(connection) or not is_large(connection):
        return _pipeline.ask(connection, day)
    return sweeps.shown(connection, day) or _pipeline.ask(connection, day)


def ageing_shown(connection: Connection, day: dt.date) -> Told[Ageing]:
    """`ageing_of` for a page."""
    return _ageing.ask(connection, day)


def flow_shown(connection: Connection, start: dt.date, until: dt.date) -> Told[tuple[list[Flow], list[Moves]]] | None:
    """The flow between the ends of two days and its steps, for a page; None while they are still being worked out."""
    return _flows.ask_within(connection, (start, until), blocks.PATIENCE)


def behind_shown(connection: Connection, asked: Asked, offset: int, limit: int) -> Told[Behind] | None:
    """A part of a list, for a page; None while it is still being worked out."""
    part = _lists.ask(connection, asked, offset, limit)
    if part is None:
        return None
    found = Behind(lines=part.block.lines[part.place :][:limit], totals=part.block.totals)
    return Told(lines=[found], age=part.age)


def owners_shown(connection: Connection) -> Told[Owned]:
    """Who has what today, for a page."""
    return _owners.ask(connection, today(connection))


def trend_shown(connection: Connection, day: dt.date, days: int) -> Told[Measured] | None:
    """`trend` for a page, of one of PERIODS; None while that of a large company is being worked out."""
    return _trends[days].ask_soon(connection, day)


def work_shown(connection: Connection, days: int) -> Told[Work] | None:
    """Who has what to do today, and did what in the days before, for a page; of one of PERIODS. None as above."""
    return _works[days].ask_soon(connection, today(connection))


def keep_ready(engine: Engine, *, begins: bool = False) -> None:
    """See to it that nobody waits for the figures of a large company: called every few seconds by who serves pages.

    Those of today that were looked at lately are worked out anew in time, on a new day at once; when a process
    `begins`, the pipeline is worked out, a lead's first page. The past is gone through
    beside it, when it is time.
    """
    with engine.connect() as connection:
        day, shares = today(connection), is_large(connection)
        sweeps.look(connection)
    if shares:
        _pipeline.keep_ready(engine, day, expected=begins)
        _ageing.keep_ready(engine, day)
        _owners.keep_ready(engine, day)
        for days in PERIODS:
            _trends[days].keep_ready(engine, day)
            _works[days].keep_ready(engine, day)

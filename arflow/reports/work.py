"""What everybody who works with customers has before them today, and what came of their talks in the days before.

People are not to be ranked by their calls alone: what counts is what was agreed, and whether it held.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, any_, func, literal, or_, select

from arflow.isodates import ONE_DAY
from arflow.reports import kpi
from arflow.reports.daily import talks_counted
from arflow.reports.judged import judged
from arflow.reports.measures import ENDED, Promised
from arflow.store import desk_tables, tables

_account, _event, _task, _user = tables.account, tables.event, desk_tables.task, desk_tables.user


@dataclass(kw_only=True)
class Work:
    """One person, or one queue. Everything is a number of things, but `promised` is of promises that they took."""

    user: str
    title: str
    is_queue: bool = False
    accounts: int = 0
    calls_open: int = 0
    """Accounts of theirs that the rules want called; a queue has those that nobody owns, too."""

    late: int = 0
    today: int = 0
    ahead: int = 0
    """What they are to do: before today, today, and later."""

    calls: int = 0
    reached: int = 0
    conversations: int = 0
    promises: int = 0
    """What they recorded in these days."""

    promised: Promised = field(default_factory=Promised)

    @property
    def reached_part(self) -> Fraction | None:
        """Of their calls, how many became a conversation."""
        return kpi.ratio(self.reached, self.calls)


def work(connection: Connection, day: dt.date, days: int) -> list[Work]:
    """Everybody who may call customers or has done something, and queues, most late first; of `days` days until `day`.

    What they have before them is that of today, whatever `day` is.
    """
    start = day - dt.timedelta(days=days)
    found = _queues(connection) | _people(connection, start, day)
    for query in (_owned(), _to_do(day), _talks(start, day), _promises(start, day)):
        for row in connection.execute(query):
            if row.who in found:
                for name in row._fields[1:]:
                    setattr(found[row.who], name, getattr(row, name))
    for one in judged(connection, day, start + ONE_DAY, day):
        if one.actor in found:
            found[one.actor].promised.add(one)
    return sorted(found.values(), key=lambda one: (-one.late, -one.calls_open, one.title, one.user))


def _people(connection: Connection, start: dt.date, day: dt.date) -> dict[str, Work]:
    """Those who are here and may call, and whoever has something to do, or recorded a talk or a promise then."""
    may_call = or_(*(literal(role) == any_(_user.c.roles) for role in ("caller", "lead")))
    is_here = and_(_user.c.disabled_at.is_(None), may_call)
    has_tasks = select(_task.c.id).where(_task.c.assignee == _user.c.name, _task.c.done_at.is_(None)).exists()
    of_talks = (_event.c.kind.in_(("contact", "promise")), *_by_a_person(start, day))
    has_talked = _user.c.name.in_(select(_event.c.actor).where(*of_talks))
    query = select(_user.c.name, _user.c.full_name).where(or_(is_here, has_tasks, has_talked))
    return {row.name: Work(user=row.name, title=row.full_name or row.name) for row in connection.execute(query)}


def _queues(connection: Connection) -> dict[str, Work]:
    queue = desk_tables.queue
    rows = connection.execute(select(queue.c.name, queue.c.title))
    return {row.name: Work(user=row.name, title=row.title or row.name, is_queue=True) for row in rows}


def _owned() -> Select[*tuple[Any, ...]]:
    count, owner = func.count, _account.c.owner
    who = func.coalesce(func.nullif(owner, ""), _account.c.call_queue)
    accounts_of = count().filter(owner != "").label("accounts")
    calls = count().filter(_account.c.call_open).label("calls_open")
    query = select(who.label("who"), accounts_of, calls)
    return query.where(_account.c.born, who.is_not(None)).group_by(who)


def _to_do(day: dt.date) -> Select[Any]:
    due, count = _task.c.due_on, func.count
    return (
        select(
            _task.c.assignee.label("who"),
            count().filter(due < day).label("late"),
            count().filter(due == day).label("today"),
            count().filter(due > day).label("ahead"),
        )
        .where(_task.c.done_at.is_(None))
        .group_by(_task.c.assignee)
    )


def _talks(start: dt.date, day: dt.date) -> Select[Any]:
    said = _event.c.content
    direction = func.coalesce(said["direction"].astext, "out")
    counts = talks_counted(said["channel"].astext, direction, said["outcome"].astext)
    query = select(_event.c.actor.label("who"), *counts)
    return query.where(_event.c.kind == "contact", *_by_a_person(start, day)).group_by(_event.c.actor)


def _promises(start: dt.date, day: dt.date) -> Select[Any]:
    query = select(_event.c.actor.label("who"), func.count().label("promises"))
    return query.where(_event.c.kind == "promise", *_by_a_person(start, day)).group_by(_event.c.actor)


def _by_a_person(start: dt.date, day: dt.date) -> tuple[ColumnElement[bool], ...]:
    return (_event.c.actor != "", _event.c.on > start, _event.c.on <= day)


def as_json(one: Work) -> Mapping[str, object]:
    """One person with documented names."""
    return {
        "user": one.user,
        "name": one.title,
        "is_queue": one.is_queue,
        "accounts": one.accounts,
        "calls_open": one.calls_open,
        "tasks_late": one.late,
        "tasks_today": one.today,
        "tasks_ahead": one.ahead,
        "calls": one.calls,
        "reached_of_calls_percent": kpi.percent(one.reached_part),
        "conversations": one.conversations,
        "promises_made": one.promises,
        **{f"promises_{status}": one.promised.counts[status] for status in ENDED},
        "promises_kept_percent": kpi.percent(one.promised.kept),
    }

"""Carries out what people's forms mean: events through the one door, and what goes with them, in one transaction."""

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from arflow import clock
from arflow.advance import Engineering, Recorded, record, record_for_each
from arflow.desk import access, notes, tasks
from arflow.desk.actions import Doing
from arflow.desk.users import User
from arflow.errors import Refused
from arflow.life.records import EntryKind
from arflow.store import accounts, events


def carry_out(
    connection: Connection,
    account: str,
    doing: Doing,
    *,
    user: User,
    zone: str,
    engineering: Engineering,
    seen: int | None = None,
) -> None:
    """Record what `user` did on an account that lives in `zone`, in the caller's transaction.

    Raises Conflict when the account has changed since its version `seen`, Refused when something contradicts its books
    or a move is not allowed.
    """
    accounts.lock(connection, [account])
    for kind in doing.withdraws:
        events.withdraw(connection, account, kind)
    about = None
    if doing.contents:
        done = record(connection, account, doing.contents, actor=user.name, engineering=engineering, seen=seen)
        about = done.events[0]
        _require_moved(account, doing, done)
    home = ZoneInfo(zone)
    today, _ = clock.local_moment(clock.read(connection), home)
    _write_down(connection, account, doing, user=user, home=home, today=today, about=about)


def _require_moved(account: str, doing: Doing, done: Recorded) -> None:
    """Raise Refused when somebody chose a move and the account was parked instead: nothing of it is kept."""
    if any(content["event"] == "forced" for content in doing.contents):
        for entry in done.advanced.entries:
            if entry.account == account and entry.kind is EntryKind.PARKED:
                raise Refused(f"the account cannot be moved there: {entry.reason}")


def _write_down(
    connection: Connection,
    account: str,
    doing: Doing,
    *,
    user: User,
    home: ZoneInfo,
    today: dt.date,
    about: int | None,
) -> None:
    actor = user.name
    if doing.note:
        notes.add(connection, account, doing.note, author=actor, on=today, about=about)
    if doing.settles_follow_ups:
        tasks.finish_due(connection, account, by=actor, today=today)
    if doing.follow_up is not None:
        planned, keeper = doing.follow_up, access.keeper(connection, user, account)
        tasks.follow_up(
            connection,
            account,
            assignee=keeper,
            due_on=planned.due_on,
            zone=home,
            text=planned.text,
            made_by=actor,
        )


def assign(
    connection: Connection, account: str, owner: str, *, actor: str, engineering: Engineering, seen: int | None = None
) -> None:
    """Give an account to `owner`: a user, a queue or, if empty, nobody; its follow-ups go along."""
    content = {"event": "account", "owner": owner}
    record(connection, account, [content], actor=actor, engineering=engineering, seen=seen)


def assign_many(
    connection: Connection, ids: Sequence[str], owner: str, *, actor: str, engineering: Engineering
) -> None:
    """Give many accounts to `owner`, whatever happened to them meanwhile; they are lived on as one batch."""
    record_for_each(connection, ids, {"event": "account", "owner": owner}, actor=actor, engineering=engineering)

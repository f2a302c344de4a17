"""Carries out what people's forms mean: events through the one door, and what goes with them, in one transaction."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from arflow import clock
from arflow.advance import Engineering, Recorded, record, record_for_each
from arflow.desk import access, assignments, notes, tasks, timeline
from arflow.desk.actions import Doing
from arflow.desk.timeline import Mark
from arflow.desk.users import User
from arflow.errors import Conflict, Refused
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
    mark: Mark | None = None,
) -> None:
    """Record what `user` did on an account that lives in `zone`, in the caller's transaction.

    `mark` is how far they had seen what was recorded of it; without one, nothing that they planned is done with a call.
    Raises Conflict when the account has changed since its version `seen`, or when others have written something down
    that is behind the `mark`; Refused when something contradicts its books or a move is not allowed.
    """
    accounts.lock(connection, [account])
    _require_seen(connection, account, mark, user.name)
    for kind in doing.withdraws:
        events.withdraw(connection, account, kind)
    about = None
    if doing.contents:
        done = record(connection, account, doing.contents, actor=user.name, engineering=engineering, seen=seen)
        about = done.events[0]
        _require_moved(account, doing, done)
    home = ZoneInfo(zone)
    now = clock.read(connection)
    today, _ = clock.local_moment(now, home)
    if doing.settles_follow_ups and mark is not None:
        tasks.finish_due(connection, account, by=user.name, today=today, now=now, last=mark.task)
    _write_down(connection, account, doing, user=user, home=home, today=today, about=about)


def _require_seen(connection: Connection, account: str, mark: Mark | None, name: str) -> None:
    """Raise Conflict when others have written something down since; notes and plans leave the account's version."""
    if mark is not None and timeline.others_said(connection, account, mark, name):
        raise Conflict("somebody has written something down since you opened it; look at it, then send yours again")


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
    if doing.notice is not None:
        told = doing.notice
        tasks.tell(connection, account, assignee=told.to, today=today, zone=home, text=told.text, made_by=actor)
    if doing.follow_up is not None:
        planned, keeper = doing.follow_up, access.keeper(connection, user, account)
        tasks.follow_up(
            connection,
            account,
            assignee=keeper,
            due_on=planned.due_on,
            clock=planned.clock,
            zone=home,
            text=planned.text,
            made_by=actor,
        )


def assign(
    connection: Connection,
    account: str,
    owner: str,
    *,
    actor: str,
    engineering: Engineering,
    seen: int | None = None,
    mark: Mark | None = None,
) -> None:
    """Give an account to `owner`: a user, a queue or, if empty, nobody; its follow-ups go along.

    Raises Conflict as `carry_out` does.
    """
    accounts.lock(connection, [account])
    _require_seen(connection, account, mark, actor)
    content = {"event": "account", "owner": owner}
    record(connection, account, [content], actor=actor, engineering=engineering, seen=seen)


@dataclass(frozen=True, kw_only=True)
class Assigned:
    """What became of accounts that were to be given to one owner: the ids of those that were given and of the others.

    `already` had that owner before; `left` has those whose owner has changed since they were chosen, each with it.
    """

    given: Sequence[str]
    already: Sequence[str]
    left: Mapping[str, str]


def assign_many(
    connection: Connection, seen: Mapping[str, str | None], owner: str, *, actor: str, engineering: Engineering
) -> Assigned:
    """Give many accounts to `owner`; they are lived on as one batch.

    `seen` has the owner of each that the person looked at, None where that is not known. Who has another one by now is
    left to them: the form may be one that was sent before.
    """
    accounts.lock(connection, list(seen))
    present = assignments.owners(connection, list(seen))
    given = [key for key, has in present.items() if owner != has == seen[key]]
    if given:
        record_for_each(connection, given, {"event": "account", "owner": owner}, actor=actor, engineering=engineering)
    return Assigned(
        given=given,
        already=[key for key, has in present.items() if has == owner],
        left={key: has for key, has in present.items() if has not in (owner, seen[key])},
    )

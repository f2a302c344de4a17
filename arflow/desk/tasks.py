"""Tasks: follow-ups that callers set themselves, addresses to find, notices of rules to a person, queue or role.

Open calls are no rows here: a call is open while its account says so, and is closed by recording a call.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from arflow.clock import Now
from arflow.desk import access, users, wording
from arflow.desk.users import User
from arflow.errors import Conflict, Refused, SaysNo
from arflow.rules.calendar import instant
from arflow.store import accounts, desk_tables, outbox, policies, tables

LONGEST_TEXT = 500
FURTHEST = dt.timedelta(days=730)
"""Nobody plans further ahead."""

ROLE_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "lead": ("lead", "finance-lead"),
        "policy_owner": ("policy_owner", "policy-owner"),
        "admin": ("admin",),
        "caller": ("caller",),
    }
)
"""What `notify:` of a policy may call each role."""

_task = desk_tables.task
_STAYS_WITH_ACCOUNT = ("address", "follow_up")


@dataclass(frozen=True, kw_only=True)
class Task:
    """Something a person is to do about an account by `due_on`; `assignee` is a user, a queue, a role or nobody.

    `clock` is the local time that was agreed for it, if one was.
    """

    id: int
    account: str
    kind: str
    assignee: str
    due_on: dt.date
    clock: dt.time | None
    text: str
    made_by: str


_COLUMNS = (
    _task.c.id,
    _task.c.account_id.label("account"),
    *(_task.c[name] for name in ("kind", "assignee", "due_on", "clock", "text", "made_by")),
)
_ORDER = (_task.c.due_on, _task.c.clock.asc().nulls_first(), _task.c.id)
"""The earliest first; what is for any time of a day before what is for a time of it."""


def names_of(user: User) -> tuple[str, ...]:
    """Every name under which a task can be for `user`: their own, their queues', their roles'."""
    roles = (name for role in sorted(user.roles) for name in ROLE_NAMES[role])
    return (user.name, *user.queues, *roles)


def is_for(user: User) -> ColumnElement[bool]:
    """Whether a task is for `user`: by name, queue or role, or, on an account of theirs, because nobody else has it.

    A follow-up or an address to find whose assignee cannot do it (disabled, or no user or queue) stays with the
    account. A notice to a role or name that nobody has is for leads and admins.
    """
    roles = tuple(name for names in ROLE_NAMES.values() for name in names)
    abandoned = _task.c.assignee.not_in(users.names_here()) & _task.c.assignee.not_in(roles)
    of_all = True if user.is_any_of("lead", "admin") else _task.c.kind.in_(_STAYS_WITH_ACCOUNT)
    return or_(_task.c.assignee.in_(names_of(user)), abandoned & of_all)


def may_settle(user: User, task: Task) -> bool:
    """Whether `user`, who reaches its account, may settle a task or put it off: a notice only who it is for."""
    return task.kind in _STAYS_WITH_ACCOUNT or user.is_any_of("lead", "admin") or task.assignee in names_of(user)


def is_due(user: User, now: Now) -> ColumnElement[bool]:
    """Whether a task is open, for `user`, and due up to today where its account lives."""
    return _task.c.done_at.is_(None) & _has_come(now) & is_for(user)


def _has_come(now: Now) -> ColumnElement[bool]:
    return _task.c.due_at <= now.at if now.day is None else _task.c.due_on <= now.day


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A follow-up that is still to come, of an account called `name`."""

    account: str
    name: str
    due_on: dt.date
    clock: dt.time | None
    text: str


@dataclass(frozen=True, kw_only=True)
class Plans:
    """The follow-ups that come next, and how many there are in all."""

    first: Sequence[Planned]
    count: int


def planned(connection: Connection, user: User, now: Now, most: int) -> Plans:
    """The follow-ups for `user` that are not due yet, of accounts that they reach, up to `most` that come next."""
    is_planned = _task.c.done_at.is_(None) & (_task.c.kind == "follow_up") & ~_has_come(now)
    columns = (_task.c.account_id, _task.c.due_on, _task.c.clock, _task.c.text)
    query = select(*columns).where(is_planned, is_for(user)).order_by(*_ORDER)
    rows = connection.execute(query).all()
    names = _reached(connection, user, sorted({row.account_id for row in rows}))
    found = [
        Planned(account=row.account_id, name=names[row.account_id], due_on=row.due_on, clock=row.clock, text=row.text)
        for row in rows
        if row.account_id in names
    ]
    return Plans(first=found[:most], count=len(found))


def _reached(connection: Connection, user: User, ids: Sequence[str]) -> dict[str, str]:
    """The names of those of `ids` that `user` reaches: by their ids, for whom one reaches is not to be gone through."""
    account = tables.account
    if not ids:
        return {}
    query = select(account.c.id, account.c.name).where(account.c.id.in_(accounts.listed(ids)), access.reachable(user))
    return {row.id: row.name for row in connection.execute(query)}


def open_of(connection: Connection, ids: Sequence[str], user: User | None = None) -> dict[str, list[Task]]:
    """The open tasks of each of the accounts `ids`, the earliest first; only those for `user`, if one is given."""
    query = select(*_COLUMNS).where(_task.c.account_id.in_(accounts.listed(ids)), _task.c.done_at.is_(None))
    if user is not None:
        query = query.where(is_for(user))
    rows = connection.execute(query.order_by(*_ORDER)).mappings()
    found: dict[str, list[Task]] = defaultdict(list)
    for task in _explained(connection, [Task(**row) for row in rows]):
        found[task.account].append(task)
    return dict(found)


@dataclass(frozen=True, kw_only=True)
class Noticed:
    """An open notice, and what its account is called."""

    task: Task
    name: str


def notices(connection: Connection, user: User, *, offset: int, limit: int) -> list[Noticed]:
    """Open notices for `user` about accounts that they reach, the latest first."""
    account = tables.account
    query = (
        select(*_COLUMNS, account.c.name)
        .join(account, account.c.id == _task.c.account_id)
        .where(_is_notice_for(user), access.reachable(user))
        .order_by(_task.c.id.desc())
    )
    rows = [dict(row) for row in connection.execute(query.offset(offset).limit(limit)).mappings()]
    names = [row.pop("name") for row in rows]
    told = _explained(connection, [Task(**row) for row in rows])
    return [Noticed(task=task, name=name) for task, name in zip(told, names, strict=True)]


def finish_notices(connection: Connection, user: User, numbers: Collection[int]) -> int:
    """Mark those of these notices that are open and for `user` as done; gives how many they were."""
    theirs = _task.c.id.in_(numbers) & _is_notice_for(user)
    return connection.execute(update(_task).where(theirs).values(done_at=func.now(), done_by=user.name)).rowcount


def _is_notice_for(user: User) -> ColumnElement[bool]:
    """Whether a task is an open notice for `user`; one that nobody here has is for leads and admins."""
    theirs = is_for(user) if user.is_any_of("lead", "admin") else _task.c.assignee.in_(names_of(user))
    return (_task.c.kind == "notice") & _task.c.done_at.is_(None) & theirs


def _explained(connection: Connection, found: Sequence[Task]) -> list[Task]:
    """The tasks as people read them: the notice of a rule says why the rule acts, if the policy still has that rule."""
    versions = _versions(connection, sorted({one.account for one in found if _is_of_rule(one)}))
    whys = {key: _whys(connection, version) for key, version in versions.items()}
    return [_with_why(one, whys.get(one.account, {})) for one in found]


def _is_of_rule(task: Task) -> bool:
    return task.kind == "notice" and outbox.rule_that_asks(task.text) is not None


def _versions(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """The version of the policy that has each of the accounts `ids`."""
    account = tables.account
    wanted = account.c.id.in_(accounts.listed(ids)) & account.c.policy_version.is_not(None)
    rows = connection.execute(select(account.c.id, account.c.policy_version).where(wanted)).all() if ids else []
    return {row.id: row.policy_version for row in rows}


def _whys(connection: Connection, version: str) -> dict[str, str]:
    """Why each rule of a version of a policy acts."""
    return {rule.id: rule.why for rule in policies.named(connection, version).rules}


def _with_why(task: Task, whys: Mapping[str, str]) -> Task:
    rule = outbox.rule_that_asks(task.text) if task.kind == "notice" else None
    if rule is None:
        return task
    return replace(task, text=f"{whys[rule]} (rule {rule})" if whys.get(rule) else f"rule {rule} asks you to look")


def find(connection: Connection, number: int) -> Task:
    """An open task. Raises SaysNo when there is none of that number, or it is done."""
    query = select(*_COLUMNS).where(_task.c.id == number, _task.c.done_at.is_(None))
    row = connection.execute(query).mappings().first()
    if row is None:
        raise SaysNo("this task is done already, or was never there")
    return Task(**row)


def follow_up(
    connection: Connection,
    account: str,
    *,
    assignee: str,
    due_on: dt.date,
    clock: dt.time | None = None,
    zone: ZoneInfo,
    text: str,
    made_by: str,
) -> None:
    """Set a follow-up of an account that lives in `zone`; the same one twice, as when a form is sent twice, is one.

    With a `clock` it is due at that time there, else from the beginning of its day.
    """
    if len(text) > LONGEST_TEXT:
        raise Refused(f"what is to be done has at most {LONGEST_TEXT} characters")
    row: dict[str, object] = {"account_id": account, "kind": "follow_up", "assignee": assignee, "text": text}
    row |= {"due_on": due_on, "clock": clock}
    same = [_task.c[name].is_not_distinct_from(value) for name, value in row.items()]
    if not connection.execute(select(_task.c.id).where(*same, _task.c.done_at.is_(None))).first():
        connection.execute(insert(_task).values(**row, due_at=_begin(due_on, zone, clock), made_by=made_by))


def tell(
    connection: Connection, account: str, *, assignee: str, today: dt.date, zone: ZoneInfo, text: str, made_by: str
) -> None:
    """Give a notice about an account that lives in `zone` to a person, queue or role; one that is open is enough."""
    row = {"account_id": account, "kind": "notice", "assignee": assignee, "due_on": today, "text": text}
    made = insert(_task).values(**row, due_at=_begin(today, zone), made_by=made_by)
    connection.execute(made.on_conflict_do_nothing())


def finish(connection: Connection, number: int, by: str) -> None:
    """Mark a task as done. Raises Conflict when somebody else was faster."""
    _change(connection, number, done_at=func.now(), done_by=by)


def postpone(connection: Connection, number: int, to: dt.date, zone: ZoneInfo) -> None:
    """Put a task of an account that lives in `zone` off, to any time of a day.

    Raises Conflict when somebody has done it meanwhile.
    """
    _change(connection, number, due_on=to, clock=None, due_at=_begin(to, zone))


def _begin(day: dt.date, zone: ZoneInfo, clock: dt.time | None = None) -> dt.datetime:
    return instant(zone, day, clock or dt.time(0))


def _change(connection: Connection, number: int, **values: object) -> None:
    statement = update(_task).where(_task.c.id == number, _task.c.done_at.is_(None)).values(values)
    if not connection.execute(statement).rowcount:
        raise Conflict("somebody else has done this task meanwhile")


def finish_due(connection: Connection, account: str, *, by: str, today: dt.date, now: Now, last: int) -> None:
    """Mark the follow-ups of an account that are due up to `today` as done: a call was made.

    Only those that who called knew of, up to the task `last`; and of those for a time of the day only those of which
    it has come. To look into a dispute is no call; it ends with that.
    """
    due = (_task.c.account_id == account, _task.c.kind == "follow_up", _task.c.due_on <= today, _task.c.id <= last)
    has_come = _task.c.clock.is_(None) | _has_come(now)
    is_call = ~_task.c.text.startswith(looking_into(""), autoescape=True)
    done = update(_task).where(*due, has_come, is_call, _task.c.done_at.is_(None))
    connection.execute(done.values(done_at=func.now(), done_by=by))


def looking_into(invoice: str) -> str:
    """What the follow-up of a dispute says is to be done."""
    return f"Look into the dispute of invoice {invoice}"


def end_with_disputes(connection: Connection, settled: Sequence[tuple[str, str]]) -> None:
    """Mark the follow-ups of disputes as done, each of an account and an invoice of which none is open any more.

    It is the same whoever closed them: a person or an import.
    """
    if settled:
        said = [(account, looking_into(invoice)) for account, invoice in settled]
        theirs = (_task.c.kind == "follow_up", tuple_(_task.c.account_id, _task.c.text).in_(said))
        connection.execute(update(_task).where(*theirs, _task.c.done_at.is_(None)).values(done_at=func.now()))


def go_with_accounts(connection: Connection, ids: Sequence[str]) -> None:
    """Give what is still to be done about accounts to the owners that they have by now.

    It is the same whoever gave them away: a person, a rule or an import. Notices of rules stay with whom they name.
    """
    if ids:
        account = tables.account
        mine = (_task.c.account_id.in_(accounts.listed(ids)), _task.c.kind.in_(_STAYS_WITH_ACCOUNT))
        owned = (_task.c.account_id == account.c.id, _task.c.done_at.is_(None))
        connection.execute(update(_task).where(*mine, *owned).values(assignee=account.c.owner))


def check_day(day: dt.date, today: dt.date) -> None:
    """Raise Refused for a day on which nothing can be planned."""
    if day < today:
        raise Refused(f"{wording.day(day)} is in the past; today is {wording.day(today)} there")
    if day > today + FURTHEST:
        raise Refused(f"{wording.day(day)} is too far ahead; plan at most two years")

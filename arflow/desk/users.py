"""The people who work with arflow: their names, roles, queues and passwords. A password is kept as an Argon2 hash only.

A name is what `owner` and `actor` hold, so names of users and of queues never collide, and are never given up.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CompoundSelect,
    Connection,
    Row,
    Select,
    Text,
    any_,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from arflow.errors import Refused, SaysNo, did_you_mean
from arflow.store.desk_tables import ROLES, one_time_link, queue, queue_member, session, user

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 1000
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_LONGEST_TEXT = 200

_hasher = PasswordHasher()


@dataclass(frozen=True, kw_only=True)
class User:
    """A person; `queues` are those it is a member of."""

    name: str
    full_name: str = ""
    email: str = ""
    roles: frozenset[str] = frozenset()
    queues: tuple[str, ...] = ()
    disabled_at: dt.datetime | None = None
    has_password: bool = True

    @property
    def shown(self) -> str:
        """What others call this person."""
        return self.full_name or self.name

    def is_any_of(self, *roles: str) -> bool:
        """Whether the person has one of `roles`."""
        return not self.roles.isdisjoint(roles)


_queues = (
    select(func.array_agg(queue_member.c.queue, type_=ARRAY(Text)))
    .where(queue_member.c.user_name == user.c.name)
    .correlate(user)
    .scalar_subquery()
)
COLUMNS: tuple[ColumnElement[Any], ...] = (
    user.c.name,
    user.c.full_name,
    user.c.email,
    user.c.roles,
    user.c.disabled_at,
    user.c.password.is_not(None).label("has_password"),
    _queues.label("queues"),
)
"""What `of_row` reads."""


def of_row(row: Row[*tuple[Any, ...]]) -> User:
    """The user of a row that has COLUMNS."""
    return User(
        name=row.name,
        full_name=row.full_name,
        email=row.email,
        roles=frozenset(row.roles),
        queues=tuple(sorted(row.queues or ())),
        disabled_at=row.disabled_at,
        has_password=row.has_password,
    )


def everybody(connection: Connection) -> list[User]:
    """All users, those who were disabled last."""
    rows = connection.execute(select(*COLUMNS).order_by(user.c.disabled_at.is_not(None), user.c.name))
    return [of_row(row) for row in rows]


def find(connection: Connection, name: str) -> User:
    """The user `name`. Raises SaysNo when there is none."""
    row = connection.execute(select(*COLUMNS).where(user.c.name == name)).one_or_none()
    if row is None:
        known = connection.execute(select(user.c.name)).scalars()
        raise SaysNo(f"there is no user `{name}`{did_you_mean(name, known)}")
    return of_row(row)


def add(
    connection: Connection,
    *,
    name: str,
    full_name: str = "",
    email: str = "",
    roles: Iterable[str],
    password: str | None = None,
) -> User:
    """Make a user. Without a password nobody logs in by that name until one is set. Raises Refused."""
    free_name(connection, name)
    row = _checked(full_name, email, roles) | {"name": name}
    if password is not None:
        row["password"] = _hash(name, password)
    connection.execute(insert(user).values(row))
    return find(connection, name)


def change(connection: Connection, name: str, *, full_name: str, email: str, roles: Iterable[str]) -> None:
    """Change who `name` is. Raises Refused when nobody would be admin any more, SaysNo when there is no such user."""
    with _an_admin_left(connection, name):
        connection.execute(update(user).where(user.c.name == name).values(_checked(full_name, email, roles)))


def disable(connection: Connection, name: str) -> None:
    """Let `name` in no more, and out at once. What the person owns is given back by `arflow.departures`."""
    with _an_admin_left(connection, name):
        is_active = (user.c.name == name) & user.c.disabled_at.is_(None)
        connection.execute(update(user).where(is_active).values(disabled_at=func.now()))
        _end_links(connection, name)
        log_out(connection, name)


def enable(connection: Connection, name: str) -> None:
    """Let `name` in again."""
    find(connection, name)
    connection.execute(update(user).where(user.c.name == name).values(disabled_at=None))


def set_password(connection: Connection, name: str, password: str) -> None:
    """Give `name` another password; sessions and links by which to set one end. Raises Refused, SaysNo."""
    find(connection, name)
    connection.execute(update(user).where(user.c.name == name).values(password=_hash(name, password)))
    _end_links(connection, name)
    log_out(connection, name)


def _end_links(connection: Connection, name: str) -> None:
    """Whoever holds a link by which `name` sets a password can use it no more."""
    connection.execute(delete(one_time_link).where(one_time_link.c.user_name == name))


def log_out(connection: Connection, name: str) -> None:
    """End every session of `name`."""
    connection.execute(delete(session).where(session.c.user_name == name))


@cache
def _nobody() -> str:
    """What the password of an unknown name is compared with, so that names cannot be told apart by time."""
    return _hasher.hash("nobody has this password")


def password_is(connection: Connection, name: str, password: str) -> bool:
    """Whether `name` may log in by `password`; takes as long for a name that is not there, or disabled."""
    nobody = _nobody()  # whoever asks: made only once, and no name is the slower for it
    found = connection.execute(
        select(user.c.password).where(user.c.name == name, user.c.disabled_at.is_(None))
    ).scalar_one_or_none()
    try:
        _hasher.verify(found or nobody, password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False
    if found is None:
        return False
    if _hasher.check_needs_rehash(found):
        connection.execute(update(user).where(user.c.name == name).values(password=_hasher.hash(password)))
    return True


def names_here() -> CompoundSelect[Any]:
    """The names of all users who are not disabled, and of all queues: who may have an account or a task."""
    return select(user.c.name).where(user.c.disabled_at.is_(None)).union_all(select(queue.c.name))


def free_name(connection: Connection, name: str) -> None:
    """Raise Refused unless `name` can be given to a user or a queue."""
    if not _NAME.fullmatch(name):
        raise Refused(
            f"`{name[:80]}` is no name; use up to 64 small letters, digits, `.`, `_` and `-`, a letter or digit first"
        )
    connection.execute(select(func.pg_advisory_xact_lock(_PEOPLE_LOCK)))
    if connection.execute(select(user.c.name).where(user.c.name == name)).first():
        raise Refused(f"there is a user `{name}` already")
    if connection.execute(select(queue.c.name).where(queue.c.name == name)).first():
        raise Refused(f"there is a queue `{name}` already; names of users and queues differ")


_PEOPLE_LOCK = 4_127_001
"""Held by who gives out a name or takes away an admin: no name is given twice at once, and one admin stays."""


def has_admin(connection: Connection) -> bool:
    """Whether anybody can log in as admin."""
    return bool(connection.execute(_admins().where(user.c.password.is_not(None)).limit(1)).first())


def _admins() -> Select[str]:
    return select(user.c.name).where(literal("admin") == any_(user.c.roles), user.c.disabled_at.is_(None))


@contextmanager
def _an_admin_left(connection: Connection, name: str) -> Iterator[None]:
    """Change `name` in here. Raises Refused when that was the last admin, SaysNo when there is no such user.

    Who never set a password does not count while somebody else could log in.
    """
    connection.execute(select(func.pg_advisory_xact_lock(_PEOPLE_LOCK)))
    was_admin, somebody_could = "admin" in find(connection, name).roles, has_admin(connection)
    yield
    if was_admin and somebody_could and not has_admin(connection):
        raise Refused("this is the last admin who can log in; let another one set a password first")
    if was_admin and not connection.execute(_admins().limit(1)).first():
        raise Refused("this is the last admin; make another one first")


def _checked(full_name: str, email: str, roles: Iterable[str]) -> dict[str, object]:
    chosen = sorted(set(roles))
    for role in chosen:
        if role not in ROLES:
            raise Refused(f"`{role}` is no role{did_you_mean(role, ROLES)}; roles are {', '.join(ROLES)}")
    if len(full_name) > _LONGEST_TEXT or len(email) > _LONGEST_TEXT:
        raise Refused(f"a name or an e-mail address has at most {_LONGEST_TEXT} characters")
    if email and not _is_address(email):
        raise Refused(f"`{email}` is no e-mail address")
    return {"full_name": full_name.strip(), "email": email.strip(), "roles": chosen}


def _is_address(email: str) -> bool:
    local, at, domain = email.strip().rpartition("@")
    return bool(local and at and domain) and email.strip().isprintable() and " " not in email.strip()


def _hash(name: str, password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Refused(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    if name in password.lower() and len(password) < len(name) + SHORTEST_PASSWORD:
        raise Refused("a password is more than one's own name")
    if len(set(password)) < SHORTEST_PASSWORD // 3:
        raise Refused("a password has more than a few different characters")
    return _hasher.hash(password)

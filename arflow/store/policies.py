"""Policy versions and activations. A version never changes; which one is active is what the last activation says."""

import datetime as dt
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.dialects import postgresql

from arflow.errors import Refused
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.store import tables

_MOST = 64
"""How many versions a process keeps at hand."""

_guard, _named = threading.Lock(), dict[str, Policy]()


@dataclass(frozen=True, kw_only=True)
class Activation:
    """A version became the active one of its policy: at an instant, or at the end of a stepped day."""

    id: int
    name: str
    version: str
    message: str
    actor: str
    at: dt.datetime
    """When that was by the real clock."""

    known_at: dt.datetime | None
    known_on: dt.date | None


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A version as it is kept: when it was saved and became active."""

    name: str
    version: str
    saved_at: dt.datetime
    saved_by: str
    activations: tuple[Activation, ...]


@dataclass(frozen=True, kw_only=True)
class Change:
    """How far the accounts have come since the latest activation."""

    accounts: int
    waiting: int
    """Those that still have to be looked at anew."""

    set_aside: int
    """Those that could not be decided since; people see them among the parked ones."""


def save(connection: Connection, policy: Policy, actor: str = "") -> None:
    """Keep a version; one that is kept already is the same, since its name is the hash of its content."""
    row = {"version": policy.version, "name": policy.name, "source": policy.source, "saved_by": actor}
    connection.execute(postgresql.insert(tables.policy_version).on_conflict_do_nothing(), [row])


def activate(
    connection: Connection,
    policy: Policy,
    *,
    message: str,
    actor: str,
    known_at: dt.datetime | None,
    known_on: dt.date | None,
) -> int:
    """Make a kept version the active one of its policy; gives the number of the activation."""
    row = {
        "name": policy.name,
        "version": policy.version,
        "message": message,
        "actor": actor,
        "known_at": known_at,
        "known_on": known_on,
    }
    statement = insert(tables.policy_activation).returning(tables.policy_activation.c.id)
    return int(connection.execute(statement, row).scalar_one())


def activations(connection: Connection) -> list[Activation]:
    """Every activation, in order."""
    return [Activation(**row) for row in connection.execute(ACTIVATIONS).mappings()]


ACTIVATIONS = select(tables.policy_activation).order_by(tables.policy_activation.c.id)


def latest_activation(connection: Connection) -> int:
    """The number of the latest activation, 0 before the first."""
    return int(connection.execute(select(func.coalesce(func.max(tables.policy_activation.c.id), 0))).scalar_one())


def kept(connection: Connection) -> list[Kept]:
    """Every version, in the order in which they were saved."""
    table, known = tables.policy_version, activations(connection)
    query = select(table.c.name, table.c.version, table.c.saved_at, table.c.saved_by)
    rows = connection.execute(query.order_by(table.c.saved_at, table.c.version)).all()
    return [
        Kept(
            name=row.name,
            version=row.version,
            saved_at=row.saved_at,
            saved_by=row.saved_by,
            activations=tuple(one for one in known if one.version == row.version),
        )
        for row in rows
    ]


def accounts_under(connection: Connection) -> Mapping[str, int]:
    """How many accounts stand under each version that any stands under; all accounts are counted."""
    version = tables.account.c.policy_version
    counted = select(version, func.count()).where(version.is_not(None)).group_by(version)
    return {row[0]: row[1] for row in connection.execute(counted)}


def active_one(connection: Connection, name: str) -> Activation | None:
    """The activation that says which version of the policy `name` is active; None when none ever was."""
    table = tables.policy_activation
    latest = select(table).where(table.c.name == name).order_by(table.c.id.desc()).limit(1)
    row = connection.execute(latest).mappings().one_or_none()
    return None if row is None else Activation(**row)


def let_nobody_activate(connection: Connection) -> None:
    """Let other activations wait until the end of this transaction, so that what is active now stays so."""
    connection.execute(text("LOCK TABLE policy_activation IN SHARE ROW EXCLUSIVE MODE"))


def change(connection: Connection) -> Change:
    """How far the accounts have come since the latest activation."""
    account = tables.account
    is_behind = account.c.policy_seen < latest_activation(connection)
    is_due = account.c.next_due.is_not(None)
    counts = (func.count(), func.count().filter(is_behind & is_due), func.count().filter(is_behind & ~is_due))
    total, waiting, set_aside = connection.execute(select(*counts).select_from(account)).one()
    return Change(accounts=total, waiting=waiting, set_aside=set_aside)


def version(connection: Connection, name: str) -> Policy:
    """The policy of a version, or of the beginning of its name. Raises Refused when there is none or more than one."""
    table = tables.policy_version
    found = connection.execute(
        select(table.c.version, table.c.source).where(table.c.version.startswith(name, autoescape=True)).limit(2)
    ).all()
    if len(found) != 1:
        raise Refused(f"{'no' if not found else 'more than one'} policy version begins with `{name}`")
    return _loaded(found[0].version, found[0].source)


def named(connection: Connection, of: str) -> Policy:
    """The policy of a version that a row names, so that it is there; it is read once a process, not once a page."""
    with _guard:
        found = _named.get(of)
    if found is None:
        found = version(connection, of)
        with _guard:
            _named[of] = found
            while len(_named) > _MOST:
                del _named[next(iter(_named))]
    return found


@lru_cache(maxsize=_MOST)
def _loaded(name: str, source: str) -> Policy:
    return load_policy(source, file=f"policy version {name[:12]}")


def active_now(connection: Connection) -> tuple[Policy, ...]:
    """The policies that are active, the highest precedence first."""
    return active(connection, activations(connection), latest_activation(connection))


def active(connection: Connection, known: Sequence[Activation], upto: int) -> tuple[Policy, ...]:
    """The policies that were active after the activation number `upto`, the highest precedence first."""
    latest = {activation.name: activation.version for activation in known if activation.id <= upto}
    found = [named(connection, name) for name in latest.values()]
    return tuple(sorted(found, key=lambda policy: (-policy.precedence, policy.name)))

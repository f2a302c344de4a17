"""Policy versions and activations. A version never changes; which one is active is what the last activation says."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.dialects import postgresql

from arflow.errors import Refused
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.store import tables


@dataclass(frozen=True, kw_only=True)
class Activation:
    """A version became the active one of its policy: at an instant, or at the end of a stepped day."""

    id: int
    name: str
    version: str
    message: str
    actor: str
    known_at: dt.datetime | None
    known_on: dt.date | None


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
    table = tables.policy_activation
    names = ("id", "name", "version", "message", "actor", "known_at", "known_on")
    query = select(*(table.c[name] for name in names)).order_by(table.c.id)
    return [Activation(**row) for row in connection.execute(query).mappings()]


def latest_activation(connection: Connection) -> int:
    """The number of the latest activation, 0 before the first."""
    return int(connection.execute(select(func.coalesce(func.max(tables.policy_activation.c.id), 0))).scalar_one())


def version(connection: Connection, name: str) -> Policy:
    """The policy of a version, or of the beginning of its name. Raises Refused when there is none or more than one."""
    table = tables.policy_version
    found = connection.execute(
        select(table.c.version, table.c.source).where(table.c.version.startswith(name, autoescape=True)).limit(2)
    ).all()
    if len(found) != 1:
        raise Refused(f"{'no' if not found else 'more than one'} policy version begins with `{name}`")
    return _loaded(found[0].version, found[0].source)


@lru_cache(maxsize=64)
def _loaded(name: str, source: str) -> Policy:
    return load_policy(source, file=f"policy version {name[:12]}")


def active(connection: Connection, known: Sequence[Activation], upto: int) -> tuple[Policy, ...]:
    """The policies that were active after the activation number `upto`, the highest precedence first."""
    latest = {activation.name: activation.version for activation in known if activation.id <= upto}
    found = [version(connection, name) for name in latest.values()]
    return tuple(sorted(found, key=lambda policy: (-policy.precedence, policy.name)))

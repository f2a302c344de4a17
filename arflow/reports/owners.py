"""Whose accounts there are: by owner and currency, and those that nobody has."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, literal, select, union_all

from arflow import money
from arflow.store.desk_tables import queue, user

KINDS = ("nobody", "unknown", "disabled", "queue", "user")
"""What an owner is. `unknown`: a name of the ledger that is no user or queue here; `disabled`: a user who has left."""

UNASSIGNED = ("nobody", "unknown", "disabled")
"""Owners who do not work here: their accounts are for somebody to assign."""


@dataclass(kw_only=True)
class Owned:
    """What one owner has in one currency. Amounts are minor units."""

    owner: str
    kind: str
    title: str
    currency: str
    accounts: int = 0
    overdue_accounts: int = 0
    gross: int = 0
    collectible: int = 0


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Who an owner's name stands for."""

    kind: str
    title: str


def known(connection: Connection) -> Mapping[str, Owner]:
    """Everybody and every queue that accounts can be assigned to, and who has left."""
    users = select(user.c.name, user.c.full_name.label("title"), literal("user").label("kind"), user.c.disabled_at)
    queues = select(queue.c.name, queue.c.title, literal("queue"), literal(None))
    rows = connection.execute(union_all(users, queues))
    return {
        row.name: Owner(kind=row.kind if row.disabled_at is None else "disabled", title=row.title or row.name)
        for row in rows
    }


def kind_of(owner: str, everybody: Mapping[str, Owner]) -> str:
    """What the owner of an account is, one of KINDS."""
    if not owner:
        return "nobody"
    return everybody[owner].kind if owner in everybody else "unknown"


def shown(owner: str, everybody: Mapping[str, Owner]) -> str:
    """What people call the owner of an account; a name that is nobody's here as it is."""
    return everybody[owner].title if owner in everybody else owner


def owned(owner: str, currency: str, everybody: Mapping[str, Owner], *, accounts: int) -> Owned:
    """The line of an owner with so many accounts in a currency, before any money is counted."""
    kind, title = kind_of(owner, everybody), shown(owner, everybody)
    return Owned(owner=owner, kind=kind, title=title, currency=currency, accounts=accounts)


def in_order(lines: Iterable[Owned]) -> list[Owned]:
    """Those who do not work here first, then queues, then people, each by name."""
    return sorted(lines, key=lambda one: (KINDS.index(one.kind), one.owner, one.currency))


def as_json(one: Owned) -> Mapping[str, object]:
    """One line with documented names; amounts are decimal strings."""
    return {
        "owner": one.owner,
        "kind": one.kind,
        "title": one.title,
        "currency": one.currency,
        "accounts": one.accounts,
        "overdue_accounts": one.overdue_accounts,
        "overdue_amount": money.show(one.gross, one.currency),
        "collectible_amount": money.show(one.collectible, one.currency),
    }

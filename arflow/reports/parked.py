"""Accounts that stand still until somebody or something moves them, and why."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from arflow.store import accounts
from arflow.store.tables import account


@dataclass(frozen=True, kw_only=True)
class ParkedAccount:
    """A parked account: the rule whose move was refused, where it was to go, and why that cannot be."""

    id: str
    name: str
    state: str
    owner: str
    reason: str
    rule: str | None
    to: str | None
    since: dt.datetime


def listed(connection: Connection, offset: int, limit: int) -> Sequence[ParkedAccount]:
    """Parked accounts by id."""
    columns = (account.c.id, account.c.name, account.c.state, account.c.owner, account.c.parked)
    query = select(*columns).where(accounts.is_parked()).order_by(account.c.id)
    rows = connection.execute(query.offset(offset).limit(limit))
    return [
        ParkedAccount(
            id=row.id,
            name=row.name,
            state=row.state,
            owner=row.owner,
            reason=row.parked["reason"],
            rule=row.parked["rule"],
            to=row.parked["to"],
            since=dt.datetime.fromisoformat(row.parked["at"]),
        )
        for row in rows
    ]


def is_parked(connection: Connection, account_id: str) -> bool:
    """Whether the account is parked."""
    query = select(account.c.id).where(account.c.id == account_id, accounts.is_parked())
    return connection.execute(query).first() is not None

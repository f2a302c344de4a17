"""Reads and writes accounts in batches: a fixed number of statements, whatever the size of the batch."""

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    JSON,
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    func,
    literal,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from arflow.accounts.entries import Account, Ledger, Parked
from arflow.errors import Conflict
from arflow.evolving import evolve
from arflow.store import bulk, database, tables, together
from arflow.store.rows import (
    PARTS,
    Parts,
    Row,
    account_of,
    account_row,
    changed_columns,
    changed_rows,
    gone,
    parked_row,
)
from arflow.store.together import Rows, named

_READ_ORDER: Mapping[Table, tuple[str, ...]] = MappingProxyType(
    {
        tables.person: ("position",),
        tables.invoice: ("recorded_at", "recorded_place"),
        tables.item: ("number",),
        tables.clearing: ("recorded_at", "recorded_place"),
        tables.allocation: ("position",),
        tables.dispute: ("recorded_at", "recorded_place"),
        tables.promise: ("recorded_at", "recorded_place"),
        tables.contact: ("position",),
        tables.episode: ("position",),
        tables.effect: ("number",),
    }
)
WRITE_ORDER = (
    tables.invoice,
    tables.item,
    tables.clearing,
    tables.allocation,
    tables.dispute,
    tables.promise,
    tables.contact,
    tables.episode,
    tables.effect,
    tables.person,
)


class Stored(Struct, frozen=True, kw_only=True):
    """An account as it stands in the database, with what only the database knows of it."""

    account: Account
    version: int
    journal_length: int
    journal_head: bytes | None
    applied_to: dt.datetime | None
    policy_seen: int
    family: str
    """The account that its family is named after: itself, or the one it pays through."""


_FOR_THE_LAST = 4
"""Of a batch, one in so many places is for those who are due last."""


def due(
    before: dt.datetime | BindParameter[dt.datetime], on: dt.date | BindParameter[dt.date] | None
) -> ColumnElement[bool]:
    """Whether an account is due before an instant and, on a stepped clock, up to the local date `on`."""
    account = tables.account
    soon = account.c.next_due < before
    return soon if on is None else soon & (account.c.due_on <= on)


def claim(connection: Connection, is_due: ColumnElement[bool], limit: int) -> list[str]:
    """Lock up to `limit` due accounts with their families, most of them the longest due; gives the ids, payers first.

    A quarter are those due last, so that a payment is acted on at once while a hundred thousand wakes of one morning
    are worked off. It waits for nobody: what others have locked is passed over, and a family that is not wholly free is
    left to them. Those due at one instant come in any order: to sort them all for each batch would cost more than it.
    """
    database.by_index(connection)
    account, late = tables.account, limit // _FOR_THE_LAST
    which = select(account.c.id, account.c.family).where(is_due).with_for_update(skip_locked=True)
    parts = (
        which.order_by(account.c.next_due).limit(database.up_to(limit - late)),
        which.order_by(account.c.next_due.desc()).limit(database.up_to(late)),
    )
    found = {row for part in parts[: 2 if late else 1] for row in connection.execute(part)}
    alone = _without_others(connection, [row.id for row in found if row.family == row.id])
    heads = sorted({row.family for row in found} - set(alone))
    return [*alone, *_whole_families(connection, heads)] if heads else alone


def _without_others(connection: Connection, ids: Sequence[str]) -> list[str]:
    """Those of `ids` that no other account pays through."""
    if not ids:
        return []
    account = tables.account
    led = select(account.c.family).where(account.c.family.in_(listed(ids)), account.c.family != account.c.id)
    with_others = set(connection.execute(led).scalars())
    return sorted(set(ids) - with_others)


def _whole_families(connection: Connection, heads: Sequence[str]) -> list[str]:
    """Lock the families of `heads`, as far as nobody else holds one of their accounts."""
    account = tables.account
    of_heads = select(account.c.id, account.c.family).where(is_of_families(heads))
    locked = connection.execute(of_heads.order_by(account.c.id).with_for_update(skip_locked=True)).all()
    members = select(account.c.family, func.count().label("size")).where(is_of_families(heads))
    sizes = {row.family: row.size for row in connection.execute(members.group_by(account.c.family))}
    held = Counter(row.family for row in locked)
    free = {head for head in heads if held[head] == sizes.get(head)}
    return sorted((row.id for row in locked if row.family in free), key=lambda key: (key not in free, key))


def lock(connection: Connection, ids: Sequence[str]) -> list[str]:
    """Lock the accounts `ids` and their families, payers first; gives the ids of all that were locked."""
    if not ids:
        return []
    database.by_index(connection)
    account = tables.account
    families = select(account.c.family).where(account.c.id.in_(listed(ids)))
    heads = sorted(set(connection.execute(families).scalars()))
    of_heads = select(account.c.id).where(account.c.id.in_(listed(heads))).order_by(account.c.id)
    locked = list(connection.execute(of_heads.with_for_update()).scalars())
    members = select(account.c.id).where(account.c.family.in_(listed(locked)), account.c.family != account.c.id)
    return [*locked, *connection.execute(members.order_by(account.c.id).with_for_update()).scalars()]


def listed(ids: Sequence[str]) -> Select[Any]:
    """`ids` as a subquery, so that one parameter carries them all: as JSON, which is made faster than an array."""
    return select(_texts_of(bindparam(None, as_json(ids), type_=Text)))


def as_json(ids: Sequence[str]) -> str:
    """`ids` as the parameter of `asked`, and of `listed`."""
    return json.dumps(list(ids))


def _texts_of(document: BindParameter[str]) -> ColumnElement[str]:
    return func.json_array_elements_text(cast(document, JSON))


def load(connection: Connection, ids: Sequence[str]) -> dict[str, Stored]:
    """The accounts `ids`, as they stand."""
    answers = together.ask(connection, _everything(), {"ids": as_json(ids)})
    return stored_of(answers[0], dict(zip(PARTS, answers[1:], strict=True)))


@cache
def _everything() -> str:
    return together.written(own_rows(), *(parts_of(table) for table in PARTS))


def stored_of(own: Rows, parts: Mapping[Table, Rows]) -> dict[str, Stored]:
    """Accounts made of their `own_rows`, and of what `parts_of` each table says of them."""
    sorted_out: dict[str, Parts] = defaultdict(lambda: Parts(**{table.name: [] for table in PARTS}))
    for table, rows in parts.items():
        part = attrgetter(table.name)
        for row in rows:
            part(sorted_out[row[0]]).append(row)
    return {row["id"]: _stored(row, sorted_out[row["id"]]) for row in named(tables.account.columns.keys(), own)}


def asked() -> Select[Any]:
    """The ids that the parameter `ids` names, a JSON document."""
    return select(_texts_of(bindparam("ids", type_=Text)))


def own_rows() -> Select[Any]:
    """The own rows of the accounts that are `asked` for."""
    return select(tables.account).where(tables.account.c.id.in_(asked()))


def parts_of(table: Table) -> Select[Any]:
    """What is read of a table of parts, in the order in which they were recorded."""
    columns = [table.c[name] for name in ("account_id", *PARTS[table])]
    order = [table.c[name] for name in _READ_ORDER[table]]
    return select(*columns).where(table.c.account_id.in_(asked())).order_by(*order)


def _stored(row: Row, parts: Parts) -> Stored:
    return Stored(
        account=account_of(row, parts),
        version=row["version"],
        journal_length=row["journal_length"],
        journal_head=row["journal_head"],
        applied_to=row["applied_to"],
        policy_seen=row["policy_seen"],
        family=row["family"],
    )


class Changed(Struct, frozen=True, kw_only=True):
    """What became of a stored account: the new value, its timers, and where its journal now ends."""

    before: Stored
    account: Account
    next_due: dt.datetime | None
    due_on: dt.date | None
    applied_to: dt.datetime | None
    journal_length: int
    journal_head: bytes | None
    policy_seen: int
    is_paused: bool = False
    """Whether it stands still until the result of a delivery is recorded."""

    folded_anew: bool = False
    """Whether the books were folded anew, so that no row of theirs may be left over."""


def save(connection: Connection, changes: Sequence[Changed]) -> None:
    """Write what changed. Raises Conflict when somebody else has written one of the accounts since it was read."""
    if not changes:
        return
    _save_accounts(connection, changes)
    new: dict[str, list[Row]] = defaultdict(list)
    changed: dict[str, list[Row]] = defaultdict(list)
    _remove_books(connection, [change.account.id for change in changes if change.folded_anew])
    for change in changes:
        before = change.before.account
        if change.folded_anew:
            before = evolve(before, ledger=Ledger(), promises={}, contacts=(), episodes=())
        for table, row, is_new in changed_rows(before, change.account):
            (new if is_new else changed)[table.name].append(row)
        for table, position in gone(change.before.account, change.account):
            connection.execute(
                delete(table).where(table.c.account_id == change.account.id, table.c.position >= position)
            )
    for table in WRITE_ORDER:
        bulk.insert(connection, table, new[table.name])
        bulk.upsert(connection, table, changed[table.name])


def _remove_books(connection: Connection, ids: Sequence[str]) -> None:
    """Remove all that was booked of `ids`, to be written anew."""
    for table in reversed(WRITE_ORDER[:8]) if ids else ():
        connection.execute(delete(table).where(table.c.account_id.in_(listed(ids))))


def _save_accounts(connection: Connection, changes: Sequence[Changed]) -> None:
    """Write the accounts' own rows, those together of which the same columns changed."""
    rows: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for change in changes:
        row = _account_row(change)
        rows[tuple(row)].append(row)
    keys = ("id", "version")
    if sum(bulk.update(connection, tables.account, keys, group) for group in rows.values()) != len(changes):
        raise Conflict("an account was changed by somebody else at the same time; read it again and repeat")


def _account_row(change: Changed) -> Row:
    return {
        "old_id": change.account.id,
        "old_version": change.before.version,
        **changed_columns(change.before.account, change.account),
        "next_due": change.next_due,
        "due_on": change.due_on,
        "applied_to": change.applied_to,
        "policy_seen": change.policy_seen,
        "version": change.before.version + 1,
        "journal_length": change.journal_length,
        "journal_head": change.journal_head,
    }


def journal_ends(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[int, bytes | None]]:
    """The length and the last hash of the journal of each of `ids`."""
    account = tables.account
    query = select(account.c.id, account.c.journal_length, account.c.journal_head).where(account.c.id.in_(listed(ids)))
    return {row.id: (row.journal_length, row.journal_head) for row in connection.execute(query)}


def set_aside(connection: Connection, key: str, parked: Parked, length: int, head: bytes | None) -> None:
    """Park an account as it stands, whatever its other columns hold; its journal now ends at `length`."""
    account = tables.account
    timers = {"wake": None, "next_due": None, "due_on": None}
    ends = {"parked": parked_row(parked), "journal_length": length, "journal_head": head}
    connection.execute(
        update(account).where(account.c.id == key).values(**timers, **ends, version=account.c.version + 1)
    )


def create(connection: Connection, accounts: Iterable[Account], policy_seen: int) -> None:
    """Open accounts that do not exist yet; those that do are left as they are."""
    rows = [account_row(account) | {"family": account.id, "policy_seen": policy_seen} for account in accounts]
    bulk.insert_new(connection, tables.account, rows)


def next_due_on(connection: Connection) -> dt.date | None:
    """The first local date on which an account is due."""
    return connection.execute(select(func.min(tables.account.c.due_on))).scalar()


def all_ids(connection: Connection, after: str = "", limit: int = 500) -> list[str]:
    """The ids of up to `limit` accounts that come after `after`, in order."""
    account = tables.account
    query = select(account.c.id).where(account.c.id > after).order_by(account.c.id).limit(limit)
    return list(connection.execute(query).scalars())


def known_among(connection: Connection, ids: Sequence[str]) -> Mapping[str, str]:
    """The currency of each of `ids` that exists."""
    account = tables.account
    query = select(account.c.id, account.c.currency).where(account.c.id.in_(listed(ids)))
    return {row.id: row.currency for row in connection.execute(query)}


def families_of(connection: Connection, ids: Sequence[str]) -> Mapping[str, str]:
    """The head of the family of each of `ids` that exists."""
    account = tables.account
    query = select(account.c.id, account.c.family).where(account.c.id.in_(listed(ids)))
    return {row.id: row.family for row in connection.execute(query)}


def join_families(connection: Connection, pairs: Sequence[tuple[str, str]]) -> None:
    """Make the families of the two accounts of each pair one, with the head of the second's."""
    heads = families_of(connection, [key for pair in pairs for key in pair])
    joined = dict[str, str]()
    for one, other in pairs:
        mine, theirs = (_head(heads[key], joined) for key in (one, other))
        if mine != theirs:
            joined[mine] = theirs
    moved = {head: _head(head, joined) for head in joined}
    family = tables.account.c.family
    new = cast(literal(json.dumps(moved), Text), JSONB)[family].astext
    connection.execute(update(tables.account).where(is_of_families([*moved])).values(family=new))


def _head(head: str, joined: Mapping[str, str]) -> str:
    """The head of a family once those in `joined` have become one with others."""
    while head in joined:
        head = joined[head]
    return head


def make_due(connection: Connection, at: dt.datetime, on: dt.date, which: ColumnElement[bool] | None = None) -> None:
    """Make every account, or those that `which` says, due at `at` and on the local date `on`, or earlier if it was."""
    account = tables.account
    statement = update(account).values(
        next_due=func.least(account.c.next_due, at), due_on=func.least(account.c.due_on, on)
    )
    connection.execute(statement if which is None else statement.where(which))


def waits_for_release() -> ColumnElement[bool]:
    """Whether an account has a message or call that waits, with no hold that keeps it."""
    account, effect = tables.account, tables.effect
    held = select(effect.c.number).where(
        effect.c.account_id == account.c.id, effect.c.status == "waiting", effect.c.due_at.is_(None)
    )
    return ~account.c.on_hold & held.exists()


def members_of(connection: Connection, ids: Sequence[str]) -> list[str]:
    """The ids of all families to which `ids` belong, heads first."""
    account = tables.account
    heads = sorted(set(families_of(connection, ids).values()))
    members = select(account.c.id, account.c.family).where(is_of_families(heads))
    rows = connection.execute(members.order_by(account.c.id)).all()
    return [row.id for row in sorted(rows, key=lambda row: (row.id != row.family, row.id))]


def heads_where(connection: Connection, which: ColumnElement[bool]) -> list[str]:
    """The heads of all families of which `which` says an account, in order."""
    family = tables.account.c.family
    return list(connection.execute(select(family).where(which).distinct().order_by(family)).scalars())


def is_of_families(heads: Sequence[str]) -> ColumnElement[bool]:
    """Whether an account is one of `heads`, or pays through one: most are alone, and in no index of families."""
    other = tables.account.alias("other")
    members = select(other.c.id).where(other.c.family.in_(listed(heads)), other.c.family != other.c.id)
    return tables.account.c.id.in_(union_all(listed(heads), members))


def is_parked() -> ColumnElement[bool]:
    """Whether an account stands still until its next event."""
    return tables.account.c.parked.is_not(None)


def count(connection: Connection) -> int:
    """How many accounts there are."""
    return int(connection.execute(select(func.count()).select_from(tables.account)).scalar_one())

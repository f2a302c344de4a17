"""The journal: append-only, one SHA-256 chain for each account; the account's row holds its length and head.

A row's hash is SHA-256 over the previous hash and the canonical JSON of everything else in the row, so that no row can
be edited, inserted or removed without the chain, or the account's row, showing it.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import Connection, func, select, text

from arflow.life.records import Entry, EntryKind
from arflow.store import bulk, tables
from arflow.store.accounts import listed
from arflow.store.jsontext import ascii_of
from arflow.store.rows import Row
from arflow.vocabulary import Facts

_CHAINED = (
    *("account_id", "seq", "at", "on", "clock", "kind", "cause", "actor", "rule", "source", "to"),
    *("policy_version", "details"),
)


def chained(entries: Iterable[Entry], length: int, head: bytes | None) -> list[Row]:
    """The journal rows of `entries`, which follow a journal of `length` rows that ends with the hash `head`."""
    rows = []
    for entry in entries:
        length += 1
        row = row_of(entry)
        row["seq"], row["previous"] = length, head
        row["hash"] = head = digest(row, head)
        rows.append(row)
    return rows


def row_of(entry: Entry) -> Row:
    """The journal row of `entry`, still outside the chain."""
    return {
        "account_id": entry.account,
        "at": entry.at,
        "on": entry.on,
        "clock": entry.clock,
        "kind": entry.kind,
        "cause": entry.cause,
        "actor": entry.actor,
        "rule": entry.rule,
        "source": entry.source,
        "to": entry.to,
        "policy_version": entry.policy_version,
        "details": _details(entry),
    }


def _details(entry: Entry) -> Row:
    found: Row = {name: getattr(entry, name) for name in ("effect", "name", "number") if getattr(entry, name)}
    if entry.reason:
        found["reason"] = entry.reason
    if entry.rules:
        found["rules"] = list(entry.rules)
    if entry.held:
        found["held"] = [list(pair) for pair in entry.held]
    if entry.facts is not None:
        found["facts"] = facts_as_json(entry.facts)
    if entry.situation is not None:
        found["situation"] = {
            name: sorted(value) if isinstance(value, frozenset) else value
            for name, value in asdict(entry.situation).items()
            if name != "kept" or value
        }
    return found


def facts_as_json(facts: Facts) -> Row:
    """All facts by name; sets as sorted lists."""
    found = {**vars(facts), **facts.attributes, "tags": sorted(facts.tags)}
    del found["attributes"]
    return found


def facts_from_json(row: Row) -> Facts:
    """The facts that `facts_as_json` wrote. Raises KeyError or TypeError for anything else."""
    plain = {name: value for name, value in row.items() if not name.startswith("attr_")}
    attributes = {name: value for name, value in row.items() if name.startswith("attr_")}
    plain["tags"] = frozenset(plain["tags"])
    return Facts(**plain, attributes=attributes)


def digest(row: Mapping[str, Any], previous: bytes | None) -> bytes:
    """The hash of a row that follows one with the hash `previous`."""
    content = {name: row[name] for name in _CHAINED}
    content["at"] = row["at"].astimezone(dt.UTC).isoformat()
    content["on"], content["clock"] = row["on"].isoformat(), row["clock"].isoformat()
    return hashlib.sha256((previous or b"") + ascii_of(content)).digest()


def append(connection: Connection, rows: Sequence[Row]) -> None:
    """Write rows that `chained` made."""
    bulk.insert(connection, tables.journal, rows)


def of_accounts(connection: Connection, ids: Sequence[str]) -> dict[str, list[Row]]:
    """The journals of the accounts `ids`, each in order."""
    table = tables.journal
    query = select(table).where(table.c.account_id.in_(listed(ids))).order_by(table.c.account_id, table.c.seq)
    found: dict[str, list[Row]] = {key: [] for key in ids}
    for row in connection.execute(query).mappings():
        found[row["account_id"]].append(dict(row))
    return found


ARCHIVED = "archived"
"""In the details of a row whose facts have left for an archive; the row's hash is over them still."""

_LEAVING = ("facts", "situation")
_SHED = text(
    f"""
    UPDATE journal SET details = (details - CAST(:leaving AS text[])) || '{{"{ARCHIVED}": true}}'
    FROM json_to_recordset(CAST(:rows AS json)) AS old(account_id text, seq bigint)
    WHERE journal.account_id = old.account_id AND journal.seq = old.seq AND details ? 'facts'
    """  # noqa: S608  # our own words
)


def old_decisions(connection: Connection, ids: Sequence[str], before: dt.date) -> list[Row]:
    """What may leave the journals of `ids`: key, hash, and what each decision before a date was made on.

    Not of the last step before that date and what followed it: every later day is explained by it.
    """
    table, later = tables.journal, tables.journal.alias()
    last = select(func.max(later.c.seq)).where(
        later.c.account_id == table.c.account_id, later.c.kind == EntryKind.STEP.value, later.c.on < before
    )
    query = select(table.c.account_id, table.c.seq, table.c.hash, table.c.details).where(
        table.c.account_id.in_(listed(ids)),
        table.c.on < before,
        table.c.details.has_key("facts"),
        table.c.seq < last.scalar_subquery(),
    )
    found = connection.execute(query.order_by(table.c.account_id, table.c.seq))
    return [
        {
            "account_id": row.account_id,
            "seq": row.seq,
            "hash": row.hash,
            "left": {name: row.details[name] for name in _LEAVING if name in row.details},
        }
        for row in found
    ]


def shed(connection: Connection, rows: Sequence[Row]) -> None:
    """Take out of the journal what `old_decisions` gave: all else of a row, and its hash, stays as it is."""
    keys = [{"account_id": row["account_id"], "seq": row["seq"]} for row in rows]
    connection.execute(_SHED, {"leaving": list(_LEAVING), "rows": json.dumps(keys)})


def completed(row: Row, left: Mapping[str, Any]) -> Row:
    """A row as it was written, with what had left it for an archive."""
    details = {name: value for name, value in row["details"].items() if name != ARCHIVED}
    return {**row, "details": {**details, **left}}


def last_step(connection: Connection, account: str, upto: dt.date) -> Entry | None:
    """The last step that was journalled of an account up to a local date, with its facts unless they are archived."""
    table = tables.journal
    query = (
        select(table)
        .where(table.c.account_id == account, table.c.kind == EntryKind.STEP.value, table.c.on <= upto)
        .order_by(table.c.seq.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    plain = {
        name: row[name] for name in ("at", "on", "clock", "cause", "actor", "rule", "source", "to", "policy_version")
    }
    details = row["details"]
    return Entry(
        kind=EntryKind.STEP,
        account=account,
        reason=details.get("reason", ""),
        facts=facts_from_json(details["facts"]) if "facts" in details else None,
        **plain,
    )

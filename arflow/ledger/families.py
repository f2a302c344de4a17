"""Who pays through whom, of a file on its way in: a row that names a payer who cannot be one is rejected.

The payers of a file are taken in before all others, so that it is known which of them there are.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, text

from arflow.ledger import staging
from arflow.store import accounts

_LINKS = """CREATE TEMPORARY TABLE link ON COMMIT DROP AS
    SELECT line, place, account_id, day, content::jsonb ->> 'pays_through' AS payer FROM stage
    WHERE content LIKE '%"pays_through"%' AND content::jsonb ->> 'pays_through' IS NOT NULL"""
"""Content is looked into only where the word is written in it: to parse all takes longer than to read the file."""

_KNOWN = """DELETE FROM link WHERE EXISTS (SELECT FROM event WHERE event.account_id = link.account_id
    AND kind = 'account' AND "on" = day::date AND event.content ->> 'pays_through' = payer)"""
"""What is recorded already was checked when it came in, whatever has been agreed since."""

_STANDING = """SELECT pair.mine, pair.payer,
    EXISTS (SELECT FROM account WHERE id = pair.payer)
        OR EXISTS (SELECT FROM stage WHERE account_id = pair.payer) AS is_there,
    EXISTS (SELECT FROM account WHERE id = pair.payer AND pays_through IS NOT NULL)
        OR EXISTS (SELECT FROM event WHERE account_id = pair.payer AND NOT applied
            AND content ->> 'pays_through' IS NOT NULL) AS has_payer,
    EXISTS (SELECT FROM event JOIN account ON account.id = account_id
        WHERE content ->> 'pays_through' = pair.mine AND (NOT applied OR pays_through = pair.mine)) AS is_payer,
    EXISTS (WITH RECURSIVE above (id) AS (SELECT pair.payer UNION
            SELECT content ->> 'pays_through' FROM event JOIN above ON account_id = above.id
            WHERE kind = 'account' AND content ->> 'pays_through' IS NOT NULL)
        SELECT FROM above WHERE id = pair.mine) AS was_payer,
    (SELECT currency FROM settled WHERE account_id = pair.mine) <> coalesce(
        (SELECT currency FROM account WHERE id = pair.payer),
        (SELECT currency FROM settled WHERE account_id = pair.payer)) AS is_foreign
    FROM (SELECT DISTINCT account_id AS mine, payer FROM link) AS pair"""
"""How each account and the one it shall pay through stand now, with what is recorded and still to come: once a pair,
since a table of invoices may name it on every row.

Of two that paid through each other in turn, neither's life could be told first; nor of more, in a ring.
"""

_UNOPENED = """SELECT line, account_id, payer FROM link
    WHERE NOT EXISTS (SELECT FROM account WHERE account.id = link.payer) ORDER BY place"""

_TAKEN_IN = """SELECT account_id, payer FROM link
    WHERE NOT EXISTS (SELECT FROM stage_reject WHERE stage_reject.line = link.line)
    GROUP BY account_id, payer ORDER BY min(place)"""


_PAYERS = (
    "CREATE TEMPORARY TABLE payer ON COMMIT DROP AS SELECT DISTINCT payer AS id FROM link",
    "ALTER TABLE payer ADD PRIMARY KEY (id)",
    "ANALYZE payer",
)
"""Each payer once: a table of all its customers' invoices may name it on every row. None of them pays through another:
who is taken in as a payer, before it is known which payers there are, must not be a payee as well."""


def settle(connection: Connection) -> None:
    """Reject the staged rows that name a payer who cannot be one: known, and one who pays for itself."""
    for statement in (_LINKS, _KNOWN):
        connection.execute(text(statement))
    standing = {(pair.mine, pair.payer): pair for pair in connection.execute(text(_STANDING))}
    payers, payees, rejects = set[str](), set[str](), dict[int, str]()
    for row in connection.execute(text("SELECT line, account_id, payer FROM link ORDER BY place")).all():
        trouble = _trouble(standing[row.account_id, row.payer], payers, payees)
        if trouble is None:
            payers.add(row.payer)
            payees.add(row.account_id)
        else:
            rejects[row.line] = _reason(row.account_id, row.payer, trouble)
    _leave_out(connection, rejects)
    for statement in _PAYERS:
        connection.execute(text(statement))


def _trouble(pair: Row[Any], payers: set[str], payees: set[str]) -> str | None:
    """Why one cannot pay for the other, or None; other rows of the file make accounts `payers` and `payees`."""
    if pair.mine == pair.payer:
        return "is itself"
    if not pair.is_there:
        return "is unknown"
    if pair.has_payer or pair.payer in payees:
        return "pays through another"
    if pair.is_foreign:
        return "is in another currency"
    if pair.is_payer or pair.mine in payers:
        return "cannot be, since others pay through this account"
    return "has paid through this account" if pair.was_payer else None


def leave_out_unopened(connection: Connection) -> None:
    """Reject the rows that name a payer of whom no row could be taken in."""
    unopened = connection.execute(text(_UNOPENED)).all()
    _leave_out(connection, {row.line: _reason(row.account_id, row.payer, "is unknown") for row in unopened})


def _reason(account: str, payer: str, trouble: str) -> str:
    return f"account `{account}` pays through `{payer}`, which {trouble}"


def _leave_out(connection: Connection, rejects: Mapping[int, str]) -> None:
    """Reject whole rows: nothing of them is staged any more."""
    staging.reject(connection, rejects)
    if rejects:
        lines = {"lines": [*rejects]}
        connection.execute(text("DELETE FROM stage WHERE line = ANY(:lines)"), lines)
        connection.execute(text("DELETE FROM link WHERE line = ANY(:lines)"), lines)


def join(connection: Connection) -> None:
    """Put accounts that pay through another into its family."""
    accounts.join_families(connection, [(row.account_id, row.payer) for row in connection.execute(text(_TAKEN_IN))])

"""SQL. Files that have everything which is open: what of earlier files is in one no more, and what is in it again.

An invoice came by a profile if the import that brought it read its file with that. What is open of it is read as the
books stand, to find whom to look at; how much that is the account's own events tell, once it is locked (`taking`).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, text

from arflow.ledger.gone import LONGEST, PREFIX
from arflow.ledger.profiles import Profile

SEEN = "seen"
"""The kind of what is staged of a rejected row: its invoice is in the file, though it could not be read."""

FEW = 20
"""Up to so many invoices may be gone at once, however few there are, ..."""

SHARE = 4
"""... and up to one in so many."""

_BATCH = 500

_CREATE = (
    "CREATE TEMPORARY TABLE seen (account_id text, currency text, id text) ON COMMIT DROP",
    "CREATE TEMPORARY TABLE gone (account_id text, invoice_id text) ON COMMIT DROP",
    "CREATE TEMPORARY TABLE back (account_id text, payment text) ON COMMIT DROP",
    "CREATE TEMPORARY TABLE settled_here (account_id text, invoice_id text) ON COMMIT DROP",
)

_PUT_ASIDE = """WITH rejected AS (DELETE FROM stage WHERE kind = :seen RETURNING content::jsonb AS said, currency, id)
    INSERT INTO seen SELECT said ->> 'account', currency, id FROM rejected"""

_PRESENT = """CREATE TEMPORARY TABLE present ON COMMIT DROP AS
    SELECT account_id, id AS invoice_id FROM stage WHERE kind = 'invoice'
    UNION SELECT account_id, id FROM seen
    UNION SELECT regexp_replace(account_id, '/[A-Z]{3}$', '') || '/' || currency, id FROM seen WHERE currency <> ''"""
"""What is in the file; of a rejected row nobody knows to which of its customer's accounts it would have gone."""

_EXPECTED = """CREATE TEMPORARY TABLE expected ON COMMIT DROP AS
    SELECT account_id, invoice_id FROM (
        SELECT account_id, invoice_id FROM item WHERE open > 0
        UNION SELECT account_id, identity FROM event WHERE kind = 'invoice' AND NOT applied
    ) AS unpaid
    WHERE EXISTS (SELECT FROM event JOIN import_file ON import_file.id = import_id
        WHERE event.account_id = unpaid.account_id AND kind = 'invoice' AND identity = unpaid.invoice_id
        AND profile = ANY(:profiles))"""

_GONE = """INSERT INTO gone SELECT account_id, invoice_id FROM expected
    WHERE NOT EXISTS (SELECT FROM present WHERE present.account_id = expected.account_id
        AND present.invoice_id = expected.invoice_id)"""

_GRANTED = """CREATE TEMPORARY TABLE granted ON COMMIT DROP AS
    SELECT account_id, identity AS payment, content ->> 'invoice' AS invoice_id
    FROM event JOIN import_file ON import_file.id = import_id
    WHERE kind = 'payment' AND profile <> 'events'
    AND starts_with(identity, :prefix || left(content ->> 'invoice', :longest) || ' ')"""
"""Every payment that was taken for granted, by whatever profile's file."""

_UNDONE = """CREATE TEMPORARY TABLE undone ON COMMIT DROP AS
    SELECT account_id, content ->> 'payment' AS payment FROM event WHERE kind = 'payment_reversed'"""

_BACK = """INSERT INTO back SELECT account_id, payment FROM granted JOIN present USING (account_id, invoice_id)
    WHERE NOT EXISTS (SELECT FROM undone
        WHERE undone.account_id = granted.account_id AND undone.payment = granted.payment)
    AND EXISTS (SELECT FROM event JOIN import_file ON import_file.id = import_id
        WHERE event.account_id = granted.account_id AND kind = 'invoice' AND identity = granted.invoice_id
        AND profile = ANY(:profiles))"""

_SETTLED_HERE = """INSERT INTO settled_here
    SELECT account_id, invoice_id FROM present JOIN item USING (account_id, invoice_id) WHERE open < amount
    UNION SELECT account_id, invoice_id FROM present JOIN (
        SELECT DISTINCT account_id FROM event WHERE NOT applied AND (kind LIKE 'payment%'
            OR kind = 'invoice' AND starts_with(content ->> 'amount', '-'))
    ) AS about USING (account_id)"""
"""What is in the file and may be settled in the books, at least in part, with what is not taken in there yet."""

_WAS_BEFORE = """SELECT EXISTS (SELECT FROM import_file AS same WHERE profile = :profile AND sha256 = :sha256
    AND EXISTS (SELECT FROM import_file AS later WHERE later.profile = :profile AND later.id > same.id
        AND later.sha256 <> :sha256))"""


class Found(NamedTuple):
    """What the tables tell of one account."""

    gone: Collection[str] = ()
    """Invoices that are open in the books and not in the file."""
    back: Collection[str] = ()
    """Payments that were taken for granted, of invoices that are in the file again."""
    settled_here: Collection[str] = ()
    """Invoices of the file that may be settled in the books, at least in part."""


def create(connection: Connection) -> None:
    """Make the temporary tables, which go with the transaction."""
    for statement in _CREATE:
        connection.execute(text(statement))


def put_seen_aside(connection: Connection) -> None:
    """Take what is staged of rejected rows out of the stage; that they are in the file is all that is known."""
    connection.execute(text(_PUT_ASIDE), {"seen": SEEN})


@dataclass(frozen=True, kw_only=True)
class Differences:
    """How many of the open invoices are gone, whether there is any in the file, and whether that is an old one."""

    gone: int
    expected: int
    is_empty: bool
    is_old: bool

    @property
    def trouble(self) -> str | None:
        """Why nobody should believe the file without another look."""
        if not self.gone:
            return None
        if self.is_old:
            return "this file was imported before another one; what has come since would be taken as paid"
        found = f"{self.gone:,} of {self.expected:,} invoices that are open are not in this file any more"
        if self.is_empty:
            return f"there is no invoice in this file, and {self.gone:,} are open that would be taken as paid"
        return found if self.gone > FEW and self.gone * SHARE > self.expected else None


def compare(connection: Connection, profile: Profile, sha256: str) -> Differences:
    """Find the invoices that are gone, the payments of those that are back, and what is settled here only."""
    names = {"profiles": [profile.name, *profile.whole_of]}
    connection.execute(text(_PRESENT))
    connection.execute(text(_EXPECTED), names)
    connection.execute(text(_GRANTED), {"prefix": PREFIX, "longest": LONGEST})
    connection.execute(text(_UNDONE))
    for table in ("present", "expected", "granted", "undone"):
        connection.execute(text(f"ANALYZE {table}"))
    connection.execute(text(_GONE))
    connection.execute(text(_BACK), names)
    connection.execute(text(_SETTLED_HERE))
    for table in ("gone", "back", "settled_here"):
        connection.execute(text(f"CREATE INDEX ON {table} (account_id)"))
        connection.execute(text(f"ANALYZE {table}"))
    return Differences(
        gone=_count(connection, "gone"),
        expected=_count(connection, "expected"),
        is_empty=not _count(connection, "present"),
        is_old=connection.execute(text(_WAS_BEFORE), {"profile": profile.name, "sha256": sha256}).scalar_one(),
    )


def _count(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608  # our own word


def accounts_left_out(connection: Connection) -> Iterator[list[str]]:
    """The accounts of which something is gone or back and nothing is staged, batch by batch: who paid all has no row.

    Nor has one whose rows were all rejected.
    """
    after = ""
    query = text(
        "SELECT account_id FROM (SELECT account_id FROM gone UNION SELECT account_id FROM back) AS found "
        "WHERE account_id > :after AND NOT EXISTS "
        "(SELECT FROM stage WHERE stage.account_id = found.account_id) ORDER BY account_id LIMIT :limit"
    )
    while found := list(connection.execute(query, {"after": after, "limit": _BATCH}).scalars()):
        yield found
        after = found[-1]


def of_accounts(connection: Connection, ids: Sequence[str]) -> Mapping[str, Found]:
    """What was found of those accounts among `ids` of which something was."""
    tables = [_by_account(connection, table, ids) for table in ("gone", "back", "settled_here")]
    return {key: Found(*(table.get(key, ()) for table in tables)) for key in sorted({key for t in tables for key in t})}


def _by_account(connection: Connection, table: str, ids: Sequence[str]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    query = text(f"SELECT * FROM {table} WHERE account_id = ANY(:ids)")  # noqa: S608  # our own word
    for account, key in connection.execute(query, {"ids": list(ids)}):
        found[account].append(key)
    return found

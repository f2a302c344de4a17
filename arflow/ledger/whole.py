"""SQL. Files that have everything which is open: what of earlier files is in one no more, and what is in it again.

An invoice came by a profile if the import that brought it read its file with that. What is open of it is read as the
books stand, to find whom to look at; how much that is the account's own events tell, once it is locked (`taking`).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from arflow.clock import Now
from arflow.ledger.gone import LONGEST, PREFIX, Found
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
    "CREATE TEMPORARY TABLE doubtful (account_id text PRIMARY KEY) ON COMMIT DROP",
)

_PUT_ASIDE = """WITH rejected AS (DELETE FROM stage WHERE kind = :seen RETURNING content::jsonb AS said, currency, id)
    INSERT INTO seen SELECT said ->> 'account', currency, id FROM rejected"""

_PRESENT = """CREATE TEMPORARY TABLE present ON COMMIT DROP AS
    SELECT account_id, id AS invoice_id FROM stage WHERE kind = 'invoice'
    UNION SELECT account_id, id FROM seen
    UNION SELECT account_id || '/' || currency, id FROM seen WHERE currency <> ''
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

_GRANTED = """CREATE TEMPORARY TABLE granted ON COMMIT DROP AS
    SELECT account_id, identity AS payment, content ->> 'invoice' AS invoice_id, profile
    FROM event JOIN import_file ON import_file.id = import_id
    WHERE kind = 'payment' AND profile <> 'events'
    AND starts_with(identity, :prefix || left(content ->> 'invoice', :longest) || ' ')"""
"""Every payment that was taken for granted, by whatever profile's file."""

_UNDONE = """CREATE TEMPORARY TABLE undone ON COMMIT DROP AS
    SELECT account_id, content ->> 'payment' AS payment FROM event WHERE kind = 'payment_reversed'"""

_GUESSED = """CREATE TEMPORARY TABLE guessed ON COMMIT DROP AS SELECT account_id, payment, invoice_id FROM granted
    WHERE NOT EXISTS (SELECT FROM undone
        WHERE undone.account_id = granted.account_id AND undone.payment = granted.payment)
    AND (profile = ANY(:profiles) OR EXISTS (SELECT FROM event JOIN import_file ON import_file.id = import_id
        WHERE event.account_id = granted.account_id AND kind = 'invoice' AND identity = granted.invoice_id
        AND profile = ANY(:profiles)))"""
"""Those which stand, of invoices that this file has as long as they are open."""

_PENDING = """CREATE TEMPORARY TABLE pending ON COMMIT DROP AS
    SELECT DISTINCT account_id FROM event WHERE NOT applied AND (kind LIKE 'payment%'
        OR kind = 'invoice' AND starts_with(content ->> 'amount', '-'))"""
"""Accounts of which money is not taken in yet, so that the tables do not tell what is open."""

_LOOSE = """CREATE TEMPORARY TABLE loose ON COMMIT DROP AS SELECT account_id FROM (
        SELECT account_id, amount FROM clearing WHERE reversed_on IS NULL
        UNION ALL SELECT allocation.account_id, -allocation.amount FROM allocation JOIN clearing
            ON clearing.account_id = allocation.account_id AND clearing.kind = allocation.kind
            AND clearing.id = clearing_id AND reversed_on IS NULL
    ) AS part GROUP BY account_id HAVING sum(amount) > 0"""
"""Accounts with money that stands against no invoice."""

_DOUBTFUL = """INSERT INTO doubtful
    SELECT account_id FROM expected WHERE NOT EXISTS (SELECT FROM present
        WHERE present.account_id = expected.account_id AND present.invoice_id = expected.invoice_id)
    UNION SELECT account_id FROM guessed JOIN present USING (account_id, invoice_id)
    UNION SELECT account_id FROM (SELECT account_id FROM guessed UNION SELECT account_id FROM present) AS known
        JOIN (SELECT account_id FROM loose UNION SELECT account_id FROM pending) AS money USING (account_id)
    UNION SELECT account_id FROM guessed JOIN stage USING (account_id)
        WHERE kind LIKE 'payment%' OR kind = 'invoice' AND content LIKE '%"amount": "-%'
    UNION SELECT account_id FROM present JOIN item USING (account_id, invoice_id) WHERE open < amount
    UNION SELECT present.account_id FROM present JOIN allocation
        ON allocation.account_id = present.account_id AND clearing_id = present.invoice_id AND kind = 'credit_note'"""
"""Where the books and the file may say different things: an invoice is gone, or is back, or money stands against one of
the file or against none, or the file brings some, or a credit of the file is used up here."""

_WAS_BEFORE = """SELECT EXISTS (SELECT FROM import_file AS same WHERE profile = :profile AND sha256 = :sha256
    AND EXISTS (SELECT FROM import_file AS later WHERE later.profile = :profile AND later.id > same.id
        AND later.sha256 <> :sha256))"""


def create(connection: Connection) -> None:
    """Make the temporary tables, which go with the transaction."""
    for statement in _CREATE:
        connection.execute(text(statement))


def put_seen_aside(connection: Connection) -> None:
    """Take what is staged of rejected rows out of the stage; that they are in the file is all that is known."""
    connection.execute(text(_PUT_ASIDE), {"seen": SEEN})


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A file that has everything open, beside what was known before it."""

    profiles: Sequence[str]
    """Its own and those whose invoices it has as well."""
    expected: int
    """How many of their invoices are open, as the tables tell."""
    is_empty: bool = False
    """Whether there is no invoice in it."""
    is_old: bool = False
    """Whether it was imported before, and then another one."""
    is_complete: bool = True
    """Whether every row says what it is of; else nothing is taken as paid."""
    now: Now
    """The business now, read when all accounts were locked."""

    def trouble(self, paid: int, opened: int) -> str | None:
        """Why nobody should believe it without another look, if so many invoices are taken as paid, or open again."""
        if self.is_old and (paid or opened):
            return (
                "this file was imported before another one; what has come since would be taken as paid, "
                "and what was paid since would be open again"
            )
        if self.is_empty and paid:
            return f"there is no invoice in this file, and {paid:,} are open that would be taken as paid"
        if self._is_much(paid):
            return f"{paid:,} of {self.expected:,} invoices that are open are not in this file any more"
        if self._is_much(opened):
            return f"{opened:,} invoices that were taken as paid are in this file again, beside {self.expected:,} open"
        return None

    def _is_much(self, invoices: int) -> bool:
        return invoices > FEW and invoices * SHARE > self.expected


def compare(connection: Connection, profile: Profile, sha256: str, now: Now) -> Comparison:
    """Find the accounts of which the books and the file may say different things."""
    names = [profile.name, *profile.whole_of]
    connection.execute(text(_PRESENT))
    connection.execute(text(_EXPECTED), {"profiles": names})
    connection.execute(text(_GRANTED), {"prefix": PREFIX, "longest": LONGEST})
    connection.execute(text(_UNDONE))
    _analyze(connection, "present", "expected", "granted", "undone")
    connection.execute(text(_GUESSED), {"profiles": names})
    for statement in (_PENDING, _LOOSE):
        connection.execute(text(statement))
    _analyze(connection, "guessed", "pending", "loose")
    connection.execute(text(_DOUBTFUL))
    for table in ("present", "guessed"):
        connection.execute(text(f"CREATE INDEX ON {table} (account_id)"))
    return Comparison(
        profiles=names,
        expected=_count(connection, "expected"),
        is_empty=not _count(connection, "present"),
        is_old=connection.execute(text(_WAS_BEFORE), {"profile": profile.name, "sha256": sha256}).scalar_one(),
        now=now,
    )


def never_imported(connection: Connection, profile: Profile) -> Sequence[str]:
    """Those profiles under `of` by which no file came: of a name that is misspelt nothing would ever be gone."""
    query = text(
        "SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE name NOT IN (SELECT profile FROM import_file)"
    )
    return connection.execute(query, {"names": list(profile.whole_of)}).scalars().all()


def _analyze(connection: Connection, *tables: str) -> None:
    for table in tables:
        connection.execute(text(f"ANALYZE {table}"))


def _count(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608  # our own word


def accounts_left_out(connection: Connection) -> Iterator[list[str]]:
    """The accounts to look at of which nothing is staged, batch by batch: who paid all has no row.

    Nor has one whose rows were all rejected.
    """
    after = ""
    query = text(
        "SELECT account_id FROM doubtful WHERE account_id > :after AND NOT EXISTS "
        "(SELECT FROM stage WHERE stage.account_id = doubtful.account_id) ORDER BY account_id LIMIT :limit"
    )
    while found := list(connection.execute(query, {"after": after, "limit": _BATCH}).scalars()):
        yield found
        after = found[-1]


_OURS = """SELECT DISTINCT account_id, identity FROM event JOIN import_file ON import_file.id = import_id
    WHERE account_id = ANY(:ids) AND kind = 'invoice' AND profile = ANY(:profiles)"""
_PRESENT_OF = "SELECT account_id, invoice_id FROM present WHERE account_id = ANY(:ids)"
_GUESSED_OF = "SELECT account_id, payment FROM guessed WHERE account_id = ANY(:ids)"


def of_accounts(
    connection: Connection, file: Comparison, ids: Sequence[str], differing: Sequence[str]
) -> Mapping[str, Found]:
    """What is known of those among `ids` to look at: doubtful ones, and those of which rows were seen to differ."""
    query = text("SELECT account_id FROM doubtful WHERE account_id = ANY(:ids)")
    chosen = sorted({*connection.execute(query, {"ids": list(ids)}).scalars(), *differing})
    if not chosen:
        return {}
    ours = _by_account(connection, _OURS, chosen, profiles=list(file.profiles))
    present, guessed = (_by_account(connection, query, chosen) for query in (_PRESENT_OF, _GUESSED_OF))
    return {
        key: Found(ours=frozenset(ours[key]), present=frozenset(present[key]), guesses=frozenset(guessed[key]))
        for key in chosen
    }


def _by_account(
    connection: Connection, query: str, ids: Sequence[str], **more: Sequence[str]
) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for account, key in connection.execute(text(query), {"ids": list(ids), **more}):
        found[account].append(key)
    return found

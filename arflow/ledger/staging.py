"""A file's events on their way in: staged in a temporary table, compared with what is recorded, checked, written.

All of it happens in the caller's one transaction. An event is new, unchanged, a correction or rejected; a whole row of
the file is rejected with any of its events. Accounts are worked on in batches, so memory does not grow with the file.
"""

import datetime as dt
import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy import Row as RowOf

from arflow import clock
from arflow.clock import Now
from arflow.errors import Refused
from arflow.ledger import currencies, whole
from arflow.ledger.taking import Outcome, Staged, Taker
from arflow.living import Engineering, Looking
from arflow.rules.reference import Reference
from arflow.store import accounts, events, policies, tables
from arflow.store.rows import Row

BATCH, BATCH_EVENTS = 500, 20_000
"""How many accounts are compared at a time, and with how many staged events, unless a single account has more."""

MAX_EVENTS = 200_000
"""How many events one account may have in a file: its books are folded in memory."""

READ_AT_ONCE = 1000
"""How many rejects are read from the database at once."""


def create_stage(connection: Connection) -> None:
    """Make the temporary table, which goes with the transaction."""
    connection.execute(
        text(
            "CREATE TEMPORARY TABLE stage (line bigint, place bigint, account_id text, currency text, kind text, "
            "day text, content text, id text) ON COMMIT DROP"
        )
    )
    connection.execute(
        text("CREATE TEMPORARY TABLE stage_reject (line bigint PRIMARY KEY, reason text) ON COMMIT DROP")
    )
    whole.create(connection)


def stage(connection: Connection, rows: Iterable[tuple[int, str | None, str, Sequence[Row]]]) -> None:
    """Copy (line, account, currency or "", events) rows into the stage; nothing is kept in memory."""
    driver = connection.connection.driver_connection
    if driver is None:
        raise TypeError(connection)
    place = itertools.count()
    with driver.cursor() as cursor, cursor.copy("COPY stage FROM STDIN") as copy:
        for line, account, currency, contents in rows:
            for content in contents:
                said = (content["event"], content["date"], json.dumps(content), content.get("id"))
                copy.write_row((line, next(place), account, currency, *said))


def settle(connection: Connection, default: str) -> None:
    """Let every staged line find its account: by its customer and its currency, `default` where none is known."""
    connection.execute(text("CREATE INDEX ON stage (account_id, place)"))
    connection.execute(text("ANALYZE stage"))
    currencies.settle(connection, default)


_LOCK = (
    """CREATE TEMPORARY TABLE head ON COMMIT DROP AS SELECT DISTINCT family AS id FROM account
        WHERE id IN (SELECT account_id FROM settled UNION SELECT payer FROM link
            UNION SELECT account_id FROM doubtful)""",
    "ANALYZE head",
    """SELECT count(*) FROM (SELECT FROM account WHERE id IN (SELECT id FROM head)
        ORDER BY id FOR UPDATE) AS locked""",
    """SELECT count(*) FROM (SELECT FROM account WHERE family IN (SELECT id FROM head) AND family <> id
        ORDER BY id FOR UPDATE) AS locked""",
)


def lock(connection: Connection) -> None:
    """Lock the accounts that are staged, with their families and those that they shall pay through.

    So nobody records anything of them between their comparison and the end of the transaction. All are locked before
    the first is compared and in the order of `accounts.lock`, heads before members: who waits for an account of theirs
    holds none that an import would wait for. No list of them is kept here.
    """
    for statement in _LOCK:
        connection.execute(text(statement))


def staged_accounts(connection: Connection, *, payers: bool) -> Iterator[list[str]]:
    """The ids of the staged accounts, batch by batch: those that other rows name as their payers, or all others."""
    after = ""
    query = text(
        "SELECT account_id, count(*) AS events FROM stage WHERE account_id > :after "
        "AND EXISTS (SELECT FROM payer WHERE payer.id = account_id) = :payers GROUP BY account_id ORDER BY account_id "
        "LIMIT :limit"
    )
    while found := connection.execute(query, {"after": after, "limit": BATCH, "payers": payers}).all():
        batch = [row.account_id for row, events in _summed(found) if events <= BATCH_EVENTS] or [found[0].account_id]
        yield batch
        after = batch[-1]


def _summed(found: Sequence[RowOf[Any]]) -> Iterator[tuple[RowOf[Any], int]]:
    """Each (account, events) with the events up to it. Raises Refused for an account with too many."""
    total = 0
    for row in found:
        if row.events > MAX_EVENTS:
            raise Refused(
                f"account `{row.account_id}` has {row.events:,} events in this file, and up to {MAX_EVENTS:,} are "
                "taken; import it in parts"
            )
        total += row.events
        yield row, total


def take_in(
    connection: Connection,
    ids: Sequence[str],
    now: Now,
    outcome: Outcome,
    *,
    correct: bool,
    is_of_now: bool,
    whole_file: whole.Comparison | None = None,
    import_id: int | None,
) -> None:
    """Compare, check and write the staged events of the accounts `ids`.

    `is_of_now` tells that what the file says of an account itself has no date of its own; a `whole_file` has everything
    that is open.
    """
    staged = _staged(connection, ids)
    known = accounts.known_among(connection, ids)
    recorded = events.of_accounts(connection, [*known])  # of a new account nothing is
    currencies_of = {**known, **currencies.settled(connection, ids)}
    takers = {
        key: Taker(
            key, currencies_of[key], staged[key], recorded.get(key, []), outcome, is_whole=whole_file is not None
        )
        for key in ids
    }
    opened = [taker.blank() for key, taker in takers.items() if key not in known and taker.decide(correct=correct)]
    for key in known:
        takers[key].decide(correct=correct)
    accounts.create(connection, opened, policies.latest_activation(connection))
    if is_of_now:
        _restate(connection, takers, now)
    if whole_file is not None:
        _settle_gone(connection, takers, whole_file)
    _write(connection, list(takers.values()), now, import_id)
    outcome.accounts += len(takers)
    outcome.opened += len(opened)
    outcome.new.update(event.kind for taker in takers.values() for event, _, _ in taker.new)
    changed = [key for key, taker in takers.items() if taker.new or taker.corrected]
    outcome.touched += changed
    wake_up(connection, changed, now)


def _restate(connection: Connection, takers: Mapping[str, Taker], now: Now) -> None:
    """Say now what the file says of accounts themselves, where by the dates of its rows it would lose to older news."""
    unsaid = {key: said for key, taker in takers.items() if (said := taker.unsaid())}
    for key, moment in _moments(connection, {key: takers[key] for key in unsaid}, now):
        takers[key].restate(unsaid[key], *moment)


def _settle_gone(connection: Connection, takers: Mapping[str, Taker], file: whole.Comparison) -> None:
    """Take as paid what the file has no more, and take that back of what it has again."""
    differing = [key for key, taker in takers.items() if taker.differs]
    found = whole.of_accounts(connection, file, [*takers], differing)
    for key, moment in _moments(connection, {key: takers[key] for key in found}, file.now):
        takers[key].settle(found[key], moment, is_complete=file.is_complete)


def _moments(
    connection: Connection, takers: Mapping[str, Taker], now: Now
) -> Iterator[tuple[str, tuple[dt.date, dt.time]]]:
    """The local date and time of each account now."""
    if not takers:
        return
    looking = Looking(connection, sorted(takers), now, Engineering(evaluator=Reference()))
    for key, taker in takers.items():
        life = looking.standing(key)
        zone = life.calendar().zone(taker.timezone or life.account.timezone)
        yield key, clock.local_moment(now, zone)


def put_rejects_aside(connection: Connection, outcome: Outcome) -> None:
    """Keep the rejects of the accounts at hand in the database, so that memory does not grow with them."""
    reject(connection, outcome.rejects)
    outcome.rejects.clear()


def reject(connection: Connection, reasons: Mapping[int, str]) -> None:
    """Keep the rejects of lines, each with the reason that was found first."""
    if reasons:
        rows = [{"line": line, "reason": reason} for line, reason in reasons.items()]
        connection.execute(text("INSERT INTO stage_reject VALUES (:line, :reason) ON CONFLICT DO NOTHING"), rows)


def rejects(connection: Connection) -> Iterator[tuple[int, str]]:
    """Every (line, reason) that was put aside, in the order of lines."""
    query = text("SELECT line, reason FROM stage_reject ORDER BY line")
    with connection.execute(query, execution_options={"yield_per": READ_AT_ONCE}) as found:
        for row in found:
            yield row.line, row.reason


def wake_up(connection: Connection, ids: Sequence[str], now: Now) -> None:
    """Make accounts due at once, so that the next `advance` takes in what is pending."""
    account = tables.account
    if ids:
        accounts.make_due(connection, now.start, now.start_day, account.c.id.in_(accounts.listed(ids)))


def _staged(connection: Connection, ids: Sequence[str]) -> dict[str, list[Staged]]:
    """What is staged of each account, in the order of the file."""
    query = text(
        "SELECT account_id, line, currency, content, place >= 0 AS is_own FROM stage WHERE account_id = ANY(:ids) "
        "ORDER BY account_id, place"
    )
    found: dict[str, list[Staged]] = defaultdict(list)
    for account, *staged in connection.execute(query, {"ids": list(ids)}):
        found[account].append(Staged(*staged))
    return found


def _write(connection: Connection, takers: Sequence[Taker], now: Now, import_id: int | None) -> None:
    known: Row = {"known_at": now.at, "known_on": now.day}
    rows = [
        events.row_of(event, identity=key, occurrence=occurrence) | {"import_id": import_id, **known}
        for taker in takers
        for event, key, occurrence in taker.new
    ]
    events.insert_rows(connection, rows)
    for taker in takers:
        for stored, event in taker.corrected:
            events.correct(connection, stored, event, now.at, now.day)

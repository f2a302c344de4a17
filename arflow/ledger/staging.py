"""A file's events on their way in: staged in a temporary table, compared with what is recorded, checked, written.

All of it happens in the caller's one transaction. An event is new, unchanged, a correction or rejected; a whole row of
the file is rejected with any of its events. Accounts are worked on in batches, so memory does not grow with the file.
"""

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, text
from sqlalchemy import Row as RowOf

from arflow import money
from arflow.accounts.clearing import called
from arflow.accounts.entries import Account
from arflow.accounts.events import AMOUNTS, Event, parse
from arflow.accounts.timeline import identity, same_content
from arflow.clock import Now
from arflow.errors import Refused
from arflow.ledger import currencies
from arflow.ledger.contradictions import contradictions
from arflow.store import accounts, events, policies, tables
from arflow.store.events import StoredEvent
from arflow.store.rows import Row

BATCH, BATCH_EVENTS = 500, 20_000
"""How many accounts are compared at a time, and with how many staged events, unless a single account has more."""

MAX_EVENTS = 200_000
"""How many events one account may have in a file: its books are folded in memory."""

_REPEATABLE = frozenset(
    {"contact", "tag", "untag", "hold", "hold_released", "forced", "notice_delivered", "notice_failed"}
)

READ_AT_ONCE = 1000
"""How many rejects are read from the database at once."""


@dataclass
class Outcome:
    """What became of the file's events so far."""

    billed: Counter[str] = field(default_factory=Counter)
    """Control total: what the file's invoices come to, in minor units by currency."""
    paid: Counter[str] = field(default_factory=Counter)
    """Control total: what its payments come to."""
    new: Counter[str] = field(default_factory=Counter)
    """New events by kind."""
    unchanged: int = 0
    corrections: list[tuple[int, str]] = field(default_factory=list)
    """(line, what differs) of known events with other content."""
    rejects: dict[int, str] = field(default_factory=dict)
    """Lines of the accounts at hand whose rows contradict what is recorded, and why."""
    accounts: int = 0
    opened: int = 0
    touched: list[str] = field(default_factory=list)


def create_stage(connection: Connection) -> None:
    """Make the temporary table, which goes with the transaction."""
    connection.execute(
        text(
            "CREATE TEMPORARY TABLE stage (line bigint, place bigint, account_id text, currency text, kind text, "
            "day text, content text) ON COMMIT DROP"
        )
    )
    connection.execute(
        text("CREATE TEMPORARY TABLE stage_reject (line bigint PRIMARY KEY, reason text) ON COMMIT DROP")
    )


def stage(connection: Connection, rows: Iterable[tuple[int, str, str, Sequence[Row]]]) -> None:
    """Copy (line, account, currency or "", events) rows into the stage; nothing is kept in memory."""
    driver = connection.connection.driver_connection
    if driver is None:
        raise TypeError(connection)
    place = itertools.count()
    with driver.cursor() as cursor, cursor.copy("COPY stage FROM STDIN") as copy:
        for line, account, currency, contents in rows:
            for content in contents:
                said = (content["event"], content["date"], json.dumps(content))
                copy.write_row((line, next(place), account, currency, *said))


def settle(connection: Connection, default: str) -> None:
    """Let every staged line find its account: by its customer and its currency, `default` where none is known."""
    connection.execute(text("CREATE INDEX ON stage (account_id, place)"))
    connection.execute(text("ANALYZE stage"))
    currencies.settle(connection, default)


def staged_accounts(connection: Connection) -> Iterator[list[str]]:
    """The ids of the staged accounts, batch by batch."""
    after = ""
    query = text(
        "SELECT account_id, count(*) AS events FROM stage WHERE account_id > :after GROUP BY account_id "
        "ORDER BY account_id LIMIT :limit"
    )
    while found := connection.execute(query, {"after": after, "limit": BATCH}).all():
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
    connection: Connection, ids: Sequence[str], now: Now, outcome: Outcome, *, correct: bool, import_id: int | None
) -> None:
    """Compare, check and write the staged events of the accounts `ids`."""
    staged = _staged(connection, ids)
    known = accounts.known_among(connection, ids)
    recorded = events.of_accounts(connection, [*known])  # of a new account nothing is
    settled = currencies.settled(connection, ids)
    takers = {key: _Taker(key, settled[key], staged[key], recorded.get(key, []), outcome) for key in staged}
    opened = [taker.blank() for key, taker in takers.items() if key not in known and taker.decide(correct=correct)]
    for key in known:
        takers[key].decide(correct=correct)
    accounts.create(connection, opened, policies.latest_activation(connection))
    _write(connection, list(takers.values()), now, import_id)
    outcome.accounts += len(takers)
    outcome.opened += len(opened)
    changed = [key for key, taker in takers.items() if taker.new or taker.corrected]
    outcome.touched += changed
    wake_up(connection, changed, now)


def put_rejects_aside(connection: Connection, outcome: Outcome) -> None:
    """Keep the rejects of the accounts at hand in the database, so that memory does not grow with them."""
    if outcome.rejects:
        rows = [{"line": line, "reason": reason} for line, reason in outcome.rejects.items()]
        connection.execute(text("INSERT INTO stage_reject VALUES (:line, :reason) ON CONFLICT DO NOTHING"), rows)
        outcome.rejects.clear()


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


def _staged(connection: Connection, ids: Sequence[str]) -> dict[str, list[tuple[int, str, str]]]:
    """(line, currency or "", event as it was written) of each account, in the order of the file."""
    query = text(
        "SELECT line, account_id, currency, content FROM stage WHERE account_id = ANY(:ids) ORDER BY account_id, place"
    )
    found: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for row in connection.execute(query, {"ids": list(ids)}):
        found[row.account_id].append((row.line, row.currency, row.content))
    return found


class _Taker:
    """Decides what becomes of the staged events of one account."""

    def __init__(
        self,
        account: str,
        currency: str,
        staged: list[tuple[int, str, str]],
        recorded: list[StoredEvent],
        outcome: Outcome,
    ) -> None:
        self.account, self.outcome = account, outcome
        self.recorded = recorded
        self.currency = currency
        self.staged = self._parsed(staged)
        self.new: list[tuple[Event, str, int]] = []
        self.corrected: list[tuple[StoredEvent, Event]] = []

    def blank(self) -> Account:
        """The account as it is opened, before any event."""
        return Account(id=self.account, currency=self.currency)

    def _parsed(self, staged: list[tuple[int, str, str]]) -> list[Event]:
        found = []
        known: dict[str, Event] = {}  # of the account itself a file says the same on each of its lines
        for line, named, written in staged:
            try:
                if written not in known:
                    known[written] = parse({**json.loads(written), "account": self.account}, line)
                event = replace(known[written], line=line)
                self._count(event, named or self.currency)
            except Refused as refused:
                self._reject(line, refused.reason)
            else:
                found.append(event)
        return found

    def _count(self, event: Event, currency: str) -> None:
        """Add `event` to the control totals. Raises Refused when its money is not money of the account."""
        if currency != self.currency and event.kind not in ("account", "invoice"):
            raise Refused(f"{called(event)} is in {currency}, but account `{self.account}` is in {self.currency}")
        minor = {name: money.parse(event.data[name], currency) for name in AMOUNTS if event.data.get(name) is not None}
        sums = {"invoice": self.outcome.billed, "payment": self.outcome.paid}.get(event.kind)
        if sums is not None:
            sums[currency] += minor["amount"]

    def _reject(self, line: int, reason: str) -> None:
        self.outcome.rejects.setdefault(line, reason)

    def decide(self, *, correct: bool) -> bool:
        """Sort the staged events into new, unchanged, corrections and rejects; whether anything is to be written."""
        self._sort_out(correct=correct)
        self._leave_out_rejects()
        for line, reason in self._contradictions().items():
            self._reject(line, reason)
        self._leave_out_rejects()
        self.outcome.new.update(event.kind for event, _, _ in self.new)
        return bool(self.new or self.corrected)

    def _sort_out(self, *, correct: bool) -> None:
        by_identity: dict[tuple[str, str], StoredEvent] = {}
        counts: Counter[tuple[str, str]] = Counter()
        for stored in self.recorded:
            key = (stored.event.kind, _identity(stored.event))
            by_identity[key] = stored
            counts[key] += 1
        seen: Counter[tuple[str, str]] = Counter()
        fresh: dict[tuple[str, str], Event] = {}
        for event in self.staged:
            if event.line in self.outcome.rejects:
                continue
            key = (event.kind, _identity(event))
            seen[key] += 1
            if key in by_identity and not (event.kind in _REPEATABLE and seen[key] > counts[key]):
                self._compare(by_identity[key], event, correct=correct)
            elif key in fresh and event.kind not in _REPEATABLE:
                self._repeat(fresh[key], event)
            else:
                fresh[key] = event
                self.new.append((event, key[1], seen[key] if event.kind in _REPEATABLE else 1))

    def _repeat(self, first: Event, event: Event) -> None:
        if same_content(first, event):
            self.outcome.unchanged += 1
        else:
            self._reject(event.line, f"{event.kind} `{event.id}` is there twice with other content (line {first.line})")

    def _compare(self, stored: StoredEvent, event: Event, *, correct: bool) -> None:
        if same_content(stored.event, event):
            self.outcome.unchanged += 1
            return
        self.outcome.corrections.append((event.line, _difference(stored.event, event)))
        if correct:
            self.corrected.append((stored, event))

    def _leave_out_rejects(self) -> None:
        """Take out whole lines: what came with a rejected event is not taken in either."""
        self.new = [entry for entry in self.new if entry[0].line not in self.outcome.rejects]
        self.corrected = [entry for entry in self.corrected if entry[1].line not in self.outcome.rejects]

    def _contradictions(self) -> dict[int, str]:
        """The lines of the file that contradict the rest of the account's books, and why."""
        mine = {event.line for event, _, _ in self.new} | {event.line for _, event in self.corrected}
        if not mine:
            return {}
        replaced = {stored.row: event for stored, event in self.corrected}
        whole = [replaced.get(stored.row, stored.event) for stored in self.recorded]
        return contradictions(self.blank(), [*whole, *(event for event, _, _ in self.new)], mine)


def _identity(event: Event) -> str:
    """What makes an event the same one in two files: its id, or else its content."""
    if identity(event) is not None:
        return str(event.id)
    return events.digest(event).hex()


def _difference(old: Event, new: Event) -> str:
    """What a correction changes, field by field."""
    before = {"date": old.on.isoformat(), **old.data}
    after = {"date": new.on.isoformat(), **new.data}
    changed = [
        f"{name} {before.get(name, 'nothing')} -> {after.get(name, 'nothing')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    return f"account `{new.account}` {new.kind} `{new.id}`: {', '.join(changed)}"


def _write(connection: Connection, takers: Sequence[_Taker], now: Now, import_id: int | None) -> None:
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


def staged_payers(connection: Connection) -> Iterator[tuple[str, str, int]]:
    """(account, its payer, line) of every staged event that names a payer and was not rejected.

    Content is looked into only where the word is written in it: to parse all of it takes longer than to read the file.
    """
    query = text(
        "SELECT line, account_id, content::jsonb ->> 'pays_through' AS payer FROM stage "
        "WHERE content LIKE '%\"pays_through\"%' AND content::jsonb ->> 'pays_through' IS NOT NULL "
        "AND NOT EXISTS (SELECT FROM stage_reject WHERE stage_reject.line = stage.line) ORDER BY place"
    )
    for row in connection.execute(query).all():
        yield row.account_id, row.payer, row.line


def payer_trouble(connection: Connection, account: str, payer: str) -> str | None:
    """Why `payer` cannot pay for `account`, or None: it must be known, and pay for itself."""
    if account == payer:
        return "is itself"
    if not accounts.known_among(connection, [payer]):
        return "is unknown"
    query = text(
        "SELECT EXISTS (SELECT 1 FROM event WHERE account_id = :payer AND (content ->> 'pays_through') IS NOT NULL), "
        "EXISTS (SELECT 1 FROM event WHERE (content ->> 'pays_through') = :account)"
    )
    has_payer, is_payer = connection.execute(query, {"payer": payer, "account": account}).one()
    if has_payer:
        return "pays through another"
    return "cannot be, since others pay through this account" if is_payer else None

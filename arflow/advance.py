"""THE door: the only code that changes an account's state. One transaction: lock, read, live, write.

Every cause goes through here: wakes, events, what people recorded, delivery results, policy versions. What is due is a
row; an account is claimed with its family (itself and those who pay through it), lived forward with the pure core, and
written back with its journal. Nothing is sent here, and nothing outside the database is touched.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine

from arflow.accounts.entries import Account
from arflow.clock import Now
from arflow.life.life import Life
from arflow.life.lives import Batch, Lived, PolicyChange, Script, payer_causes, payers_of
from arflow.life.records import Entry, EntryKind, LedgerHistory, Part, World
from arflow.rules.calendar import instant
from arflow.rules.decide import Evaluator
from arflow.rules.policy import Policy
from arflow.store import accounts, events, journal, policies
from arflow.store.accounts import Changed, Stored
from arflow.store.events import StoredEvent
from arflow.store.rows import Row

BATCH = 200
"""How many accounts one transaction takes."""

_ONE_DAY = dt.timedelta(days=1)
_LONG_AGO = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, kw_only=True)
class Engineering:
    """How decisions are made: the evaluator, and how deliveries become known (`instant` or `recorded`)."""

    evaluator: Evaluator
    delivery: str = "instant"


@dataclass(frozen=True, kw_only=True)
class Advanced:
    """What one transaction did: how many accounts it looked at, and what it recorded."""

    accounts: int
    entries: tuple[Entry, ...]


def advance(connection: Connection, ids: Sequence[str], now: Now, engineering: Engineering) -> Advanced:
    """Live the accounts `ids` and their families forward to `now`, in the caller's transaction.

    Raises Conflict when somebody else wrote one of them meanwhile; the transaction is then to be rolled back.
    """
    locked = accounts.lock(connection, ids)
    batch = _Batch(connection, locked, now, engineering)
    changes = batch.live()
    accounts.save(connection, [change for change, _ in changes])
    journal.append(connection, [row for change, lived in changes for row in batch.journal_rows(change, lived)])
    events.mark_applied(connection, batch.applied)
    return Advanced(accounts=len(locked), entries=tuple(entry for _, lived in changes for entry in lived.entries))


def run_due(engine: Engine, now: Now, engineering: Engineering) -> Iterator[Advanced]:
    """Run everything that is due by `now`, batch by batch, each in a transaction of its own."""
    after: tuple[dt.datetime, str] | None = None
    while True:
        with engine.begin() as connection:
            found = accounts.due(connection, before=now.latest, limit=BATCH, after=after)
            if not found:
                return
            after = found[-1]
            yield advance(connection, [key for _, key in found], now, engineering)


def rehearse(connection: Connection, ids: Sequence[str], now: Now, engineering: Engineering) -> dict[str, Life]:
    """The accounts `ids` lived anew from all that was recorded, through `now`; nothing is written.

    This is how a past date is explained: each cause comes at the moment at which it became known.
    """
    batch = _Batch(connection, _with_heads(connection, ids), now, engineering)
    batch.forget()
    return {change.account.id: lived.life for change, lived in batch.live()}


def standing(connection: Connection, ids: Sequence[str], now: Now, engineering: Engineering) -> dict[str, Life]:
    """The accounts `ids` as they stand, ready to be looked at or rehearsed further; nothing is run or written."""
    batch = _Batch(connection, _with_heads(connection, ids), now, engineering)
    return {key: batch.standing(key) for key in ids}


def _with_heads(connection: Connection, ids: Sequence[str]) -> list[str]:
    heads = set(accounts.families_of(connection, ids).values())
    return [*sorted(heads), *sorted(set(ids) - heads)]


class _Batch:
    """The accounts of one transaction, with everything that was read for them at once."""

    def __init__(self, connection: Connection, ids: Sequence[str], now: Now, engineering: Engineering) -> None:
        self.connection, self.now, self.engineering = connection, now, engineering
        self.stored = accounts.load(connection, ids)
        self.pending = events.pending(connection, ids, now.last_day)
        self.later = events.next_pending(connection, ids, now.last_day)
        self.activations = policies.activations(connection)
        self.applied: list[int] = []
        self._ids = ids
        self._histories: dict[str, list[StoredEvent]] | None = None
        self._ledgers: dict[str, LedgerHistory] = {}
        self._policies: dict[int, tuple[Policy, ...]] = {}

    def forget(self) -> None:
        """Take every account back to its beginning, with everything recorded still to come."""
        everything = events.of_accounts(self.connection, self._ids)
        self.pending = {key: [replace(e, applied=False, was=None) for e in found] for key, found in everything.items()}
        self.stored = {key: _blank(stored) for key, stored in self.stored.items()}

    def standing(self, key: str) -> Life:
        """One account as it stands."""
        stored = self.stored[key]
        return Life(self._with_payer(stored.account), self._world(stored.policy_seen))

    def live(self) -> list[tuple[Changed, Lived]]:
        """Every account's life up to now, payers first."""
        found = [self.stored[key] for key in self._ids if key in self.stored]
        return [self._live(stored) for stored in sorted(found, key=lambda stored: bool(self._payers(stored)))]

    def _live(self, stored: Stored) -> tuple[Changed, Lived]:
        life = Life(self._with_payer(self._placed(stored)), self._world(stored.policy_seen))
        script, batches = self._script(life, stored)
        lived = script.run(self.now.limit)
        if script.payer:  # its payer's day ends later than its own; the payer's causes are not told twice
            script.run(script.payer[-1].at)
        done = batches[: len(batches) - len(script.batches)]
        self._note_ledgers(stored, lived)
        self._note_applied(stored, done)
        changed = Changed(
            before=stored,
            account=lived.account,
            next_due=_earliest(life.next_due(), script.next_cause(), self._later(life)),
            applied_to=self._applied_to(life, stored, done),
            journal_length=stored.journal_length,
            journal_head=stored.journal_head,
            policy_seen=max([stored.policy_seen, *(a.id for a in self.activations)]),
            folded_anew=any(batch.history for batch in done),
        )
        return self._with_journal(changed, lived), lived

    # --- what an account lives in ------------------------------------------------------------------------------------

    def _world(self, seen: int) -> World:
        return World(
            policies=self._active(seen),
            evaluator=self.engineering.evaluator,
            delivery=self.engineering.delivery,
            ledgers=self._ledgers,
        )

    def _active(self, upto: int) -> tuple[Policy, ...]:
        if upto not in self._policies:
            self._policies[upto] = policies.active(self.connection, self.activations, upto)
        return self._policies[upto]

    def _placed(self, stored: Stored) -> Account:
        """The account; one that is still to come in the zone in which it will be."""
        if stored.account.born:
            return stored.account
        pending = (stored.event for stored in self.pending.get(stored.account.id, ()))
        zones = (event.text("timezone") for event in pending if "timezone" in event.data)
        return replace(stored.account, timezone=next(zones, stored.account.timezone))

    def _with_payer(self, account: Account) -> Account:
        payer = account.pays_through
        if payer is None or payer not in self.stored:
            return account
        return replace(account, payer_ledger=self.stored[payer].account.ledger)

    def _note_ledgers(self, stored: Stored, lived: Lived) -> None:
        """Keep a payer's ledger as it was and as it became, for those who pay through it."""
        before = (_LONG_AGO, stored.account.ledger)
        self._ledgers[stored.account.id] = LedgerHistory(changes=(before, *lived.ledgers.changes))

    def _script(self, life: Life, stored: Stored) -> tuple[Script, list[Batch]]:
        batches = self._batches(life, stored)
        script = Script(
            life,
            list(batches),
            self._changes(life, stored),
            [cause for cause in payer_causes(self._ledgers, self._payers(stored)) if cause.at > _LONG_AGO],
        )
        return script, batches

    def _payers(self, stored: Stored) -> frozenset[str]:
        """Every account through which this one pays, or will as far as is known."""
        now = {stored.account.pays_through} if stored.account.pays_through else set()
        return payers_of(event.event for event in self.pending.get(stored.account.id, ())) | now

    def _changes(self, life: Life, stored: Stored) -> list[PolicyChange]:
        """The activations that this account has not lived through yet, as causes."""
        found = []
        for activation in self.activations:
            if activation.id > stored.policy_seen:
                at = _known(life, activation.known_at, activation.known_on)
                active = self._active(activation.id)
                found.append(PolicyChange(on=at.date(), clock=at.time(), policies=active, at=at))
        return found

    # --- events as causes --------------------------------------------------------------------------------------------

    def _batches(self, life: Life, stored: Stored) -> list[Batch]:
        """The pending events as causes: what became known late is one cause at that moment, the rest at their own."""
        late: dict[dt.datetime, list[StoredEvent]] = {}
        own: list[StoredEvent] = []
        for event in self.pending.get(stored.account.id, ()):
            known = _known(life, event.known_at, event.known_on)
            (late.setdefault(known, []) if _is_late(life, event) else own).append(event)
        found = [(at, self._late_batch(life, stored, at, group)) for at, group in late.items()]
        found += [(life.instant_of(part), Batch(parts=(part,))) for part in events.parts_of(own)]
        return [batch for _, batch in sorted(found, key=lambda pair: pair[0])]

    def _late_batch(self, life: Life, stored: Stored, at: dt.datetime, group: list[StoredEvent]) -> Batch:
        parts = tuple(events.parts_of(group))
        if not self._needs_history(life, stored, group):
            return Batch(parts=parts, at=at)
        rows = {event.row for event in group}
        history = [e for e in self._history(stored.account.id) if e.applied or e.row in rows]
        return Batch(parts=parts, at=at, history=tuple(events.parts_of(history)))

    def _needs_history(self, life: Life, stored: Stored, group: list[StoredEvent]) -> bool:
        """Whether an event is dated before what has been applied already, or corrects some of it."""
        if any(event.was is not None for event in group):
            return True
        return stored.applied_to is not None and any(_own_instant(life, event) < stored.applied_to for event in group)

    def _history(self, account: str) -> list[StoredEvent]:
        if self._histories is None:
            self._histories = events.of_accounts(self.connection, self._ids)
        return self._histories.get(account, [])

    def _later(self, life: Life) -> dt.datetime | None:
        """The instant of the first event that is still too far ahead to have been read."""
        if life.account.id not in self.later:
            return None
        on, time = self.later[life.account.id]
        return life.instant_of(Part(on=on, clock=time, events=()))

    def _note_applied(self, stored: Stored, done: Sequence[Batch]) -> None:
        taken = {id(event) for batch in done for part in batch.parts for event in part.events}
        for event in self.pending.get(stored.account.id, ()):
            if id(event.event) in taken:
                self.applied.append(event.row)

    def _applied_to(self, life: Life, stored: Stored, done: Sequence[Batch]) -> dt.datetime | None:
        zone = life.zone()
        found = [instant(zone, part.on, part.clock) for batch in done for part in batch.parts]
        return max([*found, *([stored.applied_to] if stored.applied_to else [])], default=None)

    # --- the journal -------------------------------------------------------------------------------------------------

    def _with_journal(self, changed: Changed, lived: Lived) -> Changed:
        rows = self.journal_rows(changed, lived)
        if not rows:
            return changed
        return replace(changed, journal_length=rows[-1]["seq"], journal_head=rows[-1]["hash"])

    def journal_rows(self, changed: Changed, lived: Lived) -> list[Row]:
        """The rows that this life adds to the account's journal."""
        stored = changed.before
        entries = [*self._corrections(stored, lived), *lived.entries]
        return journal.chained(entries, stored.journal_length, stored.journal_head)

    def _corrections(self, stored: Stored, lived: Lived) -> Iterator[Entry]:
        for event in self.pending.get(stored.account.id, ()):
            if event.was is not None and event.row in self.applied:
                yield _correction(event, lived.life)


def _blank(stored: Stored) -> Stored:
    account = Account(id=stored.account.id, currency=stored.account.currency)
    return Stored(account=account, version=0, journal_length=0, journal_head=None, applied_to=None, policy_seen=0)


def _part(event: StoredEvent) -> Part:
    return Part(on=event.event.on, clock=event.event.clock, events=(event.event,))


def _is_late(life: Life, event: StoredEvent) -> bool:
    """Whether the event is dated up to the business now at which it became known."""
    if event.known_on is not None:
        return event.event.on <= event.known_on
    return event.known_at is not None and life.instant_of(_part(event)) <= event.known_at


def _own_instant(life: Life, event: StoredEvent) -> dt.datetime:
    return instant(life.zone(), event.event.on, event.event.clock)


def _known(life: Life, at: dt.datetime | None, on: dt.date | None) -> dt.datetime:
    """The instant at which something became known: as it says, or at the end of a stepped day in the account's zone."""
    if at is not None:
        return at
    return instant(life.zone(), (on or dt.date.min) + _ONE_DAY, dt.time(0))


def _earliest(*instants: dt.datetime | None) -> dt.datetime | None:
    return min((at for at in instants if at is not None), default=None)


def _correction(event: StoredEvent, life: Life) -> Entry:
    at = _known(life, event.known_at, event.known_on)
    local = life.local(at)
    what = f"{event.event.kind} {event.event.id or ''}".strip()
    return Entry(
        kind=EntryKind.CORRECTION,
        account=event.event.account,
        at=at,
        on=local.date(),
        clock=local.time().replace(tzinfo=None),
        cause="correction",
        name=what,
        reason=f"was {_shown(event.was or {})}; is {events.canonical(event.event)}",
    )


def _shown(content: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(content.items()))

"""THE door: the only code that changes an account's state. One transaction: lock, read, live, write.

Every cause goes through here: wakes, events, what people recorded, delivery results, policy versions. What is due is a
row; an account is claimed with its family (itself and those who pay through it), lived forward with the pure core, and
written back with its journal. Nothing is sent here, and nothing outside the database is touched.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from arflow import clock
from arflow.accounts.entries import Account, Parked
from arflow.accounts.events import Event, parse
from arflow.clock import Now
from arflow.errors import Conflict, SaysNo
from arflow.life.life import Life
from arflow.life.lives import Batch, Limit, Lived, PolicyChange, Script, minute_after, payer_causes, payers_of
from arflow.life.records import Entry, EntryKind, LedgerHistory, Part, Results, World
from arflow.rules.calendar import instant
from arflow.rules.decide import Evaluator
from arflow.rules.policy import Policy
from arflow.store import accounts, events, journal, outbox, policies, switch
from arflow.store.accounts import Changed, Stored
from arflow.store.events import StoredEvent
from arflow.store.rows import Row
from arflow.vocabulary import State

BATCH = 200
"""How many accounts one transaction takes."""

_ONE_DAY = dt.timedelta(days=1)
_LONGEST_REASON = 500
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
    return _advance_locked(connection, accounts.lock(connection, ids), now, engineering)


def _advance_locked(connection: Connection, locked: Sequence[str], now: Now, engineering: Engineering) -> Advanced:
    batch = _Batch(connection, locked, now, engineering)
    return _write(connection, batch, batch.live())


def _write(connection: Connection, batch: "_Batch", changes: "Sequence[tuple[Changed, Lived]]") -> Advanced:
    accounts.save(connection, [change for change, _ in changes])
    journal.append(connection, [row for change, lived in changes for row in batch.journal_rows(change, lived)])
    leaving = ((entry, str(lived.life.zone())) for _, lived in changes for entry in lived.entries)
    outbox.put_out(connection, leaving, with_messages=batch.engineering.delivery == "recorded")
    events.mark_applied(connection, batch.applied)
    return Advanced(accounts=len(changes), entries=tuple(entry for _, lived in changes for entry in lived.entries))


def drain(engine: Engine, engineering: Engineering, now: Now | None = None, limit: int = BATCH) -> Advanced | None:
    """Run one batch of due accounts, in a transaction of its own; None when none is due that others do not hold.

    An account that cannot be lived on is parked with its reason, and its family with it; the rest of the batch goes on.
    """
    claimed: list[str] = []
    try:
        with engine.begin() as connection:
            until = now or clock.read(connection)
            claimed += accounts.claim(connection, accounts.due(until.latest, until.day), limit)
            return _advance_locked(connection, claimed, until, engineering) if claimed else None
    except (Conflict, DBAPIError):
        raise  # nothing was changed, and all of it is still due
    except Exception:
        if not claimed:
            raise
        return _one_by_one(engine, claimed, until, engineering)


def _one_by_one(engine: Engine, ids: Sequence[str], now: Now, engineering: Engineering) -> Advanced:
    """Run accounts family by family, and set aside those that raise an error."""
    done: list[Advanced] = []
    with engine.connect() as connection:
        heads = sorted(set(accounts.families_of(connection, ids).values()))
    for head in heads:
        try:
            with engine.begin() as connection:
                done.append(advance(connection, [head], now, engineering))
        except (Conflict, DBAPIError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, it is recorded where people see it
            done.append(_set_aside(engine, head, now, f"cannot be decided: {error}" if str(error) else repr(error)))
    return Advanced(accounts=sum(one.accounts for one in done), entries=tuple(e for one in done for e in one.entries))


def _set_aside(engine: Engine, head: str, now: Now, reason: str) -> Advanced:
    """Park the family of `head`, whose life raised an error; a person or its next event tries again.

    Its rows may be what cannot be read, so nothing but the ends of its journals is.
    """
    with engine.begin() as connection:
        ends = accounts.journal_ends(connection, accounts.lock(connection, [head]))
        for account, (length, journal_head) in ends.items():
            entry = Entry(
                kind=EntryKind.PARKED,
                account=account,
                at=now.start,
                on=now.start.date(),
                clock=now.start.time(),
                cause="error",
                reason=reason[:_LONGEST_REASON],
            )
            rows = journal.chained([entry], length, journal_head)
            journal.append(connection, rows)
            parked = Parked(reason=entry.reason, at=entry.at)
            accounts.set_aside(connection, account, parked, rows[-1]["seq"], rows[-1]["hash"])
    return Advanced(accounts=len(ends), entries=())


def run_due(engine: Engine, now: Now, engineering: Engineering) -> Iterator[Advanced]:
    """Run everything that is due by `now`, batch by batch, each in a transaction of its own."""
    while (advanced := drain(engine, engineering, now)) is not None:
        yield advanced


# --- what people and delivery record ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What a recording did: the rows of its events, and the pass that followed."""

    events: tuple[int, ...]
    advanced: Advanced


def record(
    connection: Connection,
    account: str,
    contents: Sequence[Mapping[str, object]],
    *,
    actor: str,
    engineering: Engineering,
    seen: int | None = None,
) -> Recorded:
    """Record what a person says happened, now, and run the pass that follows; in the caller's transaction.

    `contents` are events as the contract writes them (section 7), without account; those without a `date` of their own
    get the account's now. `seen` is the version of the account that the person looked at. Raises Conflict when it has
    changed since, SaysNo when there is no such account, Refused when an event contradicts what is recorded.
    """
    locked, now = accounts.lock(connection, [account]), clock.read(connection)
    stored = accounts.load(connection, [account]).get(account)
    if stored is None:
        raise SaysNo(f"there is no account `{account}`")
    if seen is not None and seen != stored.version:
        raise Conflict("the account has changed since you opened it; look at what is new, then send yours again")
    zone = standing(connection, [account], now, engineering)[account].zone()
    rows = tuple(
        events.record(connection, event, actor=actor, known_at=now.at, known_on=now.day)
        for event in _read(account, contents, now, zone)
    )
    return Recorded(events=rows, advanced=_advance_locked(connection, locked, now, engineering))


def _read(account: str, contents: Sequence[Mapping[str, object]], now: Now, zone: dt.tzinfo) -> Iterator[Event]:
    on, at = clock.local_moment(now, zone)
    for content in contents:
        own = {} if "date" in content else {"date": on.isoformat(), "time": f"{at:%H:%M}"}
        yield parse({**content, "account": account, **own})


def deliver_result(
    connection: Connection, account: str, template: str, *, decided_at: dt.datetime, zone: str, delivered: bool
) -> None:
    """Record what became of the message `template`, which left at the business instant `decided_at`.

    On a stepped clock it is known a minute after the message left; on the real one, now. Its account becomes due.
    """
    now = clock.read(connection)
    at = now.at or minute_after(decided_at)
    local = at.astimezone(ZoneInfo(zone))
    content = {"event": "notice_delivered" if delivered else "notice_failed", "account": account, "notice": template}
    event = parse({**content, "date": local.date().isoformat(), "time": f"{local:%H:%M}"})
    events.record(connection, event, actor="", known_at=now.at or decided_at, known_on=None)
    heads = accounts.families_of(connection, [account]).values()
    accounts.make_due(connection, now.start, now.start_day, accounts.is_of_families(list(heads)))


def retry(connection: Connection, account: str, *, actor: str, engineering: Engineering) -> Advanced:
    """Run a pass over a parked account again, because a person asked for it. Raises SaysNo when there is none."""
    locked, now = accounts.lock(connection, [account]), clock.read(connection)
    if account not in locked:
        raise SaysNo(f"there is no account `{account}`")
    batch = _Batch(connection, locked, now, engineering)
    batch.retried[account] = actor
    return _write(connection, batch, batch.live())


def place(
    connection: Connection, ids: Sequence[str], to: State, *, actor: str, reason: str, engineering: Engineering
) -> Advanced:
    """Let accounts begin in `to` before go-live, without any message; those that the machine refuses stay.

    What waited is dropped. Raises SaysNo once delivery is on.
    """
    if switch.is_on(connection):
        raise SaysNo("accounts are placed before delivery is turned on; turn it off first")
    locked, now = accounts.lock(connection, ids), clock.read(connection)
    batch = _Batch(connection, locked, now, engineering)
    batch.placed.update(dict.fromkeys(ids, (to, actor, reason)))
    return _write(connection, batch, batch.live())


def turn_delivery(connection: Connection, *, is_on: bool, actor: str, reason: str) -> bool:
    """Turn the delivery switch; gives whether that changed anything. What waited for it is then looked at again."""
    now = clock.read(connection)
    return switch.turn(
        connection,
        is_on=is_on,
        actor=actor,
        reason=reason,
        known_at=now.at,
        known_on=now.day,
        start=now.start,
        start_day=now.start_day,
    )


def activate(connection: Connection, policy: Policy, *, message: str, actor: str) -> int:
    """Make a checked policy the active version of its name; every account is due, and moves to it as it is drained.

    Gives the number of the activation: an account has moved once its `policy_seen` has reached it.
    """
    now = clock.read(connection)
    policies.save(connection, policy, actor)
    number = policies.activate(connection, policy, message=message, actor=actor, known_at=now.at, known_on=now.day)
    accounts.make_due(connection, now.start, now.start_day)
    return number


# --- looking ---------------------------------------------------------------------------------------------------------


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


def ahead(connection: Connection, ids: Sequence[str], until: dt.date, engineering: Engineering) -> Iterator[Entry]:
    """What will happen to the accounts `ids` and their families by the end of `until`, if nothing else is recorded.

    Delivery is taken to be on from now, and every message to arrive. Nothing is written.
    """
    now = clock.read(connection)
    found = accounts.members_of(connection, ids)
    batch = _Batch(connection, found, Now(day=until), replace(engineering, delivery="recorded"))
    batch.look_ahead(now)
    for _, lived in batch.live():
        yield from lived.entries


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
        self.retried: dict[str, str] = {}
        self.placed: dict[str, tuple[State, str, str]] = {}
        self.switch = switch.latest(connection)
        self._real = engineering.delivery == "recorded"
        self._delivering = not self._real or (self.switch is not None and self.switch.is_on)
        self._results = Results.AWAITED if self._real and now.at is None else Results.COME_LATER
        self._present = now
        self._ids = ids
        self._histories: dict[str, list[StoredEvent]] | None = None
        self._ledgers: dict[str, LedgerHistory] = {}
        self._policies: dict[int, tuple[Policy, ...]] = {}

    def forget(self) -> None:
        """Take every account back to its beginning, with everything recorded still to come."""
        everything = events.of_accounts(self.connection, self._ids)
        self.pending = {key: [replace(e, applied=False, was=None) for e in found] for key, found in everything.items()}
        self.stored = {key: _blank(stored) for key, stored in self.stored.items()}

    def look_ahead(self, present: Now) -> None:
        """Live on as if delivery were on from `present`, and every message arrived."""
        self._delivering, self._results, self._present = True, Results.GOOD, present

    def standing(self, key: str) -> Life:
        """One account as it stands."""
        stored = self.stored[key]
        return Life(self._with_payer(stored.account), self._world(stored.policy_seen))

    def live(self) -> list[tuple[Changed, Lived]]:
        """Every account's life up to now, payers first."""
        found = [self.stored[key] for key in self._ids if key in self.stored]
        in_order = sorted(found, key=lambda stored: bool(self._payers(stored)))
        if self._results is not Results.AWAITED:
            return [self._live(stored, self.now.limit) for stored in in_order]
        families: dict[str, list[Stored]] = {}
        for stored in in_order:
            families.setdefault(self.stored[stored.account.id].family, []).append(stored)
        return [pair for family in families.values() for pair in self._live_together(family)]

    def _live_together(self, family: Sequence[Stored]) -> list[tuple[Changed, Lived]]:
        """A family's lives on a stepped clock: none outruns another that waits for the result of a delivery."""
        applied = len(self.applied)
        lived = [self._live(stored, self.now.limit) for stored in family]
        waiting = [one.account.last_instant for change, one in lived if change.is_paused]
        if not waiting:
            return lived
        if len(family) > 1:
            del self.applied[applied:]
            stop = min(waiting)
            before = stop - dt.timedelta(microseconds=1)
            stays = {
                change.account.id: stop
                for change, one in lived
                if change.is_paused and one.account.last_instant == stop
            }
            lived = [self._live(stored, stays.get(stored.account.id, before)) for stored in family]
        return [(replace(change, next_due=None, due_on=None), one) for change, one in lived]

    def _live(self, stored: Stored, limit: Limit) -> tuple[Changed, Lived]:
        life = Life(self._with_payer(self._placed(stored)), self._world(stored.policy_seen))
        self._begin(life)
        script, batches = self._script(life, stored)
        lived = script.run(limit)
        if script.payer and not script.is_paused and limit == self.now.limit:
            script.run(script.payer[-1].at)  # its payer's day ends later than its own; its causes are not told twice
        done = batches[: len(batches) - len(script.batches)]
        self._note_ledgers(stored, lived)
        self._note_applied(stored, done)
        due = _earliest(life.next_due(), script.next_cause(), self._later(life))
        changed = Changed(
            before=stored,
            account=lived.account,
            next_due=due,
            due_on=self._due_on(life, due),
            is_paused=script.is_paused,
            applied_to=self._applied_to(life, stored, done),
            journal_length=stored.journal_length,
            journal_head=stored.journal_head,
            policy_seen=max([stored.policy_seen, *(a.id for a in self.activations)]),
            folded_anew=any(batch.history for batch in done),
        )
        return self._with_journal(changed, lived), lived

    def _begin(self, life: Life) -> None:
        """What comes before anything else: the end of a time without delivery, a placing, a retry."""
        key = life.account.id
        if self._delivering and life.waits_for_delivery:
            life.release(self._switched_on(life))
        if key in self.placed:
            life.place(self.placed[key][0], self._at(life), *self.placed[key][1:])
        if key in self.retried:
            life.retry(self._at(life), self.retried[key])

    def _at(self, life: Life) -> dt.datetime:
        """The present instant of an account."""
        return _known(life, self._present.at, self._present.day)

    def _switched_on(self, life: Life) -> dt.datetime:
        if self._results is Results.GOOD or self.switch is None:
            return self._at(life)
        return _known(life, self.switch.known_at, self.switch.known_on)

    def _due_on(self, life: Life, due: dt.datetime | None) -> dt.date | None:
        """The local date of `due`; never a day that has been lived through."""
        if due is None:
            return None
        on = life.local(due).date()
        return on if self.now.day is None else max(on, self.now.day + _ONE_DAY)

    # --- what an account lives in ------------------------------------------------------------------------------------

    def _world(self, seen: int) -> World:
        return World(
            policies=self._active(seen),
            evaluator=self.engineering.evaluator,
            delivery=self.engineering.delivery,
            delivering=self._delivering,
            results=self._results,
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
        actors = {id(event.event): event.actor for event in self.pending.get(stored.account.id, ()) if event.actor}
        in_order = [batch for _, batch in sorted(found, key=lambda pair: pair[0])]
        return [replace(batch, actor=_actors_of(batch, actors)) for batch in in_order]

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


def _actors_of(batch: Batch, actors: Mapping[int, str]) -> str:
    """Who recorded the events of a batch."""
    found = (actors.get(id(event), "") for part in batch.parts for event in part.events)
    return ", ".join(dict.fromkeys(actor for actor in found if actor))


def _blank(stored: Stored) -> Stored:
    account = Account(id=stored.account.id, currency=stored.account.currency)
    return replace(
        stored, account=account, version=0, journal_length=0, journal_head=None, applied_to=None, policy_seen=0
    )


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

"""THE door: the only code that changes an account's state. One transaction: lock, read, live, write.

Every cause goes through here: wakes, events, what people recorded, delivery results, policy versions. What is due is a
row; an account is claimed with its family (itself and those who pay through it), lived forward with the pure core, and
written back with its journal. Nothing is sent here, and nothing outside the database is touched.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from arflow import clock, storms
from arflow.accounts.entries import Parked
from arflow.accounts.events import Event, parse
from arflow.clock import Now
from arflow.desk import tasks
from arflow.errors import Conflict, NotNow, SaysNo
from arflow.life.life import Life
from arflow.life.lives import Lived, minute_after
from arflow.life.records import Entry, EntryKind
from arflow.living import Advancing, Engineering, Living, Looking
from arflow.messages.recipients import has_address
from arflow.rules.policy import Policy
from arflow.store import accounts, cash, database, events, fuse, journal, outbox, policies, switch
from arflow.store.accounts import Changed
from arflow.store.outbox import Leaving
from arflow.store.rows import Row
from arflow.vocabulary import State

__all__ = [
    "BATCH",
    "Advanced",
    "Delivery",
    "Engineering",
    "Recorded",
    "activate",
    "advance",
    "ahead",
    "ahead_under",
    "complete_payments",
    "deliver_results",
    "drain",
    "is_its_own",
    "mend_fuse",
    "past_under",
    "place",
    "record",
    "record_for_each",
    "rehearse",
    "retry",
    "run_due",
    "standing",
    "turn_delivery",
    "versions_standing",
]

BATCH = 200
"""How many accounts one transaction takes."""

_LONGEST_REASON = 500


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
    living = Advancing(connection, locked, now, engineering)
    return _write(connection, living, living.live())


def _write(connection: Connection, living: Living, changes: Sequence[tuple[Changed, Lived]]) -> Advanced:
    added = [living.journal_rows(change, lived) for change, lived in changes]
    accounts.save(connection, [_ended(change, rows) for (change, _), rows in zip(changes, added, strict=True)])
    given = [change.account.id for change, _ in changes if change.account.owner != change.before.account.owner]
    tasks.go_with_accounts(connection, given)
    tasks.end_with_disputes(connection, [pair for change, _ in changes for pair in _settled(change)])
    journal.append(connection, [row for rows in added for row in rows])
    leaving = [
        Leaving(
            entry=entry, zone=str(lived.life.zone()), policy=living.policy_names.get(entry.policy_version or "", "")
        )
        for _, lived in changes
        for entry in lived.entries
    ]
    outbox.put_out(connection, leaving, with_messages=living.engineering.delivery == "recorded")
    storms.watch(connection, living, [lived for _, lived in changes])
    events.mark_applied(connection, living.applied)
    return Advanced(accounts=len(changes), entries=tuple(entry for _, lived in changes for entry in lived.entries))


def _ended(change: Changed, rows: Sequence[Row]) -> Changed:
    """The change with the end of its journal, once `rows` are added to it."""
    return replace(change, journal_length=rows[-1]["seq"], journal_head=rows[-1]["hash"]) if rows else change


def _settled(change: Changed) -> Iterator[tuple[str, str]]:
    """The invoices of the account that were in dispute and are not any more."""
    before, after = change.before.account.ledger, change.account.ledger
    if before is not after:
        for invoice in {one.invoice for one in before.open_disputes} - {one.invoice for one in after.open_disputes}:
            yield change.account.id, invoice


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
    except Exception as error:
        if not claimed or not is_its_own(error):
            raise  # nothing was changed, and all of it is still due
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
        except Exception as error:  # whatever it is, it is recorded where people see it
            if not is_its_own(error):
                raise
            done.append(_set_aside(engine, head, now, _reason(error)))
    return Advanced(accounts=sum(one.accounts for one in done), entries=tuple(e for one in done for e in one.entries))


def is_its_own(error: Exception) -> bool:
    """Whether an error comes again whenever the account is lived; others end with a collision or a standstill."""
    if isinstance(error, DBAPIError):
        return database.is_about_rows(error)
    return not isinstance(error, Conflict)


def _reason(error: Exception) -> str:
    if isinstance(error, DBAPIError):
        return f"cannot be kept: the database refuses its values ({type(error.orig).__name__})"
    return f"cannot be decided: {error}" if str(error) else repr(error)


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
            end = _journalled(connection, entry, length, journal_head)
            accounts.set_aside(connection, account, Parked(reason=entry.reason, at=entry.at), *end)
    return Advanced(accounts=len(ends), entries=())


def _journalled(
    connection: Connection, entry: Entry, length: int, journal_head: bytes | None
) -> tuple[int, bytes | None]:
    """Where the journal ends with `entry`; where it did when it takes none, since it is not as its account says."""
    rows = journal.chained([entry], length, journal_head)
    try:
        with connection.begin_nested():
            journal.append(connection, rows)
    except IntegrityError:
        return length, journal_head
    return rows[-1]["seq"], rows[-1]["hash"]


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
    if account not in locked:
        raise SaysNo(f"there is no account `{account}`")
    living = Living(connection, locked, now, engineering)
    if seen is not None and seen != living.stored[account].version:
        raise Conflict("the account has changed since you opened it; look at what is new, then send yours again")
    zone = living.standing(account).zone()
    rows = tuple(
        events.record(connection, event, actor=actor, known_at=now.at, known_on=now.day)
        for event in _read(account, contents, now, zone)
    )
    return Recorded(events=rows, advanced=_advance_locked(connection, locked, now, engineering))


def record_for_each(
    connection: Connection, ids: Sequence[str], content: Mapping[str, object], *, actor: str, engineering: Engineering
) -> Advanced:
    """Record one and the same of many accounts, whatever happened to them meanwhile, and run the passes as one batch.

    Those of `ids` that there are not are passed over. Raises Refused when it contradicts the books of one.
    """
    locked, now = accounts.lock(connection, ids), clock.read(connection)
    living = Living(connection, locked, now, engineering)
    for account in ids:
        if account in living.stored:
            for event in _read(account, [content], now, living.standing(account).zone()):
                events.record(connection, event, actor=actor, known_at=now.at, known_on=now.day)
    return _advance_locked(connection, locked, now, engineering)


def _read(account: str, contents: Sequence[Mapping[str, object]], now: Now, zone: dt.tzinfo) -> Iterator[Event]:
    on, at = clock.local_moment(now, zone)
    for content in contents:
        own = {} if "date" in content else {"date": on.isoformat(), "time": f"{at:%H:%M}"}
        yield parse({**content, "account": account, **own})


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What became of the message `template` of an account, which left at the business instant `decided_at`."""

    account: str
    template: str
    decided_at: dt.datetime
    zone: str
    delivered: bool


def deliver_results(connection: Connection, results: Sequence[Delivery]) -> None:
    """Record what became of messages, as events of their accounts, which become due.

    On a stepped clock a result is known a minute after the message left; on the real one, now.
    """
    if not results:
        return
    now = clock.read(connection)
    events.record_each(connection, [(_event_of(one, now), now.at or one.decided_at) for one in results])
    heads = sorted(set(accounts.families_of(connection, [one.account for one in results]).values()))
    accounts.make_due(connection, now.start, now.start_day, accounts.is_of_families(heads))


def _event_of(result: Delivery, now: Now) -> Event:
    local = (now.at or minute_after(result.decided_at)).astimezone(ZoneInfo(result.zone))
    kind = "notice_delivered" if result.delivered else "notice_failed"
    content = {"event": kind, "account": result.account, "notice": result.template}
    return parse({**content, "date": local.date().isoformat(), "time": f"{local:%H:%M}"})


def retry(connection: Connection, account: str, *, actor: str, engineering: Engineering) -> Advanced:
    """Run a pass over a parked account again, because a person asked for it.

    Raises SaysNo when there is no such account, NotNow when it still cannot be read, lived or kept.
    """
    locked, now = accounts.lock(connection, [account]), clock.read(connection)
    if account not in locked:
        raise SaysNo(f"there is no account `{account}`")
    try:
        living = Living(connection, locked, now, engineering)
        living.retried[account] = actor
        return _write(connection, living, living.live())
    except Exception as error:
        if not is_its_own(error):
            raise
        raise NotNow(f"account `{account}` {_reason(error)}") from error


def place(
    connection: Connection, ids: Sequence[str], to: State, *, actor: str, reason: str, engineering: Engineering
) -> Advanced:
    """Let accounts begin in `to` before go-live, without any message; those that the machine refuses stay.

    What waited is dropped. Raises NotNow once delivery is on.
    """
    if switch.is_on(connection):
        raise NotNow("accounts are placed before delivery is turned on; turn it off first")
    locked, now = accounts.lock(connection, ids), clock.read(connection)
    living = Living(connection, locked, now, engineering)
    living.placed.update(dict.fromkeys(ids, (to, actor, reason)))
    return _write(connection, living, living.live())


def turn_delivery(connection: Connection, *, is_on: bool, actor: str, reason: str, seen: int | None = None) -> bool:
    """Turn the delivery switch; gives whether that changed anything. What waited for it is then looked at again.

    `seen` is the last turn that a person saw who turns it on; Conflict when it was turned off after that.
    """
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
        seen=seen,
    )


def complete_payments(connection: Connection, *, actor: str, through: dt.date | None = None) -> None:
    """Note that every payment through the date `through`, else until now, is recorded; what waited for it may leave."""
    now = clock.read(connection)
    cash.note(
        connection,
        through=through,
        actor=actor,
        known_at=now.at,
        known_on=now.day,
        start=now.start,
        start_day=now.start_day,
    )


def mend_fuse(connection: Connection, policy: str, *, is_released: bool, actor: str, reason: str) -> bool:
    """Put a blown storm fuse in again; gives False, and nothing happens, when it is not blown any more.

    What waited is released, or it is discarded, messages in the outbox with it.

    What waits at accounts is dropped, or looked at again, as they are drained.
    """
    now = clock.read(connection)
    is_mended = fuse.mend(
        connection,
        policy,
        is_released=is_released,
        actor=actor,
        reason=reason,
        known_at=now.at,
        known_on=now.day,
    )
    if not is_mended:
        return False
    if not is_released:
        ended = outbox.discard(connection, policy, f"discarded by {actor}: {reason}")
        deliver_results(connection, [Delivery(**message, delivered=False) for message in ended])
    accounts.make_due(connection, now.start, now.start_day, accounts.waits_for_release())
    return True


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
    living = Living(connection, _with_payers(connection, ids), now, engineering)
    living.forget()
    return {change.account.id: lived.life for change, lived in living.live()}


def standing(connection: Connection, ids: Sequence[str], now: Now, engineering: Engineering) -> dict[str, Life]:
    """Those of the accounts `ids` that there are, as they stand, to be looked at or rehearsed further.

    Nothing is run or written.
    """
    return {key: life for key, (life, _) in versions_standing(connection, ids, now, engineering).items()}


def versions_standing(
    connection: Connection, ids: Sequence[str], now: Now, engineering: Engineering
) -> dict[str, tuple[Life, int]]:
    """The same, each with the version of its row."""
    living = Looking(connection, ids, now, engineering)
    return {key: (living.standing(key), living.stored[key].version) for key in ids if key in living.stored}


def ahead(connection: Connection, ids: Sequence[str], until: dt.date, engineering: Engineering) -> Iterator[Entry]:
    """What will happen to the accounts `ids` and their families by the end of `until`, if nothing else is recorded.

    Delivery is taken to be on from now, payments to be complete, and every message to arrive where the account has an
    address. Nothing is written.
    """
    for life in ahead_under(connection, ids, clock.read(connection), until, engineering).values():
        yield from life.entries


def ahead_under(
    connection: Connection,
    ids: Sequence[str],
    now: Now,
    until: dt.date,
    engineering: Engineering,
    *,
    policy: Policy | None = None,
) -> dict[str, Life]:
    """The same lives, from `now` through the end of `until`; with `policy` as if it were activated at `now`.

    It need not be kept. Every account is looked at anew at `now`, as `activate` has it.
    """
    found = accounts.members_of(connection, ids)
    living = Living(connection, found, Now(day=until), replace(engineering, delivery="recorded"))
    living.look_ahead(now, has_address)
    if policy is not None:
        living.under(policy, since=now)
    return {change.account.id: lived.life for change, lived in living.live()}


def past_under(
    connection: Connection, ids: Sequence[str], now: Now, engineering: Engineering, *, policy: Policy | None = None
) -> dict[str, Life]:
    """The accounts `ids` lived anew through `now`, with `policy` in force from the beginning; nothing is written.

    It stands in the place of all versions of its name, and need not be kept; without it policies are those that were
    activated, when they were. As in a replay every message is delivered at its sending, and nothing is kept back.
    """
    living = Living(connection, _with_payers(connection, ids), now, replace(engineering, delivery="instant"))
    living.forget()
    living.keep_nothing_back()
    if policy is not None:
        living.under(policy)
    return {change.account.id: lived.life for change, lived in living.live()}


def _with_payers(connection: Connection, ids: Sequence[str]) -> list[str]:
    """`ids`, and those through which any of them ever paid, or one of these in its turn."""
    found = set(ids)
    while new := events.payers_of(connection, sorted(found)) - found:
        found |= new
    return sorted(found)

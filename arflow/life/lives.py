"""Many lives from their timelines: own events, payers' causes and policy changes of each account in one order."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from msgspec import Struct
from msgspec.structs import replace

from arflow.accounts.entries import Account, Ledger, Outgoing
from arflow.accounts.events import Event
from arflow.accounts.timeline import Moment
from arflow.isodates import ONE_DAY
from arflow.life.life import Life
from arflow.life.records import Entry, LedgerHistory, Part, Results, World
from arflow.rules.calendar import instant
from arflow.rules.policy import Policy

_RESULTS = ("notice_delivered", "notice_failed")


class PolicyChange(Struct, frozen=True, kw_only=True):
    """From a local date and time on, `policies` are the active ones."""

    on: dt.date
    clock: dt.time
    policies: tuple[Policy, ...]
    at: dt.datetime | None = None
    """Its instant, where that is known; else the local date and time say it."""


class Lived(Struct, frozen=True, kw_only=True):
    """What came of one life: the account at its end, its entries, and its ledger after each of its causes."""

    life: Life
    ledgers: LedgerHistory

    @property
    def account(self) -> Account:
        """The account at the end."""
        return self.life.account

    @property
    def entries(self) -> list[Entry]:
        """What was recorded, in order."""
        return self.life.entries


class Batch(Struct, frozen=True, kw_only=True):
    """Parts that are one cause: at the instant of their own local time, or at `at` when they became known later.

    `history` is given when some of them are dated before what has been applied, or correct it: all events of the
    account, these included. `actor` recorded them.
    """

    parts: tuple[Part, ...]
    at: dt.datetime | None = None
    history: tuple[Part, ...] = ()
    actor: str = ""

    @property
    def results(self) -> int:
        """How many delivery results it brings."""
        return sum(event.kind in _RESULTS for part in self.parts for event in part.events)


Limit = dt.date | dt.datetime
"""How far a life runs: to the end of a local date, or to an instant, what is due at it included."""


class PayerCause(Struct, frozen=True, kw_only=True):
    """A cause of an account through which others pay: its instant, and the ledger as it was after it."""

    at: dt.datetime
    payer: str
    ledger: Ledger


def payer_causes(histories: Mapping[str, LedgerHistory], named: Iterable[str]) -> list[PayerCause]:
    """The causes of all payers `named` whose history is known, in order."""
    causes = [
        PayerCause(at=at, payer=payer, ledger=ledger)
        for payer in sorted(set(named) & histories.keys())
        for at, ledger in histories[payer].changes
    ]
    return sorted(causes, key=lambda cause: cause.at)


class _Kind(IntEnum):
    """What comes next, in the order in which it comes at one instant."""

    CHANGE = 0
    BATCH = 1
    PAYER = 2


@dataclass
class Script:
    """What is still to come for one life, taken off in order.

    At one instant a policy change comes first, then the account's own events, then its payer's causes.
    """

    life: Life
    batches: list[Batch] = field(default_factory=list)
    changes: list[PolicyChange] = field(default_factory=list)
    payer: list[PayerCause] = field(default_factory=list)
    done: list[Batch] = field(default_factory=list)
    """The batches that were taken off, in order."""

    moved: "Callable[[Script], None] | None" = None
    """What is done once the account has come into another zone, where days begin and end at other instants."""

    def run(self, limit: Limit) -> Lived:
        """Live through everything up to `limit`. Raises Refused, placed at an event's line."""
        ledgers: list[tuple[dt.datetime, Ledger]] = []
        is_good = self.life.world.results is Results.GOOD
        zone = self.life.zone()
        while not self.is_paused and self._go_on(limit, ledgers):
            if is_good and self._unknown:
                self._deliver()
            if self.moved is not None and self.life.zone() != zone:
                zone = self.life.zone()
                self.moved(self)
        ledger = LedgerHistory(changes=tuple(ledgers), currency=self.life.account.currency)
        return Lived(life=self.life, ledgers=ledger)

    @property
    def is_paused(self) -> bool:
        """Whether it stands still until the result of a delivery is recorded."""
        return self.life.world.results is Results.AWAITED and self._unknown

    @property
    def _unknown(self) -> bool:
        """Whether a message has left, and its result is not among what is still to come."""
        return self.life.unknown_results > sum(batch.results for batch in self.batches)

    def _go_on(self, limit: Limit, ledgers: list[tuple[dt.datetime, Ledger]]) -> bool:
        """Let the next thing up to `limit` happen; False when nothing is left.

        One at a time, for what happens may move the account to another zone, and what comes next with it.
        """
        coming = self._coming()
        if coming is None or not self._is_within(*coming, limit):
            if isinstance(limit, dt.datetime):
                return self.life.run_next(limit)
            return self.life.run_next(self.end_of(limit), inclusive=False)
        at, kind = coming
        if not self.life.run_next(at) and self._cause(at, kind):
            ledgers.append((at, self.life.account.ledger))
        return True

    def _deliver(self) -> None:
        """Put the result of the latest message among what is to come: delivered, or failed without an address."""
        latest = self.life.account.messages[-1]
        kind = "notice_delivered" if self.life.world.arrives(self.life.account) else "notice_failed"
        part = result_part(self.life, latest, latest.sent_at or latest.decided_at, kind)
        same = [b for b in self.batches if b.at is None and (b.parts[0].on, b.parts[0].clock) == (part.on, part.clock)]
        if same:  # at one date and time they are one cause
            events = (*same[0].parts[0].events, *part.events)
            self.batches[self.batches.index(same[0])] = Batch(parts=(replace(part, events=events),))
            return
        at = self.life.instant_of(part)
        place = sum((b.at or self.life.instant_of(b.parts[0])) <= at for b in self.batches)
        self.batches.insert(place, Batch(parts=(part,)))

    def end_of(self, day: dt.date) -> dt.datetime:
        """The instant at which the local date `day` is over."""
        return instant(self.life.zone(), day + ONE_DAY, dt.time(0))

    def next_cause(self) -> dt.datetime | None:
        """The instant of the next cause that does not come from time alone."""
        coming = self._coming()
        return None if coming is None else coming[0]

    def _coming(self) -> tuple[dt.datetime, "_Kind"] | None:
        """The next cause that does not come from time alone: its instant, and what it is."""
        known = []
        if self.changes and not self._is_after_birth(self.changes[0]):
            known.append((self._next_change(), _Kind.CHANGE))
        if self.batches:
            known.append((self._next_batch(), _Kind.BATCH))
        if self.payer:
            known.append((self._not_back(self.payer[0].at), _Kind.PAYER))
        return min(known, default=None)

    def _is_after_birth(self, change: PolicyChange) -> bool:
        """Whether a change comes later by the clock than what an account begins with, whose zone that may say."""
        if change.at is not None or self.life.account.born or not self.batches:
            return False
        first = self.batches[0].parts[0]
        return (change.on, change.clock) > (first.on, first.clock)

    def _is_within(self, at: dt.datetime, kind: "_Kind", limit: Limit) -> bool:
        """Whether the cause at `at` still comes: what became known at the end of a day belongs to that day."""
        if isinstance(limit, dt.datetime):
            return at <= limit
        end = self.end_of(limit)
        return at < end or (at == end and self._became_known(kind))

    def _became_known(self, kind: "_Kind") -> bool:
        """Whether the next cause came at its instant from outside, rather than by its own local date and time."""
        if kind is _Kind.CHANGE:
            return self.changes[0].at is not None
        return kind is _Kind.BATCH and self.batches[0].at is not None

    def _next_change(self) -> dt.datetime:
        change = self.changes[0]
        if change.at is not None:
            return self._not_back(change.at)
        return self.life.instant_of(Part(on=change.on, clock=change.clock, events=()))

    def _next_batch(self) -> dt.datetime:
        at = self.batches[0].at
        return self.life.instant_of(self.batches[0].parts[0]) if at is None else self._not_back(at)

    def _not_back(self, at: dt.datetime) -> dt.datetime:
        return max(at, self.life.account.last_instant)

    def _cause(self, at: dt.datetime, kind: "_Kind") -> bool:
        """Let the next cause happen; gives whether it is one for those who pay through this account, too."""
        if kind is _Kind.CHANGE:
            self._change(self.changes.pop(0), at)
            return False
        if kind is _Kind.BATCH:
            self.done.append(self.batches.pop(0))
            return self._absorb(self.done[-1], at)
        cause = self.payer.pop(0)
        if self.life.account.pays_through == cause.payer:
            self.life.payer_changed(cause.ledger, at)
        return False

    def _change(self, change: PolicyChange, at: dt.datetime) -> None:
        """A policy change is a cause for an account that exists; one that is still to come is born under it."""
        if self.life.account.born:
            self.life.policies_changed(change.policies, at)
        else:
            self.life.world = replace(self.life.world, policies=change.policies)

    def _absorb(self, batch: Batch, at: dt.datetime) -> bool:
        if batch.history:
            return self.life.relive(batch.history, batch.parts, at, batch.actor)
        if batch.at is not None and self.life.has_lived_past(batch.parts[0]):
            return self.life.add(batch.parts, at, batch.actor)
        return self.life.absorb(batch.parts, batch.at and at, batch.actor)


def result_part(life: Life, message: Outgoing, at: dt.datetime, kind: str) -> Part:
    """The result `kind` of the delivery of `message`, which left at `at`: a minute later on the account's clock."""
    local = minute_after(at).astimezone(life.zone())
    on, clock = local.date(), local.time().replace(tzinfo=None)
    data = {"notice": message.name}
    event = Event(kind=kind, account=life.account.id, on=on, clock=clock, data=data)
    return Part(on=on, clock=clock, events=(event,))


def minute_after(at: dt.datetime) -> dt.datetime:
    """The first whole minute after `at`: when what was handed over at `at` can have arrived, as events write time."""
    return at.replace(second=0, microsecond=0) + dt.timedelta(minutes=1)


def live(
    account: Account, moments: Sequence[Moment], world: World, until: dt.date, changes: Sequence[PolicyChange] = ()
) -> Lived:
    """The life of `account` through the end of `until`. Raises Refused, placed at an event's line."""
    first = moments[0]
    early = [change for change in changes if (change.on, change.clock) <= (first.on, first.clock)]
    if early:
        world = replace(world, policies=early[-1].policies)
    parts = [Part(on=moment.on, clock=moment.clock, events=moment.events) for moment in moments]
    script = Script(Life(account, world), [Batch(parts=(part,)) for part in parts], list(changes[len(early) :]))
    script.payer = payer_causes(world.ledgers, payers_of(event for moment in moments for event in moment.events))
    return script.run(until)


def payers_of(events: Iterable[Event]) -> frozenset[str]:
    """Every account through which the account of `events` pays at some time."""
    return frozenset(payer for event in events if (payer := event.text("pays_through")))

"""The entries of an account as frozen values. Amounts are minor units of the account's currency."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from arflow.evolving import worked_out_of
from arflow.vocabulary import EffectKind, State

BEFORE_ALL = dt.datetime.min.replace(tzinfo=dt.UTC)
"""Stands for an instant of an account to which nothing has happened yet."""

Recorded = tuple[dt.datetime, int]
"""When an entry was recorded: its instant, and its place among the events of that instant."""


class Item(Struct, frozen=True, kw_only=True):
    """One instalment of an invoice; an invoice without instalments has exactly one. `open` is what is unpaid."""

    due: dt.date
    amount: int
    open: int


class Invoice(Struct, frozen=True, kw_only=True):
    """What the customer owes for one document. `items` are ordered by due date."""

    id: str
    issued: dt.date
    recorded: Recorded
    items: tuple[Item, ...]
    written_off: bool = False

    @property
    def open(self) -> int:
        """What is unpaid of the whole invoice."""
        return sum([item.open for item in self.items])

    @property
    def last_due(self) -> dt.date:
        """The due date of its last instalment."""
        return self.items[-1].due


class ClearingKind(StrEnum):
    """What can stand against invoices. A credit note is an invoice with a negative amount."""

    PAYMENT = "payment"
    CREDIT = "credit"
    WRITE_OFF = "write_off"
    CREDIT_NOTE = "credit_note"


class Allocation(Struct, frozen=True, kw_only=True):
    """`amount` of a clearing that stands against instalment number `item` of `invoice`."""

    invoice: str
    item: int
    amount: int


class Clearing(Struct, frozen=True, kw_only=True):
    """Money or credit on the account. What its allocations leave over is unapplied."""

    kind: ClearingKind
    id: str
    on: dt.date
    recorded: Recorded
    amount: int
    invoice: str | None = None
    allocations: tuple[Allocation, ...] = ()
    reversed_on: dt.date | None = None

    @property
    def unapplied(self) -> int:
        """What stands against no invoice; nothing once it is reversed."""
        return 0 if self.reversed_on else self.amount - sum([part.amount for part in self.allocations])


class Dispute(Struct, frozen=True, kw_only=True):
    """The customer contests `amount` of `invoice` (None: all that is open) until `closed_on`."""

    id: str
    invoice: str
    amount: int | None
    reason: str
    on: dt.date
    recorded: Recorded
    closed_on: dt.date | None = None
    outcome: str | None = None


class Promise(Struct, frozen=True, kw_only=True):
    """The customer promised `amount` by `due`; with `invoices` only what is allocated to them counts."""

    id: str
    amount: int
    due: dt.date
    invoices: tuple[str, ...]
    on: dt.date
    recorded: Recorded
    cancelled: Recorded | None = None


class Contact(Struct, frozen=True, kw_only=True):
    """One call, e-mail, letter or short message between a person and the customer."""

    channel: str
    direction: str
    outcome: str | None
    on: dt.date
    recorded: Recorded


class Person(Struct, frozen=True, kw_only=True):
    """Somebody to reach at the customer."""

    name: str = ""
    email: str = ""
    phone: str = ""
    role: str = ""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What came from outside about money, by id. A mapping is never changed in place: a new ledger replaces it."""

    invoices: Mapping[str, Invoice] = field(default_factory=dict)
    clearings: Mapping[tuple[ClearingKind, str], Clearing] = field(default_factory=dict)
    disputes: Mapping[str, Dispute] = field(default_factory=dict)

    @worked_out_of("invoices")
    def open_items(self) -> "tuple[OpenItem, ...]":
        """Every instalment of which something is open: the oldest due date first, then the invoice id."""
        found = [
            OpenItem(due=item.due, invoice=invoice.id, item=at, open=item.open)
            for invoice in self.invoices.values()
            for at, item in enumerate(invoice.items)
            if item.open
        ]
        return tuple(sorted(found, key=lambda item: (item.due, item.invoice, item.item)))

    @worked_out_of("clearings")
    def payments(self) -> tuple[Clearing, ...]:
        """The payments that were not reversed, in the order of their recording."""
        found = [c for c in self.clearings.values() if c.kind is ClearingKind.PAYMENT and not c.reversed_on]
        return tuple(sorted(found, key=lambda clearing: clearing.recorded))

    @worked_out_of("clearings")
    def last_paid_on(self) -> Mapping[str, dt.date]:
        """The date of the latest payment in force that was allocated to each invoice."""
        found: dict[str, dt.date] = {}
        for payment in self.payments:
            for part in payment.allocations:
                found[part.invoice] = max(payment.on, found.get(part.invoice, payment.on))
        return found

    @worked_out_of("clearings")
    def lost(self) -> frozenset[str]:
        """The invoices of which something was written off, and not brought back since."""
        off = [c for c in self.clearings.values() if c.kind is ClearingKind.WRITE_OFF]
        return frozenset([c.invoice for c in off if c.invoice and c.amount and not c.reversed_on])

    @worked_out_of("disputes")
    def open_disputes(self) -> tuple[Dispute, ...]:
        """The disputes that are not closed."""
        return tuple(dispute for dispute in self.disputes.values() if dispute.closed_on is None)

    @worked_out_of("clearings")
    def unapplied(self) -> int:
        """Money and credit that stands against no invoice."""
        return sum([clearing.unapplied for clearing in self.clearings.values()])

    def gross_overdue(self, day: dt.date) -> int:
        """All that is overdue on the policy day `day`, disputed and promised parts included."""
        return sum([item.open for item in self.open_items if item.due < day])

    def next_due(self, day: dt.date) -> dt.date | None:
        """The earliest due date, from `day` on, of which something is open."""
        for item in self.open_items:
            if item.due >= day:
                return item.due
        return None

    @property
    def oldest_due(self) -> dt.date | None:
        """The earliest due date of which something is open."""
        return self.open_items[0].due if self.open_items else None


class OpenItem(Struct, frozen=True, kw_only=True):
    """What is open of one instalment."""

    due: dt.date
    invoice: str
    item: int
    open: int


class Episode(Struct, frozen=True, kw_only=True):
    """A time with something overdue. `spans` are the instants between which it ran; the last end may be open.

    Those at which it began or went on are on the account's own clock.
    """

    started_on: dt.date
    spans: tuple[tuple[dt.datetime, dt.datetime | None], ...]

    @property
    def running(self) -> bool:
        """Whether something is still overdue."""
        return self.spans[-1][1] is None

    def was_running_at(self, instant: dt.datetime) -> bool:
        """Whether the episode was running at an instant, its first and its last moment included.

        What was recorded then may be what ended it, and what was sent left before that (contract, section 3).
        """
        return any(start <= instant and (end is None or instant <= end) for start, end in self.spans)


class EffectStatus(StrEnum):
    """Where an effect stands. Messages go on from SENT to DELIVERED or FAILED."""

    WAITING = "waiting"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


class Outgoing(Struct, frozen=True, kw_only=True):
    """A message or call task that was decided: it waits for its moment, is sent, or is dropped.

    `number` counts an account's effects; `stay` is the stay in the state in which the account stood after the pass;
    `due_at` None: as soon as what keeps it is gone (`life/gates.py`). Days are local dates or, for `settled_day`, those
    of the policy.
    """

    number: int
    kind: EffectKind
    name: str
    rule: str
    stay: int
    overdue_then: bool
    decided_at: dt.datetime
    decided_on: dt.date
    due_at: dt.datetime | None
    status: EffectStatus = EffectStatus.WAITING
    sent_at: dt.datetime | None = None
    sent_on: dt.date | None = None
    settled_at: dt.datetime | None = None
    settled_day: dt.date | None = None
    """When the delivery became known, and on which policy day."""


class Firing(Struct, frozen=True, kw_only=True):
    """The last firing of an act in this stay: on a local date, with the numbers of the effects it put out."""

    on: dt.date
    outgoing: tuple[int, ...] = ()


class Parked(Struct, frozen=True, kw_only=True):
    """Why an account stands still until its next event, and since when."""

    reason: str
    at: dt.datetime
    rule: str | None = None
    to: str | None = None

    def since(self, earlier: "Parked") -> "Parked":
        """This one, which follows on `earlier`; for the same reason it has stood still ever since that."""
        same = replace(self, at=earlier.at)
        return same if same == earlier else self


@dataclass(frozen=True, kw_only=True)
class Account:
    """One customer in one currency: its own record, its ledger, what people recorded, and where the machine stands."""

    id: str
    currency: str
    name: str = ""
    timezone: str = ""
    country: str = ""
    language: str = ""
    segment: str = ""
    risk_grade: str = ""
    debtor_kind: str = ""
    collector_role: str = ""
    credit_limit: int | None = None
    owner: str = ""
    pays_through: str | None = None
    people: tuple[Person, ...] = ()
    attributes: Mapping[str, str | int | bool] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    on_hold: bool = False

    ledger: Ledger = field(default_factory=Ledger)
    payer_ledger: Ledger | None = None
    """The ledger of the account it pays through, as this account last saw it."""
    promises: Mapping[str, Promise] = field(default_factory=dict)
    contacts: tuple[Contact, ...] = ()

    state: State = State.CURRENT
    stay: int = 0
    """Counts the steps ever made; a new number is a new stay."""
    entered_on: dt.date = dt.date.min
    entered_at: dt.datetime = BEFORE_ALL
    fired: Mapping[str, Firing] = field(default_factory=dict)
    policy_version: str | None = None
    policy_day: dt.date = dt.date.min
    last_harsher_day: dt.date | None = None
    last_instant: dt.datetime = BEFORE_ALL
    wake: dt.datetime | None = None
    parked: Parked | None = None
    call_open: bool = False
    episodes: tuple[Episode, ...] = ()
    outgoing: tuple[Outgoing, ...] = ()
    effects_decided: int = 0
    born: bool = False
    """False until its first event has been applied."""

    @property
    def book(self) -> Ledger:
        """The ledger that its facts are taken from: its payer's, or its own."""
        return self.ledger if self.payer_ledger is None else self.payer_ledger

    @property
    def promised(self) -> Iterable[Promise]:
        """Its promises, as they are held against the payments of its book.

        Those of who pays through another stand before all that its payer recorded at the same instant, for a payer's
        causes come last; the places of the payer's events say nothing of its own.
        """
        promises = self.promises.values()
        return promises if self.payer_ledger is None else [before_others(promise) for promise in promises]

    @property
    def episode(self) -> Episode | None:
        """The running episode."""
        return self.episodes[-1] if self.episodes and self.episodes[-1].running else None

    def last_place(self, at: dt.datetime) -> int:
        """The place of the last entry of its own that was recorded at an instant; -1 when none was."""
        return max((place for instant, place in self._recorded() if instant == at), default=-1)

    @property
    def last_recorded(self) -> dt.datetime:
        """The instant at which events last changed its books, as far as they tell; else one before all."""
        ends = [end for episode in self.episodes for _, end in episode.spans if end is not None]
        resumed = [start for episode in self.episodes for start, _ in episode.spans[1:]]
        return max([*ends, *resumed, *(instant for instant, _ in self._recorded())], default=BEFORE_ALL)

    def _recorded(self) -> list[Recorded]:
        own, promises = self.ledger, self.promises.values()
        return [
            *(invoice.recorded for invoice in own.invoices.values()),
            *(clearing.recorded for clearing in own.clearings.values()),
            *(dispute.recorded for dispute in own.disputes.values()),
            *(promise.recorded for promise in promises),
            *(promise.cancelled for promise in promises if promise.cancelled),
            *(contact.recorded for contact in self.contacts),
        ]

    @worked_out_of("outgoing")
    def waiting(self) -> tuple[Outgoing, ...]:
        """Messages and call tasks that have not left yet, in the order of their decision."""
        return tuple(effect for effect in self.outgoing if effect.status is EffectStatus.WAITING)

    @property
    def call_queue(self) -> str | None:
        """The queue on which its open call is: that of the latest call sent in this stay. None without an open call."""
        if not self.call_open:
            return None
        sent = (e for e in reversed(self.outgoing) if e.kind is EffectKind.CALL and e.status is EffectStatus.SENT)
        return next((effect.name for effect in sent if effect.stay == self.stay), None)

    @worked_out_of("outgoing")
    def messages(self) -> tuple[Outgoing, ...]:
        """Messages that were sent, in the order of their sending."""
        sent = [e for e in self.outgoing if e.kind is EffectKind.SEND and e.sent_at is not None]
        return tuple(sorted(sent, key=lambda effect: (effect.sent_at or effect.decided_at, effect.number)))


def before_others(promise: Promise) -> Promise:
    """A promise as it stands before all else that was recorded at its instant."""
    made, cancelled = promise.recorded, promise.cancelled
    return replace(promise, recorded=(made[0], -1), cancelled=None if cancelled is None else (cancelled[0], -1))

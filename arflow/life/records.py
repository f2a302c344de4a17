"""What a life puts out: steps, acts, parkings and effects, each with all that is needed to explain and re-check it."""

import datetime as dt
from collections.abc import Callable, Mapping
from enum import StrEnum
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from arflow.accounts.entries import Account, Ledger
from arflow.accounts.events import Event
from arflow.isodates import ONE_DAY
from arflow.rules.calendar import instant
from arflow.rules.decide import Evaluator, Situation
from arflow.rules.policy import Policy
from arflow.vocabulary import Facts


class EntryKind(StrEnum):
    """What an entry tells of.

    STEP: one change of state. ACTS: acts that fired. PARKED: a refused pass. EFFECT: something left; DROPPED: it did
    not. CORRECTION: an event was replaced by a corrected one.
    """

    STEP = "step"
    ACTS = "acts"
    PARKED = "parked"
    EFFECT = "effect"
    DROPPED = "dropped"
    CORRECTION = "correction"


class Entry(Struct, frozen=True, kw_only=True):
    """One record. Dates and times are the account's local ones; `facts` and `situation` are those of the decision."""

    kind: EntryKind
    account: str
    at: dt.datetime
    on: dt.date
    clock: dt.time
    cause: str
    actor: str = ""
    reason: str = ""
    rule: str | None = None
    source: str | None = None
    to: str | None = None
    effect: str | None = None
    name: str | None = None
    number: int | None = None
    """The account's number of the effect, for those that wait for their moment."""
    rules: tuple[str, ...] = ()
    held: tuple[tuple[str, str], ...] = ()
    policy_version: str | None = None
    facts: Facts | None = None
    situation: Situation | None = None


class CashMark(Struct, frozen=True, kw_only=True):
    """Somebody said that every payment is recorded through the date `through`, or else until it was said.

    It was said at the business instant `known_at`, or at the end of the stepped day `known_on`.
    """

    known_at: dt.datetime | None
    known_on: dt.date | None
    through: dt.date | None = None

    def known(self, zone: ZoneInfo) -> dt.datetime:
        """The instant at which it became known to an account in `zone`."""
        return self.known_at or _end_of(self.known_on, zone)

    def until(self, zone: ZoneInfo) -> dt.datetime:
        """The instant until which payments are complete; never later than it became known."""
        known = self.known(zone)
        return known if self.through is None else min(known, _end_of(self.through, zone))


def _end_of(day: dt.date | None, zone: ZoneInfo) -> dt.datetime:
    return instant(zone, (day or dt.date.min) + ONE_DAY, dt.time(0))


class Results(StrEnum):
    """What a life does while the delivery of one of its messages is unknown.

    COME_LATER: it goes on, as real ones do. AWAITED: it stands still until the result is recorded, so that a stepped
    clock never outruns delivery. GOOD: a minute later it is delivered, or failed where the world says that no message
    `arrives`, to look ahead.
    """

    COME_LATER = "come_later"
    AWAITED = "awaited"
    GOOD = "good"


class Part(Struct, frozen=True, kw_only=True):
    """The events of one account at one local date and time, in the order in which they are applied."""

    on: dt.date
    clock: dt.time
    events: tuple[Event, ...]


def _always(_: Account) -> bool:
    return True


class World(Struct, frozen=True, kw_only=True):
    """What an account lives in: the active policies (highest precedence first), who evaluates them, how mail arrives.

    `delivery` is `instant` (a message is delivered at its sending) or `recorded` (events say so). With `every_day` a
    pass runs at every `act_at` and no wake is derived; it must come to the same.
    """

    policies: tuple[Policy, ...]
    evaluator: Evaluator
    delivery: str = "instant"
    every_day: bool = False
    delivering: bool = True
    """While False nothing leaves: messages and calls wait, as they do on hold."""

    blown: frozenset[str] = frozenset()
    """The names of policies whose storm fuse is blown, so that nothing of theirs leaves."""

    cash: tuple[CashMark, ...] | None = None
    """When payments were complete, the earliest known first; None: they always are, as in a replay."""

    present: dt.datetime | None = None
    """The real clock's now: what a standstill passed over happens on its policy day; None: all at its own moment."""

    results: Results = Results.COME_LATER
    arrives: Callable[[Account], bool] = _always
    """Whether a message of an account would arrive, for those that look ahead: whether it has an address at all."""

    ledgers: Mapping[str, "LedgerHistory"] = field(default_factory=dict)
    """The ledgers of accounts through which others pay, by account id."""


class LedgerHistory(Struct, frozen=True, kw_only=True):
    """A payer's ledger as it was: after each cause, by the instant of that cause. `currency` is the payer's."""

    changes: tuple[tuple[dt.datetime, Ledger], ...] = ()
    currency: str = ""

    def before(self, instant: dt.datetime) -> Ledger:
        """The ledger before the causes of `instant`."""
        earlier = [ledger for at, ledger in self.changes if at < instant]
        return earlier[-1] if earlier else Ledger()

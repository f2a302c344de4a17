"""What was recorded of each account, when, and what of it had been recorded at a given moment."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from arflow.accounts.events import Event
from arflow.rules.policy import Policy
from tests.naive.clocks import instant, zone_of
from tests.naive.ledger import Ledger
from tests.naive.promises import Order

LEDGER = (
    "invoice", "payment", "payment_reversed", "credit", "write_off", "write_off_reversed", "dispute", "dispute_closed",
)  # fmt: skip


@dataclass(frozen=True)
class Change:
    """A policy that takes the place of the one before, at a local date and time of each account."""

    on: dt.date
    clock: dt.time
    policy: Policy


@dataclass
class Cause:
    """Events of one account at one date and time, or a change of policy: what one pass is run for."""

    at: dt.datetime
    on: dt.date
    events: tuple[Event, ...]
    policy: Policy | None = None


class Book:
    """One account: its causes in their order, each at its instant."""

    def __init__(self, name: str, events: Sequence[Event], first: Policy, changes: Sequence[Change]) -> None:
        self.name = name
        self.first = first
        self.causes: list[Cause] = []
        own = _without_repeats([event for event in events if event.account == name])
        keys = sorted({(event.on, event.clock) for event in own})
        changes = sorted(changes, key=lambda change: (change.on, change.clock))
        for change in changes:
            if keys and (change.on, change.clock) <= keys[0]:
                self.first = change.policy
        policy, recorded, latest = self.first, "", dt.datetime.min.replace(tzinfo=dt.UTC)
        moments = [(key, at, None) for at, key in enumerate(keys)] + [
            ((change.on, change.clock), -1, change.policy)
            for change in changes
            if keys and (change.on, change.clock) > keys[0]
        ]
        for (on, clock), at, changed in sorted(moments, key=lambda moment: moment[:2]):
            group = () if changed else tuple(event for event in own if (event.on, event.clock) == (on, clock))
            if at == 0:
                recorded = _zone_after(recorded, group)
            latest = max(latest, instant(zone_of(policy, recorded), on, clock))
            self.causes.append(Cause(latest, on, group, changed))
            policy, recorded = changed or policy, _zone_after(recorded, group)

    def record(self, count: int) -> dict[str, object]:
        """What is recorded of the account itself after `count` causes."""
        found: dict[str, object] = {}
        for cause in self.causes[:count]:
            for event in cause.events:
                if event.kind == "account":
                    found |= event.data
        return found

    def policy(self, count: int) -> Policy:
        """The policy after `count` causes."""
        return [self.first, *(cause.policy for cause in self.causes[:count] if cause.policy)][-1]

    def zone(self, count: int) -> ZoneInfo:
        """Where the account lives after `count` causes."""
        return zone_of(self.policy(count), str(self.record(count).get("timezone") or ""))

    def currency(self) -> str:
        """The currency recorded of the account, or that of the policy."""
        return str(self.record(len(self.causes)).get("currency") or self.first.currency)

    def ledger(self, count: int) -> tuple[Ledger, list[Order]]:
        """The ledger after `count` causes, and when each of its events was recorded."""
        found = [(event, (cause.at, event.line)) for cause in self.causes[:count] for event in in_order(cause.events)]
        return Ledger([event for event, _ in found], self.currency()), [order for _, order in found]


def _zone_after(recorded: str, events: Sequence[Event]) -> str:
    for event in events:
        if event.kind == "account" and "timezone" in event.data:
            recorded = event.text("timezone")
    return recorded


def listed(event: Event, name: str) -> tuple[str, ...]:
    """The entries of a list in an event; none where there is no list."""
    found = event.data.get(name)
    return tuple(map(str, found)) if isinstance(found, tuple) else ()


_NO_ID = ("payment_reversed", "promise_cancelled", "dispute_closed", "write_off", "write_off_reversed")
"""What has no id of its own, but names what can happen to a thing once."""


def _without_repeats(events: Sequence[Event]) -> list[Event]:
    """The same event id with the same content changes nothing."""
    found: list[Event] = []
    for event in events:
        is_one_thing = "id" in event.data or event.kind in _NO_ID
        content = (event.kind, event.on, event.clock, event.data)
        if not (is_one_thing and any(content == (one.kind, one.on, one.clock, one.data) for one in found)):
            found.append(event)
    return found


def in_order(events: Sequence[Event]) -> list[Event]:
    """Events of one moment in the order of the file, but each after those that it names."""
    found: list[Event] = []

    def take(event: Event) -> None:
        for named in events:
            if named is not event and _key(named) in _names(event):
                take(named)
        if not any(event is one for one in found):
            found.append(event)

    for event in events:
        take(event)
    return found


def _key(event: Event) -> tuple[str, str]:
    """By which others name it."""
    return event.kind, event.text("invoice" if event.kind == "write_off" else "id")


def _names(event: Event) -> list[tuple[str, str]]:
    """What an event names."""
    match event.kind:
        case "payment" | "credit" | "dispute" | "write_off":
            return [("invoice", event.text("invoice"))] if event.text("invoice") else []
        case "payment_reversed":
            return [("payment", event.text("payment"))]
        case "write_off_reversed":
            return [("write_off", event.text("invoice"))]
        case "promise":
            return [("invoice", name) for name in listed(event, "invoices")]
        case "promise_cancelled" | "dispute_closed":
            return [(event.kind.split("_")[0], event.text("id"))]
    return []

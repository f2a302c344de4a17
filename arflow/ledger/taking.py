"""What becomes of the staged events of one account: new, unchanged, corrections or rejects. Nothing is read or written.

A whole row of the file is rejected with any of its events.
"""

import datetime as dt
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace

from arflow import money
from arflow.accounts.clearing import called, check_name
from arflow.accounts.entries import Account
from arflow.accounts.events import AMOUNTS, Event, parse
from arflow.accounts.timeline import identity, same_content
from arflow.errors import Refused
from arflow.ledger import gone, restating
from arflow.ledger.contradictions import contradictions
from arflow.ledger.gone import File, Found, Moment, Settlement
from arflow.ledger.restating import Said
from arflow.store import events
from arflow.store.events import StoredEvent

_REPEATABLE = frozenset(
    {"contact", "tag", "untag", "hold", "hold_released", "forced", "notice_delivered", "notice_failed"}
)

MOST_TOLD = 5
"""How many of the invoices that are gone are told."""

_ONE_BY_ONE = 20
"""How many wrong corrections of an account are taken back one by one; for each of them its books are folded anew."""


@dataclass
class Listed:
    """Invoices that are told: how many there are, what they come to in minor units by currency, and the first."""

    invoices: int = 0
    amounts: Counter[str] = field(default_factory=Counter)
    first: list[str] = field(default_factory=list)

    def add(self, account: Account, amounts: Mapping[str, int]) -> None:
        """Add invoices of an account with their amounts."""
        if not amounts:
            return
        self.invoices += len(amounts)
        self.amounts[account.currency] += sum(amounts.values())
        for invoice, amount in [*amounts.items()][: max(0, MOST_TOLD - len(self.first))]:
            said = f"{money.show(amount, account.currency)} {account.currency}"
            self.first.append(f"{invoice} of {account.id} ({said})")


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
    gone: Listed = field(default_factory=Listed)
    """What was taken as paid because the file has it no more."""
    open_again: int = 0
    """How many of which that was taken back, since the file has them again."""
    paid_otherwise: int = 0
    """How many of which it was, since money came that had been counted twice else."""
    back_otherwise: int = 0
    """How many of which it was not, since what the file has of that number is a new invoice."""
    settled_here: Listed = field(default_factory=Listed)
    """What the file has open though it is settled in the books; another debt may stay open instead of it."""
    unmatched: Listed = field(default_factory=Listed)
    """What stays open though the file has it no more, since money stands beside it that may have been for it."""
    accounts: int = 0
    opened: int = 0
    touched: list[str] = field(default_factory=list)


class Staged(NamedTuple):
    """An event on its way in, as it was written; `currency` is "" where its row names none."""

    line: int
    currency: str
    content: str
    is_own: bool
    """False for what introduces an account beside another one of the customer."""


class Taker:
    """Decides what becomes of the staged events of one account."""

    def __init__(
        self,
        account: str,
        currency: str,
        staged: Sequence[Staged],
        recorded: list[StoredEvent],
        outcome: Outcome,
        *,
        is_whole: bool = False,
    ) -> None:
        self.account, self.outcome, self.is_whole = account, outcome, is_whole
        self.differs = False
        """Whether the file has something otherwise than the books."""
        self.recorded = recorded
        self.currency = currency
        self.staged = self._parsed(staged)
        self.new: list[tuple[Event, str, int]] = []
        self.corrected: list[tuple[StoredEvent, Event]] = []

    def blank(self) -> Account:
        """The account as it is opened, before any event."""
        return Account(id=self.account, currency=self.currency)

    def _parsed(self, staged: Sequence[Staged]) -> list[tuple[Event, Staged]]:
        found = []
        known: dict[str, Event] = {}  # of the account itself a file says the same on each of its lines
        for written in staged:
            try:
                if written.content not in known:
                    content = {**json.loads(written.content), "account": self.account}
                    known[written.content] = parse(content, written.line)
                event = replace(known[written.content], line=written.line)
                self._check_money(event, written.currency or self.currency)
            except Refused as refused:
                self._reject(written.line, refused.reason)
            else:
                found.append((event, written))
        return found

    def _check_money(self, event: Event, currency: str) -> None:
        """Raise Refused when the money of `event` is not money of the account."""
        if currency != self.currency and event.kind not in ("account", "invoice"):
            raise Refused(f"{called(event)} is in {currency}, but account `{self.account}` is in {self.currency}")
        for name in AMOUNTS:
            if event.data.get(name) is not None:
                money.parse(event.data[name], currency)

    def _count(self) -> None:
        """Add what is taken in, or was before, to the control totals."""
        for event, written in self._accepted():
            sums = {"invoice": self.outcome.billed, "payment": self.outcome.paid}.get(event.kind)
            if sums is not None:
                currency = written.currency or self.currency
                sums[currency] += money.parse(event.data["amount"], currency)

    def _accepted(self) -> Iterator[tuple[Event, Staged]]:
        return (pair for pair in self.staged if pair[0].line not in self.outcome.rejects)

    def _reject(self, line: int, reason: str) -> None:
        self.outcome.rejects.setdefault(line, reason)

    def decide(self, *, correct: bool) -> bool:
        """Sort the staged events into new, unchanged, corrections and rejects; whether anything is to be written."""
        self._sort_out(correct=correct)
        self._leave_out_rejects()
        self._leave_out_contradictions()
        self._count()
        return bool(self.new or self.corrected)

    def _sort_out(self, *, correct: bool) -> None:
        by_identity: dict[tuple[str, str], StoredEvent] = {}
        counts: Counter[tuple[str, str]] = Counter()
        for stored in self.recorded:
            key = (stored.event.kind, _identity(stored.event))
            by_identity[key] = stored
            counts[key] += 1
        seen: Counter[tuple[str, str]] = Counter()
        first: dict[tuple[str, str], Event] = {}
        for event, _ in self._accepted():
            key = (event.kind, _identity(event))
            seen[key] += 1
            if event.kind not in _REPEATABLE and first.setdefault(key, event) is not event:
                self._repeat(first[key], event)
            elif key in by_identity and not (event.kind in _REPEATABLE and seen[key] > counts[key]):
                self._compare(by_identity[key], event, correct=correct)
            else:
                self._add(event, key[1], seen[key] if event.kind in _REPEATABLE else 1)

    def _add(self, event: Event, key: str, occurrence: int) -> None:
        try:
            check_name(event)
        except Refused as refused:
            self._reject(event.line, refused.reason)
        else:
            self.new.append((event, key, occurrence))

    def _repeat(self, first: Event, event: Event) -> None:
        if same_content(first, event):
            self.outcome.unchanged += 1
        else:
            self._reject(event.line, f"{event.kind} `{event.id}` is there twice with other content (line {first.line})")

    def _compare(self, stored: StoredEvent, event: Event, *, correct: bool) -> None:
        self.differs |= not same_content(stored.event, event)
        event = self._in_full(stored.event, event)
        if same_content(stored.event, event):
            self.outcome.unchanged += 1
            return
        self.outcome.corrections.append((event.line, _difference(stored.event, event)))
        if correct:
            self.corrected.append((stored, event))

    def _in_full(self, recorded: Event, row: Event) -> Event:
        """`row` as the books have it: the amount of a whole file is what is left of the invoice or credit note."""
        if not self.is_whole or row.kind != "invoice":
            return row
        most, left = (money.parse(event.text("amount"), self.currency) for event in (recorded, row))
        is_part = abs(left) <= abs(most) and left * most >= 0
        return replace(row, data={**row.data, "amount": recorded.text("amount")}) if is_part else row

    def _leave_out_rejects(self) -> None:
        """Take out whole lines: what came with a rejected event is not taken in either."""
        self.new = [entry for entry in self.new if entry[0].line not in self.outcome.rejects]
        self.corrected = [entry for entry in self.corrected if entry[1].line not in self.outcome.rejects]

    def _leave_out_contradictions(self) -> None:
        """Take out the lines that contradict the rest of the account's books.

        Corrections go first, one by one as long as they are few, and what is recorded comes back in their places: lines
        that contradict a wrong correction may well fit that.
        """
        for rounds in itertools.count():
            corrections = {event.line for _, event in self.corrected}
            found = self._contradictions(corrections, first=rounds < _ONE_BY_ONE)
            wrong = {line: found[line] for line in corrections & found.keys()}
            for line, reason in (wrong or found).items():
                self._reject(line, reason)
            self._leave_out_rejects()
            if not wrong:
                return

    def _contradictions(self, corrections: AbstractSet[int], *, first: bool) -> dict[int, str]:
        mine = {event.line for event, _, _ in self.new} | corrections
        if not mine:
            return {}
        return contradictions(self.blank(), self._whole(), mine, corrections, first=first)

    def _whole(self) -> list[Event]:
        """All that will be known of the account, with its corrections."""
        replaced = {stored.row: event for stored, event in self.corrected}
        recorded = [replaced.get(stored.row, stored.event) for stored in self.recorded]
        return [*recorded, *(event for event, _, _ in self.new)]

    # --- what the file does not say -----------------------------------------------------------------------------------

    def settle(self, found: Found, moment: Moment, *, is_complete: bool) -> None:
        """Add what follows of a file that has everything open, and note what there is to tell.

        Nothing is taken as paid unless it `is_complete`.
        """
        of_money = ("invoice", "payment")
        rows = [event for event, _ in self.staged if event.kind in of_money]
        rejects = self.outcome.rejects
        file = File([row for row in rows if row.line not in rejects], [row for row in rows if row.line in rejects])
        made = gone.settlement(self.blank(), self._whole(), file, found, moment, is_complete=is_complete)
        self._tell(made, found)
        self.new += [(event, _identity(event), 1) for event in made.events]

    def _tell(self, made: Settlement, found: Found) -> None:
        paid = {key: part for key, part in made.changes.items() if part > 0}
        self.outcome.gone.add(self.blank(), paid)
        self.outcome.settled_here.add(self.blank(), made.settled_here)
        self.outcome.unmatched.add(self.blank(), made.unmatched)
        less = made.changes.keys() - paid.keys()
        self.outcome.open_again += len(less & found.present)
        self.outcome.paid_otherwise += len(less - found.present)
        self.outcome.back_otherwise += len(made.used_again)

    # --- what the file says of the account itself ---------------------------------------------------------------------

    def unsaid(self) -> Said:
        """What of it the books would not hold by the dates alone."""
        file = [event for event, written in self._accepted() if written.is_own and event.kind == "account"]
        told = [stored for stored in self.recorded if stored.event.kind == "account"]
        earlier = [stored.event for stored in sorted(told, key=lambda stored: stored.row) if not stored.actor]
        return restating.unsaid(file, self._newly_told(), earlier, [stored.event for stored in told])

    @property
    def timezone(self) -> str:
        """The account's zone as it will be known, empty when nobody says it."""
        said = (
            event.text("timezone") for event in reversed(restating.in_order(self._told())) if "timezone" in event.data
        )
        return next(said, "")

    def restate(self, said: Said, on: dt.date, at: dt.time) -> None:
        """Add an event that says this, at a local date and time."""
        event = Event(kind="account", account=self.account, on=on, clock=at, data=said)
        key = _identity(event)
        there = sum(_identity(other) == key for other in self._told())
        self.new.append((event, key, there + 1))

    def _told(self) -> list[Event]:
        return [*(stored.event for stored in self.recorded if stored.event.kind == "account"), *self._newly_told()]

    def _newly_told(self) -> list[Event]:
        return [event for event, _, _ in self.new if event.kind == "account"]


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

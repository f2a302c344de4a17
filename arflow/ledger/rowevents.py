"""One row of a file into the events that its profile makes of it (contract, section 7), or into all its troubles.

Pure: cells in, a Row, Reject or Skipped out; every trouble of a row is named at once. Only a date in another order than
the profile's is no row's own affair: it is raised, because then the rows that looked right are wrong too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arflow.errors import Refused
from arflow.ledger import written
from arflow.ledger.eventfields import EVENTS, Kind
from arflow.ledger.profiles import EventPlan, Profile, SignRule, Template
from arflow.ledger.written import WrongDateOrder, shown

MAX_TEXT = 500
"""How many characters one text may have; a longer one is a sign of a broken row."""

MAX_NAME = 200
"""How many characters an id may have."""

Value = str | int | bool
"""What a cell may say, as JSON has it."""

Event = dict[str, Any]
"""One event in the contract's shape: amounts are decimal strings, dates ISO."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row that was understood."""

    line: int
    """The physical line on which the row starts, 1-based; the header has one too."""
    account: str
    currency: str
    """Of all its amounts; "" when the row does not say it, and then it is its account's."""
    events: tuple[Event, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reject:
    """A row that cannot be imported, and everything that is wrong with it in one line."""

    line: int
    reason: str
    account: str = ""
    """Whose row it is, of which invoices and in which currency; empty where any of that could not be read."""
    currency: str = ""
    invoices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """A row that is no data: blank, or one of those that the profile's `skip` describes."""

    line: int


Item = Row | Reject | Skipped


class RowReader:
    """Reads the rows of one file; knows where its header has the profile's columns."""

    def __init__(self, profile: Profile, header: Sequence[str], positions: Mapping[str, int]) -> None:
        self.profile, self.width, self.positions = profile, len(header), positions
        self.labels = {name: shown(header[at]) for name, at in positions.items()}
        self.unread = {plan.event: profile.only_read_by(plan) for plan in profile.events if plan.needs}

    def read(self, line: int, cells: Sequence[str]) -> Item:
        """What the row of `cells` that starts at `line` means. Raises WrongDateOrder with that line."""
        if not any(cell and not cell.isspace() for cell in cells):
            return Skipped(line=line)
        row = _RowInHand(self, cells)
        if any(condition.holds(row.raw[condition.column]) for condition in self.profile.skip):
            return Skipped(line=line)
        if len(cells) < self.width or any(cells[self.width :]):
            return Reject(line=line, reason=f"has {len(cells)} cells where the header has {self.width}")
        try:
            return row.item(line)
        except WrongDateOrder as refusal:
            raise WrongDateOrder(refusal.reason, line=line) from None


class _RowInHand:
    """The cells of one row by name, and what was found wrong with them so far."""

    def __init__(self, reader: RowReader, cells: Sequence[str]) -> None:
        self.profile, self.labels, self.unread = reader.profile, reader.labels, reader.unread
        self.troubles: dict[str, None] = {}
        self.known: dict[tuple[str, Kind], Value] = {}
        self.raw = dict(self.profile.constants)
        for name, column in self.profile.columns.items():
            at = reader.positions.get(name, len(cells))
            text = " ".join(cells[at].split()) if at < len(cells) else ""
            self.raw[name] = "" if text.casefold() in column.blank else text

    def item(self, line: int) -> Item:
        """The row as events, or the reject with all its troubles."""
        self.account = self.name(self.profile.account, "account", needed=True)
        self.currency = self.known_currency()
        events = tuple(self.event(plan) for plan in self.profile.events if self.wants(plan))
        for plan in self.profile.events:
            self.check_unread(plan)
        if not events:
            self.troubles["no event of the profile fits this row; add it to `skip` if it is no data"] = None
        if self.troubles:
            return self.reject(line, events)
        return Row(line=line, account=self.account, currency=self.currency, events=events)

    def reject(self, line: int, events: Sequence[Event]) -> Reject:
        """The reject, with all that is wrong with the row and what could be read of it all the same."""
        invoices = tuple(str(event.get("id", "")) for event in events if event["event"] == "invoice")
        return Reject(
            line=line,
            reason="; ".join(self.troubles),
            account=self.account if self.currency else "",  # another currency may be another account
            currency=self.currency,
            invoices=invoices if all(invoices) else (),
        )

    def known_currency(self) -> str:
        """The row's currency; "" when it is blank or none, and then no amount of the row is read."""
        try:
            return written.currency(str(self.read("currency", Kind.TEXT, needed=True)))
        except Refused as refusal:
            self.troubles[f"{self.label('currency')}: {refusal.reason}"] = None
            return ""

    def wants(self, plan: EventPlan) -> bool:
        return all(condition.holds(self.raw[condition.column]) for condition in plan.only_if)

    def check_unread(self, plan: EventPlan) -> None:
        """Notes what the row says of an event that it does not make, for the want of one cell: nobody would read it."""
        if plan.needs is None or self.raw[plan.needs]:
            return
        for name, kind in self.unread[plan.event]:
            value = self.read(name, kind)
            if value != "" and not (kind is Kind.AMOUNT and _is_zero(str(value))):
                said = f"{self.label(name)} says {shown(self.raw[name])}, but {self.label(plan.needs)} is empty"
                self.troubles[f"{said}, so that no {plan.event} would be made of it"] = None

    def event(self, plan: EventPlan) -> Event:
        """The event that `plan` makes, as far as its values are good."""
        fields = EVENTS[plan.event]
        event: Event = {"event": plan.event, "account": self.account}
        for name, kind in fields.all.items():
            needed = name == "date" or name in fields.required
            if name in plan.fields and (value := self.value(plan, name, kind, needed=needed)) != "":
                event[name] = value
        if fields.positive and _at_most_zero(event.get("amount", "")):
            self.troubles[f"the amount of a {plan.event} must be above zero, not {event['amount']}"] = None
        return self.finished(event, plan)

    def finished(self, event: Event, plan: EventPlan) -> Event:
        """`event` with what follows from other columns: an account's own values, an invoice's currency and dates."""
        if plan.event == "account":
            return event | {"currency": self.currency} | self.attributes(plan) | self.contacts(plan)
        if plan.event == "invoice" and "date" in event:
            issued = str(event.get("issued", event["date"]))
            return event | {"currency": self.currency, "issued": issued} | self.due(plan, issued)
        return event

    def attributes(self, plan: EventPlan) -> Event:
        values = {name: self.read(name, kind) for name, kind in plan.attributes.items()}
        present = {name: value for name, value in values.items() if value != ""}
        return {"attributes": present} if present else {}

    def contacts(self, plan: EventPlan) -> Event:
        filled = ({key: self.filled(text) for key, text in contact.items()} for contact in plan.contacts)
        present = [{key: text for key, text in contact.items() if text} for contact in filled]
        return {"contacts": [contact for contact in present if contact]} if any(present) else {}

    def due(self, plan: EventPlan, issued: str) -> Event:
        """The due date by the terms, for an invoice whose own due date is missing (and not merely wrong)."""
        own, terms = plan.fields.get("due"), self.profile.terms
        if own and self.raw[own.names[0]]:
            return {}
        days = terms.days_for(self.raw[terms.column] if terms.column else "") if terms else None
        if days is None:
            self.troubles["has no due date, and the profile's `terms` do not say when it is due"] = None
            return {}
        return {"due": written.days_after(issued, days)}

    def value(self, plan: EventPlan, field: str, kind: Kind, *, needed: bool) -> Value:
        """What `field` of `plan` says, read as `kind`; "" when it is blank or wrong."""
        template = plan.fields[field]
        if kind is Kind.NAME:
            return self.name(template, f"{plan.event} {field}", needed=needed)
        if kind is Kind.TEXT:
            return self.filled(template, needed=needed)
        return self.read(template.names[0], kind, needed=needed)

    def name(self, template: Template, what: str, *, needed: bool) -> str:
        """The id that `template` gives; "" when it is blank or wrong, as where it is too long or has odd characters."""
        text = self.filled(template, needed=needed)
        if len(text) <= MAX_NAME and text.isprintable():
            return text
        self.troubles[f"{what}: {shown(text)} is no id of up to {MAX_NAME} printable characters"] = None
        return ""

    def filled(self, template: Template, *, needed: bool = False) -> str:
        """The text of `template`; "" when one of its cells is blank or wrong."""
        cells = {name: str(self.read(name, Kind.TEXT, needed=needed)) for name in template.names}
        return template.fill(cells) if all(cells.values()) else ""

    def read(self, name: str, kind: Kind, *, needed: bool = False) -> Value:
        """The cell `name` read as `kind`; "" when it is blank or wrong, with the trouble noted."""
        if not self.raw[name]:
            if needed:
                self.troubles[f"{self.label(name)} is empty"] = None
            return ""
        if (name, kind) not in self.known:
            self.known[name, kind] = self.first_read(name, kind)
        return self.known[name, kind]

    def first_read(self, name: str, kind: Kind) -> Value:
        try:
            return self.typed(name, self.text(name), kind)
        except WrongDateOrder:
            raise
        except Refused as refusal:
            self.troubles[f"{self.label(name)}: {refusal.reason}"] = None
            return ""

    def text(self, name: str) -> str:
        """The cell `name`, cleaned and translated as its column says."""
        text = self.raw[name]
        column = self.profile.columns.get(name)
        if column is None:
            return text
        for clean in column.clean:
            text = clean.apply(text)
        if column.values is None:
            return text
        if (meaning := column.values.get(text.casefold())) is None:
            raise Refused(f"{shown(text)} is not among the `values` of this column")
        return meaning

    def typed(self, name: str, text: str, kind: Kind) -> Value:
        match kind:
            case Kind.DATE:
                return written.date(text, self.profile.dates)
            case Kind.AMOUNT:
                amount = self.currency and written.amount(text, self.currency, self.profile.numbers)
                return self.signed(name, amount)
            case Kind.INT:
                return written.integer(text)
            case Kind.BOOL:
                return written.truth(text)
            case Kind.TEXT if len(text) > MAX_TEXT:
                raise Refused(f"{shown(text)} has {len(text):,} characters, and {MAX_TEXT} are allowed")
        return text

    def signed(self, name: str, amount: str) -> str:
        """`amount` with the sign that its column's rule gives it."""
        column = self.profile.columns.get(name)
        size = amount.removeprefix("-")
        if column is None or (column.sign is SignRule.AS_WRITTEN and column.negative_if is None):
            return amount
        negative = column.sign is SignRule.REVERSED and amount == size
        if column.negative_if:
            negative = column.negative_if.holds(self.raw[column.negative_if.column])
        return f"-{size}" if negative and not _is_zero(size) else size

    def label(self, name: str) -> str:
        """The header of `name` as the file has it."""
        return self.labels.get(name, f"`{name}`")


def _at_most_zero(amount: str) -> bool:
    return amount != "" and (amount.startswith("-") or _is_zero(amount))


def _is_zero(amount: str) -> bool:
    return not amount.strip("-0.")

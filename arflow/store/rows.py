"""The account as rows: one function each way for every table, and the difference between two accounts as rows.

Rows that are written are plain dictionaries by column; parts that are read are tuples, in the order of `PARTS`. Nothing
here talks to the database.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from sqlalchemy import Table

from arflow.accounts.entries import (
    Account,
    Allocation,
    Clearing,
    ClearingKind,
    Contact,
    Dispute,
    EffectStatus,
    Episode,
    Firing,
    Invoice,
    Item,
    Ledger,
    Outgoing,
    Parked,
    Person,
    Promise,
    Recorded,
)
from arflow.evolving import assembled
from arflow.store import tables
from arflow.vocabulary import EffectKind, State

Row = dict[str, Any]
_LONG_AGO = dt.datetime.min.replace(tzinfo=dt.UTC)
_PLAIN = (
    *("id", "currency", "name", "timezone", "country", "language", "segment", "risk_grade", "debtor_kind"),
    *("collector_role", "owner", "credit_limit", "pays_through", "on_hold", "stay", "policy_version"),
    *("last_harsher_day", "wake", "call_open", "effects_decided", "born"),
)

_EFFECT = (
    *("number", "name", "rule", "stay", "overdue_then", "decided_at", "decided_on", "due_at", "sent_at", "sent_on"),
    *("settled_at", "settled_day"),
)


# --- the account's own row -------------------------------------------------------------------------------------------


def account_row(account: Account) -> Row:
    """The row of `account` in the table `account`, without the columns that belong to the journal and to timers."""
    return {name: column(account) for name, column in _COLUMNS.items()} | {"call_queue": account.call_queue}


def changed_columns(old: Account, new: Account) -> Row:
    """The columns of `account_row` that `new` has otherwise than `old`."""
    before, after = old.__dict__, new.__dict__
    changed = {
        name: column(new)
        for name, column in _COLUMNS.items()
        if after[name] is not before[name] and after[name] != before[name]
    }
    return changed if old.call_queue == new.call_queue else changed | {"call_queue": new.call_queue}


_COLUMNS: Mapping[str, Callable[[Account], Any]] = MappingProxyType(
    {name: attrgetter(name) for name in (*_PLAIN, "state")}
    | {
        "attributes": lambda account: dict(account.attributes),
        "tags": lambda account: sorted(account.tags),
        "entered_on": lambda account: None if account.entered_on == dt.date.min else account.entered_on,
        "entered_at": lambda account: _unless_ever(account.entered_at),
        "fired": lambda account: {rule: [one.on.isoformat(), *one.outgoing] for rule, one in account.fired.items()},
        "policy_day": lambda account: None if account.policy_day == dt.date.min else account.policy_day,
        "last_instant": lambda account: _unless_ever(account.last_instant),
        "parked": lambda account: parked_row(account.parked),
    }
)
"""Each column but `call_queue`, and what it holds of an account; it depends on the attribute of its name alone."""


def _unless_ever(at: dt.datetime) -> dt.datetime | None:
    return None if at == _LONG_AGO else at


def parked_row(parked: Parked | None) -> Row | None:
    """What the column `parked` holds."""
    if parked is None:
        return None
    return {"reason": parked.reason, "at": parked.at.isoformat(), "rule": parked.rule, "to": parked.to}


def _parked(row: Row | None) -> Parked | None:
    if row is None:
        return None
    return Parked(reason=row["reason"], at=dt.datetime.fromisoformat(row["at"]), rule=row["rule"], to=row["to"])


def _fired(row: Row) -> dict[str, Firing]:
    return {rule: Firing(on=dt.date.fromisoformat(on), outgoing=tuple(rest)) for rule, (on, *rest) in row.items()}


Read = Sequence[Any]
"""A row as it was read: the account's id, then what PARTS names of its table, in that order."""


class Parts(Struct, frozen=True, kw_only=True):
    """The rows of one account, table by table, in the order of their keys."""

    person: list[Read]
    invoice: list[Read]
    item: list[Read]
    clearing: list[Read]
    allocation: list[Read]
    dispute: list[Read]
    promise: list[Read]
    contact: list[Read]
    episode: list[Read]
    effect: list[Read]


PARTS: Mapping[Table, tuple[str, ...]] = MappingProxyType(
    {
        tables.person: ("name", "email", "phone", "role"),
        tables.invoice: ("id", "issued", "recorded_at", "recorded_place", "written_off"),
        tables.item: ("invoice_id", "due", "amount", "open"),
        tables.clearing: (
            *("kind", "id", "on", "recorded_at", "recorded_place", "amount", "invoice_id", "reversed_on"),
        ),
        tables.allocation: ("kind", "clearing_id", "invoice_id", "item", "amount"),
        tables.dispute: (
            *("id", "invoice_id", "amount", "reason", "on", "recorded_at", "recorded_place", "closed_on", "outcome"),
        ),
        tables.promise: (
            *("id", "amount", "due", "invoices", "on", "recorded_at", "recorded_place", "cancelled_at"),
            "cancelled_place",
        ),
        tables.contact: ("channel", "direction", "outcome", "on", "recorded_at", "recorded_place"),
        tables.episode: ("started_on", "spans"),
        tables.effect: (*_EFFECT, "kind", "status"),
    }
)
"""What is read of each table of an account's parts, in which order."""


def account_of(row: Row, parts: Parts) -> Account:
    """The account that its rows describe."""
    values = {name: row[name] for name in _PLAIN} | {
        "state": State(row["state"]),
        "attributes": row["attributes"],
        "tags": frozenset(row["tags"]),
        "entered_on": row["entered_on"] or dt.date.min,
        "entered_at": row["entered_at"] or _LONG_AGO,
        "fired": _fired(row["fired"]),
        "policy_day": row["policy_day"] or dt.date.min,
        "last_instant": row["last_instant"] or _LONG_AGO,
        "parked": _parked(row["parked"]),
        "people": tuple([_person(read) for read in parts.person]),
        "ledger": _ledger(parts),
        "payer_ledger": None,
        "promises": {read[1]: _promise(read) for read in parts.promise},
        "contacts": tuple([_contact(read) for read in parts.contact]),
        "episodes": tuple([_episode(read) for read in parts.episode]),
        "outgoing": tuple([_outgoing(read) for read in parts.effect]),
    }
    return assembled(Account, values)


def _recorded_row(recorded: Recorded) -> Row:
    return {"recorded_at": recorded[0], "recorded_place": recorded[1]}


# --- the ledger ------------------------------------------------------------------------------------------------------


def _ledger(parts: Parts) -> Ledger:
    items, allocations = dict[str, list[Item]](), dict[tuple[str, str], list[Allocation]]()
    for _, invoice, due, amount, left in parts.item:
        items.setdefault(invoice, []).append(Item(due=due, amount=amount, open=left))
    for _, kind, clearing, invoice, place, amount in parts.allocation:
        allocations.setdefault((kind, clearing), []).append(Allocation(invoice=invoice, item=place, amount=amount))
    clearings = [_clearing(read, allocations.get((read[1], read[2]), [])) for read in parts.clearing]
    values = {
        "invoices": {read[1]: _invoice(read, items.get(read[1], [])) for read in parts.invoice},
        "clearings": {(clearing.kind, clearing.id): clearing for clearing in clearings},
        "disputes": {read[1]: _dispute(read) for read in parts.dispute},
    }
    return assembled(Ledger, values)


def _invoice(read: Read, items: list[Item]) -> Invoice:
    _, key, issued, recorded_at, recorded_place, written_off = read
    recorded = (recorded_at, recorded_place)
    return Invoice(id=key, issued=issued, recorded=recorded, items=tuple(items), written_off=written_off)


def _invoice_rows(invoice: Invoice) -> Iterator[tuple[Table, Row]]:
    row = {"id": invoice.id, "issued": invoice.issued, "written_off": invoice.written_off}
    yield tables.invoice, row | _recorded_row(invoice.recorded)
    for number, item in enumerate(invoice.items):
        key = {"invoice_id": invoice.id, "number": number}
        yield tables.item, key | {"due": item.due, "amount": item.amount, "open": item.open}


def _clearing(read: Read, allocations: list[Allocation]) -> Clearing:
    _, kind, key, on, recorded_at, recorded_place, amount, invoice, reversed_on = read
    return Clearing(
        kind=ClearingKind(kind),
        id=key,
        on=on,
        recorded=(recorded_at, recorded_place),
        amount=amount,
        invoice=invoice,
        allocations=tuple(allocations),
        reversed_on=reversed_on,
    )


def _clearing_rows(clearing: Clearing) -> Iterator[tuple[Table, Row]]:
    yield (
        tables.clearing,
        {
            "kind": clearing.kind,
            "id": clearing.id,
            "on": clearing.on,
            "amount": clearing.amount,
            "invoice_id": clearing.invoice,
            "reversed_on": clearing.reversed_on,
        }
        | _recorded_row(clearing.recorded),
    )
    for position, part in enumerate(clearing.allocations):
        key = {"kind": clearing.kind, "clearing_id": clearing.id, "position": position}
        yield tables.allocation, key | {"invoice_id": part.invoice, "item": part.item, "amount": part.amount}


def _dispute(read: Read) -> Dispute:
    _, key, invoice, amount, reason, on, recorded_at, recorded_place, closed_on, outcome = read
    return Dispute(
        id=key,
        invoice=invoice,
        amount=amount,
        reason=reason,
        on=on,
        recorded=(recorded_at, recorded_place),
        closed_on=closed_on,
        outcome=outcome,
    )


def _dispute_rows(dispute: Dispute) -> Iterator[tuple[Table, Row]]:
    names = ("id", "amount", "reason", "on", "closed_on", "outcome")
    row = {name: getattr(dispute, name) for name in names} | {"invoice_id": dispute.invoice}
    yield tables.dispute, row | _recorded_row(dispute.recorded)


# --- what people recorded, and what was put out ----------------------------------------------------------------------


def _promise(read: Read) -> Promise:
    _, key, amount, due, invoices, on, recorded_at, recorded_place, cancelled_at, cancelled_place = read
    return Promise(
        id=key,
        amount=amount,
        due=due,
        invoices=tuple(invoices),
        on=on,
        recorded=(recorded_at, recorded_place),
        cancelled=(cancelled_at, cancelled_place) if cancelled_at else None,
    )


def _promise_rows(promise: Promise) -> Iterator[tuple[Table, Row]]:
    at, place = promise.cancelled or (None, None)
    row = {name: getattr(promise, name) for name in ("id", "amount", "due", "on")}
    row |= {"invoices": list(promise.invoices), "cancelled_at": at, "cancelled_place": place}
    yield tables.promise, row | _recorded_row(promise.recorded)


def _contact(read: Read) -> Contact:
    _, channel, direction, outcome, on, recorded_at, recorded_place = read
    recorded = (recorded_at, recorded_place)
    return Contact(channel=channel, direction=direction, outcome=outcome, on=on, recorded=recorded)


def _contact_rows(position: int, contact: Contact) -> Iterator[tuple[Table, Row]]:
    names = ("channel", "direction", "outcome", "on")
    row = {"position": position} | {name: getattr(contact, name) for name in names}
    yield tables.contact, row | _recorded_row(contact.recorded)


def _episode(read: Read) -> Episode:
    _, started_on, written = read
    spans = tuple([(_instant(start), _instant(end) if end else None) for start, end in written])
    return Episode(started_on=started_on, spans=spans)


def _instant(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def _episode_rows(position: int, episode: Episode) -> Iterator[tuple[Table, Row]]:
    spans = [[start.isoformat(), end.isoformat() if end else None] for start, end in episode.spans]
    yield tables.episode, {"position": position, "started_on": episode.started_on, "spans": spans}


def _outgoing(read: Read) -> Outgoing:
    _, number, name, rule, stay, overdue_then, decided_at, decided_on, due_at, sent_at, sent_on, *settled = read
    settled_at, settled_day, kind, status = settled
    return Outgoing(
        number=number,
        kind=EffectKind(kind),
        name=name,
        rule=rule,
        stay=stay,
        overdue_then=overdue_then,
        decided_at=decided_at,
        decided_on=decided_on,
        due_at=due_at,
        status=EffectStatus(status),
        sent_at=sent_at,
        sent_on=sent_on,
        settled_at=settled_at,
        settled_day=settled_day,
    )


def _person(read: Read) -> Person:
    _, name, email, phone, role = read
    return Person(name=name, email=email, phone=phone, role=role)


def _outgoing_rows(_: int, outgoing: Outgoing) -> Iterator[tuple[Table, Row]]:
    plain = {name: getattr(outgoing, name) for name in _EFFECT}
    yield tables.effect, plain | {"kind": outgoing.kind, "status": outgoing.status}


def _person_rows(position: int, person: Person) -> Iterator[tuple[Table, Row]]:
    row = {name: getattr(person, name) for name in ("name", "email", "phone", "role")}
    yield tables.person, {"position": position} | row


# --- differences -----------------------------------------------------------------------------------------------------


Difference = tuple[Table, Row, bool]
"""A row, and whether it is one of a new entry, so that no row has its key yet."""


def changed_rows(old: Account, new: Account) -> Iterator[Difference]:
    """The rows of `new` that `old` does not have or has otherwise, table by table, without the account's own row."""
    for table, row, is_new in _changes(old, new):
        yield table, {"account_id": new.id} | row, is_new


def _changes(old: Account, new: Account) -> Iterator[Difference]:
    yield from _of_mapping(old.ledger.invoices, new.ledger.invoices, _invoice_rows)
    yield from _of_mapping(old.ledger.clearings, new.ledger.clearings, _clearing_rows)
    yield from _of_mapping(old.ledger.disputes, new.ledger.disputes, _dispute_rows)
    yield from _of_mapping(old.promises, new.promises, _promise_rows)
    yield from _of_sequence(old.contacts, new.contacts, _contact_rows)
    yield from _of_sequence(old.episodes, new.episodes, _episode_rows)
    yield from _of_sequence(old.outgoing, new.outgoing, _outgoing_rows)
    yield from _of_sequence(old.people, new.people, _person_rows)


def _of_mapping(
    old: Mapping[Any, Any], new: Mapping[Any, Any], rows: Callable[[Any], Iterator[tuple[Table, Row]]]
) -> Iterator[Difference]:
    if new is old:
        return
    for key, entry in new.items():
        before = old.get(key)
        if entry is not before and entry != before:
            for table, row in rows(entry):
                yield table, row, before is None


def _of_sequence(
    old: tuple[Any, ...], new: tuple[Any, ...], rows: Callable[[int, Any], Iterator[tuple[Table, Row]]]
) -> Iterator[Difference]:
    if new is old:
        return
    for at, entry in enumerate(new):
        if at >= len(old) or (entry is not old[at] and entry != old[at]):
            for table, row in rows(at, entry):
                yield table, row, at >= len(old)


def gone(old: Account, new: Account) -> Iterator[tuple[Table, int]]:
    """Tables whose rows beyond a number of positions are no longer there: (table, first position gone)."""
    pairs = ((tables.person, old.people, new.people), (tables.contact, old.contacts, new.contacts))
    for table, before, after in (*pairs, (tables.episode, old.episodes, new.episodes)):
        if len(after) < len(before):
            yield table, len(after)

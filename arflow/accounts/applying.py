"""What each event does to an account: an account and an event in, the new account out (contract, section 5).

Nothing is decided here. An event that contradicts what is recorded is Refused with its reason; the caller knows where
the event stood.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from arflow import money
from arflow.accounts.entries import (
    Account,
    Allocation,
    Clearing,
    ClearingKind,
    Contact,
    Dispute,
    Invoice,
    Item,
    OpenItem,
    Person,
    Promise,
    Recorded,
)
from arflow.accounts.events import Event
from arflow.errors import Refused, did_you_mean

Key = TypeVar("Key")
Value = TypeVar("Value")

_PAYMENT, _CREDIT = ClearingKind.PAYMENT, ClearingKind.CREDIT
_WRITE_OFF, _NOTE = ClearingKind.WRITE_OFF, ClearingKind.CREDIT_NOTE
_TEXTS = ("name", "timezone", "country", "language", "segment", "risk_grade", "debtor_kind", "collector_role", "owner")


def apply(account: Account, event: Event, recorded: Recorded) -> Account:
    """`account` after `event`. Raises Refused when the event contradicts what is recorded."""
    return _APPLY[event.kind](account, event, recorded)


def _amount(account: Account, event: Event, name: str = "amount") -> int:
    amount = money.parse(event.data[name], account.currency)
    if amount <= 0 and event.kind != "invoice":
        raise Refused(f"`{name}` of {_called(event)} must be above zero")
    return amount


def _optional_amount(account: Account, event: Event, name: str = "amount") -> int | None:
    return None if event.data.get(name) is None else _amount(account, event, name)


def _called(event: Event) -> str:
    return f"{event.kind.replace('_', ' ')} `{event.id}`" if event.id else event.kind.replace("_", " ")


def _new(known: "Mapping[Key, Value]", key: "Key", value: "Value") -> "dict[Key, Value]":
    return {**known, key: value}


def _with_ledger(account: Account, **changes: Any) -> Account:  # noqa: ANN401  # dataclasses.replace takes any field
    return replace(account, ledger=replace(account.ledger, **changes))


# --- the account itself -----------------------------------------------------------------------------------------------


def _account(account: Account, event: Event, _: Recorded) -> Account:
    changes: dict[str, Any] = {name: event.text(name) for name in _TEXTS if name in event.data}
    if "credit_limit" in event.data:
        changes["credit_limit"] = _credit_limit(account, event)
    if "pays_through" in event.data:
        changes["pays_through"] = event.text("pays_through") or None
    if "contacts" in event.data:
        changes["people"] = tuple(Person(**fields) for fields in _list_of(event, "contacts"))
    if "tags" in event.data:
        changes["tags"] = frozenset(_list_of(event, "tags"))
    if "attributes" in event.data:
        changes["attributes"] = {**account.attributes, **dict(event.data["attributes"])}  # type: ignore[call-overload]
    return replace(account, **changes)


def _list_of(event: Event, name: str) -> tuple[Any, ...]:
    value = event.data[name]
    return value if isinstance(value, tuple) else ()


def _credit_limit(account: Account, event: Event) -> int | None:
    if event.data["credit_limit"] is None:
        return None
    limit = money.parse(event.data["credit_limit"], account.currency)
    if limit < 0:
        raise Refused("`credit_limit` is below zero")
    return limit


def _hold(account: Account, event: Event, _: Recorded) -> Account:
    return replace(account, on_hold=event.kind == "hold")


def _tag(account: Account, event: Event, _: Recorded) -> Account:
    tag = {event.text("tag")}
    return replace(account, tags=account.tags | tag if event.kind == "tag" else account.tags - tag)


def _contact(account: Account, event: Event, recorded: Recorded) -> Account:
    contact = Contact(
        channel=event.text("channel"),
        direction=event.text("direction") or "out",
        outcome=event.text("outcome") or None,
        on=event.on,
        recorded=recorded,
    )
    is_call = contact.channel == "call"
    return replace(account, contacts=(*account.contacts, contact), call_open=account.call_open and not is_call)


def _unchanged(account: Account, _: Event, __: Recorded) -> Account:
    """A forced move and a policy change nothing in the books; the pass deals with them."""
    return account


# --- invoices and what stands against them ----------------------------------------------------------------------------


def _invoice(account: Account, event: Event, recorded: Recorded) -> Account:
    currency = event.data.get("currency", account.currency)
    if currency != account.currency:
        raise Refused(
            f"{_called(event)} is in {currency}, but account `{account.id}` is in {account.currency}; "
            "it belongs to another account of the same customer"
        )
    total = _amount(account, event)
    if total < 0:
        return _credit_note(account, event, recorded, -total)
    issued = event.day("issued") if "issued" in event.data else event.on
    invoice = Invoice(id=str(event.id), issued=issued, recorded=recorded, items=_items(account, event, total))
    return _with_ledger(account, invoices=_new(account.ledger.invoices, invoice.id, invoice))


def _items(account: Account, event: Event, total: int) -> tuple[Item, ...]:
    if "instalments" not in event.data:
        return (Item(due=event.day("due"), amount=total, open=total),)
    parts = [(part["due"], money.parse(part["amount"], account.currency)) for part in _list_of(event, "instalments")]
    if any(amount <= 0 for _, amount in parts):
        raise Refused(f"an instalment of {_called(event)} is not above zero")
    if sum(amount for _, amount in parts) != total:
        raise Refused(f"the instalments of {_called(event)} do not add up to {money.show(total, account.currency)}")
    return tuple(Item(due=due, amount=amount, open=amount) for due, amount in sorted(parts))


def _credit_note(account: Account, event: Event, recorded: Recorded, amount: int) -> Account:
    if "instalments" in event.data:
        raise Refused(f"{_called(event)} is negative and cannot have instalments")
    note = _clearing(event, recorded, _NOTE, str(event.id), amount)
    return _cleared(account, note, account.ledger.open_items)


def _clearing(event: Event, recorded: Recorded, kind: ClearingKind, key: str, amount: int) -> Clearing:
    invoice = event.text("invoice") or None
    return Clearing(kind=kind, id=key, on=event.on, recorded=recorded, amount=amount, invoice=invoice)


def _cleared(account: Account, clearing: Clearing, items: Iterable[OpenItem]) -> Account:
    """`account` with `clearing` allocated to `items` in their order, as far as it reaches."""
    allocations = tuple(_allocated(clearing.amount, items))
    done = replace(clearing, allocations=allocations)
    clearings = _new(account.ledger.clearings, (done.kind, done.id), done)
    return _with_ledger(account, clearings=clearings, invoices=_moved(account.ledger.invoices, allocations, -1))


def _allocated(amount: int, items: Iterable[OpenItem]) -> Iterable[Allocation]:
    for item in items:
        part = min(amount, item.open)
        if part:
            yield Allocation(invoice=item.invoice, item=item.item, amount=part)
        amount -= part


def _moved(invoices: Mapping[str, Invoice], allocations: Iterable[Allocation], sign: int) -> Mapping[str, Invoice]:
    """`invoices` with each allocation taken off what is open (sign -1) or given back (sign 1)."""
    changed = dict(invoices)
    for part in allocations:
        invoice = changed[part.invoice]
        items = list(invoice.items)
        items[part.item] = replace(items[part.item], open=items[part.item].open + sign * part.amount)
        changed[part.invoice] = replace(invoice, items=tuple(items))
    return changed


def _known_invoice(account: Account, key: str, event: Event) -> Invoice:
    invoice = account.ledger.invoices.get(key)
    if invoice is None:
        raise Refused(
            f"{_called(event)} names invoice `{key}`, which account `{account.id}` does not have on {event.on}"
            f"{did_you_mean(key, account.ledger.invoices)}"
        )
    return invoice


def _items_of(account: Account, invoice: str) -> tuple[OpenItem, ...]:
    return tuple(item for item in account.ledger.open_items if item.invoice == invoice)


def _payment(account: Account, event: Event, recorded: Recorded) -> Account:
    currency = event.data.get("currency", account.currency)
    if currency != account.currency:
        raise Refused(f"{_called(event)} is in {currency}, but account `{account.id}` is in {account.currency}")
    named = event.text("invoice")
    items = account.ledger.open_items
    if named:
        items = _items_of(account, _known_invoice(account, named, event).id)
    payment = _clearing(event, recorded, _PAYMENT, str(event.id), _amount(account, event))
    return _cleared(account, payment, items)


def _payment_reversed(account: Account, event: Event, _: Recorded) -> Account:
    payment = account.ledger.clearings.get((_PAYMENT, event.text("payment")))
    if payment is None:
        raise Refused(f"payment `{event.text('payment')}`, which is to be reversed, is unknown on {event.on}")
    if payment.reversed_on is not None:
        raise Refused(f"payment `{payment.id}` is reversed already, on {payment.reversed_on}")
    return _given_back(account, payment, event.on)


def _given_back(account: Account, clearing: Clearing, on: dt.date) -> Account:
    clearings = _new(account.ledger.clearings, (clearing.kind, clearing.id), replace(clearing, reversed_on=on))
    invoices = _moved(account.ledger.invoices, clearing.allocations, 1)
    return _with_ledger(account, clearings=clearings, invoices=invoices)


def _credit(account: Account, event: Event, recorded: Recorded) -> Account:
    invoice = _known_invoice(account, event.text("invoice"), event)
    amount = _optional_amount(account, event)
    credit = _clearing(event, recorded, _CREDIT, str(event.id), invoice.open if amount is None else amount)
    return _cleared(account, credit, _items_of(account, invoice.id))


def _write_off(account: Account, event: Event, recorded: Recorded) -> Account:
    invoice = _known_invoice(account, event.text("invoice"), event)
    if invoice.written_off:
        raise Refused(f"invoice `{invoice.id}` is written off already")
    count = sum(kind is _WRITE_OFF and c.invoice == invoice.id for (kind, _), c in account.ledger.clearings.items())
    off = _clearing(event, recorded, _WRITE_OFF, f"{invoice.id}#{count + 1}", invoice.open)
    done = _cleared(account, off, _items_of(account, invoice.id))
    return _marked(done, invoice.id, written_off=True)


def _marked(account: Account, invoice: str, *, written_off: bool) -> Account:
    marked = replace(account.ledger.invoices[invoice], written_off=written_off)
    return _with_ledger(account, invoices=_new(account.ledger.invoices, invoice, marked))


def _write_off_reversed(account: Account, event: Event, _: Recorded) -> Account:
    invoice = _known_invoice(account, event.text("invoice"), event)
    offs = [c for c in account.ledger.clearings.values() if c.kind is _WRITE_OFF and c.invoice == invoice.id]
    if not invoice.written_off:
        raise Refused(f"invoice `{invoice.id}` is not written off on {event.on}")
    return _marked(_given_back(account, offs[-1], event.on), invoice.id, written_off=False)


# --- what the customer says -------------------------------------------------------------------------------------------


def _promise(account: Account, event: Event, recorded: Recorded) -> Account:
    due = event.day("due")
    if due < event.on:
        raise Refused(f"{_called(event)} is due on {due}, before the day it was made")
    invoices = _list_of(event, "invoices") if event.data.get("invoices") else ()
    for key in invoices:
        _promised_invoice(account, key, event)
    promise = Promise(
        id=str(event.id), amount=_amount(account, event), due=due, invoices=invoices, on=event.on, recorded=recorded
    )
    return replace(account, promises=_new(account.promises, promise.id, promise))


def _promised_invoice(account: Account, key: str, event: Event) -> None:
    if account.pays_through and account.payer_ledger is None:
        return  # its payer's books are not at hand here
    if key not in account.book.invoices:
        _known_invoice(account, key, event)


def _promise_cancelled(account: Account, event: Event, recorded: Recorded) -> Account:
    promise = account.promises.get(str(event.id))
    if promise is None:
        raise Refused(f"promise `{event.id}`, which is to be cancelled, is unknown on {event.on}")
    if promise.cancelled is not None:
        raise Refused(f"promise `{event.id}` is cancelled already")
    return replace(account, promises=_new(account.promises, promise.id, replace(promise, cancelled=recorded)))


def _dispute(account: Account, event: Event, recorded: Recorded) -> Account:
    invoice = _known_invoice(account, event.text("invoice"), event)
    dispute = Dispute(
        id=str(event.id),
        invoice=invoice.id,
        amount=_optional_amount(account, event),
        reason=event.text("reason"),
        on=event.on,
        recorded=recorded,
    )
    return _with_ledger(account, disputes=_new(account.ledger.disputes, dispute.id, dispute))


def _dispute_closed(account: Account, event: Event, recorded: Recorded) -> Account:
    dispute = account.ledger.disputes.get(str(event.id))
    if dispute is None:
        raise Refused(f"dispute `{event.id}`, which is to be closed, is unknown on {event.on}")
    if dispute.closed_on is not None:
        raise Refused(f"dispute `{event.id}` is closed already, on {dispute.closed_on}")
    closed = replace(dispute, closed_on=event.on, outcome=event.text("outcome"))
    account = _with_ledger(account, disputes=_new(account.ledger.disputes, dispute.id, closed))
    amount = _settlement(account, event, dispute)
    if not amount:
        return account
    credit = replace(_clearing(event, recorded, _CREDIT, f"dispute {dispute.id}", amount), invoice=dispute.invoice)
    return _cleared(account, credit, _items_of(account, dispute.invoice))


def _settlement(account: Account, event: Event, dispute: Dispute) -> int:
    """What the closing of a dispute credits, in minor units."""
    credit = _optional_amount(account, event, "credit")
    outcome = event.text("outcome")
    if (outcome == "partly_upheld") is (credit is None):
        raise Refused(f"{_called(event)}: `credit` is given for `partly_upheld`, and only for it")
    if outcome != "upheld":
        return credit or 0
    still_open = account.ledger.invoices[dispute.invoice].open
    return still_open if dispute.amount is None else min(dispute.amount, still_open)


_APPLY: Mapping[str, Callable[[Account, Event, Recorded], Account]] = MappingProxyType(
    {
        "account": _account,
        "invoice": _invoice,
        "payment": _payment,
        "payment_reversed": _payment_reversed,
        "credit": _credit,
        "write_off": _write_off,
        "write_off_reversed": _write_off_reversed,
        "promise": _promise,
        "promise_cancelled": _promise_cancelled,
        "dispute": _dispute,
        "dispute_closed": _dispute_closed,
        "contact": _contact,
        "hold": _hold,
        "hold_released": _hold,
        "tag": _tag,
        "untag": _tag,
        "forced": _unchanged,
    }
)

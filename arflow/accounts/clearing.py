"""Invoices and what stands against them: what each event of money does to an account (contract, section 5)."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from msgspec.structs import replace

from arflow import money
from arflow.accounts.entries import (
    Account,
    Allocation,
    Clearing,
    ClearingKind,
    Invoice,
    Item,
    OpenItem,
    Recorded,
)
from arflow.accounts.events import Event
from arflow.errors import Refused, did_you_mean
from arflow.evolving import evolve

Key = TypeVar("Key")
Value = TypeVar("Value")

SETTLEMENT = "dispute "
"""What the id of the credit of a closed dispute begins with; the dispute's own id follows."""

_PAYMENT, _CREDIT = ClearingKind.PAYMENT, ClearingKind.CREDIT
_WRITE_OFF, _NOTE = ClearingKind.WRITE_OFF, ClearingKind.CREDIT_NOTE


def apply_invoice(account: Account, event: Event, recorded: Recorded) -> Account:
    """Book an invoice; a negative one is money."""
    currency = event.data.get("currency", account.currency)
    if currency != account.currency:
        raise Refused(
            f"{called(event)} is in {currency}, but account `{account.id}` is in {account.currency}; "
            "it belongs to another account of the same customer"
        )
    total = amount_of(account, event)
    if total < 0:
        return _credit_note(account, event, recorded, -total)
    issued = event.day("issued") if "issued" in event.data else event.on
    invoice = Invoice(id=str(event.id), issued=issued, recorded=recorded, items=_items(account, event, total))
    return with_ledger(account, invoices=with_new(account.ledger.invoices, invoice.id, invoice))


def _items(account: Account, event: Event, total: int) -> tuple[Item, ...]:
    if "instalments" not in event.data:
        return (Item(due=event.day("due"), amount=total, open=total),)
    parts = [(part["due"], money.parse(part["amount"], account.currency)) for part in list_of(event, "instalments")]
    if any(amount <= 0 for _, amount in parts):
        raise Refused(f"an instalment of {called(event)} is not above zero")
    if sum(amount for _, amount in parts) != total:
        raise Refused(f"the instalments of {called(event)} do not add up to {money.show(total, account.currency)}")
    return tuple(Item(due=due, amount=amount, open=amount) for due, amount in sorted(parts))


def _credit_note(account: Account, event: Event, recorded: Recorded, amount: int) -> Account:
    if "instalments" in event.data:
        raise Refused(f"{called(event)} is negative and cannot have instalments")
    note = clearing_of(event, recorded, _NOTE, str(event.id), amount)
    return cleared(account, note, account.ledger.open_items)


def clearing_of(event: Event, recorded: Recorded, kind: ClearingKind, key: str, amount: int) -> Clearing:
    """The money or credit that `event` brings, not yet allocated."""
    invoice = event.text("invoice") or None
    return Clearing(kind=kind, id=key, on=event.on, recorded=recorded, amount=amount, invoice=invoice)


def cleared(account: Account, clearing: Clearing, items: Iterable[OpenItem]) -> Account:
    """`account` with `clearing` allocated to `items` in their order, as far as it reaches."""
    allocations = tuple(_allocated(clearing.amount, items))
    done = replace(clearing, allocations=allocations)
    clearings = with_new(account.ledger.clearings, (done.kind, done.id), done)
    return with_ledger(account, clearings=clearings, invoices=_moved(account.ledger.invoices, allocations, -1))


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


def known_invoice(account: Account, key: str, event: Event) -> Invoice:
    """The invoice `key` of the account. Raises Refused when it has none of that id."""
    invoice = account.ledger.invoices.get(key)
    if invoice is None:
        raise Refused(
            f"{called(event)} names invoice `{key}`, which account `{account.id}` does not have on {event.on}"
            f"{did_you_mean(key, account.ledger.invoices)}"
        )
    return invoice


def items_of(account: Account, invoice: str) -> tuple[OpenItem, ...]:
    """What is open of one invoice, by due date; without a look at all others, of which there may be thousands."""
    items = enumerate(account.ledger.invoices[invoice].items)
    return tuple(OpenItem(due=item.due, invoice=invoice, item=at, open=item.open) for at, item in items if item.open)


def apply_payment(account: Account, event: Event, recorded: Recorded) -> Account:
    """Book a payment against its invoice, or against the oldest debt."""
    currency = event.data.get("currency", account.currency)
    if currency != account.currency:
        raise Refused(f"{called(event)} is in {currency}, but account `{account.id}` is in {account.currency}")
    named = event.text("invoice")
    items = items_of(account, known_invoice(account, named, event).id) if named else account.ledger.open_items
    payment = clearing_of(event, recorded, _PAYMENT, str(event.id), amount_of(account, event))
    return cleared(account, payment, items)


def apply_payment_reversed(account: Account, event: Event, _: Recorded) -> Account:
    """Take a payment back, and with it its own allocations."""
    payment = account.ledger.clearings.get((_PAYMENT, event.text("payment")))
    if payment is None:
        raise Refused(f"payment `{event.text('payment')}`, which is to be reversed, is unknown on {event.on}")
    if payment.reversed_on is not None:
        raise Refused(f"payment `{payment.id}` is reversed already, on {payment.reversed_on}")
    return _given_back(account, payment, event.on)


def _given_back(account: Account, clearing: Clearing, on: dt.date) -> Account:
    clearings = with_new(account.ledger.clearings, (clearing.kind, clearing.id), replace(clearing, reversed_on=on))
    invoices = _moved(account.ledger.invoices, clearing.allocations, 1)
    return with_ledger(account, clearings=clearings, invoices=invoices)


def check_name(event: Event) -> None:
    """Raise Refused for a new credit that is called as one of a dispute; earlier releases took it, and it stands."""
    if event.kind == "credit" and str(event.id).startswith(SETTLEMENT):
        raise Refused(
            f"{called(event)} cannot be called so: `{SETTLEMENT}...` is what the credit of an upheld dispute is called"
        )


def apply_credit(account: Account, event: Event, recorded: Recorded) -> Account:
    """Book a credit against its invoice; without an amount, all that is open."""
    invoice = known_invoice(account, event.text("invoice"), event)
    amount = optional_amount(account, event)
    credit = clearing_of(event, recorded, _CREDIT, str(event.id), invoice.open if amount is None else amount)
    return cleared(account, credit, items_of(account, invoice.id))


def apply_write_off(account: Account, event: Event, recorded: Recorded) -> Account:
    """Write off what is open of an invoice, also what was open again after an earlier write-off."""
    invoice = known_invoice(account, event.text("invoice"), event)
    if invoice.written_off and not invoice.open:
        raise Refused(f"invoice `{invoice.id}` is written off already")
    count = sum(kind is _WRITE_OFF and c.invoice == invoice.id for (kind, _), c in account.ledger.clearings.items())
    off = clearing_of(event, recorded, _WRITE_OFF, f"{invoice.id}#{count + 1}", invoice.open)
    done = cleared(account, off, items_of(account, invoice.id))
    return _marked(done, invoice.id, written_off=True)


def _marked(account: Account, invoice: str, *, written_off: bool) -> Account:
    marked = replace(account.ledger.invoices[invoice], written_off=written_off)
    return with_ledger(account, invoices=with_new(account.ledger.invoices, invoice, marked))


def apply_write_off_reversed(account: Account, event: Event, _: Recorded) -> Account:
    """Bring back what was written off, each time that it was."""
    invoice = known_invoice(account, event.text("invoice"), event)
    if not invoice.written_off:
        raise Refused(f"invoice `{invoice.id}` is not written off on {event.on}")
    for off in account.ledger.clearings.values():
        if off.kind is _WRITE_OFF and off.invoice == invoice.id and off.reversed_on is None:
            account = _given_back(account, off, event.on)
    return _marked(account, invoice.id, written_off=False)


# --- reading and replacing --------------------------------------------------------------------------------------------


def amount_of(account: Account, event: Event, name: str = "amount") -> int:
    """The amount in a field of `event`, in minor units; only an invoice may be negative. Raises Refused."""
    amount = money.parse(event.data[name], account.currency)
    if amount <= 0 and event.kind != "invoice":
        raise Refused(f"`{name}` of {called(event)} must be above zero")
    return amount


def optional_amount(account: Account, event: Event, name: str = "amount") -> int | None:
    """The amount in a field that may be left out."""
    return None if event.data.get(name) is None else amount_of(account, event, name)


def called(event: Event) -> str:
    """How a refusal calls `event`."""
    return f"{event.kind.replace('_', ' ')} `{event.id}`" if event.id else event.kind.replace("_", " ")


def with_new(known: "Mapping[Key, Value]", key: "Key", value: "Value") -> "dict[Key, Value]":
    """`known` with one entry more, or another one in its place."""
    return {**known, key: value}


def with_ledger(account: Account, **changes: Any) -> Account:  # noqa: ANN401  # dataclasses.replace takes any field
    """`account` with fields of its ledger replaced."""
    return evolve(account, ledger=evolve(account.ledger, **changes))


def mapping_of(event: Event, name: str) -> Mapping[str, Any]:
    """The names and values of an object in `event`."""
    value = event.data[name]
    return value if isinstance(value, Mapping) else {}


def list_of(event: Event, name: str) -> tuple[Any, ...]:
    """The entries of a list in `event`."""
    value = event.data[name]
    return value if isinstance(value, tuple) else ()

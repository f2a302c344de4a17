"""What each event does to an account: an account and an event in, the new account out (contract, section 5).

Nothing is decided here. An event that contradicts what is recorded is Refused with its reason; the caller knows where
the event stood.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from arflow import money
from arflow.accounts.clearing import (
    SETTLEMENT,
    amount_of,
    apply_credit,
    apply_invoice,
    apply_payment,
    apply_payment_reversed,
    apply_write_off,
    apply_write_off_reversed,
    called,
    cleared,
    clearing_of,
    items_of,
    known_invoice,
    list_of,
    mapping_of,
    optional_amount,
    with_ledger,
    with_new,
)
from arflow.accounts.entries import Account, ClearingKind, Contact, Dispute, Person, Promise, Recorded
from arflow.accounts.events import Event
from arflow.errors import Refused
from arflow.evolving import evolve

_TEXTS = ("name", "timezone", "country", "language", "segment", "risk_grade", "debtor_kind", "collector_role", "owner")


def apply(account: Account, event: Event, recorded: Recorded) -> Account:
    """`account` after `event`. Raises Refused when the event contradicts what is recorded."""
    return _APPLY[event.kind](account, event, recorded)


# --- the account itself -----------------------------------------------------------------------------------------------


def _account(account: Account, event: Event, _: Recorded) -> Account:
    changes: dict[str, Any] = {name: event.text(name) for name in _TEXTS if name in event.data}
    if "credit_limit" in event.data:
        changes["credit_limit"] = _credit_limit(account, event)
    if "pays_through" in event.data:
        changes["pays_through"] = event.text("pays_through") or None
    if "contacts" in event.data:
        changes["people"] = tuple(Person(**fields) for fields in list_of(event, "contacts"))
    if "tags" in event.data:
        changes["tags"] = frozenset(list_of(event, "tags"))
    if "attributes" in event.data:
        changes["attributes"] = {**account.attributes, **mapping_of(event, "attributes")}
    return evolve(account, **changes)


def _credit_limit(account: Account, event: Event) -> int | None:
    if event.data["credit_limit"] is None:
        return None
    limit = money.parse(event.data["credit_limit"], account.currency)
    if limit < 0:
        raise Refused("`credit_limit` is below zero")
    return limit


def _hold(account: Account, event: Event, _: Recorded) -> Account:
    return evolve(account, on_hold=event.kind == "hold")


def _tag(account: Account, event: Event, _: Recorded) -> Account:
    tag = {event.text("tag")}
    return evolve(account, tags=account.tags | tag if event.kind == "tag" else account.tags - tag)


def _contact(account: Account, event: Event, recorded: Recorded) -> Account:
    contact = Contact(
        channel=event.text("channel"),
        direction=event.text("direction") or "out",
        outcome=event.text("outcome") or None,
        on=event.on,
        recorded=recorded,
    )
    is_call = contact.channel == "call"
    return evolve(account, contacts=(*account.contacts, contact), call_open=account.call_open and not is_call)


def _unchanged(account: Account, _: Event, __: Recorded) -> Account:
    """A forced move and a policy change nothing in the books; the pass deals with them."""
    return account


# --- what the customer says -------------------------------------------------------------------------------------------


def _promise(account: Account, event: Event, recorded: Recorded) -> Account:
    due = event.day("due")
    if due < event.on:
        raise Refused(f"{called(event)} is due on {due}, before the day it was made")
    invoices = list_of(event, "invoices") if event.data.get("invoices") else ()
    for key in invoices:
        _promised_invoice(account, key, event)
    promise = Promise(
        id=str(event.id), amount=amount_of(account, event), due=due, invoices=invoices, on=event.on, recorded=recorded
    )
    return evolve(account, promises=with_new(account.promises, promise.id, promise))


def _promised_invoice(account: Account, key: str, event: Event) -> None:
    if account.pays_through and account.payer_ledger is None:
        return  # its payer's books are not at hand here
    if key not in account.book.invoices:
        known_invoice(account, key, event)


def _promise_cancelled(account: Account, event: Event, recorded: Recorded) -> Account:
    promise = account.promises.get(str(event.id))
    if promise is None:
        raise Refused(f"promise `{event.id}`, which is to be cancelled, is unknown on {event.on}")
    if promise.cancelled is not None:
        raise Refused(f"promise `{event.id}` is cancelled already")
    return evolve(account, promises=with_new(account.promises, promise.id, replace(promise, cancelled=recorded)))


def _dispute(account: Account, event: Event, recorded: Recorded) -> Account:
    invoice = known_invoice(account, event.text("invoice"), event)
    dispute = Dispute(
        id=str(event.id),
        invoice=invoice.id,
        amount=optional_amount(account, event),
        reason=event.text("reason"),
        on=event.on,
        recorded=recorded,
    )
    return with_ledger(account, disputes=with_new(account.ledger.disputes, dispute.id, dispute))


def _dispute_closed(account: Account, event: Event, recorded: Recorded) -> Account:
    dispute = account.ledger.disputes.get(str(event.id))
    if dispute is None:
        raise Refused(f"dispute `{event.id}`, which is to be closed, is unknown on {event.on}")
    if dispute.closed_on is not None:
        raise Refused(f"dispute `{event.id}` is closed already, on {dispute.closed_on}")
    closed = replace(dispute, closed_on=event.on, outcome=event.text("outcome"))
    account = with_ledger(account, disputes=with_new(account.ledger.disputes, dispute.id, closed))
    amount = _settlement(account, event, dispute)
    if not amount:
        return account
    credit = replace(
        clearing_of(event, recorded, ClearingKind.CREDIT, SETTLEMENT + dispute.id, amount), invoice=dispute.invoice
    )
    return cleared(account, credit, items_of(account, dispute.invoice))


def _settlement(account: Account, event: Event, dispute: Dispute) -> int:
    """What the closing of a dispute credits, in minor units."""
    credit = optional_amount(account, event, "credit")
    outcome = event.text("outcome")
    if (outcome == "partly_upheld") is (credit is None):
        raise Refused(f"{called(event)}: `credit` is given for `partly_upheld`, and only for it")
    if outcome != "upheld":
        return credit or 0
    still_open = account.ledger.invoices[dispute.invoice].open
    return still_open if dispute.amount is None else min(dispute.amount, still_open)


_APPLY: Mapping[str, Callable[[Account, Event, Recorded], Account]] = MappingProxyType(
    {
        "account": _account,
        "invoice": apply_invoice,
        "payment": apply_payment,
        "payment_reversed": apply_payment_reversed,
        "credit": apply_credit,
        "write_off": apply_write_off,
        "write_off_reversed": apply_write_off_reversed,
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

"""What entries of the timeline say: one plain line for each kind of event, effect, delivery and verdict."""

import datetime as dt
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from arflow import money
from arflow.accounts.promises import Verdict
from arflow.desk import outcomes
from arflow.errors import Refused


def day(date: dt.date) -> str:
    """A date as people write it: `1 Mar 2026`."""
    return f"{date.day} {date:%b %Y}"


def amount(minor: int, currency: str) -> str:
    """An amount with its currency: `1,234.50 USD`."""
    return f"{money.grouped(minor, currency)} {currency}"


def _written(text: object, currency: str) -> str:
    """An amount as an event holds it."""
    try:
        return amount(money.parse(text, currency), currency)
    except Refused:
        return str(text)


def _on(text: object) -> str:
    return day(dt.date.fromisoformat(str(text)))


_Content = Mapping[str, Any]

_CHANNELS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("call", "out"): "Call to the customer",
        ("call", "in"): "Call from the customer",
        ("email", "out"): "E-mail to the customer",
        ("email", "in"): "E-mail from the customer",
        ("letter", "out"): "Letter to the customer, by hand",
        ("letter", "in"): "Letter from the customer",
        ("sms", "out"): "Short message to the customer",
        ("sms", "in"): "Short message from the customer",
    }
)


def _contact(content: _Content, _: str) -> str:
    how = _CHANNELS[content["channel"], content.get("direction") or "out"]
    said = outcomes.label(content.get("outcome"))
    return f"{how}: {said[:1].lower()}{said[1:]}" if said else how


def _promise(content: _Content, currency: str) -> str:
    about = f" for {', '.join(content['invoices'])}" if content.get("invoices") else ""
    return f"Promise of {_written(content['amount'], currency)} by {_on(content['due'])}{about}"


def _dispute(content: _Content, currency: str) -> str:
    part = f"{_written(content['amount'], currency)} of " if content.get("amount") else ""
    return f"Dispute over {part}invoice {content['invoice']}"


def _promise_cancelled(content: _Content, currency: str) -> str:
    return f"{_promise(content, currency) if 'due' in content else 'Promise'} cancelled"


def _dispute_closed(content: _Content, currency: str) -> str:
    about = _dispute(content, currency) if "invoice" in content else "Dispute"
    credit = f", {_written(content['credit'], currency)} credited" if content.get("credit") else ""
    return f"{about} closed: {content['outcome'].replace('_', ' ')}{credit}"


def _payment(content: _Content, currency: str) -> str:
    invoice = f" for invoice {content['invoice']}" if content.get("invoice") else ""
    return f"Payment of {_written(content['amount'], currency)}{invoice}"


def _credit(content: _Content, currency: str) -> str:
    part = _written(content["amount"], currency) if content.get("amount") else "all that was open"
    return f"Credit of {part} on invoice {content['invoice']}"


def _invoice(content: _Content, currency: str) -> str:
    return f"Invoice {content['id']} of {_written(content['amount'], currency)}, due {_on(content['due'])}"


_EVENTS: Mapping[str, Callable[[_Content, str], str]] = MappingProxyType(
    {
        "contact": _contact,
        "promise": _promise,
        "promise_cancelled": _promise_cancelled,
        "dispute": _dispute,
        "dispute_closed": _dispute_closed,
        "payment": _payment,
        "payment_reversed": lambda content, _: f"Payment {content['payment']} came back",
        "credit": _credit,
        "invoice": _invoice,
        "write_off": lambda content, _: f"Invoice {content['invoice']} written off",
        "write_off_reversed": lambda content, _: f"Write-off of invoice {content['invoice']} taken back",
        "hold": lambda _, __: "Put on hold",
        "hold_released": lambda _, __: "Hold ended",
        "tag": lambda content, _: f"Tag {content['tag']} put on",
        "untag": lambda content, _: f"Tag {content['tag']} taken off",
        "account": lambda content, _: f"Assigned to {content.get('owner') or 'nobody'}",
    }
)


def event(kind: str, content: _Content, currency: str, ended: _Content | None = None) -> str:
    """What an event says, in one line; `ended` is what it puts an end to: a promise, a dispute."""
    return _EVENTS[kind]({**(ended or {}), **content}, currency)


def verdict(found: Verdict, currency: str) -> str:
    """Where a promise stands: `broken since 3 Mar 2026`, `kept on 1 Mar 2026`."""
    on = f" {'on' if found.status == 'kept' else 'since'} {day(found.on)}" if found.on else ""
    came = f", {amount(found.came, currency)} came" if found.came and found.status != "kept" else ""
    return f"{found.status.replace('_', ' ')}{on}{came}"


_EFFECTS: Mapping[str, str] = MappingProxyType(
    {
        "send": "Letter {name}",
        "call": "Call asked for on the queue {name}",
        "assign": "Assigned to {name}",
        "notify": "Notice to {name}",
        "tag": "Tag {name} put on",
        "untag": "Tag {name} taken off",
    }
)


def effect(kind: str, name: str) -> str:
    """What an effect says, in one line."""
    return _EFFECTS[kind].format(name=name)


_DELIVERY: Mapping[str, str] = MappingProxyType(
    {
        "queued": "waits to be sent",
        "sending": "is being sent",
        "sent": "handed over",
        "failed": "not delivered",
        "moot": "not sent, for it had lost its reason",
    }
)


def delivery(status: str, recipient: str, error: str) -> str:
    """What became of a message."""
    told = _DELIVERY[status] + (f" to {recipient}" if recipient else "")
    return f"{told}: {error}" if error else told

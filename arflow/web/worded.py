"""What was typed, in the words of the pages: what a field is called there, and what was chosen in it.

It is shown so where its form is not: the account was given to somebody else meanwhile, or the session has ended.
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from arflow.desk import outcomes, reasons

DIRECTIONS: Mapping[str, str] = MappingProxyType({"out": "We called them", "in": "They called us"})
"""Who called whom."""

FOLLOWS: Mapping[str, str] = MappingProxyType(
    {
        "follow_up": "I follow up",
        "promise": "They pay as promised below",
        "dispute": "We look into the dispute below",
        "none": "Nothing: somebody else takes over",
    }
)
"""What can come next after a call."""

SETTLED: Mapping[str, str] = MappingProxyType(
    {
        "upheld": "Upheld: all of it is credited",
        "partly_upheld": "Partly upheld: a part is credited",
        "rejected": "Rejected: they owe it",
        "withdrawn": "Withdrawn by the customer",
    }
)
"""What can become of a dispute."""

BACK_TO: Mapping[str, str] = MappingProxyType(
    {"called": "Called: somebody talks to them", "reminded": "Reminded: letters go on"}
)
"""Where an escalated account can be taken back to."""

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "outcome": "What came of it",
        "direction": "Who called",
        "spoke_to": "Spoke to",
        "text": "Note",
        "next": "What comes next",
        "follow_up_on": "Follow-up: On",
        "follow_up_clock": "Follow-up: At",
        "follow_up_text": "Follow-up: What",
        "promise_amount": "Promise: Amount",
        "promise_due": "Promise: Paid by",
        "promise_invoices": "Promise: Invoices",
        "promise_replaces": "Promise: It takes the place of the promise of",
        "dispute_invoice": "Dispute: Invoice",
        "dispute_code": "Dispute: What is wrong",
        "dispute_amount": "Dispute: Amount, if not all of it",
        "dispute_text": "Dispute: In their words, if you like",
        "dispute_by": "Dispute: Look into it by",
        "due_on": "On",
        "clock": "At",
        "until": "Until",
        "reason": "Why",
        "senior": "It goes to",
        "to": "To",
        "owner": "Assign to",
        "dispute": "Dispute",
        "credit": "Credit, if partly upheld",
    }
)
"""The fields of the forms of an account."""

_BESIDE: Mapping[tuple[str, str], str] = MappingProxyType(
    {("text", "due_on"): "What", ("outcome", "dispute"): "Settled as"}
)
"""What a field is called in the form that has another one too."""

_CHOSEN: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "outcome": {**outcomes.LABELS, **SETTLED},
        "direction": DIRECTIONS,
        "next": FOLLOWS,
        "to": BACK_TO,
        "dispute_code": reasons.LABELS,
    }
)
_NOT_TYPED = ("seen", "mark")
_OFFERED = ("follow_up_on", "promise_amount", "dispute_invoice", "dispute_by")
"""Fields of a call that its page fills in, also where that part of it is not meant."""


def worded(fields: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The fields that somebody filled in, as pages call them; those of other forms by their name."""
    found = [(name, text) for name, text in fields if text and name not in _NOT_TYPED]
    names, kept = {name for name, _ in fields}, _meant(dict(found))
    return [(label(name, names), _CHOSEN.get(name, {}).get(text, text)) for name, text in found if name in kept]


def _meant(filled: Mapping[str, str]) -> set[str]:
    """The fields without those that a call's page has filled in for what did not come next."""
    follows = {filled.get("next"), {"promised": "promise", "disputes": "dispute"}.get(filled.get("outcome", ""))}
    unmeant = [part for part in FOLLOWS if "next" in filled and part not in follows]
    mere = [part for part in unmeant if all(name in _OFFERED for name in filled if name.startswith(f"{part}_"))]
    return {name for name in filled if not any(name.startswith(f"{part}_") for part in mere)}


def label(name: str, names: Collection[str]) -> str:
    """What the field `name` is called in a form that has the fields `names`."""
    beside = (shown for (field, other), shown in _BESIDE.items() if field == name and other in names)
    return next(beside, LABELS.get(name) or name.replace("_", " ").capitalize())

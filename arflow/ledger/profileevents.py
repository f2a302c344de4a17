"""The part of a profile that says which events a row makes: templates, conditions and the `events` section.

Every name used must be a column or a constant of the same profile, every field one of the event's; whatever is not is
Refused at its line.
"""

import re
from collections.abc import Collection, Mapping
from itertools import zip_longest

from arflow.errors import did_you_mean
from arflow.ledger.eventfields import ATTRIBUTE_KINDS, CONTACT_FIELDS, EVENTS, Kind
from arflow.ledger.profiles import Condition, EventPlan, Template
from arflow.ledger.written import shown
from arflow.rules.yamlnodes import Node, as_list, as_mapping, as_text, as_texts

EVENT_KEYS: Mapping[str, str] = {
    "only_if": "a name, or patterns by name: the event is made only if that cell is not blank (`paid_on`), or all"
    " fit (`{type: [Payment]}`)",
    "date": "the event's date; always needed",
    "attributes": "`account` only: names that become the account's own attributes, and what they hold:"
    f" {', '.join(ATTRIBUTE_KINDS)}",
    "contacts": f"`account` only: people to write to or call, each with {', '.join(CONTACT_FIELDS)}",
}
"""What every event may say; its own fields are in `eventfields`."""

_BRACES = re.compile(r"\{([^{}]*)\}")


def one_of(node: Node, what: str, known: Collection[str]) -> str:
    """The text of `node`, which must be one of `known`."""
    text = as_text(node, what)
    if text not in known:
        hint = did_you_mean(text, known) or f"; known are {', '.join(known)}"
        raise node.refused(f"{what} cannot be {shown(text)}{hint}")
    return text


def template(node: Node, what: str, names: Collection[str]) -> Template:
    """A text with names in braces, or one name alone."""
    text = as_text(node, what)
    pieces = _BRACES.split(text)
    if len(pieces) == 1 and "{" not in text and "}" not in text:
        return Template(parts=(("", one_of(node, what, names)),))
    literals, used = pieces[::2], pieces[1::2]
    if any("{" in literal or "}" in literal for literal in literals):
        raise node.refused(f"{what} has a brace that does not belong to a name; write names as `{{{_first(names)}}}`")
    for name in used:
        if name not in names:
            raise node.refused(f"{what} names {shown(name)}, which is no column or constant{did_you_mean(name, names)}")
    return Template(parts=tuple(zip_longest(literals, used)))


def _first(names: Collection[str]) -> str:
    return next(iter(names), "customer")


def conditions(node: Node, what: str, names: Collection[str]) -> tuple[Condition, ...]:
    """Column to pattern or patterns; a column alone means that it is not blank."""
    if not isinstance(node.value, Mapping):
        return (Condition(column=one_of(node, what, names)),)
    found = as_mapping(node, what, names).items()
    return tuple(Condition.matching(name, as_texts(patterns, f"the pattern of `{name}`")) for name, patterns in found)


def events(node: Node, names: Collection[str]) -> tuple[EventPlan, ...]:
    """The plans of all events that a row makes, in the order in which they are written."""
    plans = as_mapping(node, "`events`", EVENTS)
    if not plans:
        raise node.refused("`events` is empty; name at least one event")
    return tuple(_plan(event, plan, names) for event, plan in plans.items())


def _plan(event: str, node: Node, names: Collection[str]) -> EventPlan:
    what, kinds = f"`{event}`", EVENTS[event].all
    own = ("attributes", "contacts") if event == "account" else ()
    entries = as_mapping(node, what, ["only_if", *kinds, *own], ["date", *EVENTS[event].required])
    return EventPlan(
        event=event,
        only_if=conditions(entries["only_if"], "`only_if`", names) if "only_if" in entries else (),
        fields={key: _field(entry, key, kinds[key], names) for key, entry in entries.items() if key in kinds},
        attributes=_attributes(entries["attributes"], names) if "attributes" in entries else {},
        contacts=_contacts(entries["contacts"], names) if "contacts" in entries else (),
    )


def _field(node: Node, key: str, kind: Kind, names: Collection[str]) -> Template:
    found = template(node, f"`{key}`", names)
    if kind not in (Kind.TEXT, Kind.NAME) and len(found.parts) > 1:
        raise node.refused(f"`{key}` is of kind {kind} and comes from one column, not from a template")
    return found


def _attributes(node: Node, names: Collection[str]) -> Mapping[str, Kind]:
    found = as_mapping(node, "`attributes`", names).items()
    return {name: Kind(one_of(kind, f"the kind of `{name}`", ATTRIBUTE_KINDS)) for name, kind in found}


def _contacts(node: Node, names: Collection[str]) -> tuple[Mapping[str, Template], ...]:
    return tuple(_contact(entry, names) for entry in as_list(node, "`contacts`"))


def _contact(node: Node, names: Collection[str]) -> Mapping[str, Template]:
    entries = as_mapping(node, "a contact", CONTACT_FIELDS)
    return {key: template(entry, f"`{key}`", names) for key, entry in entries.items()}

"""Which events a profile may make of a row, and which fields each has (contract, section 7).

A table and nothing else. What people do at a desk (contacts, holds, forced moves) and deliveries are not in a ledger's
rows: they come as JSON lines.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType


class Kind(StrEnum):
    """What a field holds, and so how its column is read."""

    TEXT = "text"
    NAME = "name"
    """The id of something: short and printable text."""
    DATE = "date"
    AMOUNT = "amount"
    INT = "int"
    BOOL = "bool"


ATTRIBUTE_KINDS = (Kind.TEXT, Kind.INT, Kind.AMOUNT, Kind.BOOL)
"""What an account's own attribute may hold; the same four that a policy may declare."""

CONTACT_FIELDS = ("name", "email", "phone", "role")


@dataclass(frozen=True, kw_only=True)
class EventFields:
    """The fields of one event, `date` and `account` apart, which every event has."""

    required: Mapping[str, Kind]
    optional: Mapping[str, Kind]
    positive: bool = False
    """Whether its amount must be above zero; an invoice's may be anything."""

    @cached_property
    def all(self) -> Mapping[str, Kind]:
        """Every field that the event may have."""
        return {"date": Kind.DATE, **self.required, **self.optional}


def _fields(required: str = "", optional: str = "", *, positive: bool = False) -> EventFields:
    return EventFields(required=_kinds(required), optional=_kinds(optional), positive=positive)


def _kinds(words: str) -> Mapping[str, Kind]:
    """`id amount:amount` as field to kind; text where none is named."""
    pairs = (word.partition(":") for word in words.split())
    return MappingProxyType({name: Kind(kind or "text") for name, _, kind in pairs})


EVENTS: Mapping[str, EventFields] = MappingProxyType(
    {
        "account": _fields(
            "",
            "name timezone country language segment risk_grade debtor_kind collector_role credit_limit:amount owner"
            " pays_through:name",
        ),
        "invoice": _fields("id:name amount:amount", "issued:date due:date"),
        "payment": _fields("id:name amount:amount", "invoice:name", positive=True),
        "payment_reversed": _fields("payment:name"),
        "credit": _fields("id:name invoice:name", "amount:amount", positive=True),
        "write_off": _fields("invoice:name"),
        "write_off_reversed": _fields("invoice:name"),
        "promise": _fields("id:name amount:amount due:date", positive=True),
        "promise_cancelled": _fields("id:name"),
        "dispute": _fields("id:name invoice:name", "amount:amount reason", positive=True),
        "dispute_closed": _fields("id:name outcome", "credit:amount"),
    }
)
"""Every event that a profile may make, with the kind of each field."""

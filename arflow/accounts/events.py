"""Events as the contract writes them (section 7): one JSON object to one checked value, refused with its reason.

Amounts stay decimal strings here, because only the account knows its currency; dates are dates.
"""

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from msgspec import Struct

from arflow.errors import Refused, did_you_mean
from arflow.isodates import read_date, read_time
from arflow.vocabulary import OUTCOMES, State

MIDNIGHT = dt.time(0)
AMOUNTS = frozenset({"amount", "credit", "credit_limit"})
"""The fields that hold an amount."""
MAX_TEXT = 10_000
MAX_NAME = 200
LARGEST_INTEGER = 10**15
_AMOUNT = re.compile(r"-?\d{1,16}(\.\d{1,8})?", re.ASCII)


class Event(Struct, frozen=True, kw_only=True):
    """One thing that happened, at a local date and time of its account (empty for a `policy` event)."""

    kind: str
    account: str
    on: dt.date
    clock: dt.time = MIDNIGHT
    data: Mapping[str, object]
    line: int = 0

    @property
    def id(self) -> str | None:
        """The id of an event whose kind has one."""
        return str(self.data["id"]) if "id" in self.data else None

    def text(self, name: str) -> str:
        """The text of a field, empty when it is missing."""
        value = self.data.get(name)
        return "" if value is None else str(value)

    def day(self, name: str) -> dt.date:
        """The date of a field that the format guarantees."""
        value = self.data[name]
        if not isinstance(value, dt.date):
            raise TypeError(name)
        return value


Check = Callable[[object], object]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Refused(f"is text in quotes, not {json.dumps(value)[:60]}")
    if len(value) > MAX_TEXT or "\x00" in value or not _is_encodable(value):
        raise Refused(f"is text of at most {MAX_TEXT} characters, without null characters or halves of characters")
    return value


def _is_encodable(text: str) -> bool:
    """Whether `text` is made of whole characters; JSON's escapes can write the half of one."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _name(value: object) -> str:
    text = _text(value)
    if not text.strip() or len(text) > MAX_NAME or not text.isprintable():
        raise Refused(f"is a name of 1 to {MAX_NAME} printable characters")
    return text


def _amount(value: object) -> str:
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        raise Refused(f'is a decimal string such as "50.00", not {json.dumps(value)[:60]}')
    return value


def _one_of(*known: str) -> Check:
    def check(value: object) -> str:
        if value not in known:
            hint = did_you_mean(str(value), known)
            raise Refused(f"is one of {', '.join(known)}, not {json.dumps(value)[:60]}{hint}")
        return str(value)

    return check


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Refused("is a list of texts")
    return tuple(_name(entry) for entry in value)


def _optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _people(value: object) -> tuple[Mapping[str, str], ...]:
    if not isinstance(value, list):
        raise Refused("is a list of contacts")
    return tuple(_fields(entry, _PERSON) for entry in value)  # type: ignore[misc]  # all its checks give texts


def _attributes(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Refused("is an object of names and values")
    for name, entry in value.items():
        if not isinstance(entry, str | int | bool):
            raise Refused(f"`{name}` is a text, a whole number, true or false")
        if isinstance(entry, str):
            _text(entry)
        elif abs(entry) > LARGEST_INTEGER:
            raise Refused(f"`{name}` is larger than arflow keeps ({LARGEST_INTEGER:,})")
    return dict(value)


def _instalments(value: object) -> tuple[Mapping[str, object], ...]:
    if not isinstance(value, list) or not value:
        raise Refused("is a list of instalments")
    return tuple(_fields(entry, _INSTALMENT) for entry in value)


@dataclass(frozen=True, slots=True)
class _Field:
    check: Check
    required: bool = False


class _Shape:
    """The fields that an object may have, and those that it must have."""

    def __init__(self, known: Mapping[str, _Field]) -> None:
        self.known = known
        self.required = tuple(name for name, field in known.items() if field.required)


_PERSON = _Shape({name: _Field(_text) for name in ("name", "email", "phone", "role")})
_INSTALMENT = _Shape({"due": _Field(read_date, required=True), "amount": _Field(_amount, required=True)})
_ID = _Field(_name, required=True)
_NEEDED_AMOUNT = _Field(_amount, required=True)
_REASON = _Field(_optional(_text))
_NOTICE = {"notice": _Field(_name, required=True)}
_TAG = {"tag": _Field(_name, required=True)}

KINDS: Mapping[str, Mapping[str, _Field]] = MappingProxyType(
    {
        "account": {
            **{name: _Field(_optional(_text)) for name in ("name", "timezone", "country", "language", "segment")},
            **{name: _Field(_optional(_text)) for name in ("risk_grade", "debtor_kind", "collector_role", "owner")},
            "currency": _Field(_name),
            "credit_limit": _Field(_optional(_amount)),
            "pays_through": _Field(_optional(_name)),
            "contacts": _Field(_people),
            "tags": _Field(_names),
            "attributes": _Field(_attributes),
        },
        "invoice": {
            "id": _ID,
            "amount": _NEEDED_AMOUNT,
            "due": _Field(read_date, required=True),
            "issued": _Field(read_date),
            "currency": _Field(_name),
            "instalments": _Field(_instalments),
        },
        "payment": {
            "id": _ID,
            "amount": _NEEDED_AMOUNT,
            "invoice": _Field(_optional(_name)),
            "currency": _Field(_name),
        },
        "payment_reversed": {"payment": _ID},
        "credit": {"id": _ID, "invoice": _ID, "amount": _Field(_amount)},
        "write_off": {"invoice": _ID},
        "write_off_reversed": {"invoice": _ID},
        "promise": {
            "id": _ID,
            "amount": _NEEDED_AMOUNT,
            "due": _Field(read_date, required=True),
            "invoices": _Field(_optional(_names)),
        },
        "promise_cancelled": {"id": _ID},
        "dispute": {"id": _ID, "invoice": _ID, "amount": _Field(_optional(_amount)), "reason": _REASON},
        "dispute_closed": {
            "id": _ID,
            "outcome": _Field(_one_of("upheld", "partly_upheld", "rejected", "withdrawn"), required=True),
            "credit": _Field(_optional(_amount)),
        },
        "contact": {
            "channel": _Field(_one_of("call", "email", "letter", "sms"), required=True),
            "direction": _Field(_one_of("in", "out")),
            "outcome": _Field(_optional(_one_of(*OUTCOMES))),
        },
        "notice_delivered": _NOTICE,
        "notice_failed": _NOTICE,
        "hold": {"reason": _REASON},
        "hold_released": {"reason": _REASON},
        "tag": _TAG,
        "untag": _TAG,
        "forced": {"to": _Field(_one_of(*State), required=True), "actor": _Field(_text), "reason": _REASON},
        "policy": {"file": _Field(_name, required=True)},
    }
)
"""Every kind of event, and for each of its own fields the check that a value must pass."""

_COMMON = {
    "event": _Field(_name),
    "account": _Field(_name),
    "date": _Field(read_date, required=True),
    "time": _Field(_optional(read_time)),
}
_WHOLE = {kind: _Shape({**own, **_COMMON}) for kind, own in KINDS.items()}
"""All fields of an event of each kind."""


def parse_line(text: str, line: int) -> Event:
    """The event in one line of JSON. Raises Refused, placed at `line`."""
    try:
        content = _DECODER.decode(text)
    except RecursionError:
        raise Refused("the line is nested too deeply", line=line) from None
    except ValueError as error:
        detail = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise Refused(f"the line is no JSON object ({detail})", line=line) from None
    return parse(content, line)


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def parse(content: object, line: int = 0) -> Event:
    """The event that `content`, a decoded JSON object, describes. Raises Refused, placed at `line`."""
    try:
        return _parse(content, line)
    except Refused as refused:
        raise Refused(refused.reason, file=refused.file, line=line or None) from None


def _parse(content: object, line: int) -> Event:
    if not isinstance(content, dict):
        raise Refused("an event is a JSON object")
    kind = content.get("event")
    if not isinstance(kind, str) or kind not in KINDS:
        known = did_you_mean(str(kind), KINDS)
        raise Refused(f"unknown event {json.dumps(kind)[:60]}{known}" if "event" in content else "`event` is missing")
    data = _fields(content, _WHOLE[kind])
    account = data.pop("account", "")
    if not account and kind != "policy":
        raise Refused("`account` is missing")
    on, clock = data.pop("date"), data.pop("time", None)
    del data["event"]
    if not isinstance(on, dt.date):
        raise TypeError(on)
    at = clock if isinstance(clock, dt.time) else MIDNIGHT
    return Event(kind=kind, account=str(account), on=on, clock=at, data=data, line=line)


def _fields(content: object, shape: _Shape) -> dict[str, object]:
    if not isinstance(content, dict):
        raise Refused("is an object")
    for name in shape.required:
        if name not in content:
            raise Refused(f"`{name}` is missing")
    return {name: _checked(name, value, shape.known) for name, value in content.items()}


def _checked(name: str, value: object, known: Mapping[str, _Field]) -> object:
    if name not in known:
        raise Refused(f"unknown field `{name}`{did_you_mean(name, known)}")
    try:
        return known[name].check(value)
    except Refused as refused:
        raise Refused(f"`{name}` {refused.reason}") from None

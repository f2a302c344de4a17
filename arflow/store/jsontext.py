"""JSON as it is hashed and as rows are written: what the standard library makes of it, in a fifth of the time.

Hashes are over this text, so not a byte of it may ever change. `orjson` writes the same bytes wherever it writes at all
(a property test compares them); what it does not, such as integers beyond 64 bits, the standard library writes.
"""

import json
from collections.abc import Callable

import orjson

_Plain = Callable[[object], object]
"""Gives the JSON value of what is none by itself. Raises TypeError."""

_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
"""Dates and times are left to `plain`: orjson 3.13 writes ten milliseconds past midnight as `00:00:00.10000`."""

_SORTED = _OPTIONS | orjson.OPT_SORT_KEYS
_DELETE = b"\x7f"
"""The one ASCII character that the standard library escapes and orjson does not."""


def ascii_of(content: object) -> bytes:
    """Compact, its keys in order, all but ASCII escaped."""
    try:
        found = orjson.dumps(content, option=_SORTED)
    except orjson.JSONEncodeError:
        found = b""
    if found and found.isascii() and _DELETE not in found:
        return found
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def text_of(content: object, plain: _Plain) -> str:
    """Compact, its keys in order, every character as it is."""
    try:
        return orjson.dumps(content, plain, _SORTED).decode()
    except orjson.JSONEncodeError:
        return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=plain)


def document_of(rows: object, plain: _Plain) -> str:
    """For the database, in any spelling that means the same."""
    try:
        return orjson.dumps(rows, plain, _OPTIONS).decode()
    except orjson.JSONEncodeError:
        return json.dumps(rows, separators=(",", ":"), default=plain)

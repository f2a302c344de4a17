"""JSON as it is hashed and as rows are written: what the standard library makes of it, in a tenth of the time.

Hashes are over this text, so not a byte of it may ever change: a property test holds it against the standard library.
What is hashed is made of texts, whole numbers, yes, no and nothing, in lists and in mappings by text. Of anything else
(a fraction, a set, bytes, an amount that is no whole number) the two libraries make different things.
"""

import json
import re
from collections.abc import Callable
from functools import cache

from msgspec.json import Encoder

_Plain = Callable[[object], object]
"""Gives the JSON value of what is none by itself. Raises TypeError."""


def _plain_text(value: object) -> str:
    """What a text that is more than a text says. Raises TypeError for anything else."""
    if isinstance(value, str):
        return str.__str__(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


_in_order, _as_it_comes = Encoder(order="sorted", enc_hook=_plain_text), Encoder(enc_hook=_plain_text)
_escaped = re.compile("[^\x00-\x7e]")
"""Whatever is escaped where only ASCII is written; control characters are, everywhere."""


def ascii_of(content: object) -> bytes:
    """Compact, its keys in order, all but ASCII escaped."""
    try:
        found = _in_order.encode(content)
    except UnicodeEncodeError:  # a text that is none, whose row the database will refuse
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    if found.isascii() and b"\x7f" not in found:
        return found
    return _escaped.sub(_escape, found.decode()).encode()


def _escape(match: re.Match[str]) -> str:
    """The escape of a character: two of them, if it is beyond the first plane."""
    units = match[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def text_of(content: object, plain: _Plain) -> str:
    """Compact, its keys in order, every character as it is."""
    return _sorted(plain).encode(content).decode()


def document_of(rows: object) -> str:
    """For the database, in any spelling that means the same."""
    try:
        return _as_it_comes.encode(rows).decode()
    except UnicodeEncodeError:  # a text that is none: the database says so, of the rows that hold it
        return json.dumps(rows, default=str)


@cache
def _sorted(plain: _Plain) -> Encoder:
    return Encoder(enc_hook=plain, order="sorted")

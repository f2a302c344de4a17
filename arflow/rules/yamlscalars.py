"""What an unquoted YAML scalar means: the core schema of YAML 1.2, and nothing of 1.1.

A float becomes a Decimal, because no float may come near money. Infinities, not-a-number and numbers of absurd size
have no use in a policy or a profile and are refused by the caller.
"""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

MAX_DIGITS = 40
"""How long a number may be; what is longer is a text that lacks its quotes."""

_FIXED: Mapping[str, bool | None] = (
    dict.fromkeys(["", "~", "null", "Null", "NULL"])
    | dict.fromkeys(["true", "True", "TRUE"], True)
    | dict.fromkeys(["false", "False", "FALSE"], False)
)
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def resolve(text: str) -> bool | int | Decimal | str | None:
    """The value of an unquoted scalar. Raises ValueError for a number that cannot be kept."""
    if text in _FIXED:
        return _FIXED[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(text):
        return _whole(text)
    if _FLOAT.fullmatch(text):
        return _decimal(text)
    if _NO_NUMBER.fullmatch(text):
        raise ValueError(text)
    return text


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(text)
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_DIGITS:
        raise ValueError(text)
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent beyond all that Decimal has
        raise ValueError(text) from None
    if abs(number.adjusted()) > MAX_DIGITS:
        raise ValueError(text)
    return number

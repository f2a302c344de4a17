"""Money is an integer number of minor units of one currency (ISO 4217); no float may come in or go out.

A cent is 1 in USD, a yen is 1 in JPY, a fils is 1 in KWD. Amounts enter and leave as decimal strings.
"""

import re
from functools import cache

from iso4217 import Currency

from arflow.errors import Refused, did_you_mean

LARGEST = 10**15 - 1
"""The largest amount, in minor units, that one entry may have; sums stay far inside a signed 64-bit integer."""

_DECIMAL = re.compile(r"(-?)(\d{1,16})(?:\.(\d{1,8}))?", re.ASCII)
_THOUSANDS = re.compile(r"\d{3}(?:\.\d+)?", re.ASCII)
_HUGE = re.compile(r"-?[1-9]\d{16,}(?:\.\d*)?", re.ASCII)


@cache
def exponent(currency: str) -> int:
    """The number of decimals that ISO 4217 gives `currency`. Raises Refused for a code that is not one."""
    try:
        digits = Currency(currency).exponent
    except ValueError:
        known = [c.value for c in Currency]
        raise Refused(f"`{currency}` is no ISO 4217 currency{did_you_mean(currency, known)}") from None
    return digits or 0


def parse(text: object, currency: str) -> int:
    """Minor units of the decimal string `text`. Raises Refused for anything else, or for too many decimals."""
    if not isinstance(text, str):
        raise Refused(f'an amount is a decimal string such as "50.00", not {text!r}')
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise _too_large(text, currency) if _HUGE.fullmatch(text) else _no_amount(text)
    sign, whole, decimals = match.group(1), match.group(2), match.group(3) or ""
    places = exponent(currency)
    if len(decimals) > places:
        raise Refused(f"`{text}` has more decimals than {currency}, which has {places}")
    minor = int(whole + decimals.ljust(places, "0"))
    if minor > LARGEST:
        raise _too_large(text, currency)
    return -minor if sign else minor


def _no_amount(text: str) -> Refused:
    return Refused(f"`{text[:40]}` is no amount; use a point for decimals, and no other sign: 1000.50")


def _too_large(text: str, currency: str) -> Refused:
    return Refused(f"`{text[:40]}` is larger than arflow keeps ({show(LARGEST, currency)})")


def mended(before: str, rest: str, *, by: str) -> str:
    """How to write a number of which `before` and `rest` were cut apart `by` a comma or a space; ends a refusal."""
    if _THOUSANDS.fullmatch(rest):
        return f"; write `{before}{rest}`, without thousands marks"
    is_decimal = by == "," and rest.isdigit() and "." not in before
    return f"; write `{before}.{rest}`, with a point" if is_decimal else ""


def show(minor: int, currency: str) -> str:
    """The decimal string of `minor` units, with all decimals of its currency."""
    places = exponent(currency)
    digits = str(abs(minor)).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if minor < 0 else text


def grouped(minor: int, currency: str) -> str:
    """The same as people read it: `1,234.50`, and what is owed the other way with a true minus."""
    whole, point, decimals = show(abs(minor), currency).partition(".")
    sign = "\u2212" if minor < 0 else ""
    return f"{sign}{int(whole):,}{point}{decimals}"

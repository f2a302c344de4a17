"""Amounts, dates and truths as people and programs write them, turned into the one way arflow writes them.

Pure: text in, text out (`1.234,56-` to `-1234.56`, `13/01/2026` to `2026-01-13`). A value that cannot be read is
Refused with its reason. Nothing is guessed: what a mark or an order means is said by the profile, and a date that only
makes sense in another order raises WrongDateOrder, because then the dates that fit both are wrong as well.
"""

import datetime as dt
import re
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

from arflow import money
from arflow.errors import Refused

ORDERS = {
    "ymd": "year-month-day",
    "dmy": "day-month-year",
    "mdy": "month-day-year",
    "compact": "yyyymmdd",
}
"""The date orders that a profile may name."""

YEARS = range(1900, 2200)
"""A year outside is a slip of the pen or a placeholder (0001, 9999), not a date of a ledger."""

LONGEST_AMOUNT = 60
"""How many characters an amount may be written with."""

THOUSANDS = {"": "", ",": ",", ".": r"\.", " ": "[ \u00a0\u2009\u202f]", "'": "['\u2019]"}
"""The thousands marks that a profile may name; a space stands for the narrow and unbreakable ones too."""

TRUTHS = dict.fromkeys(("true", "yes", "y", "1"), True) | dict.fromkeys(("false", "no", "n", "0"), False)
"""How a truth may be written, in any case; a profile's `values` translate everything else."""

_SEPARATED = {
    "ymd": r"(?P<y>\d{4})([-/.])(?P<m>\d{1,2})\2(?P<d>\d{1,2})",
    "dmy": r"(?P<d>\d{1,2})([-/.])(?P<m>\d{1,2})\2(?P<y>\d{4})",
    "mdy": r"(?P<m>\d{1,2})([-/.])(?P<d>\d{1,2})\2(?P<y>\d{4})",
    "year-day-month": r"(?P<y>\d{4})([-/.])(?P<d>\d{1,2})\2(?P<m>\d{1,2})",
}
_RUN_TOGETHER = {
    "compact": r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)(\.0+)?",
    "ddmmyyyy": r"(?P<d>\d\d)(?P<m>\d\d)(?P<y>\d{4})(\.0+)?",
    "mmddyyyy": r"(?P<m>\d\d)(?P<d>\d\d)(?P<y>\d{4})(\.0+)?",
}
_SHAPES = {order: re.compile(shape, re.ASCII) for order, shape in (_SEPARATED | _RUN_TOGETHER).items()}
_MIDNIGHT = re.compile(r"[ T]00:00(:00(\.0+)?)?$", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,15}", re.ASCII)


class WrongDateOrder(Refused):
    """A date that is impossible in the profile's order and possible in another: the whole file is in doubt."""


def shown(text: str, most: int = 40) -> str:
    """`text` fit for one line of a refusal: printable, short and in backticks."""
    plain = text[: most + 1]
    if not plain.isprintable():
        plain = "".join(char if char.isprintable() else "?" for char in plain)
    return f"`{plain[:most]}...`" if len(plain) > most else f"`{plain}`"


@dataclass(frozen=True, kw_only=True)
class NumberStyle:
    """How a file writes amounts. A minus in front or behind and parentheses always mean less than nothing."""

    decimal_mark: str = "."
    thousands_mark: str = ""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Sign, whole part and decimals of an amount in this style."""
        grouped = rf"|\d{{1,3}}(?:{THOUSANDS[self.thousands_mark]}\d{{3}})+" if self.thousands_mark else ""
        number = rf"(?P<whole>\d+{grouped}|)(?:{re.escape(self.decimal_mark)}(?P<decimals>\d+))?"
        return re.compile(rf"(?P<before>[-+\u2212(]?) ?{number} ?(?P<after>[-\u2212)]?)", re.ASCII)


_SIGNS = {"": False, "+": False, "-": True, "\u2212": True, "()": True}


def amount(text: str, currency: str, style: NumberStyle) -> str:
    """The decimal string of an amount in `currency`. Raises Refused for no amount, or for too many decimals."""
    match = style.pattern.fullmatch(text) if len(text) <= LONGEST_AMOUNT else None
    sign = match["before"] + match["after"] if match else "?"
    if match is None or sign not in _SIGNS or not (match["whole"] or match["decimals"]):
        raise Refused(f"{shown(text)} is no amount with `{style.decimal_mark}` before its decimals{_grouping(style)}")
    whole = re.sub(r"\D", "", match["whole"]) or "0"
    decimals = f".{match['decimals']}" if match["decimals"] else ""
    minor = money.parse(whole.lstrip("0").rjust(1, "0") + decimals, currency)
    return money.show(-minor if _SIGNS[sign] else minor, currency)


def _grouping(style: NumberStyle) -> str:
    mark = style.thousands_mark
    return f" and `{mark}` between its thousands" if mark else ", without a thousands mark"


@lru_cache(maxsize=50_000)
def date(text: str, orders: tuple[str, ...]) -> str:
    """The ISO date of a date written in one of `orders`. Raises WrongDateOrder, or Refused for no date at all."""
    written = _MIDNIGHT.sub("", text)
    for order in orders:
        if found := _reading(written, order):
            return found.isoformat()
    wanted = " or ".join(ORDERS[order] for order in orders)
    if other := next((order for order in _SHAPES if _reading(written, order)), None):
        raise WrongDateOrder(
            f"{shown(text)} is a date only as {ORDERS.get(other, other)}, and the profile says {wanted};"
            " the whole file is refused, since dates that fit both would be misread"
        )
    raise Refused(f"{shown(text)} is no date that exists, written as {wanted}")


def _reading(text: str, order: str) -> dt.date | None:
    match = _SHAPES[order].fullmatch(text)
    if match is None or int(match["y"]) not in YEARS:
        return None
    try:
        return dt.date(int(match["y"]), int(match["m"]), int(match["d"]))
    except ValueError:
        return None


def currency(text: str) -> str:
    """The ISO 4217 code `text`, or nothing for nothing. Raises Refused for anything else."""
    if text and not re.fullmatch("[A-Z]{3}", text):
        raise Refused(f"{shown(text)} is no ISO 4217 currency such as USD")
    if text and (reason := _unknown_currency(text)):
        raise Refused(reason)
    return text


@cache
def _unknown_currency(code: str) -> str | None:
    """Why `code` is no currency; kept, because looking for the one that was meant takes a millisecond."""
    try:
        money.exponent(code)
    except Refused as refusal:
        return refusal.reason
    return None


def integer(text: str) -> int:
    """A whole number of up to 15 digits. Raises Refused for anything else."""
    if not _INTEGER.fullmatch(text):
        raise Refused(f"{shown(text)} is no whole number")
    return int(text)


def truth(text: str) -> bool:
    """A yes or no. Raises Refused for anything else."""
    try:
        return TRUTHS[text.casefold()]
    except KeyError:
        raise Refused(f"{shown(text)} is neither of yes and no; list it under `values`") from None


@lru_cache(maxsize=50_000)
def days_after(date: str, days: int) -> str:
    """The ISO date `days` after the ISO date `date`."""
    return (dt.date.fromisoformat(date) + dt.timedelta(days=days)).isoformat()

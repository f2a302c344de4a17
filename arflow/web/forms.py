"""Forms: what was typed is read, all that is wrong is said at once, and shown again with mistakes beside the fields."""

import datetime as dt
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import g, request, url_for
from werkzeug.datastructures import MultiDict

from arflow import money
from arflow.errors import Refused, did_you_mean
from arflow.isodates import read_date

_LONGEST = 2000


class Mistyped(Refused):
    """A form that cannot be read: `mistakes` has the reason for each field, all of them at once."""

    def __init__(self, mistakes: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name.replace('_', ' ')}: {reason}" for name, reason in mistakes.items()))
        self.mistakes = dict(mistakes)


class Reading:
    """What was typed into the form of this request. A field that is wrong is noted, and `check` refuses them all.

    Until then a wrong field reads as something empty, so a view reads all its fields, then calls `check`.
    """

    def __init__(self) -> None:
        self._mistakes: dict[str, str] = {}

    def text(self, name: str, *, required: bool = False, longest: int = _LONGEST) -> str:
        """A text without spaces around it."""
        found = request.form.get(name, "").replace("\r\n", "\n").strip()
        if required and not found:
            self.refuse(name, "is needed")
        if len(found) > longest:
            self.refuse(name, f"has {len(found)} characters, at most {longest} are kept")
        return found

    def password(self, name: str) -> str:
        """A password, exactly as typed."""
        return request.form.get(name, "")

    def day(self, name: str) -> dt.date:
        """A date."""
        found = self.day_if_any(name)
        if found is None and name not in self._mistakes:
            self.refuse(name, "is needed, as a date such as 2026-03-31")
        return found or dt.date.min

    def day_if_any(self, name: str) -> dt.date | None:
        """A date, or nothing."""
        if not (text := self.text(name)):
            return None
        try:
            return read_date(text)
        except Refused as refused:
            self.refuse(name, refused.reason)
            return None

    def clock_if_any(self, name: str) -> dt.time | None:
        """A time of the day, or nothing."""
        if not (text := self.text(name)):
            return None
        try:
            return dt.datetime.strptime(text[:5], "%H:%M").time()  # noqa: DTZ007  # a time on somebody's wall
        except ValueError:
            self.refuse(name, "is a time such as 15:30")
            return None

    def amount(self, name: str, currency: str) -> int:
        """An amount of money in minor units; thousands may be set apart by commas, spaces or apostrophes."""
        text = self.text(name, required=True)
        try:
            return money.parse(_joined(text, currency), currency)
        except Refused as refused:
            self.refuse(name, refused.reason)
            return 0

    def number(self, name: str, *, least: float, most: float) -> float:
        """A number from `least` to `most`."""
        try:
            found = float(self.text(name, required=True))
        except ValueError:
            found = float("nan")
        if not least <= found <= most:
            self.refuse(name, f"is a number from {least:g} to {most:g}")
            return least
        return found

    def choice(self, name: str, known: Collection[str], *, required: bool = True) -> str:
        """One of `known`; nothing when none need be chosen."""
        found = self.text(name, required=required)
        if found and found not in known:
            self.refuse(name, f"`{found[:40]}` is not one of them{did_you_mean(found, known)}")
        return found

    def choices(self, name: str, known: Collection[str]) -> list[str]:
        """Any of `known`."""
        found = request.form.getlist(name)
        if unknown := [text for text in found if text not in known]:
            self.refuse(name, f"`{unknown[0][:40]}` is not one of them")
        return found

    def is_ticked(self, name: str) -> bool:
        """Whether a box is ticked."""
        return name in request.form

    @contextmanager
    def beside(self, name: str) -> Iterator[None]:
        """What is refused in here is a mistake of the field `name`."""
        try:
            yield
        except Refused as refused:
            self.refuse(name, refused.reason)

    def check(self) -> None:
        """Raise Mistyped when anything was wrong."""
        if self._mistakes:
            raise Mistyped(self._mistakes)

    def refuse(self, name: str, reason: str) -> None:
        """Note what is wrong with a field; its first mistake is kept."""
        self._mistakes.setdefault(name, reason)


_GROUPED = re.compile(r"-?[1-9]\d{0,2}(?P<mark>[, '\u00a0\u202f\u2019])\d{3}(?:(?P=mark)\d{3})*(?:\.\d+)?", re.ASCII)


def _joined(text: str, currency: str) -> str:
    """An amount without its marks of thousands; left as it is, to be refused, where one may mark decimals.

    `50,00` is fifty to many: read as thousands it would be a hundred times what was meant. So is `1,250` in dinars.
    """
    grouped = _GROUPED.fullmatch(text)
    if grouped is None:
        return text
    mark = grouped["mark"]
    may_be_decimals = mark == "," and text.count(mark) == 1 and "." not in text and money.exponent(currency) == _GROUP
    return text if may_be_decimals else text.replace(mark, "")


_GROUP = 3
"""How many digits stand between two marks of thousands."""


@dataclass(frozen=True, kw_only=True)
class Typed:
    """The form of this request, which was not accepted: what was typed into it, and what is wrong."""

    endpoint: str
    arguments: Mapping[str, Any]
    values: MultiDict[str, str]
    reason: str
    mistakes: Mapping[str, str] = field(default_factory=dict)
    is_conflict: bool = False


def typed() -> Typed | None:
    """What was typed, on a page that is shown again."""
    found: Typed | None = g.get("typed")
    return found


def took_typed() -> bool:
    """Whether a form of the page that is shown again has what was typed."""
    return bool(g.get("took_typed"))


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form of a page, as templates see it. It holds what was typed when it is this form that was not accepted."""

    endpoint: str
    arguments: Mapping[str, Any]
    typed: Typed | None

    @property
    def action(self) -> str:
        """Where it is sent."""
        return url_for(self.endpoint, **self.arguments)

    @property
    def reason(self) -> str:
        """Why it was not accepted, in one line for the whole form."""
        if self.typed is None:
            return ""
        return "Please mend what is marked below." if self.typed.mistakes else self.typed.reason

    @property
    def is_conflict(self) -> bool:
        """Whether somebody else was faster."""
        return self.typed is not None and self.typed.is_conflict

    def value(self, name: str, present: object = "") -> str:
        """What the field holds: what was typed, else what it is at present."""
        if self.typed is not None:
            return self.typed.values.get(name, "")
        return "" if present is None else str(present)

    def values(self, name: str, present: Sequence[str] = ()) -> Sequence[str]:
        """What is chosen in a field of several choices."""
        return self.typed.values.getlist(name) if self.typed is not None else present

    def is_ticked(self, name: str, present: bool = False) -> bool:  # noqa: FBT001, FBT002  # templates pass it by place
        """Whether a box is ticked."""
        return name in self.typed.values if self.typed is not None else present

    def mistake(self, name: str) -> str:
        """What is wrong with the field."""
        return self.typed.mistakes.get(name, "") if self.typed is not None else ""

    def id(self, name: str) -> str:
        """An id that no other field of the page has."""
        parts = (self.endpoint, *(str(value) for value in self.arguments.values()), name)
        return "-".join("".join(char if char.isalnum() else "-" for char in part) for part in parts)


def form(endpoint: str, **arguments: object) -> Form:
    """The form of this page that is sent to `endpoint` (`.name` for one of the same blueprint)."""
    name = f"{request.blueprint}{endpoint}" if endpoint.startswith(".") else endpoint
    found = typed()
    texts = {key: str(value) for key, value in arguments.items()}
    is_mine = found is not None and found.endpoint == name and _as_texts(found.arguments) == texts
    g.took_typed = took_typed() or is_mine
    return Form(endpoint=name, arguments=arguments, typed=found if is_mine else None)


def _as_texts(arguments: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in arguments.items()}

"""What an import profile says about a file, as frozen values, and where profiles are found.

A profile describes; it computes nothing and holds no code. `profileloader` makes one from its YAML and refuses what
does not fit; `rowevents` applies it to a row. docs/imports.md documents every key.
"""

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from arflow.ledger.eventfields import EVENTS, Kind
from arflow.ledger.written import NumberStyle

OF_EVENTS = "events"
"""As what files of events are noted beside those of profiles."""


class Clean(StrEnum):
    """What is taken off a text before it is used."""

    LEADING_ZEROS = "leading_zeros"
    """`0000611365` becomes `611365`; one digit always stays."""
    DECIMAL_ZERO = "decimal_zero"
    """`1930571429.0`, a number that went through a spreadsheet, becomes `1930571429`."""

    def apply(self, text: str) -> str:
        """`text` without what this takes off."""
        if self is Clean.LEADING_ZEROS:
            return text.lstrip("0") or text[-1:]
        return re.sub(r"^(\d+)\.0+$", r"\1", text)


class SignRule(StrEnum):
    """What the sign of an amount means."""

    AS_WRITTEN = "as_written"
    REVERSED = "reversed"
    ABSOLUTE = "absolute"


class Gone(StrEnum):
    """What may have become of an invoice that a file with everything open has no more."""

    PAYMENT = "payment"


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """Holds for a row whose `column` matches one of `patterns` (`*` and `?`, any case); no patterns: is not blank."""

    column: str
    patterns: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def matching(cls, column: str, wildcards: tuple[str, ...]) -> "Condition":
        """The condition that `column` looks like one of `wildcards`."""
        compiled = (re.compile(fnmatch.translate(wildcard.casefold())) for wildcard in wildcards)
        return cls(column=column, patterns=tuple(compiled))

    def holds(self, text: str) -> bool:
        """Whether the condition holds for the cell `text`."""
        if not self.patterns:
            return bool(text)
        return any(pattern.match(text.casefold()) for pattern in self.patterns)


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of the file: where it is found, and how its cells are read."""

    name: str
    headers: tuple[str, ...]
    """The headers that it may stand under; the first that the file has is taken."""
    optional: bool = False
    blank: frozenset[str] = frozenset()
    """Casefolded texts that mean nothing, as an empty cell does."""
    clean: tuple[Clean, ...] = ()
    values: Mapping[str, str] | None = None
    """What each text means, when the file has its own words; a text that is not listed is a bad value."""
    sign: SignRule = SignRule.AS_WRITTEN
    negative_if: Condition | None = None
    """For a file that keeps the sign in a column of its own."""


@dataclass(frozen=True, kw_only=True)
class Template:
    """A text with the names of columns in it (`{customer}/{currency}`), or one column alone."""

    parts: tuple[tuple[str, str | None], ...]
    """Pairs of literal text and the name that follows it."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns that the template needs."""
        return tuple(name for _, name in self.parts if name)

    def fill(self, cells: Mapping[str, str]) -> str:
        """The text with every name replaced by its cell."""
        return "".join(literal + (cells[name] if name else "") for literal, name in self.parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventPlan:
    """How one event is made of a row."""

    event: str
    only_if: tuple[Condition, ...] = ()
    """Conditions that must all hold; a row for which one does not makes no such event."""
    fields: Mapping[str, Template] = field(default_factory=dict)
    attributes: Mapping[str, Kind] = field(default_factory=dict)
    contacts: tuple[Mapping[str, Template], ...] = ()

    @property
    def needs(self) -> str | None:
        """The column whose cell must not be blank, if that is its condition."""
        return next((condition.column for condition in self.only_if if not condition.patterns), None)

    @property
    def columns(self) -> Mapping[str, Kind]:
        """Every column that it reads, and as what."""
        kinds = EVENTS[self.event].all
        texts = (template for contact in self.contacts for template in contact.values())
        return {
            **{condition.column: Kind.TEXT for condition in self.only_if},
            **{name: Kind.TEXT for template in texts for name in template.names},
            **{name: kinds[field] for field, template in self.fields.items() for name in template.names},
            **self.attributes,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """When an invoice is due whose due date is missing: so many days after its own date."""

    days: int | None = None
    column: str | None = None
    codes: Mapping[str, int] = field(default_factory=dict)
    """Days by the code in `column`, casefolded; `days` is for all other codes."""

    def days_for(self, code: str) -> int | None:
        """The days that `code` gives, or None when the profile does not say."""
        return self.codes.get(code.casefold(), self.days)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """All that arflow must be told to read one kind of file."""

    name: str
    title: str = ""
    encoding: str = "utf-8"
    delimiter: str = ","
    dates: tuple[str, ...] = ("ymd",)
    numbers: NumberStyle = field(default_factory=NumberStyle)
    columns: Mapping[str, Column]
    constants: Mapping[str, str] = field(default_factory=dict)
    skip: tuple[Condition, ...] = ()
    account: Template
    terms: Terms | None = None
    events: tuple[EventPlan, ...]
    gone: Gone | None = None
    """What became of an open invoice that the file has no more; None where a file need not have everything."""
    whole_of: tuple[str, ...] = ()
    """Further profiles, whose invoices the file has as well while they are open."""

    def only_read_by(self, plan: EventPlan) -> tuple[tuple[str, Kind], ...]:
        """The columns that nothing but `plan` reads, and as what."""
        if plan.event == "account":  # of which not every row says everything
            return ()
        others = {name for other in self.events if other is not plan for name in other.columns}
        others |= {"currency", *self.account.names, *self.constants, *(condition.column for condition in self.skip)}
        others |= {self.terms.column} if self.terms and self.terms.column else set()
        return tuple((name, kind) for name, kind in plan.columns.items() if name not in others and name != plan.needs)

    @cached_property
    def is_of_now(self) -> bool:
        """Whether what it says of an account has no date of its own, but that of another event of the row."""
        dates = [plan.fields["date"] for plan in self.events if plan.event != "account"]
        return any(plan.event == "account" and plan.fields["date"] in dates for plan in self.events)

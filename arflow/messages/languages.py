"""How a language writes amounts, dates and lists of dates, and which language an account is written to in."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from arflow import money

_HARD_SPACE = "\u00a0"


@dataclass(frozen=True, kw_only=True)
class Language:
    """One language. `day` is a form with {day}, {month} and {year}; `and_day` and `comma_day` join days of a list.

    `heads` are the headings of the columns of invoices; `also` names what a long table leaves out, with {count}, and
    `also_one` a single line of it; `reference` is the line under a letter, with {account}.
    """

    code: str
    months: tuple[str, ...]
    day: str
    first_day: str
    and_day: str
    comma_day: str
    thousands: str
    point: str
    amount: str
    heads: Mapping[str, str]
    also: str
    also_one: str
    reference: str

    def show_day(self, on: dt.date) -> str:
        """A date, its month in words so that nobody takes it for another."""
        day = self.first_day if on.day == 1 else str(on.day)
        return self.day.format(day=day, month=self.months[on.month - 1], year=on.year)

    def show_days(self, days: Sequence[dt.date]) -> str:
        """Several dates in a sentence; nothing when there are none."""
        shown = [self.show_day(on) for on in days]
        return self.and_day.join([self.comma_day.join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)

    def show_also(self, count: int) -> str:
        """What stands for so many lines that a long table leaves out."""
        return self.also_one if count == 1 else self.also.format(count=count)

    def show_amount(self, minor: int, currency: str) -> str:
        """An amount of minor units with the currency's code and all its decimals; it never breaks over two lines."""
        whole, _, decimals = money.show(abs(minor), currency).partition(".")
        number = f"{int(whole):,}".replace(",", self.thousands)
        sign = "-" if minor < 0 else ""
        written = f"{sign}{number}{self.point}{decimals}" if decimals else f"{sign}{number}"
        return self.amount.format(number=written, currency=currency)


_ENGLISH = Language(
    code="en",
    months=(
        *("January", "February", "March", "April", "May", "June", "July"),
        *("August", "September", "October", "November", "December"),
    ),
    day=f"{{day}}{_HARD_SPACE}{{month}} {{year}}",
    first_day="1",
    and_day=" and ",
    comma_day=", ",
    thousands=",",
    point=".",
    amount=f"{{currency}}{_HARD_SPACE}{{number}}",
    heads=MappingProxyType(
        {"number": "Invoice", "due": "Due date", "open": "Open amount", "paid": "Paid", "total": "Total"}
    ),
    also="and {count} more",
    also_one="and 1 more",
    reference="Your account with us: {account}",
)

_GERMAN = Language(
    code="de",
    months=(
        *("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli"),
        *("August", "September", "Oktober", "November", "Dezember"),
    ),
    day=f"{{day}}.{_HARD_SPACE}{{month}} {{year}}",
    first_day="1",
    and_day=" und am ",
    comma_day=", am ",
    thousands=".",
    point=",",
    amount=f"{{number}}{_HARD_SPACE}{{currency}}",
    heads=MappingProxyType(
        {"number": "Rechnung", "due": "Fällig am", "open": "Offener Betrag", "paid": "Bezahlt", "total": "Summe"}
    ),
    also="und {count} weitere",
    also_one="und 1 weitere",
    reference="Ihr Konto bei uns: {account}",
)

_FRENCH = Language(
    code="fr",
    months=(
        *("janvier", "février", "mars", "avril", "mai", "juin", "juillet"),
        *("août", "septembre", "octobre", "novembre", "décembre"),
    ),
    day=f"{{day}}{_HARD_SPACE}{{month}} {{year}}",
    first_day="1er",
    and_day=" et le ",
    comma_day=", le ",
    thousands=_HARD_SPACE,
    point=",",
    amount=f"{{number}}{_HARD_SPACE}{{currency}}",
    heads=MappingProxyType(
        {"number": "Facture", "due": "Échéance", "open": "Reste dû", "paid": "Payé", "total": "Total"}
    ),
    also="et {count} autres",
    also_one="et 1 autre",
    reference=f"Votre compte chez nous{_HARD_SPACE}: {{account}}",
)

LANGUAGES: Mapping[str, Language] = MappingProxyType({known.code: known for known in (_ENGLISH, _GERMAN, _FRENCH)})
"""Every language that has templates, by its code."""

USUAL: Mapping[str, str] = MappingProxyType(dict.fromkeys(("AT", "DE", "LI"), "de") | dict.fromkeys(("FR", "MC"), "fr"))
"""The language of a country, where one of ours is plainly the usual one."""


def language_for(language: str, country: str) -> Language:
    """The language to write in: the recorded one without its region; if none is recorded, its country's; else English.

    A recorded language that has no templates is answered in English, not in the country's language.
    """
    code = language.strip().replace("_", "-").partition("-")[0].lower() or USUAL.get(country.strip().upper(), "")
    return LANGUAGES.get(code, _ENGLISH)

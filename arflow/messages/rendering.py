"""From an account's value to a message: subject, text and HTML, in the account's language. Pure.

`render` puts what the letter is about (`content`) into words: those of the template, between an opening and a closing
that all letters share. The HTML says the same words; only its frame is a page of its own.
"""

import datetime as dt
import re
import textwrap
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Template

from arflow.accounts.entries import Account
from arflow.accounts.promises import Terms
from arflow.errors import Refused, did_you_mean
from arflow.messages import sandbox
from arflow.messages.content import THANK_YOU, Content, content
from arflow.messages.languages import Language, language_for
from arflow.rules.templates import KNOWN

FOLDER = Path(__file__).parent
WORDS = FOLDER / "words"

MAX_LINES = 50
"""How many lines the table of a letter has; the rest is one line, and is in the total."""

MAX_VALUE = 200
"""How many characters a name or number has in a letter."""

TIME_TO_ANSWER = dt.timedelta(days=7)
"""The day that a letter names to pay or answer by is that much later."""

_TABLE = "\x1f"
"""Stands for the table in rendered words; no value and no template can contain it."""

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "person": "who is written to; may be empty",
        "customer": "the account's name",
        "account": "the account's id",
        "company": "who writes",
        "contact": "the colleague who has the account; may be empty",
        "phone": "the number to call; may be empty",
        "today": "the date of the letter",
        "invoices": "the table of invoices, in a paragraph of its own",
        "lines": "the same to loop over: `line.number`, `line.due`, `line.amount`",
        "count": "how many invoices, to compare with",
        "number": "the number of the first invoice",
        "first_due": "the first due date",
        "total": "the sum",
        "days_overdue": "days since the oldest due date, to compare with",
        "asks": "whether the letter asks for overdue money",
        "settled": "whether nothing is overdue any more",
        "pay_by": "a week after the letter",
        "written_on": "when earlier letters of this episode left that arrived; empty if none",
        "last_written_on": "the last of these days",
        "spoken_on": "when we last spoke in this episode; empty if never",
        "called_on": "when we tried to call after that; empty if never",
        "promise_amount": "what was promised and not kept; empty if there is no such promise",
        "promised_on": "when it was promised",
        "promise_due": "for when it was promised",
        "promise_came": "what came of it in time; empty if nothing",
        "paid_since": "what was paid after that, for whatever; empty if nothing",
        "payment_amount": "the latest payment; empty if there is none",
        "payment_on": "its date",
        "unapplied": "money that stands against no invoice; empty if none",
        "disputed": "what is overdue and disputed; empty if nothing",
        "promised": "what is overdue and promised for later; empty if nothing",
    }
)
"""Every name that a template may use, and what it stands for. Amounts and dates are written as the language does."""

_KNOWN_NAMES = MappingProxyType(
    dict.fromkeys(NAMES, frozenset[str]()) | {sandbox.LOOPED: frozenset({"number", "due", "amount"})}
)


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Who writes: the company, the colleague who has the account, and the number to call; both may be empty."""

    company: str
    contact: str = ""
    phone: str = ""


@dataclass(frozen=True, kw_only=True)
class Message:
    """What is sent: `subject` is one line, `text` and `html` say the same."""

    subject: str
    text: str
    html: str
    language: str


@dataclass(frozen=True, kw_only=True)
class _Cell:
    text: str
    align: str


@dataclass(frozen=True, kw_only=True)
class _Table:
    heads: tuple[_Cell, ...]
    rows: tuple[tuple[_Cell, ...], ...]
    foot: tuple[_Cell, ...]


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A paragraph, or the table."""

    text: str = ""
    table: _Table | None = None


def render(
    template: str,
    account: Account,
    *,
    on: dt.date,
    sender: Sender,
    person: str = "",
    terms: Terms | None = None,
    number: int | None = None,
) -> Message:
    """The message `template` to `person` of `account`, written on the local date `on`.

    `terms` is how the account's policy judges promises; `number` the account's effect that the message is, so that it
    does not name itself among earlier ones. Raises SaysNothing when there is nothing to write about, and Refused for a
    template that is not known.
    """
    language = language_for(account.language, account.country)
    about = content(template, account, on, terms or Terms(), number)
    if not about.lines and template != THANK_YOU:
        raise SaysNothing(f"account `{account.id}` has nothing that `{template}` could be about any more")
    values = _values(account, about, language, on) | {
        "person": plain(person),
        "company": plain(sender.company),
        "contact": plain(sender.contact),
        "phone": plain(sender.phone),
    }
    subject, parts, signature = _written(template, language, values, _table(account, about, language))
    frame = values | {"signature": signature, "reference": language.reference.format(account=values["account"])}
    return Message(
        subject=subject,
        text=_text(parts, frame),
        html=_page().render(frame, subject=subject, parts=parts, language=language.code),
        language=language.code,
    )


class SaysNothing(Refused):
    """A letter about nothing: all was paid, disputed or promised since it was decided."""


def plain(value: str) -> str:
    """`value` as one line of visible text, not too long: nothing in it can begin another line or header."""
    spaced = "".join(_BLANKED.get(unicodedata.category(c), c) for c in value if c not in _TURNS)
    line = " ".join(spaced.split())
    return line if len(line) <= MAX_VALUE else f"{line[: MAX_VALUE - 1]}…"


_BLANKED: Mapping[str, str] = MappingProxyType({"Cc": " ", "Zl": " ", "Zp": " ", "Cs": "", "Cn": ""})
"""What stands for a character of a category that is not seen, or that begins another line."""

_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of all that follows."""


# --- words ------------------------------------------------------------------------------------------------------------


@cache
def words(template: str, language: str) -> Template:
    """The words of a template. Raises Refused when there is no such template."""
    if template not in {*KNOWN, "opening", "closing"}:
        raise Refused(f"there is no template `{template}`{did_you_mean(template, KNOWN)}")
    path = WORDS / language / f"{template}.txt"
    return sandbox.compiled(path.read_text("utf-8"), _KNOWN_NAMES, f"{language}/{path.name}")


@cache
def _page() -> Template:
    made = sandbox.environment(autoescape=True)
    made.trim_blocks = made.lstrip_blocks = True
    return made.from_string((FOLDER / "layout" / "letter.html").read_text("utf-8"))


def _written(
    template: str, language: Language, values: Mapping[str, Any], table: _Table
) -> tuple[str, list[_Part], str]:
    """The subject, what lies between it and the signature, and the signature."""
    subject, *body = _paragraphs(sandbox.rendered(words(template, language.code), values))
    opening = _paragraphs(sandbox.rendered(words("opening", language.code), values))
    *closing, signature = _paragraphs(sandbox.rendered(words("closing", language.code), values))
    parts = [part for text in (*opening, *body, *closing) for part in _parts(text, table)]
    return plain(subject.replace(_TABLE, "")).replace("\u00a0", " "), parts, signature


def _paragraphs(text: str) -> list[str]:
    """What stands between blank lines, each on one line."""
    found = (re.sub(r"[ \n\r]+", " ", part).strip(" ") for part in re.split(r"\n[ \r]*\n", text))
    return [part for part in found if part]


def _parts(paragraph: str, table: _Table) -> Iterator[_Part]:
    before, *rest = paragraph.split(_TABLE)
    if before.strip():
        yield _Part(text=before.strip())
    for after in rest:
        yield _Part(table=table)
        if after.strip():
            yield _Part(text=after.strip())


# --- values -----------------------------------------------------------------------------------------------------------


def _values(account: Account, about: Content, language: Language, on: dt.date) -> dict[str, Any]:
    """What the names of a template stand for."""

    def amount(minor: int) -> str:
        return language.show_amount(minor, account.currency) if minor else ""

    def day(date: dt.date | None) -> str:
        return language.show_day(date) if date else ""

    promise, payment = about.promise, about.payment
    return {
        "customer": plain(account.name),
        "account": plain(account.id),
        "today": day(on),
        "invoices": _TABLE,
        "lines": [_line(line.invoice, day(line.due), amount(line.amount)) for line in about.lines[:MAX_LINES]],
        "count": about.count,
        "number": plain(about.lines[0].invoice) if about.lines else "",
        "first_due": day(about.lines[0].due) if about.lines else "",
        "total": language.show_amount(about.total, account.currency),
        "days_overdue": about.days_overdue,
        "asks": about.asks,
        "settled": about.settled,
        "pay_by": day(on + TIME_TO_ANSWER),
        "written_on": language.show_days(about.written_on),
        "last_written_on": language.show_days(about.written_on[-1:]),
        "spoken_on": day(about.spoken_on),
        "called_on": day(about.called_on),
        "promise_amount": amount(promise.promise.amount) if promise else "",
        "promised_on": day(promise.promise.on) if promise else "",
        "promise_due": day(promise.promise.due) if promise else "",
        "promise_came": amount(promise.came) if promise else "",
        "paid_since": amount(about.paid_since),
        "payment_amount": amount(payment.amount) if payment else "",
        "payment_on": day(payment.on) if payment else "",
        "unapplied": amount(about.unapplied),
        "disputed": amount(about.disputed),
        "promised": amount(about.promised),
    }


def _line(number: str, due: str, amount: str) -> Mapping[str, str]:
    return {"number": plain(number), "due": due, "amount": amount}


# --- the table --------------------------------------------------------------------------------------------------------


def _table(account: Account, about: Content, language: Language) -> _Table:
    heads = language.heads

    def row(number: str, due: str, amount: str) -> tuple[_Cell, ...]:
        return (
            _Cell(text=number, align="left"),
            _Cell(text=due, align="left"),
            _Cell(text=amount, align="right"),
        )

    shown, left = about.lines[:MAX_LINES], about.lines[MAX_LINES:]
    rows = [
        row(plain(line.invoice), language.show_day(line.due), language.show_amount(line.amount, account.currency))
        for line in shown
    ]
    if left:
        rest = language.show_amount(sum(line.amount for line in left), account.currency)
        rows.append(row(language.show_also(len(left)), "", rest))
    return _Table(
        heads=row(heads["number"], heads["due"], heads["paid" if about.payment else "open"]),
        rows=tuple(rows),
        foot=row(heads["total"], "", language.show_amount(about.total, account.currency)),
    )


# --- text -------------------------------------------------------------------------------------------------------------

_WIDTH = 76


def _text(parts: list[_Part], frame: Mapping[str, Any]) -> str:
    blocks = [_drawn(part.table) if part.table else _wrapped(part.text) for part in parts]
    end = f"{frame['signature']}\n{frame['company']}"
    return "\n\n".join([*blocks, end, frame["reference"]]) + "\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _drawn(table: _Table) -> str:
    """The table as text: its columns beside each other, amounts under amounts."""
    rows = [table.heads, *table.rows, table.foot]
    widths = [max(len(row[column].text) for row in rows) for column in range(len(table.heads))]
    lines = [_drawn_row(row, widths) for row in rows]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _drawn_row(row: tuple[_Cell, ...], widths: list[int]) -> str:
    cells = (
        cell.text.rjust(width) if cell.align == "right" else cell.text.ljust(width)
        for cell, width in zip(row, widths, strict=True)
    )
    return "   ".join(cells)

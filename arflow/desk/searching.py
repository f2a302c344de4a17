"""What a search box finds: accounts by id, name or invoice number, and by a name, number or address of a contact.

One query, whatever was typed, among the accounts that a person reaches; what they do not reach is not found.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, case, func, or_, select, union_all

from arflow.desk import access
from arflow.desk.users import User
from arflow.store import tables

MOST_FOUND = 50
_LAST_CHARACTER = "\U0010ffff"

_PHONE = re.compile(r"[\d\s()+/.-]+")
_FEWEST_DIGITS, _SAME_DIGITS = 6, 7
"""From how many digits on a text may be a phone number, and how many of the last ones make two the same.

What stands before them is written in many ways: `+49`, `0049`, `0`, `(0)` or nothing.
"""

_account, _person = tables.account, tables.person


def search(connection: Connection, user: User, wanted: str) -> list[str]:
    """The ids of up to MOST_FOUND accounts that `user` reaches, those whose id or name begins so first.

    Who gives a whole id or invoice number gets what has it, without all others being read.
    """
    text = unicodedata.normalize("NFC", wanted.strip())
    if not text:
        return []
    return _found(connection, user, text, _is(text)) or _found(connection, user, text, _resembles(text))


def invoice_in(connection: Connection, account: str, wanted: str) -> str | None:
    """`wanted`, where the number of an invoice about which the account `account` is called begins with it."""
    text = wanted.strip()
    query = select(_account.c.id).where(_account.c.id == account, _account.c.id != text, _is_invoiced(text))
    return None if connection.execute(query).first() is None else text


def _found(connection: Connection, user: User, text: str, which: ColumnElement[bool]) -> list[str]:
    order = case((_account.c.id == text, 0), (_account.c.name.istartswith(text, autoescape=True), 1))
    query = select(_account.c.id).where(which, access.reachable(user), _account.c.born)
    query = query.order_by(order.asc().nulls_last(), _account.c.name, _account.c.id)
    return list(connection.execute(query.limit(MOST_FOUND)).scalars())


def _is(text: str) -> ColumnElement[bool]:
    """Whether an account has this id, or this invoice; what may is looked up, so that no account is read in vain."""
    invoiced = select(tables.invoice.c.account_id).where(func.lower(tables.invoice.c.id) == func.lower(text))
    itself, others, owing = _account.alias("itself"), _account.alias("others"), _account.alias("owing")
    families = select(owing.c.family).where(owing.c.id.in_(invoiced))  # its head may be who paid for them once
    may_be = union_all(
        select(itself.c.id).where(itself.c.id == text),
        invoiced,
        select(others.c.id).where(others.c.family.in_(families), others.c.family != others.c.id),
    )
    return _account.c.id.in_(may_be) & ((_account.c.id == text) | access.book().in_(invoiced))


def _resembles(text: str) -> ColumnElement[bool]:
    """Whether an account has this in its id or name, an invoice whose number begins with it, or such a contact."""
    return or_(
        _account.c.id.icontains(text, autoescape=True),
        _is_spelt(_account.c.name, text),
        _is_invoiced(text),
        _account.c.id.in_(select(_person.c.account_id).where(_is_contact(text))),
    )


def _is_invoiced(text: str) -> ColumnElement[bool]:
    """Whether an account is called about an invoice whose number begins so."""
    number, end = func.lower(tables.invoice.c.id), func.lower(text + _LAST_CHARACTER)
    is_between = number.bool_op("~>=~")(func.lower(text)) & number.bool_op("~<~")(end)
    return access.book().in_(select(tables.invoice.c.account_id).where(is_between))


def _is_contact(text: str) -> ColumnElement[bool]:
    """Whether somebody to reach at a customer has this address, number or name."""
    if "@" in text:
        return _person.c.email.icontains(text, autoescape=True)
    digits = _digits(text)
    if _PHONE.fullmatch(text) and len(digits) >= _FEWEST_DIGITS:
        return func.regexp_replace(_person.c.phone, r"\D", "", "g").endswith(digits[-_SAME_DIGITS:])
    return _is_spelt(_person.c.name, text)


def _digits(text: str) -> str:
    """The digits of a phone number without those zeros that only some countries dial."""
    return re.sub(r"\D", "", text).lstrip("0")


# --- spelling ---------------------------------------------------------------------------------------------------------

_TWO: Mapping[str, str] = {"ä": "ae", "æ": "ae", "ö": "oe", "œ": "oe", "ü": "ue", "ß": "ss"}
_ONE: Mapping[str, str] = {"ø": "o", "ł": "l", "đ": "d"}
"""Letters as others spell them. All else that differs from a plain letter differs by its accents."""

_LONGEST_SPELT = 80
"""How many characters a text may have for which all spellings are looked for."""

_MARKS = "[\u0300-\u036f]*"
"""The accents of a letter that are written apart from it."""


def _is_spelt(name: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Whether `text` is a part of a name, whatever the case and accents of its letters: `Muller` of `Müller`, too."""
    if len(text) > _LONGEST_SPELT:
        return name.icontains(text, autoescape=True)
    return name.bool_op("~*")(_spellings(text))


def _spellings(text: str) -> str:
    """A regular expression of all ways in which `text` may be written."""
    letters = "".join(_TWO.get(one, _ONE.get(one, one)) for one in text.lower())
    plain = [one for one in unicodedata.normalize("NFD", letters) if not unicodedata.combining(one)]
    return "".join(map(_spelling, re.findall("|".join((*sorted({*_TWO.values()}), ".")), "".join(plain), re.DOTALL)))


def _spelling(letter: str) -> str:
    """One letter or sign; or two that others write as one."""
    if letter in _TWO.values():
        ones = "".join(_cases(one) + _LETTERS.get(_plain(one), "") for one, two in _TWO.items() if two == letter)
        return f"(?:{''.join(map(_spelling, letter))}|[{ones}]{_MARKS})"
    if letter in _LETTERS:
        return f"[{_LETTERS[letter]}]{_MARKS}"
    return f"[{_cases(letter)}]" if letter.isalpha() else re.escape(letter)


def _cases(letter: str) -> str:
    return "".join(dict.fromkeys(one for one in (letter, letter.lower(), letter.upper()) if len(one) == 1))


def _plain(letter: str) -> str:
    """A letter without its accents."""
    return unicodedata.normalize("NFD", letter)[0].lower()


def _letters() -> Mapping[str, str]:
    """For each letter from a to z itself and all that differ from it by accents, small and large."""
    found: dict[str, str] = defaultdict(str)
    for code in (*range(ord("A"), ord("z") + 1), *range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        plain = _ONE.get(chr(code).lower(), _plain(chr(code)))
        if plain.isascii() and plain.isalpha():
            found[plain] += chr(code)
    return found


_LETTERS = _letters()

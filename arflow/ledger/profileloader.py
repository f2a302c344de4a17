"""A profile's YAML into a Profile, or one refusal with its line and, where one is near, what was meant.

Everything that can be wrong with a profile is found here, before a file is opened. docs/imports.md shows the tables of
keys below word for word (a test compares them).
"""

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from arflow import money
from arflow.errors import Refused, did_you_mean
from arflow.ledger.profileevents import conditions, events, one_of, template
from arflow.ledger.profiles import OF_EVENTS, Clean, Column, Condition, EventPlan, Gone, Profile, SignRule, Terms
from arflow.ledger.written import ORDERS, THOUSANDS, NumberStyle, shown
from arflow.rules.yamlnodes import Node, as_bool, as_int, as_list, as_mapping, as_text, as_texts, load

MAX_BYTES = 100_000
"""The largest profile; the shipped ones have about 1,500 bytes."""

ENCODINGS = ("utf-8", "utf-16", "windows-1250", "windows-1252", "iso-8859-1", "iso-8859-2", "iso-8859-15")
DELIMITERS = {",": ",", ";": ";", "|": "|", "tab": "\t"}
DECIMAL_MARKS = (".", ",")

KEYS: Mapping[str, str] = {
    "profile": "its name, as in `--profile NAME`; small letters, digits and dashes",
    "title": "what it reads, for people",
    "encoding": f"of the text: {', '.join(ENCODINGS)}; default utf-8",
    "delimiter": "between cells: `,` (default), `;`, `|` or `tab`",
    "dates": f"the order or orders dates are written in: {', '.join(ORDERS)}; default ymd",
    "decimal_mark": "`.` (default) or `,`",
    "thousands_mark": "`.`, `,`, `'` or a space; default none",
    "blank": 'texts that mean nothing in every column, as an empty cell does: `[n/a, "NULL"]`',
    "skip": "rows that are no data: one of these columns fits a pattern (`*`, `?`, any case): `{customer: [Total*]}`",
    "columns": "our name for each column, and the header it stands under",
    "constants": "names with the same text on every row: `{currency: USD}`",
    "account": "the account's id as a template of names: `{customer}` or `{customer}/{currency}`",
    "terms": "when an invoice is due whose due date is missing",
    "events": "which events a row makes, and the name that each field comes from",
    "whole": "the file has every invoice that is open, and this became of one that it has no more: `{gone: payment}`",
}
REQUIRED = ("profile", "columns", "account", "events")

COLUMN_KEYS: Mapping[str, str] = {
    "header": "the header, or a list: the first that the file has is taken (any case)",
    "optional": "`true`: the file may lack it, and then all its cells are blank",
    "blank": "further texts that mean nothing in this column",
    "clean": f"a list of what to take off, in the order given: {', '.join(Clean)}",
    "values": 'what each text means: `{"391": US}`; any other text is a bad value',
    "sign": f"of an amount: {', '.join(SignRule)}; or a column that says so: `{{column: debit_credit, negative: [H]}}`",
}

TERMS_KEYS: Mapping[str, str] = {
    "days": "days after the invoice's date",
    "column": "the name of the column with a code of terms",
    "codes": "days by code: `{NT30: 30}`; another code takes `days`",
}

WHOLE_KEYS: Mapping[str, str] = {
    "gone": f"what became of it: {', '.join(Gone)}",
    "of": "further profiles, by name: the file has the open invoices of their files as well",
}

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PROFILE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


def shipped() -> tuple[str, ...]:
    """The names of the profiles that come with arflow."""
    entries = (entry.name for entry in files("arflow.ledger.formats").iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in entries if name.endswith(".yaml")))


def find(name: str) -> Profile:
    """The shipped profile `name`, or the one in the file `name` when it ends in .yaml. Raises Refused."""
    if name.endswith((".yaml", ".yml")):
        return from_file(Path(name))
    if name not in (known := shipped()):
        hint = did_you_mean(name, known) or f"; there are {', '.join(known)}, or a path that ends in .yaml"
        raise Refused(f"there is no profile `{name[:60]}`{hint}")
    resource = files("arflow.ledger.formats") / f"{name}.yaml"
    return from_text(resource.read_bytes(), file=f"{name}.yaml")


def from_file(path: Path) -> Profile:
    """The profile in the file at `path`. Raises Refused."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}", file=str(path)) from None
    return from_text(text, file=str(path))


def from_text(text: str | bytes, *, file: str) -> Profile:
    """The profile that `text` describes. Raises Refused with `file` and the line."""
    return _profile(load(text, file=file, max_bytes=MAX_BYTES))


def _profile(root: Node) -> Profile:
    entries = as_mapping(root, "a profile", KEYS, REQUIRED)
    names = _names(entries)
    columns = _columns(entries, names)
    constants = _constants(entries)
    _check_currency(entries, columns, constants)
    plans = events(entries["events"], names)
    gone, whole_of = _whole(entries.get("whole"), plans)
    return Profile(
        name=_own_name(entries["profile"]),
        title=as_text(entries["title"], "`title`") if "title" in entries else "",
        encoding=_choice(entries, "encoding", ENCODINGS),
        delimiter=DELIMITERS[_choice(entries, "delimiter", tuple(DELIMITERS))],
        dates=_dates(entries.get("dates")),
        numbers=_numbers(entries),
        columns=columns,
        constants=constants,
        skip=conditions(entries["skip"], "`skip`", names) if "skip" in entries else (),
        account=template(entries["account"], "`account`", names),
        terms=_terms(entries["terms"], names) if "terms" in entries else None,
        events=plans,
        gone=gone,
        whole_of=whole_of,
    )


def _own_name(node: Node) -> str:
    if not _PROFILE_NAME.fullmatch(name := as_text(node, "`profile`")):
        raise node.refused("`profile` is a name of small letters, digits and dashes")
    if name == OF_EVENTS:
        raise node.refused(f"a profile cannot be called `{OF_EVENTS}`: so files of events are noted, which have none")
    return name


def _choice(entries: Mapping[str, Node], key: str, known: Sequence[str]) -> str:
    """The text of `key`, which must be one of `known`; the first of them when it is not there."""
    return one_of(entries[key], f"`{key}`", known) if key in entries else known[0]


def _names(entries: Mapping[str, Node]) -> tuple[str, ...]:
    """Every name that columns and constants give, each once."""
    found: list[str] = []
    for node in (entries[key] for key in ("columns", "constants") if key in entries):
        for name in as_mapping(node, "`columns` and `constants`"):
            if not _NAME.fullmatch(name):
                raise node.refused_key(name, f"{shown(name)} is no name; use small letters, digits and `_`")
            if name in found:
                raise node.refused_key(name, f"`{name}` is a column already")
            found.append(name)
    return tuple(found)


def _check_currency(entries: Mapping[str, Node], columns: Mapping[str, Column], constants: Mapping[str, str]) -> None:
    if "currency" in constants:
        try:
            money.exponent(constants["currency"])
        except Refused as refusal:
            raise entries["constants"].refused_key("currency", refusal.reason) from None
    elif "currency" not in columns:
        raise entries["columns"].refused(
            "nothing says the currency; add a column `currency`, or `constants: {currency: USD}`"
        )


def _constants(entries: Mapping[str, Node]) -> Mapping[str, str]:
    if "constants" not in entries:
        return {}
    return {
        name: as_text(node, f"constant `{name}`")
        for name, node in as_mapping(entries["constants"], "`constants`").items()
    }


def _columns(entries: Mapping[str, Node], names: tuple[str, ...]) -> Mapping[str, Column]:
    blank = _blank(entries.get("blank"))
    found = as_mapping(entries["columns"], "`columns`").items()
    return {name: _column(name, node, blank, names) for name, node in found}


def _column(name: str, node: Node, blank: frozenset[str], names: tuple[str, ...]) -> Column:
    if not isinstance(node.value, Mapping):
        return Column(name=name, headers=as_texts(node, f"the header of `{name}`"), blank=blank)
    entries = as_mapping(node, f"column `{name}`", COLUMN_KEYS, ["header"])
    sign, negative_if = _sign(entries.get("sign"), names)
    return Column(
        name=name,
        headers=as_texts(entries["header"], f"the header of `{name}`"),
        optional="optional" in entries and as_bool(entries["optional"], "`optional`"),
        blank=blank | _blank(entries.get("blank")),
        clean=_clean(entries.get("clean")),
        values=_values(entries["values"]) if "values" in entries else None,
        sign=sign,
        negative_if=negative_if,
    )


def _blank(node: Node | None) -> frozenset[str]:
    return frozenset(text.strip().casefold() for text in as_texts(node, "a blank text")) if node else frozenset()


def _clean(node: Node | None) -> tuple[Clean, ...]:
    entries = as_list(node, "`clean`") if node else ()
    return tuple(Clean(one_of(entry, "`clean`", tuple(Clean))) for entry in entries)


def _values(node: Node) -> Mapping[str, str]:
    """What each text means, by the text casefolded."""
    return {
        text.casefold(): as_text(meaning, f"the value of {shown(text)}")
        for text, meaning in as_mapping(node, "`values`").items()
    }


def _sign(node: Node | None, names: tuple[str, ...]) -> tuple[SignRule, Condition | None]:
    if node is None:
        return SignRule.AS_WRITTEN, None
    if not isinstance(node.value, Mapping):
        return SignRule(one_of(node, "`sign`", tuple(SignRule))), None
    entries = as_mapping(node, "`sign`", ["column", "negative"], ["column", "negative"])
    column = one_of(entries["column"], "`column`", names)
    return SignRule.AS_WRITTEN, Condition.matching(column, as_texts(entries["negative"], "`negative`"))


def _dates(node: Node | None) -> tuple[str, ...]:
    if node is None:
        return ("ymd",)
    nodes = as_list(node, "`dates`") if isinstance(node.value, tuple) else (node,)
    orders = tuple(one_of(entry, "`dates`", tuple(ORDERS)) for entry in nodes)
    if {"dmy", "mdy"} <= set(orders) or not orders:
        raise node.refused("`dates` names one of dmy and mdy, not both: most dates would fit either")
    return orders


def _numbers(entries: Mapping[str, Node]) -> NumberStyle:
    decimal_mark = _choice(entries, "decimal_mark", DECIMAL_MARKS)
    if "thousands_mark" not in entries:
        return NumberStyle(decimal_mark=decimal_mark)
    node = entries["thousands_mark"]
    if node.value not in THOUSANDS or node.value == decimal_mark:
        raise node.refused("`thousands_mark` is one of `.`, `,`, `'` and a space, and not the decimal mark")
    return NumberStyle(decimal_mark=decimal_mark, thousands_mark=node.text)


def _terms(node: Node, names: tuple[str, ...]) -> Terms:
    entries = as_mapping(node, "`terms`", TERMS_KEYS)
    if not {"days", "codes"} & set(entries) or ("column" in entries) != ("codes" in entries):
        raise node.refused("`terms` needs `days`, or `column` and `codes`, or all three")
    codes = as_mapping(entries["codes"], "`codes`") if "codes" in entries else {}
    return Terms(
        days=_days(entries["days"]) if "days" in entries else None,
        column=one_of(entries["column"], "`column`", names) if "column" in entries else None,
        codes={code.casefold(): _days(days) for code, days in codes.items()},
    )


def _whole(node: Node | None, plans: Sequence[EventPlan]) -> tuple[Gone | None, tuple[str, ...]]:
    if node is None:
        return None, ()
    entries = as_mapping(node, "`whole`", WHOLE_KEYS, ["gone"])
    if all(plan.event != "invoice" for plan in plans):
        raise node.refused("`whole` is said of invoices, and no row makes one; add `invoice` to `events`")
    others = as_texts(entries["of"], "a profile") if "of" in entries else ()
    return Gone(one_of(entries["gone"], "`gone`", tuple(Gone))), others


def _days(node: Node) -> int:
    return as_int(node, "a number of days", least=0, most=3650)

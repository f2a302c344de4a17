"""What to do about the commonest slips in YAML, which a parser tells in words of its own.

It says what it expected at the place where it gave up. Whoever wrote `when: "vip" in tags` wants to hear of the quotes.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_ENTRY = re.compile(r"[\s-]*(?P<key>[\w.-]+):[ \t]+(?P<value>\S.*?)\s*")
_LONGEST = 80


@dataclass(frozen=True, kw_only=True)
class Slip:
    """Where the parser gave up."""

    problem: str
    """What it says."""

    lines: Sequence[str]
    """Those of the document."""

    line: int
    """Where it stood, from 1."""

    begun: int
    """Where that began which it was reading."""

    def entry(self, line: int) -> re.Match[str] | None:
        """The key and the text that stand in `line`, if it has that form."""
        return _ENTRY.fullmatch(self.lines[line - 1]) if line <= len(self.lines) else None


Told = tuple[str, int] | None
"""What to do, and in which line; None where that cannot be told."""


def advice(slip: Slip) -> Told:
    """What is to be done about `slip`; None where nobody has thought of it yet."""
    for said, tell in _SLIPS:
        if found := said.search(slip.problem):
            return tell(slip, found)
    return None


def _colon(slip: Slip, _found: re.Match[str]) -> Told:
    entry = slip.entry(slip.line)
    if entry and (": " in entry["value"] or entry["value"].endswith(":")):
        return f"a text with `: ` in it stands in quotes as a whole{_as_in(entry)}", slip.line
    return "this is indented too far, or the line above lacks the space after its colon", slip.line


def _quote(slip: Slip, _found: re.Match[str]) -> Told:
    entry = slip.entry(slip.line)
    shown = _as_in(entry) if entry and entry["value"][0] in "\"'" else "; is it one above?"
    return f"a text that begins with a quote stands in quotes as a whole{shown}", slip.line


def _indent(slip: Slip, _found: re.Match[str]) -> Told:
    return "this line is not indented like those it belongs to, or something above is not closed", slip.line


def _tab(slip: Slip, _found: re.Match[str]) -> Told:
    return "a tab stands here; write spaces", slip.line


def _escape(slip: Slip, found: re.Match[str]) -> Told:
    return f"`\\{found[1]}` means nothing in double quotes; write `\\\\` for a backslash", slip.line


def _unclosed(slip: Slip, _found: re.Match[str]) -> Told:
    entry = slip.entry(slip.begun)
    shown = f"; if it belongs to the text, write {_quoted(entry)}" if entry and len(entry["value"]) <= _LONGEST else ""
    return f"the quote that begins here is never closed{shown}", slip.begun


def _no_key(slip: Slip, _found: re.Match[str]) -> Told:
    return "this line is no `key: value`; a space follows the colon", slip.begun


def _brackets(slip: Slip, found: re.Match[str]) -> Told:
    opened = "{" if found[1] == "}" else "["
    if found[2] == "<stream end>":
        return f"the `{opened}` that begins here is never closed", slip.begun
    whole = f"""in `{opened} {found[1]}` a text with a comma, a quote or `: ` in it stands in quotes as a whole"""
    return f"{whole}, and commas part the entries; or the `{opened}` of line {slip.begun} is not closed", slip.line


def _begins(slip: Slip, _found: re.Match[str]) -> Told:
    entry = slip.entry(slip.line)
    if entry is None:
        return "no text begins with what stands here; put it in quotes", slip.line
    first = entry["value"][0]
    named = "a backtick" if first == "`" else f"`{first}`"
    return f"a text that begins with {named} stands in quotes{'' if first == '`' else _as_in(entry)}", slip.line


def _as_in(entry: re.Match[str]) -> str:
    """How `entry` is to be written, unless it is too long to be shown."""
    return f": {_quoted(entry)}" if len(entry["value"]) <= _LONGEST else ""


def _quoted(entry: re.Match[str]) -> str:
    key, value = entry["key"], entry["value"]
    if '"' not in value and "\\" not in value:
        return f'`{key}: "{value}"`'
    doubled = value.replace("'", "''")  # in single quotes nothing else has a meaning
    return f"`{key}: '{doubled}'`"


_SLIPS: Sequence[tuple[re.Pattern[str], Callable[[Slip, re.Match[str]], Told]]] = (
    (re.compile(r"mapping values are not allowed"), _colon),
    (re.compile(r"expected <block end>, but found '<scalar>'"), _quote),
    (re.compile(r"expected <block end>"), _indent),
    (re.compile(r"found character '\\t'"), _tab),
    (re.compile(r"found unknown escape character '(.)'"), _escape),
    (re.compile(r"found unexpected end of stream"), _unclosed),
    (re.compile(r"could not find expected ':'"), _no_key),
    (re.compile(r"expected ',' or '([}\]])', but got '(.+)'"), _brackets),
    (re.compile(r"that cannot start any token|(sequence entries|mapping keys) are not allowed"), _begins),
    (re.compile(r"expected (the node content|a comment or a line break|alphabetic or numeric)"), _begins),
)
"""What the parser says, and who knows better; the first that fits."""

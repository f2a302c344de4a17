"""Strict YAML 1.2 as a tree of nodes that know the line they stand in.

Policies and import profiles are read through this room, so that every refusal can name its line. A document is plain
data: no anchors, aliases, tags or directives, no key twice, no key that is not text. Nothing may be taken for
something else: `yes`, `on` and `2026-01-05` are text, `5000.0` keeps its decimals. What a key means is not known here.
"""

import re
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamStartEvent,
)
from ruamel.yaml.reader import ReaderError

from arflow import money
from arflow.errors import NotEnforcedYet, Refused, did_you_mean
from arflow.rules.yamlscalars import resolve
from arflow.rules.yamlslips import Slip, advice

MAX_DEPTH = 50
"""How deep lists and mappings may be nested in each other."""

MAX_NODES = 200_000
"""How many values and keys one document may have; 2,000 rules have about 40,000."""

_NO_CHARACTER = re.compile(r"[\x00\ud800-\udfff]")
"""What escapes in double quotes can write although no text may hold it: a zero, and half of a pair of UTF-16."""

_ENDS_IN_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?\Z")

_LONG_ESCAPE = re.compile(r"\\U([0-9a-fA-F]{8})")

Style = Literal["plain", "quoted", "literal", "collection"]
Value = bool | int | Decimal | str | tuple["Node", ...] | Mapping[str, "Node"] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One value of a document, and where it stands."""

    value: Value
    """What YAML 1.2 (core schema) makes of it: a float is a Decimal, a list a tuple, a mapping goes text to node."""
    file: str
    line: int
    """1-based; of a list or mapping, the line of its first entry or opening bracket."""
    text: str = ""
    """A scalar as written (`5000.0`, `0x10`, `TRUE`); of quoted text, what stands between the quotes."""
    style: Style = "plain"
    key_lines: Mapping[str, int] = field(default_factory=dict)
    """The line of each key of a mapping."""
    comment: str = ""
    """What stands behind a scalar on its line as a comment that may have been meant as text (`Invoice #4`)."""

    def refused(self, reason: str) -> "RefusedHere":
        """The refusal of this value, for the caller to raise."""
        return RefusedHere(reason, file=self.file, line=self.line, node=self)

    def refused_key(self, key: str, reason: str) -> "RefusedHere":
        """The refusal of one key of this mapping, for the caller to raise."""
        return RefusedHere(reason, file=self.file, line=self.key_lines[key], node=self, key=key)

    def not_enforced(self, reason: str, key: str | None = None) -> "NotEnforcedHere":
        """The refusal of what a later version acts on: this value, or one key of this mapping."""
        line = self.line if key is None else self.key_lines[key]
        return NotEnforcedHere(reason, file=self.file, line=line, node=self, key=key)


class RefusedHere(Refused):
    """A refusal that knows which value of the tree it is about, or which `key` of that value."""

    def __init__(
        self,
        reason: str,
        *,
        file: str | None = None,
        line: int | None = None,
        node: Node | None = None,
        key: str | None = None,
    ) -> None:
        self.node, self.key = node, key
        super().__init__(reason, file=file, line=line)


class NotEnforcedHere(RefusedHere, NotEnforcedYet):
    """Such a refusal of something that a later version acts on."""


def load(text: str | bytes, *, file: str, max_bytes: int, is_kept: bool = False) -> Node:
    """The one document in `text` (bytes are UTF-8). Raises Refused, with file and line, for all but strict YAML 1.2.

    One that `is_kept` was accepted before, so that it must be readable for good: where it holds the escape of what is
    no character, U+FFFD stands.
    """
    source = _as_source(text, file, max_bytes)
    try:
        return _Builder(file, source, is_kept=is_kept).document()
    except ReaderError as error:
        line = source.count("\n", 0, error.position) + 1
        raise Refused("not YAML: a control character stands here", file=file, line=line) from None
    except MarkedYAMLError as error:
        raise _not_yaml(error, file, source) from None
    except YAMLError as error:
        raise Refused(f"not YAML: {_one_line(str(error))}", file=file) from None
    except (OverflowError, ValueError):  # the parser asks Python for a character of a number that none has
        raise _beyond_all(source, file) from None


def _as_source(text: str | bytes, file: str, max_bytes: int) -> str:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > max_bytes:
        raise Refused(f"a document may have up to {max_bytes:,} bytes, this has {len(data):,}", file=file)
    try:
        return data.decode("utf-8-sig", "strict" if isinstance(text, bytes) else "surrogatepass")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refused("not UTF-8 text; save the file as UTF-8", file=file, line=line) from None


def _not_yaml(error: MarkedYAMLError, file: str, source: str) -> Refused:
    problem = _one_line(str(error.problem or error.context or "it cannot be read"))
    mark, lines = error.problem_mark or error.context_mark, source.rstrip().splitlines() or [""]
    if mark is None:
        return Refused(f"not YAML: {problem}", file=file)
    line, begun = (min(place.line + 1, len(lines)) for place in (mark, error.context_mark or mark))
    told = advice(Slip(problem=problem, lines=lines, line=line, begun=begun)) or (problem, line)
    return Refused(f"not YAML: {told[0]}", file=file, line=told[1])


def _beyond_all(source: str, file: str) -> Refused:
    first = next((found for found in _LONG_ESCAPE.finditer(source) if int(found[1], 16) > sys.maxunicode), None)
    line = source.count("\n", 0, first.start()) + 1 if first else None
    return Refused("not YAML: an escape such as `\\U00110000` is no character", file=file, line=line)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


class _Builder:
    """Turns the parser's events into nodes, one document only, and refuses as early as it can."""

    def __init__(self, file: str, source: str, *, is_kept: bool) -> None:
        self.file, self.is_kept, self.seen = file, is_kept, 0
        self.lines = source.splitlines()
        self.events: Iterator[Event] = YAML(typ="safe", pure=True).parse(source)

    def document(self) -> Node:
        self._skip_to_content()
        root = self.node(next(self.events), depth=1)
        if root.value is None:
            raise Refused("the document is empty", file=self.file)
        next(self.events)
        if isinstance(again := next(self.events), DocumentStartEvent):
            raise self.refused(again, "there is a second document; keep to one")
        return root

    def _skip_to_content(self) -> None:
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                if event.version or event.tags:
                    raise self.refused(event, "directives (`%...`) are not allowed; YAML 1.2 is meant anyway")
                return
            if not isinstance(event, StreamStartEvent):
                break
        raise Refused("the document is empty", file=self.file)

    def node(self, event: Event, depth: int) -> Node:
        self._check_size(event, depth)
        if not isinstance(event, ScalarEvent | CollectionStartEvent) or event.anchor is not None:
            raise self.refused(event, "anchors and aliases (`&`, `*`) are not allowed; write it out, or quote the text")
        if event.tag is not None:
            raise self.refused(event, f"tags such as `{_one_line(event.tag)[:40]}` are not allowed; quote the text")
        if isinstance(event, ScalarEvent):
            return self.scalar(event)
        return self.mapping(event, depth) if isinstance(event, MappingStartEvent) else self.sequence(event, depth)

    def _check_size(self, event: Event, depth: int) -> None:
        self.seen += 1
        if depth > MAX_DEPTH:
            raise self.refused(event, f"nested deeper than {MAX_DEPTH} levels")
        if self.seen > MAX_NODES:
            raise self.refused(event, f"a document may have up to {MAX_NODES:,} values")

    def sequence(self, event: CollectionStartEvent, depth: int) -> Node:
        entries = []
        while not isinstance(inner := next(self.events), SequenceEndEvent):
            entries.append(self.node(inner, depth + 1))
        return Node(value=tuple(entries), file=self.file, line=_line(event), style="collection")

    def mapping(self, event: MappingStartEvent, depth: int) -> Node:
        entries: dict[str, Node] = {}
        lines: dict[str, int] = {}
        while not isinstance(inner := next(self.events), MappingEndEvent):
            key = self.key(
                inner, depth + 1, before=next(reversed(entries.values()), None) if event.flow_style else None
            )
            if key in entries:
                raise self.refused(inner, f"`{key[:60]}` is there twice (first at line {lines[key]})")
            lines[key] = _line(inner)
            entries[key] = self.value(next(self.events), depth + 1, lines[key])
        return Node(
            value=MappingProxyType(entries), file=self.file, line=_line(event), style="collection", key_lines=lines
        )

    def value(self, event: Event, depth: int, line: int) -> Node:
        """The value of a key in `line`; where none is written the parser stands at what comes next."""
        node = self.node(event, depth)
        return replace(node, line=line) if node.value is None and not node.text else node

    def key(self, event: Event, depth: int, before: Node | None) -> str:
        """A key; `before` is the value that stands before it in braces."""
        node = self.node(event, depth)
        if isinstance(node.value, str):
            return node.value
        if before is not None and (cut := _cut(before, node)):
            raise self.refused(event, f"in braces a comma ends a value, also that in a number{cut}")
        raise self.refused(event, "a key must be text" + (f'; write "{node.text[:40]}"' if node.text else ""))

    def scalar(self, event: ScalarEvent) -> Node:
        if event.style:
            style: Style = "literal" if event.style in "|>" else "quoted"
            text = self.characters(event)
            return Node(value=text, file=self.file, line=_line(event), text=text, style=style)
        return Node(
            value=self.resolved(event), file=self.file, line=_line(event), text=event.value, comment=self.comment(event)
        )

    def comment(self, event: ScalarEvent) -> str:
        """What follows unquoted text on its line as a comment, where no space stands behind its `#`."""
        end = event.end_mark
        rest = self.lines[end.line][end.column :].strip() if end.line < len(self.lines) else ""
        return rest if re.match(r"#[^\s#]", rest) else ""

    def characters(self, event: ScalarEvent) -> str:
        """The text of a quoted scalar. JSON escapes each character beyond U+FFFF as two halves, which are joined."""
        text = str(event.value)
        if not _NO_CHARACTER.search(text):
            return text
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        if (bad := _NO_CHARACTER.search(text)) and not self.is_kept:
            raise self.refused(event, f"the escape `\\u{ord(bad[0]):04x}` is no character; leave it out")
        return _NO_CHARACTER.sub("\ufffd", text)

    def resolved(self, event: ScalarEvent) -> bool | int | Decimal | str | None:
        try:
            return resolve(event.value)
        except ValueError:
            shown = event.value[:40]
            raise self.refused(event, f"`{shown}` is no number that arflow keeps; quote it if it is text") from None

    def refused(self, event: Event, reason: str) -> Refused:
        return Refused(reason, file=self.file, line=_line(event))


def _cut(before: Node, key: Node) -> str:
    """How to write the number whose first part ends the value `before`, and of which the rest was read as a key."""
    first = _ENDS_IN_NUMBER.search(before.text)
    return money.mended(first[0], key.text, by=",") if first and key.text.isprintable() else ""


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1


def as_mapping(
    node: Node, what: str, known: Collection[str] | None = None, required: Collection[str] = ()
) -> Mapping[str, Node]:
    """The entries of the mapping `node`; `what` names it in refusals ("a rule"). `known` None allows any key."""
    if not isinstance(node.value, Mapping):
        raise _wrong_type(node, what, "a mapping (`key: value`)")
    for key in node.value:
        if known is not None and key not in known:
            raise node.refused_key(key, f"unknown key `{key[:60]}` in {what}{did_you_mean(key, known)}")
    if missing := [key for key in required if key not in node.value]:
        raise node.refused(f"{what} needs " + " and ".join(f"`{key}`" for key in missing))
    return node.value


def as_list(node: Node, what: str) -> tuple[Node, ...]:
    """The entries of the list `node`."""
    if not isinstance(node.value, tuple):
        raise _wrong_type(node, what, "a list")
    return node.value


def as_text(node: Node, what: str) -> str:
    """The text of `node`, which may not be empty."""
    if not isinstance(node.value, str):
        raise _wrong_type(node, what, "text")
    if not node.value.strip():
        raise node.refused(f"{what} is empty")
    return node.value


def as_texts(node: Node, what: str) -> tuple[str, ...]:
    """One text or a list of texts, as a tuple."""
    entries = node.value if isinstance(node.value, tuple) else (node,)
    return tuple(as_text(entry, what) for entry in entries)


def as_bool(node: Node, what: str) -> bool:
    """`true` or `false`; YAML 1.2 has no `yes`."""
    if not isinstance(node.value, bool):
        raise _wrong_type(node, what, "`true` or `false`")
    return node.value


def as_int(node: Node, what: str, *, least: int | None = None, most: int | None = None) -> int:
    """A whole number from `least` to `most`, both included."""
    if not isinstance(node.value, int) or isinstance(node.value, bool):
        raise _wrong_type(node, what, "a whole number")
    if (least is not None and node.value < least) or (most is not None and node.value > most):
        bounds = " ".join(f"{word} {bound:,}" for word, bound in (("from", least), ("to", most)) if bound is not None)
        raise node.refused(f"{what} is {node.value}, and must be {bounds}")
    return node.value


def as_decimal_text(node: Node, what: str) -> str:
    """The digits of a number as written (`25.00`), plain or quoted; for `money.parse`."""
    if isinstance(node.value, bool) or not isinstance(node.value, (int, Decimal, str)):
        raise _wrong_type(node, what, "an amount such as 25.00")
    return node.text


def _wrong_type(node: Node, what: str, wanted: str) -> Refused:
    hint = f'; quote it: "{node.text[:40]}"' if wanted == "text" and node.text else ""
    return node.refused(f"{what} must be {wanted}, not {_found(node)}{hint}")


def _found(node: Node) -> str:
    if node.style == "collection":
        return "a list" if isinstance(node.value, tuple) else "a mapping"
    return f"`{_one_line(node.text)[:40]}`" if node.text else "empty"

"""All that is wrong with a policy document at once, for those who edit one.

The loader refuses at the first thing that is wrong. Here that thing is taken out of the tree, and the rest is read
again, until nothing is wrong any more, or what is left depends on what was taken out. Pure, as the loader is.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from arflow.errors import Refused
from arflow.rules.loader import MAX_BYTES, read_policy
from arflow.rules.yamlnodes import Node, load

MOST = 20
"""How many refusals are told at once."""

_LISTS = ("rules", "never", "examples")
_OTHERS_NEED = ("policy", "currency", "attributes")


def refusals(text: str, *, file: str, templates: Collection[str] | None = None) -> tuple[Refused, ...]:
    """Why `load_policy` refuses `text`, by line; empty when it does not."""
    try:
        root: Node | None = load(text, file=file, max_bytes=MAX_BYTES)
    except Refused as refused:
        return (refused,)
    found: list[Refused] = []
    while root is not None and len(found) < MOST:
        try:
            read_policy(root, "", templates=templates)
        except Refused as refused:
            if refused.line in {one.line for one in found}:
                break  # what was taken out was not it
            found.append(refused)
            root = _without(root, refused.line)
        else:
            break
    return tuple(sorted(found, key=lambda refused: refused.line or 0))


def _without(root: Node, line: int | None) -> Node | None:
    """The document without the entry or key in which `line` stands; None when the rest cannot be read without it."""
    places = [place for place in _places(root) if line is not None and place[0] <= line]
    if not places or not isinstance(root.value, Mapping):
        return None
    _, _, key, at = max(places)
    rest = dict(root.value)
    if at >= 0:
        entries = _listed(rest[key])
        rest[key] = replace(rest[key], value=entries[:at] + entries[at + 1 :])
        return replace(root, value=rest) if _listed(rest[key]) or key != "rules" else None
    if key in _OTHERS_NEED or key in _LISTS:
        return None
    del rest[key]
    return replace(root, value=rest)


def _places(root: Node) -> Iterator[tuple[int, bool, str, int]]:
    """Each key of the document and each entry of its lists: its line, whether it is an entry, the key, its number."""
    if isinstance(root.value, Mapping):
        for key, node in root.value.items():
            yield root.key_lines[key], False, key, -1
            if key in _LISTS:
                yield from ((entry.line, True, key, at) for at, entry in enumerate(_listed(node)))


def _listed(node: Node) -> tuple[Node, ...]:
    return node.value if isinstance(node.value, tuple) else ()

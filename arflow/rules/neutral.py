"""Puts something harmless in the place of what is wrong in a policy document, so that the rest can still be judged.

What stands there instead is chosen so that nothing else becomes wrong by it: what only follows from a mistake is no
mistake of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from arflow.rules.rule_keys import MAX_RULES
from arflow.rules.yamlnodes import Node, RefusedHere
from arflow.vocabulary import State

Path = tuple[str | int, ...]
"""The way from the root of a document to one of its values: keys of mappings and places in lists."""

_DEEPEST: Mapping[str, int] = {"rules": 4, "never": 3, "examples": 5, "guards": 3}
"""How far down what is wrong is told apart, by the first key; elsewhere to a key of a key."""

_EFFECT = {"tag": "x"}
_EXPECTED = {"date": "2026-01-01", "state": "current"}
_RULE = {"id": "x", "from": "any", "when": "on_hold"}
_NEVER = {"id": "x", "to": "escalated", "when": "on_hold"}
CURRENCY = "CLF"
"""None has more decimals; what is judged by it all the same, nobody has written."""

_INSTEAD: Mapping[str, object] = {
    "policy": "x",
    "currency": CURRENCY,
    "rules": [{**_RULE, "do": [_EFFECT]}],
    "from": "any",
    "when": "on_hold",
    "do": [_EFFECT],
    "name": "x",
    "events": [],
    "expect": [_EXPECTED],
    "date": _EXPECTED["date"],
    "state": _EXPECTED["state"],
    "act_at": "00:00",
    "act_until": "23:59",
    "max_age_hours": 1,
    "hold_if_unapplied_covers": True,
}
"""What stands in the place of a key; any other is left out."""

_NEEDED: Mapping[str, Mapping[str, object]] = {
    "": {key: _INSTEAD[key] for key in ("policy", "currency", "rules")},
    "rules": _RULE,
    "never": _NEVER,
    "examples": {key: _INSTEAD[key] for key in ("name", "events", "expect")},
    "expect": _EXPECTED,
    "fresh_cash": {"max_age_hours": 1},
}
"""What a mapping must have, by the key or list in which it stands."""


def path_of(root: Node, refused: RefusedHere) -> Path | None:
    """Where the value or key that was refused stands; None where it stands nowhere."""
    path = None if refused.node is None else _path(root, refused.node)
    return path if path is None or refused.key is None else (*path, refused.key)


def _path(node: Node, sought: Node) -> Path | None:
    if node is sought:
        return ()
    inner = node.value.items() if isinstance(node.value, Mapping) else enumerate(_entries(node))
    found = ((step, _path(child, sought)) for step, child in inner)
    return next(((step, *path) for step, path in found if path is not None), None)


def value_at(node: Node, path: Path) -> Node | None:
    """The value at `path`; None where there is none."""
    for step in path:
        if isinstance(step, int):
            node = _entries(node)[step]
        elif step in _mapping(node):
            node = _mapping(node)[step]
        else:
            return None
    return node


def without(root: Node, path: Path, *, is_key: bool) -> Node | None:
    """The document without what is wrong at `path`, be it the key alone; None when the rest says nothing without it."""
    if is_key:  # one that is not known is most often a needed one, misspelt
        return _changed(root, path[:-1], lambda node: _filled(_set(node, path[-1], None), path[:-1]))
    unit = path[: _DEEPEST.get(str(path[0]), 2)] if path else path
    if not unit:
        filled = _filled(root, unit)
        return None if filled is root else filled
    if isinstance(unit[-1], int):
        return _without_entry(root, unit, unit[-1])
    return _changed(root, unit[:-1], lambda node: _set(node, unit[-1], _instead(node, unit)))


def _without_entry(root: Node, unit: Path, at: int) -> Node | None:
    """The same of an entry of a list: mended where it only lacks something, else left out."""
    if unit[0] == "rules" and len(unit) == 2 and at >= MAX_RULES:  # noqa: PLR2004  # a rule
        return None

    def change(node: Node) -> Node:
        entry = _entries(node)[at]
        filled = _node(_EFFECT, entry) if unit[-2] == "do" else _filled(entry, unit)
        left = _set(node, at, None if filled is entry else filled)
        return left if _entries(left) or unit[-2] not in _INSTEAD else _node(_INSTEAD[str(unit[-2])], node)

    return _changed(root, unit[:-1], change)


def _instead(around: Node, unit: Path) -> Node | None:
    """What stands in the place of the last key of `unit`, whose mapping is `around`."""
    key, was = str(unit[-1]), _mapping(around)[str(unit[-1])]
    if key == "id":
        return _node(f"x-{'-'.join(str(step) for step in unit[:2])}", was)
    if key == "to":
        return _node(_elsewhere(around), was)
    return _node(_INSTEAD[key], was) if key in _INSTEAD else None


def _elsewhere(rule: Node) -> str:
    """A state that `from` does not name."""
    origin = _mapping(rule).get("from")
    named = [] if origin is None else [origin.value, *(entry.value for entry in _entries(origin))]
    return next((str(state) for state in reversed(State) if str(state) not in named), str(State.ESCALATED))


def _filled(node: Node, path: Path) -> Node:
    """The mapping at `path` with what it lacks; the same node where it lacks nothing."""
    if not isinstance(node.value, Mapping):
        return node
    named = [step for step in path if isinstance(step, str)]
    needed = dict(_NEEDED.get(named[-1] if named else "", {}))
    if named == ["rules"] and not {"to", "do"} & set(node.value):
        needed["do"] = _INSTEAD["do"]
    for key, value in needed.items():
        if key not in node.value:
            unique = f"x-{'-'.join(str(step) for step in path)}" if key == "id" else value
            node = _set(node, key, _node(unique, node))
    return node


# --- trees ------------------------------------------------------------------------------------------------------------


def _entries(node: Node) -> tuple[Node, ...]:
    return node.value if isinstance(node.value, tuple) else ()


def _mapping(node: Node) -> Mapping[str, Node]:
    return node.value if isinstance(node.value, Mapping) else {}


def _changed(node: Node, path: Path, change: Callable[[Node], Node]) -> Node:
    """The tree with the value at `path` changed."""
    if not path:
        return change(node)
    child = _mapping(node)[path[0]] if isinstance(path[0], str) else _entries(node)[path[0]]
    return _set(node, path[0], _changed(child, path[1:], change))


def _set(node: Node, step: str | int, child: Node | None) -> Node:
    """The list or mapping with another value at `step`, or with none."""
    if isinstance(step, int):
        entries = _entries(node)
        return replace(node, value=(*entries[:step], *([] if child is None else [child]), *entries[step + 1 :]))
    rest = {key: value for key, value in _mapping(node).items() if key != step}
    if child is None:
        return replace(node, value=rest)
    return replace(node, value={**rest, step: child}, key_lines={step: child.line, **node.key_lines})


def _node(value: object, like: Node) -> Node:
    """`value` as if it stood where `like` stands."""
    if isinstance(value, Mapping):
        inner = {str(key): _node(one, like) for key, one in value.items()}
        return Node(
            value=inner, file=like.file, line=like.line, style="collection", key_lines=dict.fromkeys(inner, like.line)
        )
    if isinstance(value, list):
        entries = tuple(_node(one, like) for one in value)
        return Node(value=entries, file=like.file, line=like.line, style="collection")
    if not isinstance(value, bool | int | str):
        raise TypeError(value)
    return Node(value=value, file=like.file, line=like.line, text=str(value))

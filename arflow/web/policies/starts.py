"""What a draft starts from: an empty skeleton, a policy that comes with arflow, or a version that is kept."""

import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

import arflow
from arflow.errors import Refused, SaysNo
from arflow.rules.loader import MAX_BYTES, load_policy
from arflow.rules.policy import Policy
from arflow.rules.rule_keys import ID
from arflow.rules.yamlnodes import Node, load
from arflow.rules.yamlscalars import resolve
from arflow.store import policies
from arflow.store.policies import Kept

EMPTY = "empty"

_SHIPPED = Path(arflow.__file__).parent / "rules"
_SKELETON = Path(__file__).parent / "skeleton.yaml"
_NAMED = re.compile(r"""(["']?policy["']?[ \t]*:[ \t]*)("[^"\n]*"|'[^'\n]*'|[A-Za-z0-9][A-Za-z0-9_.-]*)""")
_MOST_TRIED = 5
_AT_A_GLANCE = re.compile(rf"^(?:\{{?[ \t]*){_NAMED.pattern}", re.MULTILINE)


def shipped() -> list[str]:
    """The names of the policies that come with arflow."""
    return sorted(path.stem for path in _SHIPPED.glob("standard-*.yaml"))


def kept_version(connection: Connection, version: str) -> Kept:
    """The version whose name begins with `version`. Raises SaysNo unless there is just one."""
    found = [one for one in policies.kept(connection) if version and one.version.startswith(version)]
    if len(found) != 1:
        raise SaysNo(f"there is no policy version `{version[:70]}`")
    return found[0]


def text(connection: Connection, start: str, name: str = "") -> str:
    """The document of `start`, under another `name` where one is given and there is a way to put it in.

    Raises SaysNo when there is none such, and Refused for what is no name.
    """
    if name and not ID.fullmatch(name):
        raise Refused(f"`{name[:100]}` is no name of a policy; use letters, digits, `-`, `_` and `.`")
    found = _text(connection, start)
    return under(name, found) if name else found


def under(name: str, source: str) -> str:
    """The document with another name; unchanged where it cannot be put in so that nothing else changes."""
    was = _values(source)
    for found in islice(_NAMED.finditer(source), _MOST_TRIED):  # the first may stand within a title
        renamed = f"{source[: found.start(2)]}{_written(name, found[2])}{source[found.end(2) :]}"
        if is_under(name, renamed) and _others(_values(renamed)) == _others(was):
            return renamed
    return source


def is_under(name: str, source: str) -> bool:
    """Whether the document names its policy so."""
    values = _values(source)
    return "policy" in values and values["policy"].value == name


def _written(name: str, was: str) -> str:
    """How `name` stands where `was` stood: in quotes where that did, and where it would be a number or the like."""
    is_text = name[0].isalpha() and isinstance(resolve(name), str)
    return name if is_text and was[0] not in "\"'" else f'"{name}"'


def _values(source: str) -> Mapping[str, Node]:
    """The values of a document by their keys; nothing of one that cannot be read."""
    try:
        value = load(source, file="policy", max_bytes=2 * MAX_BYTES, is_kept=True).value
    except Refused:
        return {}
    return value if isinstance(value, Mapping) else {}


def _others(values: Mapping[str, Node]) -> dict[str, Node]:
    return {key: node for key, node in values.items() if key != "policy"}


def _text(connection: Connection, start: str) -> str:
    if start == EMPTY:
        return _SKELETON.read_text(encoding="utf-8")
    if start in shipped():
        return (_SHIPPED / f"{start}.yaml").read_text(encoding="utf-8")
    return policies.version(connection, kept_version(connection, start).version).source


def name_in(source: str) -> str:
    """The name that a document gives its policy, as far as can be told at a glance; nothing where it gives none."""
    found = _AT_A_GLANCE.search(source)
    return found[2].strip("\"'") if found else ""


def policy(connection: Connection, start: str) -> Policy | None:
    """The policy of `start`, to compare with; None for the skeleton, and for what is not there."""
    if start == EMPTY:
        return None
    try:
        return load_policy(_text(connection, start), file=start)
    except SaysNo:
        return None


def renamed(connection: Connection, start: str, now: Policy) -> str:
    """That a draft has another name than the active policy of which it began; nothing where that is not so."""
    if start == EMPTY or start in shipped():
        return ""
    try:
        name = kept_version(connection, start).name
    except SaysNo:
        return ""
    if name == now.name or policies.active_one(connection, name) is None:
        return ""
    return f"This renames `{name}`, which stays active: `{now.name}` is a policy of its own"

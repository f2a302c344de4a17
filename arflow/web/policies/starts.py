"""What a draft starts from: an empty skeleton, a policy that comes with arflow, or a version that is kept."""

import re
from pathlib import Path

from sqlalchemy import Connection

import arflow
from arflow.errors import Refused, SaysNo
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.rules.rule_keys import ID
from arflow.store import policies
from arflow.store.policies import Kept

EMPTY = "empty"

_SHIPPED = Path(arflow.__file__).parent / "rules"
_SKELETON = Path(__file__).parent / "skeleton.yaml"
_POLICY_KEY = re.compile(r"^policy:.*$", re.MULTILINE)


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
    """The document of `start`, under another `name` where one is given. Raises SaysNo when there is none such."""
    if name and not ID.fullmatch(name):
        raise Refused(f"`{name[:100]}` is no name of a policy; use letters, digits, `-`, `_` and `.`")
    found = _text(connection, start)
    return _POLICY_KEY.sub(f"policy: {name}", found, count=1) if name else found


def _text(connection: Connection, start: str) -> str:
    if start == EMPTY:
        return _SKELETON.read_text(encoding="utf-8")
    if start in shipped():
        return (_SHIPPED / f"{start}.yaml").read_text(encoding="utf-8")
    return policies.version(connection, kept_version(connection, start).version).source


def name_in(source: str) -> str:
    """The name that a document gives its policy, as far as can be told at a glance; nothing where it gives none."""
    found = re.search(r"^policy: *([A-Za-z0-9][A-Za-z0-9_.-]*)", source, re.MULTILINE)
    return found[1] if found else ""


def policy(connection: Connection, start: str) -> Policy | None:
    """The policy of `start`, to compare with; None for the skeleton, and for what is not there."""
    if start == EMPTY:
        return None
    try:
        return load_policy(_text(connection, start), file=start)
    except SaysNo:
        return None

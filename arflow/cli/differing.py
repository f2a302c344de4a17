"""`arflow policy diff`: what is different in a policy, rule by rule."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from arflow.cli.arguments import FILE, examples, text_format
from arflow.cli.opened import opened
from arflow.cli.output import said
from arflow.cli.policy_commands import read_policy
from arflow.errors import Refused
from arflow.rules.comparing import Change, Difference, Differences, differences
from arflow.rules.policy import Policy
from arflow.store import policies


@click.command(
    "diff", epilog=examples("arflow policy diff trade-us.yaml", "arflow policy diff new.yaml old.yaml --format json")
)
@click.argument("file", type=FILE)
@click.argument("other", type=FILE, required=False)
@text_format
def diff(*, file: Path, other: Path | None, form: str) -> None:
    """What is different in FILE, rule by rule, seen from OTHER, or else from the active version of its name.

    Layout, comments and how an expression is spelt make no difference; the order of rules does. The exit status is 0
    whether they differ or not.
    """
    now = read_policy(file)
    was = read_policy(other) if other is not None else _active(now.name)
    base = f"{other}" if other is not None else f"the active version {was.version[:12]} of {was.name}"
    found = differences(was, now)
    said("\n".join(_lines(file, base, found)), _facts(now, was, found), form)


def _active(name: str) -> Policy:
    """The active version of the policy `name`. Raises Refused when there is none."""
    with opened() as engine, engine.connect() as connection:
        active = policies.active_one(connection, name)
        if active is None:
            raise Refused(f"no version of the policy `{name}` is active here; name a second file to compare with")
        return policies.version(connection, active.version)


# --- as text ----------------------------------------------------------------------------------------------------------


def _lines(file: Path, base: str, found: Differences) -> Iterator[str]:
    if not found:
        yield f"{file} and {base} mean the same"
        return
    yield f"{file}, seen from {base}:"
    for title, entries in (("rule", found.rules), ("never", found.never), ("example", found.examples)):
        for one in entries:
            yield f"{title} {one.id}: {_how(one)}"
            yield from _changes(one.changes)
    if found.keys:
        yield "settings:"
        yield from _changes(found.keys)


def _how(one: Difference) -> str:
    if one.was_place is None:
        return f"added, at place {one.place}"
    if one.place is None:
        return f"removed, from place {one.was_place}"
    return f"{one.how}, from place {one.was_place} to {one.place}" if one.is_moved else one.how


def _changes(changes: Sequence[Change]) -> Iterator[str]:
    """What each key was and is, line by line."""
    for change in changes:
        yield f"  {change.key}"
        yield from (f"    was {line}" for line in change.was.splitlines())
        yield from (f"    now {line}" for line in change.now.splitlines())


# --- for programs -----------------------------------------------------------------------------------------------------


def _facts(now: Policy, was: Policy, found: Differences) -> dict[str, object]:
    return {
        "policy": now.name,
        "version": now.version,
        "seen_from": {"policy": was.name, "version": was.version},
        "same": not found,
        "rules": [_entry(one) for one in found.rules],
        "never": [_entry(one) for one in found.never],
        "examples": [_entry(one) for one in found.examples],
        "settings": [_change(one) for one in found.keys],
    }


def _entry(one: Difference) -> dict[str, object]:
    changes = [_change(change) for change in one.changes]
    return {"id": one.id, "how": one.how, "was_place": one.was_place, "place": one.place, "changes": changes}


def _change(one: Change) -> dict[str, str]:
    return {"key": one.key, "was": one.was, "now": one.now}

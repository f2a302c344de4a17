"""The second replay comes out as all timelines say by itself: the contract's golden ones, and arflow's own."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from arflow.accounts.events import parse
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from tests import played
from tests.naive.book import Change
from tests.naive.replay import naive_replay

BEYOND = ("guard-",)
"""What the contract does not know of: the names of such timelines begin so."""

UNWORDED = "reason"
"""What the contract leaves to us: how it is said why an account is parked."""

_OPTIONS = {"--until": "until", "--states-at": "states_at", "--delivery": "delivery"}


def test_the_golden_timelines_come_out(golden: Path) -> None:
    paths = sorted(golden.glob("[0-9]*.yaml"))
    assert paths
    for path in paths:
        told: Any = YAML(typ="safe", pure=True).load(path)
        assert _wrong(told["args"], told["policy"], told["events"], told["expect"], told.get("files", {})) == "", (
            path.stem
        )


def _ours() -> list[played.Timeline]:
    """Those that it can play: it has one policy at a time."""
    found = [played.timeline(name) for name in played.names() if not name.startswith(BEYOND)]
    return [told for told in found if not told.also_active]


@pytest.mark.parametrize("told", _ours(), ids=lambda told: told.name)
def test_our_own_timelines_come_out(told: played.Timeline) -> None:
    assert _wrong(told.args, told.policy, told.events, told.expect, told.files) == ""


def _wrong(
    args: Sequence[Any], policy: object, events: Sequence[object], expect: object, files: Mapping[str, object]
) -> str:
    """The first line that is not as a timeline expects, or nothing."""
    expected, found = json.loads(_text(expect)), json.loads(_text(_lines(args, policy, events, files)))
    for at in range(max(len(expected), len(found))):
        wanted, got = (entries[at] if at < len(entries) else None for entries in (expected, found))
        if wanted is None or got is None or any(got.get(n) != wanted[n] for n in wanted.keys() - {UNWORDED}):
            return f"line {at + 1}: expected {_text(wanted)}, got {_text(got)}"
    return ""


def _lines(
    args: Sequence[Any], policy: object, events: Sequence[object], files: Mapping[str, object]
) -> list[dict[str, object]]:
    told = [parse(json.loads(_text(event)), at) for at, event in enumerate(events, 1)]
    read = {name: _policy(content) for name, content in files.items()}
    changes = [Change(one.on, one.clock, read[one.text("file")]) for one in told if one.kind == "policy"]
    options = {_OPTIONS[name]: value for name, value in zip(args[::2], args[1::2], strict=True)}
    return naive_replay(told, _policy(policy), changes, **options)


def _policy(content: object) -> Policy:
    return load_policy(_text(content), file="policy.yaml")


def _text(value: object) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)

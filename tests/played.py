"""Timelines: a policy, events, and the lines that a replay must print; and what a replay refuses.

`tests/timelines/NAME.yaml` holds `name`, `says`, `args` of the replay, `policy`, `events`, `expect`, and perhaps
`files` (further policies by file name) and `also_active` (those of them that are active from the start).
`refused.yaml` holds the refusals. `python -m tests.played NAME ...` plays timelines with the evaluator of production,
and ends with what is wrong.
"""

import datetime as dt
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ruamel.yaml import YAML

from arflow.errors import Refused
from arflow.life.lives import PolicyChange
from arflow.replay import Line, Request, changes_in, read_events, read_policy, replay
from arflow.rules.decide import Evaluator
from arflow.rules.engine import DurableRules

FOLDER = Path(__file__).parent / "timelines"
REFUSED = "refused"
POLICY, EVENTS = "policy.yaml", "events.jsonl"
MIDNIGHT = dt.time(0)
_OPTIONS = {"--until": "until", "--states-at": "states_at", "--delivery": "delivery"}
_PLAIN_POLICY = {
    "policy": "bakery",
    "currency": "EUR",
    "rules": [{"id": "write", "from": "current", "when": "days_overdue >= 2", "to": "reminded", "why": "Late."}],
}
_PLAIN_EVENT = {
    "account": "Nord",
    "date": "2027-03-01",
    "event": "invoice",
    "id": "F1",
    "amount": "80.00",
    "due": "2027-03-05",
}
_MORE_RULES = "  - {{id: r{}, from: current, when: days_overdue >= 2, to: reminded, why: Late.}}\n"


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """What is written in its file."""

    name: str
    says: str
    args: Sequence[Any]
    policy: object
    events: Sequence[object]
    expect: Sequence[Mapping[str, object]]
    files: Mapping[str, object] = field(default_factory=dict)
    also_active: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A policy or events that a replay refuses at `line`; the one that is not given is a plain one.

    `more_rules` adds so many plain rules to the policy, `padding` a comment of so many characters.
    """

    name: str
    says: str
    policy: str = ""
    events: str = ""
    line: int | None = None
    more_rules: int = 0
    padding: int = 0

    @property
    def file(self) -> str:
        """The file that is refused."""
        return EVENTS if self.events else POLICY


def names() -> list[str]:
    """The names of all timelines."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem != REFUSED)


def timeline(name: str) -> Timeline:
    """The timeline called `name`."""
    return Timeline(**_content(name))


@cache
def refusals() -> Mapping[str, Refusal]:
    """The refusals by name."""
    return {entry["name"]: Refusal(**entry) for entry in _content(REFUSED)}


def _content(name: str) -> Any:  # noqa: ANN401  # whatever stands in the file
    return YAML(typ="safe", pure=True).load(FOLDER / f"{name}.yaml")


def difference(told: Timeline, evaluator: Evaluator, *, every_day: bool) -> str:
    """The first line that is not as `told` says, or nothing."""
    expected, found = json.loads(_text(told.expect)), json.loads(_text(lines(told, evaluator, every_day=every_day)))
    for at in range(max(len(expected), len(found))):
        wanted, got = (entries[at] if at < len(entries) else None for entries in (expected, found))
        if wanted is None or got is None or wanted != {name: got.get(name, "nothing") for name in wanted}:
            return f"line {at + 1} of {told.name}: expected {_text(wanted)}, got {_text(got)}"
    return ""


def lines(told: Timeline, evaluator: Evaluator, *, every_day: bool) -> list[Line]:
    """What a replay of `told` prints."""
    files = {name: _text(content) for name, content in told.files.items()}
    files |= {POLICY: _text(told.policy), EVENTS: "".join(f"{_text(event)}\n" for event in told.events)}
    with TemporaryDirectory() as folder:
        asked = _request(Path(folder), files)
        if told.also_active:
            asked = replace(asked, changes=(_all_active(asked, Path(folder), told.also_active), *asked.changes))
        return replay(replace(asked, every_day=every_day, **_options(told.args)), evaluator)


def play(refusal: Refusal, evaluator: Evaluator) -> None:
    """Replay what must be refused."""
    policy = refusal.policy or _text(_PLAIN_POLICY)
    policy += "".join(_MORE_RULES.format(number) for number in range(refusal.more_rules)) + "#" * refusal.padding
    with TemporaryDirectory() as folder:
        replay(_request(Path(folder), {POLICY: policy, EVENTS: refusal.events or _text(_PLAIN_EVENT)}), evaluator)


def _request(folder: Path, files: Mapping[str, str]) -> Request:
    for name, content in files.items():
        (folder / name).write_text(content, "utf-8")
    policy, events = read_policy(folder / POLICY), read_events(folder / EVENTS)
    return Request(events=events, policy=policy, changes=changes_in(events, folder, EVENTS), file=EVENTS)


def _all_active(asked: Request, folder: Path, others: Sequence[str]) -> PolicyChange:
    """From the start all of these policies are active, the highest precedence first."""
    policies = [asked.policy, *(read_policy(folder / name) for name in others)]
    ranked = sorted(policies, key=lambda policy: -policy.precedence)
    return PolicyChange(on=dt.date.min, clock=MIDNIGHT, policies=tuple(ranked))


def _options(args: Sequence[Any]) -> dict[str, Any]:
    given = dict(zip(args[::2], args[1::2], strict=True))
    return {_OPTIONS[name]: value for name, value in given.items()}


def _text(value: object) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


def _wrong(asked: Sequence[str]) -> Iterator[str]:
    """Play the timelines called `asked` both ways with the evaluator of production; gives what is wrong."""
    evaluator = DurableRules()
    for name in asked:
        for every_day in (False, True):
            try:
                wrong = difference(timeline(name), evaluator, every_day=every_day)
            except Refused as refused:
                wrong = f"{name} is refused: {refused}"
            if wrong:
                yield wrong
    if evaluator.is_worn:
        yield "more policies than one process compiles: the naive evaluator was asked"


if __name__ == "__main__":
    sys.exit("\n".join(_wrong(sys.argv[1:])) or 0)

"""Random cases for both replays: accounts, perhaps one that others pay through, and policies that may change.

A case can be made smaller as long as the two still differ.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from arflow.accounts.events import parse
from arflow.errors import Refused
from arflow.life.lives import PolicyChange
from arflow.replay import Request, replay
from arflow.rules.reference import Reference
from tests.naive.book import Change
from tests.naive.life import Line
from tests.naive.replay import naive_replay
from tests.random_events import random_events, random_start
from tests.random_policies import CATALOGUE_AND_ATTRIBUTES, LIVELY, Document, loaded, random_document

TOLD = ("kind", "date", "time", "account", "from", "to", "rule", "cause", "effect", "name")
"""What is compared of a line. The contract does not say how the reason of a parked account is worded."""


_Lines = tuple[dict[str, object], ...]
_NEEDED = frozenset({"event", "account", "date", "id", "due", "amount"})


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is replayed."""

    policy: Document
    lines: _Lines
    changes: tuple[tuple[str, str, Document], ...] = ()
    delivery: str = "instant"
    until: str

    def __str__(self) -> str:
        lines = "".join(f"  {json.dumps(line, ensure_ascii=False)}\n" for line in self.lines)
        return (
            f"{json.dumps(self.policy, ensure_ascii=False)}\nchanges {self.changes}\n{lines}"
            f"until {self.until}, delivery {self.delivery}"
        )


def random_case(seed: int) -> Case:
    """The case of this seed. Its policies look at few facts, so that they have to do with each other."""
    rng = Random(seed)
    quiet = rng.random() < 0.4
    known = LIVELY if rng.random() < 0.5 else tuple(CATALOGUE_AND_ATTRIBUTES)
    facts = rng.sample(known, rng.randint(1, 2) if quiet else rng.randint(2, 6))
    start, days = random_start(rng), rng.choice((15, 30, 45, 90))
    changed = rng.randint(1, 2) if rng.random() < 0.25 else 0
    changes = [
        (
            (start + dt.timedelta(days=rng.randint(0, days))).isoformat(),
            rng.choice(("00:00", "02:30", "09:00", "23:45")),
            random_document(rng, facts, quiet=quiet),
        )
        for _ in range(changed)
    ]
    return Case(
        policy=random_document(rng, facts, quiet=quiet),
        lines=tuple(_lines(rng, start, days)),
        changes=tuple(sorted(changes, key=lambda change: change[:2])),
        delivery=rng.choice(("instant", "recorded")),
        until=(start + dt.timedelta(days=days + rng.choice((0, 10, 40)))).isoformat(),
    )


def _lines(rng: Random, start: dt.date, days: int) -> list[dict[str, object]]:
    """Events of an account, of one that pays through it now and then; some come twice, and in any order."""
    found = random_events(rng, "A", start, days, rng.randint(3, 25))
    if rng.random() < 0.3:
        first = start + dt.timedelta(days=rng.randint(0, 3))
        own = random_events(rng, "K", first, days, rng.randint(2, 12))
        own = [line for line in own if not line.get("invoices")]
        cancelled = {line["id"] for line in own if line["event"] == "promise"}
        own = [line for line in own if line["event"] != "promise_cancelled" or line["id"] in cancelled]
        for line in own:
            if line["event"] == "account" and (line is own[0] or rng.random() < 0.4):
                line["pays_through"] = "A" if line is own[0] else rng.choice(("A", None))
        found += own
    if rng.random() < 0.2:
        found += [line for line in found if "id" in line and rng.random() < 0.2]
    return found


# --- the two replays --------------------------------------------------------------------------------------------------


def by_arflow(case: Case) -> list[Line]:
    """What arflow's replay prints: the lines, then the states."""
    asked = Request(
        events=tuple(parse(line, at) for at, line in enumerate(case.lines, 1)),
        policy=loaded(case.policy),
        changes=tuple(
            PolicyChange(on=on, clock=clock, policies=(loaded(document),)) for on, clock, document in _changes(case)
        ),
        delivery=case.delivery,
    )
    until = dt.date.fromisoformat(case.until)
    lines = replay(replace(asked, until=until), Reference())
    return [dict(line) for line in (*lines, *replay(replace(asked, states_at=until), Reference()))]


def by_hand(case: Case) -> list[Line]:
    """What the second replay prints: the lines, then the states."""
    events = tuple(parse(line, at) for at, line in enumerate(case.lines, 1))
    policy = loaded(case.policy)
    changes = [Change(on, clock, loaded(document)) for on, clock, document in _changes(case)]
    until = dt.date.fromisoformat(case.until)
    lines = naive_replay(events, policy, changes, until=until, delivery=case.delivery)
    return lines + naive_replay(events, policy, changes, states_at=until, delivery=case.delivery)


def _changes(case: Case) -> Iterator[tuple[dt.date, dt.time, Document]]:
    for on, clock, document in case.changes:
        yield dt.date.fromisoformat(on), dt.time.fromisoformat(clock), document


def difference(case: Case) -> str:
    """The first line in which the two differ, or nothing."""
    arflow, hand = ([_told(line) for line in lines] for lines in (by_arflow(case), by_hand(case)))
    for at in range(max(len(arflow), len(hand))):
        one, other = (lines[at] if at < len(lines) else None for lines in (arflow, hand))
        if one != other:
            return f"line {at + 1}\narflow:  {one}\nby hand: {other}"
    return ""


def _told(line: Line) -> Line:
    if line["kind"] == "state":
        return line
    told = {name: line[name] for name in TOLD if name in line}
    return told | ({"is_no_policy": line["reason"] == "no policy"} if line["kind"] == "parked" else {})


# --- making it smaller ------------------------------------------------------------------------------------------------


def smallest(case: Case, differs: Callable[[Case], str] = difference) -> Case:
    """`case` with everything left out that the difference does not need."""
    while True:
        found = next((smaller for smaller in _smaller(case) if _still(smaller, differs)), None)
        if found is None:
            return case
        case = found


def _still(case: Case, differs: Callable[[Case], str]) -> bool:
    try:
        return differs(case) != ""
    except (Refused, StopIteration, IndexError, KeyError, AssertionError):  # what it refers to was left out
        return False


def _smaller(case: Case) -> Iterator[Case]:
    for at in range(len(case.changes)):
        yield replace(case, changes=case.changes[:at] + case.changes[at + 1 :])
    yield from (replace(case, lines=lines) for lines in _fewer_lines(case.lines))
    for policy in _smaller_documents(case.policy):
        yield replace(case, policy=policy)
    for at, (on, clock, document) in enumerate(case.changes):
        for policy in _smaller_documents(document):
            yield replace(case, changes=(*case.changes[:at], (on, clock, policy), *case.changes[at + 1 :]))


def _fewer_lines(lines: _Lines) -> Iterator[_Lines]:
    """Without half of them, a quarter, and so on; then each without one of its fields."""
    size = len(lines) // 2
    while size:
        yield from (fewer for at in range(0, len(lines), size) if (fewer := lines[:at] + lines[at + size :]))
        size //= 2
    for at, line in enumerate(lines):
        for name in sorted(line.keys() - _NEEDED):
            less = {key: value for key, value in line.items() if key != name}
            yield (*lines[:at], less, *lines[at + 1 :])


def _smaller_documents(document: Document) -> Iterator[Document]:
    rules: Any = document["rules"]
    for at, rule in enumerate(rules):
        if len(rules) > 1:
            yield document | {"rules": rules[:at] + rules[at + 1 :]}
        for fewer in _smaller_rules(rule):
            yield document | {"rules": [*rules[:at], fewer, *rules[at + 1 :]]}
    for key in ("applies_to", "never", "attributes", "promises", "calendar"):
        if key in document:
            yield {name: value for name, value in document.items() if name != key}
    calendar: Any = document.get("calendar", {})
    for key in calendar:
        yield document | {"calendar": {name: value for name, value in calendar.items() if name != key}}


def _smaller_rules(rule: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if len(rule.get("do", ())) > 1:
        yield from (rule | {"do": [effect]} for effect in rule["do"])
    if "do" in rule and "to" in rule:
        yield {name: value for name, value in rule.items() if name != "do"}
    for word in (" and ", " or "):
        if word in rule["when"]:
            yield from (rule | {"when": part} for part in rule["when"].split(word))

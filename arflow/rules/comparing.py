"""What is different between two versions of a policy, rule by rule, in the words of its document.

Two policies are the same when they mean the same: layout, comments and the spelling of an expression make no
difference; the order of rules does. Pure: pages and commands show what is found here.
"""

import datetime as dt
import difflib
import json
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Literal

from arflow import money
from arflow.rules.calendar import WEEKDAYS
from arflow.rules.catalogue import FactType
from arflow.rules.expressions import Comparison, Expression, Not
from arflow.rules.guards import Guards
from arflow.rules.policy import WIDE, Example, Never, Policy, Rule
from arflow.vocabulary import State

_LONGEST_MARKED = 4000
_WORD = re.compile(r"\s+|[\w.]+|[^\w.\s]+")

Entry = Rule | Never | Example


@dataclass(frozen=True, kw_only=True)
class Change:
    """One key that says something else, as its document writes it; empty where it is not said at all."""

    key: str
    was: str
    now: str


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One rule, entry of `never` or example that is not as it was. Places count from 1; None where it is not there."""

    id: str
    was_place: int | None
    place: int | None
    is_moved: bool = False
    changes: tuple[Change, ...] = ()

    @property
    def how(self) -> str:
        """In words: added, removed, changed, moved, or changed and moved."""
        if self.was_place is None:
            return "added"
        if self.place is None:
            return "removed"
        return " and ".join(word for word, holds in (("changed", self.changes), ("moved", self.is_moved)) if holds)


@dataclass(frozen=True, kw_only=True)
class Differences:
    """All that differs between two versions; false when they mean the same."""

    keys: tuple[Change, ...]
    rules: tuple[Difference, ...]
    never: tuple[Difference, ...]
    examples: tuple[Difference, ...]

    def __bool__(self) -> bool:
        return bool(self.keys or self.rules or self.never or self.examples)


def differences(was: Policy, now: Policy) -> Differences:
    """What is different in `now`, seen from `was`."""
    before, after = _in_decimals(was), _in_decimals(now)
    return Differences(
        keys=tuple(_changed(_keys(before), _keys(after))),
        rules=tuple(_differing(before.rules, after.rules)),
        never=tuple(_differing(before.never, after.never)),
        examples=tuple(_differing(before.examples, after.examples)),
    )


def _in_decimals(policy: Policy) -> Policy:
    """The policy with what its conditions say of amounts in decimals: 500 cents are 5.00 dollars, 500 yen are 500."""
    return replace(
        policy,
        applies_to=None if policy.applies_to is None else _condition(policy.applies_to, policy),
        rules=tuple(replace(rule, when=_condition(rule.when, policy)) for rule in policy.rules),
        never=tuple(replace(never, when=_condition(never.when, policy)) for never in policy.never),
    )


def _condition(expression: Expression, policy: Policy) -> Expression:
    if isinstance(expression, Not):
        return Not(part=_condition(expression.part, policy))
    if not isinstance(expression, Comparison):
        return replace(expression, parts=tuple(_condition(part, policy) for part in expression.parts))
    if policy.facts[expression.fact].type is not FactType.AMOUNT:
        return expression
    return replace(expression, values=tuple(str(_decimal(value, policy)) for value in expression.values))


def _decimal(minor: int | str, policy: Policy) -> Decimal:
    """An amount of a policy; equal ones are written alike, whatever their currency."""
    return Decimal(money.show(int(minor), policy.currency)).normalize()


# --- entries of a list ------------------------------------------------------------------------------------------------


def _differing(was: Sequence[Entry], now: Sequence[Entry]) -> Iterator[Difference]:
    """The entries that differ: those that are there now in their order, then those that are gone."""
    before, after = _named(was), _named(now)
    places = {name: place for place, name in enumerate(before, 1)}
    stays = _longest_rising([places[name] for name in after if name in places])
    for place, (name, entry) in enumerate(after.items(), 1):
        was_place = places.get(name)
        found = Difference(
            id=_id(entry),
            was_place=was_place,
            place=place,
            is_moved=was_place is not None and was_place not in stays,
            changes=tuple(_changed(_parts(before[name]) if name in before else {}, _parts(entry))),
        )
        if found.how:
            yield found
    for name, entry in before.items():
        if name not in after:
            gone = tuple(_changed(_parts(entry), {}))
            yield Difference(id=_id(entry), was_place=places[name], place=None, changes=gone)


def _named(entries: Iterable[Entry]) -> dict[tuple[str, int], Entry]:
    """Entries by their name; of examples with the same name, the first, the second and so on."""
    seen: Counter[str] = Counter()
    found = {}
    for entry in entries:
        found[_id(entry), seen[_id(entry)]] = entry
        seen[_id(entry)] += 1
    return found


def _id(entry: Entry) -> str:
    return entry.name if isinstance(entry, Example) else entry.id


def _longest_rising(places: Sequence[int]) -> frozenset[int]:
    """The most of `places` that are in rising order as they stand: what was not moved past each other."""
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for place in places:
        at = bisect_left(ends, place)
        before[place] = ends[at - 1] if at else None
        ends[at : at + 1] = [place]
    found: set[int] = set()
    last = ends[-1] if ends else None
    while last is not None:
        found.add(last)
        last = before[last]
    return frozenset(found)


# --- keys and what they say -------------------------------------------------------------------------------------------

_Said = dict[str, tuple[object, str]]
"""For each key what it means, by which it is compared, and what its document says, which is shown."""


def _changed(was: _Said, now: _Said) -> Iterator[Change]:
    for key in was | now:
        meant_before, said_before = was.get(key, (None, ""))
        meant_now, said_now = now.get(key, (None, ""))
        if meant_before != meant_now:
            before, after = _apart(meant_before, meant_now) if key in _LISTS else (said_before, said_now)
            yield Change(key=key, was=before, now=after)


_LISTS = ("events", "expect")


def _apart(was: object, now: object) -> tuple[str, str]:
    """Of two lists only the entries that the other does not have, or all when only their order differs."""
    before = was if isinstance(was, tuple) else ()
    after = now if isinstance(now, tuple) else ()
    gone, come = Counter(before) - Counter(after), Counter(after) - Counter(before)
    if not gone and not come:
        return _lines(before), _lines(after)
    return _lines(gone.elements()), _lines(come.elements())


def _lines(entries: Iterable[str]) -> str:
    return "\n".join(event_in_words(json.loads(entry)) if entry.startswith("{") else entry for entry in entries)


def event_in_words(event: Mapping[str, object]) -> str:
    """An event in its words: when, what, and the rest of its keys."""
    first = [str(event[key]) for key in ("date", "time", "account", "event") if key in event]
    rest = [
        f"{key}: {_plain(value)}" for key, value in event.items() if key not in ("date", "time", "account", "event")
    ]
    return " ".join(first) + (f" ({', '.join(rest)})" if rest else "")


def _plain(value: object) -> str:
    return value if isinstance(value, str) else _json(value)


def _parts(entry: Entry) -> _Said:
    if isinstance(entry, Rule):
        return _rule(entry)
    return _example(entry) if isinstance(entry, Example) else _never(entry)


def _rule(rule: Rule) -> _Said:
    repeat = "" if rule.repeat_after_days is None else str(rule.repeat_after_days)
    return _given(
        {
            "from": (from_words(rule), from_words(rule)),
            "when": (rule.when, one_line(rule.when_text)),
            "to": (rule.to, rule.to or ""),
            "do": (rule.do, ", ".join(f"{effect.kind}: {effect.name}" for effect in rule.do)),
            "repeat_after_days": (repeat, repeat),
            "why": (rule.why, one_line(rule.why)),
        }
    )


def _never(never: Never) -> _Said:
    return {"to": (never.to, never.to), "when": (never.when, one_line(never.when_text))}


def _example(example: Example) -> _Said:
    account = "" if not example.account else _json(example.account)
    expect = tuple(_expectation(*expected) for expected in example.expect)
    return _given(
        {
            "account": (account, account),
            "events": (tuple(_json(event) for event in example.events), ""),
            "expect": (expect, ""),
        }
    )


def _expectation(day: dt.date, account: str, state: State) -> str:
    return f"{day} {state}" if account == "A" else f"{day} {account} {state}"


def _keys(policy: Policy) -> _Said:
    calendar = policy.calendar
    tolerance = money.show(policy.tolerance, policy.currency)
    texts = {
        "policy": policy.name,
        "title": policy.title,
        "currency": policy.currency,
        "precedence": str(policy.precedence),
        "attributes": ", ".join(f"{name}: {kind}" for name, kind in sorted(policy.attributes.items())),
        "calendar timezone": calendar.timezone,
        "calendar default_timezone": calendar.default_timezone,
        "calendar act_at": f"{calendar.act_at:%H:%M}",
        "calendar act_until": f"{calendar.act_until:%H:%M}",
        "calendar holidays": calendar.holidays,
        "calendar weekend": ", ".join(WEEKDAYS[day] for day in sorted(calendar.weekend)),
        "catch_up": str(policy.catch_up),
        "promises grace_days": str(policy.grace_days),
    }
    return _given(
        {key: (text, text) for key, text in texts.items()}
        | {
            "applies_to": (policy.applies_to, one_line(policy.applies_to_text)),
            "promises tolerance": (_decimal(policy.tolerance, policy), tolerance),
        }
        | _guards(policy.guards)
    )


def _guards(guards: Guards) -> _Said:
    """Each setting of each guard; the fuse has its own also where the document says none."""
    found: _Said = {}
    for name, guard in (("fresh_cash", guards.fresh_cash), ("storm_fuse", guards.storm_fuse)):
        values = {} if guard is None else asdict(guard)
        said = {key: str(value).lower() for key, value in values.items() if value not in (None, False)}
        found |= {f"guards {name} {key}": (text, text) for key, text in said.items()}
    return found


def _given(said: _Said) -> _Said:
    """Without what is not said."""
    return {key: (meant, text) for key, (meant, text) in said.items() if meant not in ("", None, ())}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def one_line(text: str) -> str:
    """A text of several lines as one."""
    return " ".join(text.split())


def from_words(rule: Rule) -> str:
    """Where a rule applies, in the shortest words of its document: `any`, `open`, or its states."""
    for word, states in WIDE.items():
        if rule.states == states - {rule.to}:
            return word
    return ", ".join(state for state in State if state in rule.states)


# --- what to look at within a text ------------------------------------------------------------------------------------

Mark = Literal["same", "gone", "come"]


def marked(was: str, now: str) -> list[tuple[Mark, str]]:
    """The words of two texts in one row: what is in both, what is gone, and what has come."""
    if len(was) + len(now) > _LONGEST_MARKED:
        return [("gone", was), ("come", now)]
    before, after = _WORD.findall(was), _WORD.findall(now)
    found: list[tuple[Mark, str]] = []
    for how, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if how == "equal":
            found.append(("same", "".join(before[a:b])))
            continue
        pieces: tuple[tuple[Mark, str], ...] = (("gone", "".join(before[a:b])), ("come", "".join(after[c:d])))
        found += [piece for piece in pieces if piece[1]]
    return found

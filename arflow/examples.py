"""Runs a policy's own examples: the owner's test cases, all of which must pass before it is activated."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from arflow.accounts.entries import Account
from arflow.accounts.events import Event, parse
from arflow.errors import Refused
from arflow.replay import Line, Request, lives, replay
from arflow.rules.decide import Evaluator
from arflow.rules.policy import Example, Policy
from arflow.vocabulary import State


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An example that does not come out as its owner says; `line` is that of the event which is refused, if one is."""

    example: str
    line: int
    what: str
    place: int = 0
    """Which of the policy's examples it is, from 0; two may have one name."""


def failures(policy: Policy, evaluator: Evaluator) -> list[Failure]:
    """What is wrong with the examples of `policy`; empty when all pass."""
    return [
        replace(failure, place=place)
        for place, example in enumerate(policy.examples)
        for failure in wrong(policy, example, evaluator)
    ]


def wrong(policy: Policy, example: Example, evaluator: Evaluator) -> Iterator[Failure]:
    """What does not come out as `example` says; nothing when it passes."""
    try:
        events = tuple(_events(example))
        for day, account, state in example.expect:
            request = Request(events=events, policy=policy, states_at=day)
            found = {lived.account.id: lived.account for lived in lives(request, evaluator)}.get(account)
            if found is None or found.state is not state:
                what = f"on {day} account `{account}` is {_instead(found, state)}"
                yield Failure(example=example.name, line=example.line, what=what)
    except Refused as refused:
        what = str(Refused(refused.reason))  # its place is told beside it
        yield Failure(example=example.name, line=refused.line or example.line, what=what)


def _instead(found: Account | None, expected: State) -> str:
    """Where an account stands that does not stand where it is expected, and why if it stands still."""
    parked = f"; it is parked: {found.parked.reason}" if found is not None and found.parked is not None else ""
    return f"{'not there' if found is None else found.state.value}, expected {expected.value}{parked}"


def story(policy: Policy, example: Example, evaluator: Evaluator) -> list[Line]:
    """What happens in `example` up to the last day it speaks of, as a replay prints it; nothing if it is refused."""
    last = max((day for day, _, _ in example.expect), default=None)
    try:
        return replay(Request(events=tuple(_events(example)), policy=policy, until=last), evaluator)
    except Refused:
        return []


def _events(example: Example) -> Iterator[Event]:
    """The example's events; its account is recorded with the first of them, whatever their order."""
    listed = zip(example.events, example.event_lines, strict=True)
    events = [_event({"account": "A", **content}, line) for content, line in listed]  # a wrong date is told at its line
    if example.account and events:
        first = min(event.on for event in events).isoformat()
        yield _event({"event": "account", "account": "A", "date": first, **example.account}, example.account_line)
    yield from events


def _event(content: Mapping[str, object], line: int) -> Event:
    """An event of an example. Raises Refused for another policy, which a replay reads beside its events."""
    if content.get("event") == "policy":
        raise Refused("an example has one policy, and no event `policy`", line=line)
    return parse(content, line)

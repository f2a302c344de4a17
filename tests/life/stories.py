"""Random stories: an account, perhaps its payer, and policies that may change. They are lived, compared, and shrunk."""

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any

from msgspec import structs

from arflow.accounts.entries import BEFORE_ALL, Account
from arflow.accounts.events import parse
from arflow.accounts.facts import Reading, snapshot
from arflow.accounts.promises import Terms
from arflow.accounts.timeline import timeline
from arflow.errors import Refused
from arflow.life.life import reading
from arflow.life.lives import Lived, PolicyChange, live
from arflow.life.records import World
from arflow.rules.calendar import instant
from arflow.rules.catalogue import WINDOWS
from arflow.rules.decide import Evaluator
from arflow.rules.reference import Reference
from tests.random_events import Line, random_events, random_start
from tests.random_policies import LIVELY, Document, loaded, random_document

ONE_DAY = dt.timedelta(days=1)
QUIET = 0.5
"""How many stories have nothing but the few rules that matter: a missed wake is noticed where no other one hides it."""
BUSY = 40
"""After so many entries a story is cut short: what happens every day says nothing about wakes."""
LONG = {name for name, days in WINDOWS.items() if days > 300}


@dataclass(frozen=True, kw_only=True)
class Change:
    """From a local date and time on these policies are active."""

    on: str
    clock: str
    policies: tuple[Document, ...]


@dataclass(frozen=True, kw_only=True)
class Story:
    """The account `K`, and the accounts through which it pays now and then, if any."""

    policies: tuple[Document, ...]
    own: tuple[Line, ...]
    until: str
    payers: tuple[tuple[Line, ...], ...] = ()
    changes: tuple[Change, ...] = ()
    delivery: str = "instant"

    def __str__(self) -> str:
        return json.dumps(asdict(self), indent=1)


def random_story(seed: int) -> Story:
    """The story of this seed. Its policies look at a few facts only, so that they have to do with each other."""
    rng = Random(seed)
    quiet = rng.random() < QUIET
    facts = rng.sample(LIVELY, rng.randint(1, 2) if quiet else rng.randint(2, 6))
    start, days = random_start(rng), rng.choice((400, 760)) if LONG & {*facts} else rng.choice((20, 45, 90, 150))
    payers = [random_events(rng, name, start, days, rng.randint(2, 12)) for name in rng.choice(("", "", "", "P", "PQ"))]
    own = _own(rng, start, days, payers)
    changes = [
        _change(rng, start, days, facts, quiet=quiet) for _ in range(rng.randint(1, 2) if rng.random() < 0.35 else 0)
    ]
    story = Story(
        policies=_policies(rng, facts, quiet=quiet),
        changes=tuple(sorted(changes, key=lambda change: (change.on, change.clock))),
        own=tuple(own),
        payers=tuple(tuple(lines) for lines in payers),
        delivery=rng.choice(("instant", "recorded")),
        until=(start + dt.timedelta(days=days + rng.choice((0, 10, 40)))).isoformat(),
    )
    entries = lived(story, every_day=False).entries[:BUSY]
    return story if len(entries) < BUSY else replace(story, until=max(entries[-1].on, start).isoformat())


def _own(rng: Random, start: dt.date, days: int, payers: Sequence[Sequence[Line]]) -> list[Line]:
    """The lines of `K`. While it pays through one account for good, its promises may name that one's invoices."""
    first = start + rng.randint(1, 3) * ONE_DAY
    early = [line for lines in payers[:1] for line in lines if str(line["date"]) < first.isoformat()]
    known = [str(line["id"]) for line in early if line["event"] == "invoice" and str(line["amount"])[0] != "-"]
    own = random_events(rng, "K", first, days, rng.randint(3, 20), known_invoices=tuple(known))
    names = [lines[0]["account"] for lines in payers]
    for line in own:
        if payers and line["event"] == "account" and (line is own[0] or (rng.random() < 0.4 and not known)):
            line["pays_through"] = names[0] if line is own[0] else rng.choice((None, *names))
    return own


def _change(rng: Random, start: dt.date, days: int, facts: Sequence[str], *, quiet: bool) -> Change:
    day = start + rng.randint(0, days) * ONE_DAY
    clock = rng.choice(("00:00", "02:30", "09:00", "23:45"))
    return Change(on=day.isoformat(), clock=clock, policies=_policies(rng, facts, quiet=quiet))


def _policies(rng: Random, facts: Sequence[str], *, quiet: bool) -> tuple[Document, ...]:
    return tuple(random_document(rng, facts, quiet=quiet) for _ in range(rng.choice((1, 1, 1, 2, 3))))


# --- living -----------------------------------------------------------------------------------------------------------


def lived(story: Story, *, every_day: bool, evaluator: Evaluator | None = None) -> Lived:
    """The life of `K`."""
    until = dt.date.fromisoformat(story.until)
    world = World(
        policies=tuple(loaded(document) for document in story.policies),
        evaluator=evaluator or Reference(),
        delivery=story.delivery,
        every_day=every_day,
    )
    changes = [_changed(change) for change in story.changes]
    payers = [_live(lines, world, until, changes) for lines in story.payers]
    world = structs.replace(world, ledgers={payer.account.id: payer.ledgers for payer in payers})
    return _live(story.own, world, until, changes)


def _live(lines: Sequence[Line], world: World, until: dt.date, changes: Sequence[PolicyChange]) -> Lived:
    events = [parse(line, at) for at, line in enumerate(lines, 1)]
    return live(Account(id=events[0].account, currency="USD"), timeline(events), world, until, changes)


def _changed(change: Change) -> PolicyChange:
    return PolicyChange(
        on=dt.date.fromisoformat(change.on),
        clock=dt.time.fromisoformat(change.clock),
        policies=tuple(loaded(document) for document in change.policies),
    )


def told(story: Story, *, every_day: bool) -> list[object]:
    """Everything that the story comes to: its entries in order, the account at its end, and its facts on that day."""
    done = lived(story, every_day=every_day)
    life, account = done.life, done.account
    end = instant(life.zone(), dt.date.fromisoformat(story.until) + ONE_DAY, dt.time(0))
    terms = reading(life.policy).terms if life.policy else Terms()
    facts = snapshot(account, life.policy_day(end), Reading(terms=terms)).facts
    bare = replace(account, wake=None, last_instant=BEFORE_ALL, policy_day=dt.date.min, episodes=())
    return [*done.entries, bare, facts]


def difference(story: Story) -> str:
    """The first thing in which jumping from wake to wake differs from a pass at every `act_at`, or nothing."""
    jumping, daily = told(story, every_day=False), told(story, every_day=True)
    pairs = zip(daily, jumping, strict=False)
    return next((f"every day: {passed}\njumping:   {jumped}" for passed, jumped in pairs if passed != jumped), "")


# --- shrinking --------------------------------------------------------------------------------------------------------


def smallest(story: Story) -> Story:
    """`story` with everything left out that the difference does not need."""
    while True:
        found = next((smaller for smaller in _smaller(story) if _still_differs(smaller)), None)
        if found is None:
            return story
        story = found


def _still_differs(story: Story) -> bool:
    try:
        return difference(story) != ""
    except Refused:  # what it refers to was left out
        return False


def _smaller(story: Story) -> Iterator[Story]:
    for changes in _without_one(story.changes):
        yield replace(story, changes=changes)
    for own in _without_one(story.own, least=1):
        yield replace(story, own=own)
    for payers in _without_one(story.payers):
        yield replace(story, payers=payers)
    for at, lines in enumerate(story.payers):
        for fewer in _without_one(lines, least=1):
            yield replace(story, payers=(*story.payers[:at], fewer, *story.payers[at + 1 :]))
    for policies in _smaller_policies(story.policies):
        yield replace(story, policies=policies)
    for at, change in enumerate(story.changes):
        for policies in _smaller_policies(change.policies):
            changed = replace(change, policies=policies)
            yield replace(story, changes=(*story.changes[:at], changed, *story.changes[at + 1 :]))


def _without_one(things: tuple[Any, ...], least: int = 0) -> Iterator[tuple[Any, ...]]:
    if len(things) > least:
        yield from (things[:at] + things[at + 1 :] for at in range(len(things)))


def _smaller_policies(policies: tuple[Document, ...]) -> Iterator[tuple[Document, ...]]:
    yield from _without_one(policies, least=1)
    for at, document in enumerate(policies):
        for smaller in _smaller_documents(document):
            yield (*policies[:at], smaller, *policies[at + 1 :])


def _smaller_documents(document: Document) -> Iterator[Document]:
    rules = document["rules"]
    if isinstance(rules, list):
        for fewer in _without_one(tuple(rules), least=1):
            yield document | {"rules": list(fewer)}
    for key in ("applies_to", "never", "attributes", "promises", "calendar"):
        if key in document:
            yield {name: value for name, value in document.items() if name != key}

"""The replay of all accounts, one after the other (contract, section 7)."""

import datetime as dt
from collections.abc import Sequence

from arflow import money
from arflow.accounts.events import Event
from arflow.rules.policy import Policy
from tests.naive.book import Book, Change
from tests.naive.facts import facts_of
from tests.naive.life import Life, Line


def naive_replay(
    events: Sequence[Event],
    policy: Policy,
    changes: Sequence[Change] = (),
    *,
    until: dt.date | None = None,
    states_at: dt.date | None = None,
    delivery: str = "instant",
) -> list[Line]:
    """The lines that a replay prints."""
    last = states_at or until or max(event.on for event in events)
    told = [event for event in events if event.on <= last and event.kind != "policy"]
    changes = [change for change in changes if change.on <= last]
    names = sorted({event.account for event in told})
    books = {name: Book(name, told, policy, changes) for name in names}
    through = {event.account for event in told if event.text("pays_through")}
    found: dict[str, Life] = {}
    for name in sorted(names, key=lambda name: name in through):
        found[name] = Life(books[name], found, recorded_delivery=delivery == "recorded")
        found[name].live(last)
    lives = [found[name] for name in names]
    if states_at is not None:
        return [_state(life) for life in lives]
    lines = [(at, place, line) for place, life in enumerate(lives) for at, line in life.lines]
    return [line for _, _, line in sorted(lines, key=lambda told: told[:2])]


def _state(life: Life) -> Line:
    known = life.known(life.ended)
    facts = facts_of(known)
    amount = facts["overdue_amount"]
    assert isinstance(amount, int)
    return {
        "kind": "state",
        "account": life.book.name,
        "state": life.state,
        "days_overdue": facts["days_overdue"],
        "overdue_amount": money.show(amount, known.ledger.currency),
    }

"""Today's positions from the books are those that are folded from the events, on random books with all that may be."""

import datetime as dt
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine, text

from arflow.reports.ageing import ageing
from arflow.reports.book import pipeline_of, stood
from arflow.reports.pipeline import pipeline
from arflow.reports.positions import Position, positions
from arflow.reports.present import present_positions
from arflow.rules.loader import load_policy
from tests.production import activate, standard, step, take_in, write_events
from tests.random_events import Line, random_events

pytestmark = pytest.mark.database

START = dt.date(2026, 2, 20)


def ledger(seed: int, accounts: int) -> list[Line]:
    """Random accounts in two currencies, with promises, disputes, reversals, write-offs and forced moves."""
    rng = Random(seed)
    found: list[Line] = []
    for number in range(accounts):
        currency = rng.choice(("USD", "USD", "EUR"))
        lines = random_events(rng, f"A{number:03}", START, 60, rng.randint(0, 40))
        first: Line = {"event": "account", "account": f"A{number:03}", "date": START.isoformat(), "currency": currency}
        found += [first, *lines[1:]]
    return found


@pytest.fixture
def book(engine: Engine) -> Engine:
    """A database on the evening before anything happens, with two policies: one judges promises mildly."""
    step(engine, START - dt.timedelta(days=2))
    activate(engine, standard("standard-usd"))
    mild = "policy: mild\ncurrency: EUR\npromises: {grace_days: 3, tolerance: 20.00}\nrules:\n"
    rule = "  - {id: late, from: current, when: days_overdue >= 2, to: reminded, why: Late.}\n"
    activate(engine, load_policy(mild + rule, file="mild"))
    return engine


def both(engine: Engine, day: dt.date) -> tuple[list[Position], list[Position]]:
    """The positions of a day, folded and from the books."""
    with engine.connect() as connection:
        return list(positions(connection, day)), present_positions(connection, day)


@pytest.mark.parametrize("seed", [3, 4])
def test_random_books_stand_as_their_events_fold(book: Engine, tmp_path: Path, seed: int) -> None:
    """Day after day the same accounts, states, amounts and ages, disputed, promised and collectible parts included."""
    take_in(book, write_events(tmp_path / "events.jsonl", ledger(seed, 25)), accept_rejects=True)
    seen: set[str] = set()
    for days in range(5, 70, 13):
        day = START + dt.timedelta(days=days)
        step(book, day)
        folded, kept = both(book, day)
        assert folded == kept
        assert (pipeline(folded), ageing(folded)) == (pipeline(kept), ageing(kept))
        with book.connect() as connection:
            assert pipeline(folded) == pipeline_of(connection, day)
        for part in ("disputed", "promised", "collectible"):
            seen |= {part for position in kept if getattr(position, part)}
    assert {"disputed", "promised", "collectible"} == seen


def test_what_is_learned_late_stands_alike(book: Engine, tmp_path: Path) -> None:
    """A whole past imported at once gives the same money and ages; its steps bear the next date (decision 0007)."""
    day = START + dt.timedelta(days=64)
    step(book, day)
    take_in(book, write_events(tmp_path / "events.jsonl", ledger(5, 25)), accept_rejects=True)
    folded, kept = both(book, day)
    assert [_without_state(position) for position in folded] == [_without_state(position) for position in kept]
    with book.connect() as connection:
        states = {row.id: row.state for row in connection.execute(text("SELECT id, state FROM account"))}
    assert states == {position.account: position.state for position in kept}


def _without_state(position: Position) -> tuple[object, ...]:
    return tuple(getattr(position, name) for name in position.__slots__ if name != "state")


def test_a_past_day_is_folded_once_until_something_is_recorded(book: Engine, tmp_path: Path) -> None:
    """The same answer is kept while nothing changes; a late payment changes it at once."""
    lines: list[Line] = [
        {"event": "account", "account": "A", "date": "2026-02-20", "currency": "USD"},
        {"event": "invoice", "account": "A", "date": "2026-02-20", "id": "I", "amount": "50.00", "due": "2026-03-01"},
    ]
    take_in(book, write_events(tmp_path / "one.jsonl", lines))
    step(book, dt.date(2026, 4, 1))
    past = dt.date(2026, 3, 20)
    with book.connect() as connection:
        first = stood(connection, past)
        assert 5000 == first[0].gross
        assert first is stood(connection, past)
    late = {"event": "payment", "account": "A", "date": "2026-03-10", "id": "P", "amount": "20.00"}
    take_in(book, write_events(tmp_path / "two.jsonl", [late]))
    with book.connect() as connection:
        assert 3000 == stood(connection, past)[0].gross

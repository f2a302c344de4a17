"""Positions from the books are those that are folded from the events, on random books with all that may be."""

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Connection, Engine, func, select, text

from arflow import clock
from arflow.ledger import importing
from arflow.ledger.importing import Options
from arflow.outlook import outlooks
from arflow.reports import days as days_of_reports
from arflow.reports import divided, owners, sweeps
from arflow.reports.ageing import ageing
from arflow.reports.book import pipeline_of
from arflow.reports.ledgers import present
from arflow.reports.owners import Owned
from arflow.reports.past import past_pipeline, past_standings
from arflow.reports.positions import Position, judging
from arflow.reports.present import present_standings
from arflow.reports.summed import ageing_of, present_owners
from tests.production import known_ids, step, take_in, write_events
from tests.random_events import Line
from tests.reports.books import START, ledger, talked_over
from tests.reports.folded import pipeline, positions, rows
from tests.sizes import size
from tests.test_doors import REAL

pytestmark = pytest.mark.database


def both(engine: Engine, day: dt.date) -> tuple[list[Position], list[Position]]:
    """The positions of a day, folded and from the books."""
    with engine.connect() as connection:
        return positions(connection, day), rows(connection, present_standings(connection, day))


def alike(book: Engine, days: Iterable[int]) -> Iterator[tuple[dt.date, list[Position]]]:
    """Live day after day: positions and pipeline are the same either way; gives them."""
    for after in days:
        day = START + dt.timedelta(days=after)
        step(book, day)
        folded, kept = both(book, day)
        assert folded == kept
        with book.connect() as connection:
            assert pipeline(folded) == pipeline_of(connection, day)
        yield day, folded


def owned(connection: Connection, folded: list[Position]) -> list[Owned]:
    """Who has what, account by account."""
    everybody, found = owners.known(connection), dict[tuple[str, str], Owned]()
    owner_of = {row.id: row.owner for row in connection.execute(text("SELECT id, owner FROM account"))}
    for position in folded:
        key = owner_of[position.account], position.currency
        one = found.setdefault(key, owners.owned(*key, everybody, accounts=0))
        one.accounts += 1
        one.overdue_accounts += position.gross > 0
        one.gross += position.gross
        one.collectible += position.collectible
    return owners.in_order(found.values())


@pytest.mark.parametrize("seed", [3, 4, 6])
def test_random_books_stand_as_their_events_fold(book: Engine, tmp_path: Path, seed: int) -> None:
    """Day after day the same accounts, states, amounts and ages, disputed, promised and collectible parts included."""
    take_in(book, write_events(tmp_path / "events.jsonl", ledger(seed, 25)), accept_rejects=True)
    seen: set[str] = set()
    for day, folded in alike(book, range(5, 70, 13)):
        with book.connect() as connection:
            assert ageing(folded) == ageing_of(connection, day)
            assert owned(connection, folded) == present_owners(connection, day)
            seen |= divided_by(connection, day)
        for part in ("disputed", "promised", "collectible"):
            seen |= {part for position in folded if getattr(position, part)}
    assert {"disputed", "promised", "collectible", "by SQL", "account by account"} == seen


@pytest.mark.parametrize("seed", range(size(1, 20)))
def test_what_is_promised_and_disputed_again_and_again_divides_alike(book: Engine, tmp_path: Path, seed: int) -> None:
    """Several promises at once, disputes of a part, days of grace in one currency and none in another."""
    take_in(book, write_events(tmp_path / "events.jsonl", talked_over(seed, 60)), accept_rejects=True)
    seen: set[str] = set()
    for day, _ in alike(book, range(6, 80, 6)):
        with book.connect() as connection:
            seen |= divided_by(connection, day)
    assert {"by SQL", "account by account"} == seen


def divided_by(connection: Connection, day: dt.date) -> set[str]:
    """How promised parts were found."""
    terms = judging(connection)
    parts = divided.by_sql(present(), day, terms)
    simple = connection.execute(select(func.count()).where(parts.c.promised > 0)).scalar_one()
    others = [parts for _, parts in divided.others(connection, day, terms) if parts.promised]
    return {how for how, is_used in (("by SQL", simple), ("account by account", others)) if is_used}


@pytest.mark.parametrize("seed", range(size(1, 12)))
def test_past_days_stand_as_their_events_fold(book: Engine, tmp_path: Path, seed: int) -> None:
    """Whatever came after them, and with late events and corrections that are applied, or still to be.

    For a day alone, and where all of them are gone through at once.
    """
    lines = ledger(seed, 20) + talked_over(seed, 30)
    rng = Random(seed)
    late = [line for line in lines if line["event"] != "account" and rng.random() < 0.1]
    early = [line for line in lines if line not in late]
    take_in(book, write_events(tmp_path / "events.jsonl", early), accept_rejects=True)
    step(book, START + dt.timedelta(days=70))
    _agree_on_all_days(book)
    file = write_events(tmp_path / "late.jsonl", [_otherwise(rng, line) for line in lines])
    with book.begin() as connection:
        options = Options(profile=None, corrections=True, accept_rejects=True)
        importing.import_file(connection, file, clock.read(connection), options, lambda *_: None)
    _agree_on_all_days(book)
    step(book, START + dt.timedelta(days=71))
    _agree_on_all_days(book)


def _otherwise(rng: Random, line: Line) -> Line:
    """A line as it was, or with another amount."""
    return line | {"amount": "77.00"} if line["event"] == "payment" and rng.random() < 0.3 else line


def _agree_on_all_days(book: Engine) -> None:
    assert sweeps.renew(book)
    with book.connect() as connection:
        today = days_of_reports.today(connection)
        for days in range(0, 73, size(18, 1)):
            day = START + dt.timedelta(days=days)
            folded = positions(connection, day)
            assert folded == rows(connection, past_standings(connection, day)), day
            assert pipeline(folded) == past_pipeline(connection, day), day
            swept = sweeps.told(connection, day)
            assert swept is None if day >= today else swept is not None and pipeline(folded) == swept.lines, day


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


def promised_thrice(key: str, kind: str) -> Iterator[Line]:
    """Promised for the fifth of March: without money, with some that came since, and of a named invoice."""
    for number, (named, paid) in enumerate((({}, "0.00"), ({}, "30.00"), ({"invoices": ["I"]}, "85.00"))):
        who: Line = {"account": f"{key}{number}", "date": "2026-02-20"}
        yield {"event": "account", **who, "currency": "EUR", "timezone": "UTC", "segment": kind}
        yield {"event": "invoice", **who, "id": "I", "amount": "100.00", "due": "2026-03-01"}
        yield {
            "event": "promise",
            **who,
            "date": "2026-03-02",
            "id": "W",
            "amount": "100.00",
            "due": "2026-03-05",
            **named,
        }
        if paid != "0.00":
            yield {"event": "payment", **who, "date": "2026-03-04", "id": "P", "amount": paid}


def test_each_account_is_judged_as_its_own_policy_judges(book: Engine, tmp_path: Path) -> None:
    """Two policies in one currency: the higher one knows no days of grace and no tolerance, and has the keys alone."""
    lines = [*promised_thrice("K", "key"), *promised_thrice("M", "")]
    take_in(book, write_events(tmp_path / "events.jsonl", lines))
    for day in (dt.date(2026, 3, 4), dt.date(2026, 3, 7)):
        step(book, day)
        with book.connect() as connection:
            seen = {key: one.seen for key, one in outlooks(connection, known_ids(book), REAL).items()}
        facts = {key: (one.view.exposure.promised, one.facts.overdue_amount) for key, one in seen.items()}
        folded, kept = both(book, day)
        assert facts == {one.account: (one.promised, one.collectible) for one in folded}
        assert folded == kept
        with book.connect() as connection:
            assert pipeline(folded) == pipeline_of(connection, day)
            assert ageing(folded) == ageing_of(connection, day)
            assert owned(connection, folded) == present_owners(connection, day)
    assert {"K0": 0, "K1": 0, "K2": 0, "M0": 10_000, "M1": 7_000, "M2": 0} == {
        one.account: one.promised for one in folded
    }
    step(book, dt.date(2026, 3, 20))
    assert sweeps.renew(book)
    with book.connect() as connection:
        swept = sweeps.told(connection, day)
        assert folded == rows(connection, past_standings(connection, day))
        assert pipeline(folded) == past_pipeline(connection, day)
        assert swept is not None
        assert pipeline(folded) == swept.lines

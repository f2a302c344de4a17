"""The past of a large company is gone through ahead, told with its age, and made anew when it is time.

That its figures are right is tested in `test_present`, on random books; what a page shows, in `web/test_leads.py`.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, text

from arflow.reports import sweeps
from arflow.reports.book import keep_ready, pipeline_shown
from arflow.reports.shared import LARGE, Told
from arflow.reports.sweeps import ASKED, LATEST, SWEEPING
from tests.production import activate, standard, step, take_in, write_events
from tests.reports.test_shared import grown

pytestmark = pytest.mark.database

TODAY = dt.date(2026, 4, 1)
PAST = dt.date(2026, 3, 20)


@pytest.fixture
def book(engine: Engine, tmp_path: Path) -> Iterator[Engine]:
    """An account with an invoice that has been overdue since the second of March, in a database that counted many."""
    step(engine, dt.date(2026, 2, 19))
    activate(engine, standard("standard-usd"))
    first = {"event": "account", "account": "A", "date": "2026-02-20", "currency": "USD"}
    invoice = {"account": "A", "date": "2026-02-20", "id": "I", "amount": "50.00", "due": "2026-03-01"}
    take_in(engine, write_events(tmp_path / "one.jsonl", [first, {"event": "invoice", **invoice}]))
    step(engine, TODAY)
    grown(engine)
    yield engine
    sweeps.of(engine).wait()


@pytest.fixture
def pay_late(book: Engine, tmp_path: Path) -> Callable[[], None]:
    """Records today a payment of the tenth of March, which is in the books at once."""

    def pay() -> None:
        payment = {"event": "payment", "account": "A", "date": "2026-03-10", "id": "P", "amount": "20.00"}
        take_in(book, write_events(tmp_path / "two.jsonl", [payment]))
        step(book, TODAY)

    return pay


def looked(engine: Engine, *, is_asked: bool = False) -> float:
    """Have it looked whether it is time, and wait until what was begun is done; gives how old the figures are then."""
    with engine.connect() as connection:
        if is_asked:
            pipeline_shown(connection, PAST)
        else:
            sweeps.look(connection)
    sweeps.of(engine).wait()
    with engine.connect() as connection:
        told = sweeps.told(connection, PAST)
    return -1.0 if told is None else told.age


def overdue(engine: Engine, day: dt.date = PAST) -> int | None:
    """What was overdue at the end of the day, as it is told; None if it is not."""
    with engine.connect() as connection:
        told = sweeps.told(connection, day)
    return None if told is None else sum(line.gross for line in told.lines)


def aged(engine: Engine, seconds: float) -> None:
    """Let the figures be so much older."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE pipeline_sweep SET at = at - :by"), {"by": dt.timedelta(seconds=seconds)})


def test_days_before_today_are_told_once_they_were_gone_through(book: Engine) -> None:
    """Those on which nothing changed as well, and those before anything; today and later days are not past."""
    assert overdue(book) is None
    assert 60 > looked(book) >= 0
    days = (dt.date(2026, 1, 1), dt.date(2026, 3, 1), dt.date(2026, 3, 2), PAST, TODAY - dt.timedelta(days=1), TODAY)
    assert [0, 0, 5000, 5000, 5000, None] == [overdue(book, day) for day in days]


def test_a_small_company_is_never_gone_through(book: Engine) -> None:
    grown(book, LARGE - 1)
    assert -1 == looked(book, is_asked=True)


def test_what_came_late_is_told_after_a_while_to_who_asks(book: Engine, pay_late: Callable[[], None]) -> None:
    """And after half a day even if nobody does."""
    looked(book)
    pay_late()
    aged(book, LATEST - 60)
    looked(book)
    assert 5000 == overdue(book)
    aged(book, ASKED)
    assert 60 > looked(book)
    assert 3000 == overdue(book)
    aged(book, ASKED - 60)
    assert ASKED - 60 <= looked(book, is_asked=True)
    aged(book, 60)
    assert 60 > looked(book, is_asked=True)


def test_a_day_that_is_over_and_another_policy_are_reasons_at_once(book: Engine) -> None:
    looked(book)
    aged(book, 100)
    assert 100 <= looked(book)
    step(book, TODAY + dt.timedelta(days=1))
    assert 60 > looked(book)
    assert 5000 == overdue(book, TODAY)
    aged(book, 100)
    activate(book, standard("standard-eur"))
    assert 60 > looked(book)


def test_one_process_at_a_time_does_it(book: Engine) -> None:
    """Who finds another one at it leaves it to it, and looks again later."""
    with book.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(SWEEPING)))
        assert not sweeps.renew(book)
        assert -1 == looked(book)
    assert sweeps.renew(book)
    assert 0 <= looked(book)


def test_where_it_fails_a_page_adds_the_day_up_by_itself(book: Engine) -> None:
    """Nothing is told that is half done."""
    with book.begin() as connection:
        connection.execute(text("ALTER TABLE pipeline_change RENAME TO another"))
    assert -1 == looked(book)
    with book.connect() as connection:
        shown = pipeline_shown(connection, PAST)
    assert isinstance(shown, Told)
    assert 5000 == sum(line.gross for line in shown.lines)


def test_who_serves_pages_has_the_past_gone_through(book: Engine) -> None:
    keep_ready(book)
    sweeps.of(book).wait()
    assert 5000 == overdue(book)

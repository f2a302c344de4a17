"""Figures of a large company are worked out once for all who ask at once, never too old; those of a small one anew.

What is worked out here is how many users there are; it takes as long as the test says.
"""

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from arflow.reports import shared
from arflow.reports.shared import LARGE, Shared, Told

pytestmark = pytest.mark.database

TODAY, TOMORROW = dt.date(2026, 3, 2), dt.date(2026, 3, 3)
TAKES = 0.2
MOST_TIMES = 10
"""For how many times as long as they took the figures of these tests are shown."""


class Counting:
    """Counts users slowly, and how often it was asked to."""

    def __init__(self) -> None:
        self.times = 0
        self.fails = False

    def __call__(self, connection: Connection, _: dt.date) -> list[int]:
        self.times += 1
        found = [connection.execute(text("SELECT count(*) FROM app_user")).scalar_one()]
        connection.execute(text(f"SELECT {'1 / 0' if self.fails else f'pg_sleep({TAKES})'}"))
        return found


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def figures(counting: Counting) -> Shared[dt.date, int]:
    return Shared(counting, MOST_TIMES)


@pytest.fixture
def ask(engine: Engine, figures: Shared[dt.date, int]) -> Iterator[Callable[..., Told[int]]]:
    """Asks for the figures, on a connection of its own; waits in the end for who works behind a page."""

    def asked(day: dt.date = TODAY) -> Told[int]:
        with engine.connect() as connection:
            return figures.ask(connection, day)

    yield asked
    for thread in threading.enumerate():
        if thread.name == "adding-up":
            thread.join()


def grown(engine: Engine, to: int = LARGE) -> None:
    """Let the database have counted so many accounts."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE pg_class SET reltuples = :n WHERE oid = 'account'::regclass"), {"n": to})


def joined(engine: Engine, name: str) -> None:
    """One user more."""
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO app_user (name, roles) VALUES (:name, '{lead}')"), {"name": name})


def test_a_small_company_is_counted_anew_each_time(
    engine: Engine, counting: Counting, ask: Callable[..., Told[int]]
) -> None:
    grown(engine, LARGE - 1)
    assert Told(lines=[0], age=0.0) == ask()
    joined(engine, "lena")
    assert Told(lines=[1], age=0.0) == ask()
    assert 2 == counting.times


def test_who_asks_at_once_shares_one_answer(engine: Engine, counting: Counting, ask: Callable[..., Told[int]]) -> None:
    """Those who come while it is worked out wait for it; those after them are answered at once, and told its age."""
    grown(engine)
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: ask(), range(8)))
    assert ([[0]] * 8, 1) == ([one.lines for one in told], counting.times)
    begun = time.monotonic()
    again = ask()
    assert TAKES > time.monotonic() - begun
    assert TAKES <= again.age


def test_who_asks_for_what_takes_long_does_not_wait_for_the_first_either(
    engine: Engine, counting: Counting, figures: Shared[dt.date, int], ask: Callable[..., Told[int]]
) -> None:
    """They are told that it is being worked out, once for all who ask; those of a small company are there at once."""
    with engine.connect() as connection:
        assert Told(lines=[0]) == figures.ask_soon(connection, TODAY)
        grown(engine)
        assert [None] * 3 == [figures.ask_soon(connection, TODAY) for _ in range(3)]
        assert [0] == ask().lines
        told = figures.ask_soon(connection, TODAY)
    assert told is not None
    assert ([0], 2) == (told.lines, counting.times)


def test_what_cannot_be_worked_out_is_told_and_tried_again_by_who_asks_next(
    engine: Engine, counting: Counting, figures: Shared[dt.date, int]
) -> None:
    """Once a look, not for ever, and whatever went wrong."""
    grown(engine)
    counting.fails = True
    with engine.connect() as connection:
        for times in (1, 2):
            with pytest.raises(DBAPIError, match="division by zero"):
                figures.ask_within(connection, TODAY, 20)
            assert times == counting.times
        counting.fails = False
        told = figures.ask_within(connection, TODAY, 20)
    assert told is not None
    assert ([0], 3) == (told.lines, counting.times)


def test_no_more_wait_for_what_takes_long_than_leave_threads_for_others(
    engine: Engine, figures: Shared[dt.date, int]
) -> None:
    """Whoever comes then is told at once that it is being worked out."""
    grown(engine)

    def asked(_: int) -> Told[int] | None:
        with engine.connect() as connection:
            return figures.ask_within(connection, TODAY, 20)

    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(asked, range(6)))
    assert (shared.MOST_WAIT, 6 - shared.MOST_WAIT) == (len([one for one in told if one]), told.count(None))


@pytest.mark.parametrize("most", [1, 2])
def test_no_more_days_are_kept_than_are_wanted(engine: Engine, counting: Counting, most: int) -> None:
    """The latest of them."""
    figures, days = Shared(counting, 1000, most), [TODAY + dt.timedelta(days=count) for count in range(4)]
    grown(engine)
    with engine.connect() as connection:
        for day in (*days, *reversed(days)):
            figures.ask(connection, day)
    assert 2 * len(days) - most == counting.times


def test_no_answer_is_older_than_it_may_be_and_nobody_waits_for_the_next(
    engine: Engine, counting: Counting, ask: Callable[..., Told[int]]
) -> None:
    """Somebody who looks all the time sees what is new, though never at their own cost."""
    grown(engine)
    ask()
    joined(engine, "lena")
    deadline = time.monotonic() + 3 * MOST_TIMES * TAKES
    while (told := _at_once(ask)).lines == [0]:
        assert time.monotonic() < deadline
        assert MOST_TIMES * 2 * TAKES > told.age
        time.sleep(TAKES / 4)
    assert ([1], 2) == (told.lines, counting.times)


def _at_once(ask: Callable[..., Told[int]]) -> Told[int]:
    begun = time.monotonic()
    told = ask()
    assert TAKES > time.monotonic() - begun
    return told


def test_what_is_too_old_is_not_told(engine: Engine, counting: Counting, ask: Callable[..., Told[int]]) -> None:
    grown(engine)
    took = ask().age
    joined(engine, "lena")
    time.sleep(MOST_TIMES * took)
    assert ([1], 2) == (ask().lines, counting.times)


def test_another_day_has_figures_of_its_own(engine: Engine, counting: Counting, ask: Callable[..., Told[int]]) -> None:
    grown(engine)
    ask()
    joined(engine, "lena")
    assert [1] == ask(TOMORROW).lines
    assert 2 == counting.times


def test_who_fails_behind_a_page_lets_the_next_one_try(
    engine: Engine, counting: Counting, ask: Callable[..., Told[int]]
) -> None:
    """The figures that are there are told until they are too old; then somebody meets the trouble."""
    grown(engine)
    took = ask().age
    counting.fails = True
    time.sleep(MOST_TIMES / 2 * took)  # until they are half as old as they may be
    assert [0] == ask().lines
    time.sleep(MOST_TIMES / 2 * took)
    with pytest.raises(Exception, match="division by zero"):
        ask()
    counting.fails = False
    assert [0] == ask().lines


def test_what_was_looked_at_is_kept_ready(
    engine: Engine, counting: Counting, figures: Shared[dt.date, int], ask: Callable[..., Told[int]]
) -> None:
    """Worked out anew past half of its time, and for a new day at once: whoever comes next waits for nothing."""
    grown(engine)
    took = ask().age
    figures.keep_ready(engine, TODAY)
    assert 1 == counting.times
    time.sleep(MOST_TIMES / 2 * took)  # until they are half as old as they may be
    joined(engine, "lena")
    figures.keep_ready(engine, TODAY)
    figures.keep_ready(engine, TOMORROW)
    assert ([1], [1]) == (_at_once(ask).lines, ask(TOMORROW).lines)
    assert 3 == counting.times


def test_what_nobody_looks_at_is_not_kept_ready(
    engine: Engine,
    counting: Counting,
    figures: Shared[dt.date, int],
    ask: Callable[..., Told[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Unless somebody is expected to look, as after the start of a process."""
    grown(engine)
    figures.keep_ready(engine, TODAY)
    assert 0 == counting.times
    figures.keep_ready(engine, TODAY, expected=True)
    assert [0] == _at_once(ask).lines
    monkeypatch.setattr(shared, "READY_SECONDS", 0.0)
    figures.keep_ready(engine, TOMORROW)
    assert 1 == counting.times

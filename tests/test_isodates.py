"""Dates and times are ISO 8601 and exist."""

import datetime as dt

import pytest

from arflow.errors import Refused
from arflow.isodates import read_date, read_time, shown


@pytest.mark.parametrize("text", ["2028-02-29", "1900-01-01", "2200-12-31"])
def test_a_date_that_exists_is_read(text: str) -> None:
    assert read_date(text) == dt.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2026-02-29", "`2026-02-29` does not exist"),
        ("2026-13-01", "does not exist"),
        ("1899-12-31", "between 1900 and 2200"),
        ("2201-01-01", "between 1900 and 2200"),
        ("2026-1-5", "a date such as"),
        ("20260105", "a date such as"),
        ("2026-W02-1", "a date such as"),
        ("2026-01-05T00:00", "a date such as"),
        ("\u0662\u0660\u0662\u0666-01-05", "a date such as"),
        (dt.date(2026, 1, 5), "a date such as"),
        (20260105, "a date such as"),
        (None, "not null"),
    ],
)
def test_any_other_date_is_refused(value: object, reason: str) -> None:
    """Nothing is guessed: neither another order nor another shape."""
    with pytest.raises(Refused, match=reason):
        read_date(value)


@pytest.mark.parametrize(
    ("text", "expected"), [("00:00", dt.time(0)), ("23:59", dt.time(23, 59)), ("08:05", dt.time(8, 5))]
)
def test_a_time_of_day_is_read(text: str, expected: dt.time) -> None:
    assert expected == read_time(text)


@pytest.mark.parametrize("value", ["24:00", "08:60", "8:00", "08:00:00", "0800", "", None, 800, "08:00 "])
def test_any_other_time_is_refused(value: object) -> None:
    with pytest.raises(Refused, match="a time such as"):
        read_time(value)


def test_a_wrong_value_is_shown_short() -> None:
    """As JSON, so that text and number can be told apart; a long one is cut."""
    assert [shown("5"), shown(5), len(shown("x" * 999))] == ['"5"', "5", 60]

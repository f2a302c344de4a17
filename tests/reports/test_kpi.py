"""The measures, with the figures that their sources print."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arflow.reports.kpi import Countback, Month, count_back, days_outstanding, effectiveness, ratio

AMOUNTS = st.integers(min_value=0, max_value=10**9)
MONTHS = st.lists(st.builds(Month, sales=AMOUNTS, days=st.integers(1, 31)), max_size=6)


def shown(found: Fraction | None, places: int) -> str:
    assert found is not None
    return f"{float(found):.{places}f}"


def test_days_sales_outstanding() -> None:
    assert "36.5" == shown(days_outstanding(200_000, 2_000_000, 365), 1)
    assert "55.35" == shown(days_outstanding(10_869, 5_538 + 4_566 + 7_570, 90), 2)  # JD Edwards
    assert days_outstanding(5, 0, 90) is None


def test_the_best_possible_and_the_days_delinquent() -> None:
    """8,000 of 10,000 are not overdue, of 30,000 in 30 days."""
    assert [8, 2, 10] == [days_outstanding(amount, 30_000, 30) for amount in (8_000, 2_000, 10_000)]


@pytest.mark.parametrize(
    ("receivable", "months", "days"),
    [
        (212_000, [(100_000, 30), (80_000, 30), (70_000, 30)], "73.714"),
        (2_100_000, [(900_000, 31), (800_000, 28), (700_000, 31)], "76.714"),
        (0, [(5, 30)], "0.000"),
        (50, [(0, 12), (100, 30)], "27.000"),
        (100, [(100, 30), (7, 30)], "30.000"),
    ],
)
def test_counting_back(receivable: int, months: list[tuple[int, int]], days: str) -> None:
    found = count_back(receivable, [Month(sales=sales, days=of) for sales, of in months])
    assert (days, False) == (shown(found.days, 3), found.is_more)


def test_what_outlasts_the_history_is_said_to() -> None:
    found = count_back(101, [Month(sales=60, days=30), Month(sales=40, days=31)])
    assert found == Countback(days=Fraction(61), is_more=True)


@given(receivable=AMOUNTS, months=MONTHS, more=AMOUNTS)
def test_counting_back_never_goes_beyond_its_months_and_grows_with_what_is_open(
    receivable: int, months: list[Month], more: int
) -> None:
    found, larger = count_back(receivable, months), count_back(receivable + more, months)
    assert 0 <= found.days <= larger.days <= sum(month.days for month in months)
    assert found.is_more == (receivable > sum(month.sales for month in months))


def test_the_effectiveness_of_a_period_is_told_with_all_its_sales() -> None:
    """Credit Guru divides the sales of three months by three, and gets 55.93 from the same figures."""
    assert Fraction(10_750, 13_500) == effectiveness(6_200, 10_890, 6_340, 3_590)
    assert Fraction(3_490, 6_240) == effectiveness(6_200, 10_890 // 3, 6_340, 3_590)
    assert effectiveness(0, 0, 0, 0) is None


@given(before=AMOUNTS, sales=AMOUNTS, collected=AMOUNTS, overdue=AMOUNTS)
def test_what_is_not_overdue_is_nobodys_fault(before: int, sales: int, collected: int, overdue: int) -> None:
    """Who has collected all that was due has collected all that could be."""
    after = max(0, before + sales - collected)
    overdue = min(overdue, after)
    found = effectiveness(before, sales, after, after - overdue)
    assert found is None or (0 <= found <= 1 and (found == 1) == (overdue == 0))


def test_a_part_of_nothing_is_none() -> None:
    assert ratio(1, 0) is None
    assert Fraction(1, 200) == ratio(75, 15_000)  # bad debt of 0.5 per cent

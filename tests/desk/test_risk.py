"""What is at risk: the curve at its points, between and beyond them, and the same in SQL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Boolean, Connection, Integer, column, func, select, true

from arflow.desk.risk import BROKEN_DAYS, LOST, at_risk, share, share_in_sql

days = st.integers(-100, 3000)


@pytest.mark.parametrize(
    ("late", "wanted"),
    [
        (-5, 0),
        (0, 0),
        (1, 3),
        (30, 90),
        (90, 270),
        (91, 272),
        (180, 500),
        (272, 614),
        (365, 730),
        (366, 730),
        (5000, 730),
    ],
)
def test_a_share_lies_on_the_curve(late: int, wanted: int) -> None:
    assert wanted == share(late, has_broken=False)


@given(days, days, st.booleans(), st.integers(0, 10**15))
def test_what_is_older_or_was_promised_in_vain_is_at_no_less_risk(
    one: int,
    other: int,
    has_broken: bool,
    amount: int,  # Hypothesis's
) -> None:
    """Never more than the debt, and never more than the last point of the curve says."""
    early, late = sorted((one, other))
    assert at_risk(amount, early, has_broken=has_broken) <= at_risk(amount, late, has_broken=has_broken)
    assert share(late, has_broken=False) <= share(late, has_broken=True) <= LOST[-1][1]
    assert share(max(0, late), has_broken=True) == share(max(0, late) + BROKEN_DAYS, has_broken=False)
    assert 0 <= at_risk(amount, late, has_broken=has_broken) <= amount


@pytest.mark.database
def test_sql_says_the_same(connection: Connection) -> None:
    late = func.generate_series(-10, 800).table_valued(column("days", Integer)).render_derived()
    broken = select(func.unnest([False, True], type_=Boolean).label("broken")).subquery("broken")
    query = select(late.c.days, broken.c.broken, share_in_sql(late.c.days, broken.c.broken).label("share"))
    query = query.select_from(late.join(broken, true()))
    rows = connection.execute(query).all()
    assert {(row.days, row.broken): row.share for row in rows} == {
        (row.days, row.broken): share(row.days, has_broken=row.broken) for row in rows
    }
    assert 2 * 811 == len(rows)

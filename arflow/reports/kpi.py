"""PURE. The measures of collecting, each from amounts in minor units: exact, with one convention each, and no rounding.

Sources of the formulas and of the figures that the tests check: JD Edwards' and Benji Pays' manuals for days sales
outstanding, Growfin for its best possible value, Credit Guru for the effectiveness index.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction


def ratio(part: int, whole: int) -> Fraction | None:
    """`part` of `whole`; None where there is no whole."""
    return Fraction(part, whole) if whole else None


def days_outstanding(amount: int, sales: int, days: int) -> Fraction | None:
    """How many days of sales an amount is: of all that is open, days sales outstanding (DSO).

    Of what is open and not overdue, the best possible one; of what is overdue, the average days delinquent, which is
    the difference of the two. `sales` is what was invoiced in `days` days. None where nothing was.
    """
    return Fraction(amount * days, sales) if sales else None


@dataclass(frozen=True, kw_only=True)
class Month:
    """What was invoiced in a month, or in the part of it that is over, and how many days that is."""

    sales: int
    days: int


@dataclass(frozen=True, kw_only=True)
class Countback:
    """Days sales outstanding by counting back; `is_more`: all months that are known do not make up what is open."""

    days: Fraction
    is_more: bool


def count_back(receivable: int, months: Iterable[Month]) -> Countback:
    """DSO without an average: months are taken off what is open, the newest first, and then a part of one.

    A seasonal business is not flattered by a strong month that has just begun. What outlasts the history is said to,
    and is not stretched.
    """
    left, days = receivable, Fraction(0)
    for month in months:
        if left <= 0:
            break
        if month.sales > left:
            return Countback(days=days + Fraction(left * month.days, month.sales), is_more=False)
        left, days = left - month.sales, days + month.days
    return Countback(days=days, is_more=left > 0)


def effectiveness(before: int, sales: int, after: int, not_overdue: int) -> Fraction | None:
    """The collection effectiveness index (CEI) of a period: of all that could be collected, what was.

    `before` and `after` are what was open at its beginning and end, `not_overdue` the part of `after` that was not
    overdue yet. Sales are those of the whole period, not of a month of it. None where nothing could be collected.
    """
    return ratio(before + sales - after, before + sales - not_overdue)


def rounded(value: Fraction | None) -> str | None:
    """A decimal string of one place, a half rounded away from zero; None for none."""
    if value is None:
        return None
    tenths = int(abs(value) * 10 + Fraction(1, 2))
    return f"{'-' if value < 0 and tenths else ''}{tenths // 10}.{tenths % 10}"


def percent(value: Fraction | None) -> str | None:
    """A part of a whole as per cent, with one place; None for none."""
    return None if value is None else rounded(100 * value)

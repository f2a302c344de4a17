"""How much of a debt is likely never to come: what lists go by, so that high value and high risk are worked first.

Of debts that are three months late about 73 % come, of six months 50 %, of a year 27 %: an old survey of a trade
association of collectors, often quoted. Here it is a straight line between these, from nothing at the due date, and no
more than at the last. Who broke a promise lately is reckoned as if the debt were three months older, since a word that
was not kept is what callers trust least; that is a choice of ours, and no survey.
"""

from itertools import pairwise

from sqlalchemy import ColumnElement, case, func

LOST = ((0, 0), (90, 270), (180, 500), (365, 730))
"""Days late, and how many of 1,000 are never paid then; in ascending order."""

BROKEN_DAYS = 90
"""For how many days a broken promise counts, and how many days older the debt is reckoned for it."""


def share(days: int, *, has_broken: bool) -> int:
    """How many of 1,000 of a debt that is `days` late are likely never to come, rounded down."""
    age = max(0, days) + (BROKEN_DAYS if has_broken else 0)
    for (first, least), (last, most) in pairwise(LOST):
        if age <= last:
            return least + (age - first) * (most - least) // (last - first)
    return LOST[-1][1]


def at_risk(amount: int, days: int, *, has_broken: bool) -> int:
    """What of `amount` minor units that are `days` late is likely never to come, rounded down to a minor unit."""
    return amount * share(days, has_broken=has_broken) // 1000


def share_in_sql(days: ColumnElement[int], has_broken: ColumnElement[bool]) -> ColumnElement[int]:
    """`share`, for a statement."""
    age = func.greatest(0, days) + case((has_broken, BROKEN_DAYS), else_=0)
    ways = [
        (age <= last, least + (age - first) * (most - least) // (last - first))
        for (first, least), (last, most) in pairwise(LOST)
    ]
    return case(*ways, else_=LOST[-1][1])

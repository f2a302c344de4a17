"""`arflow report kpi`: how collecting went in the days before a date, per currency, and how before that.

What is counted is `daily`, what is made of it `kpi`, and how promises ended `judged`: by what is known at the end of
the day of the report.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from sqlalchemy import Connection

from arflow import money
from arflow.isodates import ONE_DAY
from arflow.reports import kpi
from arflow.reports.daily import Happened, daily
from arflow.reports.judged import Judged, judged
from arflow.reports.kpi import Countback, Month

DAYS = 90
"""The length of a period that nobody has asked for: with less, one strong month moves everything."""

MONTHS = 24
"""How many months are counted back at most."""

TREND = 12
"""How many months a trend goes back."""

ENDED = ("kept", "partly_kept", "broken")
"""How a promise ends that was not cancelled."""


@dataclass(kw_only=True)
class Promised:
    """How the promises ended that were due in a period: how many and how much. `came`: what was paid towards them.

    One that is still open, or was cancelled, is not among them.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ENDED, 0))
    amounts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ENDED, 0))
    came: int = 0

    def add(self, one: Judged) -> None:
        """Count one more, if it has ended."""
        status = one.verdict.status
        if status in ENDED:
            self.counts[status] += 1
            self.amounts[status] += one.verdict.promise.amount
            self.came += min(one.verdict.came, one.verdict.promise.amount)

    @property
    def kept(self) -> Fraction | None:
        """Of those that were due, what part was kept in full and in time."""
        return kpi.ratio(self.counts["kept"], sum(self.counts.values()))

    @property
    def kept_amount(self) -> Fraction | None:
        """Of all that was promised, what part came in time."""
        return kpi.ratio(self.came, sum(self.amounts.values()))


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One currency from the end of `start` to the end of `day`. Amounts are minor units.

    A period begins when anything was recorded at the earliest.
    """

    currency: str
    start: dt.date
    day: dt.date
    before: int
    """What was open at the end of `start`."""

    receivable: int
    overdue: int
    happened: Happened
    """All that happened in between."""

    months: Sequence[Month]
    """Month by month, the newest first, back to when anything was recorded."""

    promised: Promised

    @property
    def days(self) -> int:
        """How long the period is."""
        return (self.day - self.start).days

    @property
    def dso(self) -> Fraction | None:
        """Days sales outstanding."""
        return kpi.days_outstanding(self.receivable, self.happened.invoiced, self.days)

    @property
    def best_possible_dso(self) -> Fraction | None:
        """What it would be if nothing were overdue."""
        return kpi.days_outstanding(self.receivable - self.overdue, self.happened.invoiced, self.days)

    @property
    def days_delinquent(self) -> Fraction | None:
        """The days of sales that are overdue."""
        return kpi.days_outstanding(self.overdue, self.happened.invoiced, self.days)

    @property
    def countback(self) -> Countback:
        """Days sales outstanding, counted back month by month."""
        return kpi.count_back(self.receivable, self.months)

    @property
    def overdue_part(self) -> Fraction | None:
        """What part of all that is open is overdue."""
        return kpi.ratio(self.overdue, self.receivable)

    @property
    def effectiveness(self) -> Fraction | None:
        """The collection effectiveness index of the period."""
        return kpi.effectiveness(self.before, self.happened.invoiced, self.receivable, self.receivable - self.overdue)

    @property
    def bad_debt(self) -> Fraction | None:
        """What was written off, as a part of what was invoiced."""
        return kpi.ratio(self.happened.written_off, self.happened.invoiced)

    @property
    def reached(self) -> Fraction | None:
        """Of the calls, how many became a conversation."""
        return kpi.ratio(self.happened.reached, self.happened.calls)

    @property
    def promise_rate(self) -> Fraction | None:
        """Promises made for each conversation."""
        return kpi.ratio(self.happened.promises, self.happened.conversations)


def measured(connection: Connection, day: dt.date, ends: Sequence[dt.date], days: int = DAYS) -> list[Measured]:
    """Each currency, of the `days` days until each of `ends`, as known at the end of `day`: by currency, then as given.

    `ends` are days until `day`. A currency that had nothing yet by the earliest end is told of all the same.
    """
    found = daily(connection, day)
    first = min(ends) - dt.timedelta(days=days - 1)
    promises = list(judged(connection, day, first, max(ends)))
    return [_measured(currency, found[currency], end, days, promises) for currency in sorted(found) for end in ends]


def _measured(
    currency: str, book: Mapping[dt.date, Happened], end: dt.date, days: int, promises: Iterable[Judged]
) -> Measured:
    start, began = end - dt.timedelta(days=days), min(book)
    if start < began <= end:  # what is not known is not taken for days without sales
        start = began - ONE_DAY
    before, within, promised = Happened(), Happened(), Promised()
    for on, happened in book.items():
        if on <= start:
            before.add(happened)
        elif on <= end:
            within.add(happened)
    for one in promises:
        if one.currency == currency and start < one.verdict.promise.due <= end:
            promised.add(one)
    return Measured(
        currency=currency,
        start=start,
        day=end,
        before=before.receivable,
        receivable=before.receivable + within.receivable,
        overdue=before.overdue + within.overdue,
        happened=within,
        months=list(_months(book, end)),
        promised=promised,
    )


def _months(book: Mapping[dt.date, Happened], end: dt.date) -> Iterator[Month]:
    """The part of the month that is over at `end`, and the months before, back to the first day of the book."""
    began, last = min(book), end
    for _ in range(MONTHS):
        if last < began:
            return
        month = last.replace(day=1)
        first = max(month, began)  # of days of which nothing is known none is counted
        sales = sum(one.invoiced for on, one in book.items() if first <= on <= last)
        yield Month(sales=sales, days=(last - first).days + 1)
        last = month - ONE_DAY


def trend(connection: Connection, day: dt.date, days: int) -> list[Measured]:
    """Of each currency the period until `day`, the one before it, and those until the ends of the TREND months before.

    In this order, currency by currency.
    """
    ends = [day, day - dt.timedelta(days=days), *month_ends(day, TREND)]
    return measured(connection, day, ends, days)


def month_ends(day: dt.date, count: int) -> list[dt.date]:
    """The last days of the `count` months before that of `day`, the latest first."""
    found: list[dt.date] = []
    last = day
    for _ in range(count):
        last = last.replace(day=1) - ONE_DAY
        found.append(last)
    return found


def as_json(one: Measured) -> Mapping[str, object]:
    """One currency with documented names; amounts are decimal strings, days and per cent have one decimal."""
    happened, promised, countback = one.happened, one.promised, one.countback
    amounts = {
        "open_before": one.before,
        "open_amount": one.receivable,
        "overdue_amount": one.overdue,
        "invoiced_amount": happened.invoiced,
        "collected_amount": happened.collected,
        "credited_amount": happened.credited,
        "written_off_amount": happened.written_off,
    }
    return {
        "currency": one.currency,
        "after": one.start.isoformat(),
        "until": one.day.isoformat(),
        **{name: money.show(minor, one.currency) for name, minor in amounts.items()},
        "overdue_percent": kpi.percent(one.overdue_part),
        "dso_days": kpi.rounded(one.dso),
        "dso_best_possible_days": kpi.rounded(one.best_possible_dso),
        "average_days_delinquent": kpi.rounded(one.days_delinquent),
        "dso_countback_days": kpi.rounded(countback.days),
        "dso_countback_is_more": countback.is_more,
        "cei_of_period_percent": kpi.percent(one.effectiveness),
        "bad_debt_of_invoiced_percent": kpi.percent(one.bad_debt),
        "calls": happened.calls,
        "reached_of_calls_percent": kpi.percent(one.reached),
        "conversations": happened.conversations,
        "promises_made": happened.promises,
        "promises_per_conversation_percent": kpi.percent(one.promise_rate),
        **{f"promises_{status}": promised.counts[status] for status in ENDED},
        "promises_kept_percent": kpi.percent(promised.kept),
        "promised_amount_that_came_percent": kpi.percent(promised.kept_amount),
    }

"""How collecting goes: the measures of a period beside the one before, month by month, and person by person."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from flask import Response, render_template
from flask.typing import ResponseReturnValue

from arflow import money
from arflow.reports import measures
from arflow.reports import work as works
from arflow.reports.book import PERIODS, trend_shown, work_shown
from arflow.reports.days import today
from arflow.reports.measures import Measured, trend
from arflow.reports.past import unsettled
from arflow.reports.work import Work, work
from arflow.web import bars
from arflow.web.downloads import csv_file
from arflow.web.leads import asked
from arflow.web.leads.blueprint import around, pages, report_file, underway
from arflow.web.transactions import connection


@dataclass(frozen=True, kw_only=True)
class _Currency:
    """What the page shows of one: the period, the one before, and those until the ends of months, the latest first."""

    now: Measured
    before: Measured
    months: Sequence[Measured]

    @property
    def picture(self) -> bars.Picture:
        """What was overdue at the end of each month, the latest last."""
        told = (self.now, *(one for one in self.months if one.day != self.now.day))
        return bars.picture((f"{one.day:%b %Y}", [("overdue", one.overdue)], _overdue(one)) for one in reversed(told))


def _overdue(one: Measured) -> str:
    return money.grouped(one.overdue, one.currency)


@pages.get("/measures")
def measured() -> ResponseReturnValue:
    """DSO, effectiveness, bad debt, calls and promises kept, by currency; 202 while that is being worked out."""
    day, days = asked.as_of(), asked.period(PERIODS, measures.DAYS)
    told = trend_shown(connection(), day, days)
    if told is None:
        return underway("Measures", "leads.measured", day)
    return render_template(
        "leads/measures.html",
        **around(day),
        age=told.age,
        waiting=len(unsettled(connection(), day)),
        days=days,
        periods=PERIODS,
        found=_by_currency(told.lines),
    )


def _by_currency(lines: Iterable[Measured]) -> list[_Currency]:
    return [_currency(list(found)) for _, found in groupby(lines, lambda one: one.currency)]


def _currency(lines: Sequence[Measured]) -> _Currency:
    now, before, *months = lines
    return _Currency(now=now, before=before, months=_since_it_began(months))


def _since_it_began(months: Sequence[Measured]) -> list[Measured]:
    """Without those before anything was recorded."""
    return [one for one in months if one.receivable or one.before or one.happened.invoiced]


@pages.get("/measures.csv")
def measured_csv() -> Response:
    """The measures as a file, month by month, as far back as the page has them."""
    day, days = asked.as_of(), asked.period(PERIODS, measures.DAYS)
    found = _by_currency(trend(connection(), day, days))
    lines = [measures.as_json(one) for each in found for one in (each.now, each.before, *each.months)]
    return report_file("arflow-measures", day, lines, list(lines[0]) if lines else ["currency"])


@pages.get("/callers")
def callers() -> ResponseReturnValue:
    """What everybody has before them today, and what came of their talks; 202 while that is being worked out."""
    days = asked.period(PERIODS, PERIODS[0])
    told = work_shown(connection(), days)
    if told is None:
        return underway("By caller", "leads.callers", today(connection()))
    shown = around(today(connection()))
    return render_template("leads/callers.html", **shown, age=told.age, days=days, periods=PERIODS, lines=told.lines)


@pages.get("/callers.csv")
def callers_csv() -> Response:
    """The same as a file."""
    day, days = today(connection()), asked.period(PERIODS, PERIODS[0])
    start = day - dt.timedelta(days=days)
    of = {"after": start.isoformat(), "until": day.isoformat()}
    lines = [{**of, **works.as_json(one)} for one in work(connection(), day, days)]
    return csv_file(f"arflow-callers-{day}", lines, [*of, *works.as_json(Work(user="", title=""))])

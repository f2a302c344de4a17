"""The flow between the ends of two days: from which state to which, and the accounts behind each number."""

import datetime as dt

from flask import Response, render_template

from arflow.desk import wording
from arflow.errors import Refused
from arflow.reports import flow as flows
from arflow.reports.book import flow_shown
from arflow.reports.listed import Asked, Which
from arflow.vocabulary import State
from arflow.web.downloads import csv_file
from arflow.web.leads import asked
from arflow.web.leads.behind import list_shown
from arflow.web.leads.blueprint import Underway, around, pages, underway
from arflow.web.leads.mistyped import A_WEEK
from arflow.web.transactions import connection


@pages.get("/flow")
def flow() -> str | Underway:
    """How many accounts went from which state to which between the ends of two days; 202 while that is worked out."""
    start, until = _two_days()
    told = flow_shown(connection(), start, until)
    if told is None:
        return underway("Flow", "leads.flow", until)
    went, moves = told.lines[0]
    counts = {(one.currency, one.source, one.to): one.accounts for one in went}
    return render_template(
        "leads/flow.html",
        **around(until),
        age=told.age,
        start=start,
        currencies=sorted({one.currency for one in went}),
        sources=[flows.NEW, *(str(state) for state in State)],
        states=[str(state) for state in State],
        heads=[f"#{state}" for state in State],
        counts=counts,
        moves=moves,
    )


@pages.get("/flow.csv")
def flow_csv() -> Response:
    """The flow as a file."""
    start, until = _two_days()
    went = flows.flow(connection(), start, until)
    days_of = {"after": start.isoformat(), "until": until.isoformat()}
    lines = [{**days_of, **flows.as_json(one)} for one in went]
    return csv_file(f"arflow-flow-{start}-{until}", lines, ["after", "until", "currency", "from", "to", "accounts"])


@pages.get("/flow/accounts")
def flow_accounts() -> str | Underway:
    """The accounts behind a number of the flow."""
    start, until = _two_days()
    currency, source, to = asked.flow_step()
    which = Which(currency=currency, went=flows.Went(start=start, source=source, to=to))
    found = list_shown(Asked(day=until, which=which, order="-overdue"))
    if found is None:
        return underway(f"From {source} to {to}", "leads.flow_accounts", until)
    return render_template(
        "leads/flow_accounts.html",
        **around(until),
        age=found.age,
        start=start,
        currency=currency,
        source=source,
        to=to,
        count=sum(total.accounts for total in found.totals),
        page=found.page,
    )


def _two_days() -> tuple[dt.date, dt.date]:
    """The days between whose ends to look: a week up to today without others. Raises Mistyped when they are turned."""
    until = asked.as_of()
    with asked.beside("from"):
        start = asked.day_if_any("from") or until - A_WEEK
        if start >= until:
            raise Refused(f"the first day, {wording.day(start)}, is to be before the last, {wording.day(until)}")
    return start, until

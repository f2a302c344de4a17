"""Whose accounts there are today, and how many nobody has."""

from flask import Response, render_template

from arflow.reports import days, listed, owners
from arflow.reports.book import stood
from arflow.web.leads.blueprint import around, pages, report_file
from arflow.web.transactions import connection


@pages.get("/owners")
def by_owner() -> str:
    """How many accounts everybody has today, and how many nobody has."""
    lines = _owned()
    unassigned = sum(one.accounts for one in lines if one.kind in owners.UNASSIGNED)
    return render_template("leads/owners.html", **around(days.today(connection())), lines=lines, unassigned=unassigned)


@pages.get("/owners.csv")
def owners_csv() -> Response:
    """Owners as a file."""
    day = days.today(connection())
    columns = owners.as_json(owners.Owned(owner="", kind="", title="", currency="USD"))
    return report_file("arflow-owners", day, [owners.as_json(one) for one in _owned()], list(columns))


def _owned() -> list[owners.Owned]:
    positions = stood(connection(), days.today(connection()))
    return owners.owned(listed.listed(connection(), positions), owners.known(connection()))

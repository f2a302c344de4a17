"""Whose accounts there are today, and how many nobody has."""

from flask import Response, render_template

from arflow.reports import days, owners
from arflow.reports.book import owners_shown
from arflow.reports.summed import present_owners
from arflow.web.leads.blueprint import around, pages, report_file
from arflow.web.transactions import connection


@pages.get("/owners")
def by_owner() -> str:
    """How many accounts everybody has today, and how many nobody has."""
    told = owners_shown(connection())
    unassigned = sum(one.accounts for one in told.lines if one.kind in owners.UNASSIGNED)
    return render_template(
        "leads/owners.html",
        **around(days.today(connection())),
        age=told.age,
        lines=told.lines,
        unassigned=unassigned,
    )


@pages.get("/owners.csv")
def owners_csv() -> Response:
    """Owners as a file."""
    day = days.today(connection())
    columns = owners.as_json(owners.Owned(owner="", kind="", title="", currency="USD"))
    return report_file(
        "arflow-owners", day, [owners.as_json(one) for one in present_owners(connection(), day)], list(columns)
    )

"""The list behind a number: the accounts that were counted in it, in any order, and as a file."""

from collections.abc import Mapping

from flask import Response, render_template

from arflow.reports import listed
from arflow.reports.book import stood
from arflow.reports.listed import Which
from arflow.web.downloads import csv_file
from arflow.web.leads import asked
from arflow.web.leads.blueprint import around, pages
from arflow.web.paging import SIZE, paged_of
from arflow.web.transactions import connection


@pages.get("/accounts")
def accounts() -> str:
    """The accounts that were counted in a number of a report."""
    day, chosen = asked.as_of(), asked.which()
    order = asked.order(_usual_order(chosen))
    found = [position for position in stood(connection(), day) if chosen.has(position)]
    lines = listed.in_order(listed.listed(connection(), found), order, chosen.bucket)
    page = paged_of(lines)
    return render_template(
        "leads/accounts.html",
        **around(day),
        chosen=chosen,
        bucket_name=None if chosen.bucket is None else listed.bucket_name(chosen.bucket),
        address=asked.in_address(chosen),
        narrower=_narrower(chosen),
        order=order,
        totals=listed.totals(found),
        page=page,
        first=(page.number - 1) * SIZE + 1,
    )


@pages.get("/accounts.csv")
def accounts_csv() -> Response:
    """The whole list as a file, in the same order."""
    day, chosen = asked.as_of(), asked.which()
    found = [position for position in stood(connection(), day) if chosen.has(position)]
    lines = listed.in_order(listed.listed(connection(), found), asked.order(_usual_order(chosen)), chosen.bucket)
    said = [str(value) for value in asked.in_address(chosen).values()]
    return csv_file("-".join(["arflow-accounts", *said, f"{day}"]), listed.as_records(lines, day), listed.COLUMNS)


def _usual_order(chosen: Which) -> str:
    return "-bucket" if chosen.bucket is not None else f"-{chosen.part or 'overdue'}"


def _narrower(chosen: Which) -> list[tuple[str, Mapping[str, str | int]]]:
    """What narrows the list, each with the address of the list without it."""
    found = [("currency", chosen.currency), ("state", chosen.state), ("part", chosen.part and f"with {chosen.part}")]
    age = "" if chosen.bucket is None else f"overdue {listed.bucket_name(chosen.bucket)}"
    return [(said, asked.in_address(asked.without(chosen, name))) for name, said in [*found, ("bucket", age)] if said]

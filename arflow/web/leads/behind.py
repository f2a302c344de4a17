"""The list behind a number: the accounts that were counted in it, in any order, and as a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Response, render_template

from arflow.reports import listed
from arflow.reports.book import behind_shown
from arflow.reports.listed import Asked, Behind, Listed, Total, Which
from arflow.reports.shared import Told
from arflow.web.downloads import csv_file
from arflow.web.leads import asked
from arflow.web.leads.blueprint import Underway, around, pages, underway
from arflow.web.paging import SIZE, Paged, paged
from arflow.web.transactions import connection


@dataclass(frozen=True, kw_only=True)
class Found:
    """The page of a list that is asked for, what the whole list comes to, and how many seconds ago it stood so."""

    page: Paged[Listed]
    totals: Sequence[Total]
    age: float


def list_shown(wanted: Asked) -> Found | None:
    """The page of a list; None while that of a large company is being worked out."""
    told: Told[Behind] | None = None
    is_underway = False

    def read(offset: int, limit: int) -> Sequence[Listed]:
        nonlocal told, is_underway
        if not is_underway:
            told = behind_shown(connection(), wanted, offset, limit)
        is_underway = told is None
        return told.lines[0].lines if told else ()

    page = paged(read)
    return None if told is None else Found(page=page, totals=told.lines[0].totals, age=told.age)


@pages.get("/accounts")
def accounts() -> str | Underway:
    """The accounts that were counted in a number of a report; 202 while they are being looked up."""
    day, chosen = asked.as_of(), asked.which()
    order = asked.order(_usual_order(chosen))
    found = list_shown(Asked(day=day, which=chosen, order=order))
    if found is None:
        return underway("Accounts", "leads.accounts", day)
    return render_template(
        "leads/accounts.html",
        **around(day),
        age=found.age,
        chosen=chosen,
        bucket_name=None if chosen.bucket is None else listed.bucket_name(chosen.bucket),
        address=asked.in_address(chosen),
        narrower=_narrower(chosen),
        order=order,
        totals=found.totals,
        page=found.page,
        first=(found.page.number - 1) * SIZE + 1,
    )


@pages.get("/accounts.csv")
def accounts_csv() -> Response:
    """The whole list as a file, in the same order, as it stands at this moment."""
    day, chosen = asked.as_of(), asked.which()
    wanted = Asked(day=day, which=chosen, order=asked.order(_usual_order(chosen)))
    said = [str(value) for value in asked.in_address(chosen).values()]
    records = (listed.as_record(line, day) for line in listed.everyone(connection(), wanted))
    return csv_file("-".join(["arflow-accounts", *said, f"{day}"]), records, listed.COLUMNS)


def _usual_order(chosen: Which) -> str:
    return "-bucket" if chosen.bucket is not None else f"-{chosen.part or 'overdue'}"


def _narrower(chosen: Which) -> list[tuple[str, Mapping[str, str | int]]]:
    """What narrows the list, each with the address of the list without it."""
    found = [("currency", chosen.currency), ("state", chosen.state), ("part", chosen.part and f"with {chosen.part}")]
    age = "" if chosen.bucket is None else f"overdue {listed.bucket_name(chosen.bucket)}"
    return [(said, asked.in_address(asked.without(chosen, name))) for name, said in [*found, ("bucket", age)] if said]

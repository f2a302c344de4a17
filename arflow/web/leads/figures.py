"""The pipeline and ageing: figures by currency, with a picture of them, and as files."""

from collections.abc import Sequence
from http import HTTPStatus
from itertools import groupby

from flask import Response, render_template

from arflow.reports import ageing as ageings
from arflow.reports import listed
from arflow.reports import pipeline as pipelines
from arflow.reports.ageing import Ageing
from arflow.reports.book import ageing_shown, pipeline_of, pipeline_shown
from arflow.reports.pipeline import Standing
from arflow.reports.positions import BUCKETS
from arflow.reports.summed import ageing_of
from arflow.reports.sweeps import Underway
from arflow.web import bars
from arflow.web.leads import asked
from arflow.web.leads.blueprint import around, pages, report_file
from arflow.web.transactions import connection

KINDS = ("collectible", "promised", "disputed")
"""How an overdue amount divides, in the order of the pieces of a bar."""


@pages.get("/", menu=("Pipeline", 5))
def pipeline() -> str | tuple[str, HTTPStatus]:
    """How many accounts and how much money stand in each state, by currency; 202 while that is being worked out."""
    day = asked.as_of()
    told = pipeline_shown(connection(), day)
    if isinstance(told, Underway):
        return render_template("leads/underway.html", **around(day), done=told.done), HTTPStatus.ACCEPTED
    by_currency = {currency: list(found) for currency, found in groupby(told.lines, lambda line: line.currency)}
    return render_template(
        "leads/pipeline.html",
        **around(day),
        age=told.age,
        found=[(currency, found, _sum(found), _states_picture(found)) for currency, found in by_currency.items()],
    )


@pages.get("/pipeline.csv")
def pipeline_csv() -> Response:
    """The pipeline as a file."""
    day = asked.as_of()
    lines = [pipelines.as_json(line) for line in pipeline_of(connection(), day)]
    columns = pipelines.as_json(Standing(currency="USD", state="current"))
    return report_file("arflow-pipeline", day, lines, list(columns))


def _sum(lines: Sequence[Standing]) -> Standing:
    total = Standing(currency=lines[0].currency, state="")
    for name in ("accounts", "open_amount", "gross", *KINDS):
        setattr(total, name, sum(getattr(line, name) for line in lines))
    return total


def _states_picture(lines: Sequence[Standing]) -> bars.Picture:
    return bars.picture(
        (line.state, [(kind, getattr(line, kind)) for kind in KINDS], _accounts(line.accounts)) for line in lines
    )


def _accounts(count: int) -> str:
    return f"{count:,} account{'' if count == 1 else 's'}"


@pages.get("/ageing")
def ageing() -> str:
    """What is open and overdue, by age and currency."""
    day = asked.as_of()
    told = ageing_shown(connection(), day)
    found = [(line, line.with_age, _ages_picture(line)) for line in told.lines]
    names = [listed.bucket_name(bucket) for bucket in range(len(BUCKETS))]
    ages = [asked.age(bucket) for bucket in range(len(BUCKETS))]
    return render_template("leads/ageing.html", **around(day), age=told.age, found=found, names=names, ages=ages)


@pages.get("/ageing.csv")
def ageing_csv() -> Response:
    """Ageing as a file, row for row."""
    day = asked.as_of()
    lines = [row for line in ageing_of(connection(), day) for row in ageings.by_age(line)]
    return report_file("arflow-ageing", day, lines, ageings.COLUMNS)


def _ages_picture(line: Ageing) -> bars.Picture:
    return bars.picture(
        (
            listed.bucket_name(bucket).replace(" and more", "+"),
            [("overdue", amount)],
            f"{invoices:,} invoice{'' if invoices == 1 else 's'}",
        )
        for bucket, (invoices, amount) in enumerate(line.buckets)
    )

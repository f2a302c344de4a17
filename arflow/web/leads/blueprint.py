"""The blueprint of the reports, and what each of their pages shows: its day, and the last one that can be asked for."""

import datetime as dt
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from flask import Response, render_template, request

from arflow.reports import days
from arflow.web.downloads import csv_file
from arflow.web.pages import Pages
from arflow.web.transactions import connection

pages = Pages("leads", __name__, roles={"lead", "admin"}, url_prefix="/pipeline")


def around(day: dt.date) -> dict[str, object]:
    """What a report of `day` shows around its figures; `of` is how addresses of that day name it."""
    today = days.today(connection())
    return {"day": day, "today": today, "is_today": day == today, "of": {} if day == today else {"as_of": day}}


Underway = tuple[str, HTTPStatus]
"""A page that says that its figures are still being worked out."""


def underway(title: str, endpoint: str, day: dt.date) -> Underway:
    """What somebody sees who looks at figures of a large company before they are there; it leads back to the same."""
    again = request.full_path.removesuffix("?")
    page = render_template("leads/adding_up.html", **around(day), title=title, endpoint=endpoint, again=again)
    return page, HTTPStatus.ACCEPTED


def report_file(name: str, day: dt.date, lines: Sequence[Mapping[str, object]], columns: Sequence[str]) -> Response:
    """A report as a CSV file, its day in every line and in its name."""
    dated = [{"as_of": day.isoformat(), **line} for line in lines]
    return csv_file(f"{name}-{day}", dated, ["as_of", *columns])

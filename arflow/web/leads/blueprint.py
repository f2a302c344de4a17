"""The blueprint of the reports, and what each of their pages shows: its day, and the last one that can be asked for."""

import datetime as dt
from collections.abc import Mapping, Sequence

from flask import Response

from arflow.reports import days
from arflow.web.downloads import csv_file
from arflow.web.pages import Pages
from arflow.web.transactions import connection

pages = Pages("leads", __name__, roles={"lead", "admin"}, url_prefix="/pipeline")


def around(day: dt.date) -> dict[str, object]:
    """What a report of `day` shows around its figures; `of` is how addresses of that day name it."""
    today = days.today(connection())
    return {"day": day, "today": today, "is_today": day == today, "of": {} if day == today else {"as_of": day}}


def report_file(name: str, day: dt.date, lines: Sequence[Mapping[str, object]], columns: Sequence[str]) -> Response:
    """A report as a CSV file, its day in every line and in its name."""
    dated = [{"as_of": day.isoformat(), **line} for line in lines]
    return csv_file(f"{name}-{day}", dated, ["as_of", *columns])

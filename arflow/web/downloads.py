"""Tables as files: CSV that spreadsheets open with the right letters, and never compute."""

import re
from collections.abc import Sequence

from flask import Response

from arflow.reports.sheets import Record, as_csv

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_MARK = "\ufeff"
"""Begins the file, so that a spreadsheet reads it as UTF-8."""


def csv_file(name: str, records: Sequence[Record], columns: Sequence[str]) -> Response:
    """A CSV file; `name` without its ending. Without records it has the heads of its columns."""
    response = Response(_MARK + as_csv(records, columns), content_type="text/csv; charset=utf-8")
    file = _UNFIT.sub("-", name).strip("-")
    response.headers["Content-Disposition"] = f'attachment; filename="{file}.csv"'
    return response

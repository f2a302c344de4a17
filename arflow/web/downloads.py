"""Tables as files: CSV that spreadsheets open with the right letters, and never compute."""

import re
from collections.abc import Iterable, Iterator, Sequence
from tempfile import SpooledTemporaryFile
from typing import IO

from flask import Response

from arflow.reports.sheets import Record, csv_lines

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_MARK = "\ufeff"
"""Begins the file, so that a spreadsheet reads it as UTF-8."""


_IN_MEMORY = 4_000_000
"""How many bytes of a file are held in memory; a longer one waits on disk until it has left."""

_PART = 64_000


def csv_file(name: str, records: Iterable[Record], columns: Sequence[str]) -> Response:
    """A CSV file; `name` without its ending. Without records it has the heads of its columns.

    It is written before it leaves, so that records which cannot be read to their end are an error, not half a file.
    """
    written = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # the response closes it
    written.write(_MARK.encode())
    written.writelines(line.encode() for line in csv_lines(records, columns))
    length = written.tell()
    written.seek(0)
    response = Response(_parts(written), content_type="text/csv; charset=utf-8")
    response.call_on_close(written.close)
    response.content_length = length
    file = _UNFIT.sub("-", name).strip("-")
    response.headers["Content-Disposition"] = f'attachment; filename="{file}.csv"'
    return response


def _parts(written: IO[bytes]) -> Iterator[bytes]:
    with written:
        yield from iter(lambda: written.read(_PART), b"")

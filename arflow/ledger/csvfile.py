"""A CSV file (or its gzip) through a profile: an item for each row, one at a time.

Memory stays bounded whatever the file. What makes the whole file doubtful is Refused with its line (a header that does
not fit, a date in another order, quotes that do not close); what makes one row doubtful is a Reject. Nothing is stored
here, and nothing is decided but what a row says.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from arflow.errors import Refused, did_you_mean
from arflow.ledger.profiles import Column, Profile
from arflow.ledger.rowevents import Item, Reject, RowReader
from arflow.ledger.textlines import MAX_LINE, TextLines
from arflow.ledger.written import shown

MAX_COLUMNS = 500
"""How many columns a file may have."""

MAX_SHOWN = 8
"""How many headers of a kind a refusal lists."""


class CsvFile:
    """The rows of the file at `path` as its profile reads them; iterate once."""

    def __init__(self, path: Path, profile: Profile) -> None:
        self.path, self.profile = path, profile
        self._lines = TextLines(path, encoding=profile.encoding)
        self._row_start, self._row_size, self._at_end = 1, 0, False

    @property
    def share_read(self) -> float:
        """How much of the file has been read, from 0 to 1."""
        return self._lines.share_read

    def __iter__(self) -> Iterator[Item]:
        with closing(self._lines):
            rows = self._rows()
            header = self._header(rows)
            reader = RowReader(self.profile, header, self._positions(header))
            for line, cells in rows:
                yield self._item(reader, line, cells)

    def _item(self, reader: RowReader, line: int, cells: list[str] | csv.Error) -> Item:
        if isinstance(cells, csv.Error):
            return Reject(line=line, reason=f"the quotes of the row do not fit ({cells})")
        try:
            item = reader.read(line, cells)
        except Refused as refusal:
            raise refusal.within(str(self.path), line) from None
        if isinstance(item, Reject) and self._lines.count > line:
            return replace(item, reason=f"{item.reason} (the row goes on to line {self._lines.count})")
        return item

    def _rows(self) -> Iterator[tuple[int, list[str] | csv.Error]]:
        """Each row with the line on which it starts."""
        csv.field_size_limit(MAX_LINE)  # a field may fill its line; by default it may not
        rows = csv.reader(self._fed(), delimiter=self.profile.delimiter, strict=True)
        while True:
            self._row_start, self._row_size = self._lines.count + 1, 0
            try:
                yield self._row_start, next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                self._check_quotes()
                yield self._row_start, error

    def _fed(self) -> Iterator[str]:
        """The lines for the CSV reader, which may not collect more than a line's length of them for one row."""
        for line in self._lines:
            self._row_size += len(line)
            if self._row_size > MAX_LINE:
                reason = f"the row is longer than {MAX_LINE:,} characters"
                several = self._lines.count > self._row_start
                hint = "; a quote opens in it, and may not be closed where it should be" if several else ""
                raise self._lines.refused(reason + hint, self._row_start)
            yield line
        self._at_end = True

    def _check_quotes(self) -> None:
        """Refuses quotes that swallowed further lines: nobody could say which rows were lost."""
        if self._at_end or self._lines.count > self._row_start:
            raise self._lines.refused("a quote opens in this row and is not closed where it should be", self._row_start)

    def _header(self, rows: Iterator[tuple[int, list[str] | csv.Error]]) -> Sequence[str]:
        for line, cells in rows:
            if isinstance(cells, csv.Error):
                raise self._lines.refused(f"the header cannot be read ({cells})", line)
            if len(cells) > MAX_COLUMNS:
                raise self._lines.refused(f"the header has {len(cells):,} columns, and {MAX_COLUMNS} are allowed", line)
            if any(header := [" ".join(cell.split()) for cell in cells]):
                return header
        raise self._lines.refused("the file is empty")

    def _positions(self, header: Sequence[str]) -> Mapping[str, int]:
        """Where the header has each of the profile's columns. Raises Refused for all that are missing together."""
        places: dict[str, list[int]] = {}
        for at, text in enumerate(header):
            places.setdefault(text.casefold(), []).append(at)
        found = {name: at for name, column in self.profile.columns.items() if (at := self._place(column, places)) >= 0}
        missing = [column for name, column in self.profile.columns.items() if name not in found and not column.optional]
        if missing:
            raise self._misfit(missing, header)
        return found

    def _place(self, column: Column, places: Mapping[str, list[int]]) -> int:
        """Where `column` stands, -1 for nowhere."""
        for header in column.headers:
            at = places.get(header.strip().casefold(), [])
            if len(at) > 1:
                raise self._lines.refused(f"the header has {shown(header)} {len(at)} times", self._row_start)
            if at:
                return at[0]
        return -1

    def _misfit(self, missing: Sequence[Column], header: Sequence[str]) -> Refused:
        lacks = _listed([_wanted(column, header) for column in missing])
        has = _listed([shown(text, 30) for text in header])
        hint = "; is the `delimiter` right?" if len(header) == 1 else ""
        reason = f"the header does not fit profile `{self.profile.name}`: it lacks {lacks}; it has {has}{hint}"
        return self._lines.refused(reason, self._row_start)


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - MAX_SHOWN} more" if len(texts) > MAX_SHOWN else ""
    return ", ".join(texts[:MAX_SHOWN]) + more


def _wanted(column: Column, header: Sequence[str]) -> str:
    """The header that is missing, and the one that may have been meant."""
    return " or ".join(shown(text, 30) for text in column.headers[:3]) + did_you_mean(column.headers[0], header)

"""How the command line prints: tables for people, JSON and CSV for programs, progress on standard error."""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

FORMATS = ("table", "json", "csv")
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a cell begins that a spreadsheet computes; the last four are the first four in full width."""

_STEERING = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, halves of characters, and ends of lines and paragraphs."""

_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)

Record = Mapping[str, object]


def show(records: Sequence[Record], form: str, *, title: str = "") -> None:
    """Print records in one of FORMATS."""
    if form == "json":
        click.echo(json.dumps(list(records), ensure_ascii=False, indent=2, default=str))
    elif form == "csv":
        click.echo(as_csv(records), nl=False)
    else:
        _table(records, title)


def on_one_line(text: str) -> str:
    """`text` without what would end the line or steer a terminal: a name is somebody else's, and may hold anything."""
    return "".join("?" if unicodedata.category(char) in _STEERING else char for char in text)


def as_csv(records: Sequence[Record]) -> str:
    """Records as CSV; a text that a spreadsheet would take for a formula is quoted with an apostrophe."""
    flat = [_flat(record) for record in records]
    if not flat:
        return ""
    rows: list[list[object]] = [list(flat[0]), *([record[name] for name in flat[0]] for record in flat)]
    return "".join(_csv_line(row) for row in rows)


def _csv_line(values: Iterable[object]) -> str:
    """One row; the writer quotes an end of line in a cell only if rows end with its characters."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([_safe(value) for value in values])
    return out.getvalue().removesuffix("\r\n") + "\n"


def _safe(value: object) -> object:
    if isinstance(value, str) and value.startswith(_DANGEROUS) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def _flat(record: Record) -> dict[str, object]:
    """A record without nested lists: each of their entries gets columns of its own."""
    found: dict[str, object] = {}
    for name, value in record.items():
        if isinstance(value, list):
            for at, entry in enumerate(value, start=1):
                inner = entry if isinstance(entry, Mapping) else {"value": entry}
                found.update({f"{name}_{at}_{key}": text for key, text in inner.items()})
        else:
            found[name] = value
    return found


def _table(records: Sequence[Record], title: str) -> None:
    if not records:
        click.echo(f"{title}: nothing" if title else "nothing")
        return
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    names = [name for name, value in records[0].items() if not isinstance(value, list) and not name.endswith("_minor")]
    for name in names:
        number = all(_NUMBER.fullmatch(str(record[name])) for record in records)
        table.add_column(name.replace("_", " "), justify="right" if number else "left", overflow="fold")
    for record in records:
        table.add_row(*(_shown(record[name]) for name in names))
    console(stderr=False).print(table)


def _shown(value: object) -> str:
    return "" if value is None else str(value)


def console(*, stderr: bool) -> Console:
    """A console that never wraps what is piped elsewhere."""
    made = Console(stderr=stderr, highlight=False, markup=False)
    if not made.is_terminal:
        made.width = 200
    return made


@contextmanager
def progress() -> "Iterator[Bar]":
    """A progress bar on standard error, gone when the work is done; nothing where nobody watches."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    watched = console(stderr=True)
    with Progress(*columns, console=watched, transient=True, disable=not watched.is_terminal) as shown:
        yield Bar(shown)


class Bar:
    """One line of progress."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._task = shown.add_task("", total=None)

    def at(self, stage: str, done: float) -> None:
        """Say how much of a stage is done, from 0 to 1."""
        self._shown.update(self._task, description=stage, completed=done, total=1.0)

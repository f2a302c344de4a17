"""How the command line prints: tables for people, JSON and CSV for programs, progress on standard error."""

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from arflow.reports.sheets import Record, as_csv, is_number

FORMATS = ("table", "json", "csv")
_STEERING = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, halves of characters, and ends of lines and paragraphs."""


def show(records: Sequence[Record], form: str, *, title: str = "") -> None:
    """Print records in one of FORMATS."""
    if form == "json":
        click.echo(json.dumps(list(records), ensure_ascii=False, indent=2, default=str))
    elif form == "csv":
        click.echo(as_csv(records), nl=False)
    else:
        _table(records, title)


def show_upright(records: Sequence[Record], form: str, *, title: str, heads: Sequence[str]) -> None:
    """Print records in one of FORMATS; a table has a column for each, under what it says of `heads`."""
    if form != "table" or not records:
        show(records, form, title=title)
        return
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for record in records:
        table.add_column("\n".join(str(record[name]) for name in heads), justify="right")
    for name in (name for name in records[0] if name not in heads):
        table.add_row(name.replace("_", " "), *(_shown(record[name]) for record in records))
    console(stderr=False).print(table)


def said(text: str, facts: Mapping[str, object], form: str) -> None:
    """Say one thing as text, or its facts as JSON."""
    lines = "\n".join(map(on_one_line, text.split("\n")))
    click.echo(json.dumps(facts, ensure_ascii=False, indent=2) if form == "json" else lines)


def complain(text: str) -> None:
    """Say on standard error what is wrong, in one line."""
    click.echo(f"arflow: {on_one_line(' '.join(text.splitlines()))}", err=True)


def on_one_line(text: str) -> str:
    """`text` without what would end the line or steer a terminal: a name is somebody else's, and may hold anything."""
    return "".join("?" if unicodedata.category(char) in _STEERING else char for char in text)


def _table(records: Sequence[Record], title: str) -> None:
    if not records:
        click.echo(f"{title}: nothing" if title else "nothing")
        return
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    names = [name for name, value in records[0].items() if not isinstance(value, list) and not name.endswith("_minor")]
    for name in names:
        number = all(is_number(str(record[name])) for record in records)
        table.add_column(name.replace("_", " "), justify="right" if number else "left", overflow="fold")
    for record in records:
        table.add_row(*(_shown(record[name]) for name in names))
    console(stderr=False).print(table)


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "", True: "yes", False: "no"}[value]
    return on_one_line(str(value))


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

"""What arguments look like: dates, files and formats as click types and options, and the examples of each `--help`."""

import datetime as dt
from pathlib import Path

import click

from arflow.cli.output import FORMATS
from arflow.errors import Refused
from arflow.isodates import read_date


class _Date(click.ParamType[dt.date]):
    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        """The date that was written; a usage error for anything else."""
        if isinstance(value, dt.date):
            return value
        try:
            return read_date(value)
        except Refused as refused:
            self.fail(refused.reason, param, ctx)


class _Text(click.ParamType[str]):
    name = "text"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text that was written; a usage error for what no database could keep."""
        text = str(value)
        if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
            self.fail("is not UTF-8 text", param, ctx)
        return text


class Integer(click.IntRange):
    """A whole number within a range; the library would call what is none "not a valid integer range"."""

    name = "integer"


DATE = _Date()
TEXT = _Text()
FILE = click.Path(path_type=Path)

table_format = click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
"""How records are printed."""

text_format = click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
"""How anything else is printed."""


def examples(*lines: str) -> str:
    """The end of a `--help`: how the command is used."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)

"""How results are told: lines on a screen, and `results.md`, in which each benchmark has its row and its section."""

import datetime as dt
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from benchmarks import company
from benchmarks.measured import Measured, Rounds, figure

RESULTS = Path(__file__).with_name("results.md")
ON_DEBIANS = RESULTS.with_name("results-debian.md")
"""The same, measured on Debian's PostgreSQL and Redis."""

_HEAD = """# Measured

Made by `make bench`; what each row means stands in the modules beside this file. Sides are measured in turns within one
run; a figure is the median of its rounds, and the spread is how far the highest and the lowest lie apart, as a part of
the median. A floor that does not hold is short by what is said.

| | measured | figures | floors |
| --- | --- | --- | --- |
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where and how it was measured."""

    command: str
    day: dt.date
    shape: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.day}, `{self.command}`, {self.shape}"


def shape() -> str:
    """The shape of this machine: cores, memory, Python, PostgreSQL."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} on {platform.machine()}, "
        f"Python {platform.python_version()}, PostgreSQL {_postgresql()}"
    )


def _postgresql() -> str:
    engine = create_engine(make_url(company.server()).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        version = str(connection.execute(text("SHOW server_version")).scalar_one())
    engine.dispose()
    return version


def lines(measured: Measured) -> list[str]:
    """What is printed of a benchmark: its sides, and its floors."""
    name = measured.name
    sides = [f"{name}: {side.label}: {_figure(side)}" for side in measured.rounds]
    return [*sides, *(f"{name}: {floor}" for floor in measured.floors)]


def table(measured: Sequence[Measured]) -> list[str]:
    """The table of the end: each floor, what was found, and whether it holds."""
    rows = [
        (one.name, floor.text, figure(floor.found), "holds" if floor.holds else f"short by {figure(floor.short_by)}")
        for one in measured
        for floor in one.floors
    ]
    widths = [max((len(row[at]) for row in rows), default=0) for at in range(4)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _figure(side: Rounds) -> str:
    spread = f", spread {side.spread:.0%} of {len(side.values)} rounds" if len(side.values) > 1 else ""
    return f"{figure(side.median)} {side.unit}{spread}"


def keep(measured: Sequence[Measured], place: Place, names: Sequence[str], file: Path = RESULTS) -> None:
    """Write what was measured into the results; rows and sections of others stay as they are."""
    rows, sections = _read(file.read_text(encoding="utf-8") if file.exists() else "")
    for one in measured:
        rows[one.name], sections[one.name] = _row(one), _section(one, place)
    there = [name for name in names if name in rows]
    written = _HEAD + "".join(f"{rows[name]}\n" for name in there)
    file.write_text(written + "".join(f"\n## {name}\n\n{sections[name]}" for name in there), encoding="utf-8")


def _read(written: str) -> tuple[dict[str, str], dict[str, str]]:
    """The rows and the sections of results, by name."""
    head, *found = re.split(r"^## ", written, flags=re.MULTILINE)
    rows = {line.split(" |")[0].removeprefix("| "): line for line in head.splitlines() if re.match(r"\| [a-z]", line)}
    rows.pop("measured", None)
    sections = {}
    for section in found:
        name, _, rest = section.partition("\n\n")
        sections[name.strip()] = rest.rstrip("\n") + "\n"
    return rows, sections


def _row(measured: Measured) -> str:
    sides = "<br>".join(f"{side.label}: {figure(side.median)} {side.unit}" for side in measured.rounds)
    floors = "<br>".join(str(floor) if floor.holds else f"**{floor}**" for floor in measured.floors)
    return f"| {measured.name} | {measured.what} | {sides} | {floors} |"


def _section(measured: Measured, place: Place) -> str:
    sides = "\n".join(
        f"| {side.label} | {figure(side.median)} {side.unit} | {side.spread:.0%} | {_values(side)} | {side.settings} |"
        for side in measured.rounds
    )
    floors = "\n".join(f"- {floor}" for floor in measured.floors)
    return (
        f"{measured.what[0].upper()}{measured.what[1:]}. Measured on {place}.\n\n"
        f"| side | median | spread | rounds | settings |\n| --- | --- | --- | --- | --- |\n{sides}\n\n{floors}\n"
    )


def _values(side: Rounds) -> str:
    return ", ".join(figure(value).replace(",", "") for value in side.values)


def place(command: str) -> Place:
    """Here and today."""
    return Place(command=command, day=dt.datetime.now(dt.UTC).date(), shape=shape())

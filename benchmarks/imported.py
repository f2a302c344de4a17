"""`import`: a file of invoices taken in by the real importer until facts and wakes are ready, against bare COPY.

The limit is what the import came to, all tables of it, written by COPY into the same tables with the same keys and
indexes. The importer runs in a process of its own, whose greatest memory is read from the system; a worker of
`arflow up` waits beside it, as on any machine where arflow runs, and lives accounts too once the file is in.
"""

import csv
import datetime as dt
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psycopg
from psycopg import sql

from arflow import clock, config
from arflow.cli.driven import run_now
from arflow.cli.opened import engineering, opened
from arflow.ledger import importing, profileloader
from arflow.store import database
from benchmarks import company, crew, databases
from benchmarks.company import Company, Plan
from benchmarks.crew import Crew
from benchmarks.measured import Floor, Measured, Rounds, Say
from benchmarks.size import Size
from tests.production import activate, standard
from tests.set_clock import put

QUICK, FULL = 20_000, 1_000_000
"""Invoice rows of all rounds together; each round is a file of its own, of other accounts, into the same database."""

INVOICES = 3
"""Invoices of an account."""

WORKERS = 1
"""Drain workers beside the command: it lives accounts itself too, so that both cores do."""

MOST_TIMES, MOST_MEGABYTES = 10.0, 400.0
NOON = dt.datetime(2026, 1, 13, 12, tzinfo=dt.UTC)
"""When the file comes in."""

_IMPORTS = "import_file"
_OF_ACCOUNTS = (
    "account", "person", "event", "invoice", "item", "clearing", "allocation", "episode", "effect", "journal",
    "message", "task",
)  # fmt: skip
_BLOCK = 1 << 20
_HEADER = (
    "account", "name", "currency", "country", "language", "timezone", "segment", "contact", "email", "invoice",
    "issued", "due", "amount", "paid_on", "paid",
)  # fmt: skip
_ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What an import took: seconds of reading and comparing the file, and of living the accounts, and its memory."""

    file: float
    lives: float
    megabytes: float

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.file + self.lives


def run(size: Size, say: Say) -> Measured:
    """Seconds for a part of the rows, import and COPY in turns."""
    part = (QUICK if size.quick else FULL) // size.rounds // INVOICES * INVOICES
    taken: list[Taken] = []
    copied: list[float] = []
    with _company() as ours, databases.migrated() as other, tempfile.TemporaryDirectory() as folder:
        _prepare(other)
        with crew.of(ours, WORKERS) as workers:
            for turn in range(size.rounds):
                file = Path(folder) / f"invoices-{turn}.csv"
                _write(file, turn * part, part)
                taken.append(_import(workers, file))
                copied.append(_copy(ours.url, other, Path(folder), _ids(turn * part, part)))
                file.unlink()
                last = taken[-1]
                say(f"import: {part:,} rows in {last.file:.1f} + {last.lives:.1f} s, {copied[-1]:.1f} s by COPY")
    return _measured(part, taken, copied)


@contextmanager
def _company() -> Iterator[Company]:
    """A company without accounts, whose policy is active."""
    with databases.migrated() as url:
        _prepare(url)
        engine = database.connect(url)
        yield Company(url=url, engine=engine, plan=Plan())
        engine.dispose()


def _measured(part: int, taken: list[Taken], copied: list[float]) -> Measured:
    times = [one.seconds / other for one, other in zip(taken, copied, strict=True)]
    rounds = (
        Rounds(label="arflow import", unit="rows a second", values=tuple(part / one.seconds for one in taken)),
        Rounds(label="of it: the file into events", unit="s", values=tuple(one.file for one in taken)),
        Rounds(label="of it: books, facts and wakes", unit="s", values=tuple(one.lives for one in taken)),
        Rounds(label="the limit: COPY", unit="rows a second", values=tuple(part / one for one in copied)),
        Rounds(label="times COPY", unit="times", values=tuple(times)),
        Rounds(label="memory", unit="MB", values=tuple(one.megabytes for one in taken)),
    )
    return Measured(
        name="import",
        what=f"{part * len(taken):,} invoice rows of CSV in {len(taken)} files, {INVOICES} an account, about a third "
        "of them paid, until every account has its facts and its wake; one worker of `arflow up` beside the command",
        rounds=rounds,
        floors=(
            Floor(text="times as long as COPY, at most 10", wanted=MOST_TIMES, found=rounds[4].median, at_most=True),
            Floor(
                text="MB of memory, at most 400",
                wanted=MOST_MEGABYTES,
                found=max(one.megabytes for one in taken),
                at_most=True,
            ),
        ),
    )


# --- the file ---------------------------------------------------------------------------------------------------------


def _write(path: Path, first: int, count: int) -> None:
    """So many rows as a bookkeeping program writes them: the invoices of accounts from number `first` on."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        for number in range(first, first + count):
            writer.writerow(_row(number))


def _ids(first: int, count: int) -> tuple[str, str]:
    """The ids of the first and the last account of a file."""
    return _id(first // INVOICES), _id((first + count - 1) // INVOICES)


def _id(account: int) -> str:
    return f"C{account:07}"


def _row(number: int) -> list[object]:
    """An invoice of January's ledger: up to 80 days old, due within 30 days of its date, a third of them paid."""
    rng = Random(number)
    account, at = divmod(number, INVOICES)
    issued = NOON.date() - dt.timedelta(days=rng.randint(1, 80))
    amount = f"{rng.randint(20, 4_000)}.{rng.randint(0, 99):02}"
    paid_on = issued + dt.timedelta(days=rng.randint(5, 40))
    is_paid = rng.random() < 0.5 and paid_on <= NOON.date()  # which comes to about a third
    who = (f"Company {account}", "USD", "US", "en", _ZONES[account % 4], ("small", "large")[account % 2])
    contact = (f"Ann {account}", f"ann@c{account}.example")
    due = issued + dt.timedelta(days=30)
    return [
        _id(account),
        *who,
        *contact,
        f"I{account}-{at}",
        issued,
        due,
        amount,
        *((paid_on, amount) if is_paid else ("", "")),
    ]


# --- the import -------------------------------------------------------------------------------------------------------


def _prepare(url: str) -> None:
    engine = database.connect(url)
    put(engine, NOON, runs=True)
    activate(engine, standard("standard-usd"))
    engine.dispose()


def _import(workers: Crew, file: Path) -> Taken:
    """Import a file in a process of its own, while the workers wait for the bell."""
    command = [sys.executable, "-m", "benchmarks.imported", str(file)]
    environment = os.environ | {config.DATABASE_URL: workers.company.url}
    with workers.rung():
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        workers.wait(1)  # what a worker still holds
        ended = time.monotonic()
    begun, between, megabytes = json.loads(done.stdout)
    return Taken(file=between - begun, lives=ended - between, megabytes=megabytes)


def _take_in(file: Path) -> tuple[float, float, float]:
    """What `arflow import FILE --profile plain` does: when it began, when the file was in, and its greatest memory."""
    gc.freeze()  # as the command does
    begun = time.monotonic()
    with opened() as engine:
        with engine.begin() as connection:
            now = clock.read(connection)
            options = importing.Options(profile=profileloader.find("plain"))
            done = importing.import_file(connection, file, now, options, lambda *_: None)
        between = time.monotonic()
        run_now(engine, now, engineering(now), lambda *_: None, len(done.outcome.touched))
    return begun, between, _greatest_memory()


def _greatest_memory() -> float:
    """The most memory that this process ever had, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000


# --- COPY -------------------------------------------------------------------------------------------------------------


def _copy(source: str, target: str, folder: Path, between: tuple[str, str]) -> float:
    """Write what an import came to into the other database, in one transaction; gives the seconds that COPY took."""
    files = {table: folder / table for table in (_IMPORTS, *_OF_ACCOUNTS)}
    with psycopg.connect(source) as connection, connection.cursor() as cursor:
        for table, path in files.items():
            query, values = _new_rows(table, between)
            with path.open("wb") as file, cursor.copy(query, values) as copy:
                for block in copy:
                    file.write(block)
    company.checkpoint()
    begun = time.monotonic()
    with psycopg.connect(target) as connection, connection.cursor() as cursor:
        for table, path in files.items():
            with path.open("rb") as file, cursor.copy(_into(table)) as copy:
                while block := file.read(_BLOCK):
                    copy.write(block)
    return time.monotonic() - begun


def _new_rows(table: str, between: tuple[str, str]) -> tuple[sql.Composed, Sequence[str]]:
    """What the latest import wrote into a table: the rows of its accounts, or its own."""
    key = "id" if table == "account" else "account_id"
    which = sql.SQL("id = (SELECT max(id) FROM import_file)")
    if table != _IMPORTS:
        which = sql.SQL("{} BETWEEN %s AND %s").format(sql.Identifier(key))  # type: ignore[assignment]
    query = sql.SQL("COPY (SELECT * FROM {} WHERE {}) TO STDOUT").format(sql.Identifier(table), which)
    return query, () if table == _IMPORTS else between


def _into(table: str) -> sql.Composed:
    return sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))


if __name__ == "__main__":
    print(json.dumps(_take_in(Path(sys.argv[1]))))

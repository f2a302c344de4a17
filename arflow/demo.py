"""`make run`: a sample company on this machine, lived through day by day, so that a newcomer sees accounts move.

Everything is kept in a folder of its own; running it again goes on where it stopped. It uses the same doors as the
command line, and no other.
"""

import datetime as dt
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import click
from sqlalchemy import Engine

from arflow import clock, config
from arflow.cli import told
from arflow.cli.driven import activate, explained, step_through
from arflow.cli.opened import engineering, opened
from arflow.cli.output import Bar, progress, show
from arflow.errors import ArflowError
from arflow.ledger import importing
from arflow.reports.pipeline import pipeline
from arflow.reports.positions import positions
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.rules.templates import KNOWN
from arflow.sample import generate
from arflow.store import accounts
from arflow.vocabulary import State

SEED, ACCOUNTS, MONTHS = 20260630, 400, 18
LAST_DAY = dt.date(2026, 6, 30)
_STANDARD = ("standard-usd", "standard-eur", "standard-gbp")


def main() -> None:
    """Set up the sample company and live through its months."""
    home = config.from_environment().home / "demo"
    os.environ["ARFLOW_HOME"] = str(home)
    os.environ.pop("ARFLOW_DATABASE_URL", None)  # a company's own database is never filled with the sample
    try:
        home.mkdir(parents=True, exist_ok=True)
        _run(home)
    except (ArflowError, OSError) as error:
        click.echo(f"arflow: {error}", err=True)
        sys.exit(getattr(error, "exit_code", 2))


def _run(home: Path) -> None:
    events = _written(home / "events.jsonl")
    first = min(dt.date.fromisoformat(str(json.loads(line)["date"])) for line in events.open(encoding="utf-8"))
    click.echo(f"the sample company: {events}")
    with opened() as engine, progress() as bar:
        day = _day(engine)
        if day is None:
            _begin(engine, events, first - dt.timedelta(days=2), bar)
        if day is None or day < LAST_DAY:  # a newcomer may have lived on from there
            step_through(engine, LAST_DAY, engineering(), bar.at)
        months = _months(engine, first, bar)
        told_of = _telling(engine)
        explanation = explained(engine, told_of, None)
    show(months, "table", title="accounts in each state, and what is collectible, at each month's end")
    click.echo()
    click.echo(told.explanation_text(explanation))
    click.echo()
    click.echo(f"to look further: ARFLOW_HOME={home} .venv/bin/arflow explain {told_of} --at 2026-03-31")


def _written(path: Path) -> Path:
    if not path.exists():
        events = generate(seed=SEED, accounts=ACCOUNTS, months=MONTHS, until=LAST_DAY)
        unfinished = path.with_suffix(".part")
        with unfinished.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(event, ensure_ascii=False) + "\n" for event in events)
        unfinished.rename(path)
    return path


def _day(engine: Engine) -> dt.date | None:
    with engine.connect() as connection:
        return clock.read(connection).day if accounts.count(connection) else None


def _begin(engine: Engine, events: Path, eve: dt.date, bar: Bar) -> None:
    """The evening before the first day: the standard policies are activated, the whole ledger is imported."""
    step_through(engine, eve, engineering(), bar.at)
    for name in _STANDARD:
        activate(engine, standard(name), "the standard policy", "demo", bar.at)
    with engine.begin() as connection:
        options = importing.Options(profile=None)
        report = importing.import_file(connection, events, clock.read(connection), options, bar.at)
    told.imported(report, "table", dry_run=False, corrections=False)


def standard(name: str) -> Policy:
    """A policy that arflow ships."""
    path = Path(__file__).parent / "rules" / f"{name}.yaml"
    return load_policy(path.read_bytes(), file=path.name, templates=KNOWN)


def _months(engine: Engine, first: dt.date, bar: Bar) -> list[dict[str, object]]:
    ends = list(_month_ends(first))
    found = []
    with engine.connect() as connection:
        for at, day in enumerate(ends):
            bar.at("pipeline by month", at / len(ends))
            standings = pipeline(positions(connection, day))
            for currency in sorted({standing.currency for standing in standings}):
                mine = [standing for standing in standings if standing.currency == currency]
                counts = {state.value: sum(s.accounts for s in mine if s.state == state) for state in State}
                collectible = sum(standing.collectible for standing in mine)
                found.append(
                    {"month": f"{day:%Y-%m}", "currency": currency, **counts, "collectible": _shown(collectible)}
                )
    return found


def _shown(minor: int) -> str:
    return f"{minor // 100:,}"


def _month_ends(first: dt.date) -> Iterable[dt.date]:
    day = first.replace(day=1)
    while True:
        following = (day + dt.timedelta(days=32)).replace(day=1)
        if following - dt.timedelta(days=1) > LAST_DAY:
            return
        yield following - dt.timedelta(days=1)
        day = following


def _telling(engine: Engine) -> str:
    """An account with a story: called, and with the most overdue."""
    with engine.connect() as connection:
        called = [p for p in positions(connection, LAST_DAY) if p.state in (State.CALLED, State.REMINDED)]
    return max(called, key=lambda position: position.collectible).account


if __name__ == "__main__":
    main()

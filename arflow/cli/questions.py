"""The commands that ask: `explain`, `report` and `audit`. Nothing is changed, but for an anchor that is added."""

import datetime as dt
import json
from pathlib import Path

import click

from arflow import anchors, clock, config
from arflow.audit import verify_all
from arflow.cli import answers
from arflow.cli.arguments import DATE, FILE, TEXT, Integer, examples, table_format, text_format
from arflow.cli.opened import engineering, opened
from arflow.cli.output import console, progress, said, show, show_upright
from arflow.errors import SaysNo
from arflow.explain import explained
from arflow.reports import ageing as ageings
from arflow.reports import measures
from arflow.reports import pipeline as pipelines
from arflow.reports.book import pipeline_of
from arflow.reports.days import asked_for
from arflow.reports.measures import measured
from arflow.reports.summed import ageing_of
from arflow.store import database


@click.command(epilog=examples("arflow explain C-1042", "arflow explain C-1042 --at 2026-03-31 --format json"))
@click.argument("account", type=TEXT)
@click.option("--at", type=DATE, help="Explain the account as it stood at the end of this date.")
@text_format
def explain(*, account: str, at: dt.date | None, form: str) -> None:
    """Why an account stands where it stands, and what comes next and when."""
    with opened() as engine, engine.connect() as connection:
        explanation = explained(connection, account, at, engineering(clock.read(connection)))
    if form == "json":
        click.echo(json.dumps(answers.explanation_json(explanation), ensure_ascii=False, indent=2, default=str))
    else:
        console(stderr=False).print(answers.explanation_text(explanation), soft_wrap=True)


@click.group(epilog=examples("arflow report pipeline", "arflow report ageing --as-of 2026-03-31 --format csv"))
def report() -> None:
    """Reports as of the end of any date, per currency."""


_as_of = click.option("--as-of", type=DATE, help="The date, at its end in each account's zone; default is today.")


@report.command("ageing", epilog=examples("arflow report ageing --as-of 2026-03-31 --format json"))
@_as_of
@table_format
def report_ageing(*, as_of: dt.date | None, form: str) -> None:
    """What is open and overdue, by age."""
    with opened() as engine, engine.connect() as connection:
        day = asked_for(connection, as_of)
        lines = ageing_of(connection, day)
    show([ageings.as_json(line) for line in lines], form, title=f"ageing at the end of {day}")


@report.command("pipeline", epilog=examples("arflow report pipeline --as-of 2026-03-31"))
@_as_of
@table_format
def report_pipeline(*, as_of: dt.date | None, form: str) -> None:
    """How many accounts and how much money stand in each state."""
    with opened() as engine, engine.connect() as connection:
        day = asked_for(connection, as_of)
        lines = pipeline_of(connection, day)
    show([pipelines.as_json(line) for line in lines], form, title=f"pipeline at the end of {day}")


@report.command(
    "kpi",
    short_help="DSO, effectiveness, bad debt, promises kept.",
    epilog=examples("arflow report kpi", "arflow report kpi --as-of 2026-03-31 --days 365 --months 12 --format csv"),
)
@_as_of
@click.option(
    "--days",
    type=Integer(1, 3660),
    default=measures.DAYS,
    show_default=True,
    help="How many days, ending with the date, are measured.",
)
@click.option(
    "--months",
    type=Integer(0, 120),
    default=0,
    show_default=True,
    help="Measure also at the ends of so many months before the date.",
)
@table_format
def report_kpi(*, as_of: dt.date | None, days: int, months: int, form: str) -> None:
    """How collecting went in the days before a date: DSO, effectiveness, bad debt, calls, promises kept.

    How each is worked out is told in docs/leads.md.
    """
    with opened() as engine, engine.connect() as connection:
        day = asked_for(connection, as_of)
        lines = measured(connection, day, [day, *measures.month_ends(day, months)], days)
    show_upright(
        [measures.as_json(line) for line in lines],
        form,
        title=f"measures of {days} days, as known at the end of {day}",
        heads=("currency", "until"),
    )


@click.group(epilog=examples("arflow audit verify", "arflow audit anchor"))
def audit() -> None:
    """Check what was journalled."""


@audit.command(
    "verify",
    short_help="Recompute every chain and anchor, and every decision.",
    epilog=examples(
        "arflow audit verify",
        "arflow audit verify --kept 5f0c... --format json",
        "arflow audit verify --archive /archive/2026.sqlite",
    ),
)
@click.option("--kept", multiple=True, type=TEXT, help="The digest of an anchor that you kept; may be repeated.")
@click.option(
    "--archive", "files", multiple=True, type=FILE, help="A file that `arflow archive` made; may be repeated."
)
@text_format
def audit_verify(*, kept: tuple[str, ...], files: tuple[Path, ...], form: str) -> None:
    """Recompute every chain and anchor, and make every decision again; exit status 1 when one differs."""
    with opened() as engine, progress() as bar, database.one_moment(engine) as connection:
        looked_at = verify_all(connection, files, bar.at)
        anchored = anchors.verify(connection, config.from_environment().home, kept)
    answers.audited(looked_at, anchored, form)
    if looked_at.findings:
        first = looked_at.findings[0]
        raise SaysNo(f"journal row {first.seq} of account `{first.account}`: {first.what}")
    if anchored.found:
        raise SaysNo(anchored.found[0])
    if looked_at.unchecked:
        raise SaysNo(
            f"{looked_at.unchecked:,} old decisions cannot be checked: what they were made on has left for an archive; "
            "name it with --archive"
        )


@audit.command("anchor", epilog=examples("arflow audit anchor", "arflow audit anchor --format json"))
@text_format
def audit_anchor(*, form: str) -> None:
    """Add an anchor now: one digest over everything journalled. Keep it elsewhere, for `audit verify --kept`."""
    with opened() as engine:
        line = anchors.write(engine, config.from_environment().home)
    made = json.loads(line or "{}")
    text = (
        f"anchor {made['anchor']} of {made['at']}, over {made['rows']:,} journal rows of {made['accounts']:,} "
        f"accounts: {made['digest']}"
    )
    said(text, made, form)

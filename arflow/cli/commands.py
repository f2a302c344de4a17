"""The `arflow` command, and those of its commands that change or replay a ledger: a door each, and what it said."""

import datetime as dt
import json
from itertools import islice
from pathlib import Path

import click
from sqlalchemy import Connection

from arflow import advance as doors
from arflow import clock
from arflow.cli import told
from arflow.cli.arguments import DATE, FILE, examples, text_format
from arflow.cli.driven import run_now, step_through
from arflow.cli.keeping_commands import archive, backup, restore, status
from arflow.cli.opened import engineering, opened
from arflow.cli.output import progress
from arflow.cli.policy_commands import policy
from arflow.cli.questions import audit, explain, report
from arflow.cli.running import up
from arflow.cli.user_commands import user
from arflow.errors import Refused
from arflow.ledger import importing, profileloader
from arflow.ledger.importing import Options
from arflow.ledger.profiles import Profile
from arflow.replay import Request, read_policy
from arflow.rules.prove_compile import prove_compile
from arflow.sharing import processes_for, replayed
from arflow.store import migrating


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=examples("arflow import invoices.csv --profile plain", "arflow policy activate trade-us.yaml"),
)
@click.version_option(package_name="arflow")
def cli() -> None:
    """A workflow engine for overdue customer accounts."""


for command in (policy, report, explain, audit, up, user, status, backup, restore, archive):
    cli.add_command(command)


@cli.command(
    "import",
    epilog=examples("arflow import invoices.csv --profile plain --dry-run", "arflow import events.jsonl"),
)
@click.argument("file", type=FILE)
@click.option("--profile", help="Name of a shipped profile, or path of one of your own. Not needed for .jsonl events.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--corrections", is_flag=True, help="Let known entries with other content replace what is recorded.")
@click.option("--accept-rejects", is_flag=True, help="Import the good rows although more than 5 % are rejected.")
@click.option("--payments-complete", is_flag=True, help="With this file every payment until now is recorded.")
@text_format
def import_(
    *,
    file: Path,
    profile: str | None,
    dry_run: bool,
    corrections: bool,
    accept_rejects: bool,
    payments_complete: bool,
    form: str,
) -> None:
    """Import a ledger (CSV or .gz through a profile) or events (JSON lines). All or nothing."""
    options = Options(
        profile=_profile(file, profile), dry_run=dry_run, corrections=corrections, accept_rejects=accept_rejects
    )
    with opened() as engine, progress() as bar:
        with engine.connect() as connection, connection.begin() as transaction:
            _refuse_a_demo(connection)
            now = clock.read(connection)
            done = importing.import_file(connection, file, now, options, bar.at)
            if payments_complete:
                doors.complete_payments(connection, actor="")
            if dry_run:
                transaction.rollback()
        if not dry_run:
            run_now(engine, now, engineering(now), bar.at, len(done.outcome.touched))
            with engine.connect() as connection:
                done.without_policy = importing.without_policy(connection, done)
    told.imported(done, form, dry_run=dry_run, corrections=corrections)


@cli.command(
    "payments-complete", epilog=examples("arflow payments-complete", "arflow payments-complete --through 2026-03-31")
)
@click.option("--through", type=DATE, help="The last date of which every payment is recorded; default: until now.")
@text_format
def payments_complete(*, through: dt.date | None, form: str) -> None:
    """Say that every payment is recorded; messages that waited for it leave."""
    with opened() as engine, progress() as bar:
        with engine.begin() as connection:
            now = clock.read(connection)
            if through is not None and through > now.last_day:
                raise Refused(f"{through} is still to come; payments are complete through a date that has passed")
            doors.complete_payments(connection, actor="", through=through)
        run_now(engine, now, engineering(now), bar.at)
    until = f"through {through}" if through else "until now"
    told.said(f"payments are complete {until}", {"through": through.isoformat() if through else None}, form)


def _refuse_a_demo(connection: Connection) -> None:
    if clock.demo(connection) is not None:
        raise Refused("this database is a demo, where no real ledger belongs; set another ARFLOW_HOME")


def _profile(file: Path, name: str | None) -> Profile | None:
    """How to read the file, None for events. Raises Refused for what is no file, too."""
    if not file.is_file():
        reason = "is not a file that can be read twice" if file.exists() else "there is no such file"
        raise Refused("this is a folder; name a file in it" if file.is_dir() else reason, file=str(file))
    if file.name.removesuffix(".gz").endswith((".jsonl", ".ndjson")):
        if name is not None:
            raise Refused("a file of events takes no --profile", file=str(file))
        return None
    if name is None:
        known = ", ".join(profileloader.shipped())
        raise Refused(f"say how to read it with --profile; shipped are {known}", file=str(file))
    return profileloader.find(name)


@cli.command(epilog=examples("arflow advance --until 2026-03-31", "arflow advance"))
@click.option("--until", type=DATE, help="Step the clock of a database made for it to the end of this date.")
@text_format
def advance(*, until: dt.date | None, form: str) -> None:
    """Run everything that is due, in order: up to now, or day by day on a stepped clock."""
    with opened() as engine, progress() as bar:
        if until is not None:
            looks = step_through(engine, until, bar.at)
        else:
            with engine.connect() as connection:
                now = clock.read(connection)
            looks = run_now(engine, now, engineering(now), bar.at)
        with engine.connect() as connection:
            now = clock.read(connection)
    told.advanced(looks, now, form)


@cli.command(epilog=examples("arflow migrate"))
@text_format
def migrate(*, form: str) -> None:
    """Bring the database's schema up to date."""
    with opened(current=False) as engine:
        before, after = migrating.migrate(engine)
    was = "already" if before == after else f"now, it was at {before or 'nothing'}"
    told.said(f"the schema is at {after} {was}", {"before": before, "after": after}, form)


@cli.command(
    epilog=examples(
        "arflow replay events.jsonl --policy trade-us.yaml --until 2026-03-31",
        "arflow replay events.jsonl --policy trade-us.yaml --processes 2",
    )
)
@click.argument("events", type=FILE)
@click.option("--policy", "policy_file", type=FILE, required=True, help="The policy that is active from the start.")
@click.option("--until", type=DATE, help="The last day, inclusive; default is the last event's.")
@click.option("--states-at", type=DATE, help="Print only each account's state at the end of this date.")
@click.option("--delivery", type=click.Choice(("instant", "recorded")), default="instant", show_default=True)
@click.option("--format", "form", type=click.Choice(("jsonl", "table")), default="jsonl", show_default=True)
@click.option("--every-day", is_flag=True, help="Run a pass at every act_at instead of jumping from wake to wake.")
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="How many processes share the work; by default as many as there are cores, for a small file one.",
)
def replay(
    *,
    events: Path,
    policy_file: Path,
    until: dt.date | None,
    states_at: dt.date | None,
    delivery: str,
    form: str,
    every_day: bool,
    processes: int | None,
) -> None:
    """Replay a file of events under a policy; no database is needed."""
    read = read_policy(policy_file)
    prove_compile(read)
    asked = Request(
        events=(),
        policy=read,
        until=until,
        states_at=states_at,
        delivery=delivery,
        every_day=every_day,
        file=str(events),
    )
    with progress() as bar:
        lines = replayed(events, asked, processes or processes_for(events), bar.at)
        if form == "jsonl":
            while block := "".join(islice(lines, _BLOCK)):
                click.echo(block, nl=False)
        else:
            told.replay_table([json.loads(line) for line in lines])


_BLOCK = 1_000
"""How many lines are printed at a time."""

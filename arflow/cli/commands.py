"""The commands, each a few lines: arguments in, a door or a query, the answer out."""

import datetime as dt
import json
from pathlib import Path

import click
from sqlalchemy import Engine

from arflow import clock, explain as explaining
from arflow.advance import Engineering, rehearse, run_due
from arflow.audit import Finding, verify
from arflow.cli import told
from arflow.cli.opened import engineering, opened
from arflow.cli.output import FORMATS, console, progress, show
from arflow.clock import Now
from arflow.errors import ArflowError, Refused, SaysNo
from arflow.examples import failures
from arflow.isodates import read_date
from arflow.ledger import importing, profileloader
from arflow.ledger.importing import Options
from arflow.replay import Request, as_jsonl, changes_in, read_events, read_policy, replay as replayed
from arflow.reports import ageing as ageings, pipeline as pipelines
from arflow.reports.positions import positions
from arflow.rules.engine import DurableRules
from arflow.rules.loader import MAX_BYTES, load_policy
from arflow.rules.policy import Policy
from arflow.rules.prove_compile import prove_compile
from arflow.rules.reference import Reference
from arflow.rules.templates import KNOWN
from arflow.store import accounts, database, policies


class _Date(click.ParamType):
    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        if isinstance(value, dt.date):
            return value
        try:
            return read_date(value)
        except Refused as refused:
            self.fail(refused.reason, param, ctx)


DATE = _Date()
FILE = click.Path(path_type=Path)
_FORMAT = click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)


def _epilog(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="arflow")
def cli() -> None:
    """A workflow engine for overdue customer accounts."""


# --- import and advance ------------------------------------------------------------------------------------------------


@cli.command("import", epilog=_epilog("arflow import invoices.csv --profile plain --dry-run", "arflow import events.jsonl"))
@click.argument("file", type=FILE)
@click.option("--profile", help="Name of a shipped profile, or path of one of your own. Not needed for .jsonl events.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--corrections", is_flag=True, help="Let known entries with other content replace what is recorded.")
@click.option("--accept-rejects", is_flag=True, help="Import the good rows although more than 5 % are rejected.")
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", show_default=True)
def import_(file: Path, profile: str | None, dry_run: bool, corrections: bool, accept_rejects: bool, form: str) -> None:
    """Import a ledger (CSV or .gz through a profile) or events (JSON lines). All or nothing."""
    options = Options(
        profile=_profile(file, profile), dry_run=dry_run, corrections=corrections, accept_rejects=accept_rejects
    )
    if not file.is_file():
        raise Refused("there is no such file", file=str(file))
    with opened() as engine, progress() as bar:
        with engine.connect() as connection, connection.begin() as transaction:
            now = clock.read(connection)
            report = importing.import_file(connection, file, now, options, bar.at)
            if dry_run:
                transaction.rollback()
        if not dry_run:
            _run(engine, now, len(report.outcome.touched), bar.at)
    told.imported(report, form, dry_run=dry_run, corrections=corrections)


def _profile(file: Path, name: str | None) -> "importing.Profile | None":
    if file.name.removesuffix(".gz").endswith((".jsonl", ".ndjson")):
        if name is not None:
            raise Refused("a file of events takes no --profile", file=str(file))
        return None
    if name is None:
        known = ", ".join(profileloader.shipped())
        raise Refused(f"say how to read it with --profile; shipped are {known}", file=str(file))
    return profileloader.find(name)


def _run(engine: Engine, now: Now, total: int, at: "importing.Progress") -> int:
    done = 0
    for advanced in run_due(engine, now, engineering()):
        done += advanced.accounts
        at("accounts", done / max(total, done))
    return done


@cli.command(epilog=_epilog("arflow advance --until 2026-03-31", "arflow advance"))
@click.option("--until", type=DATE, help="Step the clock of a database made for it to the end of this date.")
def advance(until: dt.date | None) -> None:
    """Run everything that is due, in order: up to now, or day by day on a stepped clock."""
    with opened() as engine, progress() as bar:
        if until is None:
            with engine.connect() as connection:
                now = clock.read(connection)
            count = _run(engine, now, 0, bar.at)
        else:
            count = step_through(engine, until, bar.at, engineering())
    click.echo(f"{count} accounts looked at")


def step_through(engine: Engine, until: dt.date, at: "importing.Progress", doors: Engineering) -> int:
    """Step the clock day by day to the end of `until`, running everything due; days with nothing due are skipped."""
    done = 0
    with engine.begin() as connection:
        start = clock.read(connection).day
        if start is None or until < start:
            clock.step_to(connection, until if start is None else until)
    first = start or until
    day = first
    while True:
        with engine.begin() as connection:
            due = accounts.next_due(connection)
            day = min(until, max(day, due.date() - dt.timedelta(days=1)) if due else until)
            now = clock.step_to(connection, day)
        done += sum(advanced.accounts for advanced in run_due(engine, now, doors))
        at(f"{day}", (day - first).days, max(1, (until - first).days))
        if day == until:
            return done
        day += dt.timedelta(days=1)


@cli.command(epilog=_epilog("arflow migrate"))
def migrate() -> None:
    """Bring the database's schema up to date."""
    with opened(current=False) as engine:
        before, after = database.migrate(engine)
    click.echo(f"the schema is at {after}" + (f", it was at {before}" if before != after else " already"))


# --- policies ----------------------------------------------------------------------------------------------------------


@cli.group()
def policy() -> None:
    """Check, test and activate policies."""


def _read(file: Path) -> Policy:
    try:
        with file.open("rb") as opened_file:
            text = opened_file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}", file=str(file)) from None
    return load_policy(text, file=str(file), templates=KNOWN)


@policy.command("check", epilog=_epilog("arflow policy check trade-us.yaml"))
@click.argument("file", type=FILE)
def policy_check(file: Path) -> None:
    """Check a policy: its language, its limits, and that its rules compile."""
    read = _read(file)
    prove_compile(read)
    for warning in read.warnings:
        click.echo(f"{file} {warning}", err=True)
    click.echo(f"{read.name}: {len(read.rules)} rules, version {read.version[:12]}, no errors")


@policy.command("test", epilog=_epilog("arflow policy test trade-us.yaml"))
@click.argument("file", type=FILE)
def policy_test(file: Path) -> None:
    """Run the examples that a policy brings along."""
    _tested(file)


def _tested(file: Path) -> Policy:
    read = _read(file)
    prove_compile(read)
    failed = failures(read, DurableRules())
    for failure in failed:
        click.echo(f"{file} line {failure.line}: example `{failure.example}`: {failure.what}", err=True)
    wrong = len({failure.example for failure in failed})
    click.echo(f"{read.name}: {len(read.examples) - wrong} of {len(read.examples)} examples pass")
    if failed:
        raise SaysNo(f"{file}: {wrong} of {len(read.examples)} examples fail")
    return read


@policy.command("activate", epilog=_epilog('arflow policy activate trade-us.yaml --message "call a week earlier"'))
@click.argument("file", type=FILE)
@click.option("--message", default="", help="Why, for those who read it later.")
@click.option("--actor", default="command line", show_default=True, help="Who activates it.")
def policy_activate(file: Path, message: str, actor: str) -> None:
    """Make a policy the active version of its name; its examples must pass. Every account is looked at anew."""
    read = _tested(file)
    with opened() as engine, progress() as bar:
        count = activate(engine, read, message, actor, bar.at)
    click.echo(f"{read.name} is active in version {read.version[:12]}; {count} accounts looked at")


def activate(engine: Engine, read: Policy, message: str, actor: str, at: "importing.Progress") -> int:
    """Activate a checked policy and run the accounts; gives how many were looked at."""
    with engine.begin() as connection:
        now = clock.read(connection)
        policies.save(connection, read)
        policies.activate(connection, read, message=message, actor=actor, known_at=now.at, known_on=now.day)
        accounts.make_due(connection, now.at or dt.datetime.combine(now.day or dt.date.min, dt.time(0), tzinfo=dt.UTC))
        total = accounts.count(connection)
    return _run(engine, now, total, at)


# --- replay ------------------------------------------------------------------------------------------------------------


@cli.command(epilog=_epilog("arflow replay events.jsonl --policy trade-us.yaml --until 2026-03-31"))
@click.argument("events", type=FILE)
@click.option("--policy", "policy_file", type=FILE, required=True, help="The policy that is active from the start.")
@click.option("--until", type=DATE, help="The last day, inclusive; default is the last event's.")
@click.option("--states-at", type=DATE, help="Print only each account's state at the end of this date.")
@click.option("--delivery", type=click.Choice(("instant", "recorded")), default="instant", show_default=True)
@click.option("--format", "form", type=click.Choice(("jsonl", "table")), default="jsonl", show_default=True)
@click.option("--every-day", is_flag=True, help="Run a pass at every act_at instead of jumping from wake to wake.")
def replay(
    events: Path,
    policy_file: Path,
    until: dt.date | None,
    states_at: dt.date | None,
    delivery: str,
    form: str,
    every_day: bool,
) -> None:
    """Replay a file of events under a policy; no database is needed."""
    read = read_policy(policy_file)
    prove_compile(read)
    recorded = read_events(events)
    request = Request(
        events=recorded,
        policy=read,
        changes=changes_in(recorded, events.parent, str(events)),
        until=until,
        states_at=states_at,
        delivery=delivery,
        every_day=every_day,
        file=str(events),
    )
    lines = replayed(request, DurableRules())
    if form == "jsonl":
        click.echo(as_jsonl(lines), nl=False)
    else:
        told.replay_table(lines)


# --- reports, explanations, audits -------------------------------------------------------------------------------------


@cli.group()
def report() -> None:
    """Reports as of the end of any date, per currency."""


def _as_of(engine: Engine, day: dt.date | None) -> dt.date:
    if day is not None:
        return day
    with engine.connect() as connection:
        now = clock.read(connection)
    return now.day or dt.datetime.now(dt.UTC).date()


_AS_OF = click.option("--as-of", type=DATE, help="The date, at its end in each account's zone; default is today.")


@report.command("ageing", epilog=_epilog("arflow report ageing --as-of 2026-03-31 --format json"))
@_AS_OF
@_FORMAT
def report_ageing(as_of: dt.date | None, form: str) -> None:
    """What is open and overdue, by age."""
    with opened() as engine:
        day = _as_of(engine, as_of)
        with engine.connect() as connection:
            lines = ageings.ageing(positions(connection, day), day)
    show([ageings.as_json(line) for line in lines], form, title=f"ageing at the end of {day}")


@report.command("pipeline", epilog=_epilog("arflow report pipeline --as-of 2026-03-31"))
@_AS_OF
@_FORMAT
def report_pipeline(as_of: dt.date | None, form: str) -> None:
    """How many accounts and how much money stand in each state."""
    with opened() as engine:
        day = _as_of(engine, as_of)
        with engine.connect() as connection:
            lines = pipelines.pipeline(positions(connection, day))
    show([pipelines.as_json(line) for line in lines], form, title=f"pipeline at the end of {day}")


@cli.command(epilog=_epilog("arflow explain C-1042", "arflow explain C-1042 --at 2026-03-31 --format json"))
@click.argument("account")
@click.option("--at", type=DATE, help="Explain the account as it stood at the end of this date.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
def explain(account: str, at: dt.date | None, form: str) -> None:
    """Why an account stands where it stands, and what comes next and when."""
    with opened() as engine:
        explanation = explained(engine, account, at)
    if form == "json":
        click.echo(json.dumps(told.explanation_json(explanation), ensure_ascii=False, indent=2, default=str))
    else:
        console(stderr=False).print(told.explanation_text(explanation), soft_wrap=True)


def explained(engine: Engine, account: str, at: dt.date | None) -> explaining.Explanation:
    """The explanation of an account now, or at the end of a past date. Raises SaysNo when it is unknown then."""
    with engine.connect() as connection:
        now = clock.read(connection)
        if account not in accounts.known_among(connection, [account]):
            raise SaysNo(f"there is no account `{account}`")
        until = Now(day=at) if at is not None else now
        life = rehearse(connection, [account], until, engineering())[account]
        if not life.account.born:
            raise SaysNo(f"nothing was recorded of account `{account}` by then")
        steps = explaining.step_entries(life.entries)
        last = steps[-1] if steps else None
        deciding = policies.version(connection, last.policy_version) if last and last.policy_version else None
        moment = until.at or explaining.end_of(life, until.day or dt.date.min)
        life.entries.clear()
        return explaining.explain(life, moment, last, deciding)


@cli.group()
def audit() -> None:
    """Check what was journalled."""


@audit.command("verify", epilog=_epilog("arflow audit verify"))
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
def audit_verify(form: str) -> None:
    """Recompute every chain, and make every decision again from its journalled facts."""
    evaluators = {"the reference evaluator": Reference(), "durable_rules": DurableRules()}
    rows = decisions = looked_at = 0
    findings: list[Finding] = []
    with opened() as engine, progress() as bar, engine.connect() as connection:
        total, after = accounts.count(connection), ""
        while ids := accounts.all_ids(connection, after):
            found = verify(connection, evaluators, ids)
            rows, decisions, looked_at = rows + found.rows, decisions + found.decisions, looked_at + found.accounts
            findings += found.findings
            after = ids[-1]
            bar.at("journals", looked_at, total)
    told.audited(looked_at, rows, decisions, findings, form)
    if findings:
        first = findings[0]
        raise SaysNo(f"journal row {first.seq} of account `{first.account}`: {first.what}")


__all__ = ["ArflowError", "cli"]

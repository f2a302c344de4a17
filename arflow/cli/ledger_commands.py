"""The commands that change the ledger and its time: import, payments-complete, advance and migrate; a door each."""

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
from sqlalchemy import Connection

from arflow import advance as doors
from arflow import clock, money
from arflow.cli.arguments import DATE, FILE, examples, text_format
from arflow.cli.driven import run_now, step_through
from arflow.cli.opened import engineering, opened
from arflow.cli.output import progress, said
from arflow.clock import Now
from arflow.errors import Refused
from arflow.ledger import importing, profileloader
from arflow.ledger.importing import Options, Report
from arflow.ledger.profiles import Profile
from arflow.ledger.taking import Listed
from arflow.store import cash, migrating


@click.command(
    "import",
    epilog=examples("arflow import invoices.csv --profile plain --dry-run", "arflow import events.jsonl"),
)
@click.argument("file", type=FILE)
@click.option("--profile", help="Name of a shipped profile, or path of one of your own. Not needed for .jsonl events.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--corrections", is_flag=True, help="Let known entries with other content replace what is recorded.")
@click.option("--accept-rejects", is_flag=True, help="Import the good rows although more than 5 % are rejected.")
@click.option(
    "--accept-gone", is_flag=True, help="Take as paid what a whole file has no more, however much that is at once."
)
@click.option("--payments-complete", is_flag=True, help="With this file every payment until now is recorded.")
@text_format
def import_(
    *,
    file: Path,
    profile: str | None,
    dry_run: bool,
    corrections: bool,
    accept_rejects: bool,
    accept_gone: bool,
    payments_complete: bool,
    form: str,
) -> None:
    """Import a ledger (CSV or .gz through a profile) or events (JSON lines). All or nothing."""
    options = Options(
        profile=_profile(file, profile),
        dry_run=dry_run,
        corrections=corrections,
        accept_rejects=accept_rejects,
        accept_gone=accept_gone,
    )
    with opened() as engine, progress() as bar:
        with engine.connect() as connection, connection.begin() as transaction:
            _refuse_a_demo(connection)
            now = clock.read(connection)
            if payments_complete:  # before any account is locked, as on the page that says so
                cash.let_nobody_note(connection)
            done = importing.import_file(connection, file, now, options, bar.at)
            is_noted = payments_complete and _is_whole(done, corrections=corrections)
            if is_noted:
                doors.complete_payments(connection, actor="")
            if dry_run:
                transaction.rollback()
        if not dry_run:
            run_now(engine, now, engineering(now), bar.at, len(done.outcome.touched))
            with engine.connect() as connection:
                done.without_policy = importing.without_policy(connection, done)
    facts = {**_import_facts(done, dry_run=dry_run, corrections=corrections), "payments_complete": is_noted}
    lines = [*_import_lines(done, dry_run=dry_run, corrections=corrections)]
    if payments_complete and not is_noted:
        lines.append(
            "  payments are not noted as complete, for some of the file was not taken in; mend it and import it"
        )
        lines.append("  again, or look at what is missing and run `arflow payments-complete`")
    said("\n".join(lines), facts, form)


def _is_whole(done: Report, *, corrections: bool) -> bool:
    """Whether everything in the file is in the books now: what was left out may be a payment."""
    return not done.rejected and (corrections or not done.outcome.corrections)


@click.command(
    "payments-complete", epilog=examples("arflow payments-complete", "arflow payments-complete --through 2026-03-31")
)
@click.option("--through", type=DATE, help="The last date of which every payment is recorded; default: until now.")
@text_format
def payments_complete(*, through: dt.date | None, form: str) -> None:
    """Say that every payment is recorded; messages that waited for it leave."""
    with opened() as engine, progress() as bar:
        with engine.begin() as connection:
            now = clock.read(connection)
            if through is not None and not now.has_begun(through):
                raise Refused(f"{through} is still to come; nobody knows yet what will be paid on it")
            doors.complete_payments(connection, actor="", through=through)
        run_now(engine, now, engineering(now), bar.at)
    until = f"through {through}" if through else "until now"
    said(f"payments are complete {until}", {"through": through.isoformat() if through else None}, form)


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


@click.command(epilog=examples("arflow advance --until 2026-03-31", "arflow advance"))
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
    _say_advanced(looks, now, form)


@click.command(epilog=examples("arflow migrate"))
@text_format
def migrate(*, form: str) -> None:
    """Bring the database's schema up to date."""
    with opened(current=False) as engine:
        before, after = migrating.migrate(engine)
    was = "already" if before == after else f"now, it was at {before or 'nothing'}"
    said(f"the schema is at {after} {was}", {"before": before, "after": after}, form)


# --- what they say ----------------------------------------------------------------------------------------------------


def _say_advanced(looks: int, now: Now, form: str) -> None:
    """How many times an account was looked at, and where the clock stands: at the end of a day, or at an instant."""
    stands = now.day.isoformat() if now.day else now.start.isoformat(timespec="seconds")
    text = f"accounts were looked at {looks:,} times; the clock stands at {stands}"
    said(text, {"looks": looks, "clock": stands}, form)


def _import_facts(report: Report, *, dry_run: bool, corrections: bool) -> Mapping[str, object]:
    outcome = report.outcome
    return {
        "file": report.file,
        "dry_run": dry_run,
        "rows": report.rows,
        "skipped": report.skipped,
        "rejected": report.rejected,
        "rejects": [{"line": line, "reason": reason} for line, reason in sorted(report.rejects)],
        "accounts": outcome.accounts,
        "accounts_opened": outcome.opened,
        "accounts_changed": len(outcome.touched),
        "accounts_without_policy": report.without_policy,
        "new_events": dict(sorted(outcome.new.items())),
        "unchanged_events": outcome.unchanged,
        "refusal": str(report.refusal) if report.refusal else None,
        "corrections": [{"line": line, "what": what} for line, what in sorted(outcome.corrections)],
        "gone": {
            "is_compared": report.is_whole,
            **_listed(outcome.gone),
            "open_again": outcome.open_again,
            "paid_otherwise": outcome.paid_otherwise,
            "back_otherwise": outcome.back_otherwise,
            "open_in_file_only": _listed(outcome.settled_here),
            "unmatched": _listed(outcome.unmatched),
            "never_imported": [*report.never_imported],
        },
        "corrections_applied": corrections and not dry_run,
        "billed": _amounts(outcome.billed),
        "paid": _amounts(outcome.paid),
    }


def _listed(found: Listed) -> Mapping[str, object]:
    return {"invoices": found.invoices, "amounts": _amounts(found.amounts), "first": found.first}


def _amounts(sums: Mapping[str, int]) -> Mapping[str, str]:
    return {currency: money.show(minor, currency) for currency, minor in sorted(sums.items())}


def _import_lines(report: Report, *, dry_run: bool, corrections: bool) -> Iterator[str]:
    outcome = report.outcome
    yield f"{report.file}: {report.rows:,} rows, {report.skipped:,} skipped, {report.rejected:,} rejected"
    for name, sums in (("invoices", outcome.billed), ("payments", outcome.paid)):
        if sums:
            yield f"  {name} in the file: " + ", ".join(f"{money.show(m, c)} {c}" for c, m in sorted(sums.items()))
    would = "would change" if dry_run else "changed"
    news = ", ".join(f"{count:,} {kind}" for kind, count in sorted(outcome.new.items())) or "0"
    touched = f"{len(outcome.touched):,} of {outcome.accounts:,} accounts ({outcome.opened:,} opened)"
    yield f"  {would}: {touched}; new: {news}"
    yield f"  unchanged: {outcome.unchanged:,} events"
    yield from _gone_lines(report, dry_run=dry_run)
    for line, reason in sorted(report.rejects)[:5]:
        yield f"  rejected: line {line}: {reason}"
    if report.refusal:
        yield f"  the import would be refused: {report.refusal.reason}"
    if report.reject_file:
        yield f"  all rejects are in {report.reject_file}"
    for line, what in sorted(outcome.corrections)[:5]:
        yield f"  correction: line {line}: {what}"
    if outcome.corrections and not (corrections and not dry_run):
        how = "would be applied" if corrections else "are not applied; import with --corrections to apply them"
        yield f"  {len(outcome.corrections):,} corrections {how}"
    if report.without_policy:
        parked = f"parked: {report.without_policy:,} of the changed accounts, because no active policy is for them"
        yield f"  {parked}; run `arflow policy activate`"


def _listed_lines(what: str, found: Listed) -> Iterator[str]:
    if found.invoices:
        sums = ", ".join(f"{amount} {currency}" for currency, amount in _amounts(found.amounts).items())
        yield f"  {what}: {found.invoices:,} invoices, {sums}"
        more = ", ..." if found.invoices > len(found.first) else ""
        yield f"    {', '.join(found.first)}{more}"


def _gone_lines(report: Report, *, dry_run: bool) -> Iterator[str]:
    """What a file that has everything open has no more, or has again."""
    outcome, would = report.outcome, "would be" if dry_run else "are"
    yield from _listed_lines(f"not in the file any more, so {would} taken as paid", outcome.gone)
    if outcome.open_again:
        yield f"  in the file again, so {would} open again: {outcome.open_again:,} invoices"
    if outcome.back_otherwise:
        yield f"  by the numbers of paid invoices there are {outcome.back_otherwise:,} new ones; enter them by hand"
    if outcome.paid_otherwise:
        yield f"  taken as paid before, and now paid by money that came: {outcome.paid_otherwise:,} invoices"
    if outcome.unmatched.invoices:
        yield from _listed_lines("gone, but open beside money that may be for them", outcome.unmatched)
    if report.never_imported:
        yield f"  `of` names profiles by which no file came yet: {', '.join(report.never_imported)}"
    if outcome.settled_here.invoices:
        yield from _listed_lines("open in the file, but settled here", outcome.settled_here)
        yield "    as much of what is not in the file any more of these accounts stays open; a payment or credit note"
        yield "    without a reference may have settled another invoice than it was for (docs/imports.md, whole files)"
    if report.unplaced:
        yield f"  nothing is taken as paid: {report.unplaced:,} rejected rows do not say of which invoice they are"

"""The commands that look after a running arflow: status, backup, restore and archive."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from arflow import anchors, clock, config, forecast, queues
from arflow import archive as archives
from arflow.cli.arguments import DATE, FILE, examples, text_format
from arflow.cli.opened import engineering, opened, unprepared
from arflow.cli.output import Bar, complain, progress, said
from arflow.desk import receivers, users, worklist
from arflow.errors import ArflowError, Refused, SaysNo
from arflow.queues import RedisRefused
from arflow.reports import system
from arflow.stack import backups
from arflow.stack.places import Places
from arflow.store import anchors as stored_anchors
from arflow.store import policies
from workers import ticker

_UNANCHORED = dt.timedelta(days=2)
_TICKER_SILENT, _LATE, _STUCK = dt.timedelta(seconds=15), dt.timedelta(minutes=1), dt.timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Need:
    """Something that needs a person."""

    what: str
    text: str


@click.command(epilog=examples("arflow status", "arflow status --format json"))
@text_format
def status(*, form: str) -> None:
    """Say what needs a person, and how the work stands; exit status 1 when something does."""
    with opened() as engine, progress() as bar:
        with engine.connect() as connection:
            found = system.read(connection)
            unowned = worklist.count(connection, worklist.unassigned())
        needs = [
            *_delivery(engine, found, bar),
            *_guards(engine, found),
            *_accounts(found, unowned),
            *_messages(found),
            *_processes(found),
            *_people(engine),
            *_receivers(engine),
            *_anchors(engine),
        ]
    numbers = {
        "accounts": found.accounts,
        "due": found.due,
        "parked": found.parked,
        "unassigned": unowned,
        "moving_to_a_new_policy": found.behind_policy,
        "delivery": "on" if found.is_delivering else "off",
        "kept_back": found.kept_back,
        **{f"messages_{name}": count for name, count in found.messages.items()},
    }
    shown = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in numbers.items())
    lines = [*(f"needs a person: {need.text}" for need in needs), shown]
    facts = {"needs": [asdict(need) for need in needs], **numbers}
    said("\n".join(lines), facts, form)
    if needs:
        raise SaysNo(f"{len(needs)} {'things need' if len(needs) > 1 else 'thing needs'} a person")


def _delivery(engine: Engine, found: system.System, bar: Bar) -> Iterator[Need]:
    if found.is_delivering or not found.accounts:
        return
    with engine.connect() as connection:
        ahead = forecast.forecast(connection, engineering(found.now), progress=bar.at)
    last = ahead.today + dt.timedelta(days=ahead.days)
    text = (
        f"delivery is off; turned on now, and with payments complete, {ahead.due_today:,} messages and calls would go "
        f"out today and {ahead.total:,} by {last}; a lead or admin turns it on, on the pages"
    )
    yield Need(what="delivery_off", text=text)


def _guards(engine: Engine, found: system.System) -> Iterator[Need]:
    for one in found.blown:
        with engine.connect() as connection:
            waiting = system.kept_back(connection, one.policy)
        text = (
            f"the storm fuse of policy `{one.policy}` is blown: {one.number:,} messages and calls on {one.on}, "
            f"{one.ceiling:,} may leave; {waiting:,} more wait; a lead releases or discards them, on the go-live page"
        )
        yield Need(what="storm_fuse", text=text)
    if found.waits_for_payments:
        text = f"messages and calls wait: {found.waits_for_payments}; `arflow payments-complete` says that they are"
        yield Need(what="payments", text=text)


def _accounts(found: system.System, unowned: int) -> Iterator[Need]:
    if found.parked:
        yield Need(what="parked", text=f"{found.parked:,} accounts are parked; the pages say why, and try again")
    if unowned:
        yield Need(what="unassigned", text=f"{unowned:,} accounts belong to nobody who works here; a lead assigns them")
    if found.late_by and found.late_by > _LATE:
        yield Need(what="late", text=f"an account is due since {_ago(found.late_by)}; is `arflow up` running?")


def _messages(found: system.System) -> Iterator[Need]:
    if found.failed_lately:
        yield Need(what="failed", text=f"{found.failed_lately:,} messages failed in the last 7 days; the pages say why")
    if found.is_delivering and found.oldest_queued and found.oldest_queued > _STUCK:
        yield Need(what="stuck", text=f"a message waits since {_ago(found.oldest_queued)}; is the mail server there?")


def _processes(found: system.System) -> Iterator[Need]:
    seen = found.seen.get(ticker.NAME)
    if seen is None or seen > _TICKER_SILENT:
        when = "has not been seen yet" if seen is None else f"was last seen {_ago(seen)} ago"
        yield Need(what="ticker", text=f"the ticker {when}; start `arflow up`")
        return
    settings = config.from_environment()
    url = settings.redis_url or queues.unix_url(str(Places(home=settings.home).socket))
    try:
        with queues.connect(url) as redis:
            workers = queues.workers_seen(redis)
            failed = sum(queues.refused_or_failed(redis, kind) for kind in queues.KINDS)
    except (RedisRefused, *queues.Unreachable) as error:
        yield Need(what="redis", text=str(error))
        return
    for kind, count in workers.items():
        if not count:
            yield Need(what=f"no_{kind}_worker", text=f"no {kind} worker is there; start `arflow up`")
    if failed:
        yield Need(what="jobs", text=f"{failed:,} jobs failed or were refused within a day; the workers' logs say why")


def _people(engine: Engine) -> Iterator[Need]:
    with engine.connect() as connection:
        if not users.has_admin(connection):
            yield Need(what="no_admin", text="no admin can log in; `arflow up` prints a link that makes one")


def _receivers(engine: Engine) -> Iterator[Need]:
    with engine.connect() as connection:
        for one in receivers.missing(connection, policies.active_now(connection)):
            yield Need(what="no_receiver", text=f"{one.sentence}; an admin makes a queue or a person of that name")


def _anchors(engine: Engine) -> Iterator[Need]:
    with engine.connect() as connection:
        silent = stored_anchors.silent_for(connection)
    if silent is not None and silent > _UNANCHORED:
        text = f"no anchor was written for {silent.days} days; can the ticker write to ARFLOW_HOME? its log says"
        yield Need(what="no_anchor", text=text)


def _ago(past: dt.timedelta) -> str:
    return f"{past.total_seconds():,.0f} seconds" if past < dt.timedelta(minutes=2) else str(past).partition(".")[0]


@click.command(epilog=examples("arflow backup /backups/2026-03-31"))
@click.argument("folder", type=FILE)
@text_format
def backup(*, folder: Path, form: str) -> None:
    """Back everything in the database up into a new folder, while it runs."""
    backups.require_new(folder)
    with opened() as engine, progress() as bar:
        line = _anchor(engine, config.from_environment().home)
        made = backups.make(engine, folder.absolute(), bar.at, line)
    _say(made, f"{folder} holds", form)


def _anchor(engine: Engine, home: Path) -> str:
    """The line of a new anchor; where none can be written, that of the last one, and a line on standard error.

    A disk that is full, or a home that cannot be written to, is when a backup is needed most.
    """
    try:
        return anchors.write(engine, home) or ""
    except (ArflowError, DBAPIError, OSError) as error:
        with suppress(OSError):  # standard error may be on the full disk
            complain(f"without a new anchor: {_told(error)}")
        return _last_line(anchors.file_of(home))


def _told(error: ArflowError | DBAPIError | OSError) -> str:
    if isinstance(error, DBAPIError):
        return " ".join(str(error.orig).split())
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)


def _last_line(path: Path) -> str:
    """The last whole line of the file of anchors; nothing where none can be read."""
    try:
        content = path.read_bytes()
    except OSError:
        return ""
    lines = content[: content.rfind(b"\n") + 1].decode("utf-8", "replace").splitlines()
    return lines[-1] if lines else ""


@click.command(epilog=examples("arflow restore /backups/2026-03-31"))
@click.argument("folder", type=FILE)
@text_format
def restore(*, folder: Path, form: str) -> None:
    """Restore a backup into an empty database; the copy begins with delivery off."""
    backups.read(folder)
    with unprepared() as engine, progress() as bar:
        made = backups.restore(engine, folder, bar.at, config.from_environment().home)
    _say(made, "restored, with delivery off:", form)


@click.command(epilog=examples("arflow archive /archive/2026.sqlite --before 2026-01-01"))
@click.argument("file", type=FILE)
@click.option("--before", type=DATE, required=True, help="What is older than this date leaves the database.")
@text_format
def archive(*, file: Path, before: dt.date, form: str) -> None:
    """Move what old decisions were made on, and old letters' texts, into FILE, while everything runs.

    FILE is added to when it is there. `arflow audit verify --archive FILE` checks the old decisions by it.
    """
    with opened() as engine, progress() as bar:
        with engine.connect() as connection:
            _require_old(before, clock.read(connection).today)
        moved = archives.move(engine, file, before, bar.at)
    text = f"{file} took the facts of {moved.decisions:,} decisions and the texts of {moved.letters:,} letters"
    said(text, asdict(moved), form)


def _require_old(before: dt.date, today: dt.date) -> None:
    """Raise Refused for a date too near to today."""
    latest = today - dt.timedelta(days=archives.LEAST_DAYS)
    if before > latest:
        raise Refused(f"{before} is too late: the last {archives.LEAST_DAYS} days stay; the latest date is {latest}")


def _say(made: backups.Manifest, what: str, form: str) -> None:
    facts: Mapping[str, object] = json.loads(json.dumps(asdict(made)))
    rows = f"{made.rows['account']:,} accounts, {made.rows['event']:,} events, {made.rows['journal']:,} journal rows"
    said(f"{what} {rows}, as of {made.made_at}, schema {made.schema}", facts, form)

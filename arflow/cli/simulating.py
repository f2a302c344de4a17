"""`arflow policy simulate`: what a policy would have done, and will do, beside the active one."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from arflow import clock
from arflow.cli.arguments import FILE, Integer, examples
from arflow.cli.opened import engineering, opened
from arflow.cli.output import on_one_line, progress, show
from arflow.cli.policy_commands import checked
from arflow.reports.sheets import Record
from arflow.store import database
from arflow.trial import told, trying
from arflow.trial.told import Differing, Happening, Question, Sum, Trial

_MOST_DAYS, _MOST_ACCOUNTS = 3_660, 10_000_000
_MOST_REASONS = 10
_KINDS = (("messages", told.SEND), ("calls", told.CALL), ("steps", told.STEP), ("parkings", told.PARKED))


@click.command(
    "simulate",
    short_help="Try a policy on the accounts, past and ahead.",
    epilog=examples(
        "arflow policy simulate trade-us.yaml",
        "arflow policy simulate trade-us.yaml --past 365 --ahead 0 --accounts 10000 --format json",
    ),
)
@click.argument("file", type=FILE)
@click.option(
    "--past",
    type=Integer(0, _MOST_DAYS),
    default=trying.PAST,
    show_default=True,
    help="How many days until today are counted; 0 leaves the past out.",
)
@click.option(
    "--ahead",
    type=Integer(0, _MOST_DAYS),
    default=trying.AHEAD,
    show_default=True,
    help="How many days after today are looked ahead; 0 leaves that out.",
)
@click.option(
    "--accounts",
    type=Integer(1, _MOST_ACCOUNTS),
    default=trying.ACCOUNTS,
    show_default=True,
    help="On how many accounts it is tried at most.",
)
@click.option(
    "--differences",
    type=Integer(0, _MOST_ACCOUNTS),
    default=trying.DIFFERENCES,
    show_default=True,
    help="How many of the accounts for which it makes a difference are listed.",
)
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", show_default=True)
def simulate(*, file: Path, past: int, ahead: int, accounts: int, differences: int, form: str) -> None:
    """Try the policy in FILE on the accounts in the database, beside the active version of its name.

    Nothing is written. The same accounts are lived twice: with FILE in the place of the active version, or beside the
    other policies where none of its name is active, and without it.

    The past: all that was recorded is lived anew, as if the one or the other had always been in force; messages arrive
    at once, payments are complete. Ahead: what happens today and in the next days if FILE is activated now, and if not;
    delivery is on, payments are complete, no fuse blows, and nothing else is recorded.

    A trial cannot know what people would have done otherwise: payments, promises and calls are those that were
    recorded, when they were. Nobody knows who would have paid sooner.
    """
    policy = checked(file)
    with opened() as engine, progress() as bar, database.one_moment(engine) as connection:
        made = trying.tried(
            connection,
            policy,
            engineering(clock.read(connection)),
            past=past,
            ahead=ahead,
            most=accounts,
            differences=differences,
            progress=bar.at,
        )
    if form == "json":
        click.echo(json.dumps(made.facts, ensure_ascii=False, indent=2))
    else:
        _show(made)


# --- tables for people ------------------------------------------------------------------------------------------------


def _show(made: Trial) -> None:
    click.echo(on_one_line(f"{made.policy}, version {made.version[:12]}, {_beside(made)}. {made.scope}"))
    click.echo(told.UNKNOWABLE)
    if not made.accounts:
        return
    if made.past:
        click.echo()
        click.echo(
            f"The past, {made.past.start} to {made.past.until}, as if each had always been in force.{_since(made)}"
        )
        _show_question(made.past, "week from")
    if made.ahead:
        days = f"{made.ahead.start} to {made.ahead.until}"
        click.echo(f"\nAhead, {days}: now as it is, and tried, if it is activated now.")
        _show_question(made.ahead, "day")


def _beside(made: Trial) -> str:
    if made.active is None:
        return "beside what is active: no policy of its name is"
    return f"in the place of the active version {made.active[:12]}"


def _since(made: Trial) -> str:
    """That the past goes back less far than was asked for."""
    since = made.recorded_since
    if since is None or made.past is None or since <= made.past.start:
        return ""
    return f" Nothing was known before {since}."


def _show_question(found: Question, period: str) -> None:
    _table("", list(_by_period(found, period)))
    _table("In all:", [_sum(one) for one in found.sums])
    states = [{"state": one.name or "(not lived)", "now": one.now, "tried": one.tried} for one in found.states]
    _table(f"Where they stand at the end; {found.elsewhere:,} stand elsewhere when it is tried:", states)
    if found.not_begun:
        click.echo(f"Not begun yet: {found.not_begun:,}.")
    parked = [{"parked because": one.name, "now": one.now, "tried": one.tried} for one in found.parked]
    if parked:
        _table(
            f"Parked at the end, for {len(parked):,} reason{'' if len(parked) == 1 else 's'}:", parked[:_MOST_REASONS]
        )
    if not found.differing:
        click.echo("\nIt makes no difference for any account.")
        return
    count = f"{found.differing:,} account{'' if found.differing == 1 else 's'}"
    _table(f"It makes a difference for {count}:", [_difference(one) for one in found.accounts])


def _table(title: str, records: Sequence[Record]) -> None:
    click.echo(f"\n{title}" if title else "")
    if records:
        show(records, "table")


def _by_period(found: Question, period: str) -> Iterator[dict[str, object]]:
    by_kind: Sequence[tuple[str, list[Sum]]] = [(name, found.by_period(kind)) for name, kind in _KINDS]
    for at, day in enumerate(found.periods):
        line: dict[str, object] = {period: f"{day}"}
        for name, sums in by_kind:
            line |= {f"{name}_now": sums[at].now, f"{name}_tried": sums[at].tried}
        yield line


def _sum(one: Sum) -> dict[str, object]:
    return {"what": f"{one.kind} {one.what}".strip(), "now": one.now, "tried": one.tried, "more": one.tried - one.now}


def _difference(one: Differing) -> dict[str, object]:
    return {
        "account": one.account,
        "overdue": f"{one.overdue} {one.currency}".strip(),
        "now": _told(one.now),
        "tried": _told(one.tried),
        "stands_now": one.now_state,
        "stands_tried": one.tried_state,
    }


def _told(one: Happening | None) -> str:
    if one is None:
        return "nothing"
    return f"{one.on} {one.words}" + (f" (rule {one.rule})" if one.rule else "")

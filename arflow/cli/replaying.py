"""The command that replays a file of events: `arflow replay`. No database here."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import click

from arflow.cli.arguments import DATE, FILE, Integer, examples
from arflow.cli.output import progress, show
from arflow.replay import Request, read_policy
from arflow.rules.prove_compile import prove_compile
from arflow.sharing import processes_for, replayed


@click.command(
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
    type=Integer(1, 64),
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
            _say_table([json.loads(line) for line in lines])


_BLOCK = 1_000
"""How many lines are printed at a time."""


def _say_table(lines: Sequence[Mapping[str, object]]) -> None:
    """A replay's lines for people, one kind of line a table."""
    for kind in ("step", "effect", "parked", "state"):
        found = [{k: v for k, v in line.items() if k != "kind"} for line in lines if line["kind"] == kind]
        if found:
            show(found, "table", title=f"{kind}s" if kind != "parked" else kind)

"""`arflow policy activate`: make a policy the active version of its name."""

from pathlib import Path

import click

from arflow.cli import driven
from arflow.cli.arguments import FILE, TEXT, examples, text_format
from arflow.cli.opened import opened
from arflow.cli.output import progress, said
from arflow.cli.policy_commands import checked, refuse_failed
from arflow.examples import failures
from arflow.rules.engine import DurableRules


@click.command("activate", epilog=examples('arflow policy activate trade-us.yaml --message "call a week earlier"'))
@click.argument("file", type=FILE)
@click.option("--message", type=TEXT, default="", help="Why, for those who read it later.")
@click.option("--actor", type=TEXT, default="command line", show_default=True, help="Who activates it.")
@text_format
def activate(*, file: Path, message: str, actor: str, form: str) -> None:
    """Make a policy the active version of its name; its examples must pass. Every account is looked at anew."""
    read = checked(file)
    refuse_failed(file, read, failures(read, DurableRules()))
    with opened() as engine, progress() as bar:
        looks = driven.activate(engine, read, message, actor, bar.at)
    facts = {"policy": read.name, "version": read.version, "looks": looks}
    said(f"{read.name} is active in version {read.version[:12]}; {looks:,} accounts were looked at", facts, form)

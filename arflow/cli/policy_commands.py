"""`arflow policy`: check, test and activate policies."""

from pathlib import Path

import click

from arflow.cli import told
from arflow.cli.arguments import FILE, TEXT, examples, text_format
from arflow.cli.driven import activate
from arflow.cli.opened import opened
from arflow.cli.output import progress
from arflow.errors import Refused, SaysNo
from arflow.examples import Failure, failures
from arflow.rules.engine import DurableRules
from arflow.rules.loader import MAX_BYTES, load_policy
from arflow.rules.policy import Policy
from arflow.rules.prove_compile import prove_compile
from arflow.rules.templates import KNOWN


@click.group(epilog=examples("arflow policy test trade-us.yaml"))
def policy() -> None:
    """Check, test and activate policies."""


@policy.command("check", epilog=examples("arflow policy check trade-us.yaml"))
@click.argument("file", type=FILE)
@text_format
def policy_check(*, file: Path, form: str) -> None:
    """Check a policy: its language, its limits, and that its rules compile."""
    read = _checked(file)
    told.checked(file, read, form)


@policy.command("test", epilog=examples("arflow policy test trade-us.yaml"))
@click.argument("file", type=FILE)
@text_format
def policy_test(*, file: Path, form: str) -> None:
    """Run the examples that a policy brings along; exit status 1 when one fails."""
    read = _checked(file)
    failed = failures(read, DurableRules())
    told.tested(read, failed, form)
    _refuse_failed(file, read, failed)


@policy.command("activate", epilog=examples('arflow policy activate trade-us.yaml --message "call a week earlier"'))
@click.argument("file", type=FILE)
@click.option("--message", type=TEXT, default="", help="Why, for those who read it later.")
@click.option("--actor", type=TEXT, default="command line", show_default=True, help="Who activates it.")
@text_format
def policy_activate(*, file: Path, message: str, actor: str, form: str) -> None:
    """Make a policy the active version of its name; its examples must pass. Every account is looked at anew."""
    read = _checked(file)
    _refuse_failed(file, read, failures(read, DurableRules()))
    with opened() as engine, progress() as bar:
        looks = activate(engine, read, message, actor, bar.at)
    facts = {"policy": read.name, "version": read.version, "looks": looks}
    told.said(f"{read.name} is active in version {read.version[:12]}; {looks:,} accounts were looked at", facts, form)


def _checked(file: Path) -> Policy:
    try:
        with file.open("rb") as opened_file:
            text = opened_file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}", file=str(file)) from None
    read = load_policy(text, file=str(file), templates=KNOWN)
    prove_compile(read)
    return read


def _refuse_failed(file: Path, read: Policy, failed: list[Failure]) -> None:
    """Raise SaysNo when examples fail, with the first failure and the names of all."""
    if failed:
        names = list(dict.fromkeys(f"`{failure.example}`" for failure in failed))
        raise SaysNo(
            f"{file} line {failed[0].line}: {len(names)} of {len(read.examples)} examples fail "
            f"({', '.join(names)}); {names[0]}: {failed[0].what}"
        )

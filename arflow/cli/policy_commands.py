"""`arflow policy`: check and test policies; who activates one is in `activating.py`. No database here."""

from collections.abc import Sequence
from pathlib import Path

import click

from arflow.cli.arguments import FILE, examples, text_format
from arflow.cli.loading import Listing, Loaded, Place
from arflow.cli.output import complain, on_one_line, said
from arflow.errors import Refused, SaysNo
from arflow.examples import Failure, failures
from arflow.rules.engine import DurableRules
from arflow.rules.loader import MAX_BYTES, load_policy
from arflow.rules.policy import Policy
from arflow.rules.prove_compile import prove_compile
from arflow.rules.refusals import refusals
from arflow.rules.templates import KNOWN


@click.group(
    cls=Listing,
    epilog=examples("arflow policy test trade-us.yaml"),
    commands=Loaded(
        {
            "activate": Place("arflow.cli.activating:activate", "Make a policy the active version of its name."),
            "check": Place(
                "arflow.cli.policy_commands:check", "Check a policy: language, limits, and that it compiles."
            ),
            "diff": Place("arflow.cli.differing:diff", "What is different in a policy, rule by rule."),
            "prove": Place("arflow.cli.proving:prove_policy", "Prove what a policy can never do."),
            "simulate": Place("arflow.cli.simulating:simulate", "Try a policy on the accounts, past and ahead."),
            "test": Place("arflow.cli.policy_commands:test", "Run the examples that a policy brings along."),
        }
    ),
)
def policy() -> None:
    """Check, prove, try, test and activate policies."""


@click.command("check", epilog=examples("arflow policy check trade-us.yaml"))
@click.argument("file", type=FILE)
@text_format
def check(*, file: Path, form: str) -> None:
    """Check a policy: its language, its limits, and that its rules compile.

    What is wrong is said a line each, all of it.
    """
    try:
        read = checked(file)
    except Refused as refused:
        *others, last = refusals(_text(file), file=str(file), templates=KNOWN) or (refused,)
        for other in others:
            complain(str(other))
        raise last from None
    _say_checked(file, read, form)


@click.command("test", epilog=examples("arflow policy test trade-us.yaml"))
@click.argument("file", type=FILE)
@text_format
def test(*, file: Path, form: str) -> None:
    """Run the examples that a policy brings along; exit status 1 when one fails."""
    read = checked(file)
    failed = failures(read, DurableRules())
    _say_tested(read, failed, form)
    refuse_failed(file, read, failed)


def checked(file: Path) -> Policy:
    """The policy in `file`, whose rules compile. Raises Refused."""
    read = read_policy(file)
    prove_compile(read)
    return read


def read_policy(file: Path) -> Policy:
    """The policy in `file`, which may not compile. Raises Refused."""
    return load_policy(_text(file), file=str(file), templates=KNOWN)


def _text(file: Path) -> bytes:
    """What stands in `file`, as far as a policy may be long."""
    try:
        with file.open("rb") as opened_file:
            return opened_file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}", file=str(file)) from None


def refuse_failed(file: Path, read: Policy, failed: list[Failure]) -> None:
    """Raise SaysNo when examples fail, with the first failure and the names of all."""
    if failed:
        names = list({failure.place: f"`{failure.example}`" for failure in failed}.values())
        raise SaysNo(
            f"{file} line {failed[0].line}: {len(names)} of {len(read.examples)} examples fail "
            f"({', '.join(names)}); {names[0]}: {failed[0].what}"
        )


def _say_checked(file: Path, policy: Policy, form: str) -> None:
    """That a policy has no errors; its warnings go to standard error."""
    if form == "text":
        for warning in policy.warnings:
            click.echo(on_one_line(f"{file} {warning}"), err=True)
    count = len(policy.rules)
    facts = {
        "policy": policy.name,
        "version": policy.version,
        "currency": policy.currency,
        "rules": count,
        "examples": len(policy.examples),
        "warnings": list(policy.warnings),
    }
    said(f"{policy.name}: {count:,} rules, version {policy.version[:12]}, no errors", facts, form)


def _say_tested(policy: Policy, failed: Sequence[Failure], form: str) -> None:
    """Which examples of a policy fail, and how."""
    total = len(policy.examples)
    passed = total - len({failure.place for failure in failed})
    facts = {
        "policy": policy.name,
        "version": policy.version,
        "examples": total,
        "passed": passed,
        "failures": [{"example": f.example, "line": f.line, "what": f.what} for f in failed],
    }
    lines = [f"example `{failure.example}` (line {failure.line}): {failure.what}" for failure in failed]
    said("\n".join([*lines, f"{policy.name}: {passed} of {total} examples pass"]), facts, form)

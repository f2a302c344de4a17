"""The command that proves what a policy can never do: `arflow policy prove`. No database here."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from arflow.cli.arguments import FILE, TEXT, examples, text_format
from arflow.cli.output import progress, said
from arflow.cli.policy_commands import checked
from arflow.counterexamples import as_record, told
from arflow.errors import Refused, SaysNo
from arflow.rules.findings import Finding, Kind, Verdict
from arflow.rules.policy import Policy
from arflow.rules.proving import Asked, asked, prove
from arflow.vocabulary import State

MOST_TOLD = 5
"""How many accounts are told of one claim in a text; JSON has all of them."""

_OF_EACH = len(set(Kind) - {Kind.NEVER, Kind.ASKED})
"""How many claims are made of each policy, whatever is in it, at the most."""


@click.command(
    epilog=examples(
        "arflow policy prove trade-us.yaml",
        "arflow policy prove trade-us.yaml --no-contact-while '\"deceased\" in tags'",
        "arflow policy prove trade-us.yaml --no-move-while escalated 'overdue_amount < 500.00'",
    )
)
@click.argument("file", type=FILE)
@click.option(
    "--no-contact-while",
    "contacts",
    type=TEXT,
    multiple=True,
    metavar="CONDITION",
    help="Prove as well that no rule writes or calls while this is true; may be given several times.",
)
@click.option(
    "--no-move-while",
    "moves",
    type=(click.Choice([state.value for state in State]), TEXT),
    multiple=True,
    metavar="STATE CONDITION",
    help="Prove as well that no rule leads to this state while this is true; may be given several times.",
)
@text_format
def prove_policy(*, file: Path, contacts: Sequence[str], moves: Sequence[tuple[str, str]], form: str) -> None:
    """Prove what a policy can never do, whatever happens to an account; exit status 1 when something is not proved.

    Each entry of `never` is proved, and what every sound policy keeps: that every rule can fire and none is refused,
    that who owes nothing is let go, that no large debt is forgotten and no account goes round in circles. What fails is
    shown by an account for which it does.
    """
    read = checked(file)
    claims = [
        *(_asked(read, None, text) for text in contacts),
        *(_asked(read, State(to), text) for to, text in moves),
    ]
    found: list[Finding] = []
    with progress() as bar:
        for finding in prove(read, claims):
            found.append(finding)
            bar.at("proving", len(found) / (len(read.never) + len(claims) + _OF_EACH))
    _say(read, found, form)
    _refuse_unproved(file, found)


def _asked(policy: Policy, to: State | None, text: str) -> Asked:
    try:
        return asked(policy, to, text)
    except Refused as refused:
        raise Refused(f"the condition `{text}`: {refused.reason}") from None


def _say(policy: Policy, found: Sequence[Finding], form: str) -> None:
    facts = {
        "policy": policy.name,
        "version": policy.version,
        "claims": len(found),
        "proved": _proved(found),
        "findings": [as_record(one, policy) for one in found] if form == "json" else [],
    }
    lines = [line for one in found for line in _lines(one, policy)] if form == "text" else []
    said("\n".join([*lines, f"{policy.name}: {_proved(found)} of {len(found)} claims proved"]), facts, form)


def _lines(finding: Finding, policy: Policy) -> Iterator[str]:
    """A claim with what came of it, and below it by what it fails."""
    place = f"`{finding.id}` (line {finding.line}): " if finding.id else ""
    yield f"{finding.verdict:<9}  {place}{finding.says}"
    sentences = list(told(finding, policy))
    for one in sentences[:MOST_TOLD]:
        yield f"{'':11}{one.says}"
        if one.how:
            yield f"{'':13}{one.how}"
    if len(sentences) > MOST_TOLD:
        yield f"{'':11}and {len(sentences) - MOST_TOLD} more"


def _proved(found: Sequence[Finding]) -> int:
    return sum(one.verdict is Verdict.PROVED for one in found)


def _refuse_unproved(file: Path, found: Sequence[Finding]) -> None:
    """Raise SaysNo when a claim is not proved, with the first one."""
    left = [one for one in found if one.verdict is not Verdict.PROVED]
    if left:
        how = "fails" if left[0].verdict is Verdict.FAILS else "is undecided"
        raise SaysNo(f"{file}: {len(left)} of {len(found)} claims are not proved; the first {how}: {left[0].says}")

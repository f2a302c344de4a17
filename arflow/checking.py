"""Checks a policy document as somebody typed it: whether it can be read, compiles, and its examples come out.

What a document holds may never end: some rules make `durable_rules` compile for ever, and an example may be as long as
its author likes. So all of it runs in a process of its own, which is ended when its time is up; what it found until
then is told. `python -m arflow.checking` is that process: it reads a document and writes findings as lines of JSON.
"""

import json
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from arflow.counterexamples import as_record
from arflow.errors import Refused
from arflow.examples import story, wrong
from arflow.replay import Line
from arflow.rules.engine import DurableRules
from arflow.rules.findings import Kind, Verdict
from arflow.rules.loader import load_policy, version_of
from arflow.rules.policy import Policy
from arflow.rules.prove_compile import ENDED, in_own_process, limit_memory
from arflow.rules.proving import asked, claimed, prove
from arflow.rules.refusals import refusals
from arflow.rules.templates import KNOWN
from arflow.vocabulary import State

SECONDS = 30.0
"""How long a check may take."""

AT_ONCE = 2
"""How many checks one process runs at the same time, so that the machine stays free for its work."""

_FILE = "policy"
_WAIT_SECONDS = 3.0
_MOST_KEPT = 64
_MOST_TOLD = 40

_turns = threading.BoundedSemaphore(AT_ONCE)
_kept: "dict[str, Checked]" = {}


@dataclass(frozen=True, kw_only=True)
class Tried:
    """An example: what did not come out as it says, from which line on, and, if so, what happened instead."""

    name: str
    line: int
    wrong: tuple[str, ...] = ()
    story: tuple[Line, ...] = ()
    is_over: bool = True
    """Whether it was played to its end in time."""

    @property
    def passes(self) -> bool:
        """Whether all came out as it says."""
        return self.is_over and not self.wrong


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A claim about what the policy can never do, what came of it (`arflow.rules.findings`), and more in sentences.

    Each sentence with how an account comes to what it says (`arflow.counterexamples`), or nothing.
    """

    kind: Kind
    says: str
    verdict: Verdict
    id: str
    line: int
    told: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Checked:
    """All that a check found. A sound document can be saved, one that is ready can be activated."""

    policy: Policy | None = None
    """The policy of the document; None when it cannot be read."""

    refusals: tuple[Refused, ...] = ()
    warnings: tuple[str, ...] = ()
    examples: tuple[Tried, ...] = ()
    proofs: tuple[Proof, ...] = ()
    unproven: str = ""
    """Why not all claims were looked at."""

    is_over: bool = True
    """Whether the check came to its end, in time and by itself; only then it says all there is to say."""

    @property
    def is_sound(self) -> bool:
        """Whether the document can be read, and its rules compile."""
        return self.policy is not None and not self.refusals

    @property
    def failing(self) -> tuple[Tried, ...]:
        """The examples that do not come out."""
        return tuple(tried for tried in self.examples if not tried.passes)

    @property
    def unproved(self) -> tuple[Proof, ...]:
        """The claims that fail, or of which it was not found out whether they do."""
        return tuple(proof for proof in self.proofs if proof.verdict is not Verdict.PROVED)

    @property
    def is_ready(self) -> bool:
        """Whether it is sound and all its examples come out."""
        return self.is_sound and not self.failing

    def require_ready(self) -> Policy:
        """The policy. Raises Refused, saying why, when it may not be activated."""
        if self.refusals:
            raise self.refusals[0]
        if self.policy is None or self.failing:
            names = ", ".join(f"`{tried.name}`" for tried in self.failing[:5])
            raise Refused(f"{len(self.failing)} of {len(self.examples)} examples do not come out ({names})")
        return self.policy


def known(version: str) -> Checked | None:
    """What a check of a version found, when this process has checked it already."""
    return _kept.get(version)


def check(source: str, seconds: float = SECONDS) -> Checked:
    """All that is to be said of the document `source`, found within about `seconds`."""
    version = version_of(source)
    found = _kept.get(version)
    if found is None:
        found = _in_turn(_Question(source=source), seconds)
        if found.is_over:
            if len(_kept) >= _MOST_KEPT:
                _kept.clear()
            _kept[version] = found
    return found


def answer(source: str, to: State | None, text: str, seconds: float = SECONDS) -> Proof:
    """Whether no rule of a sound document leads `to` a state, or contacts the customer (None), while `text`.

    Raises Refused when the condition cannot be read, or it was not found out in time.
    """
    checked = _in_turn(_Question(source=source, to=to.value if to else "", text=text), seconds)
    if checked.refusals:
        raise checked.refusals[0]
    if not checked.proofs:
        raise Refused(f"the claim was not proved to its end: {checked.unproven}")
    return checked.proofs[0]


@dataclass(frozen=True, kw_only=True)
class _Question:
    """What the process is to look at: a document, or, with a `text`, one claim about it."""

    source: str
    to: str = ""
    text: str = ""


def _in_turn(question: _Question, seconds: float) -> Checked:
    if not _turns.acquire(timeout=_WAIT_SECONDS):
        busy = Refused("others are checking policies just now, and this was not looked at; try again in a moment")
        return Checked(refusals=(busy,), is_over=False)
    try:
        return _understood(question.source, _run(question, seconds))
    finally:
        _turns.release()


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What the process wrote, and what went wrong with it: nothing, most often."""

    findings: tuple[Mapping[str, Any], ...]
    trouble: str = ""
    is_over: bool = True


def _run(question: _Question, seconds: float) -> _Run:
    done = in_own_process("arflow.checking", json.dumps(asdict(question)), seconds)
    trouble = done.trouble
    if not done.is_over and not trouble:
        trouble = f"{seconds:g} seconds were not enough; make it simpler"
    return _Run(findings=_findings(done.written), trouble=trouble, is_over=done.is_over)


def _findings(written: bytes) -> tuple[Mapping[str, Any], ...]:
    """The whole lines of what was written; the last one may have been cut off."""
    return tuple(json.loads(line) for line in written.split(b"\n")[:-1])


def _understood(source: str, run: _Run) -> Checked:
    refused = tuple(Refused(one["refused"], line=one["line"]) for one in run.findings if "refused" in one)
    if refused:
        return Checked(refusals=refused, is_over=run.is_over)
    if not any("warnings" in one for one in run.findings):
        return Checked(refusals=(_unfinished("the document cannot be read", run),), is_over=run.is_over)
    policy = load_policy(source, file=_FILE, templates=KNOWN)
    found = Checked(policy=policy, warnings=policy.warnings, is_over=run.is_over)
    if not any("compiles" in one for one in run.findings):
        return replace(found, refusals=(_unfinished("the rules do not compile", run),))
    played = tuple(_tried(one) for one in run.findings if "example" in one)
    if len(played) == len(policy.examples):
        found = replace(found, is_over=True)  # what is not proved in time will not be the next time either
    proofs = tuple(_proof(one) for one in run.findings if "verdict" in one)
    return replace(
        found,
        examples=(*played, *_not_played(policy, len(played), run.trouble)),
        proofs=proofs,
        unproven="" if any("proved" in one for one in run.findings) else run.trouble,
    )


def _unfinished(what: str, run: _Run) -> Refused:
    """That the document is at fault, unless somebody else has ended its check."""
    return Refused(run.trouble if run.trouble == ENDED else f"{what}: {run.trouble}")


def _tried(finding: Mapping[str, Any]) -> Tried:
    return Tried(
        name=finding["example"], line=finding["line"], wrong=tuple(finding["wrong"]), story=tuple(finding["story"])
    )


def _proof(finding: Mapping[str, Any]) -> Proof:
    return Proof(
        kind=Kind(finding["kind"]),
        says=finding["says"],
        verdict=Verdict(finding["verdict"]),
        id=finding["id"],
        line=finding["line"],
        told=tuple((one["says"], one["how"]) for one in finding["told"]),
    )


def _not_played(policy: Policy, played: int, trouble: str) -> Iterator[Tried]:
    for at, example in enumerate(policy.examples[played:]):
        what = f"it was not played to its end: {trouble}" if at == 0 else "it was not played, because of the one before"
        yield Tried(name=example.name, line=example.line, wrong=(what,), is_over=False)


# --- the process ------------------------------------------------------------------------------------------------------


def findings(question: _Question) -> Iterator[Mapping[str, object]]:
    """What the process writes of a document, one after the other."""
    if question.text:
        yield from _answers(question)
        return
    refused = refusals(question.source, file=_FILE, templates=KNOWN)
    yield from ({"refused": one.reason, "line": one.line} for one in refused)
    if refused:
        return
    policy, evaluator = load_policy(question.source, file=_FILE, templates=KNOWN), DurableRules()
    yield {"warnings": len(policy.warnings)}
    evaluator.compile(policy)
    yield {"compiles": True}
    for example in policy.examples:
        found = list(wrong(policy, example, evaluator))
        told = story(policy, example, evaluator)[:_MOST_TOLD] if found else []
        line = found[0].line if found else example.line
        yield {"example": example.name, "line": line, "wrong": [failure.what for failure in found], "story": told}
    yield from (as_record(finding, policy) for finding in prove(policy))
    yield {"proved": True}


def _answers(question: _Question) -> Iterator[Mapping[str, object]]:
    """What the process writes of one claim."""
    policy = load_policy(question.source, file=_FILE, templates=KNOWN)
    try:
        claim = asked(policy, State(question.to) if question.to else None, question.text)
    except Refused as refused:
        yield {"refused": refused.reason, "line": None}
        return
    yield {"warnings": len(policy.warnings)}
    yield {"compiles": True}
    yield as_record(claimed(policy, claim), policy)
    yield {"proved": True}


def main() -> None:
    """Answer the question on standard input."""
    limit_memory()
    for finding in findings(_Question(**json.load(sys.stdin))):
        sys.stdout.write(json.dumps(finding) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

"""What a proof says: claims about a policy, what came of each, and the account by which one fails, in words. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from arflow import money
from arflow.rules.catalogue import FactSpec, FactType
from arflow.rules.comparing import one_line
from arflow.rules.expressions import Expression
from arflow.rules.policy import Policy, Rule
from arflow.rules.solver import blank_of
from arflow.vocabulary import NEVER, Facts, FactValue

_TOLD_ELSEWHERE = ("state", "currency", "open_invoices", "overdue_invoices")


class Kind(StrEnum):
    """What a claim is about; the first two are somebody's own, the others what every sound policy keeps."""

    NEVER = "never"
    ASKED = "asked"
    REFUSED = "refused"
    FIRES = "fires"
    PAID = "paid"
    FORGOTTEN = "forgotten"
    UNMATCHED = "unmatched"
    UNDELIVERED = "undelivered"
    CIRCLE = "circle"


class Verdict(StrEnum):
    """What came of a claim."""

    PROVED = "proved"
    FAILS = "fails"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class Witness:
    """An account for which a claim fails: its facts, and the rule that then fires, where one does."""

    facts: Facts
    rule: Rule | None = None
    when: Expression | None = None
    """What must not be true when the rule fires; None where a claim is not about a rule that fires."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A claim, in a sentence, and what came of it. `id` and `line` are those of the entry of `never` that makes it."""

    kind: Kind
    says: str
    verdict: Verdict
    id: str = ""
    line: int = 0
    witnesses: tuple[Witness, ...] = ()
    """One for each rule, state or step by which it fails."""

    because: tuple[str, ...] = ()
    """What more there is to say, a sentence each."""


def in_words(witness: Witness, policy: Policy) -> str:
    """Where the account stands, what is so of it, and what then happens."""
    told = ", ".join(f"{name} {text}" if text else name for name, text in particulars(witness, policy))
    facts = f"an account in `{witness.facts.state}`" + (f" with {told}" if told else "")
    if witness.rule is None:
        return facts
    leads = f" leads it to `{witness.rule.to}`" if witness.rule.to else " fires"
    return f"rule `{witness.rule.id}` (line {witness.rule.line}){leads}: {facts}"


def particulars(witness: Witness, policy: Policy) -> Iterator[tuple[str, str]]:
    """Each fact that is otherwise than of an account of which nothing is recorded, with its value in words."""
    for name, spec in policy.facts.items():
        value = witness.facts[name]
        if name not in _TOLD_ELSEWHERE and value != blank_of(spec):
            yield name, _shown(value, spec, policy)


def _shown(value: FactValue, spec: FactSpec, policy: Policy) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(value))
    if isinstance(value, bool):
        return ""
    if isinstance(value, str):
        return one_line(value)
    if spec.type is FactType.AMOUNT:
        return money.show(value, policy.currency)
    return "never" if value == NEVER and spec.type is FactType.DAYS else str(value)

"""What `explain` and `audit` answer, as text and as JSON with documented fields."""

from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

from arflow import money
from arflow.anchors import Troubles
from arflow.audit import Verified
from arflow.cli.output import on_one_line, said
from arflow.explain import Clause, Explanation, sentence, shown, waiting_sentence
from arflow.rules.policy import Policy
from arflow.vocabulary import FactValue


def audited(looked_at: Verified, anchored: Troubles, form: str) -> None:
    """What an audit looked at, and what it found."""
    findings = looked_at.findings
    found = [{"account": f.account, "seq": f.seq, "what": f.what} for f in findings]
    facts = {
        "accounts": looked_at.accounts,
        "rows": looked_at.rows,
        "decisions": looked_at.decisions,
        "unchecked": looked_at.unchecked,
        "findings": found,
        "anchors": {"in_database": anchored.anchors, "in_file": anchored.lines, "findings": list(anchored.found)},
    }
    lines = [*(f"journal row {f.seq} of account `{f.account}`: {f.what}" for f in findings), *anchored.found]
    result = f"{len(lines)} findings" if lines else "every chain holds, every decision follows from its facts"
    if looked_at.unchecked:
        result += f", but for {looked_at.unchecked:,} whose facts are in an archive"
    numbers = (
        f"{looked_at.accounts:,} accounts, {looked_at.rows:,} rows, {looked_at.decisions:,} decisions, "
        f"{anchored.anchors:,} anchors ({anchored.lines:,} in the file outside the database)"
    )
    said("\n".join([*lines, f"{numbers}: {result}"]), facts, form)


# --- explanations ----------------------------------------------------------------------------------------------------


def explanation_text(found: Explanation) -> str:
    """An explanation in sentences."""
    return "\n".join(on_one_line(line) for line in _explanation_lines(found))


def _explanation_lines(found: Explanation) -> Iterator[str]:
    account = found.account
    yield f"{account.id} {account.name}".rstrip() + f" ({account.currency}, local time {found.zone})"
    yield (
        f"state: {account.state} since {account.entered_on}"
        if account.stay
        else f"state: {account.state} from the start"
    )
    if account.parked:
        since = account.parked.at.astimezone(ZoneInfo(found.zone)).date()
        yield f"parked since {since}: {account.parked.reason}"
    if account.on_hold:
        yield "on hold"
    yield from _decided_lines(found)
    if found.policy is None:
        yield "policy: none applies"
    else:
        yield f"policy: {found.policy.title}, version {found.policy.version[:12]}"
    yield from _money_lines(found)
    for rule in found.rules:
        verdict = "would fire" if rule.fires else f"does not fire: {rule.because}"
        yield f"rule {rule.rule} -> {rule.leads_to}: {verdict}"
    yield from map(waiting_sentence, found.waiting)
    yield sentence(found.next, account.currency)


def _decided_lines(found: Explanation) -> Iterator[str]:
    step = found.decided
    if step is None:
        return
    by = f"rule {step.rule}" if step.rule else f"{step.actor or 'somebody'}: {step.reason or 'no reason given'}"
    version = (step.policy_version or "none")[:12]
    yield f"decided on {step.on} {step.clock:%H:%M} by {by} (version {version}, cause {step.cause})"
    for clause in found.decided_clauses:
        yield f"  {clause.text}: was {clause.value}{'' if clause.true else ', not true'}"


def _money_lines(found: Explanation) -> Iterator[str]:
    facts, policy = found.facts, found.policy
    if facts is None or policy is None:
        return
    names = ("open_amount", "gross_overdue_amount", "disputed_amount", "promised_amount", "overdue_amount")
    yield ", ".join(f"{name} {shown(name, facts[name], policy)}" for name in (*names, "days_overdue"))


def explanation_json(found: Explanation) -> Mapping[str, object]:
    """An explanation with documented fields."""
    account, step, ahead = found.account, found.decided, found.next
    return {
        "account": account.id,
        "name": account.name,
        "currency": account.currency,
        "zone": found.zone,
        "at": found.at.isoformat(),
        "state": account.state.value,
        "since": account.entered_on.isoformat() if account.stay else None,
        "on_hold": account.on_hold,
        "parked": account.parked.reason if account.parked else None,
        "policy": {"name": found.policy.name, "version": found.policy.version} if found.policy else None,
        "decided": None
        if step is None
        else {
            "date": step.on.isoformat(),
            "time": f"{step.clock:%H:%M}",
            "rule": step.rule,
            "from": step.source,
            "cause": step.cause,
            "actor": step.actor,
            "version": step.policy_version,
            "clauses": _clauses_json(found.decided_clauses),
        },
        "facts": None if found.facts is None else _facts_json(found),
        "rules": [
            {
                "rule": rule.rule,
                "leads_to": rule.leads_to,
                "why": rule.why,
                "fires": rule.fires,
                "because": rule.because,
                "clauses": _clauses_json(rule.clauses),
            }
            for rule in found.rules
        ],
        "waiting": [
            {
                "effect": one.effect,
                "name": one.name,
                "rule": one.rule,
                "because": one.because,
                "until": one.until.isoformat() if one.until else None,
            }
            for one in found.waiting
        ],
        "next": None
        if ahead is None
        else {
            "date": ahead.on.isoformat(),
            "time": f"{ahead.clock:%H:%M}",
            "kind": ahead.kind,
            "what": ahead.what,
            "rule": ahead.rule,
            "unless_paid": None if ahead.unless is None else money.show(ahead.unless, account.currency),
            "waits": ahead.waits,
        },
        "sentence": sentence(ahead, account.currency),
    }


def _clauses_json(clauses: Sequence[Clause]) -> list[Mapping[str, object]]:
    return [{"clause": clause.text, "value": clause.value, "true": clause.true} for clause in clauses]


def _facts_json(found: Explanation) -> Mapping[str, object]:
    if found.facts is None or found.policy is None:
        return {}
    return {name: _fact_json(name, value, found.policy) for name, value in found.facts.items()}


def _fact_json(name: str, value: FactValue, policy: Policy) -> object:
    """A fact's value: an amount as a decimal string, a set as a sorted list."""
    if isinstance(value, frozenset):
        return sorted(value)
    return shown(name, value, policy) if policy.facts[name].type == "amount" else value

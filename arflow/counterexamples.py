"""How an account comes to where a claim about a policy fails: a short life that leads there, found by playing many.

A proof names the facts of an account, and does not know how it came to them. Here lives that may lead to such facts are
played with the core of production until in one of them the rule fires; what that one does not need is left out of it.
Where none of them leads there, the account may be one that nobody will ever see.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product

from arflow import money
from arflow.accounts.events import parse
from arflow.errors import Refused
from arflow.life.records import Entry
from arflow.replay import Request, lives
from arflow.rules.catalogue import CATALOGUE, FactType
from arflow.rules.comparing import event_in_words
from arflow.rules.expressions import comparisons
from arflow.rules.findings import Finding, Witness, in_words, particulars
from arflow.rules.policy import Policy
from arflow.rules.reference import Reference, holds
from arflow.rules.solver import blank_of
from arflow.vocabulary import EffectKind, Facts, State

Line = Mapping[str, object]

MOST_LIVES = 150
"""How many lives are played for one account."""

MOST_ACCOUNTS = 3
"""For how many accounts of one claim a way is looked for."""

_DUE = dt.date(2026, 1, 14)
_ISSUED = _DUE - dt.timedelta(days=14)
_BEFORE = dt.date(2025, 7, 1)
_LONGEST = 160
_RECORDED = ("country", "segment", "risk_grade", "debtor_kind", "collector_role")
_SMALL = 1_000
"""Of what is owed beside the debt, in minor units."""

_SEVERAL = 4
_BEGINNINGS = (State.CURRENT, State.RESOLVED)
_CONTACTS = ("call_attempts_7d", "conversations_30d", "days_since_contact", "days_since_conversation")


@dataclass(frozen=True, kw_only=True)
class Way:
    """A life that leads to where a claim fails: its events, as a policy's examples have them, and the day of that."""

    events: tuple[Line, ...]
    on: dt.date

    @property
    def in_words(self) -> str:
        """All of it, in one sentence."""
        told = "; ".join(event_in_words(event) for event in self.events)
        return f"it comes so: {told}; and on {self.on} it happens"


@dataclass(frozen=True, kw_only=True)
class Told:
    """A sentence about what came of a claim. `how` says how an account comes to that, where that was looked for."""

    says: str
    how: str = ""
    way: Way | None = None


def told(finding: Finding, policy: Policy) -> Iterator[Told]:
    """By what a claim fails, and what more there is to say of it."""
    for at, witness in enumerate(finding.witnesses):
        says = in_words(witness, policy)
        if witness.when is None or at >= MOST_ACCOUNTS:
            yield Told(says=says)
            continue
        way = way_to(witness, policy)
        yield Told(says=says, how=way.in_words if way else "none of the lives that were played leads there", way=way)
    yield from (Told(says=says) for says in finding.because)


def as_record(finding: Finding, policy: Policy) -> dict[str, object]:
    """All of a finding, for programs; amounts are decimals, as in the policy."""
    sentences = list(told(finding, policy))
    return {
        "kind": finding.kind.value,
        "id": finding.id,
        "line": finding.line,
        "says": finding.says,
        "verdict": finding.verdict.value,
        "told": [{"says": one.says, "how": one.how} for one in sentences],
        "witnesses": [
            {
                "state": witness.facts.state,
                "rule": witness.rule.id if witness.rule else None,
                "facts": {name: text or "true" for name, text in particulars(witness, policy)},
                "on": one.way.on.isoformat() if one.way else None,
                "events": list(one.way.events) if one.way else [],
            }
            for witness, one in zip(finding.witnesses, sentences, strict=False)
        ],
    }


def way_to(witness: Witness, policy: Policy) -> Way | None:
    """A life in which the rule of `witness` fires while it must not; None if none of those that are played is one."""
    for events in islice(_lives(witness, policy), MOST_LIVES):
        on = _day(events, witness, policy)
        if on is not None:
            return _smallest(events, on, witness, policy)
    return None


def _day(events: Sequence[Line], witness: Witness, policy: Policy) -> dt.date | None:
    """The first day on which the rule fires while it must not; None if on none, or when the events cannot be."""
    try:
        asked = Request(
            events=tuple(parse({"account": "A", **event}) for event in events),
            policy=policy,
            until=_DUE + dt.timedelta(days=_LONGEST),
            delivery="recorded" if witness.facts.notices_failed else "instant",
        )
        entries = [entry for one in lives(asked, Reference()) for entry in one.entries]
    except Refused:
        return None
    return next((entry.on for entry in entries if _is_it(entry, witness)), None)


def _is_it(entry: Entry, witness: Witness) -> bool:
    if entry.facts is None or witness.rule is None or witness.when is None:
        return False
    return witness.rule.id in (entry.rule, *entry.rules) and holds(witness.when, entry.facts)


def _smallest(events: Sequence[Line], on: dt.date, witness: Witness, policy: Policy) -> Way:
    """The same without what comes later, or is not needed."""
    left = [event for event in events if str(event["date"]) <= on.isoformat()]
    for event in list(left):
        fewer = [one for one in left if one is not event]
        if fewer and (earlier := _day(fewer, witness, policy)) is not None:
            left, on = fewer, earlier
    return Way(events=tuple(left), on=on)


# --- lives that may lead there ----------------------------------------------------------------------------------------


def _lives(witness: Witness, policy: Policy) -> Iterator[list[Line]]:
    """Lives of an account with such facts, in which what is recorded of it comes sooner or later."""
    facts = witness.facts
    late = facts.days_overdue
    offsets = sorted({0, 1, 2, 5, 9, 16, 31, 46, 61, late - 1, late, late + 1} & set(range(-5, _LONGEST)))
    for amount, promised in product(_amounts(facts, policy), (1, 2)):
        extras = [*_said(facts, amount // promised or 1, policy), *_happened(facts, amount, policy)]
        begun = [*_account(facts, policy), *_paid_late(facts, policy), *_debt(amount, facts, policy)]
        for days in product(offsets, repeat=len(extras)):
            told = [event for extra, day in zip(extras, days, strict=True) for event in _moved(extra, day)]
            yield sorted([*begun, *told], key=lambda event: (str(event["date"]), str(event.get("time", ""))))


def _amounts(facts: Facts, policy: Policy) -> list[int]:
    """What the account may owe: what the facts say, or more than any amount that the policy names."""
    clauses = [clause for rule in policy.rules for clause in comparisons(rule.when)]
    amounts = [clause for clause in clauses if policy.facts[clause.fact].type is FactType.AMOUNT]
    most = max([int(value) for clause in amounts for value in clause.values], default=0)
    return [one for one in (facts.open_amount, max(most, 1000) + 1) if one > 0]


def _account(facts: Facts, policy: Policy) -> Iterator[Line]:
    recorded: dict[str, object] = {name: facts[name] for name in _RECORDED if facts[name]}
    if facts.has_credit_limit:
        recorded["credit_limit"] = money.show(facts.credit_limit, policy.currency)
    given = {name.removeprefix("attr_"): value for name, value in facts.attributes.items() if value}
    if given:
        recorded["attributes"] = {name: _written(value, policy, name) for name, value in given.items()}
    if recorded:
        yield {"date": _BEFORE.isoformat(), "event": "account", **recorded}


def _written(value: object, policy: Policy, name: str) -> object:
    """An attribute as an event has it: amounts in decimals."""
    is_amount = policy.attributes.get(name) == FactType.AMOUNT
    return money.show(value, policy.currency) if is_amount and isinstance(value, int) else value


def _paid_late(facts: Facts, policy: Policy) -> Iterator[Line]:
    """Invoices that were paid late in the year before."""
    for at in range(min(facts.late_invoices_365d, 2 * _SEVERAL)):
        due = _BEFORE + dt.timedelta(days=20 * at + 10)
        name, amount = f"L{at + 1}", money.show(10_000, policy.currency)
        yield {"date": _BEFORE.isoformat(), "event": "invoice", "id": name, "amount": amount, "due": due.isoformat()}
        paid_on = due + dt.timedelta(days=4)
        yield {"date": paid_on.isoformat(), "event": "payment", "id": f"P{name}", "amount": amount, "invoice": name}


def _debt(amount: int, facts: Facts, policy: Policy) -> Iterator[Line]:
    """What is owed: one invoice, another that is contested, and a small one for which more came than it has."""
    yield _invoice("I1", amount, _DUE, policy)
    if facts.has_open_dispute:
        yield _invoice("I2", _SMALL, _DUE + dt.timedelta(days=_LONGEST), policy)
    if facts.unapplied_amount:
        yield _invoice("I3", _SMALL, _DUE, policy)
        much = money.show(_SMALL + facts.unapplied_amount, policy.currency)
        yield {"date": _ISSUED.isoformat(), "event": "payment", "id": "P3", "amount": much, "invoice": "I3"}


def _invoice(name: str, amount: int, due: dt.date, policy: Policy) -> Line:
    shown = money.show(amount, policy.currency)
    return {"date": _ISSUED.isoformat(), "event": "invoice", "id": name, "amount": shown, "due": due.isoformat()}


def _said(facts: Facts, promised: int, policy: Policy) -> Iterator[list[Line]]:
    """What people record, each thing a list of events, with the days after its first one in place of dates."""
    for tag in sorted(facts.tags):
        yield [{"day": 0, "event": "tag", "tag": tag}]
    if facts.on_hold:
        yield [{"day": 0, "event": "hold", "reason": "asked for"}]
    if facts.has_open_promise:
        shown = money.show(facts.promised_amount or promised, policy.currency)
        yield [{"day": 0, "event": "promise", "id": "R", "amount": shown, "due": 20}]
    broken = max(facts.broken_promises_90d, int(facts.promise_status in ("broken", "partly_kept")))
    if broken:
        yield [_broken(at, promised, policy) for at in range(min(broken, _SEVERAL))]
    if facts.has_open_dispute:
        yield [{"day": 0, "event": "dispute", "id": "D", "invoice": "I2"}]
    if any(facts[name] != blank_of(CATALOGUE[name]) for name in _CONTACTS):
        outcome = "call_back" if facts.conversations_30d else "no_answer"
        yield [{"day": 0, "event": "contact", "channel": "call", "outcome": outcome}]


def _broken(at: int, amount: int, policy: Policy) -> Line:
    """One of several promises, each of which is over before the next one is made."""
    shown, day = money.show(amount, policy.currency), 6 * at
    return {"day": day, "event": "promise", "id": f"B{at + 1}", "amount": shown, "due": day + 2}


def _happened(facts: Facts, amount: int, policy: Policy) -> Iterator[list[Line]]:
    """What happens otherwise: it is paid, or the payment bounces, or letters do not arrive."""
    paid: Line = {
        "day": 0,
        "event": "payment",
        "id": "P1",
        "amount": money.show(amount, policy.currency),
        "invoice": "I1",
    }
    if not facts.gross_overdue_amount and (facts.last_payment_amount or facts.state not in _BEGINNINGS):
        yield [paid]
    elif facts.state == State.RESOLVED:
        yield [paid, {"day": 3, "event": "payment_reversed", "payment": "P1"}]
    if facts.notices_failed:
        letters = sorted({e.name for rule in policy.rules for e in rule.do if e.kind is EffectKind.SEND})
        yield [{"day": 0, "event": "notice_failed", "notice": letter} for letter in letters]


def _moved(extra: Sequence[Mapping[str, object]], offset: int) -> Iterator[Line]:
    """The events of one thing, from so many days after the debt is due on, at noon."""
    for event in extra:
        on = _DUE + dt.timedelta(days=offset + int(str(event["day"])))
        left = {name: value for name, value in event.items() if name != "day"}
        if "due" in left:
            left["due"] = (on + dt.timedelta(days=int(str(left["due"])) - int(str(event["day"])))).isoformat()
        yield {"date": on.isoformat(), "time": "12:00", **left}

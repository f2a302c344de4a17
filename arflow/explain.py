"""Why an account stands where it stands, and what comes next and when. Reads and computes; changes nothing.

The next step is not guessed: the same life that production runs is run ahead, with and without a payment.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from arflow import clock, money
from arflow.accounts.entries import Account, EffectStatus, Outgoing
from arflow.accounts.events import Event
from arflow.accounts.facts import Snapshot, snapshot
from arflow.advance import Engineering, rehearse, standing
from arflow.clock import Now
from arflow.desk.outcomes import FLAGGED
from arflow.errors import Refused, SaysNo
from arflow.isodates import ONE_DAY
from arflow.life.life import Life, reading
from arflow.life.passes import NO_POLICY
from arflow.life.records import Entry, EntryKind, Part
from arflow.life.spending import repeat_ends
from arflow.machines.stepping import refusal
from arflow.rules.calendar import instant
from arflow.rules.decide import Situation, held_back
from arflow.rules.expressions import All, Any, Comparison, Expression, Not, compare
from arflow.rules.policy import Policy, Rule
from arflow.store import journal, policies
from arflow.vocabulary import Facts, FactValue

HORIZON = dt.timedelta(days=800)
"""How far ahead the next step is looked for."""

_MOST_WAKES = 1000
_TELLING = (EntryKind.STEP, EntryKind.EFFECT, EntryKind.PARKED)


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One comparison as it is wanted, behind a `not` the other way round; the value it met, and whether that was so."""

    text: str
    value: str
    true: bool


@dataclass(frozen=True, kw_only=True)
class RuleNow:
    """How a rule of the present state stands. `because` says why it does not fire; empty if it would."""

    rule: str
    leads_to: str
    why: str
    fires: bool
    because: str
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, kw_only=True)
class Next:
    """What comes next by time alone: on a local date and time. `unless` is the payment that would prevent it."""

    on: dt.date
    clock: dt.time
    kind: str
    what: str
    rule: str | None
    unless: int | None
    """Minor units; None when no payment of what is overdue prevents it."""

    waits: str = ""
    """What keeps it back, such as that delivery is off: then it can leave from that day on, once nothing does."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A message or call that was decided and has not left. `until`: its local moment, None: when `because` is over."""

    effect: str
    name: str
    rule: str
    because: str
    until: dt.datetime | None


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Everything there is to say of one account at one moment."""

    account: Account
    at: dt.datetime
    zone: str
    policy: Policy | None
    facts: Facts | None
    decided: Entry | None
    """The step that led here, None for an account that never stepped."""
    decided_clauses: tuple[Clause, ...]
    rules: tuple[RuleNow, ...]
    waiting: tuple[Waiting, ...]
    next: Next | None


def explained(connection: Connection, account: str, at: dt.date | None, engineering: Engineering) -> Explanation:
    """The explanation of an account now, or at the end of the past date `at`; of its own today, as it stands now.

    Raises SaysNo when the account is unknown then, Refused when `at` is still to come where it lives.
    """
    until = clock.read(connection)
    life = standing(connection, [account], until, engineering).get(account)
    if life is None:
        raise SaysNo(f"there is no account `{account}`")
    if at is not None and not until.has_begun(at, life.zone()):
        raise Refused(f"{at} is still to come; an explanation looks back, and says itself what comes next")
    if at is not None and until.has_begun(at + ONE_DAY, life.zone()):
        until = Now(day=at)
        life = rehearse(connection, [account], until, engineering)[account]
    if not life.account.born:
        raise SaysNo(f"nothing was recorded of account `{account}` by then")
    last = journal.last_step(connection, account, at or dt.date.max)
    deciding = policies.named(connection, last.policy_version) if last and last.policy_version else None
    moment = until.at or end_of(life, until.last_day)
    life.entries.clear()
    return explain(life, moment, last, deciding)


def explain(life: Life, at: dt.datetime, last_step: Entry | None, deciding: Policy | None) -> Explanation:
    """Explain the account of `life`, which has been lived through `at`; `deciding` is the version of `last_step`."""
    account = life.account
    has_none = account.parked is not None and account.parked.reason == NO_POLICY
    policy = None if has_none else life.policy
    return Explanation(
        account=account,
        at=at,
        zone=str(life.zone()),
        policy=policy,
        facts=life.facts_at(at).facts if policy else None,
        decided=last_step,
        decided_clauses=_deciding_clauses(last_step, deciding),
        rules=_rules(life, policy, at) if policy else (),
        waiting=tuple(_waits(life, at)),
        next=foresee(life, at),
    )


def _waits(life: Life, at: dt.datetime) -> Iterator[Waiting]:
    """What waits to leave, and why."""
    kept = life.kept_back(at)
    for effect in life.account.waiting:
        yield Waiting(
            effect=effect.kind.value,
            name=effect.name,
            rule=effect.rule,
            because=kept or "its moment has not come",
            until=life.local(effect.due_at) if effect.due_at else None,
        )


def waiting_sentence(waiting: Waiting) -> str:
    """One that waits, in words."""
    until = f", until {waiting.until:%Y-%m-%d %H:%M}" if waiting.until else ""
    return f"{waiting.effect} {waiting.name} (rule {waiting.rule}) waits: {waiting.because}{until}"


def _deciding_clauses(step: Entry | None, policy: Policy | None) -> tuple[Clause, ...]:
    if step is None or policy is None or step.facts is None:
        return ()
    rule = next((rule for rule in policy.rules if rule.id == step.rule), None)
    return () if rule is None else _clauses(rule.when, step.facts, policy)


def _clauses(when: Expression, facts: Facts, policy: Policy) -> tuple[Clause, ...]:
    return tuple(_clause(clause, facts, policy, wanted=wanted) for clause, wanted in _wanted(when, wanted=True))


def _wanted(when: Expression, *, wanted: bool) -> Iterator[tuple[Comparison, bool]]:
    """Every clause of `when`, each with what it has to be for `when` to be as `wanted`."""
    match when:
        case Not():
            yield from _wanted(when.part, wanted=not wanted)
        case Comparison():
            yield when, wanted
        case All() | Any():
            for part in when.parts:
                yield from _wanted(part, wanted=wanted)


def _clause(clause: Comparison, facts: Facts, policy: Policy, *, wanted: bool) -> Clause:
    value = facts[clause.fact]
    return Clause(
        text=_written(clause, wanted=wanted),
        value=shown(clause.fact, value, policy),
        true=compare(clause, value) is wanted,
    )


def _written(clause: Comparison, *, wanted: bool) -> str:
    return clause.text if wanted else f"not {clause.text}"


def shown(fact: str, value: FactValue, policy: Policy) -> str:
    """A fact's value as people read it: amounts with their decimals, sets as lists."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "none"
    if policy.facts[fact].type == "amount" and isinstance(value, int):
        return money.show(value, policy.currency)
    return str(value) if value != "" else '""'


# --- why each rule fires or does not ---------------------------------------------------------------------------------


def _rules(life: Life, policy: Policy, at: dt.datetime) -> tuple[RuleNow, ...]:
    """How each rule stands; none where no rule can be asked, since an attribute is not of the type that is declared."""
    view = snapshot(life.account, life.policy_day(at), reading(policy))
    return () if view.misfits else tuple(_rules_now(life, policy, view))


def _rules_now(life: Life, policy: Policy, view: Snapshot) -> Iterator[RuleNow]:
    situation = life.situation(policy, view)
    for rule in policy.rules_in(life.account.state):
        because = failing(rule.when, view.facts, policy) or _waiting(life, policy, rule, view.facts, situation)
        yield RuleNow(
            rule=rule.id,
            leads_to=rule.to.value if rule.to else ", ".join(f"{e.kind} {e.name}" for e in rule.do),
            why=rule.why,
            fires=not because,
            because=because,
            clauses=_clauses(rule.when, view.facts, policy),
        )


def _waiting(life: Life, policy: Policy, rule: Rule, facts: Facts, situation: Situation) -> str:
    """Why a rule whose condition holds does not fire all the same."""
    parked = "the account is parked" if life.account.parked else ""
    if rule.to is None:
        return parked or (_spent(life.account, rule) if rule.id in situation.spent else "")
    reason = held_back(policy, rule, facts, situation) or refusal(facts.state, rule.to, facts)
    if reason is not None:
        return reason
    never = life.world.evaluator.forbidden(policy, rule.to, facts)
    return f"`never` forbids it: {never.id}" if never else parked


def _spent(account: Account, rule: Rule) -> str:
    """Why an act that has fired does not fire now, and from when on it may."""
    if rule.repeat_after_days is None:
        return "it has fired in this stay"
    ends = repeat_ends(account, rule)
    when = f"from {ends} on" if ends else "some days after what it put out has left"
    return f"it has fired; it may fire again {when}"


def failing(when: Expression, facts: Facts, policy: Policy) -> str:
    """The clauses, joined by `and`, that keep `when` from holding, each as it would have to be; empty when it holds."""
    found = dict.fromkeys(_failing(when, facts, wanted=True))
    return " and ".join(_told(clause, facts, policy, wanted=wanted) for clause, wanted in found)


def _failing(when: Expression, facts: Facts, *, wanted: bool) -> list[tuple[Comparison, bool]]:
    """The clauses that keep `when` from being as `wanted`, each with what it would have to be."""
    match when:
        case Not():
            return _failing(when.part, facts, wanted=not wanted)
        case Comparison():
            return [] if compare(when, facts[when.fact]) is wanted else [(when, wanted)]
        case All() | Any():
            found = [_failing(part, facts, wanted=wanted) for part in when.parts]
            is_enough = all if isinstance(when, All) is wanted else any  # `not (a or b)` wants neither
            return [] if is_enough(not part for part in found) else [one for part in found for one in part]


def _told(clause: Comparison, facts: Facts, policy: Policy, *, wanted: bool) -> str:
    value = shown(clause.fact, facts[clause.fact], policy)
    return f"{_written(clause, wanted=wanted)} ({clause.fact} is {value})"


# --- what comes next -------------------------------------------------------------------------------------------------


def foresee(life: Life, at: dt.datetime) -> Next | None:
    """The next step, effect or parking that time alone brings after `at`, and the payment that would prevent it."""
    running = _copy(life)
    found = first_entry(running, at)
    if found is None:
        return _kept_back(running, at)
    ahead, entry = found
    return Next(
        on=entry.on,
        clock=entry.clock,
        kind=entry.kind.value,
        what=entry.to or f"{entry.effect} {entry.name}",
        rule=entry.rule,
        unless=_preventing(life, at, entry, _overdue(ahead, entry)),
    )


def _kept_back(ahead: Life, at: dt.datetime) -> Next | None:
    """The first that waits for a switch or a fuse, of a life that ran ahead and told nothing.

    What waits for another reason leaves once something of the account is recorded.
    """
    world = ahead.world
    is_off = not world.delivering or (ahead.policy is not None and ahead.policy.name in world.blown)
    if ahead.account.on_hold or not is_off:
        return None
    first = next(_kept(ahead.account), None)
    if first is None:
        return None
    return Next(
        on=max(first.decided_on, ahead.local(at).date()),
        clock=dt.time(0),
        kind=EntryKind.EFFECT.value,
        what=f"{first.kind} {first.name}",
        rule=first.rule,
        unless=None,
        waits=ahead.kept_back(at),
    )


def _kept(account: Account) -> Iterator[Outgoing]:
    """What is kept back, in order: letters that lie in the outbox, and what still waits to leave the account.

    What is dropped as soon as it is looked at again waits for nothing, nor does a letter that may be called off.
    """
    is_late, is_left_alone = account.book.gross_overdue(account.policy_day) > 0, account.tags & FLAGGED
    for one in account.messages:
        if one.status is EffectStatus.SENT and (one.stay == account.stay or not is_left_alone):
            yield one
    for one in account.waiting:
        if one.due_at is None and one.stay == account.stay and (is_late or not one.overdue_then):
            yield one


def _copy(life: Life) -> Life:
    return Life(life.account, life.world)


def first_entry(life: Life, at: dt.datetime) -> tuple[Life, Entry] | None:
    """Run ahead until something tells; gives the life as it stands then, and what it tells."""
    for _ in range(_MOST_WAKES):
        due = life.next_due()
        if due is None or due > at + HORIZON:
            return None
        before = len(life.entries)
        life.run_until(due)
        came = life.entries[before:]
        telling = [entry for entry in came if entry.kind in _TELLING]
        if telling:
            return life, telling[0]
        if not any(entry.kind is EntryKind.DROPPED for entry in came):  # what was dropped may have held a move back
            life.sleep_on(due)
    return None


def _overdue(life: Life, entry: Entry) -> int:
    """What is overdue when the entry comes: the collectible part, or all of it when nothing is collectible."""
    if life.policy is None:
        return 0
    facts = entry.facts or life.facts_at(entry.at).facts
    return facts.overdue_amount or facts.gross_overdue_amount


def _preventing(life: Life, at: dt.datetime, entry: Entry, amount: int) -> int | None:
    """`amount` if paying it right away keeps the entry from coming, else None."""
    if amount <= 0 or life.account.payer_ledger is not None:
        return None
    other = _copy(life)
    pay(other, at, amount)
    other.entries.clear()
    other.run_until(entry.at)
    return None if any(_same(entry, later) for later in other.entries) else amount


def pay(life: Life, at: dt.datetime, amount: int) -> None:
    """Let the account receive `amount` minor units at `at`, without an invoice, in as few payments as can hold it."""
    parts = [min(money.LARGEST, amount - paid) for paid in range(0, amount, money.LARGEST)]
    events = tuple(_payment(life, at, number, part) for number, part in enumerate(parts))
    local = life.local(at)
    life.absorb([Part(on=local.date(), clock=local.time().replace(tzinfo=None), events=events)], now=at)


def _payment(life: Life, at: dt.datetime, number: int, amount: int) -> Event:
    data = {"id": f"paid {number} {at.isoformat()}", "amount": money.show(amount, life.account.currency)}
    return Event(kind="payment", account=life.account.id, on=life.local(at).date(), data=data)


def _same(one: Entry, other: Entry) -> bool:
    return (one.kind, one.to, one.effect, one.name, one.rule) == (
        other.kind,
        other.to,
        other.effect,
        other.name,
        other.rule,
    )


def _plain(minor: int, currency: str) -> str:
    return f"{money.show(minor, currency)} {currency}"


def sentence(ahead: Next | None, currency: str, amount: Callable[[int, str], str] = _plain) -> str:
    """What comes next in one sentence; `amount` writes the money in it, with its currency."""
    if ahead is None:
        return "next: nothing, until something is recorded"
    if ahead.waits:
        return f"next: {_told_next(ahead)}, which waits: {ahead.waits}"
    day = f"{ahead.on.day} {ahead.on:%B %Y}"
    unless = f" unless {amount(ahead.unless, currency)} is paid" if ahead.unless else ""
    return f"next: {_told_next(ahead)} on {day}{unless}"


def _told_next(ahead: Next) -> str:
    """What comes: a state, `parked`, or an effect; a call names the queue that makes it."""
    if ahead.kind == EntryKind.PARKED:
        return "parked"
    queue = ahead.what.removeprefix("call ") if ahead.kind == EntryKind.EFFECT else ahead.what
    return ahead.what if queue == ahead.what else f"call (queue {queue})"


def end_of(life: Life, day: dt.date) -> dt.datetime:
    """The instant at which the local date `day` of the account is over."""
    return instant(life.zone(), day + ONE_DAY, dt.time(0))

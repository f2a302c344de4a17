"""Whatever is said to be proved of a random policy is broken by no account that is played with the naive evaluator."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from random import Random

import pytest

from arflow.accounts.entries import Account
from arflow.accounts.events import parse
from arflow.accounts.timeline import timeline
from arflow.life.life import Life
from arflow.life.lives import live
from arflow.life.records import Entry, EntryKind, World
from arflow.machines.states import GUARDS
from arflow.rules.calendar import instant
from arflow.rules.decide import Situation, acts, next_move
from arflow.rules.expressions import comparisons
from arflow.rules.findings import Finding, Kind, Verdict
from arflow.rules.policy import Policy, Rule
from arflow.rules.proving import Asked, asked, prove
from arflow.rules.reference import Reference, holds
from arflow.vocabulary import Facts, State
from tests.random_policies import LIVELY, TAGS, loaded, narrowed, random_document, random_expression, random_ladder
from tests.rules.test_laws import facts_of_lives
from tests.sizes import size

POLICIES = size(8, 1_500)
ACCOUNTS = size(200, 2_000)
LADDERS = size(12, 3_000)
LIVES = size(4, 30)
BATCHES = 2
CHASED = (State.REMINDED, State.CALLED, State.PROMISED, State.DISPUTED)

# --- one moment: any account, in any state ----------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _pool() -> tuple[Facts, ...]:
    return tuple(facts for _, facts in facts_of_lives(range(12)))


def random_facts(rng: Random) -> Facts:
    """Facts of a random life, but for what no other fact depends on."""
    tags = frozenset(tag for tag in TAGS if rng.random() < 0.3)
    return replace(
        rng.choice(_pool()), state=rng.choice([*State]).value, on_hold=rng.random() < 0.3, tags=tags, currency="USD"
    )


def fired(policy: Policy, facts: Facts, rng: Random) -> Iterator[Rule]:
    """The rules that fire on `facts` in a pass: a move, or acts, which come first where people have just moved it."""
    situation = Situation(
        visited=frozenset({facts.state}),
        harsher_today=rng.random() < 0.2,
        awaiting=facts.notice_pending,
        kept="money" if _waits(policy, facts) else "",
    )
    move = next_move(Reference(), policy, facts, situation).rule
    if move is not None:
        yield move
    if move is None or (facts.days_in_state == 0 and _may_enter(State(facts.state), facts)):
        yield from acts(Reference(), policy, facts, situation)


def _waits(policy: Policy, facts: Facts) -> bool:
    cash = policy.guards.fresh_cash
    is_covered = 0 < facts.overdue_amount <= facts.unapplied_amount
    return cash is not None and cash.hold_steps and cash.hold_if_unapplied_covers and is_covered


def broken(policy: Policy, claim: Asked | None, kind: Kind, facts: Facts, rules: list[Rule]) -> str:
    """By which rule a claim is broken when `rules` fire on `facts`; empty when by none."""
    if claim is not None:
        done = [rule for rule in rules if (rule.to is claim.to if claim.to else rule.contacts_customer)]
        return done[0].id if done and holds(claim.when, facts) else ""
    if kind is Kind.REFUSED:
        return next((rule.id for rule in rules if rule.to and not _may_enter(rule.to, facts)), "")
    if kind is Kind.PAID and facts.state in CHASED and facts.gross_overdue_amount == 0:
        move = next((rule for rule in rules if rule.to), None)
        if move is None:
            return "nothing"
        return move.id if move.to in CHASED else ""
    return ""


def _may_enter(state: State, facts: Facts) -> bool:
    return state not in GUARDS or GUARDS[state][1](facts)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_what_is_proved_of_a_moment_is_so_of_every_account(batch: int) -> None:
    proved = 0
    for seed in range(batch, POLICIES, BATCHES):
        rng = Random(seed)
        read = loaded(narrowed(rng, random_document(rng) if rng.random() < 0.5 else random_ladder(rng)))
        facts = [one for one in (random_facts(rng) for _ in range(ACCOUNTS)) if Reference().applies(read, one)]
        played = [(one, list(fired(read, one, rng))) for one in facts]
        for claim, finding in claims(read, rng):
            if finding.verdict is Verdict.PROVED:
                proved += 1
                for one, rules in played:
                    by = broken(read, claim, finding.kind, one, rules)
                    assert not by, f"seed {seed}: {finding.says}: `{by}` does, of {one}"
    assert proved > 0


def claims(policy: Policy, rng: Random) -> Iterator[tuple[Asked | None, Finding]]:
    """Claims about a policy, each with what was found: those of every policy, and some that are made up."""
    made = [
        asked(policy, rng.choice((None, None, *State)), random_expression(rng, rng.randint(1, 3), LIVELY))
        for _ in range(4)
    ]
    own = [Asked(to=never.to, when=never.when, text=never.when_text) for never in policy.never]
    yield from zip([*own, *made], prove(policy, made), strict=False)
    yield from ((None, found) for found in prove(policy) if found.kind in (Kind.REFUSED, Kind.PAID))


# --- for ever: lives in which nothing is recorded any more ------------------------------------------------------------

START = dt.date(2026, 1, 5)
LONG = dt.timedelta(days=900)
"""So long nothing is recorded that every number in a ladder is past."""

FOR_EVER = (Kind.FORGOTTEN, Kind.UNMATCHED, Kind.UNDELIVERED, Kind.CIRCLE)

LAST = dt.timedelta(days=120)
"""Who stands still does nothing all this time; nothing in a ladder takes so long to come again."""


def random_life(rng: Random, policy: Policy) -> tuple[Life, list[Entry]]:
    """The life of an account with debt of which something is recorded in the first weeks, and then nothing."""
    delivery = rng.choice(("instant", "recorded"))
    lines = [{"account": "A", **line} for line in _told(rng, delivery)]
    lines = sorted(lines, key=lambda line: (line["date"], line["time"]))
    events = [parse(line, at) for at, line in enumerate(lines, 1)]
    world = World(policies=(policy,), evaluator=Reference(), delivery=delivery)
    done = live(Account(id="A", currency="USD"), timeline(events), world, START + LONG)
    return done.life, list(done.entries)


def _told(rng: Random, delivery: str) -> Iterator[dict[str, str]]:
    amount = rng.choice((20, 60, 90, 500, 900, 3_000))
    yield _on(0, "account", country=rng.choice(("US", "DE")))
    yield _on(0, "invoice", id="I1", amount=f"{amount}.00", due=(START + dt.timedelta(days=9)).isoformat())
    if rng.random() < 0.6:
        more = rng.choice((5, amount // 2, amount, 2 * amount))
        yield _on(0, "invoice", id="I2", amount="10.00", due=(START + dt.timedelta(days=9)).isoformat())
        yield _on(rng.choice((1, 15, 40)), "payment", id="P", invoice="I2", amount=f"{10 + more}.00")
    for tag in ("vip", "late"):
        if rng.random() < 0.4:
            yield _on(rng.choice((0, 30)), "tag", tag=tag)
    for chance, line in (
        (0.2, _on(rng.randint(0, 40), "hold", reason="r")),
        (0.2, _on(rng.randint(5, 40), "dispute", id="D", invoice="I1", amount="10.00", reason="r")),
        (0.2, _on(rng.randint(5, 40), "payment", id="P1", invoice="I1", amount=f"{amount}.00")),
        (0.2, _on(rng.randint(5, 40), "contact", channel="call", outcome="no_answer")),
    ):
        if rng.random() < chance:
            yield line
    if delivery == "recorded":
        for day in range(10, 45):
            yield _on(day, rng.choice(("notice_delivered", "notice_delivered", "notice_failed")), notice="friendly")


def _on(day: int, event: str, **more: str) -> dict[str, str]:
    return {"date": (START + dt.timedelta(days=day)).isoformat(), "time": "12:00", "event": event, **more}


def broken_for_ever(life: Life, entries: list[Entry], policy: Policy) -> dict[Kind, str]:
    """Which claims are broken by what an account does at the end of its life, and by what."""
    end = instant(life.zone(), START + LONG + dt.timedelta(days=1), dt.time(0))
    facts, late = life.facts_at(end).facts, [entry for entry in entries if entry.on > START + LONG - LAST]
    steps = [str(entry.rule) for entry in late if entry.kind is EntryKind.STEP]
    found = {Kind.CIRCLE: ", ".join(steps[:6])} if len(steps) > len(State) else {}
    is_left = life.account.parked is None and not facts.on_hold and not facts.has_open_promise
    if late or not is_left or facts.state == State.ESCALATED or not facts.overdue_amount or life.unknown_results:
        return found
    kinds = {(0, 0): Kind.FORGOTTEN, (0, 1): Kind.UNMATCHED, (1, 0): Kind.UNDELIVERED}
    kind = kinds.get((min(facts.notices_failed, 1), min(facts.unapplied_amount, 1)))
    return found | ({kind: str(facts)} if kind else {})


def speaks_of(finding: Finding, policy: Policy, facts: Facts) -> bool:
    """Whether a claim about large debts is about an account with these facts."""
    clauses = [clause for rule in policy.rules for clause in comparisons(rule.when)]
    ours = [*comparisons(policy.applies_to)] if policy.applies_to else []
    named = {str(value) for clause in clauses if clause.fact == "tags" for value in clause.values}
    if any("any of the tags" in line for line in finding.because):
        named -= {str(value) for clause in ours if clause.fact == "tags" for value in clause.values}
    amounts = [int(one) for clause in clauses + ours if clause.fact.endswith("_amount") for one in clause.values]
    above = [re.search(r"those above ([0-9.,]+)$", line) for line in finding.because]
    least = next((int(re.sub("[.,]", "", one[1])) for one in above if one), max(amounts, default=0))
    return not facts.tags & named and facts.overdue_amount > least


@pytest.mark.parametrize("batch", range(BATCHES))
def test_what_is_proved_for_ever_is_broken_by_no_life(batch: int) -> None:
    """Whoever stands still, or goes round, does so although something else was said to fail, or to be about nobody."""
    count = Counter[str]()
    for seed in range(batch, LADDERS, BATCHES):
        rng = Random(seed)
        read = loaded(random_ladder(rng))
        found = {finding.kind: finding for finding in prove(read)}
        for _ in range(LIVES):
            life, entries = random_life(rng, read)
            for kind, how in broken_for_ever(life, entries, read).items():
                finding = found.get(kind)
                if finding is None:
                    continue
                count[f"{kind} {finding.verdict}"] += 1
                end = instant(life.zone(), START + LONG + dt.timedelta(days=1), dt.time(0))
                is_broken = kind is Kind.CIRCLE or speaks_of(finding, read, life.facts_at(end).facts)
                assert finding.verdict is not Verdict.PROVED or not is_broken, f"seed {seed}: {finding.says}: {how}"
        count.update(f"{kind} {finding.verdict}" for kind, finding in found.items() if kind in FOR_EVER)
    assert all(count[f"{kind} {Verdict.PROVED}"] for kind in (Kind.FORGOTTEN, Kind.CIRCLE)), count

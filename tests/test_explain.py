"""What comes next is told with its day, and comes true; with the payment it names, it does not come."""

import datetime as dt
import random
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from arflow import money
from arflow.accounts.entries import Account
from arflow.accounts.events import Event, parse
from arflow.accounts.timeline import timeline
from arflow.evolving import evolve
from arflow.explain import Explanation, Next, end_of, explain, failing, foresee, sentence
from arflow.life.life import Life
from arflow.life.lives import live
from arflow.life.records import EntryKind, World
from arflow.replay import Request, replay
from arflow.rules.expressions import parse as expression
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.rules.reference import Reference, holds
from arflow.sample import generate
from arflow.vocabulary import Facts
from tests.production import standard
from tests.sizes import size

LAST_DAY = dt.date(2026, 6, 30)
PREDICTIONS = 200
Ledger = Mapping[str, list[dict[str, object]]]


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    """The events of the sample ledger by account, without accounts that pay through another."""
    found: dict[str, list[dict[str, object]]] = {}
    for event in generate(seed=11, accounts=120, months=12, until=LAST_DAY):
        found.setdefault(str(event["account"]), []).append(event)
    return {key: events for key, events in found.items() if not any(event.get("pays_through") for event in events)}


def _policy(events: list[dict[str, object]]) -> Policy:
    currency = next(str(event["currency"]) for event in events if event.get("currency"))
    return standard(f"standard-{currency.lower()}")


def _life(events: list[dict[str, object]], day: dt.date, policy: Policy) -> Life | None:
    known = [parse(event) for event in events if str(event["date"]) <= day.isoformat()]
    if not known:
        return None
    account = Account(id=known[0].account, currency=policy.currency)
    world = World(policies=(policy,), evaluator=Reference())
    life = live(account, timeline(known), world, day).life
    life.entries.clear()
    return life


def _lines_of(events: list[Event], policy: Policy, ahead: Next, *, every_day: bool) -> list[tuple[str, object, object]]:
    """(date, kind, what) of every line of a replay through the predicted day, by wakes or by a pass every day."""
    request = Request(events=tuple(events), policy=policy, until=ahead.on, every_day=every_day)
    return [
        (str(line["date"]), line["kind"], line.get("to") or f"{line.get('effect')} {line.get('name')}")
        for line in replay(request, Reference())
    ]


def _predicted(ahead: Next) -> tuple[str, object, object]:
    return ahead.on.isoformat(), ahead.kind, ahead.what


def test_every_prediction_comes_true_and_a_payment_prevents_it(ledger: Ledger) -> None:
    """For 200 accounts at random days: the next line is the predicted one, and not with the payment that was named."""
    dice = random.Random(42)
    made = prevented = 0
    while made < PREDICTIONS:
        events = ledger[dice.choice(sorted(ledger))]
        day = LAST_DAY - dt.timedelta(days=dice.randrange(300))
        policy = _policy(events)
        life = _life(events, day, policy)
        ahead = foresee(life, end_of(life, day)) if life is not None else None
        if life is None or ahead is None:
            continue
        made += 1
        known = [parse(event) for event in events if str(event["date"]) <= day.isoformat()]
        later = [line for line in _lines_of(known, policy, ahead, every_day=made % 5 == 0) if line[0] > day.isoformat()]
        assert _predicted(ahead) == later[0], (known[0].account, day, sentence(ahead, policy.currency))
        if ahead.unless is not None:
            prevented += 1
            paid = parse(
                {
                    "event": "payment",
                    "account": known[0].account,
                    "date": (day + dt.timedelta(days=1)).isoformat(),
                    "id": "prevents",
                    "amount": money.show(ahead.unless, policy.currency),
                }
            )
            assert _predicted(ahead) not in [
                line for line in _lines_of([*known, paid], policy, ahead, every_day=False) if line[0] > day.isoformat()
            ]
    assert PREDICTIONS // 4 < prevented


def test_an_explanation_names_the_deciding_rule_and_why_the_others_rest(ledger: Ledger) -> None:
    """State, since when, the deciding rule with each clause's value, and for each other rule the failing clause."""
    for events in list(ledger.values())[:40]:
        policy = _policy(events)
        life = _life(events, LAST_DAY, policy)
        if life is None or life.account.parked or not life.account.stay:
            continue
        account = Account(id=life.account.id, currency=policy.currency)
        whole = live(
            account, timeline(parse(e) for e in events), World(policies=(policy,), evaluator=Reference()), LAST_DAY
        )
        last = [entry for entry in whole.entries if entry.kind is EntryKind.STEP][-1]
        found = explain(life, end_of(life, LAST_DAY), last, policy)
        rules = {rule.id: rule for rule in policy.rules_in(life.account.state)}
        assert set(rules) == {rule.rule for rule in found.rules}
        assert all(rule.fires or rule.because for rule in found.rules)
        assert life.account.state == (found.decided.to if found.decided else None)
        assert found.decided_clauses


@pytest.mark.parametrize(
    ("when", "because"),
    [
        ("days_overdue >= 10", "days_overdue >= 10 (days_overdue is 4)"),
        ("days_overdue >= 3 and overdue_amount >= 100.00", "overdue_amount >= 100.00 (overdue_amount is 50.00)"),
        ("days_overdue >= 10 or on_hold", "days_overdue >= 10 (days_overdue is 4) and on_hold (on_hold is false)"),
        ('not "vip" in tags', 'not "vip" in tags (tags is vip)'),
        ("days_overdue >= 9 and on_hold", "days_overdue >= 9 (days_overdue is 4) and on_hold (on_hold is false)"),
        ("on_hold and (on_hold or days_overdue < 9)", "on_hold (on_hold is false)"),
        (
            "not (on_hold or not (days_overdue >= 3 and overdue_amount >= 100.00))",
            "overdue_amount >= 100.00 (overdue_amount is 50.00)",
        ),
        (
            "not (days_overdue >= 3 and (on_hold or overdue_amount >= 5.00))",
            "not days_overdue >= 3 (days_overdue is 4) and not overdue_amount >= 5.00 (overdue_amount is 50.00)",
        ),
        ("not (on_hold or days_overdue >= 3)", "not days_overdue >= 3 (days_overdue is 4)"),
        ("days_overdue >= 3", ""),
    ],
)
def test_the_failing_clauses_are_named_with_their_values(when: str, because: str) -> None:
    """Whatever stands within a negation is told as it should be: true, or not true."""
    policy = standard("standard-usd")
    facts = Facts(state="current", days_overdue=4, overdue_amount=5000, tags=frozenset({"vip"}))
    assert because == failing(expression(when, policy.facts, "USD"), facts, policy)


_APART = (
    *("on_hold", "has_open_promise", "has_open_dispute", "has_credit_limit", "notice_pending"),
    *("days_overdue >= 3", "days_in_state < 5", "overdue_amount == 1.00", "notices_sent != 2", '"vip" in tags'),
)
"""Clauses no two of which ask the same fact, so that each can be made true or false by itself."""


def _condition(rng: random.Random, clauses: list[str]) -> str:
    """A condition of these clauses in their order."""
    if len(clauses) == 1:
        return rng.choice(("", "", "not ")) + clauses[0]
    at = rng.randrange(1, len(clauses))
    parts = _condition(rng, clauses[:at]), _condition(rng, clauses[at:])
    return f"{rng.choice(('', 'not '))}({rng.choice((' and ', ' or ')).join(parts)})"


def _facts_of(truths: Mapping[str, bool]) -> Facts:
    """Facts of which each clause is as true as it should be."""
    return Facts(
        state="current",
        on_hold=truths["on_hold"],
        has_open_promise=truths["has_open_promise"],
        has_open_dispute=truths["has_open_dispute"],
        has_credit_limit=truths["has_credit_limit"],
        notice_pending=truths["notice_pending"],
        days_overdue=3 if truths["days_overdue >= 3"] else 2,
        days_in_state=4 if truths["days_in_state < 5"] else 5,
        overdue_amount=100 if truths["overdue_amount == 1.00"] else 99,
        notices_sent=1 if truths["notices_sent != 2"] else 2,
        tags=frozenset({"vip"}) if truths['"vip" in tags'] else frozenset(),
    )


def test_what_is_named_is_false_and_the_rule_fires_once_it_is_true() -> None:
    """Of any condition: nothing is named that is as it should be, and nothing else has to change."""
    policy = standard("standard-usd")
    for seed in range(size(600, 200_000)):
        rng = random.Random(seed)
        when = expression(_condition(rng, rng.sample(_APART, rng.randint(1, len(_APART)))), policy.facts, "USD")
        truths = {clause: rng.random() < 0.5 for clause in _APART}
        because = failing(when, _facts_of(truths), policy)
        assert holds(when, _facts_of(truths)) is (because == ""), seed
        for named in because.split(" and ") if because else ():
            clause, wanted = named.removeprefix("not ").partition(" (")[0], not named.startswith("not ")
            assert truths[clause] is not wanted, (seed, because)
            truths[clause] = wanted
        assert holds(when, _facts_of(truths)), (seed, because)


def _found(lines: list[dict[str, object]], rules: str, until: str, more: str = "") -> Explanation:
    """The explanation at the end of a day, under a policy of these rules."""
    policy = load_policy(f"policy: p\ncurrency: USD\n{more}catch_up: jump\nrules:\n{rules}", file="test")
    day = dt.date.fromisoformat(until)
    life = live(
        Account(id="A", currency="USD"),
        timeline(parse({"account": "A", "date": "2026-01-05", **line}) for line in lines),
        World(policies=(policy,), evaluator=Reference()),
        day,
    ).life
    return explain(life, end_of(life, day), None, None)


def _because(lines: list[dict[str, object]], rules: str, until: str) -> dict[str, str]:
    """Why each rule of the state does not act at the end of a day, or nothing where it does."""
    return {rule.rule: rule.because for rule in _found(lines, rules, until).rules}


OWED: dict[str, object] = {"event": "invoice", "id": "I", "amount": "50.00", "due": "2026-01-05"}


def test_no_rule_of_a_parked_account_would_act() -> None:
    """The refused one is told with its refusal, the others with the parking."""
    rules = """
  - {id: settled, from: current, when: days_overdue >= 1, to: resolved, why: So.}
  - {id: late, from: current, when: days_overdue >= 1, do: [{send: first}], why: So.}
  - {id: later, from: current, when: days_overdue >= 9, do: [{send: second}], why: So.}
"""
    because = _because([OWED], rules, "2026-01-07")
    assert {"settled", "late", "later"} == set(because)
    assert "overdue" in because["settled"]
    assert ("the account is parked", "days_overdue >= 9 (days_overdue is 2)") == (because["late"], because["later"])


def test_an_account_that_no_policy_applies_to_any_more_is_told_of_none() -> None:
    """By its rules nothing is decided, though its days are still counted as that policy had it."""
    rules = "  - {id: later, from: current, when: days_overdue >= 9, to: reminded, why: So.}\n"
    left: dict[str, object] = {"event": "tag", "tag": "sold", "date": "2026-01-08"}
    found = _found([OWED, left], rules, "2026-01-09", 'applies_to: not "sold" in tags\n')
    assert found.account.policy_version
    assert (None, None, ()) == (found.policy, found.facts, found.rules)


def test_what_a_rule_says_behind_a_not_is_told_with_it() -> None:
    rules = """
  - {id: later, from: current, when: 'days_overdue >= 1 and not (on_hold or "vip" in tags)', to: reminded, why: So.}
"""
    tagged: dict[str, object] = {"event": "tag", "tag": "vip"}
    (rule,) = _found([OWED, tagged], rules, "2026-01-07").rules
    assert [("days_overdue >= 1", True), ("not on_hold", True), ('not "vip" in tags', False)] == [
        (clause.text, clause.true) for clause in rule.clauses
    ]


def test_an_act_that_repeats_says_from_when_on() -> None:
    """From its last sending on; while what it put out still waits nobody knows the day."""
    rules = """
  - {id: once, from: current, when: days_overdue >= 1, do: [{tag: x}], why: So.}
  - {id: weekly, from: current, when: days_overdue >= 1, repeat_after_days: 7, do: [{send: first}], why: So.}
"""
    once = "it has fired in this stay"
    weekly = "it has fired; it may fire again from 2026-01-13 on"
    assert {"once": once, "weekly": weekly} == _because([OWED], rules, "2026-01-07")
    on_hold: dict[str, object] = {"event": "hold"}
    weekly = "it has fired; it may fire again some days after what it put out has left"
    assert {"once": once, "weekly": weekly} == _because([OWED, on_hold], rules, "2026-01-07")


def test_what_no_single_payment_can_hold_is_told_as_a_sum_all_the_same() -> None:
    """Two invoices of the largest amount there is; what would prevent the next step is to pay both."""
    largest = money.show(money.LARGEST, "USD")
    events = [{**OWED, "account": "A", "date": "2026-01-05", "id": key, "amount": largest} for key in ("I", "J")]
    life = _life(events, dt.date(2026, 1, 6), standard("standard-usd"))
    assert life is not None
    ahead = foresee(life, end_of(life, dt.date(2026, 1, 6)))
    assert ahead is not None
    assert ("reminded", 2 * money.LARGEST) == (ahead.what, ahead.unless)
    assert sentence(ahead, "USD").endswith(" unless 19999999999999.98 USD is paid")


def test_the_next_step_in_one_sentence() -> None:
    """The sentence names the state, the day and the payment that would prevent it."""
    ahead = Next(on=dt.date(2026, 6, 7), clock=dt.time(8), kind="step", what="called", rule="phone", unless=50000)
    assert "next: called on 7 June 2026 unless 500.00 USD is paid" == sentence(ahead, "USD")
    assert "next: nothing, until something is recorded" == sentence(None, "USD")
    ring = Next(on=dt.date(2026, 6, 7), clock=dt.time(8), kind="effect", what="call seniors", rule="ring", unless=None)
    assert "next: call (queue seniors) on 7 June 2026" == sentence(ring, "USD")


def test_what_is_kept_back_is_told_as_what_waits() -> None:
    """Also what is decided only later; once its reason has gone nothing is told of it."""
    document = (
        "policy: p\ncurrency: USD\nrules:\n"
        "  - {id: paid, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}\n"
        "  - {id: late, from: current, when: days_overdue >= 3, do: [{send: first}], why: Late.}\n"
    )
    policy, at = load_policy(document, file="test"), dt.date(2026, 1, 6)
    world = World(policies=(policy,), evaluator=Reference(), delivering=False)
    owed = {**OWED, "account": "A", "date": "2026-01-05"}

    def told(day: dt.date, *events: dict[str, object]) -> str:
        account = Account(id="A", currency="USD")
        life = live(account, timeline(parse(event) for event in events), world, day).life
        return sentence(foresee(life, end_of(life, day)), "USD")

    for day in (at, at + dt.timedelta(days=9)):
        assert "next: send first, which waits: delivery is off" == told(day, owed)
    on = World(policies=(policy,), evaluator=Reference(), delivery="recorded")
    sent = live(Account(id="A", currency="USD"), timeline([parse(owed)]), on, dt.date(2026, 1, 15)).life
    for delivering, said in ((True, "nothing, until something is recorded"), (False, "send first, which waits: de")):
        queued = Life(sent.account, replace(world, delivery="recorded", delivering=delivering))
        assert said in sentence(foresee(queued, end_of(queued, dt.date(2026, 1, 15))), "USD")
    blown = World(policies=(policy,), evaluator=Reference(), delivery="recorded", blown=frozenset({"p"}))
    stopped = Life(sent.account, blown)
    assert "next: send first, which waits" in sentence(foresee(stopped, end_of(stopped, dt.date(2026, 1, 15))), "USD")
    left = evolve(sent.account, stay=sent.account.stay + 1)
    for tags, said in (
        ({"vip"}, "send first, which waits"),
        ({"stop-contact"}, "nothing, until something is recorded"),
    ):
        life = Life(evolve(left, tags=frozenset(tags)), replace(world, delivery="recorded"))
        assert said in sentence(foresee(life, end_of(life, dt.date(2026, 1, 15))), "USD")
    paid = {"event": "payment", "account": "A", "date": "2026-01-15", "id": "P", "amount": owed["amount"]}
    assert "next: nothing, until something is recorded" == told(dt.date(2026, 1, 15), owed, paid)

"""How an account comes to where a claim fails: the life that is told is played once more, and leads there."""

import datetime as dt
from pathlib import Path

import pytest

import arflow.rules
from arflow.accounts.events import parse
from arflow.counterexamples import told, way_to
from arflow.life.records import EntryKind
from arflow.replay import Request, lives
from arflow.rules.engine import DurableRules
from arflow.rules.findings import Witness
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.rules.proving import asked, claimed
from arflow.rules.reference import holds
from arflow.vocabulary import State

STANDARD = load_policy(Path(arflow.rules.__file__).with_name("standard-usd.yaml").read_text(), file="standard-usd.yaml")
_ONE_DAY = dt.timedelta(days=1)


def witnesses(policy: Policy, text: str, to: State | None = None) -> tuple[Witness, ...]:
    return claimed(policy, asked(policy, to, text)).witnesses


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("overdue_amount == 0", {"paid-with-thanks", "courtesy-note"}),
        ("days_overdue < 5", {"promise-broken", "first-reminder-large"}),
        ("has_open_dispute", {"paid-with-thanks", "payment-bounced", "phone", "final-reminder"}),
        ('promise_status == "broken"', {"promise-broken", "small-balance", "call-again"}),
        ("notices_failed >= 1", {"letter-did-not-arrive"}),
        ('risk_grade == "E" and days_overdue < 30', {"first-reminder-large", "phone-large"}),
    ],
)
def test_a_life_that_is_told_leads_there(text: str, rules: set[str]) -> None:
    """Played with the engine of production, the rule fires on that day while the condition is true; and not before."""
    found = set()
    for witness in witnesses(STANDARD, text):
        if witness.rule is None or witness.when is None or witness.rule.id not in rules:
            continue
        way = way_to(witness, STANDARD)
        assert way is not None, witness.rule.id
        found.add(witness.rule.id)
        delivery = "recorded" if any(event["event"] == "notice_failed" for event in way.events) else "instant"
        events = tuple(parse({"account": "A", **event}) for event in way.events)
        request = Request(events=events, policy=STANDARD, until=way.on, delivery=delivery)
        (life,) = lives(request, DurableRules())
        fired = [
            entry.on
            for entry in life.entries
            if entry.facts and witness.rule.id in (entry.rule, *entry.rules) and holds(witness.when, entry.facts)
        ]
        assert way.on in fired, (witness.rule.id, way.in_words)
    assert rules == found


def test_nothing_is_told_that_the_life_does_not_need() -> None:
    """Each event left out, it comes to nothing any more, or only later."""
    (witness,) = witnesses(STANDARD, 'days_overdue < 5 and promise_status == "broken"')[:1]
    way = way_to(witness, STANDARD)
    assert way is not None
    assert ["invoice", "promise"] == [event["event"] for event in way.events]
    assert way.in_words == (
        "it comes so: 2025-12-31 invoice (id: I1, amount: 25.00, due: 2026-01-14); "
        "2026-01-14 12:00 promise (id: B1, amount: 25.00, due: 2026-01-16); and on 2026-01-18 it happens"
    )


def test_an_account_that_nobody_will_see_has_no_life() -> None:
    """The state can be reached by no rule: only people lead there."""
    document = """
policy: p
currency: JPY
attributes: {region: text}
rules:
  - {id: ring, from: called, when: 'days_overdue >= 3 and attr_region == "north"', do: [{call: q}], why: W}
"""
    policy = load_policy(document, file="p")
    finding = claimed(policy, asked(policy, None, "overdue_amount > 0"))
    assert [("none of the lives that were played leads there", None)] == [(t.how, t.way) for t in told(finding, policy)]


def test_a_never_that_parks_is_led_to() -> None:
    document = """
policy: p
currency: KWD
rules:
  - {id: up, from: current, when: 'days_overdue >= 3 and "vip" in tags', to: escalated, why: W}
never:
  - {id: n, to: escalated, when: '"vip" in tags'}
"""
    policy = load_policy(document, file="p")
    (witness,) = claimed(policy, asked(policy, State.ESCALATED, '"vip" in tags')).witnesses
    way = way_to(witness, policy)
    assert way is not None
    events = tuple(parse({"account": "A", **event}) for event in way.events)
    (life,) = lives(Request(events=events, policy=policy, until=way.on), DurableRules())
    assert [(EntryKind.PARKED, way.on)] == [(entry.kind, entry.on) for entry in life.entries]
    assert way.on == dt.date(2026, 1, 14) + 3 * _ONE_DAY


@pytest.mark.parametrize("asked", ["credit_limit >= 10000.00 and credit_limit < 50000.00", "attr_bond >= 10.00"])
def test_amounts_of_an_account_are_told_in_its_currency(asked: str) -> None:
    document = f"""
policy: p
currency: USD
attributes: {{bond: amount}}
applies_to: {asked}
rules:
  - {{id: ring, from: any, when: days_overdue >= 3, to: called, do: [{{call: collections}}], why: Late.}}
"""
    policy = load_policy(document, file="policy")
    (witness,) = witnesses(policy, '"vip" in tags')[:1]
    way = way_to(witness, policy)
    assert way is not None
    assert ("credit_limit: 10000.00" if "credit" in asked else '"bond": "10.00"') in way.in_words

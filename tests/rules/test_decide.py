"""What the rules say: the first move that is not held back, then the acts (contract, section 4)."""

import json
from dataclasses import replace

import pytest
from msgspec import structs

from arflow.rules.decide import Move, Situation, acts, held_back, next_move
from arflow.rules.loader import load_policy
from arflow.rules.policy import CatchUp, Policy
from arflow.rules.reference import Reference
from arflow.vocabulary import Facts, State

HOLD = "the account is on hold"
SECOND = "one harsher move has been made on this policy day"
PENDING = "a message is not yet sent, or its delivery not yet known"
TODAY = "the latest message was delivered on this policy day"
FAILED = "the latest delivery failed and nobody has been in contact since"

CALM = Situation(visited=frozenset({"reminded"}))
REMINDED = Facts(state="reminded", days_overdue=20, gross_overdue_amount=100)


def policy(*rules: dict[str, object], catch_up: str = "notice_required", **more: object) -> Policy:
    document = {"policy": "p", "currency": "USD", "catch_up": catch_up, "rules": rules} | more
    return load_policy(json.dumps(document), file="p.yaml")


def move(name: str, to: str, when: str = "days_overdue >= 14", source: object = "reminded") -> dict[str, object]:
    return {"id": name, "from": source, "when": when, "to": to, "why": "So."}


def act(name: str, when: str = "days_overdue >= 14") -> dict[str, object]:
    return {"id": name, "from": "any", "when": when, "do": [{"tag": name}], "why": "So."}


PHONE = policy(move("phone", "called"))


def decided(asked: Policy, situation: Situation = CALM, facts: Facts = REMINDED) -> tuple[str | None, Move]:
    found = next_move(Reference(), asked, facts, situation)
    return (found.rule.id if found.rule else None), found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"jump": None, "one_step": None, "notice_required": None}),
        ({"harsher_today": True}, {"jump": None, "one_step": SECOND, "notice_required": SECOND}),
        ({"awaiting": True}, {"jump": None, "one_step": None, "notice_required": PENDING}),
        ({"delivered_today": True}, {"jump": None, "one_step": None, "notice_required": TODAY}),
        ({"undelivered": True}, {"jump": None, "one_step": None, "notice_required": FAILED}),
    ],
)
def test_a_harsher_move_is_held_back_by_its_catch_up_mode(
    changes: dict[str, bool], expected: dict[str, str | None]
) -> None:
    situation = structs.replace(CALM, **changes)
    rule = PHONE.rules[0]
    found = {mode: held_back(replace(PHONE, catch_up=CatchUp(mode)), rule, REMINDED, situation) for mode in expected}
    assert expected == found


@pytest.mark.parametrize("mode", CatchUp)
def test_on_hold_every_harsher_move_is_held_back_in_every_mode(mode: CatchUp) -> None:
    asked = replace(PHONE, catch_up=mode)
    assert held_back(asked, PHONE.rules[0], replace(REMINDED, on_hold=True), CALM) == HOLD


@pytest.mark.parametrize("to", ["current", "resolved", "promised", "disputed", "reminded"])
def test_a_move_that_is_not_harsher_never_waits(to: str) -> None:
    """Not even on hold, with every reason there is."""
    asked = policy(move("rest", to, source="called"))
    facts = replace(REMINDED, state="called", on_hold=True)
    everything = Situation(harsher_today=True, awaiting=True, delivered_today=True, undelivered=True)
    assert held_back(asked, asked.rules[0], facts, everything) is None


def test_a_held_move_is_passed_over_and_later_rules_get_their_turn() -> None:
    asked = policy(move("phone", "called"), move("legal", "escalated"), move("rest", "current"))
    name, found = decided(asked, structs.replace(CALM, awaiting=True))
    assert (name, found.held) == ("rest", (("phone", PENDING), ("legal", PENDING)))


def test_the_first_move_that_holds_fires() -> None:
    asked = policy(move("no", "called", "days_overdue >= 99"), move("yes", "called"), move("late", "escalated"))
    assert decided(asked)[0] == "yes"


def test_a_move_into_a_visited_state_is_passed_over_and_not_held() -> None:
    asked = policy(move("phone", "called"), move("rest", "current"))
    name, found = decided(asked, Situation(visited=frozenset({"reminded", "called"})))
    assert (name, found.held) == ("rest", ())


def test_acts_are_never_moves() -> None:
    assert decided(policy(act("mark"))) == (None, Move())


def test_the_machine_refuses_and_never_forbids() -> None:
    """A refusal is a decision with its reason; nothing after it is tried."""
    guarded = policy(move("covered", "promised"), move("rest", "current"))
    assert decided(guarded)[1].refusal == "the machine refuses it: there is no open promise"
    early = policy(
        move("legal", "escalated"),
        move("rest", "current"),
        never=[{"id": "too-early", "to": "escalated", "when": "days_overdue < 30"}],
    )
    assert decided(early)[1].refusal == "`never` forbids it: too-early"
    assert decided(early, facts=replace(REMINDED, days_overdue=30))[1].refusal is None


def test_what_is_held_back_is_not_refused() -> None:
    """It is passed over before the machine is asked."""
    early = policy(move("legal", "escalated"), never=[{"id": "n", "to": "escalated", "when": "days_overdue < 30"}])
    assert decided(early, structs.replace(CALM, awaiting=True)) == (None, Move(held=(("legal", PENDING),)))


def test_all_acts_that_hold_fire_in_their_order_but_the_spent_ones() -> None:
    asked = policy(act("a"), move("phone", "called"), act("b", "days_overdue >= 99"), act("c"), act("d"))
    found = acts(Reference(), asked, REMINDED, structs.replace(CALM, spent=frozenset({"c"})))
    assert [rule.id for rule in found] == ["a", "d"]


def test_rules_of_other_states_are_not_looked_at() -> None:
    asked = policy(move("phone", "called", source=["current", "escalated"]), act("a"))
    assert decided(asked)[0] is None
    assert [rule.id for rule in acts(Reference(), asked, REMINDED, CALM)] == ["a"]
    assert asked.rules_in(State.CURRENT)[0].id == "phone"

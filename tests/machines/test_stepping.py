"""The one shared machine: every state may move to every other, and three of them are guarded (contract, section 1)."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from arflow.machines.states import MEANING, is_harsher, rank
from arflow.machines.stepping import refusal
from arflow.vocabulary import Facts, State

PERMITTED: Mapping[State, Mapping[str, Any]] = {
    State.PROMISED: {"has_open_promise": True},
    State.DISPUTED: {"has_open_dispute": True},
    State.RESOLVED: {"gross_overdue_amount": 0},
}
REFUSED: Mapping[State, tuple[Mapping[str, Any], str]] = {
    State.PROMISED: ({"has_open_promise": False}, "there is no open promise"),
    State.DISPUTED: ({"has_open_dispute": False}, "there is no open dispute"),
    State.RESOLVED: ({"gross_overdue_amount": 1}, "something is still overdue"),
}
PAIRS = [(source, target) for source, target in product(State, State) if source is not target]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_state_may_move_to_every_other(source: State, target: State) -> None:
    """When the guard of the one it enters is content; from where does not matter."""
    facts = replace(Facts(state=source, gross_overdue_amount=500), **PERMITTED.get(target, {}))
    assert refusal(source, target, facts) is None


@pytest.mark.parametrize(("source", "target"), [pair for pair in PAIRS if pair[1] in REFUSED])
def test_a_guard_refuses_with_its_reason(source: State, target: State) -> None:
    """Everything else about the account being as it would have to be for the other guards."""
    calm = Facts(state=source, has_open_promise=True, has_open_dispute=True, gross_overdue_amount=0)
    changes, reason = REFUSED[target]
    assert refusal(source, target, replace(calm, **changes)) == reason


@pytest.mark.parametrize("state", State)
def test_a_move_into_the_state_it_is_in_is_no_move(state: State) -> None:
    facts = Facts(state=state, has_open_promise=True, has_open_dispute=True)
    assert refusal(state, state, facts) == f"no move leads from `{state}` to `{state}`"


def test_an_unknown_state_is_refused_and_no_crash() -> None:
    facts = Facts(state="current")
    assert refusal("current", "legal", facts) == "no move leads from `current` to `legal`"
    assert refusal("legal", "called", facts) == "no move leads from `legal` to `called`"


def test_the_machine_keeps_nothing_of_an_account() -> None:
    """The same question twice, with a refusal in between."""
    calm, late = Facts(state="called"), Facts(state="called", gross_overdue_amount=1)
    found = [refusal("called", "resolved", facts) for facts in (late, calm, late, calm)]
    assert found == ["something is still overdue", None] * 2


def test_states_have_a_rank_and_a_harsher_move_climbs() -> None:
    ranks = {"current": 0, "resolved": 0, "promised": 0, "disputed": 0, "reminded": 1, "called": 2, "escalated": 3}
    assert {state.value: rank(state) for state in State} == ranks
    for source, target in product(State, State):
        assert is_harsher(source, target) is (ranks[target] > ranks[source])


def test_every_state_says_what_it_means() -> None:
    assert set(MEANING) == set(State)
    assert all(MEANING.values())

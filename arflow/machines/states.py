"""The states as data: their meaning, their rank, and what the machine asks of a move into them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from arflow.vocabulary import Facts, State

MEANING: Mapping[State, str] = MappingProxyType(
    {
        State.CURRENT: "nothing is overdue, or not enough to act on",
        State.REMINDED: "written reminders go out",
        State.CALLED: "calls are raised to callers until a conversation settles what comes next",
        State.PROMISED: "an open promise or plan covers all that is overdue; the ladder sleeps",
        State.DISPUTED: "open disputes cover all that is overdue; the ladder sleeps",
        State.ESCALATED: "with a senior, an agency or a lawyer; only rules from `escalated` act",
        State.RESOLVED: "the episode is over: nothing is overdue any more",
    }
)

_RANK: Mapping[str, int] = MappingProxyType({State.REMINDED: 1, State.CALLED: 2, State.ESCALATED: 3})

GUARDS: Mapping[State, tuple[str, Callable[[Facts], bool]]] = MappingProxyType(
    {
        State.PROMISED: ("there is no open promise", lambda facts: facts.has_open_promise),
        State.DISPUTED: ("there is no open dispute", lambda facts: facts.has_open_dispute),
        State.RESOLVED: ("something is still overdue", lambda facts: facts.gross_overdue_amount == 0),
    }
)
"""For each guarded state the reason of a refusal, and the condition under which it may be entered."""


def rank(state: str) -> int:
    """How far up the ladder `state` stands: 0 for the resting states, 3 for `escalated`."""
    return _RANK.get(state, 0)


def is_harsher(source: str, target: str) -> bool:
    """Whether a move from `source` to `target` climbs the ladder."""
    return rank(target) > rank(source)

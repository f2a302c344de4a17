"""The only file that knows `transitions`: one shared machine that says whether a move is permitted.

The machine never holds an account. Each question goes to it with a throwaway object, and what it answers is data;
the row in the database is the truth. No timeouts, no queued events, no callbacks other than the guards.
"""

from dataclasses import dataclass
from functools import cache

from transitions import EventData, Machine, MachineError

from arflow.machines.states import GUARDS
from arflow.vocabulary import Facts, State


@dataclass(slots=True)
class _Traveller:
    """The throwaway object that the shared machine moves."""

    state: str
    refusal: str = ""


def _guard(target: State) -> list[object]:
    if target not in GUARDS:
        return []
    reason, holds = GUARDS[target]

    def permitted(event: EventData) -> bool:
        facts: Facts = event.kwargs["facts"]
        if holds(facts):
            return True
        if isinstance(event.model, _Traveller):
            event.model.refusal = reason
        return False

    return [permitted]


def _transition(target: State) -> dict[str, object]:
    sources = [state.value for state in State if state is not target]
    return {"trigger": f"to_{target}", "source": sources, "dest": target.value, "conditions": _guard(target)}


_MACHINE = Machine(
    model=None,
    states=[state.value for state in State],
    initial=State.CURRENT.value,
    transitions=[_transition(state) for state in State],
    auto_transitions=False,
    send_event=True,
)


def refusal(source: str, target: str, facts: Facts) -> str | None:
    """Why the machine refuses the move from `source` to `target`, or None when it permits it."""
    return _asked(source, target, facts) if target in GUARDS else _unguarded(source, target)


@cache
def _unguarded(source: str, target: str) -> str | None:
    """What it says of a move that no guard looks at, whatever the facts are."""
    return _asked(source, target, None)


def _asked(source: str, target: str, facts: Facts | None) -> str | None:
    traveller = _Traveller(str(source))
    try:
        _MACHINE.events[f"to_{target}"].trigger(traveller, facts=facts)
    except (MachineError, KeyError, ValueError):
        return f"no move leads from `{source}` to `{target}`"
    return None if traveller.state == target else traveller.refusal

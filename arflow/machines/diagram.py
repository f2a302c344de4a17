"""Draws a state diagram as Mermaid text. It takes plain edges, so that nothing here has to know what a rule is."""

from collections.abc import Iterable, Iterator

from arflow.machines.states import GUARDS, rank
from arflow.vocabulary import State

Edge = tuple[State, State, str]
"""From, to, and the label of what leads there."""

ORDER = tuple(sorted(State, key=rank))
"""All states, the resting ones first, then up the ladder."""


def draw(edges: Iterable[Edge]) -> str:
    """A `stateDiagram-v2` of all states, their guards, and one arrow for each pair of states that an edge joins."""
    states = [f"    {state}" for state in ORDER]
    lines = ["stateDiagram-v2", *states, f"    [*] --> {State.CURRENT}", *_arrows(edges), *_notes()]
    return "\n".join(lines) + "\n"


def joined(edges: Iterable[Edge]) -> dict[tuple[State, State], list[str]]:
    """One entry a pair, in the order of the states; its labels in the order in which they came, each once."""
    labels: dict[tuple[State, State], list[str]] = {}
    for source, target, label in edges:
        found = labels.setdefault((source, target), [])
        if label not in found:
            found.append(label)
    return dict(sorted(labels.items(), key=lambda entry: tuple(ORDER.index(state) for state in entry[0])))


def _arrows(edges: Iterable[Edge]) -> Iterator[str]:
    for (source, target), labels in joined(edges).items():
        yield f"    {source} --> {target} : {', '.join(labels)}"


def _notes() -> Iterator[str]:
    for state, (refusal, _) in sorted(GUARDS.items(), key=lambda guard: ORDER.index(guard[0])):
        yield f"    note right of {state} : refused while {refusal}"

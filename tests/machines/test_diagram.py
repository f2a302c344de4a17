"""A state diagram: every state, resting ones first, and one arrow for each pair of states."""

from arflow.machines.diagram import ORDER, draw
from arflow.vocabulary import State

CURRENT, REMINDED, CALLED, RESOLVED = State.CURRENT, State.REMINDED, State.CALLED, State.RESOLVED


def arrows(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if "-->" in line and "[*]" not in line]


def test_states_stand_in_the_order_of_their_ranks() -> None:
    assert list(ORDER) == ["current", "promised", "disputed", "resolved", "reminded", "called", "escalated"]
    declared = draw([]).splitlines()[1 : 1 + len(ORDER)]
    assert declared == [f"    {state}" for state in ORDER]


def test_one_arrow_joins_two_states_whatever_leads_there() -> None:
    """Labels stand in the order in which they came, and once."""
    edges = [(CURRENT, REMINDED, "late"), (CURRENT, REMINDED, "big"), (CURRENT, REMINDED, "late")]
    assert arrows(draw(edges)) == ["current --> reminded : late, big"]


def test_arrows_are_ordered_by_their_states_not_by_their_coming() -> None:
    edges = [(CALLED, RESOLVED, "paid"), (REMINDED, CALLED, "ring"), (CURRENT, REMINDED, "write")]
    expected = ["current --> reminded : write", "reminded --> called : ring", "called --> resolved : paid"]
    assert expected == arrows(draw(edges))


def test_it_begins_where_accounts_begin_and_notes_what_the_machine_asks() -> None:
    lines = draw([]).splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert "    [*] --> current" in lines
    assert "    note right of promised : refused while there is no open promise" in lines

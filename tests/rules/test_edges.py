"""The diagram of a policy shows each of its moves from every state it leads from."""

from arflow.rules.edges import diagram, edges
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy

DOCUMENT = """
policy: bakery
currency: EUR
rules:
  - {id: paid, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}
  - {id: write, from: current, when: days_overdue >= 2, to: reminded, why: Late.}
  - {id: nag, from: reminded, when: days_overdue >= 9, do: [{tag: late}], why: Later.}
  - {id: back, from: any, when: on_hold, to: current, why: Rest.}
  - {id: big, from: [current, resolved], when: open_amount >= 900, to: reminded, why: Large.}
"""


def policy() -> Policy:
    return load_policy(DOCUMENT, file="bakery.yaml")


def test_a_move_is_an_edge_from_each_of_its_states_and_an_act_is_none() -> None:
    found = [(source.value, target.value, label) for source, target, label in edges(policy())]
    paid = [(source, "resolved", "paid") for source in ("reminded", "called", "promised", "disputed", "escalated")]
    back = [
        (source, "current", "back")
        for source in ["reminded", "called", "promised", "disputed", "escalated", "resolved"]
    ]
    big = [("current", "reminded", "big"), ("resolved", "reminded", "big")]
    assert [*paid, ("current", "reminded", "write"), *back, *big] == found


def test_the_diagram_has_one_arrow_a_pair() -> None:
    drawn = diagram(policy())
    assert "    current --> reminded : write, big\n" in drawn
    assert "    promised --> current : back\n    promised --> resolved : paid\n" in drawn
    assert "nag" not in drawn

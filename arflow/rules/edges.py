"""A policy as a state diagram: which of its rules lead from which state to which."""

from collections.abc import Iterator

from arflow.machines.diagram import Edge, draw
from arflow.rules.policy import Policy
from arflow.vocabulary import State


def edges(policy: Policy) -> Iterator[Edge]:
    """(from, to, rule id) for every state that every move of `policy` leads from, in the order of its rules."""
    for rule in policy.rules:
        if rule.to is not None:
            for source in State:
                if source in rule.states:
                    yield source, rule.to, rule.id


def diagram(policy: Policy) -> str:
    """The state diagram of `policy` as Mermaid text."""
    return draw(edges(policy))

"""Decides by zen-engine: a decision table that takes the first hit, and one compiled expression.

Both are compiled once, as its documentation advises. Each row of the table is one rule with its condition in a cell.
"""

import json
from typing import Any

import zen
from deciding import Facts, Task, Words, chain


def table(conditions: list[str]) -> str:
    """A decision model with one table: each rule's condition in one column, its place in another."""
    rules = [{"_id": f"r{at}", "when": text, "place": str(at)} for at, text in enumerate(conditions)]
    content = {
        "hitPolicy": "first",
        "inputs": [{"id": "when", "name": "when", "field": ""}],
        "outputs": [{"id": "place", "name": "place", "field": "place"}],
        "rules": rules,
    }
    nodes: list[dict[str, Any]] = [
        {"id": "in", "name": "in", "type": "inputNode", "position": {"x": 0, "y": 0}, "content": {}},
        {"id": "table", "name": "t", "type": "decisionTableNode", "position": {"x": 1, "y": 0}, "content": content},
        {"id": "out", "name": "out", "type": "outputNode", "position": {"x": 2, "y": 0}, "content": {}},
    ]
    edges = [
        {"id": "a", "sourceId": "in", "targetId": "table", "type": "edge"},
        {"id": "b", "sourceId": "table", "targetId": "out", "type": "edge"},
    ]
    return json.dumps({"nodes": nodes, "edges": edges})


def main() -> None:
    """Decide, and tell."""
    task = Task()
    words = Words()
    conditions = [words.written(tree) for tree in task.rules]
    decision = zen.ZenEngine().create_decision(zen.ZenDecisionContent(table(conditions)))
    expression = zen.compile_expression(chain(conditions))

    def by_table(facts: Facts) -> int | None:
        found = decision.evaluate(facts)["result"]
        return found["place"] if found else None

    def by_expression(facts: Facts) -> int | None:
        found = int(expression.evaluate(facts))
        return None if found < 0 else found

    task.tell("zen-engine", {"a decision table": by_table, "one expression by hand": by_expression})


if __name__ == "__main__":
    main()

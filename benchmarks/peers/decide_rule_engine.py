"""Decides by rule-engine: each rule compiled once with its types and asked in its order, and one expression."""

from typing import Any

import rule_engine
from deciding import Facts, Task, Words

TYPES: dict[str, Any] = {
    "text": rule_engine.DataType.STRING,
    "bool": rule_engine.DataType.BOOLEAN,
    "set": rule_engine.DataType.ARRAY(rule_engine.DataType.STRING),
}


def main() -> None:
    """Decide, and tell."""
    task = Task()
    types = {name: TYPES.get(kind, rule_engine.DataType.FLOAT) for name, kind in task.types.items()}
    context = rule_engine.Context(type_resolver=rule_engine.type_resolver_from_dict(types))
    conditions = [Words().written(tree) for tree in task.rules]
    each = [rule_engine.Rule(condition, context=context) for condition in conditions]

    def one_by_one(facts: Facts) -> int | None:
        return next((at for at, rule in enumerate(each) if rule.matches(facts)), None)

    task.tell("rule-engine", {"a rule each": one_by_one})


if __name__ == "__main__":
    main()

"""Decides by the CEL of Rust (common-expression-language): one expression, compiled once, and forty one by one."""

import cel
from deciding import Cel, Facts, Task, chain


def main() -> None:
    """Decide, and tell."""
    task = Task()
    conditions = [Cel().written(tree) for tree in task.rules]
    whole = cel.compile(chain(conditions))
    each = [cel.compile(condition) for condition in conditions]

    def at_once(facts: Facts) -> int | None:
        found = whole.execute(facts)
        return None if found < 0 else found

    def one_by_one(facts: Facts) -> int | None:
        context = cel.Context(variables=facts)
        return next((at for at, program in enumerate(each) if program.execute(context)), None)

    task.tell("common-expression-language", {"one expression by hand": at_once, "a program a rule": one_by_one})


if __name__ == "__main__":
    main()

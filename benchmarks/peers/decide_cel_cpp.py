"""Decides by Google's CEL (cel-expr-python): two expressions, compiled once with their types, and forty one by one.

One expression of all rules is refused: its recursion may go 32 deep. Activations are shared, as its documentation says.
"""

from cel_expr_python import cel
from deciding import Cel, Facts, Task, chain

TYPES = {"text": cel.Type.STRING, "bool": cel.Type.BOOL, "set": cel.Type.List(cel.Type.STRING)}


def main() -> None:
    """Decide, and tell."""
    task = Task()
    environment = cel.NewEnv(variables={name: TYPES.get(kind, cel.Type.INT) for name, kind in task.types.items()})
    conditions = [Cel().written(tree) for tree in task.rules]
    half = len(conditions) // 2
    halves = [environment.compile(chain(conditions[:half])), environment.compile(chain(conditions[half:]))]
    each = [environment.compile(condition) for condition in conditions]

    def in_two(facts: Facts) -> int | None:
        activation = environment.Activation(facts)
        for begin, program in zip((0, half), halves, strict=True):
            found: int = program.eval(activation).value()
            if found >= 0:
                return begin + found
        return None

    def one_by_one(facts: Facts) -> int | None:
        activation = environment.Activation(facts)
        return next((at for at, program in enumerate(each) if program.eval(activation).value()), None)

    task.tell("cel-expr-python", {"two expressions by hand": in_two, "a program a rule": one_by_one})


if __name__ == "__main__":
    main()

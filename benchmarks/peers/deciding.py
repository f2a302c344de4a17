"""What the programs that decide by a library share: what they are given, and how they time themselves.

Given are `rules` (trees of comparisons joined by all, any and not), the `types` of their facts, `facts` (sets of them),
and for how many `seconds` each way is timed. A way answers with the place of the first rule that holds, or none.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

Facts = dict[str, Any]
Decide = Callable[[Facts], int | None]


class Task:
    """The rules, the types of their facts, and the sets of facts, from the standard input."""

    def __init__(self) -> None:
        given = json.load(sys.stdin)
        self.rules: Sequence[Mapping[str, Any]] = given["rules"]
        self.types: Mapping[str, str] = given["types"]
        self.facts: Sequence[Facts] = given["facts"]
        self.least: float = given["seconds"]

    def tell(self, package: str, ways: Mapping[str, Decide]) -> None:
        """Print what each way answered, and the seconds that a decision took."""
        answers = {way: [decide(facts) for facts in self.facts] for way, decide in ways.items()}
        seconds = {way: self._timed(decide) for way, decide in ways.items()}
        print(json.dumps({"library": f"{package} {version(package)}", "answers": answers, "seconds": seconds}))

    def _timed(self, decide: Decide) -> float:
        asked, done, begun = self.facts, 0, time.perf_counter()
        while (taken := time.perf_counter() - begun) < self.least:
            for facts in asked:
                decide(facts)
            done += len(asked)
        return taken / done


class Words:
    """How a language writes a rule's condition; a subclass has its own words for what joins comparisons."""

    every, some, no = "and", "or", "not ({})"

    def written(self, tree: Mapping[str, Any]) -> str:
        """The condition in the language."""
        if "all" in tree:
            return "(" + f" {self.every} ".join(map(self.written, tree["all"])) + ")"
        if "any" in tree:
            return "(" + f" {self.some} ".join(map(self.written, tree["any"])) + ")"
        if "not" in tree:
            return self.no.format(self.written(tree["not"]))
        return self._compared(tree["fact"], tree["op"], tree["values"])

    def _compared(self, fact: str, op: str, values: Sequence[object]) -> str:
        if op.startswith("has"):
            asked = f"{json.dumps(values[0])} in {fact}"
            return asked if op == "has" else self.no.format(asked)
        if op.endswith("in"):
            asked = f"{fact} in {json.dumps(list(values))}"
            return asked if op == "in" else self.no.format(asked)
        return f"{fact} {op} {json.dumps(values[0])}"


class Cel(Words):
    """CEL's words."""

    every, some, no = "&&", "||", "!({})"


def chain(conditions: Sequence[str]) -> str:
    """One expression that gives the place of the first condition that holds, -1 for none."""
    return " : ".join([*(f"{condition} ? {at}" for at, condition in enumerate(conditions)), "-1"])

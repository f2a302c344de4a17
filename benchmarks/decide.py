"""`decide`: one decision of forty rules from typed facts, beside libraries that others would use for it.

Every side gets the same facts, only those that the rules read, and must give the same answers before it is timed. A
library is measured in the way that its documentation advises, and also with all rules written by hand as one
expression, which is quicker and no longer a list of rules: nobody can ask it for the rule after one that was refused,
as arflow does. The limit is the same rules as one Python function, which knows the fields of the facts by name.
"""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from arflow.rules.engine import DurableRules
from arflow.vocabulary import Facts
from benchmarks import forty_rules, peers
from benchmarks.forty_rules import STATE, Answer
from benchmarks.measured import Floor, Measured, Rounds, Say
from benchmarks.size import Size

LIBRARIES = ("zen", "rule_engine", "cel_rust", "cel_cpp")
"""What a program in `peers/` decides by."""

BY_HAND = "by hand"
"""In the name of a way that has many rules in one expression."""

FLOOR = 40.0
"""Microseconds that a decision may take."""

QUICK, FULL = 0.4, 1.0
"""For how many seconds a side is timed in a round, at least."""

Decide = Callable[[Facts], Answer]


def run(size: Size, say: Say) -> Measured:
    """Microseconds for one decision, all sides in turns. Raises AssertionError when one answers differently."""
    rules, least = forty_rules.policy(), QUICK if size.quick else FULL
    asked, answers = forty_rules.asked_and_answered(rules, Random(40))  # no secrets
    given = {**forty_rules.as_json(rules, asked), "seconds": least}
    durable = DurableRules()
    own: dict[str, Decide] = {
        "arflow, durable_rules": lambda facts: durable.first(rules, STATE, facts, 0),
        "the limit: compiled Python": forty_rules.compiled(rules),
    }
    gc.freeze()  # as a worker does
    values: dict[str, list[float]] = {}
    for turn in range(size.rounds):
        found = _own(own, asked, answers, least)
        for library in LIBRARIES:
            found |= _library(peers.answer(size, f"decide_{library}", given), answers)
        for label, seconds in found.items():
            values.setdefault(label, []).append(1e6 * seconds)
        say(f"decide: round {turn + 1} of {size.rounds}")
    rounds = tuple(Rounds(label=label, unit="us", values=tuple(each)) for label, each in values.items())
    return Measured(
        name="decide",
        what=f"one decision of 40 rules of one state, of {len(forty_rules.fields(rules))} facts; "
        f"{len(asked):,} sets of facts, as many for each rule as for none",
        rounds=rounds,
        floors=_floors(rounds),
    )


def _own(
    own: Mapping[str, Decide], asked: Sequence[Facts], answers: Sequence[Answer], least: float
) -> dict[str, float]:
    found = {}
    for label, decide in own.items():
        _check(label, [decide(facts) for facts in asked], answers)
        found[label] = _timed(decide, asked, least)
    return found


def _timed(decide: Decide, asked: Sequence[Facts], least: float) -> float:
    """Seconds for one decision, as the programs of the libraries time themselves."""
    done, begun = 0, time.perf_counter()
    while (taken := time.perf_counter() - begun) < least:
        for facts in asked:
            decide(facts)
        done += len(asked)
    return taken / done


def _library(told: Mapping[str, Any], answers: Sequence[Answer]) -> dict[str, float]:
    """The seconds of each way of a library, once its answers are checked."""
    found = {}
    for way, given in told["answers"].items():
        label = f"{told['library']}, {way}"
        _check(label, given, answers)
        found[label] = float(told["seconds"][way])
    return found


def _check(who: str, given: Sequence[Answer], answers: Sequence[Answer]) -> None:
    wrong = [at for at, (one, other) in enumerate(zip(given, answers, strict=True)) if one != other]
    if wrong:
        raise AssertionError(f"{who}: {len(wrong)} of {len(answers)} answers differ, the first at {wrong[0]}")


def _floors(rounds: Sequence[Rounds]) -> tuple[Floor, ...]:
    ours, _, *others = rounds
    listed = min((side for side in others if BY_HAND not in side.label), key=lambda side: side.median)
    chained = min((side for side in others if BY_HAND in side.label), key=lambda side: side.median)
    return (
        Floor(text="microseconds a decision, at most 40", wanted=FLOOR, found=ours.median, at_most=True),
        Floor(
            text=f"times as quick as the quickest library that takes a list of rules ({listed.label}), at least 1",
            wanted=1.0,
            found=listed.median / ours.median,
            reason="half of a decision is durable_rules reading the facts as JSON and matching them",
        ),
        Floor(
            text=f"times as quick as the quickest expression made of all rules by hand ({chained.label}), at least 1",
            wanted=1.0,
            found=chained.median / ours.median,
            reason="durable_rules takes each fact as JSON text, and matches every rule before it says the first",
        ),
    )

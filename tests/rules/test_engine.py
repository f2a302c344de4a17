"""`durable_rules` decides as the naive evaluator does, and holds policies of every size that the contract permits."""

import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from arflow.errors import WornOut
from arflow.rules.decide import Evaluator
from arflow.rules.engine import MAX_VERSIONS, DurableRules
from arflow.rules.expressions import Expression, parse
from arflow.rules.policy import Never, Policy, Rule
from arflow.rules.reference import Reference
from arflow.vocabulary import Facts, State
from tests.random_policies import CATALOGUE_AND_ATTRIBUTES
from tests.sizes import size

FOLDER = Path(__file__).parents[2]
POLICIES = size(1000, 100_000)
BATCH = 250
"""How many policies one process compiles; a ruleset is never freed."""

REGION = {"region": "text"}


@pytest.mark.parametrize("first", range(0, POLICIES, BATCH))
def test_it_answers_as_the_naive_evaluator_does(first: int) -> None:
    """On random policies and facts, both give the same answer to every question."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.rules.oracle", str(first), str(first + BATCH)]
    ended = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def policy(*conditions: str, never: str = "", applies_to: str = "") -> Policy:
    """A policy with a rule in `current` for each condition; its version is what it says."""
    rules = [_rule(f"r{at}", when) for at, when in enumerate(conditions)]
    return Policy(
        name="p",
        title="",
        currency="USD",
        version=repr((conditions, never, applies_to)),
        source="",
        rules=tuple(rules),
        never=(Never(id="n", to=State.CALLED, when=_read(never), when_text=never),) if never else (),
        applies_to=_read(applies_to) if applies_to else None,
        attributes=REGION,
    )


def _rule(name: str, when: str) -> Rule:
    return Rule(id=name, states=frozenset({State.CURRENT}), when=_read(when), when_text=when, to=State.CALLED)


def _read(text: str) -> Expression:
    return parse(text, CATALOGUE_AND_ATTRIBUTES, "USD")


@pytest.fixture(scope="module")
def durable() -> DurableRules:
    return DurableRules()


def first(evaluator: Evaluator, asked: Policy, start: int = 0, **facts: object) -> int | None:
    """What an evaluator answers of an account in `current`."""
    region = {"attr_region": facts.pop("attr_region", "")}
    account = Facts(state="current", attributes=region, **facts)  # type: ignore[arg-type]  # typed by each test
    return evaluator.first(asked, State.CURRENT, account, start)


@pytest.mark.parametrize("count", [1, 39, 40, 41, 64, 65, 130, 600])
def test_a_state_may_have_any_number_of_rules(durable: DurableRules, count: int) -> None:
    """The library keeps at most 64 unfinished steps, and at most 511 tests beside each other."""
    asked = policy(*(f"overdue_amount == {at}.00" for at in range(count)))
    for wanted in {0, 1, 38, 39, 40, 63, 64, count - 2, count - 1} & set(range(count)):
        for start in (0, wanted, wanted + 1):
            expected = wanted if start <= wanted else None
            assert expected == first(durable, asked, start, overdue_amount=wanted * 100)
    assert first(durable, asked, 0, overdue_amount=-1) is None


def test_rules_that_all_hold_are_found_one_after_the_other(durable: DurableRules) -> None:
    """Acts are read by moving a cursor over the rules that hold."""
    asked = policy(*(["days_overdue >= 3 or on_hold or overdue_amount >= 1.00"] * 60))
    found, at = [], first(durable, asked, 0, days_overdue=5, on_hold=True, overdue_amount=100)
    while at is not None:
        found.append(at)
        at = first(durable, asked, at + 1, days_overdue=5, on_hold=True, overdue_amount=100)
    assert found == list(range(60))


_WAYS = " and ".join(f"({fact} >= 1 or {fact} >= 2)" for fact in ("days_overdue", "days_in_state", "notices_sent"))


@pytest.mark.parametrize(
    "when",
    [
        f"on_hold and {_WAYS}",
        _WAYS,
        f"{_WAYS} and (on_hold or days_overdue >= 3)",
        "on_hold and (days_overdue != 1{at} or days_in_state != 1{at})",
        "on_hold and days_overdue >= 3 and (days_overdue != 1{at} or days_in_state != 1{at} or notices_sent != 1{at})",
        "on_hold and days_overdue != 1{at} and (country != 'a{at}' or segment != 'b{at}' or risk_grade != 'c{at}')",
        "on_hold and segment not in ({values})",
        "on_hold and segment in ({values}, 'some')",
    ],
    ids=[
        "held",
        "ways",
        "ways and a group",
        "alike, then 2 ways",
        "alike twice, then 3",
        "own, then 3",
        "none of many",
        "of many",
    ],
)
def test_rules_all_of_which_hold_in_many_ways_are_found(durable: DurableRules, when: str) -> None:
    """As many as one ruleset takes, alike or with a beginning in common, with every way through them open at once."""
    lists = [", ".join(f"'{at}-{value}'" for value in range(40)) for at in range(41)]
    asked = policy(*(when.format(at=at, values=lists[at]) for at in range(41)))
    held = {"on_hold": True, "segment": "some", "days_overdue": 9, "days_in_state": 9, "notices_sent": 9}
    for start in range(41):
        assert first(durable, asked, start, **held) == start
    assert first(durable, asked, 0, **(held | {"on_hold": False, "days_overdue": 0})) is None


@pytest.mark.parametrize(
    "when",
    [
        " and ".join(f'(country != "{at}" or segment != "{at}")' for at in range(40)),
        " or ".join(f'country != "{at}"' for at in range(300)),
        " and ".join(f'"{at}" not in tags' for at in range(300)),
        f"country in ({', '.join(repr(str(at)) for at in range(700))})",
        f"country not in ({', '.join(repr(str(at)) for at in range(700))})",
        " or ".join(f"{fact} in ({', '.join(repr(str(at)) for at in range(200))})" for fact in ("country", "segment")),
        "not " * 49 + 'country == "x"',
        "(" * 49 + 'country == "x"' + ")" * 49,
        " or ".join(f"days_overdue == {at} and days_in_state >= {at}" for at in range(64)),
    ],
    ids=["2**40 paths", "wide or", "many members", "long list", "long not in", "lists", "nots", "nested", "64 orders"],
)
def test_conditions_of_any_size_are_held(durable: DurableRules, when: str) -> None:
    """What the library cannot walk is cut into parts; the answer stays that of the naive evaluator."""
    asked = policy(when)
    texts = ("x", "7", "39", "699", "700", "")
    for country in texts:
        for days in (0, 7, 63, 64):
            facts: dict[str, Any] = {"country": country, "segment": country, "days_overdue": days, "days_in_state": 30}
            tags = frozenset({country, "vip"})
            expected = first(Reference(), asked, tags=tags, **facts)
            assert expected == first(durable, asked, tags=tags, **facts)


@pytest.mark.parametrize(
    "text", ["", "Ü", 'say "hi"', "it's", "a\\", 'a\\"', "\x01", "日本", "{}", "x" * 9999, "1", "true"]
)
def test_texts_are_compared_character_by_character(durable: DurableRules, text: str) -> None:
    """Neither quotes, escapes nor a common beginning make two texts the same, and no text is a number."""
    mark = "'" if '"' in text else '"'
    asked = policy(f"attr_region == {mark}{text}{mark}", f"attr_region != {mark}{text}{mark}")
    assert first(durable, asked, attr_region=text) == 0
    for other in (f"{text}x", f"x{text}", f'{text}"', f"{text}\\", text[:-1] or "y"):
        assert first(durable, asked, attr_region=other) == 1


@pytest.mark.parametrize(
    "tag", ["vip", "a:b", "tags:0", "field:0", "cursor", "x.y", "$and", "", "Grüße", 'a"b', "id", "sid"]
)
def test_a_tag_may_have_any_name(durable: DurableRules, tag: str) -> None:
    """No field of the library is named after what a policy says."""
    mark = "'" if '"' in tag else '"'
    asked = policy(f"{mark}{tag}{mark} in tags", f"{mark}{tag}{mark} not in tags and on_hold")
    assert first(durable, asked, tags=frozenset({tag, "other"})) == 0
    assert first(durable, asked, tags=frozenset({"other"}), on_hold=True) == 1
    assert first(durable, asked, tags=frozenset({f"{tag}x"})) is None


def test_amounts_are_exact_to_the_last_minor_unit(durable: DurableRules) -> None:
    largest = 10**15 - 1
    asked = policy("unapplied_amount >= 9999999999999.99", "unapplied_amount == -0.01")
    found = [first(durable, asked, unapplied_amount=amount) for amount in (largest, largest - 1, -1, 0, -largest)]
    assert found == [0, None, 1, None, None]


def test_the_first_never_of_a_state_forbids(durable: DurableRules) -> None:
    asked = policy("on_hold", never="days_overdue < 30")
    found = [
        durable.forbidden(asked, to, Facts(state="current", days_overdue=3)) for to in (State.CALLED, State.RESOLVED)
    ]
    assert found == [asked.never[0], None]


def test_applies_to_says_who_is_eligible(durable: DurableRules) -> None:
    asked = policy("on_hold", applies_to='country == "US"')
    assert [durable.applies(asked, Facts(state="current", country=name)) for name in ("US", "DE")] == [True, False]


def test_threads_do_not_run_each_others_rules() -> None:
    """The library is not safe with two threads; the evaluator is."""
    durable, wrong = DurableRules(), Counter[int]()
    asked = [policy(f"days_overdue == {number}", f"days_overdue == {number + 1}") for number in (1, 2)]

    def ask(number: int) -> None:
        for _ in range(500):
            wrong[number] += first(durable, asked[number], 0, days_overdue=2) != 1 - number

    threads = [threading.Thread(target=ask, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == {0: 0, 1: 0}


def test_a_process_compiles_a_bounded_number_of_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ruleset is never freed; known versions go on, and who wants one too many compiled is refused."""
    monkeypatch.setattr("arflow.rules.engine.MAX_VERSIONS", 4)
    durable, asked = DurableRules(), [policy(f"days_overdue == {number}") for number in range(5)]
    for known in asked[:4]:
        durable.compile(known)
    worn = [durable.is_worn]
    with pytest.raises(WornOut, match="a new one has room"):
        durable.compile(asked[4])
    assert [False, True] == [*worn, durable.is_worn]
    assert first(durable, asked[1], days_overdue=1) == 0


def test_a_version_that_there_is_no_room_for_is_answered_all_the_same() -> None:
    """Nothing stops: what is not compiled any more is asked of the naive evaluator, and the process says it is worn."""
    durable = DurableRules()
    asked = [
        policy(f"days_overdue == {at}", f"days_overdue >= {at}", never=f"days_overdue > {at}", applies_to="on_hold")
        for at in range(MAX_VERSIONS + 6)
    ]
    worn = []
    for at, version in enumerate(asked * 2):
        days = at % len(asked)
        facts = Facts(state="current", days_overdue=days + 1, on_hold=True)
        assert (1, None) == tuple(durable.first(version, State.CURRENT, facts, start) for start in (0, 2))
        assert (version.never[0], None) == tuple(
            durable.forbidden(version, to, facts) for to in (State.CALLED, State.RESOLVED)
        )
        assert durable.applies(version, facts)
        assert not durable.applies(version, Facts(state="current", days_overdue=days))
        worn.append(durable.is_worn)
    assert [False] * MAX_VERSIONS + [True] * (len(asked) + 6) == worn
    assert MAX_VERSIONS == len(durable._versions)

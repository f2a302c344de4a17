"""The solver finds facts of which a condition is true whenever there are any, and none that the laws forbid."""

from random import Random

import pytest

from arflow.rules.catalogue import CATALOGUE
from arflow.rules.expressions import All, Expression, Not, parse
from arflow.rules.laws import LAWS
from arflow.rules.reference import holds
from arflow.rules.solver import Counted, Solver
from arflow.vocabulary import Facts
from tests.random_policies import CATALOGUE_AND_ATTRIBUTES, LIVELY, random_expression
from tests.rules.test_laws import facts_of_lives, is_kept
from tests.sizes import size

SEEDS = size(80, 3_000)


def condition(text: str) -> Expression:
    return parse(text, CATALOGUE, "USD")


def found(*texts: str, moving: frozenset[str] = frozenset()) -> tuple[Facts, ...] | None:
    conditions = [condition(text) for text in texts]
    return Solver(CATALOGUE, conditions, moments=len(texts), moving=moving).find(*conditions)


def test_what_it_finds_is_true_and_lawful() -> None:
    rng = Random(5)
    for _ in range(SEEDS):
        asked = parse(random_expression(rng, rng.randint(1, 8), LIVELY), CATALOGUE_AND_ATTRIBUTES, "USD")
        answer = Solver(CATALOGUE_AND_ATTRIBUTES, [asked]).find(asked)
        if answer is not None:
            assert holds(asked, answer[0])
            assert all(is_kept(law, answer[0]) for law in LAWS)


def test_what_it_proves_impossible_has_never_been() -> None:
    """No facts of random lives meet a condition of which it says that no account can."""
    rng, lives = Random(6), [facts for _, facts in facts_of_lives(range(4))]
    impossible = 0
    for _ in range(SEEDS):
        text = " and ".join(random_expression(rng, 2, LIVELY) for _ in range(3))
        asked = parse(text, CATALOGUE_AND_ATTRIBUTES, "USD")
        if Solver(CATALOGUE_AND_ATTRIBUTES, [asked]).find(asked) is None:
            impossible += 1
            assert not any(holds(asked, facts) for facts in lives), text
    assert impossible > 0


@pytest.mark.parametrize(
    "text",
    [
        "days_overdue >= 3 and days_overdue < 3",
        "overdue_amount > 100.00 and gross_overdue_amount < 100.00",
        "days_overdue >= 1 and overdue_amount == 0",
        'promise_status == "open" and not has_open_promise',
        'country == "US" and country == "DE"',
        'country not in ("US") and country == "US"',
        '"vip" in tags and "vip" not in tags',
        "gross_overdue_amount > 0 and overdue_amount == 0 and promised_amount == 0 and not has_open_dispute",
        "notices_failed > 2 and notices_sent <= 2",
        "on_hold and not on_hold",
        "has_open_promise and days_to_promise == 36500",
        "open_amount == 0 and credit_use_percent >= 1",
        'promise_status == "partly_kept" and days_since_payment == 36500',
        "notices_sent >= 1 and days_since_notice >= 7 and days_in_episode < 5",
    ],
)
def test_what_no_account_can_be(text: str) -> None:
    assert found(text) is None


def test_it_finds_the_plainest_account() -> None:
    """What need not be otherwise is as of an account of which nothing is recorded; numbers are at their edges."""
    answer = found("overdue_amount >= 25.00 and days_overdue >= 5 and days_overdue != 5")
    assert answer == (
        Facts(
            state="current",
            open_amount=2500,
            gross_overdue_amount=2500,
            overdue_amount=2500,
            open_invoices=1,
            overdue_invoices=1,
            days_overdue=6,
        ),
    )


def test_a_text_that_is_named_twice_is_one_text() -> None:
    twice = condition('country not in ("US", "US", "")')
    answer = Solver(CATALOGUE, [twice]).find(twice)
    assert answer is not None
    assert holds(twice, answer[0])


def test_a_text_that_nobody_names_counts_as_well() -> None:
    answer = found('country != "" and country != "other" and country != "US"')
    assert answer is not None
    assert answer[0].country not in ("", "other", "US")


def test_what_was_once_is_recent_rather_than_long_ago() -> None:
    answer = found("days_since_payment != 36500")
    assert answer is not None
    assert answer[0].days_since_payment == 0


def test_between_moments_only_what_moves_is_otherwise() -> None:
    both = ('state == "called" and days_in_state >= 3', 'state == "reminded" and days_in_state < 3')
    assert found(*both) is None
    answer = found(*both, moving=frozenset({"state", "days_in_state"}))
    assert answer is not None
    assert [(facts.state, facts.days_in_state) for facts in answer] == [("called", 3), ("reminded", 0)]


def test_of_conditions_no_more_hold_than_a_fact_counts() -> None:
    letters = [condition(f"days_overdue >= {day}") for day in (3, 10, 20, 30)]
    asked = condition("days_overdue >= 25 and notices_sent < 3")
    solver = Solver(CATALOGUE, [*letters, asked])
    assert solver.find(asked, counted=Counted(conditions=letters, fact="notices_sent")) is None
    answer = solver.find(asked, counted=Counted(conditions=letters[2:], fact="notices_sent"))
    assert answer is not None
    assert 1 == answer[0].notices_sent


def test_days_can_be_more_than_what_stands_for_never() -> None:
    """An invoice of 1901 is older."""
    answer = found("days_overdue > 36500")
    assert answer is not None
    assert 36501 == answer[0].days_overdue


def test_a_member_of_a_set_moves_alone() -> None:
    both = ('"a" in tags and "b" in tags', '"a" not in tags and "b" in tags')
    assert found(*both) is None
    answer = found(*both, moving=frozenset({"tags:a"}))
    assert answer is not None
    assert [facts.tags for facts in answer] == [{"a", "b"}, {"b"}]


def test_the_same_question_has_the_same_answer() -> None:
    asked = condition('overdue_amount > 10.00 and (country in ("US", "DE") or "vip" in tags) and notices_sent >= 2')
    solver = Solver(CATALOGUE, [asked])
    first = solver.find(asked)
    solver.find(All(parts=(asked, Not(part=condition("on_hold")))))
    assert first == solver.find(asked) == Solver(CATALOGUE, [asked]).find(asked)

"""All that is wrong with a document is told at once, each with its line, and nothing that is not wrong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arflow.errors import Refused
from arflow.rules.loader import load_policy
from arflow.rules.refusals import MOST, refusals

HEAD = "policy: p\ncurrency: USD\n"
GOOD = "  - {id: r%d, from: current, when: days_overdue >= 3, to: reminded, why: Late.}\n"
BAD = "  - {id: b%d, from: current, when: days_late >= 3, to: reminded, why: Late.}\n"


def lines(text: str) -> list[tuple[int | None, str]]:
    return [(refused.line, refused.reason.split("`")[1]) for refused in refusals(text, file="p.yaml")]


def test_a_good_document_has_none() -> None:
    assert () == refusals(HEAD + "rules:\n" + GOOD % 1, file="p.yaml")


def test_each_wrong_rule_entry_and_key_is_told_with_its_line() -> None:
    text = (
        HEAD
        + "catch_up: sometimes\ncalender: {}\nrules:\n"
        + BAD % 1
        + GOOD % 1
        + "  - {id: r2, from: current, when: days_overdue >= 3, to: remindet}\n"
        + "  - id: r1\n    from: current\n    when: days_overdue >= 3\n    to: called\n"
        + "never:\n  - {id: n, to: escalated, when: days_overdue >= -1}\n"
        + "examples:\n  - {name: e, events: [], expect: [{date: 2026-02-30, state: current}]}\n"
    )
    expected = [
        (3, "catch_up"),
        (4, "calender"),
        (6, "days_late"),
        (8, "to"),
        (9, "r1"),
        (14, "days_overdue"),
        (16, "date"),
    ]
    assert expected == lines(text)


def test_what_only_follows_from_another_mistake_is_not_told() -> None:
    """Without its declaration an attribute would be unknown in every rule that asks for it."""
    text = HEAD + "attributes: {region: txt}\nrules:\n"
    text += "  - {id: a, from: current, when: 'attr_region == \"x\"', to: called}\n"
    assert [3] == [refused.line for refused in refusals(text, file="p.yaml")]
    assert [2] == [
        refused.line for refused in refusals("policy: p\ncurrency: DOLLARS\nrules:\n" + BAD % 1, file="p.yaml")
    ]


@pytest.mark.parametrize(
    "text", ["", "rules: [", "- a\n- b\n", "policy: p\n", HEAD + "rules: 5\n", HEAD + "rules: []\n"]
)
def test_a_document_that_cannot_be_read_at_all_is_refused_once(text: str) -> None:
    assert 1 == len(refusals(text, file="p.yaml"))


def test_no_more_than_a_page_of_them_is_told() -> None:
    text = HEAD + "rules:\n" + "".join(BAD % at for at in range(100)) + GOOD % 1
    assert MOST == len(refusals(text, file="p.yaml"))


def test_a_limit_that_is_far_exceeded_is_told_once() -> None:
    text = HEAD + "rules: [" + ", ".join("a" for _ in range(3000)) + "]\n"
    assert [(3, "a policy may have 2,000 rules at most, this has 3,000")] == [
        (refused.line, refused.reason) for refused in refusals(text, file="p.yaml")
    ]


def test_two_rules_in_one_line_end_the_search() -> None:
    text = (
        HEAD
        + "rules: [{id: a, from: x, when: on_hold, to: called}, {id: b, from: current, when: on_hold, to: called}]\n"
    )
    assert 1 == len(refusals(text, file="p.yaml"))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=15))
def test_as_many_as_are_wrong_and_where_the_loader_refuses_too(wrong: list[bool]) -> None:
    text = HEAD + "rules:\n" + "".join((BAD if is_bad else GOOD) % at for at, is_bad in enumerate(wrong))
    found = refusals(text, file="p.yaml")
    assert [at + 4 for at, is_bad in enumerate(wrong) if is_bad] == [refused.line for refused in found]
    if found:
        with pytest.raises(Refused) as raised:
            load_policy(text, file="p.yaml")
        assert str(found[0]) == str(raised.value)
    else:
        load_policy(text, file="p.yaml")

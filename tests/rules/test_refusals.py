"""All that is wrong with a document is told at once, each with its line, and nothing that is not wrong."""

import json

import pytest
from hypothesis import example, given, settings
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
    assert [3] == [refused.line for refused in refusals(text.replace("{region: txt}", "region"), file="p.yaml")]
    dinars = "policy: p\ncurrency: KWDD\nrules:\n" + GOOD.replace("days_overdue >= 3", "open_amount > 0.125") % 1
    assert [2] == [refused.line for refused in refusals(dinars, file="p.yaml")]
    assert [2, 4] == [refused.line for refused in refusals(dinars.replace("open_", "opne_"), file="p.yaml")]


@pytest.mark.parametrize("amount", ["3.12345", "400000000000"])
@pytest.mark.parametrize(("head", "wrong"), [(HEAD.replace("USD", "KWDD"), [2]), ("policy: p\ntitle: x\n", [1])])
def test_no_amount_is_judged_while_nobody_knows_its_currency(amount: str, head: str, wrong: list[int]) -> None:
    """By the one that stands in its place it would be too exact, or too large; in a known one it is."""
    text = "rules:\n" + GOOD.replace("days_overdue >= 3", f"open_amount > {amount}") % 1
    text += "promises: {tolerance: 0.12345}\n"
    assert wrong == [refused.line for refused in refusals(head + text, file="p.yaml")]
    assert 5 == refusals(HEAD.replace("USD", "CLF") + text, file="p.yaml")[-1].line


SOUND = """\
policy: p
currency: USD
precedence: 5
catch_up: jump
attributes:
  region: text
calendar:
  timezone: account
  act_at: "06:00"
  act_until: "07:00"
  weekend: [sun]
promises:
  grace_days: 1
  tolerance: 1.00
guards:
  fresh_cash:
    max_age_hours: 36
  storm_fuse:
    times_usual: 3
rules:
  - id: a
    from: [current, reminded]
    when: days_overdue >= 3
    to: called
    do:
      - {send: first-reminder}
      - {call: desk}
    why: Late.
  - id: b
    from: called
    when: attr_region == "x"
    do: [{tag: t}]
    repeat_after_days: 3
never:
  - id: n
    to: escalated
    when: on_hold
examples:
  - name: e
    events:
      - {event: hold, date: 2026-01-01}
    expect:
      - date: 2026-01-01
        state: current
        account: A
"""
SLIPS = (
    ("policy: p", "policy: p p"),
    ("currency: USD", "currency: DOLLARS"),
    ("precedence: 5", "precedence: high"),
    ("catch_up: jump", "catch_up: hop"),
    ("timezone: account", "timezone: Paris"),
    ('act_at: "06:00"', "act_at: 6"),
    ('act_until: "07:00"', "act_until: 7"),
    ("weekend: [sun]", "weekend: [so]"),
    ("grace_days: 1", "grace_day: 1"),
    ("tolerance: 1.00", "tolerance: -1"),
    ("max_age_hours: 36", "max_age_hour: 36"),
    ("times_usual: 3", "times_usual: 1"),
    ("id: a", "id: a a"),
    ("from: [current, reminded]", "from: [current, remindd]"),
    ("when: days_overdue >= 3", "wen: days_overdue >= 3"),
    ("to: called", "to: caled"),
    ("{send: first-reminder}", "{send: frist-reminder}"),
    ("{call: desk}", "{ring: desk}"),
    ("from: called", "from: [any, called]"),
    ('attr_region == "x"', 'attr_regio == "x"'),
    ("do: [{tag: t}]", "do: []"),
    ("repeat_after_days: 3", "repeat_after_days: 0"),
    ("id: n", "di: n"),
    ("to: escalated", "to: court"),
    ("when: on_hold", "when: on_hold == yes"),
    ("name: e", "name: 5"),
    ("- {event: hold, date: 2026-01-01}", "- hold"),
    ("- date: 2026-01-01", "- date: 2026-02-30"),
    ("state: current", "state: curent"),
    ("account: A", "acount: A"),
)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(range(len(SLIPS))), max_size=MOST))
@example(set(range(MOST)))
@example(set(range(len(SLIPS) - MOST, len(SLIPS))))
def test_every_mistake_is_told_however_near_another_and_none_that_only_follows(chosen: set[int]) -> None:
    """In one rule, one calendar, one expectation: each at its line, whatever else is wrong."""
    text = SOUND
    for right, wrong in (SLIPS[at] for at in chosen):
        assert right in text
        text = text.replace(right, wrong, 1)
    lines = SOUND.split("\n")
    expected = sorted(next(at for at, line in enumerate(lines, 1) if SLIPS[one][0] in line) for one in chosen)
    assert expected == [refused.line for refused in refusals(text, file="p.yaml", templates=["first-reminder"])]


def test_two_mistakes_in_one_line_are_both_told() -> None:
    """As in JSON, of which all may stand in one line."""
    text = json.dumps({"policy": "p", "rules": [{"id": "a", "from": "x", "when": "y", "to": "z"}, 7], "authority": []})
    found = [refused.reason for refused in refusals(text, file="p.yaml")]
    assert 6 == len(found)
    assert [1] * 6 == [refused.line for refused in refusals(text, file="p.yaml")]
    wanted = ("needs `currency`", "`authority` is not", "unknown fact `y`", "unknown `x`", "unknown `z`", "`7`")
    assert all(any(part in reason for reason in found) for part in wanted)


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

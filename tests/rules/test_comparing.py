"""Differences of two versions by rule: none iff they mean the same, and exactly what somebody edited."""

from dataclasses import fields
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arflow.rules.comparing import Change, Difference, differences, marked
from arflow.rules.loader import load_policy
from arflow.rules.policy import Example, Never, Policy, Rule
from tests.random_policies import Document, loaded, random_document

DOCUMENT = """
policy: bakery
currency: EUR
calendar: {act_at: "08:00"}
promises: {tolerance: 1.00}
rules:
  - {id: paid, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}
  - {id: write, from: current, when: days_overdue >= 3 and overdue_amount >= 25.00, to: reminded, do: [{send: first-reminder}], why: Late.}
  - {id: ring, from: reminded, when: days_overdue >= 14, to: called, do: [{call: collections}], why: Two weeks late.}
  - {id: again, from: called, when: days_in_state >= 3, repeat_after_days: 3, do: [{call: collections}], why: Nobody spoke.}
never:
  - {id: small, to: escalated, when: overdue_amount < 500.00}
examples:
  - name: pays
    events: [{date: 2027-02-15, event: invoice, id: F1, amount: "120.00", due: 2027-03-01}]
    expect: [{date: 2027-03-04, state: reminded}, {date: 2027-03-15, state: called}]
"""  # noqa: E501  # a rule a line
SEEDS = st.integers(0, 2**32 - 1)


def policy(*edits: tuple[str, str]) -> Policy:
    """The bakery's policy with some words replaced by others."""
    text = DOCUMENT
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return load_policy(text, file="bakery.yaml")


def test_a_version_does_not_differ_from_itself() -> None:
    assert not differences(policy(), policy())


def test_layout_comments_and_spelling_make_no_difference() -> None:
    edits = (
        ("rules:", "rules:  # from top to bottom"),
        ("days_overdue >= 14,", "'(days_overdue   >= 14)',"),
        (">= 25.00", ">= 25"),
        ("from: open", "from: [reminded, called, promised, disputed, escalated]"),
    )
    assert not differences(policy(), policy(*edits))


def test_a_changed_number_is_one_changed_key_of_one_rule() -> None:
    found = differences(policy(), policy(("days_overdue >= 14", "days_overdue >= 10")))
    change = Change(key="when", was="days_overdue >= 14", now="days_overdue >= 10")
    assert (Difference(id="ring", was_place=3, place=3, changes=(change,)),) == found.rules
    assert ("changed",) == tuple(one.how for one in found.rules)
    assert () == found.keys + found.never + found.examples


def test_every_key_of_a_rule_is_told_apart() -> None:
    edits = (
        ("id: again, from: called", "id: again, from: [reminded, called]"),
        ("repeat_after_days: 3, do: [{call: collections}]", "do: [{call: seniors}, {tag: late}]"),
        ("why: Nobody spoke.", "why: Silence."),
    )
    (found,) = differences(policy(), policy(*edits)).rules
    expected = (
        Change(key="from", was="called", now="reminded, called"),
        Change(key="do", was="call: collections", now="call: seniors, tag: late"),
        Change(key="repeat_after_days", was="3", now=""),
        Change(key="why", was="Nobody spoke.", now="Silence."),
    )
    assert sorted(expected, key=str) == sorted(found.changes, key=str)


def test_a_rule_that_is_gone_and_one_that_came_say_all_they_say() -> None:
    found = differences(policy(), policy(("id: ring", "id: phone")))
    assert [("phone", "added", None, 3), ("ring", "removed", 3, None)] == [
        (one.id, one.how, one.was_place, one.place) for one in found.rules
    ]
    assert Change(key="to", was="", now="called") in found.rules[0].changes
    assert Change(key="to", was="called", now="") in found.rules[1].changes


def test_of_rules_in_another_order_only_the_one_that_was_moved_is_told() -> None:
    lines = DOCUMENT.splitlines(keepends=True)
    at = next(at for at, line in enumerate(lines) if "id: paid" in line)
    moved = load_policy("".join([*lines[:at], *lines[at + 1 : at + 4], lines[at], *lines[at + 4 :]]), file="b")
    assert (Difference(id="paid", was_place=1, place=4, is_moved=True),) == differences(policy(), moved).rules


def test_keys_of_the_policy_are_told_with_what_they_said() -> None:
    edits = (
        ('{act_at: "08:00"}', '{act_at: "09:00", holidays: FR}'),
        ("tolerance: 1.00", "tolerance: 2.50, grace_days: 1"),
        ("currency: EUR", "currency: EUR\ntitle: Bakery\ncatch_up: jump\napplies_to: country == 'FR'"),
    )
    found = {change.key: (change.was, change.now) for change in differences(policy(), policy(*edits)).keys}
    expected = {
        "title": ("bakery", "Bakery"),
        "applies_to": ("", "country == 'FR'"),
        "catch_up": ("notice_required", "jump"),
        "calendar act_at": ("08:00", "09:00"),
        "calendar holidays": ("", "FR"),
        "promises tolerance": ("1.00", "2.50"),
        "promises grace_days": ("0", "1"),
    }
    assert expected == found


@pytest.mark.parametrize(
    ("was", "now", "changes"),
    [
        ("{storm_fuse: {max_per_day: 100}}", "", {"max_per_day": ("100", "")}),
        ("{storm_fuse: {times_usual: 5}}", "", {"times_usual": ("5", "3")}),
        ("", "{storm_fuse: {max_per_day: 9, times_usual: 4}}", {"max_per_day": ("", "9"), "times_usual": ("3", "4")}),
        ("", "{storm_fuse: {times_usual: 3}}", {}),
        ("{storm_fuse: {times_usual: 2}}", "{storm_fuse: {times_usual: 3}}", {"times_usual": ("2", "3")}),
    ],
)
def test_of_the_fuse_is_told_what_holds_otherwise(was: str, now: str, changes: dict[str, tuple[str, str]]) -> None:
    """A policy that says nothing of its fuse has one nevertheless, and what holds still is no change."""
    before, after = (policy(("rules:", f"guards: {said}\nrules:" if said else "rules:")) for said in (was, now))
    found = {change.key: (change.was, change.now) for change in differences(before, after).keys}
    assert {f"guards storm_fuse {key}": said for key, said in changes.items()} == found


def test_of_the_fresh_cash_gate_is_told_what_it_asks() -> None:
    edit = ("rules:", "guards: {fresh_cash: {max_age_hours: 30, hold_steps: true}}\nrules:")
    found = {change.key: (change.was, change.now) for change in differences(policy(), policy(edit)).keys}
    assert {"guards fresh_cash max_age_hours": ("", "30"), "guards fresh_cash hold_steps": ("", "true")} == found


def test_an_amount_in_another_currency_is_the_same_only_when_its_number_is() -> None:
    """25.00 euros are as many cents as 2,500 yen are yen, and 500.00 euros say the same number as 500 yen."""
    yen = ("currency: EUR", "currency: JPY")
    sizes = (">= 25.00", ">= 2500"), ("< 500.00", "< 500"), ("tolerance: 1.00", "tolerance: 100")
    applies = ("rules:", "applies_to: open_amount >= 3.00 and not (credit_limit in (7.00))\nrules:")
    found = differences(policy(applies), policy(applies, ("3.00", "300"), ("7.00", "700"), yen, *sizes))
    (rule,) = found.rules
    assert ("write", "changed") == (rule.id, rule.how)
    assert ["overdue_amount >= 2500"] == [change.now.partition(" and ")[2] for change in rule.changes]
    assert () == found.never
    assert {"currency", "applies_to", "promises tolerance"} == {change.key for change in found.keys}
    same = differences(policy(), policy(yen, (">= 25.00", ">= 25"), ("< 500.00", "< 500"), ("1.00", "1")))
    assert ({"currency"}, ()) == ({change.key for change in same.keys}, same.rules + same.never)


def test_an_attribute_that_becomes_an_amount_is_asked_for_another_number() -> None:
    """500 of a count are not 5.00 of a currency, which is as many cents."""
    edits = [("currency: EUR", f"currency: EUR\nattributes: {{size: {kind}}}") for kind in ("int", "amount")]
    asked = [("days_overdue >= 14", f"attr_size >= {number}") for number in ("500", "5.00")]
    found = differences(policy(edits[0], asked[0]), policy(edits[1], asked[1]))
    assert ["ring"] == [one.id for one in found.rules]


def test_of_an_example_only_what_is_expected_otherwise_is_shown() -> None:
    found = differences(policy(), policy(("2027-03-15, state: called", "2027-03-11, state: called")))
    (change,) = found.examples[0].changes
    assert Change(key="expect", was="2027-03-15 called", now="2027-03-11 called") == change


def test_an_event_of_an_example_is_told_in_its_words() -> None:
    found = differences(policy(), policy(('amount: "120.00", due: 2027-03-01', 'amount: "90.00", due: 2027-03-01')))
    was, now = (f"2027-02-15 invoice (amount: {amount}, due: 2027-03-01, id: F1)" for amount in ("120.00", "90.00"))
    assert (Change(key="events", was=was, now=now),) == found.examples[0].changes


def test_within_a_text_the_words_that_changed_are_marked() -> None:
    found = marked("days_overdue >= 14 and on_hold", "days_overdue >= 10 and on_hold")
    assert [("same", "days_overdue >= "), ("gone", "14"), ("come", "10"), ("same", " and on_hold")] == found
    assert [("come", "new")] == marked("", "new")


# --- any policies -----------------------------------------------------------------------------------------------------

_LAYOUT = ("version", "source", "warnings", "line", "when_text", "applies_to_text")


def meaning(value: object) -> object:
    """The second way to say it: everything of a policy but its layout."""
    if isinstance(value, Policy | Rule | Never | Example):
        return {one.name: meaning(getattr(value, one.name)) for one in fields(value) if one.name not in _LAYOUT}
    return [meaning(entry) for entry in value] if isinstance(value, tuple) else value


@settings(max_examples=40, deadline=None)
@given(SEEDS, SEEDS, st.integers(0, 4))
@example(1, 1, 0)
def test_there_is_no_difference_iff_nothing_means_anything_else(seed: int, other: int, edits: int) -> None:
    """One document, edited a few times at random: edits may undo each other, or change nothing but the spelling."""
    document = random_document(Random(seed))
    rng, edited = Random(other), dict(document)
    for _ in range(edits):
        edited = rng.choice((edit_a_rule, swap_two_rules, edit_a_key, respell))(rng, edited)
    was, now = loaded(document), loaded(edited)
    assert bool(differences(was, now)) == (meaning(was) != meaning(now))
    assert bool(differences(was, now)) == bool(differences(now, was))


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_the_rule_that_was_edited_is_found_and_no_other(seed: int) -> None:
    rng = Random(seed)
    document = random_document(rng)
    rules = [dict(rule) for rule in rules_of(document)]
    at = rng.randrange(len(rules))
    rules[at]["why"] = "edited"
    found = differences(loaded(document), loaded(document | {"rules": rules}))
    change = Change(key="why", was="", now="edited")
    assert (Difference(id=str(rules[at]["id"]), was_place=at + 1, place=at + 1, changes=(change,)),) == found.rules
    assert not found.keys + found.never + found.examples


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_the_rule_that_was_taken_out_is_found_and_no_other(seed: int) -> None:
    rng = Random(seed)
    document = random_document(rng)
    rules = list(rules_of(document))
    gone = rules.pop(rng.randrange(len(rules)))
    if rules:
        found = differences(loaded(document), loaded(document | {"rules": rules}))
        assert [(gone["id"], "removed")] == [(one.id, one.how) for one in found.rules]


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_one_rule_moved_is_told_as_one_rule_moved(seed: int) -> None:
    """Which one it was cannot always be told: of two neighbours that changed places, either was moved."""
    rng = Random(seed)
    document = random_document(rng)
    rules = list(rules_of(document))
    rules.insert(rng.randrange(len(rules)), rules.pop(rng.randrange(len(rules))))
    found = differences(loaded(document), loaded(document | {"rules": rules})).rules
    assert (["moved"] if rules != rules_of(document) else []) == [one.how for one in found]


def rules_of(document: Document) -> list[Document]:
    rules = document["rules"]
    assert isinstance(rules, list)
    return rules


def edit_a_rule(rng: Random, document: Document) -> Document:
    rules = [dict(rule) for rule in rules_of(document)]
    rng.choice(rules)["when"] = f"days_overdue >= {rng.randint(1, 2)}"
    return document | {"rules": rules}


def swap_two_rules(rng: Random, document: Document) -> Document:
    rules = list(rules_of(document))
    at = rng.randrange(len(rules))
    rules[0], rules[at] = rules[at], rules[0]
    return document | {"rules": rules}


def edit_a_key(rng: Random, document: Document) -> Document:
    key, value = rng.choice((("title", "A"), ("title", "B"), ("catch_up", "jump"), ("precedence", 1)))
    return document | {key: value}


def respell(rng: Random, document: Document) -> Document:
    """The same in other words: brackets around a condition, `from` spelled out."""
    rules = [dict(rule) for rule in rules_of(document)]
    rule = rng.choice(rules)
    rule["when"] = f"( {rule['when']} )"
    return document | {"rules": rules}

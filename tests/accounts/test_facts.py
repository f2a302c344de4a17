"""Each fact of the catalogue, and how time alone moves it (contract, section 6)."""

import datetime as dt
from dataclasses import fields
from random import Random

import pytest

from arflow.accounts.entries import Account
from arflow.accounts.events import parse
from arflow.accounts.facts import Reading, Snapshot, snapshot
from arflow.accounts.promises import Terms
from arflow.life.life import Life
from arflow.life.records import Part, World
from arflow.rules.catalogue import CATALOGUE, ByTime
from arflow.rules.reference import Reference
from arflow.vocabulary import NEVER, Facts, FactValue
from tests.random_events import random_events

Line = dict[str, object]
START = dt.date(2026, 1, 5)


def on(day: int) -> dt.date:
    """The date so many days after the start."""
    return START + dt.timedelta(days=day)


def event(day: int, kind: str, **more: object) -> Line:
    return {"event": kind, "date": on(day).isoformat(), "time": "09:00", **more}


def invoice(day: int, key: str, due: int, amount: str = "100.00", **more: object) -> Line:
    return event(day, "invoice", id=key, due=on(due).isoformat(), amount=amount, **more)


def payment(day: int, key: str, amount: str = "100.00", **more: object) -> Line:
    return event(day, "payment", id=key, amount=amount, **more)


def promise(day: int, due: int) -> Line:
    return event(day, "promise", id="R", amount="5.00", due=on(due).isoformat())


def grown(*lines: Line) -> Account:
    life = Life(Account(id="A", currency="USD"), World(policies=(), evaluator=Reference()))
    for line in lines:
        one = parse({"account": "A"} | line)
        life.absorb([Part(on=one.on, clock=one.clock, events=(one,))])
    return life.account


def facts(day: int, *lines: Line, reading: Reading = Reading()) -> Facts:  # noqa: B008  # frozen
    return snapshot(grown(*lines), on(day), reading).facts


@pytest.mark.parametrize(
    ("fact", "lines", "expected"),
    [
        ("days_overdue", [invoice(0, "I1", 3), invoice(0, "I2", 1)], {1: 0, 2: 1, 9: 8}),
        ("days_overdue", [invoice(0, "I1", 1), event(2, "dispute", id="D", invoice="I1")], {9: 0}),
        ("days_overdue", [invoice(0, "I1", 1), payment(2, "P", "99.99")], {9: 8}),
        ("oldest_invoice_age", [invoice(4, "I1", 9, issued=on(2).isoformat()), invoice(4, "I2", 9)], {4: 2, 9: 7}),
        ("oldest_invoice_age", [invoice(0, "I1", 9, issued=on(5).isoformat())], {3: 0, 5: 0, 6: 1}),
        ("oldest_invoice_age", [invoice(0, "I1", 9), payment(1, "P")], {9: 0}),
        ("dispute_age", [invoice(0, "I1", 9), event(2, "dispute", id="D", invoice="I1")], {2: 0, 5: 3}),
        ("days_in_state", [event(2, "hold")], {2: 0, 5: 3}),
        ("days_in_episode", [invoice(0, "I1", 3)], {3: 0, 4: 0, 5: 1}),
        ("days_since_notice", [event(0, "hold")], {5: NEVER}),
        ("days_since_payment", [payment(1, "P")], {1: 0, 4: 3}),
        ("days_since_payment", [payment(1, "P"), event(2, "payment_reversed", payment="P")], {4: NEVER}),
        ("last_payment_amount", [payment(1, "P", "5.00"), payment(2, "Q", "7.00")], {3: 700}),
        (
            "last_payment_amount",
            [payment(1, "P", "5.00"), payment(2, "Q", "7.00"), event(3, "payment_reversed", payment="Q")],
            {3: 500},
        ),
        ("days_since_contact", [event(1, "contact", channel="letter")], {4: 3}),
        ("days_since_contact", [event(1, "contact", channel="email", direction="in")], {4: NEVER}),
        ("days_since_contact", [event(1, "contact", channel="call", direction="in", outcome="promised")], {4: 3}),
        ("days_since_contact", [event(1, "contact", channel="call", outcome="wrong_number")], {4: 3}),
        ("days_since_conversation", [event(1, "contact", channel="call", outcome="hardship")], {4: 3}),
        ("days_since_conversation", [event(1, "contact", channel="call", outcome="voicemail")], {4: NEVER}),
        ("call_attempts_7d", [event(1, "contact", channel="call")] * 2, {1: 2, 7: 2, 8: 0}),
        ("call_attempts_7d", [event(1, "contact", channel="call", outcome="disconnected")], {1: 0}),
        ("call_attempts_7d", [event(1, "contact", channel="call", direction="in")], {1: 0}),
        ("conversations_30d", [event(1, "contact", channel="sms", outcome="call_back")], {30: 1, 31: 0}),
        ("days_until_due", [invoice(0, "I1", 3), invoice(0, "I2", 5)], {0: 3, 3: 0, 4: 1, 5: 0, 6: NEVER}),
        ("days_to_promise", [promise(0, 4)], {1: 3, 4: 0, 5: NEVER}),
        ("has_open_promise", [promise(0, 4)], {4: True, 5: False}),
        ("has_open_dispute", [invoice(0, "I1", 9), event(2, "dispute", id="D", invoice="I1")], {2: True}),
        ("open_amount", [invoice(0, "I1", 9), payment(1, "P", "30.00")], {5: 7000}),
        ("gross_overdue_amount", [invoice(0, "I1", 3), invoice(0, "I2", 5)], {3: 0, 4: 10000, 6: 20000}),
        ("open_invoices", [invoice(0, "I1", 3), invoice(0, "I2", 5), payment(1, "P")], {2: 1}),
        ("overdue_invoices", [invoice(0, "I1", 3), invoice(0, "I2", 5)], {3: 0, 4: 1, 6: 2}),
        ("unapplied_amount", [payment(1, "P", "30.00")], {2: 3000}),
        ("credit_use_percent", [event(0, "account", credit_limit="300.00"), invoice(0, "I1", 9)], {0: 33}),
        ("credit_use_percent", [event(0, "account", credit_limit="0.00"), invoice(0, "I1", 9)], {0: 0}),
        ("has_credit_limit", [event(0, "account", credit_limit="0.00")], {0: True}),
        ("late_invoices_365d", [invoice(0, "I1", 3)], {3: 0, 4: 1, 367: 1, 368: 0}),
        ("late_invoices_365d", [invoice(0, "I1", 3), payment(3, "P")], {9: 0}),
        ("late_invoices_365d", [invoice(0, "I1", 3), payment(4, "P")], {9: 1}),
        ("late_invoices_365d", [invoice(0, "I1", 9), event(1, "write_off", invoice="I1")], {9: 0, 10: 1}),
        ("late_invoices_365d", [invoice(0, "I1", 3), event(5, "credit", id="C", invoice="I1")], {9: 0}),
        (
            "average_days_late_365d",
            [invoice(0, "I1", 1), invoice(0, "I2", 2), payment(4, "P", invoice="I1"), payment(4, "Q", invoice="I2")],
            {4: 3, 368: 3, 369: 0},
        ),
        ("average_days_late_365d", [invoice(0, "I1", 9), payment(4, "P")], {4: 0}),
        ("kept_promises_365d", [promise(0, 9), payment(4, "P")], {368: 1, 369: 0}),
        ("broken_promises_90d", [promise(0, 4)], {4: 0, 5: 1, 94: 1, 95: 0}),
    ],
)  # fmt: skip
def test_a_fact_has_its_value_on_each_policy_day(fact: str, lines: list[Line], expected: dict[int, FactValue]) -> None:
    """2.5 days late on the average are 3; windows count days, not calendar years."""
    account = grown(*lines)
    assert expected == {day: snapshot(account, on(day), Reading()).facts[fact] for day in expected}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], "none"),
        ([invoice(0, "I1", 30), promise(2, 40)], "none"),
        ([invoice(0, "I1", 1), promise(3, 40)], "open"),
        ([invoice(0, "I1", 1), promise(3, 5)], "broken"),
        ([invoice(0, "I1", 5), promise(3, 5)], "none"),
        ([invoice(0, "I1", 5), promise(3, 6)], "broken"),
        (
            [
                invoice(0, "I1", 1),
                promise(3, 40),
                event(4, "promise_cancelled", id="R"),
            ],
            "none",
        ),
    ],
    ids=["nothing", "no episode", "open", "broken", "over before it", "still open when it began", "cancelled"],
)
def test_promise_status_is_that_of_the_latest_promise_of_the_episode(lines: list[Line], expected: str) -> None:
    """On day 20: made in it, or still open when it began."""
    assert expected == facts(20, *lines).promise_status


def test_attributes_are_typed_by_the_policy() -> None:
    """What is not recorded is empty, zero or false; what has another type is no fact, and it is told why."""
    reading = Reading(attributes={"region": "text", "size": "int", "cap": "amount", "big": "bool"})
    recorded = event(0, "account", attributes={"region": "north", "size": 7, "cap": "12.50", "big": True})
    expected = {"attr_region": "north", "attr_size": 7, "attr_cap": 1250, "attr_big": True}
    assert expected == facts(0, recorded, reading=reading).attributes
    assert list(facts(0, event(0, "hold"), reading=reading).attributes.values()) == ["", 0, 0, False]
    for wrong in ({"size": "7"}, {"size": True}, {"region": 7}, {"big": 1}, {"cap": 12}, {"cap": "12.505"}):
        view, (name,) = snapshot(grown(event(0, "account", attributes=wrong)), on(0), reading), wrong
        assert {f"attr_{name}"} == set(view.misfits) == {f"attr_{one}" for one in wrong}
        assert expected.keys() - view.misfits.keys() == view.facts.attributes.keys()


def test_grace_moves_the_countdown_to_a_promise() -> None:
    reading = Reading(terms=Terms(grace_days=3))
    made = promise(0, 4)
    assert [facts(day, made, reading=reading).days_to_promise for day in (4, 7, 8)] == [3, 0, NEVER]


def test_every_fact_of_the_catalogue_is_a_field_and_every_field_is_in_the_catalogue() -> None:
    assert [*CATALOGUE] == [field.name for field in fields(Facts) if field.name != "attributes"]


# --- how time moves them ----------------------------------------------------------------------------------------------


def moved(before: Snapshot, after: Snapshot, fact: str) -> str:
    """How a fact has changed over one day, in the words of the catalogue."""
    one, other = before.facts[fact], after.facts[fact]
    if one == other:
        return "constant"
    if isinstance(one, int) and isinstance(other, int) and not isinstance(one, bool):
        return {1: "age", -1: "countdown"}.get(other - one, "jump")
    return "jump"


@pytest.mark.parametrize("seed", range(40))
def test_between_the_days_that_a_snapshot_names_nothing_jumps(seed: int) -> None:
    """From day to day every fact moves only as the catalogue says, and jumps only on days known the day before."""
    lines = random_events(Random(seed), "A", START, 40, 25)
    life = Life(Account(id="A", currency="USD"), World(policies=(), evaluator=Reference()))
    for line in lines:
        one = parse(line)
        life.absorb([Part(on=one.on, clock=one.clock, events=(one,))])
    reading = Reading(terms=Terms(grace_days=seed % 3))
    last = max(dt.date.fromisoformat(str(line["date"])) for line in lines)
    days = [last + dt.timedelta(days=at) for at in (*range(80), *range(360, 440))]
    for day in days:
        before, after = (snapshot(life.account, one, reading) for one in (day, day + dt.timedelta(days=1)))
        for fact, spec in CATALOGUE.items():
            how, scheduled = moved(before, after, fact), after.day in before.schedule
            if how == "constant" or (scheduled and ByTime.SCHEDULE in spec.by_time):
                continue
            if ByTime.WINDOW in spec.by_time:
                assert after.day in before.turning[fact], (seed, day, fact)
            else:
                assert ByTime(how) in spec.by_time, (seed, day, fact, how)


def test_days_are_counted_to_the_policy_day_and_never_below_zero() -> None:
    """What is dated after the policy day, early in the morning, is of today."""
    account = grown(event(5, "contact", channel="call"), payment(5, "P"))
    found = snapshot(account, on(4), Reading()).facts
    assert (found.days_since_contact, found.days_since_payment, found.call_attempts_7d, found.days_in_state) == (
        0,
        0,
        1,
        0,
    )

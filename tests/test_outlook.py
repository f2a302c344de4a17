"""Accounts as people look at them: what comes next is kept while it is the same, and only then."""

import datetime as dt
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine, event

from arflow import explain
from arflow.cli.answers import explanation_text
from arflow.desk import brief
from arflow.outlook import Foreseen, explained, outlooks
from arflow.rules.loader import load_policy
from arflow.store import database
from tests.desk.books import REAL
from tests.production import activate, known_ids, run, standard, step, take_in, turn, write_events
from tests.random_events import Line, random_events
from tests.set_clock import put, settable
from tests.sizes import size

pytestmark = pytest.mark.database

START = dt.datetime(2026, 2, 20, 9, tzinfo=dt.UTC)
ACCOUNTS, ROUNDS = size(8, 40), size(40, 400)


def ledger(seed: int) -> list[Line]:
    rng = Random(seed)
    return [
        line | ({"currency": "USD"} if line["event"] == "account" else {})
        for number in range(ACCOUNTS)
        for line in random_events(rng, f"A{number:03}", START.date(), 60, 20)
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_kept_of_the_future_is_what_a_look_ahead_finds(database_url: str, tmp_path: Path, seed: int) -> None:
    """At any hour of many days, of accounts to which something happens now and then, on one switch or the other."""
    engine, rng = database.connect(settable(database_url)), Random(seed)
    put(engine, START)
    activate(engine, standard("standard-usd"))
    take_in(engine, write_events(tmp_path / "events.jsonl", ledger(seed)), accept_rejects=True)
    ids, at, foreseen = known_ids(engine), START, Foreseen()
    earlier: dict[str, explain.Next] = {}
    kept = 0
    for _ in range(ROUNDS):
        at += dt.timedelta(hours=rng.choice((0, 1, 1, 2, 5, 9, 40)))
        put(engine, at)
        if rng.random() < 0.1:
            turn(engine, is_on=rng.random() < 0.7)
        run(engine, REAL)
        with engine.connect() as connection:
            for key, one in outlooks(connection, ids, REAL).items():
                told = foreseen.get(one.life, one.at)
                assert explain.foresee(one.life, one.at) == told, (key, at)
                if told is not None:
                    kept += told is earlier.get(key)
                    earlier[key] = told
    engine.dispose()
    assert kept > ROUNDS


TYPED = """
policy: typed
currency: USD
attributes: {size: int}
guards: {fresh_cash: {hold_if_unapplied_covers: true}}
rules:
  - {id: late, from: current, when: days_overdue >= 3, to: reminded, do: [{send: first-reminder}], why: Late.}
  - {id: large, from: reminded, when: attr_size >= 10, to: called, why: Large.}
"""

LATE = """
policy: late
currency: USD
rules:
  - {id: late, from: current, when: days_overdue >= 3, to: reminded, why: Late.}
"""


def test_an_account_with_an_attribute_of_the_wrong_type_is_shown_as_parked(engine: Engine, tmp_path: Path) -> None:
    """Its callers see its money, why it is parked and what waits, which still leaves; no rule can be asked."""
    step(engine, dt.date(2026, 1, 10), delivery="recorded")
    activate(engine, load_policy(TYPED, file="test"))
    turn(engine, is_on=True)
    who = {"account": "A", "date": "2026-01-05"}
    lines: list[Line] = [
        {"event": "invoice", **who, "id": "I", "amount": "50.00", "currency": "USD", "due": "2026-01-06"},
        {"event": "account", **who, "date": "2026-01-10", "time": "12:00", "attributes": {"size": "big"}},
    ]
    for at, line in enumerate(lines):
        take_in(engine, write_events(tmp_path / f"{at}.jsonl", [line]))
    with engine.connect() as connection:
        one = outlooks(connection, ["A"], REAL)["A"]
        found = explained(connection, one)
        ahead = one.foresee()
    why = "attribute `size` of account `A` is `big`, which is no int (`attr_size` of policy `typed`)"
    assert [f"Parked, the rules do not go on: {why}"] == brief.red_flags(one.account, one.seen)
    assert (5000, 5000, ()) == (one.seen.facts.overdue_amount, found.facts and found.facts.overdue_amount, found.rules)
    assert ("its moment has not come", "send first-reminder") == (found.waiting[0].because, ahead and ahead.what)
    assert "\nrule " not in explanation_text(found)
    step(engine, dt.date(2026, 1, 12), delivery="recorded")
    with engine.connect() as connection:
        left = outlooks(connection, ["A"], REAL)["A"].account.messages
    assert [dt.date(2026, 1, 12)] == [message.sent_on for message in left]


def test_an_account_of_a_very_large_sum_stands_in_a_list_as_any_other(engine: Engine, tmp_path: Path) -> None:
    """More than one payment can hold: what comes next of it is told, and the list of its caller can be read."""
    step(engine, dt.date(2026, 1, 10), delivery="recorded")
    activate(engine, load_policy(LATE, file="test"))
    lines: list[Line] = [
        {
            "event": "invoice",
            "account": account,
            "date": "2026-01-05",
            "id": key,
            "amount": amount,
            "currency": "USD",
            "due": "2026-01-09",
        }
        for account, amount in (("A", "9999999999999.99"), ("B", "50.00"))
        for key in ("I", "J")
    ]
    take_in(engine, write_events(tmp_path / "events.jsonl", lines))
    with engine.connect() as connection:
        ahead = {key: one.foresee() for key, one in outlooks(connection, ["A", "B"], REAL).items()}
    assert {"A": ("reminded", 1999999999999998), "B": ("reminded", 10000)} == {
        key: (found.what, found.unless) for key, found in ahead.items() if found is not None
    }


def test_the_text_of_a_policy_is_read_once(engine: Engine, tmp_path: Path) -> None:
    """A version never changes: whoever has lived by it has it at hand for a page."""
    for name in ("one", "two"):
        rule = f"  - {{id: late, from: current, when: days_overdue >= 3, to: reminded, why: {tmp_path} {name}.}}\n"
        activate(engine, load_policy(f"policy: {name}\ncurrency: USD\nrules:\n{rule}", file="test"))
        lines = [line for line in ledger(3) if line["account"] == "A000"]
        take_in(engine, write_events(tmp_path / "events.jsonl", lines), accept_rejects=True)
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    for _ in range(2):
        with engine.connect() as connection:
            world = outlooks(connection, ["A000"], REAL)["A000"].life.world
        assert {"one", "two"} == {policy.name for policy in world.policies}
    assert [] == [statement for statement in asked if "policy_version.source" in statement]

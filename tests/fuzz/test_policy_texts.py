"""Policy documents: whatever is typed, it is refused in one line with its reason, or it can be lived under."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

import arflow
from arflow.accounts.events import Event, parse
from arflow.errors import Refused
from arflow.replay import Request, replay
from arflow.rules.loader import MAX_BYTES, load_policy
from arflow.rules.policy import Policy
from arflow.rules.reference import Reference
from arflow.rules.refusals import refusals
from arflow.rules.rule_keys import MAX_RULES
from tests.fuzz.bounds import bounded, examples, said
from tests.fuzz.hostile import changed, texts
from tests.sizes import size

SHIPPED = tuple(
    path.read_text("utf-8") for path in sorted((Path(arflow.__file__).parent / "rules").glob("standard-*.yaml"))
)
SMALL = """\
policy: small
title: A small one
currency: USD
applies_to: country == "US"
precedence: 3
attributes: {region: text, size: int, cap: amount, big: bool}
calendar: {timezone: account, default_timezone: America/New_York, act_at: "08:00", act_until: "18:00", holidays: US}
catch_up: one_step
promises: {grace_days: 2, tolerance: 1.50}
rules:
  - {id: paid-up, from: open, when: gross_overdue_amount == 0, to: resolved, why: Nothing is overdue any more.}
  - {id: again, from: resolved, when: days_overdue >= 1 or days_in_state >= 30, to: current}
  - id: write
    from: current
    when: days_overdue >= 3 and overdue_amount >= 25.00 and not ("vip" in tags or attr_big)
    to: reminded
    do: [{send: first-reminder}, {tag: late}, {notify: lead}]
  - {id: call, from: [reminded, promised], when: 'promise_status in ("broken", "none")', do: [{call: x}],
     repeat_after_days: 3}
  - {id: old, from: any, when: days_overdue >= 60 and attr_region != "x", to: escalated, do: [{assign: seniors}]}
never:
  - {id: no-early, to: escalated, when: days_overdue < 30}
examples:
  - name: pays
    account: {country: US}
    events: [{date: 2026-01-05, event: invoice, id: I1, amount: "500.00", due: 2026-02-03}]
    expect: [{date: 2026-02-06, state: reminded}]
"""
BOMB = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [*{old}, *{old}, *{old}, *{old}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def ledger(policy: Policy) -> tuple[Event, ...]:
    """A few accounts in the policy's currency: one owes, one pays, one promises and disputes."""
    found = []
    for name in ("A", "B", "C"):
        who = {"account": name, "date": "2026-01-02"}
        opened = {"event": "account", **who, "currency": policy.currency, "country": "US", "timezone": "UTC"}
        found.append(
            parse(opened | {"tags": ["vip"], "attributes": {"region": "x", "big": True}} if name == "C" else opened)
        )
        found.append(parse({"event": "invoice", **who, "id": "I1", "amount": "500", "due": "2026-01-10"}))
    found.append(parse({"event": "payment", "account": "B", "date": "2026-02-20", "id": "P1", "amount": "500"}))
    found.append(
        parse(
            {"event": "promise", "account": "C", "date": "2026-01-20", "id": "R1", "amount": "90", "due": "2026-01-25"}
        )
    )
    found.append(parse({"event": "dispute", "account": "C", "date": "2026-02-20", "id": "D1", "invoice": "I1"}))
    return tuple(found)


def check(text: str) -> Policy | None:
    """The policy in `text`, lived under; None when it is refused."""
    with bounded():
        if found := refusals(text, file="p.yaml"):
            lines = [said(refused) for refused in found]
            with pytest.raises(Refused) as first:
                load_policy(text, file="p.yaml")
            assert said(first.value) in lines
            return None
        policy = load_policy(text, file="p.yaml")
        replay(Request(events=ledger(policy), policy=policy, until=dt.date(2026, 4, 1)), Reference())
    return policy


@examples(250, 40_000)
@example(text=BOMB)
@example(text="a: &a [*a]\n")
@example(text="[" * 100_000)
@example(text="{a: " * 100_000)
@example(text="- " * 50_000)
@example(text="policy: " + "x" * 990_000)
@example(text="policy: " + "x" * MAX_BYTES)
@example(text="? " * 20_000)
@example(text='policy: "' + "\\x07" * 1000 + '"')
@example(text=SMALL.replace("days_overdue >= 3 and", "not " * 3000))
@example(text=SMALL.replace("days_overdue >= 3", "(" * 3000 + "days_overdue >= 3" + ")" * 3000))
@example(text=SMALL.replace("days_overdue >= 3 and", "days_overdue >= 3 and " * 400))
@example(text=SMALL.replace("A small one", "\\x1b[2J"))
@given(text=st.one_of(changed((SMALL, *SHIPPED)), changed((SMALL,), most=1), texts))
def test_a_policy_is_refused_or_can_be_lived_under(counted: Callable[[], None], text: str) -> None:
    event("accepted" if check(text) else "refused")
    counted()


def test_a_sound_policy_is_lived_under() -> None:
    """So that what is changed above begins as something sound."""
    assert all(check(text) for text in (SMALL, *SHIPPED))


def test_the_largest_document_takes_no_longer_than_it_may() -> None:
    """Of many rules, in the long run as many as there may be, each with a long condition."""
    when = " and ".join(f"days_overdue != {number}" for number in range(12))
    rule = "  - {{id: r{}, from: any, when: '{}', to: called}}\n"
    assert check(
        SMALL.partition("never:")[0] + "".join(rule.format(number, when) for number in range(size(500, MAX_RULES - 9)))
    )

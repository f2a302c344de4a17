"""A replay reads events and policies, checks everything, and prints what came of it in order (contract, section 7)."""

import datetime as dt
import io
import json
from pathlib import Path

import pytest

from arflow.accounts.events import Event, parse
from arflow.errors import Refused
from arflow.life.lives import PolicyChange
from arflow.replay import (
    MAX_LINE,
    Line,
    Request,
    as_jsonl,
    changes_in,
    events_of,
    read_events,
    read_policy,
    replay,
)
from arflow.rules.engine import MAX_VERSIONS, DurableRules
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.rules.reference import Reference

FIRST = {"id": "first", "from": "current", "when": "days_overdue >= 3", "to": "reminded", "do": [{"send": "friendly"}]}
GOOD = b'{"event": "hold", "account": "A", "date": "2026-01-05"}\n'


def policy(*rules: object, **more: object) -> Policy:
    document = {"policy": "p", "currency": "USD", "rules": rules or [FIRST]} | more
    return load_policy(json.dumps(document), file="p.yaml")


def event(kind: str, account: str = "A", date: str = "2026-01-05", **more: object) -> Event:
    return parse({"event": kind, "account": account, "date": date, **more}, 7)


def invoice(account: str = "A", date: str = "2026-01-05", due: str = "2026-01-16", **more: object) -> Event:
    return event("invoice", account, date, **({"id": "I1", "amount": "50.00", "due": due} | more))


def told(*events: Event, rules: Policy | None = None, **more: object) -> list[Line]:
    asked = Request(events=events, policy=rules or policy(), file="e.jsonl", **more)  # type: ignore[arg-type]
    return replay(asked, Reference())


# --- files ------------------------------------------------------------------------------------------------------------


def test_blank_lines_and_a_byte_order_mark_are_passed_over() -> None:
    found = list(events_of(io.BytesIO(b"\xef\xbb\xbf" + GOOD + b"\n  \n" + GOOD), "e.jsonl"))
    assert [one.line for one in found] == [1, 4]


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (GOOD + b'{"event": "hold", "account": "\xff", "date": "2026-01-05"}\n', 2, "not UTF-8"),
        (GOOD + b"{\n", 2, "no JSON object"),
        (b"[1]\n", 1, "an event is a JSON object"),
        (GOOD + b" " * MAX_LINE + b"\n", 2, "longer than 1,000,000 bytes"),
    ],
)
def test_a_line_that_is_no_event_is_refused_with_its_number(content: bytes, line: int, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        list(events_of(io.BytesIO(content), "e.jsonl"))
    assert (refused.value.file, refused.value.line, reason in refused.value.reason) == ("e.jsonl", line, True)


def test_a_line_without_end_is_never_held_whole() -> None:
    """A line of a gigabyte is read as far as the limit."""

    class Endless(io.BytesIO):
        """Gives as many bytes as are asked for."""

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert 0 < size <= MAX_LINE + 1
            return b"x" * size

    with pytest.raises(Refused, match="longer than"):
        list(events_of(Endless(), "e.jsonl"))


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    for read in (read_events, read_policy):
        with pytest.raises(Refused, match=r"nowhere: cannot be read: No such file"):
            read(tmp_path / "nowhere")


def test_a_policy_event_names_a_file_beside_the_events(tmp_path: Path) -> None:
    """Trouble with the file is told at the event's line, trouble in it at its own."""
    (tmp_path / "v2.yaml").write_text(json.dumps({"policy": "p", "currency": "USD", "rules": [FIRST]}), "utf-8")
    changes = changes_in([event("policy", file="v2.yaml", time="09:00")], tmp_path, "e.jsonl")
    assert [(one.on, one.clock, one.policies[0].name) for one in changes] == [(dt.date(2026, 1, 5), dt.time(9), "p")]
    (tmp_path / "bad.yaml").write_text("policy: p\ncurrency: USD\nrules: 5\n", "utf-8")
    for name, place in (("v3.yaml", "e.jsonl line 7"), ("bad.yaml", f"{tmp_path / 'bad.yaml'} line 3")):
        with pytest.raises(Refused) as refused:
            changes_in([event("policy", file=name)], tmp_path, "e.jsonl")
        assert str(refused.value).startswith(place)


# --- what is printed --------------------------------------------------------------------------------------------------


def test_a_step_and_its_effect_are_lines_with_the_fields_of_the_contract() -> None:
    assert as_jsonl(told(invoice(), until=dt.date(2026, 1, 20))) == (
        '{"kind": "step", "date": "2026-01-19", "time": "08:00", "account": "A", "from": "current", "to": "reminded", '
        '"rule": "first", "cause": "wake"}\n'
        '{"kind": "effect", "date": "2026-01-19", "time": "08:00", "account": "A", "effect": "send", '
        '"name": "friendly", "rule": "first"}\n'
    )


def test_a_parked_account_is_a_line_with_its_reason() -> None:
    lines = told(event("hold"), rules=policy(applies_to="on_hold == false"))
    assert lines == [
        {
            "kind": "parked",
            "date": "2026-01-05",
            "time": "00:00",
            "account": "A",
            "rule": None,
            "to": None,
            "cause": "hold",
            "reason": "no policy",
        }
    ]


def test_lines_are_ordered_by_instant_then_account() -> None:
    """Not by the clocks on the walls."""
    rules = policy(FIRST, calendar={"timezone": "account"})
    zones = {"C": "Asia/Tokyo", "A": "America/New_York", "B": "UTC", "Z": "Asia/Tokyo"}
    events = [
        one
        for name, zone in zones.items()
        for one in (event("account", name, timezone=zone), invoice(name, due="2026-01-16"))
    ]
    lines = told(*events, rules=rules, until=dt.date(2026, 1, 20))
    assert [line["account"] for line in lines if line["kind"] == "step"] == ["C", "Z", "B", "A"]


def test_a_cause_names_its_distinct_events_in_the_order_of_the_file() -> None:
    rule = {"id": "rest", "from": "any", "when": "on_hold", "to": "resolved"}
    hold, tags = event("hold"), [event("tag", tag=tag) for tag in "ab"]
    assert [told(*events, rules=policy(rule))[0]["cause"] for events in ((*tags, hold), (hold, *tags))] == [
        *("tag+hold", "hold+tag")
    ]


def test_until_is_inclusive_and_is_the_last_event_by_default() -> None:
    steps = [len(told(invoice(), until=dt.date(2026, 1, day))) for day in (18, 19)]
    assert steps == [0, 2]
    assert len(told(invoice(), event("tag", date="2026-01-19", tag="x"))) == 2
    assert told(invoice(), event("tag", date="2026-01-18", tag="x")) == []
    assert told(invoice(), until=dt.date(2026, 1, 4)) == []


def test_states_at_the_end_of_a_date() -> None:
    """Every account that is there by then, whatever is recorded later; amounts with all their decimals."""
    events = [
        invoice(),
        invoice("B", date="2026-01-06", amount="70.5"),
        event("payment", "B", "2026-01-19", id="P1", amount="70.50"),
        event("hold", "C", "2026-01-20"),
    ]
    found = [tuple(line.values()) for day in (18, 19) for line in told(*events, states_at=dt.date(2026, 1, day))]
    assert found == [
        ("state", "A", "current", 2, "50.00"),
        ("state", "B", "current", 2, "70.50"),
        ("state", "A", "reminded", 3, "50.00"),
        ("state", "B", "current", 0, "0.00"),
    ]


def test_states_are_told_of_an_account_whose_attribute_is_of_another_type() -> None:
    """It is parked, and still stands somewhere."""
    rules = policy(FIRST, attributes={"size": "int"})
    found = told(
        invoice(),
        event("account", date="2026-01-19", attributes={"size": "big"}),
        rules=rules,
        states_at=dt.date(2026, 1, 20),
    )
    assert [tuple(line.values()) for line in found] == [("state", "A", "current", 4, "50.00")]


def test_notices_are_only_read_when_delivery_is_recorded() -> None:
    """With `instant` they are passed over, and with `recorded` one that names no open message is."""
    rules = policy(
        FIRST | {"when": "notices_failed >= 1 or days_overdue >= 3"},
        {**FIRST, "id": "b", "from": "reminded", "to": "called", "when": "notices_failed >= 1"},
        catch_up="jump",
    )
    events = [invoice(), event("notice_failed", date="2026-01-20", notice="friendly")]
    causes = {
        delivery: [line["cause"] for line in told(*events, rules=rules, delivery=delivery) if line["kind"] == "step"]
        for delivery in ("instant", "recorded")
    }
    assert causes == {"instant": ["wake"], "recorded": ["wake", "notice_failed"]}
    early = [invoice(), event("notice_failed", date="2026-01-10", notice="friendly")]
    assert told(*early, rules=rules, delivery="recorded") == []


# --- accounts ---------------------------------------------------------------------------------------------------------


def test_an_account_is_in_the_currency_recorded_of_it_else_in_that_of_the_policy() -> None:
    yen = [event("account", currency="JPY"), invoice(amount="5000")]
    assert [line["reason"] for line in told(*yen)] == ["no policy"]
    found = told(*yen, states_at=dt.date(2026, 1, 20))
    assert found[0]["overdue_amount"] == "5000"
    with pytest.raises(Refused, match=r"e.jsonl line 7: `50.00` has more decimals than JPY"):
        told(yen[0], invoice())


def test_an_account_cannot_change_its_currency() -> None:
    with pytest.raises(Refused, match="is in EUR and cannot change to USD"):
        told(event("account", currency="EUR"), event("account", date="2026-01-06", currency="USD"))
    with pytest.raises(Refused, match="no ISO 4217 currency"):
        told(event("account", currency="XXQ"))


def test_a_replay_may_change_its_policy_any_number_of_times() -> None:
    """More often than one process compiles versions: what comes of it is what the naive evaluator says."""
    versions = [
        policy({"id": f"r{at}", "from": "current", "when": f"days_overdue == {at}", "do": [{"tag": f"t{at}"}]})
        for at in range(MAX_VERSIONS + 6)
    ]
    changes = tuple(
        PolicyChange(on=dt.date(2026, 1, 16) + dt.timedelta(days=at), clock=dt.time(9), policies=(version,))
        for at, version in enumerate(versions)
    )
    until = changes[-1].on + dt.timedelta(days=1)
    request = Request(events=(invoice(),), policy=versions[0], changes=changes, until=until)
    lines = replay(request, DurableRules())
    assert replay(request, Reference()) == lines
    assert [f"t{at}" for at in range(len(versions))] == [line["name"] for line in lines]


def test_a_payer_s_events_are_causes_but_its_policies_are_not() -> None:
    """Each account hears of a new policy version itself, once: these rules go round at each cause."""
    rules = [
        {"id": "go", "from": "current", "when": "open_amount > 0.00", "to": "reminded"},
        {"id": "up", "from": "reminded", "when": "open_amount > 0.00", "to": "called"},
        {"id": "on", "from": "called", "when": "open_amount > 0.00", "to": "escalated"},
        {"id": "down", "from": "escalated", "when": "open_amount > 0.00", "to": "current"},
    ]
    old, new = (policy(*rules, title=title, catch_up="jump") for title in ("old", "new"))
    events = (
        event("account", "K", pays_through="P"),
        invoice("P", date="2026-01-06", due="2026-03-01"),
        event("tag", "P", "2026-01-06", time="07:00", tag="x"),
    )
    change = PolicyChange(on=dt.date(2026, 1, 6), clock=dt.time(5), policies=(new,))
    asked = Request(events=events, policy=old, changes=(change,), until=dt.date(2026, 1, 6))
    causes = [(line["cause"], line["time"]) for line in replay(asked, Reference()) if line["account"] == "K"]
    assert sorted(set(causes)) == [("payer", "00:00"), ("payer", "07:00"), ("policy", "05:00"), ("wake", "08:00")]


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([event("account", "K", pays_through="P")], "account `K` pays through `P`, which is unknown"),
        ([event("account", "K", pays_through="K")], "account `K` pays through `K`, which is itself"),
        (
            [event("account", "K", pays_through="P"), event("account", "P", pays_through="Q"), event("hold", "Q")],
            "account `K` pays through `P`, which pays through another",
        ),
    ],
)
def test_a_payer_is_another_account_that_pays_for_itself(events: list[Event], reason: str) -> None:
    with pytest.raises(Refused, match=reason) as refused:
        told(*events)
    assert (refused.value.file, refused.value.line) == ("e.jsonl", 7)

"""Events in any order become one timeline: sorted, without repeats, references before what names them (section 7)."""

import datetime as dt

import pytest

from arflow.accounts.events import Event, parse
from arflow.accounts.timeline import timeline
from arflow.errors import Refused

DAY = "2026-01-05"


def event(kind: str, *, date: str = DAY, line: int = 0, **fields: object) -> Event:
    return parse({"event": kind, "account": "A", "date": date, **fields}, line)


def invoice(key: str, **fields: object) -> Event:
    return event("invoice", **({"id": key, "amount": "50.00", "due": "2026-01-16"} | fields))  # type: ignore[arg-type]


def ordered(*events: Event) -> list[list[str]]:
    """The kinds of each moment."""
    return [[f"{one.kind} {one.id or ''}".strip() for one in moment.events] for moment in timeline(events)]


def test_moments_come_in_the_order_of_date_and_time() -> None:
    found = timeline(
        [event("tag", tag="c", date="2026-01-06"), event("tag", tag="b", time="00:01"), event("tag", tag="a")]
    )
    assert [(moment.on.day, moment.clock) for moment in found] == [(5, dt.time(0)), (5, dt.time(0, 1)), (6, dt.time(0))]


def test_events_of_one_moment_keep_the_order_of_the_file() -> None:
    assert ordered(event("tag", tag="a"), event("hold"), event("untag", tag="a")) == [["tag", "hold", "untag"]]


def test_what_an_event_names_comes_before_it() -> None:
    """Within one moment, wherever it stands in the file."""
    events = [
        event("dispute_closed", id="D1", outcome="rejected"),
        event("dispute", id="D1", invoice="I1"),
        event("payment_reversed", payment="P1"),
        event("payment", id="P1", amount="50.00", invoice="I1"),
        event("promise", id="R1", amount="5.00", due="2026-01-20", invoices=["I1"]),
        invoice("I1"),
    ]
    order = ["invoice I1", "dispute D1", "dispute_closed D1", "payment P1", "payment_reversed", "promise R1"]
    assert ordered(*events) == [order]


def test_events_that_name_each_other_in_a_circle_are_no_endless_loop() -> None:
    """There is no such kind today; two events of one name come close."""
    found = ordered(event("write_off_reversed", invoice="I1"), event("write_off", invoice="I1"), invoice("I1"))
    assert found == [["invoice I1", "write_off", "write_off_reversed"]]


@pytest.mark.parametrize(
    "repeated",
    [
        invoice("I1"),
        event("payment", id="P1", amount="50.00"),
        event("credit", id="C1", invoice="I1"),
        event("promise", id="R1", amount="5.00", due="2026-01-20"),
        event("dispute", id="D1", invoice="I1"),
        event("payment_reversed", payment="P1"),
        event("promise_cancelled", id="R1"),
        event("dispute_closed", id="D1", outcome="rejected"),
        event("write_off", invoice="I1"),
        event("write_off_reversed", invoice="I1"),
    ],
    ids=lambda one: one.kind,
)
def test_a_repeat_with_the_same_content_is_passed_over(repeated: Event) -> None:
    assert ordered(repeated, repeated) == [[f"{repeated.kind} {repeated.id or ''}".strip()]]


def test_what_has_no_identity_may_come_twice() -> None:
    call = event("contact", channel="call")
    assert ordered(call, call, event("hold"), event("hold")) == [["contact", "contact", "hold", "hold"]]


def test_an_id_is_unique_per_kind() -> None:
    assert ordered(invoice("X1"), event("payment", id="X1", amount="50.00")) == [["invoice X1", "payment X1"]]


def test_the_same_amount_is_the_same_content_however_it_is_written() -> None:
    parts = [{"due": "2026-01-16", "amount": "50"}]
    assert ordered(invoice("I1"), invoice("I1", amount="50.0")) == [["invoice I1"]]
    assert ordered(invoice("I1", instalments=parts), invoice("I1", instalments=[parts[0] | {"amount": "50.00"}])) == [
        ["invoice I1"]
    ]


@pytest.mark.parametrize(
    "change", [{"amount": "50.01"}, {"due": "2026-01-17"}, {"date": "2026-01-06"}, {"time": "08:00"}]
)
def test_the_same_id_with_other_content_is_refused_at_its_line(change: dict[str, str]) -> None:
    with pytest.raises(Refused, match=r"invoice `I1` of account `A` is there with other content \(line 1\)") as refused:
        timeline([invoice("I1", line=1), invoice("I1", line=2, **change)])
    assert refused.value.line == 2

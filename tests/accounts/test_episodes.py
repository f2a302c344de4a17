"""An episode runs as long as something is overdue; a reversal goes on with the one it belongs to (section 4)."""

import datetime as dt

from arflow.accounts.entries import Account, Episode
from arflow.accounts.events import parse
from arflow.life.life import Life
from arflow.life.records import Part, World
from arflow.rules.reference import Reference

Line = dict[str, object]


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"{text}+00:00")


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def invoice(key: str, date: str, due: str, time: str = "00:00") -> Line:
    return {"event": "invoice", "id": key, "amount": "100.00", "due": due, "date": date, "time": time}


def payment(key: str, date: str, time: str = "00:00", **more: str) -> Line:
    return {"event": "payment", "id": key, "amount": "100.00", "date": date, "time": time, **more}


def reversal(key: str, date: str, time: str = "00:00") -> Line:
    return {"event": "payment_reversed", "payment": key, "date": date, "time": time}


def episodes(*lines: Line) -> tuple[Episode, ...]:
    """The episodes of an account in UTC, whose day begins at eight, after these events."""
    life = Life(Account(id="A", currency="USD"), World(policies=(), evaluator=Reference()))
    for line in lines:
        event = parse({"account": "A"} | line)
        life.absorb([Part(on=event.on, clock=event.clock, events=(event,))])
    return life.account.episodes


def test_time_begins_an_episode_on_the_day_after_the_due_date() -> None:
    """At `act_at` of that day, however late somebody looks."""
    found = episodes(invoice("I1", "2026-01-05", "2026-01-16"), payment("P1", "2026-02-01", "09:00"))
    assert found == (
        Episode(started_on=day("2026-01-17"), spans=((utc("2026-01-17T08:00"), utc("2026-02-01T09:00")),)),
    )


def test_an_invoice_that_comes_overdue_begins_one_at_once() -> None:
    """From the first day on which it was overdue here, not from its due date."""
    found = episodes(invoice("I1", "2026-02-02", "2026-01-02", "09:00"))
    assert found == (Episode(started_on=day("2026-02-02"), spans=((utc("2026-02-02T09:00"), None),)),)


def test_more_overdue_debt_changes_nothing_in_a_running_one() -> None:
    found = episodes(invoice("I1", "2026-02-02", "2026-01-02"), invoice("I2", "2026-02-05", "2026-01-02"))
    assert [(one.started_on, one.running) for one in found] == [(day("2026-02-02"), True)]


def test_a_reversal_goes_on_with_the_episode_that_its_payment_ended() -> None:
    """It keeps its first day; the time between does not belong to it."""
    found = episodes(
        invoice("I1", "2026-02-02", "2026-01-02"),
        payment("P1", "2026-02-10"),
        reversal("P1", "2026-03-01", "09:00"),
    )
    spans = ((utc("2026-02-02T00:00"), utc("2026-02-10T00:00")), (utc("2026-03-01T09:00"), None))
    assert found == (Episode(started_on=day("2026-02-02"), spans=spans),)
    asked = ("2026-02-09T23:59", "2026-02-10T00:00", "2026-02-10T00:01", "2026-03-01T08:59", "2026-03-01T09:00")
    assert [found[0].was_running_at(utc(at)) for at in asked] == [True, True, False, False, True]


def test_the_reversed_payment_says_which_episode_and_not_which_was_last() -> None:
    found = episodes(
        invoice("I1", "2026-02-02", "2026-01-02"),
        payment("P1", "2026-02-10"),
        invoice("I2", "2026-03-02", "2026-01-02"),
        payment("P2", "2026-03-10"),
        reversal("P1", "2026-04-01"),
    )
    assert [(one.started_on, one.running) for one in found] == [(day("2026-03-02"), False), (day("2026-02-02"), True)]


def test_a_payment_in_the_middle_of_an_episode_belongs_to_it() -> None:
    """It need not be the one that ended it."""
    found = episodes(
        invoice("I1", "2026-02-02", "2026-01-02"),
        invoice("I2", "2026-02-02", "2026-01-03"),
        payment("P1", "2026-02-05"),
        payment("P2", "2026-02-10"),
        reversal("P1", "2026-03-01"),
    )
    assert [(one.started_on, one.running) for one in found] == [(day("2026-02-02"), True)]


def test_a_payment_in_good_time_belongs_to_none() -> None:
    """Its reversal brings back debt of a new episode."""
    found = episodes(
        invoice("I1", "2026-01-05", "2026-01-16"),
        payment("P1", "2026-01-10"),
        reversal("P1", "2026-03-01"),
    )
    assert [(one.started_on, one.running) for one in found] == [(day("2026-03-01"), True)]


def test_a_write_off_is_reversed_as_a_payment_is() -> None:
    found = episodes(
        invoice("I1", "2026-02-02", "2026-01-02"),
        {"event": "write_off", "invoice": "I1", "date": "2026-02-10"},
        {"event": "write_off_reversed", "invoice": "I1", "date": "2026-03-01"},
    )
    assert [(one.started_on, one.running) for one in found] == [(day("2026-02-02"), True)]


def test_other_debt_after_the_end_begins_a_new_one() -> None:
    """Also when something was reversed long before."""
    found = episodes(
        invoice("I1", "2026-02-02", "2026-01-02"),
        payment("P1", "2026-02-10"),
        reversal("P1", "2026-02-11"),
        payment("P2", "2026-02-20"),
        invoice("I2", "2026-03-02", "2026-01-02"),
    )
    assert [(one.started_on, one.running) for one in found] == [(day("2026-02-02"), False), (day("2026-03-02"), True)]


def test_a_reversal_before_the_due_date_waits_for_time() -> None:
    found = episodes(
        invoice("I1", "2026-01-05", "2026-03-16"),
        payment("P1", "2026-01-10"),
        reversal("P1", "2026-02-01"),
        {"event": "hold", "date": "2026-03-20"},
    )
    assert [(one.started_on, one.spans) for one in found] == [(day("2026-03-17"), ((utc("2026-03-17T08:00"), None),))]

"""One line of JSON to one checked event; every mistake is refused with its reason (contract, section 7)."""

import datetime as dt
import json

import pytest

from arflow.accounts.events import KINDS, parse, parse_line
from arflow.errors import Refused

INVOICE = {
    "event": "invoice",
    "account": "A",
    "date": "2026-01-05",
    "id": "I1",
    "amount": "50.00",
    "due": "2026-01-16",
}
ACCOUNT = {"event": "account", "account": "A", "date": "2026-01-05"}


def test_a_line_becomes_an_event() -> None:
    event = parse_line(json.dumps(INVOICE | {"time": "09:30"}), 7)
    assert (event.kind, event.account, event.id, event.line) == ("invoice", "A", "I1", 7)
    assert (event.on, event.clock, event.day("due")) == (dt.date(2026, 1, 5), dt.time(9, 30), dt.date(2026, 1, 16))


def test_without_a_time_it_is_midnight() -> None:
    assert [parse(INVOICE).clock, parse(INVOICE | {"time": None}).clock] == [dt.time(0)] * 2


def test_every_kind_of_event_has_its_fields() -> None:
    """The table of the contract, in its order."""
    assert " ".join(KINDS) == (
        "account invoice payment payment_reversed credit write_off write_off_reversed promise promise_cancelled "
        "dispute dispute_closed contact notice_delivered notice_failed hold hold_released tag untag forced policy"
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "no JSON object"),
        ("[]", "an event is a JSON object"),
        ('"x"', "an event is a JSON object"),
        ("{", "no JSON object"),
        ('{"a": NaN}', "NaN is no JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("{}", "`event` is missing"),
        ('{"event": "invoise"}', 'unknown event "invoise" (did you mean `invoice`?)'),
        ('{"event": null}', "unknown event null"),
        ('{"event": ["invoice"]}', "unknown event"),
    ],
)
def test_what_is_no_event_is_refused(line: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_line(line, 3)
    assert (refused.value.line, reason in refused.value.reason) == (3, True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"amount": 50.0}, '`amount` is a decimal string such as "50.00", not 50.0'),
        ({"amount": "50,00"}, "`amount` is a decimal string"),
        ({"amount": None}, "`amount` is a decimal string"),
        ({"date": "05/01/2026"}, "`date` is a date such as"),
        ({"date": "2026-02-29"}, "`date` `2026-02-29` does not exist"),
        ({"time": "9:30"}, "`time` is a time such as"),
        ({"id": ""}, "`id` is a name of 1 to 200"),
        ({"id": "x" * 201}, "`id` is a name of 1 to 200"),
        ({"id": "a\nb"}, "`id` is a name of 1 to 200"),
        ({"id": 7}, "`id` is text in quotes, not 7"),
        ({"account": " "}, "`account` is a name"),
        ({"duo": "2026-01-16"}, "unknown field `duo` (did you mean `due`?)"),
        ({"instalments": []}, "`instalments` is a list of instalments"),
        ({"instalments": [{"due": "2026-01-16"}]}, "`instalments` `amount` is missing"),
        ({"instalments": [5]}, "`instalments` is an object"),
    ],
)
def test_a_wrong_field_is_refused_by_name(content: dict[str, object], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(INVOICE | content, 3)
    assert (refused.value.line, reason in refused.value.reason) == (3, True)


@pytest.mark.parametrize("missing", ["account", "date", "id", "amount", "due"])
def test_a_missing_field_is_refused_by_name(missing: str) -> None:
    with pytest.raises(Refused, match=f"`{missing}` is missing"):
        parse({name: value for name, value in INVOICE.items() if name != missing})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"event": "contact", "channel": "phone"}, "one of call, email, letter, sms"),
        ({"event": "contact", "channel": "call", "direction": "inn"}, r"not \"inn\" \(did you mean `in`"),
        ({"event": "contact", "channel": "call", "outcome": "promise"}, "did you mean `promised`"),
        ({"event": "forced", "to": "legal"}, "`to` is one of current, reminded"),
        ({"event": "dispute_closed", "id": "D1", "outcome": "won"}, "`outcome` is one of upheld"),
        ({"attributes": {"a": 1.5}}, "`a` is a text, a whole number, true or false"),
        ({"attributes": {"a": None}}, "`a` is a text, a whole number"),
        ({"attributes": {"a": 10**15 + 1}}, "`a` is larger than arflow keeps"),
        ({"attributes": ["a"]}, "is an object of names and values"),
        ({"name": "x" * 10_001}, "at most 10000 characters"),
        ({"name": "a\x00b"}, "without null characters"),
        ({"name": "\ud83d"}, "halves of characters"),
        ({"attributes": {"a": "\udc00"}}, "halves of characters"),
        ({"tags": "vip"}, "`tags` is a list of texts"),
        ({"contacts": {"name": "Ann"}}, "`contacts` is a list of contacts"),
        ({"contacts": [{"mail": "a@b"}]}, r"unknown field `mail` \(did you mean `email`"),
    ],
)
def test_a_wrong_value_is_refused(content: dict[str, object], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        parse(ACCOUNT | content)


def test_a_text_may_hold_any_whole_characters() -> None:
    assert parse(ACCOUNT | {"name": "Grüße 😀\n\t"}).text("name") == "Grüße 😀\n\t"
    assert (
        parse_line('{"event": "account", "account": "A", "date": "2026-01-05", "name": "\\ud83d\\ude00"}', 1).text(
            "name"
        )
        == "😀"
    )


def test_only_a_policy_event_has_no_account() -> None:
    assert parse({"event": "policy", "date": "2026-01-05", "file": "v2.yaml"}).account == ""
    with pytest.raises(Refused, match="`account` is missing"):
        parse({"event": "hold", "date": "2026-01-05"})

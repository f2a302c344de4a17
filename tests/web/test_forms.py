"""Forms: secrets, mistakes beside the fields, and nothing that was typed is lost."""

import datetime as dt
import re

import pytest
from flask import Flask, render_template_string, request

from arflow.errors import Conflict, Refused, SaysNo
from arflow.web import create_app
from arflow.web.app import BLUEPRINTS
from arflow.web.forms import Mistyped, Reading
from arflow.web.pages import Pages
from arflow.web.transactions import connection
from tests.web.conftest import PASSWORD, Site, Visitor, settings_for

pytestmark = pytest.mark.database

TEMPLATE = """{% extends "base.html" %}{% import "ui.html" as ui %}{% block title %}T{% endblock %}{% block content %}
{% set f = form(".send", key=key) %}{% call ui.form(f) %}
{{ ui.text(f, "text", "Text", "as it was") }}{{ ui.amount(f, "amount", "Amount", "USD") }}{{ ui.day(f, "due", "Due") }}
{{ ui.area(f, "long", "Long") }}{{ ui.choice(f, "kind", "Kind", ["good", "bad"]) }}{{ ui.hidden("seen", 7) }}
{% endcall %}
{% set other = form(".send", key="other") %}{{ ui.text(other, "text", "Other", "untouched") }}
{% endblock %}"""
FIELDS = {"text": "as typed <b>", "amount": "1,234.50", "due": "2026-03-31", "long": "one\ntwo", "kind": "bad"}


def letters() -> Pages:
    """Pages with a form that does what its text says."""
    pages = Pages("letters", __name__, roles={"caller"})

    @pages.get("/letters/<key>")
    def show(key: str) -> str:
        if key == "GONE":
            raise SaysNo("it is somebody else's")
        return render_template_string(TEMPLATE, key=key)

    @pages.post("/letters/<key>", again="show")
    def send(key: str) -> str:
        read = Reading()
        text, amount, due = read.text("text"), read.amount("amount", "USD"), read.day("due")
        kind, long = read.choice("kind", ["good", "bad"]), read.text("long")
        read.check()
        users_row = "UPDATE app_user SET full_name = 'written' WHERE name = 'cara'"
        connection().exec_driver_sql(users_row)
        if text in FAILURES:
            raise FAILURES[text]
        return f"sent {key} {text} {amount} {due} {kind} {long}"

    @pages.post("/letters/<key>/bare")
    def bare(key: str) -> str:
        raise Refused(f"no {key}")

    @pages.post("/letters/<key>/status")
    def status(key: str) -> tuple[str, int]:
        connection().exec_driver_sql("UPDATE app_user SET full_name = 'written' WHERE name = 'cara'")
        return key, int(request.form["status"])

    return pages


FAILURES = {"refuse": Refused("the books say no"), "late": Conflict("it has changed"), "gone": SaysNo("no such thing")}


@pytest.fixture
def cara(site: Site) -> Visitor:
    """A caller, with the letters among the pages."""
    site.app = create_app(settings_for(site.engine), (*BLUEPRINTS, letters()))
    site.add("cara", "caller", password=PASSWORD)
    return site.logged_in("cara")


def written(site: Site) -> bool:
    """Whether what the form wrote is there."""
    return [] != site.sql("SELECT name FROM app_user WHERE full_name = 'written'")


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_a_form_without_its_secret_or_with_a_wrong_one_does_nothing(site: Site, cara: Visitor) -> None:
    others = site.user("carl", "caller").secret()
    for secret in ({}, {"csrf_token": ""}, {"csrf_token": "x"}, {"csrf_token": others}):
        answer = cara.client.post("/letters/A", data=FIELDS | secret)
        assert 400 == answer.status_code
    assert not written(site)
    assert 200 == cara.post("/letters/A", FIELDS).status_code
    assert written(site)


def test_the_secret_of_before_the_log_in_does_not_count_after_it(site: Site, cara: Visitor) -> None:
    visitor = site.anybody()
    before = visitor.secret()
    visitor.post("/log-in", {"name": "cara", "password": PASSWORD})
    assert 400 == visitor.client.post("/letters/A", data=FIELDS | {"csrf_token": before}).status_code


def test_a_form_that_is_too_old_is_shown_and_can_be_sent(cara: Visitor) -> None:
    """One logged in anew in another window meanwhile; only a form of our own pages is shown."""
    old = {"csrf_token": "old"}
    answer = cara.client.post("/letters/A", data=FIELDS | old, headers={"Sec-Fetch-Site": "same-origin"})
    assert 400 == answer.status_code
    assert "as typed &lt;b&gt;" in answer.text
    assert "Send it now" in answer.text
    for origin in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        assert "as typed" not in cara.client.post("/letters/A", data=FIELDS | old, headers=origin).text


# --- mistakes ---------------------------------------------------------------------------------------------------------


def test_what_is_good_is_read_and_written(site: Site, cara: Visitor) -> None:
    assert "sent A as typed <b> 123450 2026-03-31 bad one\ntwo" == cara.post("/letters/A", FIELDS).text
    assert written(site)


def test_all_mistakes_stand_beside_their_fields_and_what_was_typed_is_kept(site: Site, cara: Visitor) -> None:
    wrong = FIELDS | {"amount": "1.234", "due": "31 March", "kind": "ugly"}
    answer = cara.post("/letters/A", wrong)
    assert 422 == answer.status_code
    for text in (
        "has more decimals than USD",
        "Due:",
        "<code>ugly</code> is not one of them",
        'value="1.234"',
        'value="31 March"',
    ):
        assert text in answer.text
    assert 'value="as typed &lt;b&gt;"' in answer.text
    assert "\none\ntwo</textarea>" in answer.text
    assert 3 == answer.text.count('aria-invalid="true"')
    assert 'value="untouched"' in answer.text
    assert not written(site)


def test_what_a_door_refuses_is_undone_and_the_form_is_kept(site: Site, cara: Visitor) -> None:
    for text, status in (("refuse", 422), ("late", 409)):
        answer = cara.post("/letters/A", FIELDS | {"text": text})
        assert status == answer.status_code
        reason = str(FAILURES[text])
        assert reason[0].upper() + reason[1:] in answer.text
        assert f'value="{text}"' in answer.text
        assert 'name="seen" value="7"' in answer.text
        assert not written(site)


def test_what_was_typed_is_listed_when_the_page_is_gone_meanwhile(cara: Visitor) -> None:
    """An account, say, that was given to somebody else."""
    answer = cara.post("/letters/GONE", FIELDS | {"text": "late"})
    assert 404 == answer.status_code
    assert "as typed" not in answer.text
    assert "1,234.50" in answer.text


def test_what_is_not_there_is_404_and_undone(site: Site, cara: Visitor) -> None:
    answer = cara.post("/letters/A", FIELDS | {"text": "gone"})
    assert 404 == answer.status_code
    assert "No such thing" in answer.text
    assert not written(site)


def test_without_a_page_to_show_again_what_was_typed_is_listed(cara: Visitor) -> None:
    answer = cara.post("/letters/A/bare", FIELDS)
    assert 422 == answer.status_code
    assert "No A" in answer.text
    assert "as typed &lt;b&gt;" in answer.text


def test_only_a_good_answer_keeps_what_was_written(site: Site, cara: Visitor) -> None:
    for status, stays in ((400, False), (422, False), (500, False), (303, True)):
        cara.post("/letters/A/status", {"status": str(status)})
        assert stays == written(site)


def test_text_that_no_database_keeps_is_refused(cara: Visitor) -> None:
    assert 400 == cara.post("/letters/A", FIELDS | {"text": "a\0b"}).status_code
    assert 400 == cara.get("/letters/%00").status_code


def test_a_form_has_a_largest_size(cara: Visitor) -> None:
    assert 200 == cara.post("/letters/A", FIELDS | {"spare": "x" * 3_000_000}).status_code
    assert 413 == cara.client.post("/letters/A", data={"spare": "x" * 4_100_000}).status_code


# --- a session that ends while somebody types -------------------------------------------------------------------------


def expire(site: Site) -> None:
    """Let every session be unused for too long."""
    site.sql("UPDATE session SET seen_at = now() - interval '1 hour'")


def hidden(page: str, name: str) -> str:
    """What a hidden field of a page holds."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page.partition("<main")[2])
    assert found, page
    return found[1]


def test_what_was_typed_when_the_session_ended_can_be_sent_after_the_log_in(site: Site, cara: Visitor) -> None:
    secret = cara.secret()
    expire(site)
    asked = cara.client.post("/letters/A", data=FIELDS | {"csrf_token": secret, "password": "hush"})
    assert 401 == asked.status_code
    assert "What you typed is kept" in asked.text
    assert "hush" not in asked.text
    carried = hidden(asked.text, "carried")
    wrong = {"csrf_token": hidden(asked.text, "csrf_token"), "name": "cara", "password": "no", "carried": carried}
    again = cara.client.post("/log-in", data=wrong)
    assert carried == hidden(again.text, "carried")
    shown = cara.client.post("/log-in", data=wrong | {"password": PASSWORD})
    assert 200 == shown.status_code
    assert not written(site)
    for text in FIELDS.values():
        assert text.replace("<b>", "&lt;b&gt;") in shown.text
    assert 'action="/letters/A"' in shown.text
    assert hidden(shown.text, "csrf_token") != secret
    sent = cara.client.post("/letters/A", data=FIELDS | {"csrf_token": hidden(shown.text, "csrf_token")})
    assert 200 == sent.status_code
    assert written(site)


def test_without_anything_typed_one_goes_on_at_the_page_before(site: Site, cara: Visitor) -> None:
    """A form that is one button, or holds a password only; the page is never one of another site."""
    secret = {"csrf_token": cara.secret()}
    expire(site)
    for before, there in (("http://localhost/letters/B?page=2", "/letters/B?page=2"), ("http://evil.example/x", "/")):
        answer = cara.client.post("/letters/A", data=secret | {"password": "x"}, headers={"Referer": before})
        assert there == hidden(answer.text, "goes_to")
        assert "carried" not in answer.text


def test_who_logged_out_in_another_window_is_told_and_shown_what_was_not_recorded(site: Site, cara: Visitor) -> None:
    """Nobody knows any more whose form it is, so it cannot be carried; it is shown to the browser that sent it."""
    assert 303 == cara.post("/log-out").status_code
    sent = FIELDS | {"csrf_token": "of before", "password": "x-secret"}
    answer = cara.client.post("/letters/A", data=sent, headers={"Sec-Fetch-Site": "same-origin"})
    assert 401 == answer.status_code
    assert ("what you sent was not recorded" in answer.text, "as typed &lt;b&gt;" in answer.text) == (True, True)
    assert "x-secret" not in answer.text
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {}):
        answer = cara.client.post("/letters/A", data=sent, headers=headers)
        assert ("what you sent was not recorded" in answer.text, "as typed" in answer.text) == (True, False)
    assert "what you sent" not in cara.client.get("/log-in").text
    assert not written(site)


def test_what_somebody_else_typed_is_not_shown(site: Site, cara: Visitor) -> None:
    site.add("carl", "caller", password=PASSWORD)
    secret = cara.secret()
    expire(site)
    asked = cara.client.post("/letters/A", data=FIELDS | {"csrf_token": secret})
    log_in = {"csrf_token": hidden(asked.text, "csrf_token"), "name": "carl", "password": PASSWORD}
    answer = cara.client.post("/log-in", data=log_in | {"carried": hidden(asked.text, "carried")})
    assert 303 == answer.status_code
    assert "as typed &lt;b&gt;" not in cara.client.get("/password").text


def test_another_site_cannot_put_words_into_ones_mouth(site: Site, cara: Visitor) -> None:
    """A form that comes from elsewhere, without our secret, is not carried."""
    secret = cara.secret()
    expire(site)
    for data, headers in (
        (FIELDS, {}),
        (FIELDS | {"csrf_token": "x"}, {}),
        (FIELDS | {"csrf_token": secret}, {"Sec-Fetch-Site": "cross-site"}),
        (FIELDS, {"Origin": "https://evil.example"}),
    ):
        answer = cara.client.post("/letters/A", data=data, headers=headers)
        assert 401 == answer.status_code
        assert "carried" not in answer.text


def test_a_forged_or_old_text_is_not_carried(site: Site, cara: Visitor) -> None:
    visitor = site.anybody()
    log_in = {"name": "cara", "password": PASSWORD, "carried": "WyIvIixbXSwiY2FyYSJd.x.y"}
    assert 303 == visitor.post("/log-in", log_in).status_code


def test_what_is_too_long_is_not_carried(site: Site, cara: Visitor) -> None:
    secret = cara.secret()
    expire(site)
    answer = cara.client.post("/letters/A", data=FIELDS | {"csrf_token": secret, "long": "x" * 1_600_000})
    assert 401 == answer.status_code
    assert "carried" not in answer.text


def test_a_piece_of_a_page_is_told_to_log_in(site: Site, cara: Visitor) -> None:
    """The browser goes there as a whole."""
    expire(site)
    answer = cara.get("/letters/A", headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/letters/B"})
    assert "/log-in?next=/letters/B" == answer.headers["HX-Redirect"]


def test_reading_says_no_more_than_it_was_asked(cara: Visitor) -> None:
    with create_app(settings_for(cara.client.application.extensions["arflow"].engine)).test_request_context(
        method="POST", data={"number": "nan", "day": "", "amount": "12 345,00"}
    ):
        read = Reading()
        assert dt.date.min == read.day("day")
        read.number("number", least=0, most=9)
        read.text("missing", required=True)
        with pytest.raises(Refused) as refused:
            read.check()
        assert {"day", "number", "missing"} == set(refused.value.mistakes)  # type: ignore[attr-defined]


def amount(text: str, currency: str) -> int:
    """What a form reads as an amount. Raises Mistyped."""
    with Flask(__name__).test_request_context(method="POST", data={"amount": text}):
        read = Reading()
        found = read.amount("amount", currency)
        read.check()
    return found


@pytest.mark.parametrize(
    "text", ["1234567.5", "1,234,567.50", "1 234 567.50", "1\u202f234\u202f567.5", "1\u2019234\u2019567.5"]
)
def test_thousands_may_be_set_apart(text: str) -> None:
    assert 123456750 == amount(text, "EUR")


@pytest.mark.parametrize(
    "text",
    [
        "50,00",
        "12,5",
        "0,500",
        "00,500",
        "1234,50",
        "1.234,50",
        "1,23,456.00",
        ",50",
        "1,2345",
        "1,234,56",
        "1,234'567",
    ],
)
def test_a_comma_never_multiplies_money(text: str) -> None:
    """Many write decimals after it: as a mark of thousands, fifty would be five thousand."""
    with pytest.raises(Mistyped, match="use a point for decimals, and no other sign"):
        amount(text, "EUR")


def test_an_amount_beyond_all_reason_is_told_as_too_large() -> None:
    with pytest.raises(Mistyped, match="larger than arflow keeps"):
        amount("9" * 29, "EUR")


def test_where_a_mark_of_thousands_may_be_one_of_decimals_it_is_refused() -> None:
    assert 123400 == amount("1,234", "EUR")
    assert 1234567000 == amount("1,234,567", "KWD")
    assert 1234500 == amount("1,234.500", "KWD")
    with pytest.raises(Mistyped):
        amount("1,234", "KWD")

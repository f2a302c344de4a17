"""The pages of callers: what each form does, what is refused or comes too late, and that nobody reaches others'."""

import datetime as dt
import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import Engine

from arflow.advance import turn_delivery
from arflow.desk import outcomes, tasks, wording
from arflow.rules.loader import load_policy
from arflow.web import worded
from arflow.web.callers import account_page, lists
from tests.desk.books import TODAY, go_to, lent_book, look
from tests.production import activate, take_in, write_events
from tests.web.conftest import Site, Visitor

pytestmark = pytest.mark.database

PAGE = "/accounts/{}"


@pytest.fixture
def engine(template: str, tmp_path: Path) -> Iterator[Engine]:
    """The small book of tests/desk, instead of an empty database."""
    yield from lent_book(template, tmp_path)


@pytest.fixture
def cara(site: Site) -> Visitor:
    """A caller of the queue collections."""
    return site.user("cara", "caller", queue="collections")


def marks(visitor: Visitor, account: str = "A1") -> dict[str, str]:
    """What the forms of the account's page hold of the moment in which it was opened."""
    text = visitor.get(PAGE.format(account)).text
    found = {name: re.search(rf'name="{name}" value="([^"]+)"', text) for name in ("seen", "mark")}
    return {name: match[1] for name, match in found.items() if match}


def state(site: Site, account: str = "A1") -> str:
    """Where an account stands."""
    return look(site.engine, account).account.state.value


def days(count: int) -> str:
    """A day from the business today."""
    return (TODAY + dt.timedelta(days=count)).isoformat()


CALL = {"outcome": "no_answer", "direction": "out", "next": "follow_up", "follow_up_on": days(3)}
PROMISE = {"promise_amount": "1,000.00", "promise_due": days(10)}


def test_the_list_says_what_to_do_why_and_what_comes_next(cara: Visitor) -> None:
    """Everything that a caller needs to choose stands in one row."""
    text = cara.get("/accounts").text
    for said in ("5 of 5 accounts", "A1 Limited", "call to make", "Ten days late.", "1,000.00", "14 days late"):
        assert said in text
    assert "Escalated on 11 March 2026 unless 1,000.00 USD is paid" in text
    assert "Call from Monday 26 Jan 2026, 08:00 (UTC)" in text


def test_the_account_says_all_before_a_call(cara: Visitor) -> None:
    """People, money, habits, why, what next, and what happened."""
    text = cara.get(PAGE.format("A1")).text
    for said in (
        *("Ann Lee", "+1 555 0100", "instalment 1 of 2", "12 days to pay", "Ten days late.", "Please look at it."),
        *(
            "reminded \u2192 called",
            "days_overdue &gt;= 10",
            "Next: escalated on 11 March 2026 unless 1,000.00 USD is paid",
        ),
        f"It is {TODAY:%A}, {TODAY.day} {TODAY:%b %Y} there",
    ):
        assert said in text
    only = cara.get(PAGE.format("A1") + "?topic=messages").text
    assert ("Letter first-reminder" in only, "Invoice A1-1 of" in only) == (True, False)


def test_the_habits_are_of_what_was_paid(site: Site, cara: Visitor, tmp_path: Path) -> None:
    """Who never paid is not said to pay on time; one day is no days."""
    paid = {"event": "payment", "id": "P"}
    lines = [
        {**paid, "account": "A1", "date": "2026-01-12", "amount": "5.00"},
        {**paid, "account": "A2", "date": "2026-01-11", "amount": "300.00"},
        {**paid, "account": "E1", "date": "2026-01-09", "amount": "700.00"},
    ]
    never = cara.get(PAGE.format("A1")).text
    assert ("No invoice fully paid in a year · " in never, "last payment" in never) == (True, False)
    take_in(site.engine, write_events(tmp_path / "paid.jsonl", lines))
    for account, said in {
        "A1": "No invoice fully paid in a year (last payment 12 Jan 2026)",
        "A2": "Pays 1 day late on average (last payment 11 Jan 2026)",
        "E1": "Pays on time on average (last payment 9 Jan 2026)",
    }.items():
        assert said in re.sub("<[^>]*>", "", cara.get(PAGE.format(account)).text)


def test_a_time_zone_that_is_not_known_is_told_as_such(site: Site, cara: Visitor, tmp_path: Path) -> None:
    """On the page and in the list; the assumed one is not where they are. One day late is no days late."""
    who = {"account": "J1", "date": "2026-01-02"}
    lines = [
        {"event": "account", **who, "currency": "USD", "country": "JP", "owner": "cara"},
        {"event": "invoice", **who, "id": "J1-1", "amount": "9.00", "due": "2026-01-25"},
    ]
    take_in(site.engine, write_events(tmp_path / "late.jsonl", lines))
    go_to(site.engine, dt.date(2026, 1, 26))
    text = cara.get(PAGE.format("J1")).text
    assert "You may call now.</strong> Their time zone is not known; UTC is assumed." in text
    shown = cara.get("/accounts").text
    for said in ("by UTC time, theirs is not known", "1 day late<"):
        assert said in shown
    assert "America/Chicago" not in shown


def test_a_call_with_a_promise_is_one_form(site: Site, cara: Visitor) -> None:
    """The outcome `promised` needs amount and day, and is enough of a next step."""
    sent = (
        CALL | PROMISE | marks(cara) | {"outcome": "promised", "next": "", "spoke_to": "Ann Lee", "text": "On pay day."}
    )
    assert 303 == cara.post("/accounts/do/call/A1", sent).status_code
    assert "promised" == state(site)
    text = cara.get(PAGE.format("A1")).text
    for said in (
        "Call recorded",
        "Spoke to Ann Lee. On pay day.",
        "Agreed: <bdi>Promise of 1,000.00 USD",
        "Open promises",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"outcome": ""}, "What came of it: is needed"),
        ({"next": "none"}, "something comes next after this outcome"),
        ({"follow_up_on": ""}, "is needed, as a date"),
        ({"follow_up_on": "2026-01-01"}, "1 Jan 2026 is in the past; today is 24 Jan 2026 there"),
        ({"outcome": "promised", "promise_due": days(3), "promise_amount": "1100.01"}, "only 1,100.00 USD is open"),
        ({"outcome": "promised", "promise_due": "", "promise_amount": "many"}, "is no amount"),
        ({"outcome": "disputes"}, "What is wrong: is needed"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(
    site: Site, cara: Visitor, changes: dict[str, str], said: str
) -> None:
    answer = cara.post("/accounts/do/call/A1", CALL | marks(cara) | {"text": "a long story"} | changes)
    assert (422, True, True) == (answer.status_code, said in answer.text, "a long story" in answer.text)
    assert [] == site.sql("SELECT 1 FROM event WHERE actor <> ''")


def test_a_promise_far_ahead_is_for_a_lead(site: Site, cara: Visitor) -> None:
    """90 days are for callers, in a form of its own and in that of a call."""
    for form, others in (("promise", {}), ("call", CALL | {"outcome": "promised"})):
        sent = others | PROMISE | marks(cara) | {"promise_due": days(91)}
        refused = cara.post(f"/accounts/do/{form}/A1", sent)
        assert 422 == refused.status_code
        assert "Paid by: a promise later than 24 Apr 2026 is for a lead to record" in refused.text
    lena = site.user("lena", "lead")
    far = PROMISE | {"promise_amount": "1.00", "promise_due": days(91)}
    assert 303 == lena.post("/accounts/do/promise/A1", far | marks(lena)).status_code
    assert 303 == cara.post("/accounts/do/promise/A1", far | marks(cara) | {"promise_due": days(90)}).status_code


def test_nobody_promises_the_same_money_twice_unless_one_takes_the_place_of_the_other(
    site: Site, cara: Visitor
) -> None:
    """1,100.00 are open: what is promised cannot be promised again, and one tick puts the new one in its place."""
    assert 303 == cara.post("/accounts/do/promise/A1", PROMISE | marks(cara)).status_code
    assert "At most 100.00 USD is open and not promised yet." in cara.get(PAGE.format("A1")).text
    for form, others in (("promise", {}), ("call", CALL | {"outcome": "promised", "text": "my own words"})):
        sent = others | PROMISE | {"promise_amount": "500.00", "promise_due": days(20)}
        refused = cara.post(f"/accounts/do/{form}/A1", sent | marks(cara))
        assert 422 == refused.status_code
        assert "only 100.00 USD is open on the account and not promised yet" in refused.text
        instead = sent | {"promise_replaces": "desk-1"}
    assert 303 == cara.post("/accounts/do/call/A1", instead | marks(cara)).status_code
    made = [(one.id, one.amount, one.cancelled is None) for one in look(site.engine, "A1").account.promises.values()]
    assert [("desk-1", 100000, False), ("desk-2", 50000, True)] == made
    page = cara.get(PAGE.format("A1")).text
    assert "Agreed: <bdi>Promise of 500.00 USD by 13 Feb 2026" in page
    assert "Promise of 1,000.00 USD by 3 Feb 2026 cancelled" in page
    wrong = PROMISE | {"promise_amount": "5.00", "promise_replaces": "desk-1"}
    assert 422 == cara.post("/accounts/do/promise/A1", wrong | marks(cara)).status_code


def test_a_dispute_sent_twice_is_told_as_such(cara: Visitor) -> None:
    """Over all of an invoice, the second could only be refused."""
    sent = {"dispute_invoice": "A1-1", "dispute_code": "QUALITY", "dispute_text": "It broke."} | marks(cara)
    assert [303, 409] == [cara.post("/accounts/do/dispute/A1", sent).status_code for _ in range(2)]


def test_of_two_people_the_second_learns_what_changed_and_sends_again(site: Site, cara: Visitor) -> None:
    """409 with who did what, everything typed kept, and one button that sends it on the new version."""
    ben = site.user("ben", "caller", queue="collections")
    opened = marks(ben)
    first = CALL | marks(cara) | {"outcome": "call_back", "text": "Ring at nine."}
    assert 303 == cara.post("/accounts/do/call/A1", first).status_code
    answer = ben.post("/accounts/do/call/A1", CALL | opened | {"outcome": "busy", "text": "my own words"})
    assert 409 == answer.status_code
    changed = answer.text[answer.text.index("Somebody else was faster") :]
    for said in ("asks for a call back", "by cara", "Ring at nine.", "my own words", "Send it again"):
        assert said in changed
    assert 'value="busy" selected' in answer.text
    again = re.findall(r'name="(seen|mark)" value="([^"]+)"', answer.text)
    assert (
        303
        == ben.post(
            "/accounts/do/call/A1", CALL | dict(again) | {"outcome": "busy", "text": "my own words"}
        ).status_code
    )
    assert 2 == site.sql("SELECT count(*) FROM event WHERE kind = 'contact'")[0][0]


MEANWHILE = {
    "note": ({"text": "Ann is on leave until May."}, ("Note", "Ann is on leave until May.")),
    "follow-up": ({"due_on": days(2), "text": "ring Ann"}, ("Follow-up planned for", "26 Jan 2026", "ring Ann")),
}
MINE = {
    "call": CALL | {"outcome": "busy", "text": "my own words"},
    "promise": PROMISE | {"text": "my own words"},
    "note": {"text": "my own words"},
    "follow-up": {"due_on": days(4), "text": "my own words"},
    "escalate": {"reason": "my own words"},
    "assign": {"owner": "ben"},
}


@pytest.mark.parametrize("form", MINE)
@pytest.mark.parametrize("theirs", MEANWHILE)
def test_what_a_colleague_wrote_down_is_seen_before_ones_own_is_recorded(
    site: Site, cara: Visitor, form: str, theirs: str
) -> None:
    """A note and a plan are no events of the account; they come between all the same, and what was typed is kept."""
    ben = site.user("ben", "caller", "lead", queue="collections")
    sent, told = MEANWHILE[theirs]
    opened = marks(ben)
    assert 303 == cara.post(f"/accounts/do/{theirs}/A1", sent | marks(cara)).status_code
    answer = ben.post(f"/accounts/do/{form}/A1", MINE[form] | opened)
    assert 409 == answer.status_code
    changed = answer.text[answer.text.index("Somebody else was faster") :]
    for said in (*told, "by <bdi>cara", *(["my own words"] if form != "assign" else []), "Send it again"):
        assert said in changed
    assert "Only time has gone on" not in changed
    again = dict(re.findall(r'name="(seen|mark)" value="([^"]+)"', answer.text))
    assert 303 == ben.post(f"/accounts/do/{form}/A1", MINE[form] | again).status_code


@pytest.mark.parametrize("theirs", MEANWHILE)
def test_ones_own_note_and_plan_come_between_nothing(site: Site, cara: Visitor, theirs: str) -> None:
    """Nor does a notice of a rule, or that something was done; who wrote it knows it."""
    opened = marks(cara)
    assert 303 == cara.post(f"/accounts/do/{theirs}/A1", MEANWHILE[theirs][0] | opened).status_code
    site.sql("UPDATE task SET done_at = now(), done_by = 'ben'")
    columns, values = "account_id, kind, assignee, due_on, text", "'A1', 'notice', 'finance-lead', :on, 'look'"
    site.sql(f"INSERT INTO task ({columns}) VALUES ({values})", on=TODAY)
    site.sql("UPDATE account SET version = version + 1 WHERE id = 'A1'")
    assert 303 == cara.post("/accounts/do/call/A1", CALL | opened).status_code


def test_a_note_is_not_kept_before_a_colleagues_call_is_seen(site: Site, cara: Visitor) -> None:
    """What came from the ledger, or from a rule, leaves a note as it is."""
    ben = site.user("ben", "caller", queue="collections")
    opened = marks(ben)
    site.sql("UPDATE account SET version = version + 1 WHERE id = 'A1'")
    assert 303 == ben.post("/accounts/do/note/A1", {"text": "one"} | opened).status_code
    assert 303 == cara.post("/accounts/do/call/A1", CALL | marks(cara)).status_code
    answer = ben.post("/accounts/do/note/A1", {"text": "two"} | opened)
    assert (409, True) == (answer.status_code, "Call to the customer: no answer" in answer.text)


def test_a_pass_that_changed_nothing_is_no_conflict(site: Site, cara: Visitor, tmp_path: Path) -> None:
    """A rule looked at the account, or the ledger spoke: only what is seen on the timeline comes between."""
    opened = marks(cara)
    site.sql("UPDATE account SET version = version + 1 WHERE id = 'A1'")
    assert 303 == cara.post("/accounts/do/call/A1", CALL | opened).status_code
    opened = marks(cara)
    paid = {"event": "payment", "account": "A1", "date": TODAY.isoformat(), "id": "P1", "amount": "5.00"}
    take_in(site.engine, write_events(tmp_path / "paid.jsonl", [paid]))
    answer = cara.post("/accounts/do/call/A1", CALL | opened)
    assert (409, True) == (answer.status_code, "Payment of 5.00 USD" in answer.text)
    assert "The account has changed meanwhile" in answer.text


def test_a_form_sent_twice_is_recorded_once(site: Site, cara: Visitor) -> None:
    sent = CALL | marks(cara)
    assert [303, 409] == [cara.post("/accounts/do/call/A1", sent).status_code for _ in range(2)]
    assert 1 == site.sql("SELECT count(*) FROM event WHERE kind = 'contact'")[0][0]


SENT_TWICE = {
    "call": CALL | {"text": "Nobody\r\nthere.", "spoke_to": "Ann Lee"},
    "promise": PROMISE | {"text": "by bank"},
    "dispute": {
        "dispute_invoice": "A1-1",
        "dispute_code": "QUALITY",
        "dispute_amount": "10",
        "dispute_text": "It broke.",
    },
    "hold": {"until": days(3), "reason": "talks"},
}


@pytest.mark.parametrize("form", SENT_TWICE)
def test_who_sends_a_form_twice_is_told_that_it_is_recorded(cara: Visitor, form: str) -> None:
    """Nobody else was faster: what is new is their own, and nothing asks them to send it once more."""
    sent = SENT_TWICE[form] | marks(cara)
    assert [303, 409] == [(answer := cara.post(f"/accounts/do/{form}/A1", sent)).status_code for _ in range(2)]
    for said, is_said in (
        ("You have recorded this already", True),
        ("by cara", True),
        ("Record a second one", True),
        ("Somebody else was faster", False),
        ("send it again", False),
        ("Send it again", False),
    ):
        assert is_said == (said in answer.text), said
    assert '<details class="act" name="act" open' not in answer.text


def test_another_form_of_ones_own_is_no_repetition(cara: Visitor) -> None:
    """In two windows: what was sent second says something else, and is not recorded yet."""
    opened = marks(cara)
    assert 303 == cara.post("/accounts/do/promise/A1", PROMISE | opened).status_code
    for form, sent in (("call", CALL), ("promise", PROMISE | {"promise_amount": "900"})):
        answer = cara.post(f"/accounts/do/{form}/A1", sent | opened)
        assert 409 == answer.status_code
        for said in ("You have recorded something else here meanwhile", "has not been recorded yet", "Send it again"):
            assert said in answer.text


@pytest.mark.parametrize("account", ["A1", "K\u00f6ln/1", "NONE"])
def test_the_address_of_a_form_leads_to_its_account(cara: Visitor, account: str) -> None:
    """Where a refused form stands; whether there is such an account, its page says."""
    path = quote(account)
    for form in (f"call/{path}", f"task-later/7/{path}"):
        answer = cara.get(f"/accounts/do/{form}")
        assert (303, f"/accounts/{path}") == (answer.status_code, answer.location)
    assert 404 == cara.get("/accounts/do/nonsense/A1").status_code


def test_what_was_recorded_can_be_mended_although_the_call_is_closed_by_it(site: Site, cara: Visitor) -> None:
    """The account is carl's: it is there until the day is over, by its address, and for nobody else."""
    ben = site.user("ben", "caller")
    sent = CALL | PROMISE | marks(cara, "C1") | {"outcome": "promised", "promise_amount": "40.00"}
    answer = cara.post("/accounts/do/call/C1", sent)
    assert (303, PAGE.format("C1")) == (answer.status_code, answer.location)
    assert 303 == cara.post("/accounts/do/promise-cancelled/C1", marks(cara, "C1") | {"promise": "desk-1"}).status_code
    assert (404, False) == (ben.get(PAGE.format("C1")).status_code, "C1 Limited" in cara.get("/accounts").text)
    go_to(site.engine, TODAY + dt.timedelta(days=1))
    assert 404 == cara.get(PAGE.format("C1")).status_code


def test_who_loses_an_account_by_what_they_do_is_told_which(site: Site, cara: Visitor) -> None:
    """The last follow-up on what nobody has is done."""
    columns, values = "account_id, kind, assignee, due_on, text", "'B1', 'follow_up', 'cara', :on, 'look'"
    site.sql("UPDATE account SET call_open = false, call_queue = NULL WHERE id = 'B1'")
    number = site.sql(f"INSERT INTO task ({columns}) VALUES ({values}) RETURNING id", on=TODAY)[0][0]
    assert "/accounts" == cara.post(f"/accounts/do/task-done/{number}/B1").location
    assert "B1: Done. It is not among yours any more" in cara.get("/accounts").text


def test_every_open_invoice_is_reached(cara: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a link that shows all, by its number, and in the form of a promise, which keeps what was ticked."""
    monkeypatch.setattr(account_page, "MOST_ROWS", 1)
    ticked = 'name="promise_invoices" value="A1-2"'

    def shown(query: str) -> tuple[bool, bool, bool]:
        text = cara.get(PAGE.format("A1") + query).text
        return "instalment 2 of 2" in text or "A1-2</bdi> <small" in text, ticked in text, "Show all of them" in text

    assert [(False, False, True), (True, True, False)] == [shown(query) for query in ("", "?invoices=all")]
    assert (True, True) == shown("?invoice=a1-2")[:2]
    wrong = PROMISE | marks(cara) | {"promise_amount": "x", "promise_invoices": "A1-2"}
    assert f"{ticked} checked" in cara.post("/accounts/do/promise/A1", wrong).text


def test_an_escalation_of_what_owes_nothing_is_warned_of(site: Site, cara: Visitor, tmp_path: Path) -> None:
    warning = "Nothing is overdue on this account, and nothing is open"
    assert warning not in cara.get(PAGE.format("A2")).text
    paid = {"event": "payment", "account": "A2", "date": TODAY.isoformat(), "id": "P1", "amount": "300.00"}
    take_in(site.engine, write_events(tmp_path / "paid.jsonl", [paid]))
    assert warning in cara.get(PAGE.format("A2")).text


def test_promises_and_disputes_without_a_call(site: Site, cara: Visitor) -> None:
    """A promise is cancelled by one button; a dispute over all of an invoice; only a lead closes it."""
    lena = site.user("lena", "lead")
    assert 303 == cara.post("/accounts/do/promise/A1", PROMISE | marks(cara)).status_code
    assert "promised" == state(site)
    assert 303 == cara.post("/accounts/do/promise-cancelled/A1", marks(cara) | {"promise": "desk-1"}).status_code
    dispute = {"dispute_invoice": "A2-1", "dispute_code": "QUALITY", "dispute_text": "It broke."}
    assert 303 == cara.post("/accounts/do/dispute/A2", dispute | marks(cara, "A2")).status_code
    assert "disputed" == state(site, "A2")
    assert "Quality of goods or service: It broke." in cara.get(PAGE.format("A2")).text
    closing = {"dispute": "desk-1", "outcome": "upheld"}
    assert 403 == cara.post("/accounts/do/dispute-closed/A2", closing | marks(cara, "A2")).status_code
    assert 303 == lena.post("/accounts/do/dispute-closed/A2", closing | marks(lena, "A2")).status_code
    assert "resolved" == state(site, "A2")


LOOK_INTO = "Look into the dispute of invoice A1-1"


@pytest.mark.parametrize("form", ["dispute", "call"])
def test_a_dispute_is_looked_into_by_a_day_and_that_ends_with_it(
    site: Site, cara: Visitor, tmp_path: Path, form: str
) -> None:
    """A week ahead, unless somebody says otherwise; while another one of the invoice is open, and whoever closes it."""
    lena = site.user("lena", "lead")
    assert re.search(f'name="dispute_by"[^>]* value="{days(9)}"', cara.get(PAGE.format("A1")).text)  # a Monday
    said = {"dispute_invoice": "A1-1", "dispute_code": "QUALITY", "dispute_amount": "10.00", "dispute_by": days(5)}
    said |= {"outcome": "disputes", "direction": "in"} if form == "call" else {}
    late = cara.post(f"/accounts/do/{form}/A1", said | marks(cara) | {"dispute_by": days(-1)})
    assert (422, True) == (late.status_code, "is in the past" in late.text)
    assert 303 == cara.post(f"/accounts/do/{form}/A1", said | marks(cara)).status_code
    assert [(LOOK_INTO, days(5), "cara")] == to_do(site)
    assert 303 == cara.post("/accounts/do/dispute/A1", said | marks(cara) | {"dispute_by": ""}).status_code
    assert 1 == len(to_do(site))
    closing = {"dispute": "desk-1", "outcome": "rejected"}
    assert 303 == lena.post("/accounts/do/dispute-closed/A1", closing | marks(lena)).status_code
    assert 1 == len(to_do(site))
    when = {"date": TODAY.isoformat(), "time": "23:59"}
    closed = {"event": "dispute_closed", "account": "A1", "id": "desk-2"} | when
    take_in(site.engine, write_events(tmp_path / "closed.jsonl", [closed | {"outcome": "withdrawn"}]))
    assert [] == to_do(site)


def to_do(site: Site) -> list[tuple[str, str, str]]:
    """What is still to be done about A1, by when, by whom."""
    with site.engine.connect() as connection:
        found = tasks.open_of(connection, ["A1"]).get("A1", [])
    return [(one.text, one.due_on.isoformat(), one.assignee) for one in found]


def test_holds_escalation_tags(site: Site, cara: Visitor) -> None:
    """A hold ends on its day; escalated and taken back with a reason; a tag is taken off by a lead."""
    lena = site.user("lena", "lead")
    assert 422 == cara.post("/accounts/do/hold/A1", marks(cara) | {"until": days(0), "reason": "talks"}).status_code
    assert 303 == cara.post("/accounts/do/hold/A1", marks(cara) | {"until": days(3), "reason": "talks"}).status_code
    assert "On hold</bdi> until" in cara.get(PAGE.format("A1")).text
    assert 303 == cara.post("/accounts/do/release/A1", marks(cara)).status_code
    assert 303 == cara.post("/accounts/do/escalate/A1", marks(cara) | {"reason": "a lawyer"}).status_code
    assert "escalated" == state(site)
    back = {"to": "called", "reason": "settled"}
    assert 303 == cara.post("/accounts/do/take-back/A1", marks(cara) | back).status_code
    assert "called" == state(site)
    stop = marks(cara) | {"outcome": "stop_contact", "direction": "in", "next": "none"}
    assert 303 == cara.post("/accounts/do/call/A1", stop).status_code
    assert "Do not call: the customer wants no more contact" in cara.get(PAGE.format("A1")).text
    assert 403 == cara.post("/accounts/do/untag/A1", marks(cara) | {"tag": "stop-contact"}).status_code
    assert 303 == lena.post("/accounts/do/untag/A1", marks(lena) | {"tag": "stop-contact"}).status_code
    assert frozenset() == look(site.engine, "A1").account.tags


def escalating(site: Site, *queues: str) -> None:
    """Let the rules of A1 give escalated accounts to these queues."""
    when = "from: called, when: days_overdue >= 60, to: escalated, why: Old."
    rules = [f"  - {{id: to-{queue}, {when}, do: [{{assign: {queue}}}]}}\n" for queue in queues]
    document = "policy: p-usd\ncurrency: USD\nrules:\n" + "".join(rules)
    activate(site.engine, load_policy(document, file="test"))


def test_who_escalates_gives_the_account_to_whom_the_rules_would(site: Site, cara: Visitor) -> None:
    """The senior has it on their list, as due, with who and why; the caller can still mend what they mistyped."""
    sara = site.user("sara", "caller", queue="seniors")
    escalating(site, "seniors")
    assert ("A1 Limited" in sara.get("/accounts").text, "It goes to seniors" in cara.get(PAGE.format("A1")).text) == (
        False,
        True,
    )
    assert 303 == cara.post("/accounts/do/escalate/A1", marks(cara) | {"reason": "a lawyer"}).status_code
    assert ("escalated", [("A1", "seniors", "cara")]) == (state(site), given(site))
    listed, page = sara.get("/accounts").text, sara.get(PAGE.format("A1")).text
    for said in ("A1 Limited", "1 notice to look at", "1 of 1 accounts have a call or task due"):
        assert said in listed
    assert "Notice: <bdi>cara has escalated it: a lawyer" in page
    done = re.search(r'action="(/accounts/do/task-done/[^"]+)"', page)
    assert done
    assert 303 == sara.post(done[1]).status_code
    mended = cara.get(PAGE.format("A1")).text
    assert "Escalated, and given to seniors." in mended
    assert "A1 Limited" not in cara.get("/accounts").text


def test_where_no_rule_says_who_has_escalated_accounts_the_leads_are_told(site: Site, cara: Visitor) -> None:
    """Nor where it names somebody who is not here; then the account stays with whom it is."""
    lena = site.user("lena", "lead")
    assert "The leads are told" in cara.get(PAGE.format("A2")).text
    escalating(site, "gone")
    for account in ("A1", "E1"):
        sent = marks(cara, account) | {"reason": f"a lawyer of {account}"}
        assert 303 == cara.post(f"/accounts/do/escalate/{account}", sent).status_code
        assert "Notice: <bdi>cara has escalated it: a lawyer of " in lena.get(PAGE.format(account)).text
        assert f"{account} Limited" in lena.get("/accounts").text
    assert [] == given(site)


def test_of_several_who_have_escalated_accounts_one_is_chosen(site: Site, cara: Visitor) -> None:
    """The person knows whom it is for; what they choose has to be one of these."""
    site.user("sara", "caller", queue=["seniors", "legal"])
    escalating(site, "seniors", "legal")
    for wrong in ({}, {"senior": "collections"}):
        refused = cara.post("/accounts/do/escalate/A1", marks(cara) | {"reason": "a lawyer"} | wrong)
        assert (422, "called") == (refused.status_code, state(site))
    assert 303 == cara.post("/accounts/do/escalate/A1", marks(cara) | {"reason": "x", "senior": "legal"}).status_code
    assert [("A1", "legal", "cara")] == given(site)


def test_what_was_typed_into_a_form_that_has_gone_meanwhile_is_shown_with_the_reason(site: Site, cara: Visitor) -> None:
    """Somebody else was faster, so the page has no such form any more."""
    older = marks(cara)
    assert 303 == cara.post("/accounts/do/escalate/A1", marks(cara) | {"reason": "a lawyer"}).status_code
    answer = cara.post("/accounts/do/escalate/A1", older | {"reason": "they asked for a manager"})
    assert 422 == answer.status_code
    assert "<h1>That cannot be done</h1>" in answer.text
    assert "escalated" in answer.text
    assert "they asked for a manager" in answer.text


def test_who_loses_an_account_while_typing_reads_what_they_typed_in_the_words_of_the_page(
    site: Site, cara: Visitor
) -> None:
    """Neither the names of fields nor codes; and that somebody else may have the account now."""
    call = CALL | marks(cara, "A2") | {"spoke_to": "Ann Lee", "text": "a long story", "dispute_code": "PRICE"}
    call |= {"promise_amount": "300.00", "promise_due": ""}  # the page offers it
    site.sql("UPDATE account SET owner = 'carl', call_open = false, call_queue = NULL WHERE id IN ('A1', 'A2')")
    page = cara.post("/accounts/do/call/A2", call)
    typed = dict(re.findall(r"<dt>([^<]*)</dt>\s*<dd>([^<]*)</dd>", page.text))
    assert (404, "whether somebody else has it now" in page.text) == (page.status_code, True)
    assert {
        "What came of it": "No answer",
        "Who called": "We called them",
        "Spoke to": "Ann Lee",
        "Note": "a long story",
        "What comes next": "I follow up",
        "Follow-up: On": days(3),
        "Dispute: What is wrong": "Price or rate is wrong",
    } == typed
    page = cara.post("/accounts/do/follow-up/A1", {"seen": "1", "mark": "x", "due_on": days(3), "text": "ring"})
    assert [("On", days(3)), ("What", "ring")] == re.findall(r"<dt>([^<]*)</dt>\s*<dd>([^<]*)</dd>", page.text)


def test_fields_are_called_the_same_where_their_form_is_not(site: Site, cara: Visitor) -> None:
    """Every labelled field of every form of the account, also those of leads and of an escalated account."""
    lena = site.user("lena", "lead")
    dispute = {"dispute_invoice": "A1-1", "dispute_code": "PRICE", "dispute_amount": "10"}
    assert 303 == cara.post("/accounts/do/dispute/A1", dispute | marks(cara)).status_code
    pages = [lena.get(PAGE.format("A1")).text]
    assert 303 == cara.post("/accounts/do/escalate/A1", {"reason": "x"} | marks(cara)).status_code
    seen = set()
    for page in [*pages, lena.get(PAGE.format("A1")).text]:
        for form in re.findall(r'<form method="post" action="/accounts/do/.*?</form>', page, re.DOTALL):
            named = dict(re.findall(r'<(?:input|select|textarea)[^>]* id="([^"]+)" name="([^"]+)"', form))
            named |= dict(re.findall(r'<select id="([^"]+)" name="([^"]+)"', form))
            for key, shown in re.findall(r'<label for="([^"]+)">([^<]*)', form):
                told = worded.label(named[key], named.values())
                assert shown.strip().removesuffix(" (USD)") == told.split(": ", 1)[-1], (key, told)
                seen.add(named[key])
    assert {"promise_invoices", "promise_replaces", "senior"} == set(worded.LABELS) - seen


def test_after_a_death_nobody_calls(site: Site, cara: Visitor) -> None:
    """Nothing is asked about what comes next; the tag is there for the rules to stop at."""
    died = marks(cara) | {"outcome": "deceased", "direction": "out", "next": "none"}
    assert 303 == cara.post("/accounts/do/call/A1", died).status_code
    assert "Do not call: the person has died" in cara.get(PAGE.format("A1")).text
    assert frozenset({"deceased"}) == look(site.engine, "A1").account.tags


@pytest.mark.parametrize("outcome", sorted(outcomes.TERMINAL))
def test_after_what_ends_the_talks_nobody_calls_again_unless_somebody_says_what_for(
    site: Site, cara: Visitor, outcome: str
) -> None:
    """The form as it stands plans nothing then; what somebody types is planned, and after all else it is a call."""
    page = cara.get(PAGE.format("A1")).text
    assert re.search(r'name="follow_up_text"[^>]* value=""', page)
    stands = {"direction": "out", "next": "follow_up", "follow_up_on": days(3), "follow_up_text": ""}
    assert 303 == cara.post("/accounts/do/call/A1", stands | marks(cara) | {"outcome": outcome}).status_code
    assert [] == to_do(site)
    assert "Nothing is planned." in cara.get(PAGE.format("A1")).text
    own = stands | {"outcome": outcome, "follow_up_text": "Ask who takes over"}
    assert 303 == cara.post("/accounts/do/call/A1", own | marks(cara)).status_code
    assert [("Ask who takes over", days(3), "cara")] == to_do(site)
    assert 303 == cara.post("/accounts/do/call/A1", stands | marks(cara) | {"outcome": "busy"}).status_code
    assert ("Call again", days(3), "cara") in to_do(site)
    assert 303 == cara.post("/accounts/do/call/A1", stands | marks(cara) | {"outcome": "wrong_number"}).status_code
    assert ("Find another number", days(3), "cara") in to_do(site)


def test_one_wrong_attribute_takes_the_account_from_nobody(site: Site, cara: Visitor, tmp_path: Path) -> None:
    """It is parked, which no rule can change; its callers see that, and why, with everything before a call."""
    rule = '{id: small, from: called, when: "attr_size == 1 and unapplied_amount == 0", to: reminded, why: Small.}'
    document = f"policy: p-usd\ncurrency: USD\nattributes: {{size: int}}\nrules:\n  - {rule}\n"
    activate(site.engine, load_policy(document, file="test"))
    wrong = {"event": "account", "account": "A1", "date": TODAY.isoformat(), "attributes": {"size": "big"}}
    take_in(site.engine, write_events(tmp_path / "wrong.jsonl", [wrong]))
    assert "5 of 5 accounts" in cara.get("/accounts").text
    text = cara.get(PAGE.format("A1")).text
    assert "Parked, the rules do not go on: attribute `size` of account `A1` is `big`, which is no int" in text
    assert ("1,000.00" in text, "Why no other rule acts now" in text) == (True, False)


def test_an_escalation_that_does_not_happen_is_not_told_as_done(site: Site, tmp_path: Path) -> None:
    """No policy is for yen: the account would be parked and stay where it is, so the form says so and keeps nothing."""
    opened = {"event": "account", "account": "J1", "date": "2026-01-02", "currency": "JPY"}
    take_in(site.engine, write_events(tmp_path / "yen.jsonl", [opened]))
    lena = site.user("lena", "lead")
    refused = lena.post("/accounts/do/escalate/J1", marks(lena, "J1") | {"reason": "a lawyer"})
    assert 422 == refused.status_code
    assert "cannot be moved there: no policy" in refused.text
    assert 'role="alert" tabindex="-1" autofocus>The account cannot be moved there' in refused.text
    assert [] == site.sql("SELECT 1 FROM event WHERE kind = 'forced'")


def test_notes_and_follow_ups(site: Site, cara: Visitor) -> None:
    """A follow-up comes up on its day, is put off or done; a task of another account is not there."""
    assert 303 == cara.post("/accounts/do/note/A1", marks(cara) | {"text": "<b>kind</b> people"}).status_code
    assert "&lt;b&gt;kind&lt;/b&gt; people" in cara.get(PAGE.format("A1")).text
    planned = marks(cara) | {"due_on": days(1), "text": "ask for the order number"}
    assert 303 == cara.post("/accounts/do/follow-up/A1", planned).status_code
    assert "Follow up: <bdi>ask for the order number" not in cara.get("/accounts").text
    go_to(site.engine, TODAY + dt.timedelta(days=1))
    assert "Follow up: <bdi>ask for the order number" in cara.get("/accounts").text
    number = site.sql("SELECT id FROM task")[0][0]
    assert 404 == cara.post(f"/accounts/do/task-done/{number}/A2").status_code
    assert 303 == cara.post(f"/accounts/do/task-later/{number}/A1", {"due_on": days(5)}).status_code
    assert 303 == cara.post(f"/accounts/do/task-done/{number}/A1").status_code
    late = cara.post(f"/accounts/do/task-done/{number}/A1")
    assert (404, True) == (late.status_code, "This task is done already" in late.text)
    assert "Log a call" in late.text  # on the account's page, where one goes on
    assert 404 == cara.post(f"/accounts/do/task-done/{10**30}/A1").status_code  # no column holds that number


def test_what_was_tried_and_what_was_to_be_seen_are_refused_as_such(site: Site) -> None:
    """The page of an account that is not there for somebody, and a form for it; only an address is no such page."""
    dora, headings = site.user("dora", "caller"), []
    for answer in (dora.get(PAGE.format("A1")), dora.post("/accounts/do/note/A1", {"text": "x"}), dora.get("/nothing")):
        assert 404 == answer.status_code
        headings += re.findall("<h1>(.*)</h1>", answer.text)
    assert ["This cannot be shown", "That cannot be done", "There is no such page"] == headings


def test_a_notice_is_settled_by_whom_it_names(site: Site, cara: Visitor) -> None:
    """A caller sees what a rule told the leads about an account of theirs, and cannot put it away."""
    columns, values = "account_id, kind, assignee, due_on, text", "'A1', 'notice', 'finance-lead', :on, 'look'"
    number = site.sql(f"INSERT INTO task ({columns}) VALUES ({values}) RETURNING id", on=TODAY)[0][0]
    done = f"/accounts/do/task-done/{number}/A1"
    assert done not in cara.get(PAGE.format("A1")).text
    assert 404 == cara.post(done).status_code
    assert 404 == cara.post(f"/accounts/do/task-later/{number}/A1", {"due_on": days(5)}).status_code
    lena = site.user("lena", "lead")
    assert done in lena.get(PAGE.format("A1")).text
    assert 303 == lena.post(done).status_code


def test_a_notice_of_a_rule_says_why_it_asks(site: Site) -> None:
    """In the words of its rule; of a rule that the policy has no more, its name, without marks of code."""
    columns = "account_id, kind, assignee, due_on, text"
    for rule in ("phone", "gone"):
        told = f"rule `{rule}` asks you to look at this account"
        values = {"on": TODAY, "text": told, "to": f"lead-{rule}"}
        site.sql(f"INSERT INTO task ({columns}) VALUES ('A1', 'notice', :to, :on, :text)", **values)
    text = site.user("lena", "lead").get(PAGE.format("A1")).text
    assert "Notice: <bdi>Ten days late. (rule phone)" in text
    assert "Notice: <bdi>rule gone asks you to look" in text
    assert "`" not in text


def test_follow_ups_to_come_are_on_the_list_of_ones_accounts(
    site: Site, cara: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of their days, of accounts that one reaches, the first of many; a due one is on the list itself."""
    columns = "account_id, kind, assignee, due_on, text"
    for account, kind, count, text in (
        ("A2", "follow_up", 9, "send the papers"),
        ("A1", "follow_up", 5, "ask for the order"),
        ("C1", "follow_up", 6, "of carl's account"),
        ("A1", "notice", 5, "no follow-up"),
        ("A1", "follow_up", 0, "today"),
    ):
        values = {"account": account, "kind": kind, "on": days(count), "text": text}
        site.sql(f"INSERT INTO task ({columns}) VALUES (:account, :kind, 'cara', :on, :text)", **values)
    site.add("carl", "caller")
    site.sql("UPDATE account SET call_open = false, call_queue = NULL WHERE id = 'C1'")
    text = cara.get("/accounts").text
    planned = text[text.index('id="planned"') :]
    assert ["29 Jan 2026", "2 Feb 2026"] == re.findall("<td><time[^>]*>([^<]*)", planned)
    assert planned.index("ask for the order") < planned.index("send the papers")
    assert not any(said in planned for said in ("of carl", "no follow-up", "today", "more, due later"))
    assert '<a href="#planned">2 planned follow-ups</a>' in text
    monkeypatch.setattr(lists, "MOST_PLANNED", 1)
    assert ("and 1 more, due later" in (few := cara.get("/accounts").text), "send the papers" in few) == (True, False)
    assert 'id="planned"' not in site.user("dora", "caller").get("/accounts").text


def test_a_list_says_what_waits_while_delivery_is_off(site: Site, cara: Visitor) -> None:
    """The call waits for the switch, and nothing is said to come only once something is recorded."""
    policy = (
        "policy: p-usd\ncurrency: USD\nrules:\n"
        "  - {id: ring, from: called, when: has_open_dispute, do: [{call: seniors}], why: Contested.}\n"
    )
    activate(site.engine, load_policy(policy, file="test"))
    assert "Next: nothing, until something is recorded" in cara.get(PAGE.format("A1")).text
    with site.engine.begin() as connection:
        turn_delivery(connection, is_on=False, actor="lena", reason="stop")
    dispute = {"dispute_invoice": "A1-1", "dispute_code": "PRICE", "dispute_amount": "10", "dispute_text": ""}
    assert 303 == cara.post("/accounts/do/dispute/A1", dispute | marks(cara)).status_code
    for path in (PAGE.format("A1"), "/accounts"):
        assert "all (queue seniors), which waits: delivery is off" in cara.get(path).text


def ticked(visitor: Visitor, path: str, *accounts: str) -> dict[str, object]:
    """The form of a list as a lead has it before them, with these accounts ticked."""
    found = re.search(r'name="seen" value="([^"]+)"', visitor.get(path).text)
    assert found
    return {"accounts": list(accounts), "seen": html.unescape(found[1])}


def given(site: Site) -> list[tuple[str, str, str]]:
    """Each assignment of people: the account, to whom, and by whom."""
    query = (
        "SELECT account_id, content ->> 'owner', actor FROM event WHERE kind = 'account' AND actor <> '' ORDER BY id"
    )
    return [tuple(row) for row in site.sql(query)]


def test_accounts_that_are_assigned_twice_are_assigned_once(site: Site) -> None:
    """By a double click, or by the back button after a colleague gave one of them to somebody else."""
    lena, olga, _ = site.user("lena", "lead"), site.user("olga", "lead"), site.add("dan", "caller")
    site.add("cara", "caller")
    sent = ticked(lena, "/lists/all", "B1", "C1") | {"owner": "cara"}
    by_lena = [("B1", "cara", "lena"), ("C1", "cara", "lena")]
    for said in ("2 accounts are assigned to cara.", "2 accounts were assigned to cara already."):
        assert 303 == lena.post("/lists/all", sent).status_code
        assert (said in lena.get("/lists/all").text, by_lena) == (True, given(site))
    assert 303 == olga.post("/accounts/do/assign/C1", marks(olga, "C1") | {"owner": "dan"}).status_code
    more = {"accounts": ["A1", "B1", "C1"]}
    assert 303 == lena.post("/lists/all", sent | more).status_code
    page = lena.get("/lists/all").text
    for said in (
        "1 account is assigned to cara.",
        "1 account was assigned to cara already.",
        "1 account is left as before, because somebody has changed the owner since you opened the list: C1 (dan).",
    ):
        assert said in page
    assert [*by_lena, ("C1", "dan", "olga"), ("A1", "cara", "lena")] == given(site)
    assert 303 == lena.post("/lists/all", ticked(lena, "/lists/all", "C1") | {"owner": "cara"}).status_code
    assert ("C1", "cara", "lena") == given(site)[-1]


@pytest.mark.parametrize("seen", ["", "{", '{"C1": 7}', "[" * 100_000, '{"C1": "cara"}'])
def test_who_does_not_say_whose_an_account_was_does_not_assign_it(site: Site, seen: str) -> None:
    lena, _ = site.user("lena", "lead"), site.add("cara", "caller")
    assert 303 == lena.post("/lists/all", {"owner": "cara", "accounts": ["C1"], "seen": seen}).status_code
    assert ("C1 (carl)." in lena.get("/lists/all").text, []) == (True, given(site))


def test_a_lead_assigns_one_or_many(site: Site, cara: Visitor) -> None:
    """From the account, from the unassigned list; only to those who work accounts; the old owner loses sight of it."""
    lena, dora = site.user("lena", "lead"), site.user("dora", "caller", queue="seniors")
    assert (404, 403) == (dora.get(PAGE.format("B1")).status_code, dora.get("/lists/unassigned").status_code)
    assert "B1 Limited" in lena.get("/lists/unassigned").text
    many = ticked(lena, "/lists/unassigned", "B1", "C1") | {"owner": "seniors"}
    assert 303 == lena.post("/lists/unassigned", many).status_code
    assert 200 == dora.get(PAGE.format("B1")).status_code
    assert "Every account has an owner" in lena.get("/lists/unassigned").text
    assert 422 == lena.post("/lists/all", {"owner": "nobody-here", "accounts": ["B1"]}).status_code
    assert 422 == lena.post("/lists/all", {"owner": "cara"}).status_code
    again = lena.post("/lists/all?owner=seniors", {"owner": "nobody-here", "accounts": ["B1"]}).text
    assert ('value="B1" checked' in again, "A1 Limited" in again) == (True, False)
    assert 303 == lena.post("/accounts/do/assign/C1", marks(lena, "C1") | {"owner": "cara"}).status_code
    assert 404 == dora.get(PAGE.format("C1")).status_code
    site.sql("UPDATE app_user SET full_name = 'Cara Berg' WHERE name = 'cara'")
    site.sql("UPDATE queue SET title = 'Senior collections' WHERE name = 'seniors'")
    for owner, said in {"seniors": "Senior collections", "cara": "Cara Berg", "": "nobody"}.items():
        assert 303 == lena.post("/accounts/do/assign/C1", marks(lena, "C1") | {"owner": owner}).status_code
        assert f"Assigned to {said}." in lena.get(PAGE.format("C1")).text
    many = ticked(lena, "/lists/unassigned", "C1") | {"owner": "cara"}
    assert 303 == lena.post("/lists/unassigned", many).status_code
    assert "1 account is assigned to Cara Berg." in lena.get("/lists/unassigned").text
    assert "A1 Limited" in lena.get("/lists/all?owner=collections").text
    assert "B1 Limited" not in lena.get("/lists/all?owner=collections").text


@pytest.mark.parametrize("path", ["/lists/all", "/lists/unassigned"])
def test_all_of_a_page_are_ticked_by_a_link_and_a_page_can_be_long(
    site: Site, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Without a script; as many on a page as are assigned at once; afterwards nothing is ticked, on a page as long."""
    monkeypatch.setattr(lists, "SIZE", 2)
    site.sql("UPDATE account SET owner = '' WHERE born")
    site.add("dora", "caller")
    lena = site.user("lena", "lead")

    def shown(address: str) -> tuple[int, int]:
        text = lena.get(address).text
        return text.count('name="accounts"'), len(re.findall(r'name="accounts" value="[^"]+" checked', text))

    def link(address: str, label: str) -> str:
        found = re.search(rf'href="([^"]+)"[^>]*>{label}</a>', lena.get(address).text)
        assert found
        return html.unescape(found[1])

    assert (2, 0) == shown(path)
    ticked_all = link(path, "Tick all on this page")
    assert ((2, 2), (2, 0)) == (shown(ticked_all), shown(link(ticked_all, "Tick none")))
    assert (2, 0) == shown(link(ticked_all, "Next"))
    many = link(path, "Show 100 on a page")
    assert ((5, 0), (5, 5)) == (shown(many), shown(link(many, "Tick all on this page")))
    chosen = link(many, "Tick all on this page")
    sent = lena.post(chosen, ticked(lena, chosen, "A1", "A2") | {"owner": "dora"})
    assert (303, f"{path}?many=1") == (sent.status_code, sent.location)
    refused = lena.post(chosen, ticked(lena, chosen, "B1") | {"owner": "nobody-here"})
    assert 1 == len(re.findall(r'name="accounts" value="[^"]+" checked', refused.text))


def test_who_assigns_the_last_page_of_a_list_sees_what_is_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page that is empty now is not the list: the one before it is shown, as the last that there is."""
    monkeypatch.setattr(lists, "SIZE", 2)
    site.sql("UPDATE account SET owner = ''")
    lena = site.user("lena", "lead")
    site.add("dora", "caller")
    count = site.sql("SELECT count(*) FROM account WHERE born")[0][0]
    assert count >= 4
    last = (count + 1) // 2
    there = f"/lists/unassigned?page={last}"
    chosen = re.findall(r'name="accounts" value="([^"]+)"', lena.get(there).text)
    sent = lena.post(there, ticked(lena, there, *chosen) | {"owner": "dora"})
    assert there == sent.location
    shown = lena.get(there).text
    assert "Every account has an owner" not in shown
    assert f"{count - len(chosen)} accounts have no owner" in shown
    assert (f"<span>Page {last - 1}</span>" in shown, 2) == (last > 2, shown.count('name="accounts"'))
    assert f"page={last}" not in shown.partition('class="pager"')[2]
    assert "There are no accounts yet" not in lena.get("/lists/all?page=99").text
    assert "No account is assigned" not in site.logged_in("dora").get("/accounts?page=99").text
    assert "There is nothing of this kind" not in lena.get(PAGE.format("A1") + "?page=99").text


def test_a_call_back_has_a_time(site: Site, cara: Visitor) -> None:
    """It stands wherever the follow-up does; one that is no time is told beside it, and the rest stays typed."""
    call = {**CALL, "outcome": "call_back", "follow_up_clock": "25:99", "text": "In a meeting"}
    mistaken = cara.post("/accounts/do/call/A1", marks(cara) | call)
    assert 422 == mistaken.status_code
    assert all(words in mistaken.text for words in ("is a time such as 15:30", "In a meeting", "25:99"))
    assert 303 == cara.post("/accounts/do/call/A1", marks(cara) | call | {"follow_up_clock": "15:30"}).status_code
    planned = {"due_on": days(1), "clock": "09:05", "text": "Ask Ann"}
    assert 303 == cara.post("/accounts/do/follow-up/A2", marks(cara, "A2") | planned).status_code
    assert f"{wording.day(TODAY + dt.timedelta(days=3))}</time> at 15:30" in cara.get(PAGE.format("A1")).text
    mine = cara.get("/accounts").text
    assert all(
        f"{wording.day(TODAY + dt.timedelta(days=count))}</time> at {clock}" in mine
        for count, clock in ((1, "09:05"), (3, "15:30"))
    )
    ((number,),) = site.sql("SELECT id FROM task WHERE account_id = 'A1' AND clock = '15:30'")
    assert 303 == cara.post(f"/accounts/do/task-later/{number}/A1", {"due_on": days(5)}).status_code
    assert [(None,)] == [tuple(row) for row in site.sql(f"SELECT clock FROM task WHERE id = {number}")]


def test_the_brief_has_the_last_notes_that_stand_for_themselves(site: Site, cara: Visitor) -> None:
    """Those about a call are told with the call; of many the last three."""
    for number in range(1, 5):
        day = f"2026-01-2{number}"
        site.sql(
            """INSERT INTO note (account_id, "on", author, text) VALUES ('A1', :day, 'cara', :text)""",
            day=day,
            text=f"Word {number}",
        )
    brief = cara.get("/accounts/A1?topic=steps").text
    assert [f"Word {number}" in brief for number in range(1, 5)] == [False, True, True, True]
    assert brief.index("Word 4") < brief.index("Word 3")
    assert "Last notes" not in cara.get("/accounts/A2").text


def test_search_leads_to_the_account(site: Site, cara: Visitor) -> None:
    """One hit goes there at once; others' accounts are not found."""
    dora = site.user("dora", "caller")
    assert "/accounts/A1?invoice=A1-2" == cara.get("/search?q=A1-2").headers["Location"]
    assert "/accounts/A1" == cara.get("/search?q=A1").headers["Location"]
    found = cara.get("/search?q=limited").text
    assert all(name in found for name in ("A1 Limited", "A2 Limited", "E1 Limited"))
    assert "Nothing that you reach" in dora.get("/search?q=A1").text
    site.sql("UPDATE queue SET title = 'Our callers' WHERE name = 'collections'")
    found = cara.get("/search?q=limited").text
    assert ("owner: <bdi>Our callers" in found, "owner: <bdi>collections" in found) == (True, False)


def test_an_account_may_be_called_anything(site: Site, cara: Visitor, tmp_path: Path) -> None:
    """Slashes, spaces, umlauts and percent signs in an id are parts of its address; a name is text, never markup."""
    strange = {"account": "K\u00f6ln//1 %2F?&#x", "date": "2026-01-20", "name": "<script>alert(1)</script>"}
    opened = {"event": "account", **strange, "currency": "USD", "owner": "collections"}
    take_in(site.engine, write_events(tmp_path / "strange.jsonl", [opened]))
    text = cara.get("/accounts").text
    assert ("&lt;script&gt;" in text, "<script>alert" in text) == (True, False)
    address = re.search(r'href="(/accounts/K[^"]+)"', text)
    assert address
    path = html.unescape(address[1])
    assert 200 == cara.get(path).status_code
    note = cara.post(path.replace("/accounts/", "/accounts/do/note/", 1), {"seen": "1", "text": "kept"})
    assert (303, path) == (note.status_code, note.headers["Location"])


def test_an_address_with_strange_words_is_a_page_like_any_other(site: Site, cara: Visitor) -> None:
    """What is typed behind the question mark is kept as text; it never becomes another address, or a fault of ours."""
    new = "jsonb_build_object('id', 'X' || n, 'family', 'X' || n)"
    copies = "FROM account a, generate_series(1, 30) n WHERE a.id = 'B1'"
    site.sql(f"INSERT INTO account SELECT (jsonb_populate_record(a, {new})).* {copies}")
    lena = site.user("lena", "lead")
    answer = lena.get("/lists/all?endpoint=x&_scheme=javascript&_external=1&owner=&page=1")
    assert 200 == answer.status_code
    assert 'href="/lists/all?endpoint=x&amp;_scheme=javascript&amp;_external=1&amp;owner=&amp;page=2"' in answer.text
    assert 200 == cara.get("/accounts/A1?topic=x&page=999999999").status_code


# --- notices ----------------------------------------------------------------------------------------------------------


def notices(site: Site, *those: tuple[str, str, str]) -> list[str]:
    """The numbers of new notices, each of an account, to somebody, with a text."""
    columns = "account_id, kind, assignee, due_on, text, made_by"
    row = f"INSERT INTO task ({columns}) VALUES (:account, 'notice', :to, :on, :said, '') RETURNING id"
    return [str(site.sql(row, account=account, to=to, said=said, on=TODAY)[0][0]) for account, to, said in those]


def test_notices_are_settled_many_at_a_time(site: Site, cara: Visitor) -> None:
    """Each sees and settles their own; what somebody else has done meanwhile is told."""
    lena = site.user("lena", "lead")
    told = ("A1", "finance-lead", "one"), ("B1", "lead", "two"), ("C1", "finance-lead", "three"), ("A1", "cara", "hers")
    one, two, three, hers = notices(site, *told)
    page = lena.get("/notices").text
    assert [True, True, True, False] == [f">{said}<" in page for said in ("one", "two", "three", "hers")]
    assert page.index(">three<") < page.index(">two<") < page.index(">one<")
    assert [False, True] == [f">{said}<" in cara.get("/notices").text for said in ("one", "hers")]
    again = lena.post("/notices", {"which": "ticked"})
    assert (422, True) == (again.status_code, "Tick 1 to 50 notices." in again.text)
    assert 422 == lena.post("/notices", {"ticked": ["x", "9" * 40]}).status_code
    assert 303 == lena.post("/notices", {"which": "ticked", "ticked": [two], "shown": [one, two, three]}).status_code
    assert 303 == cara.post("/notices", {"which": "shown", "shown": [one, three, hers]}).status_code
    assert {two: "lena", hers: "cara", one: "", three: ""} == {
        str(row.id): row.done_by for row in site.sql("SELECT id, done_by FROM task WHERE kind = 'notice'")
    }
    assert "2 of them somebody else had done already" in cara.get("/notices").text
    lena.post("/notices", {"which": "shown", "shown": [one, two, three]})
    said = lena.get("/notices").text
    assert [True, True] == [words in said for words in ("2 notices done", "no notice is open")]


def test_a_notice_of_a_rule_says_why_it_acts(site: Site) -> None:
    lena = site.user("lena", "lead")
    rule = "[{id: late, from: called, when: days_overdue >= 1, do: [{notify: lead}], why: It is late.}]"
    activate(site.engine, load_policy(f"policy: p-usd\ncurrency: USD\nrules: {rule}\n", file="test"))
    assert "It is late. (rule late)" in lena.get("/notices").text

"""What guards keep back, on the pages: a lead sees a blown fuse and mends it; payments are said to be complete."""

import datetime as dt
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from arflow import clock
from arflow.advance import Engineering, complete_payments, drain, turn_delivery
from arflow.rules.loader import load_policy
from arflow.rules.reference import Reference
from arflow.store import fuse
from tests.production import activate, run, step, take_in, write_events
from tests.web.conftest import Live, Site, Visitor, look_at, violations

pytestmark = pytest.mark.database

REAL = Engineering(evaluator=Reference(), delivery="recorded")
POLICY = """
policy: trade
currency: USD
guards: {storm_fuse: {max_per_day: 2}, fresh_cash: {max_age_hours: 72}}
rules:
  - {id: ring, from: current, when: days_overdue >= 3, to: called, do: [{call: collections}], why: Late.}
"""


@pytest.fixture
def book(site: Site, tmp_path: Path) -> Site:
    """Five late accounts that nobody is called about yet, because payments are not known to be complete."""
    step(site.engine, dt.date(2026, 1, 20), delivery="recorded")
    activate(site.engine, load_policy(POLICY, file="test"))
    with site.engine.begin() as connection:
        turn_delivery(connection, is_on=True, actor="lena", reason="go")
    events = [
        {"event": "invoice", "account": f"A{number}", "date": "2026-01-02", "id": "I1", "amount": "50.00"}
        | {"currency": "USD", "due": "2026-01-10"}
        for number in range(5)
    ]
    take_in(site.engine, write_events(tmp_path / "events.jsonl", events))
    run(site.engine, REAL)
    return site


def calls(site: Site) -> dict[str, int]:
    return {row.status: row.number for row in site.sql("SELECT status, count(*) AS number FROM effect GROUP BY status")}


def test_payments_are_complete_the_storm_begins_and_a_lead_ends_it(live: Live, book: Site) -> None:
    """What waits says why; complete payments let it go, the fuse stops it, and the reason of its end stays."""
    book.add("lena", "lead")
    page = live.page("lena")
    assert {"waiting": 5} == calls(book)
    page.goto("/accounts/A1")
    expect(page.get_by_text("nobody has said yet that payments are complete")).to_be_visible()
    page.goto("/go-live/")
    assert [] == violations(page)
    page.get_by_label("Through").fill("2026-01-21")
    page.get_by_role("button", name="Payments are complete").click()
    expect(page.get_by_text("this date is still to come")).to_be_visible()
    page.get_by_label("Through").fill("2026-01-20")
    page.get_by_role("button", name="Payments are complete").click()
    expect(page.get_by_text("Payments are complete through 20 Jan 2026")).to_be_visible()
    with book.engine.begin() as connection:  # it leaves in the morning, for the clock stands at the end of a day
        clock.step_to(connection, dt.date(2026, 1, 21))
    while drain(book.engine, REAL, limit=1) is not None:
        pass
    assert {"sent": 3, "waiting": 2} == calls(book)
    for dark in (True, False):
        other = live.page("lena", dark=dark)
        other.goto("/go-live/")
        expect(other.get_by_role("heading", name="The storm fuse of trade is blown")).to_be_visible()
        look_at(other, f"fuse-{'dark' if dark else 'light'}")
        assert [] == violations(other)
    page.goto("/go-live/")
    page.get_by_label("What waits").select_option("discard")
    page.get_by_label("Why", exact=True).fill("a mistake of the import")
    page.get_by_role("button", name="Put the fuse in again").click()
    expect(page.get_by_role("table", name="Fuses that blew")).to_contain_text("a mistake of the import")
    run(book.engine, REAL)
    assert {"sent": 3, "dropped": 2} == calls(book)


def test_a_forecast_takes_payments_for_complete_and_says_so(book: Site) -> None:
    """One word of it lets everything out: it must be foreseen."""
    lena = book.user("lena", "lead")
    leaving = lena.get("/go-live/forecast.csv").text.splitlines()[1:]
    assert [f"2026-01-21,A{number}" for number in range(5)] == [line[:13] for line in leaving]
    assert "payments are complete, letters arrive" in lena.get("/go-live/").text


def test_a_fuse_that_is_in_cannot_be_mended_and_a_reason_is_needed(book: Site) -> None:
    lena = book.user("lena", "lead")
    late = lena.post("/go-live/fuse/trade", {"decision": "release", "reason": "looked at"}, follow_redirects=True)
    assert "Somebody else had put it in again already." in late.text
    assert 422 == lena.post("/go-live/fuse/trade", {"decision": "release", "reason": ""}).status_code
    assert 422 == lena.post("/go-live/fuse/trade", {"decision": "burn", "reason": "x"}).status_code


def sent_from(visitor: Visitor, form: str) -> dict[str, str]:
    """What the page of going live has hidden in one of its forms."""
    found = re.search(
        f'action="/go-live/{form}".*?name="seen" value="([^"]*)"', visitor.get("/go-live/").text, re.DOTALL
    )
    assert found
    return {"seen": found[1]}


def test_payments_are_vouched_for_once_by_a_form_that_is_sent_again(book: Site) -> None:
    """Back and sent again, it would speak for what nobody imported; the same when an import has said so since."""

    def words() -> int:
        return int(book.sql("SELECT count(*) FROM cash_mark")[0][0])

    lena = book.user("lena", "lead")
    sent = sent_from(lena, "payments")
    assert [303, 409] == [lena.post("/go-live/payments", sent).status_code for _ in range(2)]
    late = lena.post("/go-live/payments", sent | {"through": "2026-01-19"})
    assert (409, 1) == (late.status_code, words())
    assert "Since you opened this page it was said already that payments are complete" in late.text
    assert 'value="2026-01-19"' in late.text
    sent = sent_from(lena, "payments")
    with book.engine.begin() as connection:
        complete_payments(connection, actor="")
    assert (409, 2) == (lena.post("/go-live/payments", sent).status_code, words())
    assert (303, 3) == (lena.post("/go-live/payments", sent_from(lena, "payments")).status_code, words())


def test_a_decision_about_one_storm_is_none_about_the_next(book: Site) -> None:
    """The form of a fuse that was mended, sent again when it has blown again: nobody has looked at what waits now."""

    def blow(day: int) -> None:
        with book.engine.begin() as connection:
            fuse.blow(connection, ("trade", dt.date(2026, 1, day)), 6, 2)

    lena = book.user("lena", "lead")
    blow(20)
    sent = sent_from(lena, "fuse/trade") | {"decision": "release", "reason": "looked at"}
    assert 303 == lena.post("/go-live/fuse/trade", sent).status_code
    blow(21)
    again = lena.post("/go-live/fuse/trade", sent)
    assert (409, True) == (again.status_code, "This fuse has blown again since you opened this page" in again.text)
    assert ["looked at", ""] == [row.reason for row in book.sql("SELECT reason FROM blown_fuse ORDER BY id")]
    assert 303 == lena.post("/go-live/fuse/trade", sent | sent_from(lena, "fuse/trade")).status_code

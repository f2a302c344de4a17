"""Going live: nothing leaves before, what would is shown, old debts begin further on, off is at once."""

import csv
import datetime as dt
import io
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest
from playwright.sync_api import Page as BrowserPage
from playwright.sync_api import expect
from sqlalchemy import Connection, select

from arflow import advance
from arflow.forecast import forecast
from arflow.reports import beginnings
from arflow.store import desk_tables, fuse, switch
from arflow.web.golive import looking, old_debts
from tests.production import activate, standard, step, take_in, write_events
from tests.random_events import Line
from tests.test_doors import REAL
from tests.web.conftest import Live, Site, look_at, settings_for, violations
from tests.web.pagecheck import Page

pytestmark = pytest.mark.database

TODAY = dt.date(2026, 4, 20)
OLD = "/go-live/old-debts/2026-03-01/called"


def ledger() -> list[Line]:
    """Two old debts and a new one in dollars, and an old one in Canadian dollars, for which no policy is there."""
    found: list[Line] = []
    for account, currency, due in (
        ("OLD1", "USD", "2026-01-15"),
        ("OLD2", "USD", "2026-02-10"),
        ("NEW1", "USD", "2026-04-16"),
        ("CAN1", "CAD", "2026-01-20"),
    ):
        who: Line = {"account": account, "date": "2026-01-02"}
        found.append({"event": "account", **who, "currency": currency, "name": f"Name of {account}"})
        found.append({"event": "invoice", **who, "id": "I1", "amount": "100.00", "due": due})
    return found


@pytest.fixture
def book(site: Site, tmp_path: Path) -> Site:
    """A first import on 20 April 2026, as a company does it: delivery is off."""
    step(site.engine, TODAY, delivery="recorded")
    activate(site.engine, standard("standard-usd"))
    take_in(site.engine, write_events(tmp_path / "events.jsonl", ledger()))
    return site


_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


def _once_set(may_end: threading.Event, real: Callable[_Given, _Made]) -> Callable[_Given, _Made]:
    """What does what the real one does, once it may."""

    def wait(*given: _Given.args, **named: _Given.kwargs) -> _Made:
        may_end.wait(60)
        return real(*given, **named)

    return wait


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Lets nobody who looks ahead come to an end before it is set."""
    may_end = threading.Event()

    monkeypatch.setattr(looking, "PATIENCE", 0.0)
    monkeypatch.setattr(looking, "forecast", _once_set(may_end, forecast))
    monkeypatch.setattr(looking, "_LONG", float("inf"))  # however long it was held
    yield may_end
    may_end.set()
    for thread in threading.enumerate():
        if thread.name == "looking-ahead":
            thread.join()  # else it still reads while the database goes away


def rows(text: str) -> list[dict[str, str]]:
    """The lines of a CSV file."""
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def is_on(site: Site) -> bool:
    """Whether delivery is on."""
    with site.engine.connect() as connection:
        return switch.is_on(connection)


def states(site: Site) -> dict[str, str]:
    """Where each account stands."""
    return {row.id: row.state for row in site.sql("SELECT id, state FROM account")}


def last_turn(site: Site) -> str:
    """What the form that turns delivery on says it has seen."""
    return str(max(row.id for row in site.sql("SELECT id FROM delivery_switch")))


def test_a_form_that_turned_delivery_on_does_not_undo_that_somebody_stopped_it(book: Site) -> None:
    """Sent again it says who has turned it off and why, and keeps what was typed; whoever has seen that may go on."""
    lena, berta = book.user("lena", "lead"), book.user("berta", "lead")
    on = {"reason": "the first import is checked"}
    assert 303 == lena.post("/go-live/on", on).status_code
    berta.post("/go-live/off", {"reason": "wrong bank details in the letters"})
    refused = lena.post("/go-live/on", on)
    assert (409, False) == (refused.status_code, is_on(book))
    assert "turned off by berta since you opened this page: wrong bank details in the letters" in refused.text
    assert on["reason"] in refused.text
    assert 303 == lena.post("/go-live/on", on | {"seen": last_turn(book)}).status_code
    assert is_on(book)


def test_off_waits_for_nobody_and_counts_over_who_was_turning_it_on(book: Site) -> None:
    """It does not wait for what turning on waits for, such as an import, and is the later turn."""
    lena = book.user("lena", "lead")
    with book.engine.begin() as connection:
        assert advance.turn_delivery(connection, is_on=True, actor="berta", reason="go")
        assert 303 == lena.post("/go-live/off", {}).status_code
    assert not is_on(book)


def test_on_waits_for_who_is_turning_it_off_and_then_says_so(book: Site) -> None:
    """Whoever presses both at once has it off, unless they have seen that."""
    lena, pool = book.user("lena", "lead"), ThreadPoolExecutor(1)
    with book.engine.begin() as connection:
        advance.turn_delivery(connection, is_on=False, actor="berta", reason="stop")
        on = pool.submit(lena.post, "/go-live/on", {"reason": "go"})
        with pytest.raises(TimeoutError):
            on.result(0.3)
    assert (409, False) == (on.result(20).status_code, is_on(book))


def test_two_who_turn_it_on_at_once_wait_for_each_other(book: Site) -> None:
    """And the second learns that it was done already."""
    lena, pool = book.user("lena", "lead"), ThreadPoolExecutor(1)
    with book.engine.begin() as connection:
        advance.turn_delivery(connection, is_on=True, actor="berta", reason="go")
        on = pool.submit(lena.post, "/go-live/on", {"reason": "go"})
        with pytest.raises(TimeoutError):
            on.result(0.3)
    assert (303, True) == (on.result(20).status_code, is_on(book))
    assert 1 == len(book.sql("SELECT id FROM delivery_switch"))


def test_an_account_that_somebody_escalates_just_now_is_not_taken_down(book: Site) -> None:
    """Placing waits for them, and looks again."""
    lena, pool = book.user("lena", "lead"), ThreadPoolExecutor(1)
    with book.engine.begin() as connection:
        content = {"event": "forced", "to": "escalated", "reason": "with the lawyer"}
        advance.record(connection, "OLD2", [content], actor="lena", engineering=REAL)
        placed = pool.submit(lena.post, OLD, {"reason": "old"})
        with pytest.raises(TimeoutError):
            placed.result(0.5)
    assert 303 == placed.result(20).status_code
    assert {"OLD1": "called", "OLD2": "escalated"} == {key: states(book)[key] for key in ("OLD1", "OLD2")}


def test_on_needs_a_reason_and_off_is_one_click(book: Site) -> None:
    """Who turned it, when and why stands on the page; without a reason it stays off, and what was typed stays too."""
    lena = book.user("lena", "lead")
    refused = lena.post("/go-live/on", {"reason": " "})
    assert (422, False) == (refused.status_code, is_on(book))
    assert "is needed" in refused.text
    assert 303 == lena.post("/go-live/on", {"reason": "the first import is checked"}).status_code
    assert is_on(book)
    page = lena.get("/go-live/").text
    assert "lena turned it on" in page
    assert "the first import is checked" in page
    back = lena.post("/go-live/off", {"there": "/pipeline/ageing"})
    assert (303, "/pipeline/ageing", False) == (back.status_code, back.location, is_on(book))
    assert "turned off at once" in lena.get("/go-live/").text
    assert "/" == lena.post("/go-live/off", {"there": "https://elsewhere.example/"}).location
    assert "done that already" in lena.get("/go-live/").text


def test_queues_where_nobody_works_are_named_before_their_calls_wait_for_nobody(book: Site) -> None:
    """On the first day the policies name queues that nobody has made; one with a member is no longer named."""
    lena = book.user("lena", "lead")
    assert "give calls or accounts to collections, senior-collections, where nobody works" in lena.get("/go-live/").text
    book.add("cara", "caller", queue=("collections", "senior-collections"))
    assert "where nobody works" not in lena.get("/go-live/").text
    book.sql("UPDATE app_user SET disabled_at = now() WHERE name = 'cara'")
    assert "where nobody works" in lena.get("/go-live/").text


def test_delivery_is_stopped_from_every_page_of_a_lead(book: Site) -> None:
    """While it is on, a lead's pages have the button, a caller's have not; off, they say so."""
    lena, cara = book.user("lena", "lead"), book.user("cara", "caller")
    button = "Stop delivery"
    assert ["delivery is off"] == [said for said in ("delivery is off", button) if said in lena.get("/pipeline/").text]
    lena.post("/go-live/on", {"reason": "Go-live <1>"})
    assert "Go-live &lt;1&gt;" in lena.get("/go-live/").text
    assert [True, True] == [button in lena.get(path).text for path in ("/pipeline/ageing", "/password")]
    assert button not in cara.get("/accounts").text
    lena.post("/go-live/off", {"there": "/pipeline/"})
    lena.post("/go-live/on", {"reason": "again", "seen": last_turn(book)})
    assert [True, False, True] == [row.is_on for row in book.sql("SELECT is_on FROM delivery_switch ORDER BY id")]


def test_the_forecast_counts_by_day_and_leads_to_its_list(book: Site) -> None:
    """What would go out in 14 days, by day and message, each number with the accounts behind it, and as a file."""
    lena = book.user("lena", "lead")
    page = lena.get("/go-live/").text
    assert "Nothing leaves today." in page
    assert "No active policy is for 1 account:" in page
    assert "Of 3 accounts that are to get a letter no e-mail address is known." in page
    found = rows(lena.get("/go-live/forecast.csv").text)
    assert {"OLD1", "OLD2", "NEW1"} == {row["account"] for row in found}
    first = found[0]
    address = f"/go-live/forecast/list?day={first['date']}&effect={first['effect']}&name={first['what']}"
    listed = lena.get(address).text
    assert f'href="/accounts/{first["account"]}"' in listed
    assert first["rule"] in listed
    assert address.replace("&", "&amp;") in page
    narrow = rows(lena.get(f"/go-live/forecast.csv?day={first['date']}&name={first['what']}").text)
    assert {(first["date"], first["what"])} == {(row["date"], row["what"]) for row in narrow}
    assert 302 == lena.get("/go-live/forecast").status_code
    assert 'id="forecast"' in lena.get("/go-live/forecast", headers={"HX-Request": "true"}).text


def test_old_debts_begin_where_a_lead_says_without_a_message(book: Site) -> None:
    """The preview counts accounts and money; then they stand there, journalled with the reason; nothing waits."""
    lena = book.user("lena", "lead")
    chosen = lena.get("/go-live/old-debts?older_than=2026-03-01&state=called")
    assert OLD == chosen.location
    preview = lena.get(OLD).text
    assert "Let 2 accounts begin in called" in preview
    assert "no active policy is for them" in preview
    assert 422 == lena.post(OLD, {"reason": ""}).status_code
    assert "called" not in states(book).values()
    assert 303 == lena.post(OLD, {"reason": "chased by the old system"}).status_code
    assert {"OLD1": "called", "OLD2": "called"} == {key: to for key, to in states(book).items() if to == "called"}
    journal = book.sql("SELECT account_id, actor, details FROM journal WHERE cause = 'go_live' AND kind = 'step'")
    assert {("OLD1", "lena"), ("OLD2", "lena")} == {(row.account_id, row.actor) for row in journal}
    assert {"chased by the old system"} == {row.details["reason"] for row in journal}
    assert [] == book.sql("SELECT 1 FROM message")
    assert 0 == book.sql("SELECT count(*) FROM effect WHERE account_id LIKE 'OLD%' AND status = 'waiting'")[0][0]
    assert "No account is to be moved" in lena.get(OLD).text
    again = rows(lena.get("/go-live/forecast.csv").text)
    assert not {row["what"] for row in again if row["account"] == "OLD1"} & {"first-reminder", "second-reminder"}


def test_what_is_left_of_old_debts_needs_the_button_only(book: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time was up after one of two: the page comes back with the reason in its field, one for one decision."""
    monkeypatch.setattr(old_debts, "SECONDS", 0.0)
    monkeypatch.setattr(old_debts, "BATCH", 1)
    lena, reason = book.user("lena", "lead"), "chased by <the old> system"
    answer = lena.post(OLD, {"reason": reason})
    shown = answer if answer.status_code == 200 else lena.get(answer.location)
    assert "1 account now begins in called. 1 is left: press the button again." in shown.text
    assert "Let 1 account begin in called" in shown.text
    fields = Page(shown.text).forms[OLD]
    assert {reason} == fields["reason"]
    assert 303 == lena.post(OLD, {"reason": fields["reason"].pop()}).status_code
    journal = book.sql("SELECT details FROM journal WHERE cause = 'go_live' AND kind = 'step'")
    assert [reason, reason] == [row.details["reason"] for row in journal]


def test_who_pays_through_an_old_debtor_begins_there_too(book: Site, tmp_path: Path) -> None:
    """The rules see the payer's debts, so a child left behind would get a courtesy note; money counts once."""
    child = {"event": "account", "account": "CHILD", "date": "2026-01-02", "currency": "USD", "pays_through": "OLD1"}
    take_in(book.engine, write_events(tmp_path / "child.jsonl", [child]))
    lena = book.user("lena", "lead")
    page = lena.get(OLD).text
    assert "3 accounts" in page
    assert ["200.00"] == re.findall(r"200\.00|300\.00", page)[:1]
    lena.post(OLD, {"reason": "they had their letters"})
    assert {"called"} == {state for key, state in states(book).items() if key in ("OLD1", "OLD2", "CHILD")}


def test_old_debts_only_go_up(book: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest first: what stands higher is left alone, whoever took it there, since the button was pressed too."""
    lena = book.user("lena", "lead")
    assert 303 == lena.post("/go-live/old-debts/2026-02-01/escalated", {"reason": "with the lawyer"}).status_code
    assert "Let 1 account begin in called" in lena.get(OLD).text
    assert 303 == lena.post(OLD, {"reason": "had their letters"}).status_code
    assert {"OLD1": "escalated", "OLD2": "called"} == {key: states(book)[key] for key in ("OLD1", "OLD2")}
    assert "No account is to be moved" in lena.get(OLD.replace("called", "reminded")).text
    monkeypatch.setattr(beginnings, "ids_of_old_debts", lambda *_: ["OLD1"])
    assert 303 == lena.post(OLD, {"reason": "too late"}).status_code
    assert "escalated" == states(book)["OLD1"]


@pytest.mark.parametrize("path", ["/2026-03-01/promised", "/2026-03-01/nowhere", "/first/called", "?state=called"])
def test_what_is_no_choice_is_refused(site: Site, path: str) -> None:
    """A state in which no debt begins, or no date: 422."""
    assert 422 == site.user("lena", "lead").get(f"/go-live/old-debts{path}").status_code


def test_old_debts_are_not_moved_once_delivery_is_on(book: Site) -> None:
    """Somebody has turned it on while the preview was open: refused, and nothing moved."""
    lena = book.user("lena", "lead")
    before = states(book)
    with book.engine.begin() as connection:
        advance.turn_delivery(connection, is_on=True, actor="adam", reason="go")
    refused = lena.post(OLD, {"reason": "chased by the old system"})
    assert (422, before) == (refused.status_code, states(book))
    assert "Delivery is on by now; debts begin somewhere before it is turned on" in refused.text
    assert "chased by the old system" in refused.text


def test_what_fails_while_looking_ahead_is_told_and_tried_again(book: Site) -> None:
    """Trouble of the thread that looks ahead is raised in the request that asks, once; the next begins anew."""
    doors = settings_for(book.engine).engineering
    with book.engine.connect() as connection:
        with pytest.raises(TypeError):
            looking.look(connection, object())  # type: ignore[arg-type]  # no engineering at all
        found = looking.look(connection, doors)
    assert found.made is not None
    assert (True, False) == (found.is_current, found.is_looking)


def test_a_list_that_is_not_known_yet_is_not_called_a_page_that_is_not_there(book: Site, held: threading.Event) -> None:
    answer = book.user("lena", "lead").get("/go-live/forecast/list")
    assert (404, True) == (answer.status_code, "still being looked at" in answer.text)
    assert ["This cannot be shown"] == re.findall("<h1>(.*)</h1>", answer.text)


def test_an_answer_is_kept_until_something_changes(book: Site) -> None:
    """The same forecast as long as nothing was recorded; the switch, a word of payments or a fuse makes it anew."""
    doors = settings_for(book.engine).engineering
    changed: list[Callable[[Connection], object]] = [
        lambda connection: advance.turn_delivery(connection, is_on=True, actor="adam", reason="go"),
        lambda connection: advance.complete_payments(connection, actor="adam"),
        lambda connection: fuse.blow(connection, ("standard-usd", TODAY), 6, 5),
        lambda connection: advance.mend_fuse(
            connection, "standard-usd", is_released=True, actor="adam", reason="looked at"
        ),
    ]
    for change in changed:
        with book.engine.connect() as connection:
            first = looking.look(connection, doors).made
            assert first is not None
            assert first is looking.look(connection, doors).made
        with book.engine.begin() as connection:
            change(connection)
        with book.engine.connect() as connection:
            found = looking.look(connection, doors)
            assert found.is_current
            assert first is not found.made


def test_a_long_look_shows_how_far_it_is(live: Live, book: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page does not wait for it; the browser asks again by itself, and what leaves right away is told then, too."""
    monkeypatch.setattr(looking, "PATIENCE", 0.0)
    book.add("lena", "lead")
    page = live.page("lena")
    answer = page.goto("/go-live/")
    assert answer
    assert 'hx-get="/go-live/forecast"' in answer.text()
    page.get_by_label("Why now").fill("typed meanwhile")
    page.get_by_role("table", name="Messages and calls by day").wait_for()
    expect(page.locator("#right-away")).to_contain_text("Nothing leaves today.")
    expect(page.get_by_label("Why now")).to_have_value("typed meanwhile")


def told_anew(page: BrowserPage) -> None:
    """Wait until the browser has put the next answer in the place of the forecast that is shown now."""
    page.evaluate("document.querySelector('#forecast').dataset.seen = 'before'")
    expect(page.locator("#forecast[data-seen]")).to_have_count(0)


def test_the_focus_stays_while_the_forecast_is_told_anew(live: Live, book: Site, held: threading.Event) -> None:
    """On `Look again`, also once the answer is there; and on a number of the last answer while the next is made."""
    book.add("lena", "lead")
    page = live.page("lena")
    page.goto("/go-live/")
    again = page.get_by_role("link", name="Look again")
    again.focus()
    told_anew(page)
    expect(again).to_be_focused()
    held.set()
    number = page.get_by_role("table", name="Messages and calls by day").get_by_role("link").first
    number.wait_for()
    expect(again).to_be_focused()
    held.clear()
    with book.engine.begin() as connection:
        advance.turn_delivery(connection, is_on=True, actor="adam", reason="go")
    page.goto("/go-live/")
    for focused in (
        number,
        page.get_by_role("region", name="Messages and calls by day"),
        page.get_by_role("link", name="Download"),
    ):
        focused.focus()
        told_anew(page)
        expect(focused).to_be_focused()
    held.set()
    expect(page.get_by_role("progressbar")).to_have_count(0)
    assert [] == violations(page)


def test_a_lead_goes_live_in_the_browser(live: Live, book: Site) -> None:
    """Without JavaScript: looks at what would go out, lets old debts begin further on, and turns delivery on."""
    book.add("lena", "lead")
    page = live.page("lena", java_script=False)
    page.goto("/go-live/")
    page.get_by_label("Overdue since before").fill("2026-03-01")
    page.get_by_label("Begin in").select_option("escalated")
    page.get_by_role("button", name="See which accounts").click()
    page.get_by_label("Why").fill("they are with a lawyer")
    page.get_by_role("button", name="Let 2 accounts begin in escalated").click()
    expect(page.get_by_text("2 accounts now begin in escalated. No message was sent.")).to_be_visible()
    page.get_by_label("Why now").fill("all checked")
    page.get_by_role("button", name="Turn delivery on").click()
    expect(page.get_by_role("heading", name="Delivery is on")).to_be_visible()
    assert "escalated" == states(book)["OLD1"]
    with book.engine.connect() as connection:
        assert [] == connection.execute(select(desk_tables.message)).all()


def test_going_live_has_no_violation(live: Live, book: Site) -> None:
    """Light and dark, the page, the list behind a number, and the preview of old debts."""
    book.add("lena", "lead")
    for dark in (False, True):
        page = live.page("lena", dark=dark)
        for name, path in {"go-live": "/go-live/", "leaving": "/go-live/forecast/list", "old": OLD}.items():
            page.goto(path)
            look_at(page, f"{'dark-' if dark else ''}{name}")
            assert [] == violations(page)

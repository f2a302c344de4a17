"""The pages that tell leads how collecting goes: measures of a period, month by month, and person by person."""

import datetime as dt
import re
from functools import partial
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.production import run, step
from tests.reports.test_shared import grown
from tests.servers import until
from tests.test_doors import REAL
from tests.web.conftest import Live, Site, Visitor, look_at, violations
from tests.web.leads_book import lived, rows
from tests.web.pagecheck import Page

pytestmark = pytest.mark.database


@pytest.fixture
def book(site: Site, tmp_path: Path) -> Site:
    """The ledger of leads, lived day by day to the end of 20 April 2026."""
    return lived(site, tmp_path)


def cells(text: str, name: str) -> list[str]:
    """What stands in the first line of a page's tables that begins with `name`."""
    line = re.search(rf'<th scope="row">(?:<bdi>)?{name}.*?</tr>', text, re.DOTALL)
    assert line, name
    found = re.findall(r"<td[^>]*>(.*?)</td>", line[0], re.DOTALL)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", cell).replace("&nbsp;", " ")).strip() for cell in found]


def test_they_are_there_for_an_empty_book_too(site: Site) -> None:
    lena = site.user("lena", "lead")
    for name in ("measures", "measures.csv", "callers", "callers.csv"):
        assert 200 == lena.get(f"/pipeline/{name}").status_code, name


def test_measures_of_a_period_stand_beside_the_one_before(book: Site) -> None:
    """In dollars 4,234.50 was invoiced, 1,000.00 paid; 3,234.50 is open, and 3,000.00 and 234.50 of it overdue."""
    lena = book.user("lena", "lead")
    text = lena.get("/pipeline/measures").text.split('id="in-USD"')[1]
    assert ["39.0 days", "no figure"] == cells(text, "Days sales outstanding")
    assert ["100.0 %", "no figure"] == cells(text, "Overdue part")
    assert ["1,000.00 USD", "0.00 USD"] == cells(text, "Collected")
    assert ["no figure", "no figure"] == cells(text, "Promises kept")
    assert "23.6 %" == cells(text, "Effectiveness")[0]


def test_bars_are_labelled_by_what_they_are_drawn_of(book: Site) -> None:
    """Behind each stands what was overdue then, the latest last; that of 1,000.00 is a third of that of 3,234.50."""
    text = book.user("lena", "lead").get("/pipeline/measures").text.split('id="in-USD"')[1].split("</svg>")[0]
    notes = re.findall(r'class="note">([^<]*)', text)
    widths = [float(width) for width in re.findall(r'<rect x="[^"]+" y="[^"]+" width="([^"]+)"', text)]
    assert "3,234.50" == notes[-1]
    amounts = [float(note.replace(",", "")) for note in notes]
    assert [round(300 * one / max(amounts), 2) for one in amounts if one] == widths
    assert "DSO" not in text


def test_what_is_not_taken_in_yet_is_said_to_be_missing(book: Site) -> None:
    lena = book.user("lena", "lead")
    assert "is not taken in yet" not in lena.get("/pipeline/measures").text
    book.sql("UPDATE event SET applied = false WHERE kind = 'payment'")
    assert "What was recorded of 1 account is not taken in yet" in lena.get("/pipeline/measures").text


def test_a_past_day_and_another_period_can_be_asked_for(book: Site) -> None:
    lena = book.user("lena", "lead")
    text = lena.get("/pipeline/measures?days=30&as_of=2026-03-15").text.split('id="in-USD"')[1]
    assert ["15.0 days", "no figure"] == cells(text, "Days sales outstanding")
    assert ["0.0 %", "no figure"] == cells(text, "Overdue part")
    for wrong, status, said in (
        ("days=31", 422, "is no days of this report"),
        ("as_of=2026-04-21", 400, "still to come"),
    ):
        refused = lena.get(f"/pipeline/measures?{wrong}")
        assert status == refused.status_code
        assert said in refused.text


def test_files_hold_what_the_pages_show(book: Site) -> None:
    lena = book.user("lena", "lead")
    told = rows(lena.get("/pipeline/measures.csv?days=90").text)
    dollars = [row for row in told if row["currency"] == "USD"]
    page = lena.get("/pipeline/measures?days=90").text.split('id="in-USD"')[1]
    shown = re.findall(r'<th scope="row"><time datetime="([^"]+)"', page)
    assert ["2026-04-20", "2026-01-20", *shown] == [row["until"] for row in dollars]
    assert ["2026-04-20", "2026-01-20", "2026-03-31"] == [row["until"] for row in dollars[:3]]
    assert ("39.0", "100.0", "") == tuple(
        dollars[0][name] for name in ("dso_days", "overdue_percent", "promises_kept_percent")
    )
    assert {"2026-04-20"} == {row["as_of"] for row in told}


def test_each_person_is_shown_with_work_ahead_and_what_came_of_talks(book: Site) -> None:
    """Who took a promise that was kept in part, who has something late, and nobody who may not call."""
    book.user("cara", "caller")
    book.user("polly", "policy_owner")
    book.sql("INSERT INTO queue (name, title) VALUES ('collections', 'Collections')")
    book.sql("UPDATE account SET call_open = true, call_queue = 'collections', owner = '' WHERE id = 'A4'")
    lena = book.user("lena", "lead")
    book.sql("UPDATE app_user SET full_name = 'Cara Ide' WHERE name = 'cara'")
    book.sql(
        "INSERT INTO task (account_id, kind, assignee, due_on, text, made_by) VALUES "
        "('A2', 'follow_up', 'cara', '2026-04-18', 'late', 'cara'),"
        "('A2', 'follow_up', 'cara', '2026-04-20', 'today', 'cara'),"
        "('A2', 'follow_up', 'cara', '2026-04-25', 'later', 'cara')"
    )
    for kind, identity, content in (
        ("contact", "1", '{"channel": "call", "outcome": "promised"}'),
        ("contact", "2", '{"channel": "call", "outcome": "no_answer"}'),
        ("contact", "3", '{"channel": "call", "outcome": "wrong_number"}'),
        ("contact", "4", '{"channel": "call", "direction": "in", "outcome": "call_back"}'),
    ):
        book.sql(
            'INSERT INTO event (account_id, kind, identity, occurrence, "on", clock, content, digest, known_on, actor)'
            f" VALUES ('A2', '{kind}', 't{identity}', 1, '2026-04-19', '10:00', '{content}', '', '2026-04-19', 'cara')"
        )
    book.sql("UPDATE event SET actor = 'cara' WHERE kind = 'promise'")
    text = lena.get("/pipeline/callers").text
    assert ["1 accounts of Cara Ide", "0", "1", "1", "1", "2", "50.0 %", "2", "1", ""] == cells(text, "Cara Ide")
    assert cells(text, "lena")
    assert "polly" not in text
    nobodys = book.sql("SELECT count(*) FROM account WHERE call_open AND owner = '' AND call_queue = 'collections'")
    assert ["0", str(nobodys[0][0])] == cells(text, "Collections")[:2]
    (cara, *_) = rows(lena.get("/pipeline/callers.csv").text)
    assert ("cara", "1", "2", "50.0", "2026-03-21") == tuple(
        cara[name] for name in ("user", "tasks_late", "conversations", "reached_of_calls_percent", "after")
    )
    book.sql("UPDATE app_user SET disabled_at = now() WHERE name = 'cara'")
    assert "2" == cells(lena.get("/pipeline/callers").text, "Cara Ide")[5]
    step(book.engine, dt.date(2026, 5, 5))
    run(book.engine, REAL)
    assert "0 of 1" == cells(lena.get("/pipeline/callers").text, "Cara Ide")[-1]


def test_a_lead_of_a_large_company_is_told_that_figures_are_being_added_up(book: Site) -> None:
    lena = book.user("lena", "lead")
    grown(book.engine)
    for name, whole in (("measures", "Days sales outstanding"), ("callers", "Conversations")):
        path = f"/pipeline/{name}?days=30"
        told = lena.get(path)
        assert (202, True) == (told.status_code, "are being added up" in told.text)
        assert path in told.text
        until(partial(_is_whole, lena, path), 20)
        assert whole in lena.get(path).text


def _is_whole(visitor: Visitor, path: str) -> bool:
    return visitor.get(path).status_code == HTTPStatus.OK


def test_nothing_is_wrong_with_them_for_anybody(book: Site, live: Live) -> None:
    """Light and dark, and on a narrow screen."""
    book.user("lena", "lead")
    page = live.page("lena")
    for name in ("measures", "callers"):
        page.goto(f"{live.address}/pipeline/{name}")
        assert [] == Page(page.content()).faults
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert [] == violations(page)
            look_at(page, f"{name}-{scheme}")
        page.set_viewport_size({"width": 400, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        look_at(page, f"{name}-narrow")
        page.set_viewport_size({"width": 1366, "height": 768})

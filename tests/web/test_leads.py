"""What finance leads see: the pipeline, ageing, flow and owners, the list behind each number, and files of all."""

import html
import re
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select

from arflow.desk.worklist import Worklist
from arflow.reports import sweeps
from arflow.reports.blocks import Blocks
from arflow.reports.sweeps import SWEEPING
from arflow.web.bars import LABELS, LENGTH, ROOM, picture
from arflow.web.paging import paged
from tests.reports.test_shared import grown
from tests.servers import until
from tests.web.conftest import Live, Site, look_at, violations
from tests.web.leads_book import lived, rows

pytestmark = pytest.mark.database

PATHS = ("/pipeline/", "/pipeline/ageing", "/pipeline/flow", "/pipeline/accounts", "/pipeline/owners")
FILES = ("/pipeline.csv", "/ageing.csv", "/flow.csv", "/accounts.csv", "/owners.csv")


@pytest.fixture
def book(site: Site, tmp_path: Path) -> Site:
    """The ledger lived day by day to the end of 20 April 2026."""
    return lived(site, tmp_path)


def test_every_report_is_there_for_an_empty_book_too(site: Site) -> None:
    lena = site.user("lena", "lead")
    for path in (*PATHS, "/pipeline/flow/accounts", *(f"/pipeline{file}" for file in FILES)):
        assert 200 == lena.get(path).status_code, path
    assert "There are no accounts yet" in lena.get("/pipeline/").text


def test_the_pipeline_counts_accounts_and_money_by_state_and_currency(book: Site) -> None:
    """Every state of every currency has a line; overdue is disputed, promised and collectible; nothing is added up."""
    lena = book.user("lena", "lead")
    found = {(row["currency"], row["state"]): row for row in rows(lena.get("/pipeline/pipeline.csv").text)}
    assert 14 == len(found)
    assert {"as_of", "accounts", "open_amount", "overdue_amount"} <= set(found["USD", "promised"])
    promised = found["USD", "promised"]
    assert ("1", "1000.00", "1000.00", "0.00") == (
        promised["accounts"],
        promised["overdue_amount"],
        promised["promised_amount"],
        promised["collectible_amount"],
    )
    assert 400 == sum(float(row["disputed_amount"]) for key, row in found.items() if key[0] == "USD")
    page = lena.get("/pipeline/").text
    assert "3,234.50" in page
    assert "1,000.00" in page


def test_ageing_as_a_file_has_the_rows_and_figures_of_its_page(book: Site) -> None:
    """Each age of each currency in its order, then all that is overdue, with how old the oldest is, and all open."""
    lena = book.user("lena", "lead")
    for address in ("", "?as_of=2026-03-25"):
        page = re.sub('<span class="unseen">.*?</span>', "", lena.get(f"/pipeline/ageing{address}").text)
        shown = [
            [
                re.sub("<[^>]*>", "", cell).replace(",", "").strip()
                for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)
            ]
            for row in re.findall(r'<tr[^>]*>\s*<th scope="row">.*?</tr>', page, re.DOTALL)
        ]
        found = rows(lena.get(f"/pipeline/ageing.csv{address}").text)
        assert shown == [[row["overdue_for"], row["accounts"], row["invoices"], row["amount"]] for row in found]
        oldest = [row["oldest_days"] for row in found if row["overdue_for"] == "All overdue"]
        assert oldest == re.findall(r"the oldest for (\d+) day", page)
        assert "1 to 7 days" in {row["overdue_for"] for row in found}
    empty = lena.get("/pipeline/ageing.csv?as_of=2020-01-01").text
    assert "as_of,currency,overdue_for,accounts,invoices,amount,oldest_days" == empty.removeprefix("\ufeff").strip()


def test_a_past_day_shows_what_stood_then(book: Site) -> None:
    """On 25 March nobody had promised or disputed anything; before the first event there was nothing."""
    lena = book.user("lena", "lead")
    found = rows(lena.get("/pipeline/pipeline.csv?as_of=2026-03-25").text)
    assert {"0.00"} == {row["promised_amount"] for row in found} | {row["disputed_amount"] for row in found}
    assert "2026-03-25" in lena.get("/pipeline/?as_of=2026-03-25").text
    assert "Nothing had been recorded by the end of" in lena.get("/pipeline/?as_of=2020-01-01").text
    empty = lena.get("/pipeline/pipeline.csv?as_of=2020-01-01").text
    assert ([], True) == (rows(empty), empty.removeprefix("\ufeff").startswith("as_of,currency,state,"))


def test_what_cannot_be_meant_is_refused_in_one_line(book: Site) -> None:
    """An unknown state, age or order: 422, and the line says why."""
    lena = book.user("lena", "lead")
    for address, said in {
        "/pipeline/accounts?state=calld": "did you mean `called`",
        "/pipeline/accounts?age=9": "`9` is no age",
        "/pipeline/accounts?order=money": "`money` is no order",
    }.items():
        answer = lena.get(address)
        text = answer.text.replace("<code>", "`").replace("</code>", "`")
        assert (422, True) == (answer.status_code, said in text), address


def test_days_that_cannot_be_meant_are_mended_in_the_form(book: Site) -> None:
    """400, with what was typed in its field, the mistake beside it, and the way on; a file has the form of its page."""
    lena = book.user("lena", "lead")
    for address, action, said, kept in (
        ("?as_of=2026-04-21", "", "At the end of: 2026-04-21 is still to come", ['type="date"', 'value="2026-04-21"']),
        ("ageing?as_of=yesterday", "ageing", "is a date such as", ['type="text"', 'value="yesterday"']),
        ("measures?as_of=x&days=365", "measures", "is a date such as", ['value="x"', 'name="days" value="365"']),
        ("accounts.csv?as_of=x&part=open", "accounts", "is a date such as", ['value="x"', 'name="part" value="open"']),
        (
            "flow?from=2026-04-20&as_of=2026-04-13",
            "flow",
            "From the end of: the first day, 20 Apr 2026, is to be before the last, 13 Apr 2026",
            ['value="2026-04-20"', 'value="2026-04-13"'],
        ),
        ("flow/accounts?from=2026-13-01", "flow", "From the end of: the date", ['value="2026-13-01"', "2026-04-20"]),
        ("flow.csv?as_of=9", "flow", "To the end of: the date is a date such as", ['value="9"']),
    ):
        answer = lena.get(f"/pipeline/{address}")
        form = answer.text[answer.text.index(f'<form method="get" action="/pipeline/{action}"') :]
        assert (400, 1, True) == (answer.status_code, form.count('aria-invalid="true"'), said in form), address
        assert [True] * len(kept) == [text in form for text in kept], address


def test_every_number_of_owners_leads_to_what_was_counted(book: Site) -> None:
    """By owner and currency, and what is overdue of it; of nobody too, and what narrows the list can be taken off."""
    lena = book.user("lena", "lead")
    book.add("cara", "caller")
    book.sql("UPDATE account SET owner = 'cara' WHERE id IN ('A2', 'A3', 'E1')")
    book.sql("UPDATE account SET owner = 'berta' WHERE id = 'A4'")  # nobody here, and not of nobody

    def behind(address: str) -> set[str]:
        return set(re.findall('name="accounts" value="([^"]+)"', lena.get(html.unescape(address)).text))

    text = lena.get("/pipeline/owners").text
    found = re.findall('href="([^"]*/lists/all[^"]*)">(.*?)<span class="unseen"> (.*?)</span>', text)
    assert {
        "accounts of nobody in USD": {"A1"},
        "accounts with something overdue of nobody in USD": {"A1"},
        "accounts of berta in USD": {"A4"},
        "accounts of cara in USD": {"A2", "A3"},
        "accounts with something overdue of cara in USD": {"A2"},
        "overdue of cara in USD": {"A2"},
        "accounts of cara in EUR": {"E1"},
        "accounts with something overdue of cara in EUR": {"E1"},
    }.items() <= {about: behind(address) for address, _, about in found}.items()
    assert all(int(shown) == len(behind(address)) for address, shown, about in found if about.startswith("accounts"))
    page = lena.get("/lists/all?nobody=1&currency=USD&overdue=1").text
    for said in (
        "<h1>Accounts of nobody</h1>",
        'href="/lists/all?nobody=1&amp;overdue=1" aria-label="Not only USD"',
        'href="/lists/all?nobody=1&amp;currency=USD" aria-label="Not only with something overdue"',
        "<span>1 account.</span>",
    ):
        assert said in page


def test_every_number_leads_to_its_list(book: Site) -> None:
    """The accounts of a state, of a part and of an age are those that were counted, in the order that is asked for."""
    lena = book.user("lena", "lead")
    everything = rows(lena.get("/pipeline/accounts.csv?currency=USD&order=account").text)
    assert ["A1", "A2", "A3", "A4"] == [row["account"] for row in everything]
    assert ["A4"] == [r["account"] for r in rows(lena.get("/pipeline/accounts.csv?part=disputed").text)]
    aged = rows(lena.get("/pipeline/accounts.csv?age=31&currency=USD").text)
    assert ["A1", "A2", "A4"] == sorted(row["account"] for row in aged)
    assert ["A1"] == [row["account"] for row in rows(lena.get("/pipeline/accounts.csv?age=1&currency=USD").text)]
    by_money = rows(lena.get("/pipeline/accounts.csv?currency=USD&order=-collectible").text)
    assert ["A1", "A4"] == [row["account"] for row in by_money][:2]
    page = lena.get("/pipeline/accounts?state=promised&currency=USD").text
    assert 'href="/accounts/A2"' in page
    assert 'href="/accounts/A1"' not in page


def test_owners_are_called_as_people_call_them(book: Site) -> None:
    """On the pages, also in their order; a file has the name that the ledger knows."""
    lena = book.user("lena", "lead")
    book.add("cara", "caller")
    book.sql("UPDATE app_user SET full_name = 'Anna Berg' WHERE name = 'cara'")
    book.sql("UPDATE account SET owner = 'berta' WHERE id = 'A1'")  # of the ledger, and nobody here
    step = "/pipeline/flow/accounts?currency=USD&source=new&to=promised&from=2026-02-01"
    for page in (lena.get("/pipeline/accounts?state=promised"), lena.get(step)):
        assert ("<td>Anna Berg</td>" in page.text, "cara" in page.text) == (True, False)
    ordered = lena.get("/pipeline/accounts?currency=USD&order=owner").text
    assert ordered.index("<td>Anna Berg</td>") < ordered.index("<td>berta</td>")
    assert {"", "cara", "berta"} == {row["owner"] for row in rows(lena.get("/pipeline/accounts.csv").text)}


def test_one_day_is_no_days(book: Site) -> None:
    lena = book.user("lena", "lead")
    assert "overdue, the oldest for 1 day</h2>" in lena.get("/pipeline/ageing?as_of=2026-03-21").text
    assert "overdue, the oldest for 2 days</h2>" in lena.get("/pipeline/ageing?as_of=2026-03-22").text


def test_files_are_no_formulas_and_have_names(book: Site) -> None:
    """A name that a spreadsheet would compute is quoted; letters come through; the file says what it holds."""
    lena = book.user("lena", "lead")
    answer = lena.get("/pipeline/accounts.csv?currency=USD&state=promised&order=name")
    assert 'filename="arflow-accounts-USD-promised-2026-04-20.csv"' in answer.headers["Content-Disposition"]
    assert "text/csv; charset=utf-8" == answer.headers["Content-Type"]
    names = {row["name"] for row in rows(lena.get("/pipeline/accounts.csv").text)}
    assert "'=cmd|'/c calc'!A1" in names
    assert "Müller & Söhne" in names
    assert (
        'filename="arflow-flow-2026-04-13-2026-04-20.csv"'
        in lena.get("/pipeline/flow.csv").headers["Content-Disposition"]
    )


def test_flow_adds_up_to_the_pipelines_of_its_two_days(book: Site) -> None:
    """Who left a state stood in it at the end of the first day; who came stands in it at the end of the last."""
    lena = book.user("lena", "lead")
    moved = rows(lena.get("/pipeline/flow.csv?from=2026-03-22&as_of=2026-04-20").text)
    for day, end in (("2026-03-22", "from"), ("2026-04-20", "to")):
        stood = {
            (row["currency"], row["state"]): int(row["accounts"])
            for row in rows(lena.get(f"/pipeline/pipeline.csv?as_of={day}").text)
            if row["accounts"] != "0"
        }
        counted: dict[tuple[str, str], int] = {}
        for row in moved:
            key = row["currency"], row[end]
            counted[key] = counted.get(key, 0) + int(row["accounts"])
        assert stood == counted
    promised = next(row for row in moved if row["to"] == "promised")
    address = f"/pipeline/flow/accounts?currency=USD&source={promised['from']}&to=promised&from=2026-03-22"
    assert 'href="/accounts/A2"' in lena.get(address).text
    began = rows(lena.get("/pipeline/flow.csv?from=2026-02-01&as_of=2026-03-10").text)
    assert {("new", "current")} == {(row["from"], row["to"]) for row in began}


def test_who_has_how_many(book: Site) -> None:
    """Accounts without an owner, of a name that is nobody here, and of people, each counted."""
    lena = book.user("lena", "lead")
    kinds = {(row["owner"], row["kind"]): row["accounts"] for row in rows(lena.get("/pipeline/owners.csv").text)}
    assert "1" == kinds["cara", "unknown"]
    assert "unknown" not in {kind for _, kind in kinds if _ == ""}
    book.add("cara", "caller")
    kinds = {(row["owner"], row["kind"]): row["accounts"] for row in rows(lena.get("/pipeline/owners.csv").text)}
    assert "1" == kinds["cara", "user"]
    assert "nobody who works here" in lena.get("/pipeline/owners").text


def test_bars_share_a_scale_and_what_is_there_is_seen() -> None:
    """The longest bar has the whole length, its pieces follow each other, the smallest amount has a width."""
    drawn = picture([("a", [("x", 300), ("y", 100)], ""), ("b", [("x", 1), ("y", 0)], ""), ("c", [("x", 0)], "")])
    first, second, third = drawn.bars
    assert (ROOM, ROOM) == (drawn.room, picture([("a", [], "9" * 12)]).room)
    assert picture([("a", [], "9,999,999,999,999.00")]).room > 7 * 20  # a note of any length stays in the picture
    assert [(LABELS, LENGTH * 0.75), (LABELS + LENGTH * 0.75, LENGTH * 0.25)] == [(p.x, p.width) for p in first.pieces]
    assert [1.5] == [piece.width for piece in second.pieces]
    assert [] == third.pieces


def test_a_lead_follows_a_number_to_its_list_and_takes_it_along(live: Live, book: Site) -> None:
    """In the browser: the pipeline, another day, a number, its list, the file; axe finds nothing wrong anywhere."""
    book.add("lena", "lead")
    page = live.page("lena")
    page.goto("/pipeline/")
    look_at(page, "pipeline")
    assert [] == violations(page)
    page.get_by_label("At the end of").fill("2026-03-25")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("as_of=2026-03-25"))
    page.get_by_role("link", name="Back to today").click()
    page.get_by_role("link", name="accounts promised in USD").click()
    look_at(page, "accounts")
    assert [] == violations(page)
    expect(page.get_by_role("link", name="A2")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert "arflow-accounts-USD-promised-2026-04-20.csv" == download.value.suggested_filename
    for path in ("ageing", "flow", "owners"):
        page.goto(f"/pipeline/{path}")
        look_at(page, path)
        assert [] == violations(page)


def test_reports_need_no_java_script_and_are_dark_too(live: Live, book: Site) -> None:
    """The day is picked and a number followed by plain forms and links; the dark pages have no violation either."""
    book.add("lena", "lead")
    page = live.page("lena", java_script=False)
    page.goto("/pipeline/ageing")
    page.get_by_label("At the end of").fill("2026-04-01")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="accounts in USD overdue for 8 to 14 days").click()
    expect(page.get_by_role("link", name="A4")).to_be_visible()
    dark = live.page("lena", dark=True)
    for path in ("", "flow"):
        dark.goto(f"/pipeline/{path}")
        look_at(dark, f"dark-{path or 'pipeline'}")
        assert [] == violations(dark)


def test_the_past_of_a_large_company_is_told_once_it_was_gone_through(book: Site) -> None:
    """Who comes before is told how far it is, and who comes after how old it is; a file has what is there now."""
    lena, past = book.user("lena", "lead"), "2026-04-10"
    grown(book.engine)
    with book.engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(SWEEPING)))  # as another process that is at it
        page = lena.get(f"/pipeline/?as_of={past}")
        assert (202, True) == (page.status_code, "0 of 100 accounts so far" in page.text)
        file = rows(lena.get(f"/pipeline/pipeline.csv?as_of={past}").text)
    assert sweeps.renew(book.engine)
    book.sql("UPDATE pipeline_sweep SET at = at - interval '3 hours'")
    page = lena.get(f"/pipeline/?as_of={past}")
    assert (200, True) == (page.status_code, "These figures are 3 hours old" in page.text)
    shown = {line["state"]: line["collectible_amount"] for line in file if line["currency"] == "USD"}
    assert {"0.00"} < set(shown.values())
    assert set(shown.values()) <= {number.replace(",", "") for number in re.findall(r"[0-9,]+[.]00", page.text)}
    sweeps.of(book.engine).wait()


@pytest.mark.parametrize(
    "path",
    [
        "/pipeline/accounts?state=promised&currency=USD",
        "/pipeline/flow?from=2026-02-01",
        "/pipeline/flow/accounts?currency=USD&source=new&to=promised&from=2026-02-01",
        "/lists/all?overdue=1&currency=USD",
    ],
)
def test_lists_of_a_large_company_are_those_of_a_small_one_once_they_are_there(
    book: Site, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Who comes before is told to look again, at the same address; then they stand there, and say how old they are."""
    lena = book.user("lena", "lead")
    shown = accounts_in(lena.get(path).text)
    assert shown
    grown(book.engine)
    monkeypatch.setattr("arflow.reports.blocks.PATIENCE", 0.0)
    page = lena.get(path)
    assert (202, True) == (page.status_code, f'href="{html.escape(path)}"' in page.text)
    until(lambda: lena.get(path).status_code == 200, seconds=20)
    assert shown == accounts_in(lena.get(path).text)
    assert shown == accounts_in(lena.get(f"{path}&page=9").text)


def test_a_large_list_goes_on_beyond_what_was_looked_up_at_once(book: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page, one account each, two at a time: all of them are there, in their order."""
    lena = book.user("lena", "lead")
    for path in ("/pipeline/accounts?order=account", "/lists/all"):
        wanted = accounts_in(lena.get(path).text)
        assert len(wanted) > 4
        with monkeypatch.context() as small:
            grown(book.engine)
            small.setattr("arflow.reports.blocks.LINES", 2)
            small.setattr("arflow.reports.blocks.PATIENCE", 20.0)
            small.setattr("arflow.web.leads.behind.paged", partial(paged, size=1))
            small.setattr("arflow.web.callers.lists.SIZE", 1)
            found, page = [], path
            while page:
                text = lena.get(page).text
                found += accounts_in(text)
                page = html.unescape(after[1]) if (after := re.search('href="([^"]+)" rel="next"', text)) else ""
        assert wanted == found
        grown(book.engine, 1)


def test_what_is_refused_on_a_list_that_is_not_there_yet_is_said(book: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what was typed, and without what the page had put there itself."""
    lena, ends = book.user("lena", "lead"), threading.Event()

    def read(*_: object) -> Worklist:
        ends.wait(20)
        return Worklist(places=(), currencies=())

    grown(book.engine)
    monkeypatch.setattr("arflow.reports.blocks.PATIENCE", 0.0)
    monkeypatch.setattr("arflow.web.callers.lists._of_all", Blocks(read))
    form = {"owner": "lena", "seen": '{"A1": ""}'}
    refused: Sequence[tuple[dict[str, str], int, str]] = (
        ({"accounts": "ghost"}, 404, "there is no account"),
        ({}, 422, "tick 1 to 100 accounts"),
    )
    for accounts, status, said in refused:
        answer = lena.post("/lists/all", form | accounts)
        assert (status, True) == (answer.status_code, said.lower() in answer.text.lower())
        assert "{&#34;A1" not in answer.text
    ends.set()
    for thread in threading.enumerate():
        if thread.name == "adding-up":
            thread.join()


def accounts_in(page: str) -> list[str]:
    """The accounts that a page leads to, in its order, or the numbers of its tables."""
    found = re.findall(r'href="/accounts/([^"]+)"', page)
    return found or re.findall(r"accounts[?][^\"]+\"[^>]*>([0-9,]+)", page)


def test_a_report_says_how_old_its_figures_are(site: Site) -> None:
    """Only where they are: those of a small company are of the moment."""
    said = '{% import "leads/parts.html" as parts %}{{ parts.age(seconds) }}'
    told = site.app.jinja_env.from_string(said)
    shown = {seconds: told.render(seconds=seconds).strip() for seconds in (0.4, 1.2, 2.6, 150, 9000)}
    assert "" == shown[0.4]
    assert "These figures are 1 second old" in shown[1.2]
    assert "These figures are 3 seconds old" in shown[2.6]
    assert "These figures are 2 minutes old" in shown[150]
    assert "These figures are 2 hours old" in shown[9000]

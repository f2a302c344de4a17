"""Promises and disputes across accounts as pages and files, and what the account's page tells of money that came."""

import datetime as dt
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from arflow.rules.loader import load_policy
from tests.desk.books import TODAY, go_to, lent_book
from tests.production import activate, take_in, write_events
from tests.reports.test_shared import grown
from tests.servers import until
from tests.web.conftest import Live, Site, Visitor, look_at, violations
from tests.web.leads_book import rows as in_lines

pytestmark = pytest.mark.database


@pytest.fixture
def engine(template: str, tmp_path: Path) -> Iterator[Engine]:
    """The small book of tests/desk, instead of an empty database."""
    yield from lent_book(template, tmp_path)


def day(count: int) -> str:
    """A day from the business today."""
    return (TODAY + dt.timedelta(days=count)).isoformat()


def said(visitor: Visitor, path: str) -> str:
    """What stands on a page, in one line."""
    text = re.sub("<[^>]*>", " ", visitor.get(path).text.partition("<main")[2]).replace("&nbsp;", " ")
    return re.sub(r"\s+([,.:;)])", r"\1", " ".join(text.split())).replace("( ", "(")


def rows(visitor: Visitor, path: str) -> list[str]:
    """The accounts of a list's lines, in order."""
    return re.findall(r'<td class="account">\s*<a href="/accounts/([^"?]+)"', visitor.get(path).text)


def sheet(visitor: Visitor, path: str) -> list[dict[str, str]]:
    """A file's lines."""
    return in_lines(visitor.get(path).text)


def take(site: Site, folder: Path, *lines: dict[str, Any]) -> None:
    """Import some events."""
    take_in(site.engine, write_events(folder / f"{len(list(folder.iterdir()))}.jsonl", lines))


def promise(account: str, name: str, amount: str, due: int, made: int = 0) -> dict[str, Any]:
    """A promise that is imported."""
    return {"event": "promise", "account": account, "date": day(made), "id": name, "amount": amount, "due": day(due)}


def paid(account: str, name: str, amount: str, on: int, **more: str) -> dict[str, Any]:
    """A payment."""
    return {"event": "payment", "account": account, "date": day(on), "id": name, "amount": amount, **more}


def marks(visitor: Visitor, account: str) -> dict[str, str]:
    """What the forms of the account's page hold of the moment in which it was opened."""
    text = visitor.get(f"/accounts/{account}").text
    return {
        name: found[1] for name in ("seen", "mark") if (found := re.search(rf'name="{name}" value="([^"]+)"', text))
    }


@pytest.fixture
def talked(site: Site, tmp_path: Path) -> Site:
    """Promises of all kinds, most of them imported; carl has Z1, on which no call is open, cara's queue the others."""
    cara = site.user("cara", "caller", queue="collections")
    site.user("carl", "caller")
    site.user("lena", "lead")
    site.sql("UPDATE app_user SET full_name = 'Cara Ames' WHERE name = 'cara'")
    take(
        site,
        tmp_path,
        {
            "event": "account",
            "account": "Z1",
            "date": day(-1),
            "currency": "USD",
            "name": "Z1 Limited",
            "owner": "carl",
        },
        {"event": "invoice", "account": "Z1", "date": day(-4), "id": "Z1-1", "amount": "400.00", "due": day(30)},
        promise("A1", "A-kept", "60.00", 5, made=-10),
        promise("A1", "A-broken", "50.00", -2, made=-10),
        promise("A2", "A-partly", "90.00", -1, made=-9),
        promise("A2", "A-broken-before", "1.00", -8, made=-9),
        promise("Z1", "Z-due", "40.00", 0),
        promise("E1", "E-due", "70.00", 0, made=-1),
        paid("A1", "M1", "60.00", -8),
        {"event": "payment_reversed", "account": "A1", "date": day(-7), "payment": "M1"},
        paid("A1", "M2", "60.00", -1),
        paid("A2", "M3", "30.00", -3),
    )
    form = marks(cara, "A1") | {"promise_amount": "100.00", "promise_due": day(14)}
    assert 303 == cara.post("/accounts/do/promise/A1", form).status_code
    return site


def test_promises_are_those_of_ones_own_accounts(talked: Site) -> None:
    """Never another's; a lead has all, or those of one owner, and the same as a file."""
    cara, carl, lena = (talked.logged_in(name) for name in ("cara", "carl", "lena"))
    assert (["E1"], ["Z1"], ["E1", "Z1"]) == tuple(rows(one, "/promises") for one in (cara, carl, lena))
    assert ["Z1"] == rows(lena, "/promises?owner=carl")
    assert (["Z1"], ["E1", "Z1"]) == (rows(lena, "/promises?currency=USD"), rows(lena, "/promises?currency=XXX"))
    for tab in ("due", "coming", "unkept", "kept"):
        for address in (f"/promises?tab={tab}", f"/promises?tab={tab}&owner=carl"):
            assert "Z1" not in rows(cara, address)
            assert "Z-due" not in cara.get(address).text
        assert rows(lena, f"/promises?tab={tab}") == [one["account"] for one in sheet(lena, f"/promises.csv?tab={tab}")]
    assert 403 == cara.get("/promises.csv").status_code


def test_each_list_of_promises_says_what_came_of_them(talked: Site) -> None:
    """A payment that came back keeps none; one without a person was imported; what was broken before is counted."""
    cara = talked.logged_in("cara")
    due = said(cara, "/promises?tab=no-such-tab")
    for words in ("Due today (1) Coming (1) Not kept this week (2) Kept this week (1)", "1 promise of 70.00 EUR"):
        assert words in due
    coming = said(cara, "/promises?tab=coming")
    assert "A1 Limited A1 collections 100.00 USD 100.00 USD 7 Feb 2026 24 Jan 2026 by Cara Ames" in coming
    broken = said(cara, "/promises?tab=unkept")
    assert ["A2", "A1"] == rows(cara, "/promises?tab=unkept")
    for words in (
        "2 promises of 140.00 USD: 30.00 USD came, 110.00 USD did not.",
        "60.00 USD 23 Jan 2026 partly kept since 24 Jan 2026 15 Jan 2026 imported 1",
    ):
        assert words in broken, broken
    assert "60.00 USD 60.00 USD 29 Jan 2026 kept on 23 Jan 2026 14 Jan 2026 imported" in said(
        cara, "/promises?tab=kept"
    )


def test_a_promise_is_waited_for_to_the_end_of_its_grace(talked: Site, tmp_path: Path) -> None:
    """Then it is for today again, and broken on the day after."""
    source = talked.sql("SELECT source FROM policy_version WHERE name = 'p-eur'")[0][0]
    activate(talked.engine, load_policy(f"{source}\npromises: {{grace_days: 3}}\n", file="eur"))
    lena = talked.logged_in("lena")
    assert "24 Jan 2026 we wait until 27 Jan 2026" in said(lena, "/promises")
    found = {}
    for count in (1, 3, 4):
        go_to(talked.engine, TODAY + dt.timedelta(days=count))
        found[count] = [tab for tab in ("due", "coming", "unkept") if "E1" in rows(lena, f"/promises?tab={tab}")]
    assert {1: ["coming"], 3: ["due"], 4: ["unkept"]} == found


def test_long_lists_have_pages(talked: Site, tmp_path: Path) -> None:
    """The largest first, 25 at a time, all of them in the file."""
    many = [promise("A2", f"N{number}", f"{number}.00", 3) for number in range(1, 31)]
    take(talked, tmp_path, *many)
    cara, lena = talked.logged_in("cara"), talked.logged_in("lena")
    assert (25, 6) == tuple(len(rows(cara, f"/promises?tab=coming&page={page}")) for page in (1, 2))
    assert "Coming (31)" in said(cara, "/promises?tab=coming&page=2")
    assert "tab=coming&amp;page=2" in cara.get("/promises?tab=coming").text
    amounts = [float(one["promised_amount"]) for one in sheet(lena, "/promises.csv?tab=coming&currency=USD")]
    assert (31, sorted(amounts, reverse=True)) == (len(amounts), amounts)


def test_disputes_are_those_of_ones_own_accounts(talked: Site, tmp_path: Path) -> None:
    """The oldest first; all of an invoice is what is open of it, and a part never more than that."""
    dispute = {"event": "dispute", "date": day(-3)}
    take(
        talked,
        tmp_path,
        {**dispute, "account": "Z1", "id": "D1", "invoice": "Z1-1", "reason": "PRICE: ten too much"},
        {**dispute, "account": "A2", "id": "D2", "invoice": "A2-1", "reason": "never ordered", "amount": "290.00"},
        {**dispute, "account": "E1", "id": "D3", "invoice": "E1-1", "reason": "TAX"},
        {"event": "dispute_closed", "account": "E1", "date": day(-2), "id": "D3", "outcome": "rejected"},
    )
    cara, carl, lena = (talked.logged_in(name) for name in ("cara", "carl", "lena"))
    form = {"dispute_invoice": "A1-1", "dispute_code": "QUALITY", "dispute_text": "all rotten"}
    assert 303 == cara.post("/accounts/do/dispute/A1", marks(cara, "A1") | form).status_code
    assert (["A2", "A1"], ["Z1"]) == (rows(cara, "/disputes"), rows(carl, "/disputes"))
    assert (["A2", "Z1", "A1"], ["Z1"]) == (rows(lena, "/disputes"), rows(lena, "/disputes?owner=carl"))
    assert (["Z1"], ["A2"]) == (rows(lena, "/disputes?reason=PRICE"), rows(lena, "/disputes?reason=other"))
    assert ["A2", "A1"] == rows(cara, "/disputes?owner=carl")
    everything = said(lena, "/disputes?currency=USD")
    for words in (
        "All reasons (3)",
        "Other reasons (1)",
        "Price or rate is wrong (1)",
        "3 open disputes over 1,510.00 USD.",
        "A2-1 270.00 USD of 290.00 USD, no more is open never ordered 3 collections 21 Jan 2026 imported",
        "400.00 USD Price or rate is wrong: ten too much 3 carl",
        "840.00 USD Quality of goods or service: all rotten today collections 24 Jan 2026 by Cara Ames",
    ):
        assert words in everything, everything
    assert ["270.00", "400.00"] == [one["contested_amount"] for one in sheet(lena, "/disputes.csv")][:2]
    assert 403 == cara.get("/disputes.csv").status_code


def test_the_account_tells_what_came_lately_and_what_for(talked: Site, tmp_path: Path) -> None:
    """The last five: one that came back, one that no invoice took wholly, a credit. What is open stands above."""
    cara = talked.logged_in("cara")
    take(
        talked,
        tmp_path,
        {"event": "account", "account": "A1", "date": day(0), "risk_grade": "C3"},
        paid("A1", "OLD", "1.00", -12),
        {"event": "credit", "account": "A1", "date": day(0), "id": "K1", "invoice": "A1-2", "amount": "10.00"},
        paid("A1", "M4", "500.00", 0, invoice="A1-2"),
        paid("A1", "M5", "5.00", 0, invoice="A1-2"),
    )
    text = said(cara, "/accounts/A1")
    recent = text[text.index("Recent payments") : text.index("Last contacts")]
    for words in (
        "24 Jan 2026 Payment M5 5.00 USD not matched",
        "24 Jan 2026 Payment M4 500.00 USD A1-2 (190.00 USD), the rest of 310.00 USD not matched",
        "24 Jan 2026 Credit K1 10.00 USD A1-2",
        "23 Jan 2026 Payment M2 60.00 USD A1-1",
        "16 Jan 2026 Payment M1 60.00 USD came back on 17 Jan 2026; was for A1-1",
    ):
        assert words in recent, recent
    assert ("OLD" in recent, "risk grade C3" in text) == (False, True)
    assert (
        "Days late Amount Open Promised Collectible A1-1 2 Jan 2026 10 Jan 2026 14 900.00 839.00 100.00 739.00" in text
    )


def test_who_pays_through_another_has_the_payers_payments(talked: Site, tmp_path: Path) -> None:
    """As the page shows the payer's invoices."""
    cara = talked.logged_in("cara")
    child = {
        "event": "account",
        "account": "K1",
        "date": day(0),
        "currency": "USD",
        "owner": "cara",
        "pays_through": "A2",
    }
    take(talked, tmp_path, child)
    text = said(cara, "/accounts/K1")
    assert "21 Jan 2026 Payment M3 30.00 USD A2-1" in text
    assert "A2-1 2 Jan 2026 10 Jan 2026 14 300.00 270.00 270.00" in text


def test_the_lists_are_for_everybody_to_read(talked: Site, live: Live, tmp_path: Path) -> None:
    """In the browser: axe finds nothing wrong, and nothing is scrolled sideways."""
    disputes = [
        {"event": "dispute", "account": key, "date": day(0), "id": f"D{key}", "invoice": f"{key}-1", "reason": reason}
        for key, reason in {"Z1": "PRICE", "A2": "Not as ordered, says Ann", "E1": "TAX: 7 % for 19 %"}.items()
    ]
    take(talked, tmp_path, *disputes)
    page = live.page("lena")
    for path in ("promises?tab=unkept", "disputes", "accounts/A2"):
        page.set_viewport_size({"width": 1366, "height": 768})
        page.goto(path)
        look_at(page, path.replace("/", "-").partition("?")[0])
        assert [] == violations(page), path
        for width in (1366, 400):
            page.set_viewport_size({"width": width, "height": 768})
            assert width >= page.evaluate("document.documentElement.scrollWidth"), (path, width)


def test_promises_of_a_large_company_are_judged_behind_whoever_looks_first(site: Site) -> None:
    """Those of one owner are there at once."""
    lena = site.user("lena", "lead")
    grown(site.engine)
    assert (202, True) == ((first := lena.get("/promises")).status_code, "is being put in order" in first.text)
    assert 200 == lena.get("/promises?owner=collections").status_code
    until(lambda: lena.get("/promises").status_code == HTTPStatus.OK, 20)

"""A version tried on the accounts: worked out beside the pages, told with a picture and tables as its twins."""

import datetime as dt
from pathlib import Path

import pytest
from playwright.sync_api import expect
from werkzeug.test import TestResponse

from arflow import clock
from arflow.errors import NotNow
from arflow.rules.loader import load_policy
from arflow.store import policies
from arflow.trial import apart
from arflow.trial.apart import Order
from arflow.web.policies import trials
from tests.cli.books import FIRST_DAY, LEDGER, POLICY, invoice
from tests.production import activate, step, take_in, write_events
from tests.servers import until
from tests.web.conftest import Live, Site, Visitor, look_at, violations
from tests.web.pagecheck import Page

pytestmark = pytest.mark.database

LAST_DAY = dt.date(2026, 2, 28)
SOONER = POLICY.replace("days_overdue >= 10", "days_overdue >= 5")
LATER = invoice("F", date="2026-02-20", due="2026-02-25")
"""What is late in the days ahead."""


@pytest.fixture
def book(site: Site, tmp_path: Path) -> Site:
    """Four accounts that have lived for two months under a policy, with another version that is kept."""
    step(site.engine, FIRST_DAY)
    activate(site.engine, load_policy(POLICY, file="bakery"))
    contacts = [{"name": "Accounts payable", "email": "ap@customer.example"}]
    who = {"event": "account", "account": "F", "date": "2026-02-20", "currency": "USD", "contacts": contacts}
    take_in(site.engine, write_events(tmp_path / "ledger.jsonl", [*LEDGER, who, LATER]))
    step(site.engine, LAST_DAY)
    save(site, SOONER)
    return site


def save(site: Site, source: str) -> None:
    with site.engine.begin() as connection:
        policies.save(connection, load_policy(source, file="bakery"), "petra")


def address(source: str) -> str:
    return f"/policies/version/{load_policy(source, file='bakery').version[:12]}/trial"


def looked(visitor: Visitor, path: str) -> TestResponse:
    """The page, once what it shows has been worked out."""
    answers: list[TestResponse] = []

    def is_there() -> bool:
        answers.append(visitor.get(path))
        return answers[-1].status_code != 202

    until(is_there, 60)
    assert all("Look again" in answer.text for answer in answers[:-1])
    return answers[-1]


def test_a_version_is_tried_beside_the_active_one(book: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would have done and will do, and for which accounts that is not the same; nobody waits for it."""
    monkeypatch.setattr(trials, "_PATIENCE", 0.0)
    petra = book.user("petra", "policy_owner")
    assert 202 == petra.get(address(SOONER)).status_code
    version = petra.get(address(SOONER).removesuffix("/trial"))
    assert f'href="{address(SOONER)}"' in version.text
    page = looked(petra, address(SOONER))
    words = " ".join(Page(page.text).words.split())
    assert [] == Page(page.text).faults
    assert "Tried on all 3 accounts in USD. It was 28 Feb 2026" in words.replace("2026-02-28 ", "")
    assert "nobody knows who would have paid sooner" in words
    assert "26 Jan 2026 : reminded to called by second" in words
    assert "21 Jan 2026 : reminded to called by second" in words
    assert "/accounts/A" not in page.text  # whoever writes policies need not see accounts
    ada = book.user("ada", "admin")
    assert 'href="/accounts/A"' in ada.get(address(SOONER)).text


def test_of_the_active_version_and_of_another_name(book: Site) -> None:
    other = POLICY.replace("policy: bakery", "policy: cakes\nprecedence: 3")
    save(book, other)
    petra = book.user("petra", "policy_owner")
    assert "This is the active version itself" in looked(petra, address(POLICY)).text
    assert "No policy of this name is active" in looked(petra, address(other)).text
    assert 404 == petra.get("/policies/version/0000/trial").status_code


def test_where_there_is_no_account_to_try_it_on_that_is_said(book: Site) -> None:
    francs = POLICY.replace("currency: USD", "currency: CHF").replace("policy: bakery", "policy: alps")
    save(book, francs)
    assert (
        "There is no account in CHF to try it on." in looked(book.user("petra", "policy_owner"), address(francs)).text
    )


def test_where_no_family_fits_the_command_that_takes_more_is_named(
    book: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "ACCOUNTS", 1)
    swiss = {"event": "account", "date": "2026-02-20", "currency": "CHF"}
    family = [{**swiss, "account": "X"}, {**swiss, "account": "Y", "pays_through": "X"}]
    take_in(book.engine, write_events(tmp_path / "swiss.jsonl", family))
    francs = POLICY.replace("currency: USD", "currency: CHF").replace("policy: bakery", "policy: alps")
    save(book, francs)
    page = Page(looked(book.user("petra", "policy_owner"), address(francs)).text)
    assert [] == page.faults
    words = " ".join(page.words.split())
    assert "No family in CHF fits in 1 account; ask for at least 2. The command arflow policy simulate takes" in words


def test_accounts_that_have_not_begun_are_told_apart(book: Site, tmp_path: Path) -> None:
    unborn = {"event": "account", "account": "X", "date": "2026-09-01", "currency": "USD"}
    take_in(book.engine, write_events(tmp_path / "later.jsonl", [unborn]))
    page = looked(book.user("petra", "policy_owner"), address(SOONER)).text
    assert 2 == page.count("Not begun yet: 1.")


def test_while_the_clock_of_a_demo_runs_no_day_has_a_trial_of_its_own(site: Site) -> None:
    """It would be over before its trial is; the page tells the day of the one that it shows."""
    with site.engine.begin() as connection:
        clock.begin_demo(connection, LAST_DAY, 5)
        clock.run_demo(connection, is_running=True)
        assert trials._today(connection) is None
        clock.run_demo(connection, is_running=False)
        assert LAST_DAY == trials._today(connection)


def test_a_trial_that_comes_to_no_end_says_so(book: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a plain sentence; the page is a page like any other."""

    def never(order: Order) -> None:
        raise NotNow(f"{order.seconds:g} seconds were not enough to try even a few accounts")

    monkeypatch.setattr(apart, "in_process", never)
    page = looked(book.user("petra", "policy_owner"), address(SOONER))
    assert 200 == page.status_code
    assert "45 seconds were not enough to try even a few accounts. The command" in page.text


def test_it_is_for_everybody_light_and_dark_and_without_scripts(live: Live, book: Site) -> None:
    """It shows itself once it is there; the link does that where no script may."""
    book.add("ada", "admin", "policy_owner")
    complaints: list[str] = []
    for dark in (False, True):
        page = live.page("ada", dark=dark)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(address(SOONER))
        expect(page.get_by_role("heading", name="What will happen until")).to_be_visible()
        look_at(page, f"trial-{'dark' if dark else 'light'}")
        assert [] == violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 1366
    plain = live.page("ada", java_script=False)
    plain.goto(address(SOONER))
    expect(plain.get_by_role("table", name="Accounts for which it makes a difference ahead")).to_be_visible()
    assert [] == complaints

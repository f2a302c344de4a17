"""The pages in a real browser: by keyboard, without JavaScript, light and dark, for everybody."""

import datetime as dt
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from arflow import clock
from arflow.desk import links
from tests.desk.conftest import shop_with
from tests.web.conftest import PASSWORD, Live, Site, look_at, violations

pytestmark = [pytest.mark.database]

PAGES = {
    "users": "/admin/users/",
    "user": "/admin/users/cara",
    "queues": "/admin/queues/",
    "queue": "/admin/queues/collections",
    "go-live": "/go-live/",
    "parked": "/admin/parked/",
    "failed": "/admin/failed/",
    "system": "/admin/system/",
    "password": "/password",
    "missing": "/nothing",
}


def furnish(site: Site, folder: Path) -> None:
    """People, queues, and something to be seen on each page."""
    shop_with(site.engine, folder)
    site.add("boss", "admin", "lead")
    site.add("cara", "caller", queue=["collections", "seniors"], password=PASSWORD)
    site.sql("UPDATE account SET wake = NULL, parked = :why WHERE id = 'CARL'", why=_PARKED)
    site.sql(
        """INSERT INTO message (account_id, template, recipient, decided_at, status, error, settled_at)
           VALUES ('CARA', 'notice', 'boss', now(), 'failed', 'mailbox full', now())"""
    )


_PARKED = '{"reason": "the machine refused it", "rule": "phone", "to": "called", "at": "2026-01-20T08:00:00+00:00"}'


def test_every_page_is_for_everybody_light_and_dark(live: Live, tmp_path: Path) -> None:
    """No axe-core violation, nothing that the policy of the page blocks, no scrolling sideways at 1366 x 768."""
    furnish(live.site, tmp_path)
    complaints: list[str] = []
    for dark in (False, True):
        page = live.page("boss", dark=dark)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        for name, path in PAGES.items():
            page.goto(path)
            look_at(page, f"{name}-{'dark' if dark else 'light'}")
            assert [] == violations(page), (name, dark)
            assert page.evaluate("document.documentElement.scrollWidth") <= 1366
    assert ["missing" for _ in (0, 1)] == ["missing" if "404" in text else text for text in complaints]


def test_a_demo_is_driven_from_the_bar(live: Live) -> None:
    """Light and dark, and without JavaScript."""
    with live.site.engine.begin() as connection:
        clock.begin_demo(connection, dt.date(2026, 3, 1), 5)
    live.site.add("cara", "caller", "lead", "admin", "policy_owner")
    for dark in (False, True):
        page = live.page("cara", java_script=False, dark=dark)
        page.goto("/password")
        page.get_by_role("button", name="Step one day").click()
        expect(page.get_by_label("The demo's clock")).to_contain_text("2 Mar 2026" if not dark else "3 Mar 2026")
        page.get_by_label("Seconds a day").select_option("2")
        page.get_by_role("button", name="Set speed").click()
        expect(page.get_by_label("The demo's clock")).to_contain_text("A day takes 2 seconds")
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_label("The demo's clock")).to_contain_text("The clock is paused")
        expect(page).to_have_url(re.compile("/password$"))
        look_at(page, f"demo-{'dark' if dark else 'light'}")
        scripted = live.page("cara", dark=dark)
        scripted.goto("/password")
        assert [] == violations(scripted)


def test_pages_of_links_and_of_kept_forms_are_for_everybody(live: Live) -> None:
    """Those that one comes to without a log-in, with a mistake in each form."""
    live.site.add("cara", "caller", password=PASSWORD)
    with live.site.engine.begin() as connection:
        first, link = links.first_admin(connection), links.new_password(connection, "cara")
    for dark in (False, True):
        shade = "dark" if dark else "light"
        page = live.page(dark=dark)
        for name, path in (("first", f"/first/{first}"), ("link", f"/password/{link}")):
            page.goto(path)
            if name == "first":
                page.get_by_label("Name to log in by").fill("boss")
            page.get_by_label("Password", exact=True).fill("weak")
            page.get_by_label("Password once more").fill("other")
            page.locator("main button").click()
            expect(page.get_by_text("is not the same")).to_be_visible()
            look_at(page, f"{name}-{shade}")
            assert [] == violations(page), (name, dark)
        page = live.page("cara", dark=dark)
        page.goto("/password")
        live.site.sql("UPDATE session SET seen_at = now() - interval '1 day'")
        page.get_by_label("Your present password").fill("x")
        page.get_by_label("New password", exact=True).fill("y")
        page.get_by_label("New password once more").fill("y")
        page.get_by_role("button", name="Change it").click()
        expect(page.get_by_label("Name")).to_be_visible()
        assert [] == violations(page)
        _log_in(page)
        expect(page).to_have_url(re.compile("/password$"))


def test_the_log_in_and_its_mistakes_are_for_everybody(live: Live, tmp_path: Path) -> None:
    furnish(live.site, tmp_path)
    for dark in (False, True):
        page = live.page(dark=dark)
        page.goto("/log-in")
        assert [] == violations(page)
        page.get_by_label("Name").fill("cara")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_contain_text("do not belong together")
        look_at(page, f"log-in-{'dark' if dark else 'light'}")
        assert [] == violations(page)


def test_one_logs_in_by_keyboard_only(live: Live, tmp_path: Path) -> None:
    """The name has the focus; the first stop of every page skips the navigation; the focus can be seen."""
    furnish(live.site, tmp_path)
    page = live.page()
    page.goto("/password")
    expect(page.get_by_label("Name")).to_be_focused()  # which is after the page has come: a key before that is lost
    page.keyboard.type("cara")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your present password")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    assert "none" != page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#main$"))
    page.keyboard.press("Tab")
    expect(page.get_by_label("Your present password")).to_be_focused()


def test_everything_works_without_javascript(live: Live, tmp_path: Path) -> None:
    """Log in, choose dark, lose the session in the middle of a form, log in again, send what was typed, log out."""
    furnish(live.site, tmp_path)
    live.site.sql("UPDATE app_user SET roles = '{admin}' WHERE name = 'cara'")
    page = live.page(java_script=False)
    page.goto("/admin/queues/")
    _log_in(page)
    expect(page.get_by_role("heading", name="Queues", level=1)).to_be_visible()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_label("Name", exact=True).fill("agency")
    page.get_by_label(re.compile("^Title")).fill("The agency")
    live.site.sql("UPDATE session SET seen_at = now() - interval '1 day'")
    page.get_by_role("button", name="Make the queue").click()
    expect(page.get_by_text("What you typed is kept")).to_be_visible()
    look_at(page, "carried")
    _log_in(page)
    expect(page.get_by_text("The agency")).to_be_visible()
    look_at(page, "not-sent")
    page.get_by_role("button", name="Send it now").click()
    expect(page.get_by_role("status")).to_contain_text("The queue agency is made")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def _log_in(page: Page) -> None:
    page.get_by_label("Name").fill("cara")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()

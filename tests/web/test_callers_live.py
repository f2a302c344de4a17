"""A caller's day in a real browser: logging in, a call with a promise, another caller, a lead, without JavaScript."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from tests.desk.books import lent_book, look
from tests.web.conftest import PASSWORD, Live, look_at, violations
from tests.web.test_callers import marks

pytestmark = pytest.mark.database


@pytest.fixture
def engine(template: str, tmp_path: Path) -> Iterator[Engine]:
    """The small book of tests/desk, instead of an empty database."""
    yield from lent_book(template, tmp_path)


def choose_promise(page: Page) -> None:
    """Fill the form of a call in which somebody promises all that is overdue."""
    page.get_by_label("What came of it").select_option("promised")
    page.get_by_label("Spoke to").first.fill("Ann Lee")
    page.get_by_label("Note").first.fill("Pays when the bank opens.")
    page.locator(".then-promise").get_by_label("Paid by").fill("2026-02-03")


def test_a_caller_logs_in_calls_and_sees_the_account_promised(live: Live) -> None:
    """By the keyboard's order too: the top account, the form beside the brief, its outcome; in the dark as well."""
    live.site.add("cara", "caller", queue="collections", password=PASSWORD)
    page = live.page()
    page.goto("/")
    page.get_by_label("Name").fill("cara")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("My accounts")
    assert [] == violations(page)
    look_at(page, "callers-my-accounts")
    page.get_by_role("link", name="A1 Limited").click()
    expect(page.locator(".then-follow_up")).to_be_visible()
    choose_promise(page)
    expect(page.locator(".then-promise")).to_be_visible()
    expect(page.locator(".then-follow_up")).to_be_hidden()
    expect(page.locator(".then-promise").get_by_label("Amount")).to_have_value("1000.00")
    assert [] == violations(page)
    look_at(page, "callers-call-with-a-promise")
    page.get_by_role("button", name="Record the call").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("promised")
    expect(page.get_by_text("Agreed: Promise of 1,000.00 USD by 3 Feb 2026")).to_be_visible()
    page.locator("#timeline").get_by_role("link", name="Promises", exact=True).click()
    expect(page.locator("#timeline")).not_to_contain_text("Invoice A1-1 of")
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")  # no colour is still on its way
    assert [] == violations(page)
    look_at(page, "callers-promised-dark")


def test_the_focus_stays_on_the_filter_that_was_chosen(live: Live) -> None:
    """Whoever tries one after the other by keyboard does not begin at the top of the page each time."""
    live.site.add("cara", "caller", queue="collections")
    page = live.page("cara")
    page.goto("/accounts/A1")
    filters = page.get_by_role("navigation", name="What the timeline shows")
    filters.get_by_role("link", name="Everything").focus()
    for name in ("Steps", "Messages"):
        page.keyboard.press("Tab")
        expect(filters.get_by_role("link", name=name)).to_be_focused()
        page.keyboard.press("Enter")
        expect(filters.locator("[aria-current]")).to_have_text(name)
        expect(filters.get_by_role("link", name=name)).to_be_focused()
    assert [] == violations(page)


def test_another_caller_sees_an_account_only_once_it_is_theirs(live: Live) -> None:
    """404 by address and by form; a lead reassigns it on the page; from then on the other caller has it."""
    live.site.add("carl", "caller")
    live.site.add("dora", "caller")
    live.site.add("lena", "lead")
    live.site.sql("UPDATE account SET call_open = false, call_queue = NULL WHERE id = 'C1'")
    theirs, lead, dora = live.page("carl"), live.page("lena"), live.page("dora")
    theirs.goto("/accounts/C1")
    theirs.get_by_text("Write a note").click()
    answer = dora.goto("/accounts/C1")
    assert answer is not None
    assert 404 == answer.status
    dora.goto("/accounts")
    with dora.expect_response("**/do/note/C1") as sent:
        dora.evaluate(
            """() => { const form = document.querySelector("form[action='/log-out']").cloneNode(true);
            form.action = "/accounts/do/note/C1"; document.body.append(form); form.submit(); }"""
        )
    assert 404 == sent.value.status
    lead.goto("/accounts/C1")
    lead.get_by_text("Assign", exact=True).first.click()
    lead.get_by_label("Assign to").select_option("dora")
    assert [] == violations(lead)
    lead.get_by_role("button", name="Assign", exact=True).click()
    expect(lead.get_by_text("owner: dora")).to_be_visible()
    dora.goto("/accounts")
    dora.get_by_role("link", name="C1 Limited").click()
    expect(dora.get_by_role("heading", level=1)).to_contain_text("C1 Limited")


def test_all_of_it_works_without_javascript(live: Live) -> None:
    """A refused form keeps what was typed beside its mistake; the second of two people sees what changed."""
    live.site.add("cara", "caller", queue="collections")
    live.site.add("lena", "lead")
    page, other = live.page("cara", java_script=False), live.page("lena", java_script=False, dark=True)
    page.goto("/accounts/A1")
    other.goto("/accounts/A1")
    choose_promise(page)
    page.locator(".then-promise").get_by_label("Amount").fill("5000")
    page.get_by_role("button", name="Record the call").click()
    expect(page.locator(".mistake").first).to_contain_text("only 1,100.00 USD is open on the account")
    expect(page.get_by_label("Note").first).to_have_value("Pays when the bank opens.")
    page.locator(".then-promise").get_by_label("Amount").fill("1000")
    page.get_by_role("button", name="Record the call").click()
    assert "promised" == look(live.site.engine, "A1").account.state
    other.get_by_text("Escalate", exact=True).first.click()
    other.locator("#account-escalate-A1-reason").fill("too slow")
    other.get_by_role("button", name="Escalate").click()
    expect(other.get_by_role("heading", name="Somebody else was faster")).to_be_visible()
    expect(other.locator(".changed")).to_contain_text("Promise of 1,000.00 USD by 3 Feb 2026 by cara")
    look_at(other, "callers-somebody-else-was-faster")
    other.get_by_role("button", name="Send it again").click()
    assert "escalated" == look(live.site.engine, "A1").account.state


@pytest.mark.parametrize("dark", [False, True])
def test_what_is_wrong_is_on_the_screen_and_has_the_focus(live: Live, dark: bool) -> None:
    """On a narrow screen without JavaScript, where the form stands far down the page; its title says it too."""
    live.site.add("cara", "caller", queue="collections")
    page = live.page("cara", java_script=False, dark=dark)
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto("/accounts/A1")
    choose_promise(page)
    amount = page.locator(".then-promise").get_by_label("Amount")
    amount.fill("5000")
    page.get_by_role("button", name="Record the call").click()
    expect(amount).to_be_focused()
    expect(amount).to_be_in_viewport()
    expect(page.locator(".mistake")).to_be_in_viewport()
    expect(page).to_have_title("Mistake: A1 Limited · arflow")
    if folder := os.environ.get("ARFLOW_PICTURES"):
        page.screenshot(path=Path(folder) / f"callers-mistake-{dark}.png")
    page.goto("/accounts/do/call/A1")
    expect(page).to_have_title("A1 Limited · arflow")


def test_on_a_narrow_screen_nothing_touches_and_titles_stand_beside_their_dates(live: Live) -> None:
    """A title of several lines does not go on below the date; a red flag keeps away from the search box."""
    live.site.add("cara", "caller", queue="collections")
    live.site.sql("UPDATE account SET on_hold = true WHERE id = 'A1'")
    page = live.page("cara")
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto("/accounts/A1")
    beside = "one => one.querySelector('.when').getBoundingClientRect().right"
    title = "one.querySelector('strong').getBoundingClientRect().left"
    assert page.evaluate(f"[...document.querySelectorAll('.timeline li')].every({beside} <= {title})")
    search, flags = page.locator(".search").bounding_box(), page.locator(".flags").bounding_box()
    assert search
    assert flags
    assert search["y"] + search["height"] + 8 <= flags["y"]


def test_a_form_that_is_sent_twice_asks_for_nothing(live: Live) -> None:
    """By the button of a browser, as a second press does it: what is recorded is shown, and the forms are folded."""
    live.site.add("cara", "caller", queue="collections")
    for dark in (False, True):
        first, second = live.page("cara", dark=dark), live.page("cara", dark=dark)
        for page in (first, second):
            page.goto("/accounts/A2")
            page.get_by_label("What came of it").select_option("no_answer")
        for page in (first, second):
            page.get_by_role("button", name="Record the call").click()
        expect(second.get_by_role("heading", name="You have recorded this already")).to_be_focused()
        expect(second.get_by_role("button", name="Record a second one")).to_be_hidden()
        look_at(second, f"callers-recorded-already-{'dark' if dark else 'light'}")
        assert [] == violations(second)


def test_who_logs_out_in_another_tab_is_shown_what_was_not_recorded(live: Live) -> None:
    live.site.add("cara", "caller", queue="collections")
    for dark in (False, True):
        page = live.page("cara", java_script=not dark, dark=dark)
        page.goto("/accounts/A1")
        choose_promise(page)
        other = page.context.new_page()
        other.goto("/accounts")
        other.get_by_role("button", name="Log out").click()
        expect(other.get_by_text("You are logged out")).to_be_visible()
        page.get_by_role("button", name="Record the call").click()
        expect(page.get_by_text("what you sent was not recorded")).to_be_visible()
        expect(page.get_by_text("Pays when the bank opens.")).to_be_visible()
        look_at(page, f"callers-logged-out-{'dark' if dark else 'light'}")
        if not dark:
            assert [] == violations(page)


def test_a_caller_goes_down_their_list_by_keyboard(live: Live) -> None:
    """After a call the focus stands on the link to the next account, without JavaScript too; the last says so."""
    live.site.add("cara", "caller", queue="collections")
    for dark in (False, True):
        live.site.sql("UPDATE account SET call_open = true, call_queue = 'collections' WHERE born")
        page = live.page("cara", java_script=dark, dark=dark)
        page.goto("/accounts")
        order = [link.get_attribute("href") or "" for link in page.locator("table").first.locator("td.account a").all()]
        page.goto(order[0])
        page.get_by_label("What came of it").select_option("no_answer")
        page.get_by_role("button", name="Record the call").click()
        following = page.get_by_role("link", name="Next of my accounts")
        expect(following).to_be_focused()
        look_at(page, f"callers-next-{'dark' if dark else 'light'}")
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{live.address}{order[1]}")
        if dark:
            assert [] == violations(page)
        page.get_by_role("link", name="Next of my accounts").press("Enter")  # put off: the one behind it
        expect(page).to_have_url(f"{live.address}{order[2]}")
        live.site.sql("UPDATE account SET call_open = false, call_queue = NULL")
        page.goto("/accounts")
        page.locator("table").first.locator("td.account a").last.click()
        page.get_by_role("link", name="Next of my accounts").press("Enter")
        expect(page.get_by_text("That was the last of your list.")).to_be_visible()


TURNED = "\u202eturned"
"""A text whose mark turns all that follows it, until something closes it."""

BESIDE = """texts => texts.flatMap(text => {
  const nodes = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  const found = [];
  let before = null, isThere = false;
  while (nodes.nextNode()) {
    const node = nodes.currentNode, range = document.createRange();
    range.selectNodeContents(node);
    const boxes = [...range.getClientRects()];
    if (!boxes.length || !node.data.trim() || node.parentNode.closest(".unseen")) continue;
    const isOnIts = before && Math.abs(boxes[0].top - before.top) < 8;
    if (isOnIts && boxes[0].left < before.left) found.push(`${node.data} is drawn before ${text}`);
    before = node.data.includes(text) ? boxes.at(-1) : null;
    isThere = isThere || before;
  }
  return isThere ? found : [`${text} is not there`];
})"""
"""What is drawn before a text on the line on which it stands behind it, for each of some texts."""


def test_a_text_turns_nothing_but_itself(live: Live) -> None:
    """Marks of direction in notes, names and reasons end where the text ends: who wrote it, and when, stay in place."""
    texts = {
        name: f"{TURNED} {name}" for name in ("name", "note", "task", "reason", "dispute", "tag", "said", "person")
    }
    live.site.add("cara", "caller", queue="collections")
    cara = live.site.logged_in("cara")
    live.site.sql(
        "UPDATE account SET name = :name, tags = ARRAY[:tag] WHERE id = 'A1'", name=texts["name"], tag=texts["tag"]
    )
    live.site.sql("UPDATE person SET name = :name WHERE account_id = 'A1'", name=texts["person"])
    for form, sent in (
        ("note", {"text": texts["note"]}),
        ("hold", {"until": "2026-01-30", "reason": texts["reason"]}),
        (
            "dispute",
            {
                "dispute_invoice": "A1-1",
                "dispute_code": "PRICE",
                "dispute_amount": "1",
                "dispute_text": texts["dispute"],
            },
        ),
        (
            "call",
            {
                "outcome": "busy",
                "direction": "out",
                "next": "follow_up",
                "follow_up_on": "2026-01-26",
                "text": texts["said"],
            },
        ),
        ("follow-up", {"due_on": "2026-01-24", "text": texts["task"]}),
    ):
        assert 303 == cara.post(f"/accounts/do/{form}/A1", sent | marks(cara)).status_code, form
    page = live.page("cara")
    for path, shown in (
        ("/accounts/A1", set(texts)),
        ("/accounts", {"name", "task"}),
        ("/disputes", {"name", "dispute"}),
    ):
        page.goto(path)
        assert [] == page.evaluate(BESIDE, [texts[name] for name in sorted(shown)]), path
        look_at(page, f"turned-{path.strip('/').replace('/', '-')}")


WIDTHS = (400, 700, 1024, 1366)
WIDE_PAGES = (
    *("/accounts", "/accounts/A1", "/accounts/A1?invoices=all", "/lists/all", "/lists/unassigned", "/search?q=limited"),
    *("/pipeline/", "/pipeline/ageing", "/pipeline/flow", "/pipeline/accounts", "/pipeline/owners", "/go-live/"),
    *("/go-live/forecast/list", "/admin/mail/", "/admin/failed/", "/policies/", "/password", "/nothing"),
    *("/admin/users/", "/admin/users/lena", "/admin/queues/", "/admin/queues/collections", "/admin/parked/"),
    *("/admin/system/", "/policies/draft"),
)


def test_no_page_scrolls_sideways(live: Live) -> None:
    """At no width, for who has the whole navigation, and names without a space; a wide table does by itself."""
    long = "Donaudampfschifffahrtsgesellschaft" * 6
    live.site.add("lena", "caller", "lead", "admin", "policy_owner", queue="collections")
    live.site.sql("UPDATE account SET name = :name WHERE id IN ('A1', 'B1')", name=long)
    page, wide = live.page("lena"), []
    for path in WIDE_PAGES:
        page.goto(path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            if over := page.evaluate("document.documentElement.scrollWidth - innerWidth"):
                wide.append((path, width, over))
            if path in ("/accounts", "/accounts/A1", "/pipeline/", "/go-live/", "/lists/all"):
                look_at(page, f"width-{path.strip('/').replace('/', '-')}-{width}")
        if path in ("/accounts", "/lists/all"):
            page.set_viewport_size({"width": 1366, "height": 800})
            assert page.evaluate("document.querySelector('table').offsetWidth") <= 1366
            assert page.evaluate("document.querySelector('.top').offsetHeight") < 90, "the navigation takes two lines"
    assert [] == wide


def test_notices_are_settled_by_keyboard_light_and_dark(live: Live) -> None:
    """Two are ticked with the space bar and sent; a third stays."""
    live.site.add("lena", "lead")
    for said in ("Late for long (rule old)", "Ann is gone (rule gone)", "Over the limit (rule limit)"):
        live.site.sql(
            """INSERT INTO task (account_id, kind, assignee, due_on, text, made_by)
               VALUES ('A1', 'notice', 'finance-lead', '2026-01-20', :said, 'lena')""",
            said=said,
        )
    page = live.page("lena")
    page.goto("/notices")
    for dark in (False, True):
        page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
        assert [] == violations(page)
        look_at(page, f"notices-{'dark' if dark else 'light'}")
    page.get_by_role("checkbox").first.focus()
    for _ in range(2):
        page.keyboard.press("Space")
        page.keyboard.press("Tab")  # to the account
        page.keyboard.press("Tab")
    page.get_by_role("button", name="Done with the ticked ones").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 notices done.")).to_be_visible()
    expect(page.get_by_role("row")).to_have_count(2)  # its heading, and the one that is left

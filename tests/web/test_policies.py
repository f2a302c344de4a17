"""The policy owner's pages: read, compare, edit, check, save, activate, go back."""

import datetime as dt
import html
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from werkzeug.test import TestResponse

from arflow import advance, checking, clock
from arflow.advance import Engineering
from arflow.rules.engine import DurableRules
from arflow.rules.loader import load_policy
from arflow.store import policies
from arflow.web.policies import starts
from tests.production import POLICIES, step, take_in, write_events
from tests.web.conftest import PASSWORD, Live, Site, Visitor, look_at, violations

pytestmark = pytest.mark.database

DOCUMENT = """\
policy: bakery
title: Shops that buy from the bakery
currency: EUR
calendar: {timezone: Europe/Paris}
rules:
  - id: paid-up
    from: open
    when: gross_overdue_amount == 0
    to: resolved
    why: Nothing is overdue any more.
  - id: write
    from: current
    when: days_overdue >= 3 and unapplied_amount == 0
    to: reminded
    do: [{send: first-reminder}]
    why: Three days late.
  - id: ring
    from: reminded
    when: days_overdue >= 14 and unapplied_amount == 0
    to: called
    do: [{call: collections}]
    why: Late for some time.
never:
  - {id: no-court, to: escalated, when: overdue_amount < 500.00}
examples:
  - name: is called in the end
    events: [{date: 2026-02-01, event: invoice, id: I1, amount: "80.00", due: 2026-03-02}]
    expect: [{date: 2026-03-05, state: reminded}, {date: 2026-03-31, state: called}]
"""
TEN = DOCUMENT.replace(">= 14", ">= 10")
_EVALUATOR = DurableRules()


def save(site: Site, document: str = DOCUMENT) -> str:
    """Keep a version; gives the beginning of its name."""
    policy = load_policy(document, file="test")
    with site.engine.begin() as connection:
        policies.save(connection, policy, "petra")
    return policy.version[:12]


def activate(site: Site, document: str = DOCUMENT, message: str = "for a start", actor: str = "paul") -> str:
    """Activate a version behind the pages; gives the beginning of its name."""
    policy = load_policy(document, file="test")
    with site.engine.begin() as connection:
        advance.activate(connection, policy, message=message, actor=actor)
    return policy.version[:12]


def active(site: Site) -> list[str]:
    """The versions that became active, in order."""
    return [row.version[:12] for row in site.sql("SELECT version FROM policy_activation ORDER BY id")]


def begin(site: Site, day: dt.date) -> None:
    """Step the business clock to the end of `day`."""
    with site.engine.begin() as connection:
        clock.step_to(connection, day)


def owe(site: Site, tmp_path: Path, account: str = "A1") -> None:
    """Import an account that owes 80.00 EUR since 1 March 2026."""
    lines = [
        {"event": "account", "account": account, "date": "2026-02-01", "currency": "EUR", "name": "Corner Shop"},
        {
            "event": "invoice",
            "account": account,
            "date": "2026-02-01",
            "id": "I1",
            "amount": "80.00",
            "due": "2026-03-01",
        },
    ]
    take_in(site.engine, write_events(tmp_path / f"{account}.jsonl", lines))


def drain(site: Site) -> None:
    """Run all that is due now."""
    while advance.drain(site.engine, Engineering(evaluator=_EVALUATOR)) is not None:
        pass


def run_to(site: Site, day: dt.date) -> None:
    """Let the days pass up to `day`, each with all that is due on it."""
    step(site.engine, day, _EVALUATOR)


def state(site: Site, account: str = "A1") -> tuple[str, str, str]:
    """Where an account stands, since when, and by which rule."""
    query = 'SELECT "to", "on", rule FROM journal WHERE account_id = :a AND kind = \'step\' ORDER BY seq DESC LIMIT 1'
    (row,) = site.sql(query, a=account)
    return row.to, row.on.isoformat(), row.rule


def seen(text: str) -> str:
    """The activation that the form of a page knows of."""
    found = re.search(r'name="seen" value="(\d+)"', text)
    assert found
    return found[1]


def words(text: str) -> str:
    """A page without its tags, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


@pytest.fixture
def petra(site: Site) -> Visitor:
    return site.user("petra", "policy_owner")


# --- reading ----------------------------------------------------------------------------------------------------------


def test_without_a_policy_the_list_says_what_that_means_and_offers_a_start(petra: Visitor) -> None:
    text = petra.get("/policies/").text
    assert "There is no policy yet" in text
    assert "standard-eur, as it comes with arflow" in text


def test_the_list_says_what_is_active_since_when_by_whom_and_why(site: Site, petra: Visitor) -> None:
    version = activate(site, message="we begin")
    save(site, DOCUMENT.replace("policy: bakery", "policy: cakes"))
    text = words(petra.get("/policies/").text)
    assert f"bakery Shops that buy from the bakery EUR precedence 0 {version}" in text
    assert "paul we begin 0 1" in text
    assert "not active" in text


def test_a_policy_is_readable_rule_by_rule(site: Site, petra: Visitor) -> None:
    activate(site)
    text = words(petra.get("/policies/named/bakery").text)
    expected = (
        "2 write current days_overdue >= 3 and unapplied_amount == 0 reminded send first-reminder Three days late."
    )
    assert expected in text
    assert "1 paid-up open" in text
    assert "no-court escalated overdue_amount < 500.00" in text
    assert "08:00 to 18:00, by the clock of Europe/Paris" in text


def test_the_moves_are_drawn_and_the_same_stands_in_a_table(site: Site, petra: Visitor) -> None:
    activate(site)
    text = petra.get("/policies/named/bakery").text
    assert "<title>reminded to called: ring</title>" in text
    assert "reminded called (harsher) ring" in words(text)


def test_what_is_not_there_is_not_found(site: Site, petra: Visitor) -> None:
    activate(site)
    for path in ("named/nothing", "version/abc", "version/%25", "version/", "draft?start=abc"):
        assert 404 == petra.get(f"/policies/{path}").status_code


def test_a_version_shows_what_is_different_from_the_active_one_by_rule(site: Site, petra: Visitor) -> None:
    activate(site)
    text = petra.get(f"/policies/version/{save(site, TEN)}").text
    assert "days_overdue &gt;= <del>14</del> and" in text
    assert "days_overdue &gt;= <ins>10</ins> and" in text
    assert "Never activated" in text


def test_the_page_tells_how_far_the_accounts_have_come(site: Site, petra: Visitor, tmp_path: Path) -> None:
    begin(site, dt.date(2026, 3, 1))
    activate(site)
    owe(site, tmp_path)
    activate(site, TEN)
    assert "0 of 1 have" in petra.get("/policies/").text
    assert 'hx-trigger="every 2s"' in petra.get("/policies/progress").text
    drain(site)
    text = petra.get("/policies/progress").text
    assert "hx-trigger" not in text
    assert "1 account stands under it" in words(petra.get("/policies/named/bakery").text)
    site.sql("UPDATE account SET policy_seen = 0, next_due = NULL, due_on = NULL")
    text = petra.get("/policies/progress").text
    assert "1 account could not be decided" in text
    assert "hx-trigger" not in text


# --- editing ----------------------------------------------------------------------------------------------------------


def test_a_draft_starts_from_a_version_a_standard_policy_or_a_skeleton(site: Site, petra: Visitor) -> None:
    version = activate(site)
    assert "Late for some time." in petra.get(f"/policies/draft?start={version}").text
    assert "policy: mine\n" in petra.get("/policies/draft?start=standard-gbp&name=mine").text
    assert "policy: my-policy\n" in petra.get("/policies/draft").text
    assert 422 == petra.get("/policies/draft?start=empty&name=not+a+name").status_code


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("policy: bakery  # ours\n", "policy: %s  # ours\n"),
        ('"policy": bakery\n', '"policy": %s\n'),
        ("policy: 'bakery'\n", 'policy: "%s"\n'),
        ('{title: "policy: zoo", policy: bakery}', '{title: "policy: zoo", policy: %s}'),
        ('{"policy": "bakery", "rules": []}', '{"policy": "%s", "rules": []}'),
        ("title: x\npolicy:\n  bakery\n", "title: x\npolicy:\n  bakery\n"),
    ],
)
def test_another_name_is_put_in_wherever_the_key_stands(was: str, now: str) -> None:
    """Nothing else changes; where it cannot be put in, the document stays."""
    assert now.replace("%s", "mine") == starts.under("mine", was)
    assert starts.is_under("mine", starts.under("mine", was)) is ("%s" in now)


@pytest.mark.parametrize("name", ["2027", "true", "null", "1e5", "1e99999999", "9" * 50])
def test_a_name_that_looks_like_a_number_stands_in_quotes(name: str) -> None:
    assert f'policy: "{name}"\ntitle: x\n' == starts.under(name, "policy: bakery\ntitle: x\n")


def test_a_name_that_cannot_be_put_in_is_told(site: Site, petra: Visitor) -> None:
    version = save(site, DOCUMENT.replace("policy: bakery", "policy:\n  bakery"))
    text = words(petra.get(f"/policies/draft?start={version}&name=mine").text)
    assert "The name mine could not be put into this document" in text
    version = save(site, DOCUMENT.replace("policy: bakery", '"policy": "bakery"'))
    text = petra.get(f"/policies/draft?start={version}&name=mine").text
    assert typed_in(text).startswith('"policy": "mine"\n')
    assert "could not be put" not in text
    assert "Edit bakery" in words(petra.get(f"/policies/draft?start={version}").text)


def test_the_skeleton_is_in_order_and_its_examples_come_out(petra: Visitor) -> None:
    start = petra.get("/policies/draft?start=empty").text
    text = check(petra, typed_in(start)).text
    assert "The document is in order." in text
    assert "All 2 examples come out." in text
    assert "Warnings" not in text


def typed_in(page: str) -> str:
    """What the text area of a page holds."""
    found = re.search(r"<textarea[^>]*>\r?\n(.*?)</textarea>", page, re.DOTALL)
    assert found
    return html.unescape(found[1])


def check(visitor: Visitor, document: str, do: str = "check", start: str = "empty") -> TestResponse:
    """Press Check, or another button, as a browser does: with its line ends."""
    fields = {"source": document.replace("\n", "\r\n"), "do": do, "start": start}
    return visitor.post("/policies/draft", fields)


def test_every_mistake_is_shown_at_its_line_with_the_lines_around_it_and_nothing_typed_is_lost(petra: Visitor) -> None:
    wrong = (
        DOCUMENT.replace("days_overdue >= 14", "days_late >= 14").replace("send: first-", "send: frist-")
        + "# mine <&>\n"
    )
    answer = check(petra, wrong)
    text = answer.text
    assert 200 == answer.status_code
    assert "2 things must be mended first" in text
    assert "Unknown template frist-reminder (did you mean first-reminder ?)" in words(text)
    assert "here: 15 do: [{send: frist-reminder}]" in words(text).replace(" ", " ")
    assert '<a href="#line-19">Line 19</a>' in text
    assert '<span id="line-19">19</span>' in text
    assert wrong == typed_in(text)


def test_so_many_mistakes_that_not_all_are_shown(petra: Visitor) -> None:
    text = check(petra, DOCUMENT + "".join(f"key{at}: 1\n" for at in range(25))).text
    assert "20 things must be mended first; more may follow." in text
    assert "more may follow" not in check(petra, DOCUMENT + "key: 1\n").text


def test_a_check_shows_warnings_differences_and_examples(site: Site, petra: Visitor) -> None:
    activate(site)
    text = check(petra, TEN.replace("    why: Three days late.\n", "")).text
    assert "Line 11: rule write has no why ." in words(text)
    assert "<del>14</del>" in text
    assert "Its example comes out." in text
    assert 1 == site.sql("SELECT count(*) FROM policy_version")[0][0]


def test_an_example_that_fails_says_how_and_what_happens_instead(petra: Visitor) -> None:
    text = words(check(petra, DOCUMENT.replace("2026-03-31, state", "2026-03-15, state")).text)
    assert "1 of 1 example does not come out." in text
    assert "On 2026-03-15 account A is reminded, expected called." in text
    assert "2026-03-05 08:00, account A: current to reminded by write" in text


def test_a_draft_is_compared_with_what_it_started_from_while_no_version_is_active(site: Site, petra: Visitor) -> None:
    text = check(petra, TEN, start=save(site)).text
    assert "Seen from what you started from." in words(text)
    assert "No version of bakery is active yet." in text


def test_other_layout_is_told_as_such(site: Site, petra: Visitor) -> None:
    activate(site)
    assert "only its layout or comments differ" in check(petra, DOCUMENT + "# a remark\n").text
    assert "word for word" in check(petra, DOCUMENT).text


def test_a_version_is_saved_under_the_hash_of_its_content_with_who_saved_it(site: Site, petra: Visitor) -> None:
    answer = check(petra, TEN, do="save")
    version = load_policy(TEN, file="test").version
    assert (303, f"/policies/version/{version[:12]}") == (answer.status_code, answer.location)
    assert [(version, "bakery", TEN, "petra")] == [
        tuple(row) for row in site.sql("SELECT version, name, source, saved_by FROM policy_version")
    ]
    assert [] == active(site)


def test_the_same_content_is_kept_once_with_who_saved_it_first(site: Site, petra: Visitor) -> None:
    check(petra, TEN, do="save")
    check(site.user("pia", "policy_owner"), TEN, do="save")
    assert [("petra",)] == [tuple(row) for row in site.sql("SELECT saved_by FROM policy_version")]


def test_what_is_wrong_is_not_saved_and_not_lost(site: Site, petra: Visitor) -> None:
    wrong = TEN.replace("currency: EUR", "currency: EURO")
    answer = check(petra, wrong, do="save")
    assert 422 == answer.status_code
    assert wrong == typed_in(answer.text)
    assert 0 == site.sql("SELECT count(*) FROM policy_version")[0][0]


def test_whatever_is_typed_is_refused_and_shown_again(petra: Visitor) -> None:
    for document in ("", "\n\n x", "]]>&lt;<textarea></textarea>", "é" * 1000, "a: &a *a", "- \t x\r"):
        answer = check(petra, document)
        assert 200 == answer.status_code
        assert document.replace("\r", "\n") == typed_in(answer.text)


def test_a_zero_byte_is_told_at_its_line_and_nothing_typed_is_lost(site: Site, petra: Visitor) -> None:
    """No database keeps one; a browser shows U+FFFD in its place."""
    answer = check(petra, DOCUMENT + "# caf\0\n", do="save")
    assert 422 == answer.status_code
    assert f"Line {DOCUMENT.count(chr(10)) + 1} : Not YAML: a control character stands here" in words(answer.text)
    assert DOCUMENT + "# caf\ufffd\n" == typed_in(answer.text)
    assert 422 == check(petra, DOCUMENT + "# caf\0\n", do="save", start="\0").status_code
    assert 400 == petra.get("/policies/draft?name=a%00").status_code
    assert [] == site.sql("SELECT 1 FROM policy_version")


def test_a_document_over_one_megabyte_is_refused_and_shown_again(petra: Visitor) -> None:
    document = DOCUMENT + "# and so on\n" * 90_000
    answer = check(petra, document)
    assert "up to 1,000,000 bytes" in answer.text
    assert document == typed_in(answer.text)


def test_a_policy_that_json_has_written_shows_its_emoji(site: Site, petra: Visitor) -> None:
    """json.dumps escapes each as two halves; one half alone is refused at its line, and shown where it is kept."""
    half = DOCUMENT.replace("Shops that buy from the bakery", '"\\ud83d Shops"')
    whole = half.replace("\\ud83d", "\\ud83c\\udf5e").replace("policy: bakery", "policy: bread")
    assert "Line 2 : The escape \\ud83d is no character" in words(check(petra, half).text)
    assert 303 == check(petra, whole, do="save").status_code
    version = save(site, half)
    assert "\U0001f35e Shops" in petra.get("/policies/").text
    assert "\ufffd Shops" in petra.get("/policies/").text
    assert 200 == petra.get(f"/policies/version/{version}").status_code


def test_a_draft_under_another_name_says_what_stays_active(site: Site, petra: Visitor) -> None:
    start = activate(site)
    renamed = DOCUMENT.replace("policy: bakery", "policy: bakery-2")
    said = (
        "This renames bakery , which stays active: bakery-2 is a policy of its own.",
        "bakery has the same currency and precedence and is asked first, by its name.",
    )
    text = words(check(petra, renamed, start=start).text)
    assert [True, True] == [one in text for one in said]
    assert "stays active beside it" not in text
    saved = check(petra, renamed, do="save", start=start).location
    assert said[0] in words(petra.get(saved).text)
    again = words(petra.get(saved).text)
    assert "bakery stays active beside it. bakery has the same currency and precedence and is asked first" in again
    other = check(petra, renamed.replace("bakery-2", "a") + "precedence: 5\n")
    assert "asked first" not in other.text
    assert "bakery stays active beside it." in words(other.text)
    assert "stays active" not in check(petra, TEN, start=start).text
    assert "bakery has the same currency and precedence and is asked after this one" in words(
        check(petra, renamed.replace("bakery-2", "a")).text
    )


def test_a_policy_is_taken_out_of_service_by_a_condition_that_no_account_meets(site: Site, tmp_path: Path) -> None:
    """As docs/policies.md says; or by a lower precedence than the policy that is to have its accounts."""
    begin(site, dt.date(2026, 2, 10))
    second = DOCUMENT.replace("policy: bakery", "policy: bakery-2")
    activate(site)
    owe(site, tmp_path)
    has = []
    for document in (second, DOCUMENT + 'applies_to: country == "nowhere"\n', DOCUMENT, DOCUMENT + "precedence: -1\n"):
        activate(site, document)
        drain(site)
        has += [row.policy_version for row in site.sql("SELECT policy_version FROM account")]
    names = {load_policy(text, file="test").version: name for text, name in ((DOCUMENT, "first"), (second, "second"))}
    assert ["first", "second", "first", "second"] == [names[version] for version in has]


# --- activating -------------------------------------------------------------------------------------------------------


def test_a_version_is_activated_with_a_message_and_its_accounts_are_due(
    site: Site, petra: Visitor, tmp_path: Path
) -> None:
    begin(site, dt.date(2026, 3, 1))
    owe(site, tmp_path)
    version = save(site)
    page = petra.get(f"/policies/version/{version}").text
    answer = petra.post(f"/policies/version/{version}/activate", {"seen": seen(page), "message": "a start"})
    assert (303, "/policies/named/bakery") == (answer.status_code, answer.location)
    assert [("petra", "a start", version)] == [
        (row.actor, row.message, row.version[:12]) for row in site.sql("SELECT * FROM policy_activation")
    ]
    assert 1 == site.sql("SELECT count(*) FROM account WHERE next_due IS NOT NULL")[0][0]


def test_without_a_message_nothing_is_activated(site: Site, petra: Visitor) -> None:
    version = save(site)
    answer = petra.post(f"/policies/version/{version}/activate", {"seen": "0", "message": " "})
    assert 422 == answer.status_code
    assert "Why: is needed" in words(answer.text)
    assert [] == active(site)


def test_a_version_whose_examples_fail_is_kept_but_not_activated(site: Site, petra: Visitor) -> None:
    answer = check(petra, TEN.replace("2026-03-31, state: called", "2026-03-31, state: resolved"), do="save")
    version = answer.location.rpartition("/")[2]
    page = petra.get(answer.location).text
    assert "cannot be activated before all its examples come out" in page
    answer = petra.post(f"/policies/version/{version}/activate", {"seen": seen(page), "message": "hurry"})
    assert 422 == answer.status_code
    assert "1 of 1 examples do not come out ( is called in the end )" in words(answer.text)
    assert "hurry" in answer.text
    assert [] == active(site)


def test_when_another_version_was_activated_meanwhile_it_is_refused_and_nothing_typed_is_lost(
    site: Site, petra: Visitor
) -> None:
    first, ten = activate(site), save(site, TEN)
    path = f"/policies/version/{ten}"
    page = petra.get(path).text
    other = activate(site, DOCUMENT.replace(">= 14", ">= 7"), message="faster", actor="paul")
    answer = petra.post(f"{path}/activate", {"seen": seen(page), "message": "ten days will do"})
    assert 409 == answer.status_code
    assert f"Since you opened this page paul has activated version {other} (\u201cfaster\u201d)" in words(answer.text)
    assert "ten days will do" in answer.text
    assert "<del>7</del>" in answer.text
    assert [first, other] == active(site)
    again = petra.post(f"{path}/activate", {"seen": seen(answer.text), "message": "ten days will do"})
    assert 303 == again.status_code
    assert [first, other, ten] == active(site)


def test_another_policy_that_became_active_meanwhile_is_no_obstacle(site: Site, petra: Visitor) -> None:
    activate(site)
    ten = save(site, TEN)
    page = petra.get(f"/policies/version/{ten}").text
    activate(site, DOCUMENT.replace("policy: bakery", "policy: cakes"))
    answer = petra.post(f"/policies/version/{ten}/activate", {"seen": seen(page), "message": "ten"})
    assert 303 == answer.status_code


def test_the_active_version_is_not_activated_again(site: Site, petra: Visitor) -> None:
    version = activate(site)
    answer = petra.post(f"/policies/version/{version}/activate", {"seen": "1", "message": "again"})
    assert 422 == answer.status_code
    assert [version] == active(site)


def test_of_two_at_the_same_moment_the_second_is_told(site: Site, petra: Visitor) -> None:
    """While one activation is not committed yet, another waits for it, and then sees it."""
    version, pia = save(site), site.user("pia", "policy_owner")
    ten = load_policy(TEN, file="test")
    check(petra, DOCUMENT)
    secret = pia.secret()
    with ThreadPoolExecutor(max_workers=1) as pool:
        with site.engine.begin() as connection:
            policies.let_nobody_activate(connection)
            advance.activate(connection, ten, message="first", actor="petra")
            data = {"csrf_token": secret, "seen": "0", "message": "second"}
            waiting = pool.submit(lambda: pia.client.post(f"/policies/version/{version}/activate", data=data))
            time.sleep(1)
            assert not waiting.done()
        assert 409 == waiting.result(timeout=30).status_code
    assert [ten.version[:12]] == active(site)


# --- in a browser -----------------------------------------------------------------------------------------------------


def change(page: Page, old: str, new: str) -> None:
    """Type over a part of the document."""
    area = page.get_by_label("The document", exact=True)
    expect(area).to_have_value(re.compile(re.escape(old)))
    area.fill(area.input_value().replace(old, new))


def test_fourteen_days_become_ten_an_account_is_called_on_day_ten_and_the_owner_goes_back(
    live: Live, site: Site, tmp_path: Path
) -> None:
    """The work of a policy owner from the first look to the last."""
    site.add("petra", "policy_owner")
    begin(site, dt.date(2026, 3, 1))
    first = activate(site)
    owe(site, tmp_path)
    page = live.page("petra")
    page.goto("/policies/")
    assert [] == violations(page)
    page.get_by_role("link", name="bakery").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("bakery")
    assert [] == violations(page)
    look_at(page, "policy")
    page.get_by_role("link", name="Edit", exact=True).click()
    change(page, "days_overdue >= 14", "days_overdue >= 10")
    page.get_by_role("button", name="Check").click()
    rules = page.get_by_role("region", name="Different rules")
    expect(rules.locator("del")).to_have_text("14")
    expect(rules.locator("ins")).to_have_text("10")
    expect(page.get_by_text("Its example comes out.")).to_be_visible()
    assert [] == violations(page)
    look_at(page, "draft-checked")
    page.get_by_role("button", name="Save version").click()
    expect(page.get_by_text("Never activated.")).to_be_visible()
    assert [] == violations(page)
    look_at(page, "version")
    page.get_by_label("Why").fill("Customers answer the phone rather than letters.")
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_text("0 of 1 have")).to_be_visible()
    look_at(page, "progress")
    drain(site)
    expect(page.get_by_text("0 of 1 have")).to_have_count(0)  # htmx looks again by itself
    run_to(site, dt.date(2026, 3, 10))
    assert ("reminded", "2026-03-04", "write") == state(site)
    run_to(site, dt.date(2026, 3, 11))
    assert ("called", "2026-03-11", "ring") == state(site)
    page.get_by_role("link", name=f"Differences of version {first}").click()
    page.get_by_label("Why").fill("Too many calls.")
    page.get_by_role("button", name="Go back to this version").click()
    expect(page.get_by_text("Too many calls.").first).to_be_visible()
    drain(site)
    owe(site, tmp_path, "A2")
    run_to(site, dt.date(2026, 3, 12))
    assert [first, load_policy(TEN, file="test").version[:12], first] == active(site)
    assert "reminded" == state(site, "A2")[0]


def test_mistakes_are_shown_in_dark_as_well_and_jump_to_their_line(live: Live, site: Site) -> None:
    site.add("petra", "policy_owner")
    page = live.page("petra", dark=True)
    page.goto(f"/policies/draft?start={activate(site)}")
    change(page, "days_overdue >= 14", "days_overdo >= 14")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("alert")).to_contain_text("1 thing must be mended first")
    assert [] == violations(page)
    look_at(page, "draft-refused-dark")
    page.get_by_role("link", name="Line 19").click()
    mark, area = page.locator("#line-19").bounding_box(), page.get_by_label("The document").bounding_box()
    assert mark
    assert area
    assert 0 < mark["y"] < 768
    assert abs(area["y"] + 18 * 21.1 - mark["y"]) < 15
    page.get_by_label("The document").fill(
        DOCUMENT.replace("is called", "never called").replace("state: called", "state: current")
    )
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("1 of 1 example does not come out.")).to_be_visible()
    assert [] == violations(page)
    look_at(page, "draft-failing-dark")


def test_when_the_session_ends_while_one_types_nothing_is_lost(live: Live, site: Site) -> None:
    site.add("petra", "policy_owner", password=PASSWORD)
    page = live.page("petra")
    page.goto(f"/policies/draft?start={activate(site)}")
    change(page, "days_overdue >= 14", "days_overdue >= 10")
    site.sql("UPDATE session SET seen_at = now() - interval '2 hours', made_at = now() - interval '3 hours'")
    page.get_by_role("button", name="Save version").click()
    page.get_by_label("Name").fill("petra")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Send it now").click()
    expect(page.get_by_text("Never activated.")).to_be_visible()
    assert TEN == site.sql("SELECT source FROM policy_version ORDER BY saved_at DESC")[0][0]


def test_all_of_it_works_without_javascript(live: Live, site: Site, tmp_path: Path) -> None:
    site.add("petra", "policy_owner")
    begin(site, dt.date(2026, 3, 1))
    first = activate(site)
    owe(site, tmp_path)
    page = live.page("petra", java_script=False)
    page.goto("/policies/")
    page.get_by_role("link", name="bakery").click()
    page.get_by_role("link", name="Edit", exact=True).click()
    change(page, "days_overdue >= 14", "days_overdue >= 10")
    page.get_by_role("button", name="Check").click()
    expect(page.locator("del")).to_have_text("14")
    page.get_by_role("button", name="Save version").click()
    page.get_by_label("Why").fill("ten")
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_text("0 of 1 have")).to_be_visible()
    drain(site)
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_text("0 of 1 have")).to_have_count(0)
    checking._kept.clear()
    page.get_by_role("link", name=f"Differences of version {first}").click()
    page.get_by_role("link", name="Play its 1 example").click()
    expect(page.get_by_text("Its example comes out.")).to_be_visible()


# --- what a policy can never do ---------------------------------------------------------------------------------------


def test_a_check_says_what_is_proved_and_what_fails(live: Live, site: Site) -> None:
    """Below the examples of a draft; an entry of `never` that a rule breaks leads to its line."""
    site.add("petra", "policy_owner")
    page = live.page("petra")
    page.goto(f"/policies/draft?start={activate(site)}")
    change(page, "to: called", "to: escalated")
    page.get_by_role("button", name="Check").click()
    failing = page.locator(".proofs > li").filter(has_text="no-court")
    expect(failing).to_contain_text("fails")
    expect(failing).to_contain_text("Rule ring (line 17) leads it to escalated: an account in reminded with")
    failing.get_by_role("link", name="line 24").click()
    assert page.url.endswith("#line-24")
    page.get_by_text("What is proved").click()
    expect(page.get_by_text("No rule is idle")).to_be_visible()
    assert [] == violations(page)
    look_at(page, "unproved")


def test_a_version_that_breaks_its_never_says_so_where_it_is_activated(site: Site) -> None:
    petra = site.user("petra", "policy_owner")
    checking._kept.clear()
    version = save(site, DOCUMENT.replace("to: called", "to: escalated"))
    assert "Prove what must never happen" in petra.get(f"/policies/version/{version}").text
    shown = petra.get(f"/policies/version/{version}/examples").text
    assert re.search(r"of its claims are\s+<a href=\"#proofs\">not proved</a>", shown)


def test_one_can_ask_what_a_policy_can_never_do(live: Live, site: Site) -> None:
    """By keyboard, without JavaScript: proved, shown to fail, or mended where it cannot be read."""
    site.add("petra", "policy_owner")
    page = live.page("petra", java_script=False)
    page.goto(f"/policies/version/{activate(site)}")
    page.get_by_role("link", name="Ask more").click()
    page.get_by_label("While").fill("overdue_amount == 0")
    page.get_by_label("While").press("Enter")
    expect(page.locator(".proofs")).to_contain_text("No rule writes or calls while overdue_amount == 0.")
    expect(page.locator(".proofs")).to_contain_text("proved")
    page.get_by_label("No rule").select_option(label="leads to called")
    page.get_by_label("While").fill("overdue_amount < 100.00")
    page.get_by_role("button", name="Prove it").click()
    expect(page.locator(".proofs")).to_contain_text("fails")
    expect(page.locator(".proofs")).to_contain_text("overdue_amount 0.01, days_overdue 14")
    expect(page.get_by_label("No rule")).to_have_value("called")
    again = live.page("petra", dark=True)
    again.goto(page.url)
    assert [] == violations(again)
    look_at(again, "never-dark")
    page.get_by_label("While").fill("overdue_amuont < 100.00")
    page.get_by_role("button", name="Prove it").click()
    expect(page.get_by_text("did you mean overdue_amount?")).to_be_visible()
    expect(page.get_by_label("While")).to_have_value("overdue_amuont < 100.00")


@pytest.mark.parametrize("asked", ["does=contact&condition=", "does=x&condition=on_hold", f"condition={'x' * 3000}"])
def test_a_question_that_cannot_be_read_is_shown_again(site: Site, asked: str) -> None:
    petra = site.user("petra", "policy_owner")
    answer = petra.get(f"/policies/version/{save(site)}/never?{asked}")
    assert 422 == answer.status_code
    assert "Please mend what is marked below." in answer.text


def test_the_standard_policy_is_legible(live: Live, site: Site) -> None:
    """The largest page there is: 33 arrows, 41 rules."""
    site.add("petra", "policy_owner")
    version = activate(site, (POLICIES / "standard-usd.yaml").read_text())
    page = live.page("petra", dark=True)
    page.goto("/policies/named/standard-usd")
    assert [] == violations(page)
    look_at(page, "standard-dark")
    for path in ("named/standard-usd", f"draft?start={version}", ""):
        page.goto(f"/policies/{path}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    look_at(page, "policies-dark")

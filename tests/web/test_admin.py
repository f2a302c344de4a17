"""The admins' pages: people, queues, parked accounts, failed deliveries, the system, the demo."""

import datetime as dt
import html
import re
import shutil
import tempfile
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import text

from arflow import clock, queues
from arflow.mail import Folder
from arflow.rules.loader import load_policy
from arflow.web import create_app
from tests.cli.books import invoice
from tests.desk.conftest import POLICY, shop_with
from tests.production import activate, run, step, take_in, write_events
from tests.servers import valkey
from tests.test_doors import REAL
from tests.web.conftest import PASSWORD, Site, Visitor, settings_for
from tests.web.pagecheck import Page

pytestmark = pytest.mark.database


@pytest.fixture
def boss(site: Site) -> Visitor:
    return site.user("boss", "admin")


# --- people -----------------------------------------------------------------------------------------------------------


def test_an_admin_makes_a_user_who_sets_a_password_by_a_link(site: Site, boss: Visitor) -> None:
    boss.post("/admin/queues/", {"name": "Collections", "title": "Collections"})
    fields = {"name": "Cara", "full_name": "Cara C.", "email": "c@example.com", "roles": ["caller", "lead"]}
    made = boss.post("/admin/users/", fields | {"queues": ["collections"]})
    assert (303, "/admin/users/cara") == (made.status_code, made.location)
    page = boss.get("/admin/users/cara").text
    token = page.partition("http://localhost/password/")[2].partition("<")[0]
    cara = site.anybody()
    assert 303 == cara.post(f"/password/{token}", {"password": PASSWORD, "password_again": PASSWORD}).status_code
    own = cara.get("/password").text
    for word in ("Cara C.", "caller", "lead", "collections"):
        assert word in own
    assert token not in boss.get("/admin/users/cara").text


def test_what_is_wrong_with_a_new_user_stands_in_the_form(boss: Visitor) -> None:
    answer = boss.post("/admin/users/", {"name": "boss", "full_name": "Another", "roles": ["lead"]})
    assert 422 == answer.status_code
    assert "there is a user <code>boss</code> already" in answer.text
    assert 'value="Another"' in answer.text
    assert 'value="lead" checked' in answer.text
    assert "is not one of them" in boss.post("/admin/users/", {"name": "new", "roles": ["king"]}).text
    assert "no e-mail address" in boss.post("/admin/users/", {"name": "new", "email": "nowhere"}).text


def test_roles_and_queues_are_changed(site: Site, boss: Visitor) -> None:
    site.add("cara", "caller", queue=["one", "two"])
    boss.post("/admin/users/cara", {"full_name": "C", "roles": ["lead"], "queues": ["two"]})
    (row,) = site.sql("SELECT roles, full_name FROM app_user WHERE name = 'cara'")
    assert (["lead"], "C") == (row.roles, row.full_name)
    assert ["two"] == [row.queue for row in site.sql("SELECT queue FROM queue_member")]


def test_the_last_admin_stays(site: Site, boss: Visitor) -> None:
    for path, fields in (("/admin/users/boss", {"roles": ["lead"]}), ("/admin/users/boss/disable", {})):
        answer = boss.post(path, fields)
        assert 422 == answer.status_code
        assert "the last admin" in answer.text
    assert 200 == boss.get("/admin/users/").status_code


def test_the_accounts_of_a_disabled_user_go_back(site: Site, boss: Visitor, tmp_path: Path) -> None:
    shop_with(site.engine, tmp_path)
    cara = site.user("cara", "caller", queue="collections")
    assert 303 == boss.post("/admin/users/cara/disable").status_code
    assert 303 == cara.get("/password").status_code
    assert "1 account went back" in boss.get("/admin/users/cara").text
    assert ["collections"] == [row.owner for row in site.sql("SELECT owner FROM account WHERE id = 'CARA'")]
    boss.post("/admin/users/cara/enable")
    assert 200 == site.logged_in("cara").get("/password").status_code


def test_what_a_rule_gives_a_disabled_user_later_is_seen_and_given_back(
    site: Site, boss: Visitor, tmp_path: Path
) -> None:
    shop_with(site.engine, tmp_path)
    site.user("carl", "caller")
    site.sql("UPDATE app_user SET disabled_at = now() WHERE name = 'carl'")
    assert "still owns 1 accounts" in boss.get("/admin/users/").text
    assert 303 == boss.post("/admin/users/carl/give-back").status_code
    assert "still owns" not in boss.get("/admin/users/").text


def test_nobody_finds_a_user_that_is_not_there(boss: Visitor) -> None:
    for path in ("/admin/users/ghost", "/admin/queues/ghost"):
        assert 404 == boss.get(path).status_code


# --- queues -----------------------------------------------------------------------------------------------------------


def test_queues_are_made_changed_and_taken_away(site: Site, boss: Visitor, tmp_path: Path) -> None:
    shop_with(site.engine, tmp_path)
    site.add("cara", "caller")
    assert 303 == boss.post("/admin/queues/", {"name": "seniors", "members": ["cara"]}).status_code
    assert "there is a user" in boss.post("/admin/queues/", {"name": "cara"}).text
    answer = boss.post("/admin/queues/seniors/remove")
    assert 422 == answer.status_code
    assert "owns 1 accounts" in answer.text
    assert 303 == boss.post("/admin/queues/seniors", {"title": "Seniors", "members": []}).status_code
    assert [] == site.sql("SELECT * FROM queue_member")
    boss.post("/admin/queues/", {"name": "spare"})
    assert 303 == boss.post("/admin/queues/spare/remove").status_code
    assert ["seniors"] == [row.name for row in site.sql("SELECT name FROM queue")]


def test_whom_a_policy_names_and_who_is_not_here_is_told_until_there_is_one(site: Site, boss: Visitor) -> None:
    """Where queues are made, where a policy is activated, and in `arflow status` (see tests/stack)."""
    rules = POLICY.replace("do: [", "do: [{assign: hill-top}, ", 1)
    activate(site.engine, load_policy(rules, file="test"))
    said = "obody here is called <code>hill-top</code>, to whom rule <code>phone</code>"
    assert said in boss.get("/admin/queues/").text
    petra = site.user("petra", "policy_owner")
    assert said in petra.post("/policies/draft", {"source": rules, "do": "check"}).text
    boss.post("/admin/queues/", {"name": "hill-top"})
    assert said not in boss.get("/admin/queues/").text


# --- parked accounts, failed deliveries, the system -------------------------------------------------------------------


def test_a_parked_account_is_tried_again(site: Site, boss: Visitor, tmp_path: Path) -> None:
    """Without a policy it stays; with one it goes on."""
    step(site.engine, dt.date(2026, 1, 4))
    key = "A/EUR & <1>"
    opened = {"event": "account", "date": "2026-01-05", "currency": "USD", "account": key}
    take_in(site.engine, write_events(tmp_path / "one.jsonl", [opened, invoice(key)]))
    step(site.engine, dt.date(2026, 1, 6))
    page = boss.get("/admin/parked/").text
    assert "A/EUR &amp; &lt;1&gt;" in page
    assert "no policy" in page
    action = html.unescape(page.partition('action="/admin/parked/')[2].partition('"')[0])
    assert 303 == boss.post(f"/admin/parked/{action}").status_code
    assert "is still parked" in boss.get("/admin/parked/").text
    with site.engine.begin() as connection:
        connection.execute(text("UPDATE account SET next_due = NULL, due_on = NULL"))
    activate(site.engine, load_policy(POLICY, file="shop.yaml"))
    boss.post(f"/admin/parked/{action}")
    assert "None. Every account goes its way." in boss.get("/admin/parked/").text
    assert 404 == boss.post("/admin/parked/GHOST/retry").status_code


def test_a_parked_account_that_cannot_be_read_is_shown_and_says_why_again(
    site: Site, boss: Visitor, tmp_path: Path
) -> None:
    shop_with(site.engine, tmp_path)
    site.sql("UPDATE account SET fired = '[1]', next_due = '2026-01-01', due_on = '2026-01-01' WHERE id = 'CARA'")
    run(site.engine, REAL)
    assert "cannot be decided" in boss.get("/admin/parked/").text
    answer = boss.post("/admin/parked/CARA/retry")
    assert (409, True) == (answer.status_code, "Account <code>CARA</code> cannot be decided" in answer.text)
    assert ["Parked accounts"] == re.findall("<h1>(.*)</h1>", answer.text)
    assert "/admin/parked/CARA/retry" in Page(answer.text).forms  # so it can be tried again at once


def test_an_account_that_cannot_be_read_hides_no_other(site: Site, tmp_path: Path) -> None:
    """Lists show the others, and say which one is missing; its own page says why."""
    shop_with(site.engine, tmp_path)
    lead, owned = site.user("lena", "lead", "caller"), "/lists/all"
    others = [row.id for row in site.sql("SELECT id FROM account WHERE id <> 'CARA' ORDER BY id")]
    assert 'href="/accounts/CARA"' in lead.get(owned).text
    site.sql("UPDATE account SET fired = '[1]' WHERE id = 'CARA'")
    page = lead.get(owned)
    assert (200, True) == (page.status_code, "Account CARA is not shown, because it cannot be read" in page.text)
    shown = [key for key in others if f'href="/accounts/{key}"' in page.text]
    assert shown
    assert 'href="/accounts/CARA"' not in page.text
    answer = lead.get("/accounts/CARA")
    assert (404, True) == (answer.status_code, "because it cannot be read" in answer.text)
    assert ["This cannot be shown"] == re.findall("<h1>(.*)</h1>", answer.text)


def test_a_failed_message_is_queued_again(site: Site, boss: Visitor, tmp_path: Path) -> None:
    shop_with(site.engine, tmp_path)
    site.sql(
        """INSERT INTO message (account_id, template, recipient, decided_at, status, error, settled_at)
           VALUES ('CARA', 'notice', 'boss', now(), 'failed', 'mailbox <full>', now())"""
    )
    assert "mailbox &lt;full&gt;" in boss.get("/admin/failed/").text
    (row,) = site.sql("SELECT id FROM message WHERE status = 'failed'")
    assert 303 == boss.post(f"/admin/failed/{row.id}/retry").status_code
    late = boss.post(f"/admin/failed/{row.id}/retry")
    assert (409, True) == (late.status_code, f"Message {row.id} is not one that failed" in late.text)
    assert "None failed." in late.text


def test_accounts_that_stand_still_or_got_no_letter_are_a_click_away(site: Site, boss: Visitor, tmp_path: Path) -> None:
    """Both lists are for people who may open any account."""
    shop_with(site.engine, tmp_path)
    parked = '{"reason": "no", "rule": null, "to": null, "at": "2026-01-20T08:00:00+00:00"}'
    site.sql("UPDATE account SET wake = NULL, parked = :why WHERE id = 'CARL'", why=parked)
    site.sql(
        """INSERT INTO message (account_id, template, recipient, decided_at, status, error, settled_at)
           VALUES ('CARA', 'notice', 'boss', now(), 'failed', 'mailbox full', now())"""
    )
    for path, account in (("/admin/parked/", "CARL"), ("/admin/failed/", "CARA")):
        assert f"/accounts/{account}" in Page(boss.get(path).text).links
        assert 200 == boss.get(f"/accounts/{account}").status_code


def test_what_the_rules_are_still_told_is_repeated_from_the_list(site: Site, boss: Visitor, tmp_path: Path) -> None:
    shop_with(site.engine, tmp_path)
    site.sql(
        """INSERT INTO effect (account_id, number, kind, name, rule, stay, overdue_then, decided_at, decided_on, status,
                               sent_at, sent_on)
           VALUES ('CARA', 99, 'send', 'letter', 'r', 1, true, now(), '2026-01-20', 'sent', now(), '2026-01-20')"""
    )
    (row,) = site.sql(
        """INSERT INTO message (account_id, number, template, recipient, decided_at, status, error, settled_at)
           VALUES ('CARA', 99, 'letter', 'x@example.com', now(), 'failed', 'full', now()) RETURNING id"""
    )
    answer = boss.post(f"/admin/failed/{row.id}/retry")
    assert (409, True) == (answer.status_code, "repeat it in a moment" in answer.text)
    assert f"/admin/failed/{row.id}/retry" in Page(answer.text).forms


def test_a_refused_address_is_shown_to_callers_and_cleared_by_leads(site: Site, tmp_path: Path) -> None:
    """Beside the address on the account's page, and on the page of failed deliveries, where a lead clears it."""
    shop_with(site.engine, tmp_path)
    site.sql(
        """INSERT INTO person (account_id, position, name, email, phone, role)
           VALUES ('CARA', 9, 'Ann', ' Ann@Bright.example', '', '')"""
    )
    site.sql("INSERT INTO refused_address (address, reason) VALUES ('ann@bright.example', '550 <no> such user')")
    lead = site.user("lena", "lead")
    shown = "refused, nothing is sent to it</strong> (<bdi>550 &lt;no&gt; such user</bdi>)"
    assert shown in lead.get("/accounts/CARA").text
    assert "550 &lt;no&gt; such user" in lead.get("/admin/failed/").text
    assert 303 == lead.post("/admin/failed/clear", {"address": "ann@bright.example"}).status_code
    assert shown not in lead.get("/accounts/CARA").text
    assert [("lena",)] == [tuple(row) for row in site.sql("SELECT cleared_by FROM refused_address")]
    assert 409 == lead.post("/admin/failed/clear", {"address": "ann@bright.example"}).status_code
    assert 422 == lead.post("/admin/failed/clear", {"address": " "}).status_code


def test_the_system_page_tells_what_is_due_and_what_waits(site: Site, boss: Visitor, tmp_path: Path) -> None:
    shop_with(site.engine, tmp_path)
    site.sql("UPDATE account SET next_due = '2026-01-19 08:00+00', due_on = '2026-01-19' WHERE id = 'CARA'")
    site.sql("INSERT INTO heartbeat (name, seen_at) VALUES ('ticker', now() - interval '3 minutes')")
    site.sql("UPDATE account SET born = false WHERE id = 'NOBODY'")
    page = " ".join(boss.get("/admin/system/").text.split())
    for row in (
        'Due now</th><td class="number">1<',
        'All</th><td class="number">5<br><small>1 of them with nothing recorded yet<',
        'Unassigned</th><td class="number">4<',  # cara, carl and the seniors are nobody here
    ):
        assert row in page
    assert "ticker</th><td>3 minutes ago" in page
    assert "no Redis was named" in page


def test_the_system_page_is_there_without_redis(site: Site, boss: Visitor) -> None:
    app = create_app(settings_for(site.engine, redis_url="redis://127.0.0.1:1/0"))
    there = Site(app=app, engine=site.engine).logged_in("boss")
    assert "cannot be reached" in there.get("/admin/system/").text


def test_the_system_page_shows_the_queues_of_work(site: Site, boss: Visitor, tmp_path: Path) -> None:
    short = Path(tempfile.mkdtemp())  # a socket's path has a length that pytest's folders exceed
    try:
        with valkey(short) as url:
            with queues.connect(url) as redis:
                queues.ring(redis, queues.DRAIN, 3)
            app = create_app(settings_for(site.engine, redis_url=url))
            page = " ".join(Site(app=app, engine=site.engine).logged_in("boss").get("/admin/system/").text.split())
    finally:
        shutil.rmtree(short)
    assert 'drain</th><td class="number">3</td>' in page
    assert "nobody works" in page


# --- the demo's clock -------------------------------------------------------------------------------------------------


@pytest.fixture
def demo(site: Site) -> Visitor:
    """A caller in a demo whose clock stands."""
    with site.engine.begin() as connection:
        clock.begin_demo(connection, dt.date(2026, 3, 1), 5)
    return site.user("cara", "caller")


def test_the_demos_clock_is_driven_from_every_page(site: Site, demo: Visitor) -> None:
    assert 'Today is <time datetime="2026-03-01">1 Mar 2026</time>' in demo.get("/password").text
    assert "/password" == demo.post("/demo/step", {"there": "/password"}).location
    assert "2026-03-02" in demo.get("/password").text
    demo.post("/demo/run", {"seconds_per_day": "2"})
    assert "A day takes 2 seconds" in demo.get("/password").text
    demo.post("/demo/pause")
    assert "The clock is paused" in demo.get("/password").text
    assert 422 == demo.post("/demo/run", {"seconds_per_day": "0"}).status_code
    assert "Demo." not in site.anybody().get("/log-in").text


def test_the_clock_of_a_real_database_is_not_driven(site: Site) -> None:
    cara = site.user("cara", "caller")
    assert "Demo." not in cara.get("/password").text
    for path in ("/demo/pause", "/demo/run", "/demo/step"):
        assert 422 == cara.post(path).status_code


# --- letters that lie as files ----------------------------------------------------------------------------------------


def test_letters_in_the_folder_are_shown_as_text(site: Site, boss: Visitor, tmp_path: Path) -> None:
    """Their markup is never the page's; nothing outside the folder is read."""
    letter = EmailMessage()
    letter["To"], letter["Subject"], letter["Message-ID"] = "c@example.com", "Open <invoice>", "<17.0a1b@example.com>"
    letter.set_content("Dear <b>Ann</b>,\nplease pay.")
    letter.add_alternative("<p>Dear Ann</p>", subtype="html")
    Folder(tmp_path / "mail").send(letter, "c@example.com", dt.date(2026, 3, 13))
    (tmp_path / "secret.eml").write_text("Subject: secret\n\n")
    app = create_app(settings_for(site.engine, mail_folder=tmp_path / "mail"))
    there = Site(app=app, engine=site.engine).logged_in("boss")
    assert "Open &lt;invoice&gt;" in there.get("/admin/mail/").text
    page = there.get("/admin/mail/2026-03-13/17.0a1b").text
    assert "Dear &lt;b&gt;Ann&lt;/b&gt;,\nplease pay." in page
    for elsewhere in ("../secret", "2026-03-13/../../secret", "2026-03-13/17.0a1b.eml", "%2e%2e/secret"):
        assert 404 == there.get(f"/admin/mail/{elsewhere}").status_code
    assert "none lie here" in boss.get("/admin/mail/").text

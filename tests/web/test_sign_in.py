"""Logging in and out: who gets in, how long a session lasts, and what an attacker finds."""

import datetime as dt
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import TestResponse

from arflow.desk import links, users
from arflow.desk.sessions import Lifetime
from arflow.web import create_app
from tests.web.conftest import PASSWORD, Site, Visitor, settings_for

pytestmark = pytest.mark.database


def cookie_of(visitor: Visitor) -> str | None:
    """The token that the browser holds."""
    found = visitor.client.get_cookie("arflow")
    return found.value if found else None


def log_in(visitor: Visitor, name: str = "cara", password: str = PASSWORD, **others: str) -> TestResponse:
    """Send the log-in form."""
    return visitor.post("/log-in", {"name": name, "password": password} | others)


def is_in(visitor: Visitor) -> bool:
    """Whether the browser is logged in."""
    return visitor.get("/password").status_code == 200


def test_name_and_password_let_in_and_log_out_lets_out(site: Site) -> None:
    site.add("cara", "caller", password=PASSWORD)
    cara = site.anybody()
    assert 303 == log_in(cara, name=" Cara ").status_code
    assert is_in(cara)
    before = cookie_of(cara)
    assert 303 == cara.post("/log-out").status_code
    assert not is_in(cara)
    cara.client.set_cookie("arflow", before or "")
    assert not is_in(cara)


def test_an_unknown_name_and_a_wrong_password_look_the_same(site: Site) -> None:
    site.add("cara", "caller", password=PASSWORD)
    said = []
    for name in ("cara", "nobody"):
        answer = log_in(site.anybody(), name=name, password="wrong")  # noqa: S106
        assert 401 == answer.status_code
        text = answer.text.partition("<main")[2].replace(name, "NAME")
        said.append("".join(part for part in text.splitlines(keepends=True) if "csrf_token" not in part))
    assert said[0] == said[1]
    assert "do not belong together" in said[0]


def test_the_cookie_holds_a_random_token_out_of_reach_of_scripts_and_other_sites(site: Site) -> None:
    site.add("cara", "caller", password=PASSWORD)
    (cookie,) = log_in(site.anybody()).headers.getlist("Set-Cookie")
    assert cookie.startswith("arflow=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} == set(cookie.split("; ")[1:])


def test_by_https_the_cookie_goes_by_https_only(site: Site) -> None:
    site.add("cara", "caller", password=PASSWORD)
    secure = Site(app=create_app(settings_for(site.engine, is_https=True)), engine=site.engine).anybody()
    answer = secure.get("/log-in", base_url="https://arflow.example")
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-arflow=")
    assert "Secure" in cookie.split("; ")
    assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_a_token_from_before_the_log_in_is_worth_nothing_after_it(site: Site) -> None:
    """Session fixation: whoever planted it, or saw it, is not in."""
    site.add("cara", "caller", password=PASSWORD)
    cara, planted = site.anybody(), "p" * 43
    cara.client.set_cookie("arflow", planted)
    log_in(cara)
    assert is_in(cara)
    assert planted != cookie_of(cara)
    thief = site.anybody()
    thief.client.set_cookie("arflow", planted)
    assert not is_in(thief)


def test_logging_in_again_ends_the_session_before(site: Site) -> None:
    site.add("cara", "caller", password=PASSWORD)
    cara, old = site.anybody(), site.anybody()
    log_in(cara)
    old.client.set_cookie("arflow", cookie_of(cara) or "")
    log_in(cara)
    assert is_in(cara)
    assert not is_in(old)


def test_wrong_passwords_make_one_wait_and_it_says_how_long(site: Site) -> None:
    site.add("cara", "caller", password=PASSWORD)
    cara = site.anybody()
    assert [401, 401, 401] == [log_in(cara, password="wrong").status_code for _ in range(3)]  # noqa: S106
    answer = log_in(cara)
    assert 429 == answer.status_code
    assert "Try again in 2 seconds" in answer.text
    assert "2" == answer.headers["Retry-After"]
    site.sql("UPDATE failed_log_in SET at = at - interval '2 seconds'")
    assert 303 == log_in(cara).status_code
    assert [] == site.sql("SELECT * FROM failed_log_in")


def test_a_log_in_form_that_is_too_old_is_shown_anew(site: Site) -> None:
    """Somebody logged in and out in another window meanwhile."""
    site.add("cara", "caller", password=PASSWORD)
    cara = site.anybody()
    old = {"csrf_token": "old", "name": "cara", "password": PASSWORD, "goes_to": "/password"}
    answer = cara.client.post("/log-in", data=old)
    assert 400 == answer.status_code
    assert 'value="cara"' in answer.text
    assert 'name="goes_to" value="/password"' in answer.text
    assert not is_in(cara)


# --- the end of sessions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["seen_at", "made_at"])
def test_a_session_ends_by_the_settings(site: Site, column: str) -> None:
    """Unused for the one time, old by the other."""
    lifetime = Lifetime(idle=dt.timedelta(minutes=5), longest=dt.timedelta(minutes=10))
    short = Site(app=create_app(settings_for(site.engine, lifetime=lifetime)), engine=site.engine)
    cara = short.user("cara", "caller")
    assert is_in(cara)
    site.sql(f"UPDATE session SET {column} = {column} - interval '11 minutes'")
    assert not is_in(cara)


def test_a_session_in_use_goes_on(site: Site) -> None:
    cara = site.user("cara", "caller")
    for _ in range(3):
        site.sql("UPDATE session SET seen_at = seen_at - interval '20 minutes'")
        assert is_in(cara)


def test_a_disabled_person_is_out_at_once(site: Site) -> None:
    boss, cara = site.user("boss", "admin"), site.user("cara", "caller")
    assert is_in(cara)
    boss.post("/admin/users/cara/disable")
    assert not is_in(cara)
    assert 401 == log_in(site.anybody()).status_code


def test_a_role_that_is_taken_away_is_gone_at_once(site: Site) -> None:
    site.user("boss", "admin")
    other = site.user("other", "admin")
    assert 200 == other.get("/admin/users/").status_code
    site.sql("UPDATE app_user SET roles = '{caller}' WHERE name = 'other'")
    assert 403 == other.get("/admin/users/").status_code


# --- one's password ---------------------------------------------------------------------------------------------------

ANOTHER = "battery horse correct"


def change(visitor: Visitor, old: str, new: str = ANOTHER, again: str = ANOTHER) -> TestResponse:
    return visitor.post("/password", {"old_password": old, "password": new, "password_again": again})


def test_another_password_logs_out_the_other_browsers(site: Site) -> None:
    site.add("cara", "caller", password=PASSWORD)
    cara, elsewhere = site.logged_in("cara"), site.logged_in("cara")
    assert 303 == change(cara, PASSWORD).status_code
    assert is_in(cara)
    assert not is_in(elsewhere)
    assert 401 == log_in(site.anybody()).status_code
    assert 303 == log_in(site.anybody(), password=ANOTHER).status_code


def test_all_mistakes_are_said_at_once(site: Site) -> None:
    site.add("cara", "caller", password=PASSWORD)
    cara = site.logged_in("cara")
    answer = change(cara, "wrong", again="different")
    assert 422 == answer.status_code
    assert "is not your password" in answer.text
    assert "is not the same" in answer.text


def test_the_present_password_is_not_to_be_guessed_there(site: Site) -> None:
    site.add("cara", "caller", password=PASSWORD)
    cara = site.logged_in("cara")
    for _ in range(3):
        change(cara, "wrong")
    answer = change(cara, PASSWORD)
    assert 422 == answer.status_code
    assert "too many wrong passwords" in answer.text


# --- links that work once ---------------------------------------------------------------------------------------------


def test_the_first_admin_makes_themself_once(site: Site) -> None:
    with site.engine.begin() as connection:
        token = links.first_admin(connection)
    fields = {"name": "Boss", "full_name": "The Boss", "password": PASSWORD, "password_again": PASSWORD}
    boss, late = site.anybody(), site.anybody()
    assert "The first admin" in late.get(f"/first/{token}").text
    assert 303 == boss.post(f"/first/{token}", fields).status_code
    assert 200 == boss.get("/admin/users/").status_code
    assert 404 == late.get(f"/first/{token}").status_code
    assert 404 == late.post(f"/first/{token}", fields | {"name": "late"}).status_code
    assert ["boss"] == [row.name for row in site.sql("SELECT name FROM app_user")]


def test_a_first_admin_with_a_weak_password_can_mend_it(site: Site) -> None:
    """The link is not spent by a form that is refused."""
    with site.engine.begin() as connection:
        token = links.first_admin(connection)
    boss, fields = site.anybody(), {"name": "boss", "password": "weak", "password_again": "weak"}
    answer = boss.post(f"/first/{token}", fields)
    assert 422 == answer.status_code
    assert 'value="boss"' in answer.text
    assert "a password has 12 to 1000 characters" in answer.text
    assert 303 == boss.post(f"/first/{token}", fields | {"password": PASSWORD, "password_again": PASSWORD}).status_code


def test_a_link_sets_a_password_and_lets_in(site: Site) -> None:
    site.add("cara", "caller")
    with site.engine.begin() as connection:
        token = links.new_password(connection, "cara")
    cara, fields = site.anybody(), {"password": PASSWORD, "password_again": PASSWORD}
    assert 200 == cara.get(f"/password/{token}").status_code
    assert 303 == cara.post(f"/password/{token}", fields).status_code
    assert is_in(cara)
    assert 404 == site.anybody().post(f"/password/{token}", fields).status_code


# --- where one goes on ------------------------------------------------------------------------------------------------


def test_after_the_log_in_one_is_where_one_wanted_to_go(site: Site) -> None:
    site.add("boss", "admin", password=PASSWORD)
    boss = site.anybody()
    there = boss.get("/admin/parked/?page=2").location
    assert {"next": ["/admin/parked/?page=2"]} == parse_qs(urlsplit(there).query)
    goes_to = 'name="goes_to" value="/admin/parked/?page=2"'
    assert goes_to in boss.get(there).text
    assert "/admin/parked/?page=2" == log_in(boss, "boss", goes_to="/admin/parked/?page=2").location


ELSEWHERE = [
    "//evil.example",
    "https://evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    "/\t/evil.example",
    "/\n/evil.example",
    "evil.example",
    "///evil.example",
]


def test_no_link_leads_through_the_log_in_to_another_site(site: Site) -> None:
    site.add("cara", "caller", password=PASSWORD)
    for elsewhere in ELSEWHERE:
        cara = site.anybody()
        assert "evil" not in cara.get("/log-in", query_string={"next": elsewhere}).text.partition("<main")[2]
        assert "/" == log_in(cara, goes_to=elsewhere).location
        assert "/" == cara.get("/log-in", query_string={"next": elsewhere}).location
        assert "/" == cara.post("/theme", {"theme": "dark", "there": elsewhere}).location


def test_the_name_of_who_knocks_is_never_markup(site: Site) -> None:
    answer = log_in(site.anybody(), name='"><script>alert(1)</script>', password="x")  # noqa: S106
    assert "<script>alert" not in answer.text


def test_whoever_has_no_role_may_still_change_the_password(site: Site) -> None:
    with site.engine.begin() as connection:
        users.add(connection, name="new", roles=[])
    assert "/password" == site.logged_in("new").get("/").location

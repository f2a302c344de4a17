"""Every route of the app against everybody who may not use it: `routes.TABLE` has a row for each, or the test fails.

An attack counts when the answer is the refusal that it should be; that none of them changed anything is seen in the
database itself. The last test shows that the same requests do reach their pages when the right person sends them.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from typing import Any
from urllib.parse import quote

import pytest
from flask import Request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import Rule

from arflow.web.app import LARGEST_BODY
from tests.sizes import size
from tests.web.conftest import Site
from tests.web.pagecheck import Page
from tests.web.routes import PEOPLE, Row, Scene, scene_in

pytestmark = pytest.mark.database

_SECRET = re.compile(r'name="csrf_token" value="[^"]+"')
"""It tells the second in which it was made."""

NO_ACCOUNT = {"/go-live/old-debts", "/go-live/forecast.csv", "/go-live/forecast/list"}
"""Pages that say what is missing when nothing is asked for, or nothing is known yet."""


@pytest.fixture(scope="module")
def scene(template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """All of it on one database: an attack changes nothing."""
    with scene_in(template, tmp_path_factory.mktemp("routes")) as made:
        yield made


Tally = Callable[[str, int], None]
COUNTED = "routes x attacks"


def test_the_table_has_every_route_of_the_app_and_says_whom_it_is_for(scene: Scene) -> None:
    """As the app itself lists them; so a route that is added has to say it twice."""
    declared = scene.site.app.extensions["directory"]._declared
    found = {
        (method, rule.rule): declared[rule.endpoint].roles
        for rule in scene.site.app.url_map.iter_rules()
        for method in _methods(rule)
    }
    assert found == {(row.method, row.rule): row.roles for row in scene.rows}


def _methods(rule: Rule) -> set[str]:
    return (rule.methods or set()) - {"HEAD", "OPTIONS"}


def test_who_is_not_logged_in_is_asked_to(scene: Scene, tally: Tally) -> None:
    before, tried = scene.contents(), 0
    for row in scene.rows:
        if row.is_public:
            continue
        answer = scene.send(row, None)
        if row.method == "GET":
            assert (303, "/log-in") == (answer.status_code, (answer.location or "").partition("?")[0]), row
        else:
            assert (401, True) == (answer.status_code, "<h1>Log in</h1>" in answer.text), row
        tried += 1
    assert before == scene.contents()
    tally(COUNTED, tried)


def test_every_wrong_role_is_turned_away(scene: Scene, tally: Tally) -> None:
    """With the right secret of the form, so that nothing else stops it; also as HEAD."""
    before, tried = scene.contents(), 0
    for row in scene.rows:
        for person in PEOPLE:
            if not row.is_for(person):
                assert 403 == scene.send(row, person).status_code, (row, person)
                head = scene.visitors[person].client.head(row.path, buffered=True)
                assert (True, b"") == (head.status_code >= 400, head.data), (row, person)
                tried += 2
    assert before == scene.contents()
    tally(COUNTED, tried)


def test_an_account_of_others_is_not_there(scene: Scene, tally: Tally) -> None:
    """Whatever a caller asks about it or does to it, the answer is that of an account that does not exist."""
    dora = scene.site.user("dora", "caller")
    before, secret, tried = scene.contents(), dora.secret(), 0
    for row in scene.rows:
        if "<path:account_id>" not in row.rule or "caller" not in row.roles:
            continue
        said = set()
        for other in ("A1", "C1", "NONE"):  # another queue's, another caller's, and none at all
            path = row.path.replace("A1", other)
            data = {"csrf_token": secret} if row.method == "POST" else None
            answer = dora.client.open(path, method=row.method, data=data, buffered=True)
            assert 404 == answer.status_code, path
            said.add(_SECRET.sub("", answer.text).replace(other, "KEY"))
            tried += 1
        assert 1 == len(said), row
    assert tried > 30
    assert before == scene.contents()
    tally(COUNTED, tried)


def test_a_form_without_the_secret_of_its_own_session_does_nothing(scene: Scene, tally: Tally) -> None:
    """No secret, a made-up one, that of somebody else, and one's own of before: by the right person, on every form."""
    again = {name: scene.site.logged_in(name) for name in PEOPLE}
    before, tried = scene.contents(), 0
    for row in scene.rows:
        if row.method != "POST":
            continue
        person = scene.rightful(row)
        others = next(secret for name, secret in scene.secrets.items() if name != person)
        visitor = again[person]  # another session, so the secret of the first one is a replayed one
        for data in ({}, {"csrf_token": "x" * 64}, {"csrf_token": others}, {"csrf_token": scene.secrets[person]}):
            assert 400 == visitor.client.post(row.path, data=data, buffered=True).status_code, (row, data)
            tried += 1
        assert 400 == visitor.client.post(f"{row.path}?csrf_token={others}", data={}).status_code
        tried += 1
    assert before == scene.contents()
    tally(COUNTED, tried)


def test_a_body_that_is_too_large_is_refused(scene: Scene, tally: Tally) -> None:
    """Of whoever sends it; by its length alone where one is said."""
    before, tried = scene.contents(), 0
    large = b"x=" + b"y" * LARGEST_BODY
    kind = "application/x-www-form-urlencoded"
    for row in scene.rows:
        if row.method == "POST":
            for visitor in (scene.visitors[scene.rightful(row)], scene.site.anybody()):
                answer = visitor.client.post(row.path, data=large, content_type=kind)
                assert 413 == answer.status_code, row
                tried += 1
    assert before == scene.contents()
    tally(COUNTED, tried)


def test_no_other_method_does_anything(scene: Scene, tally: Tally) -> None:
    """What a route is not for is refused, whoever sends it, and OPTIONS tells nobody anything but methods."""
    before, tried = scene.contents(), 0
    known: dict[str, set[str]] = {}
    for row in scene.rows:
        known.setdefault(row.path, set()).add(row.method)
    for path, methods in known.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - methods:
            answer = scene.visitors["ada"].client.open(
                path, method=method, data={"csrf_token": scene.secrets["ada"]}, buffered=True
            )
            is_other_address = path.startswith("/accounts/do/")  # an account may be called anything
            others = {404, 303} if method == "GET" else {404}  # who asks for a form is led to its page
            assert answer.status_code in ({405} | (others if is_other_address else set())), (method, path)
            tried += 1
        answer = scene.site.anybody().client.options(path, buffered=True)
        assert (True, "") == (
            answer.status_code in (200, 303, 401, 405),
            answer.text if answer.status_code == 200 else "",
        )
        tried += 1
    assert before == scene.contents()
    tally(COUNTED, tried)


STRANGE = (
    "'",
    "' OR '1'='1",
    "'; DROP TABLE account; --",
    "1); DELETE FROM session; --",
    "x' UNION SELECT name, password FROM app_user --",
    "\\'; SELECT pg_sleep(20); --",
    "%' AND 1=(SELECT pg_sleep(20)) --",
    "$$;SELECT 1;$$",
    "%",
    "_",
    "\\",
    "{{7*7}}%s%(x)s{0}",
    "\"'><script>alert(1)</script>",
    "-1",
    "0",
    "9" * 5000,
    "9" * 30,
    "\u0661\u0662",
    "1e9999",
    "nan",
    "2026-02-30",
    "0001-01-01",
    "9999-12-31",
    "-2026-01-01",
    "..",
    "/",
    "a\r\nSet-Cookie: evil=1",
    "\u202e\ufeff\ud7ff\U0001f4a9",
    "x" * 20_000,
)
"""What is asked for in addresses: SQL, markup, numbers and dates that are none, and plain too much."""


def test_what_is_asked_for_in_an_address_is_only_a_value(scene: Scene, tally: Tally) -> None:
    """In each that a view looks for, as the views themselves say: it is never SQL, markup, a header or a mistake."""
    asked: dict[Row, set[str]] = {}
    before, tried = scene.contents(), 0
    for row in scene.rows:
        if row.method == "GET":
            with _noted(scene.site) as names:
                scene.send(row, scene.rightful(row))
            asked[row] = names
    assert {"q", "owner", "currency", "page", "as_of", "state", "order", "day", "next", "start"} <= set().union(
        *asked.values()
    )
    values = cycle(STRANGE)
    for row, names in asked.items():
        client = scene.visitors[scene.rightful(row)].client
        for name in sorted(names):
            for value in islice(values, size(3, len(STRANGE))):  # each value comes up at many names
                answer = client.get(row.path, query_string={name: value}, buffered=True)
                assert answer.status_code < 500, (row, name, value)
                assert "evil" not in answer.headers.get("Set-Cookie", "")
                if answer.mimetype == "text/html":
                    assert [] == Page(answer.text).faults, (row, name, value)
                tried += 1
    assert before == scene.contents()
    tally(COUNTED, tried)


def test_past_the_end_of_a_list_is_its_beginning(scene: Scene, tally: Tally) -> None:
    """Whoever stays on a page whose rows have gone is not told that there are none at all."""
    tried = 0
    for row in scene.rows:
        if row.method == "GET":
            with _noted(scene.site) as names:
                scene.send(row, scene.rightful(row))
            if "page" in names:
                visitor = scene.visitors[scene.rightful(row)]
                first, past = (_SECRET.sub("", visitor.get(row.path, query_string={"page": n}).text) for n in (1, 99))
                assert first == past.replace("page=99", "page=1"), row
                tried += 1
    assert tried >= 8
    tally(COUNTED, tried)


def test_what_stands_in_a_path_is_only_a_value(scene: Scene, tally: Tally) -> None:
    """In the place of an account, a name, a version, a date or a number: found, refused or not there."""
    before, tried = scene.contents(), 0
    values = cycle(quote(value[:2000].replace("\0", ""), safe="") for value in STRANGE)
    for row in scene.rows:
        if "<" not in row.rule:
            continue
        person = scene.rightful(row)
        for value in islice(values, size(3, len(STRANGE))):
            path = re.sub(r"<[^>]+>", value, row.rule)
            data = {"csrf_token": scene.secrets[person]} if row.method == "POST" else None
            answer = scene.visitors[person].client.open(path, method=row.method, data=data, buffered=True)
            assert 400 <= answer.status_code < 500 or answer.status_code == 308, (path, answer.status_code)
            if answer.mimetype == "text/html":
                assert [] == Page(answer.text).faults, path
            tried += 1
    assert before == scene.contents()
    tally(COUNTED, tried)


@contextmanager
def _noted(site: Site) -> Iterator[set[str]]:
    """The names of the values that views look for meanwhile."""
    names: set[str] = set()

    class Noted(ImmutableMultiDict[str, str]):
        def get(self, key: str, *others: Any, **named: Any) -> Any:  # noqa: ANN401  # werkzeug's
            names.add(key)
            return super().get(key, *others, **named)

    class Noting(Request):
        parameter_storage_class = Noted

    site.app.request_class = Noting
    try:
        yield names
    finally:
        site.app.request_class = Request


def test_the_right_person_with_the_secret_gets_there(scene: Scene) -> None:
    """So what stopped the others was what it should be: the same requests are answered, or their form is refused."""
    reached = {row: scene.send(row, scene.rightful(row)).status_code for row in scene.rows if row.method == "GET"}
    assert {200, 303, 302, 404, 422} >= set(reached.values())
    missing = {row.path for row, status in reached.items() if status in (404, 422)}
    assert NO_ACCOUNT >= missing
    for row in scene.rows:
        if row.method == "POST" and row.rule != "/log-out":
            scene.site.sql("UPDATE app_user SET disabled_at = NULL")  # what an earlier one has done
            scene.site.sql("UPDATE task SET done_at = NULL, done_by = ''")
            visitor = scene.site.logged_in(scene.rightful(row))
            answer = visitor.client.post(row.path, data={"csrf_token": visitor.secret()}, buffered=True)
            refused = {"/log-in": 401, "/first/<token>": 404}.get(row.rule)  # no name; and there is an admin
            assert answer.status_code in (200, 302, 303, 409, 422, refused), (row, answer.status_code)

"""Every route of the app against everybody who may not use it: the table below has a row for each, or the test fails.

An attack counts when the answer is the refusal that it should be; that none of them changed anything is seen in the
database itself. The last test shows that the same requests do reach their pages when the right person sends them.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from itertools import cycle, islice
from types import MappingProxyType
from typing import Any

import pytest
from flask import Request
from sqlalchemy import text
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from arflow.desk import links
from arflow.mail import Folder
from arflow.web import create_app
from arflow.web.app import LARGEST_BODY
from tests.desk.books import copied_book
from tests.sizes import size
from tests.web.conftest import PASSWORD, Site, Visitor, settings_for
from tests.web.pagecheck import Page

pytestmark = pytest.mark.database

TABLE = """
GET   /                                                 signed-in
GET   /accounts                                         caller lead
GET   /accounts/<path:account_id>                       admin caller lead
POST  /accounts/do/assign/<path:account_id>             admin lead
POST  /accounts/do/call/<path:account_id>               admin caller lead
POST  /accounts/do/dispute/<path:account_id>            admin caller lead
POST  /accounts/do/dispute-closed/<path:account_id>     admin lead
POST  /accounts/do/escalate/<path:account_id>           admin caller lead
POST  /accounts/do/follow-up/<path:account_id>          admin caller lead
POST  /accounts/do/hold/<path:account_id>               admin caller lead
POST  /accounts/do/note/<path:account_id>               admin caller lead
POST  /accounts/do/promise/<path:account_id>            admin caller lead
POST  /accounts/do/promise-cancelled/<path:account_id>  admin caller lead
POST  /accounts/do/release/<path:account_id>            admin caller lead
POST  /accounts/do/take-back/<path:account_id>          admin caller lead
POST  /accounts/do/task-done/<int:number>/<path:account_id>   admin caller lead
POST  /accounts/do/task-later/<int:number>/<path:account_id>  admin caller lead
POST  /accounts/do/untag/<path:account_id>              admin lead
GET   /admin/failed/                                    admin
POST  /admin/failed/<int:number>/retry                  admin
GET   /admin/mail/                                      admin lead
GET   /admin/mail/<path:key>                            admin lead
GET   /admin/parked/                                    admin
POST  /admin/parked/<path:account_id>/retry             admin
GET   /admin/queues/                                    admin
POST  /admin/queues/                                    admin
GET   /admin/queues/<name>                              admin
POST  /admin/queues/<name>                              admin
POST  /admin/queues/<name>/remove                       admin
GET   /admin/system/                                    admin
GET   /admin/users/                                     admin
POST  /admin/users/                                     admin
GET   /admin/users/<name>                               admin
POST  /admin/users/<name>                               admin
POST  /admin/users/<name>/disable                       admin
POST  /admin/users/<name>/enable                        admin
POST  /admin/users/<name>/give-back                     admin
POST  /admin/users/<name>/link                          admin
POST  /demo/pause                                       signed-in
POST  /demo/run                                         signed-in
POST  /demo/step                                        signed-in
GET   /first/<token>                                    public
POST  /first/<token>                                    public
GET   /go-live/                                         admin lead
GET   /go-live/forecast                                 admin lead
GET   /go-live/forecast.csv                             admin lead
GET   /go-live/forecast/list                            admin lead
POST  /go-live/fuse/<policy>                            admin lead
POST  /go-live/off                                      admin lead
GET   /go-live/old-debts                                admin lead
GET   /go-live/old-debts/<older_than>/<state>           admin lead
POST  /go-live/old-debts/<older_than>/<state>           admin lead
POST  /go-live/on                                       admin lead
POST  /go-live/payments                                 admin lead
GET   /healthz                                          public
GET   /lists/all                                        admin lead
POST  /lists/all                                        admin lead
GET   /lists/unassigned                                 admin lead
POST  /lists/unassigned                                 admin lead
GET   /log-in                                           public
POST  /log-in                                           public
POST  /log-out                                          public
GET   /password                                         signed-in
POST  /password                                         signed-in
GET   /password/<token>                                 public
POST  /password/<token>                                 public
GET   /pipeline/                                        admin lead
GET   /pipeline/accounts                                admin lead
GET   /pipeline/accounts.csv                            admin lead
GET   /pipeline/ageing                                  admin lead
GET   /pipeline/ageing.csv                              admin lead
GET   /pipeline/flow                                    admin lead
GET   /pipeline/flow.csv                                admin lead
GET   /pipeline/flow/accounts                           admin lead
GET   /pipeline/owners                                  admin lead
GET   /pipeline/owners.csv                              admin lead
GET   /pipeline/pipeline.csv                            admin lead
GET   /policies/                                        admin policy_owner
GET   /policies/draft                                   admin policy_owner
POST  /policies/draft                                   admin policy_owner
GET   /policies/named/<name>                            admin policy_owner
GET   /policies/progress                                admin policy_owner
GET   /policies/version/<version>                       admin policy_owner
POST  /policies/version/<version>/activate              admin policy_owner
GET   /policies/version/<version>/examples              admin policy_owner
GET   /search                                           admin caller lead
GET   /static/<path:name>                               public
POST  /theme                                            public
"""
"""Method, address and who may use it: roles, `signed-in`, or `public`. Whoever adds a route adds its row."""

PEOPLE = MappingProxyType(
    {"cara": "caller", "lena": "lead", "petra": "policy_owner", "ada": "admin", "norman": ""},  # the last has no role
)
NO_ACCOUNT = {"/go-live/old-debts", "/go-live/forecast.csv", "/go-live/forecast/list"}
"""Pages that say what is missing when nothing is asked for, or nothing is known yet."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table, with an address that leads somewhere."""

    method: str
    rule: str
    roles: frozenset[str]
    path: str

    @property
    def is_public(self) -> bool:
        """Whether it is for everybody."""
        return "public" in self.roles

    def is_for(self, person: str) -> bool:
        """Whether one of PEOPLE may use it."""
        return self.is_public or "signed-in" in self.roles or PEOPLE[person] in self.roles


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The small book behind its pages, one person a role, and the rows with addresses of things that are there."""

    site: Site
    rows: tuple[Row, ...]
    visitors: Mapping[str, Visitor]
    secrets: Mapping[str, str]
    """The secret that the forms of each person hold."""

    def rightful(self, row: Row) -> str:
        """Somebody who may use a route."""
        return next(name for name in reversed(PEOPLE) if row.is_for(name))

    def send(self, row: Row, person: str | None, **fields: str) -> TestResponse:
        """A request as `person` sends it, a form with their secret unless another one is given."""
        visitor = self.visitors[person] if person else self.site.anybody()
        secret = self.secrets[person] if person else ""
        data = ({"csrf_token": secret} | fields) if row.method == "POST" else None
        return visitor.client.open(row.path, method=row.method, data=data, buffered=True)

    def contents(self) -> Mapping[str, str]:
        """A digest of every table, but of what a request may leave behind: its session, and tries to log in."""
        tables = [row[0] for row in self.site.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        left = {"session", "failed_log_in"}
        digest = "SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {} t"
        return {name: self.site.sql(digest.format(name))[0][0] for name in sorted(tables) if name not in left}


@pytest.fixture(scope="module")
def scene(template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """All of it on one database: an attack changes nothing."""
    folder = tmp_path_factory.mktemp("routes")
    engine = copied_book(template, folder)
    _put_letter(Folder(folder / "mail"))
    app = create_app(settings_for(engine, mail_folder=folder / "mail"))
    app.testing = True  # a mistake of ours is raised
    site = Site(app=app, engine=engine)
    site.add("cara", "caller", queue="collections", password=PASSWORD)
    for name, role in PEOPLE.items():
        if name != "cara":
            site.add(name, *filter(None, [role]))
    visitors = {name: site.logged_in(name) for name in PEOPLE}
    secrets = {name: visitor.secret() for name, visitor in visitors.items()}
    yield Scene(site=site, rows=_rows(site), visitors=visitors, secrets=secrets)
    engine.dispose()


def _put_letter(folder: Folder) -> None:
    letter = EmailMessage()
    letter["Subject"], letter["Message-ID"] = "Please pay", "<1.ab@example.com>"
    letter.set_content("Please pay.")
    folder.send(letter, "ann@example.com", dt.date(2026, 1, 20))


def _rows(site: Site) -> tuple[Row, ...]:
    with site.engine.begin() as connection:
        connection.execute(text("UPDATE app_user SET roles = '{lead}' WHERE name = 'ada'"))
        first = links.first_admin(connection)  # is given only where there is no admin yet
        connection.execute(text("UPDATE app_user SET roles = '{admin}' WHERE name = 'ada'"))
        token = links.new_password(connection, "petra")
    columns = "account_id, kind, assignee, due_on, text"
    task = site.sql(f"INSERT INTO task ({columns}) VALUES ('A1', 'follow_up', 'cara', '2026-02-01', 'x') RETURNING id")
    message = site.sql("UPDATE message SET status = 'failed', error = 'full' WHERE account_id = 'A2' RETURNING id")
    places = {
        "account_id": "A1",
        "key": "2026-01-20/1.ab",
        "older_than": "2026-01-01",
        "policy": "p-usd",
        "state": "called",
        "version": site.sql("SELECT version FROM policy_version LIMIT 1")[0][0],
    }
    special = {
        ("/accounts", "number"): str(task[0][0]),
        ("/admin/failed", "number"): str(message[0][0]),
        ("/admin/users", "name"): "norman",
        ("/admin/queues", "name"): "collections",
        ("/policies", "name"): "p-usd",
        ("/static", "name"): "app.css",
        ("/password", "token"): token,
        ("/first", "token"): first or "",
    }

    def filled(rule: str) -> str:
        chosen = places | {name: value for (start, name), value in special.items() if rule.startswith(start)}
        return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: chosen[found[1]], rule)

    lines = [line.split(maxsplit=2) for line in TABLE.strip().splitlines()]
    return tuple(
        Row(method=method, rule=rule, roles=frozenset(roles.split()), path=filled(rule))
        for method, rule, roles in lines
    )


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
            said.add(re.sub(r'name="csrf_token" value="[^"]+"', "", answer.text).replace(other, "KEY"))
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
            assert answer.status_code == 405 or (is_other_address and answer.status_code in (404, 405)), (method, path)
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
            for value in islice(values, size(9, len(STRANGE))):  # each value comes up at many names
                answer = client.get(row.path, query_string={name: value}, buffered=True)
                assert answer.status_code < 500, (row, name, value)
                assert "evil" not in answer.headers.get("Set-Cookie", "")
                if answer.mimetype == "text/html":
                    assert [] == Page(answer.text).faults, (row, name, value)
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

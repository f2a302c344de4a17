"""The table of all routes and of who may use them, and a small book in which each of them leads somewhere."""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import text
from werkzeug.test import TestResponse

from arflow.desk import links
from arflow.mail import Folder
from arflow.web import create_app
from tests.desk.books import copied_book
from tests.web.conftest import PASSWORD, Site, Visitor, settings_for

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
GET   /admin/failed/                                    admin lead
POST  /admin/failed/clear                               admin lead
POST  /admin/failed/<int:number>/retry                  admin lead
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
GET   /disputes                                         admin caller lead
GET   /disputes.csv                                     admin lead
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
GET   /lists/next                                       caller lead
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
GET   /pipeline/callers                                 admin lead
GET   /pipeline/callers.csv                             admin lead
GET   /pipeline/flow                                    admin lead
GET   /pipeline/flow.csv                                admin lead
GET   /pipeline/flow/accounts                           admin lead
GET   /pipeline/measures                                admin lead
GET   /pipeline/measures.csv                            admin lead
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
GET   /policies/version/<version>/trial                 admin policy_owner
GET   /policies/version/<version>/never                 admin policy_owner
GET   /notices                                          admin caller lead
POST  /notices                                          admin caller lead
GET   /promises                                         admin caller lead
GET   /promises.csv                                     admin lead
GET   /search                                           admin caller lead
GET   /static/<path:name>                               public
POST  /theme                                            public
"""
"""Method, address and who may use it: roles, `signed-in`, or `public`. Whoever adds a route adds its row."""

PEOPLE = MappingProxyType(
    {"cara": "caller", "lena": "lead", "petra": "policy_owner", "ada": "admin", "norman": ""},  # the last has no role
)


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


@contextmanager
def scene_in(template: str, folder: Path) -> Iterator[Scene]:
    """All of it on one database of its own; `template` is a migrated one."""
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

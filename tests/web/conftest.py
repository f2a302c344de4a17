"""What the tests of pages share: the app on a database of its own, people with roles, and a real browser.

`site` makes people and gives a client for each, logged in; `live` serves the same app on a free loopback port, and
`chromium` opens its pages: `live.page(user)` with JavaScript, `live.page(user, java_script=False)` without.
"""

import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sqlalchemy import Engine, text
from waitress.server import create_server
from werkzeug.test import TestResponse, run_wsgi_app

from arflow.advance import Engineering
from arflow.desk import queues, sessions, users
from arflow.rules.engine import DurableRules
from arflow.web import Settings, create_app
from arflow.web.app import Application
from tests.web_server import running

PASSWORD = "correct horse battery"  # noqa: S105  # of people that tests make
KEY = b"k" * 32
_FORM_SECRET = re.compile(r'name="csrf_token" value="([^"]+)"')
_BEGINNING = 600  # bytes of a page that are on the screen before the rest comes
_EVALUATOR = DurableRules()


def settings_for(engine: Engine, **others: Any) -> Settings:  # noqa: ANN401  # any setting
    """The settings of a test's app."""
    return Settings(
        engine=engine, engineering=Engineering(evaluator=_EVALUATOR, delivery="recorded"), key=KEY, **others
    )


@dataclass
class Visitor:
    """A browser without a screen: `get` and `post` as a person does, forms with the secret of the page before."""

    client: FlaskClient
    name: str = ""

    def get(self, path: str, **options: Any) -> TestResponse:  # noqa: ANN401  # werkzeug's
        """Open a page."""
        return self.client.get(path, **options)

    def post(self, path: str, fields: dict[str, Any] | None = None, **options: Any) -> TestResponse:  # noqa: ANN401
        """Send a form, with the secret that the pages of this browser hold."""
        data = {"csrf_token": self.secret()} | (fields or {})
        return self.client.post(path, data=data, **options)

    def secret(self) -> str:
        """The secret that forms of this browser hold now."""
        found = _FORM_SECRET.search(self.client.get("/password", follow_redirects=True).text)
        assert found
        return found[1]


@dataclass
class Site:
    """The app of a test, and the people who use it."""

    app: Application
    engine: Engine

    def anybody(self) -> Visitor:
        """Somebody who is not logged in."""
        return Visitor(client=self.app.test_client())

    def add(self, name: str, *roles: str, queue: str | Sequence[str] = (), password: str | None = None) -> str:
        """Make a person, and the queues that are not there yet."""
        with self.engine.begin() as connection:
            users.add(connection, name=name, roles=roles, password=password)
            for wanted in [queue] if isinstance(queue, str) else queue:
                if wanted not in {known.name for known in queues.every(connection)}:
                    queues.add(connection, name=wanted)
                queues.join(connection, wanted, name)
        return name

    def user(self, name: str, *roles: str, queue: str | Sequence[str] = ()) -> Visitor:
        """Make a person and log them in."""
        return self.logged_in(self.add(name, *roles, queue=queue))

    def logged_in(self, name: str) -> Visitor:
        """A new browser of a person, logged in without a password."""
        made = self.anybody()
        made.client.set_cookie("arflow", self.token(name), domain="localhost")
        made.name = name
        return made

    def token(self, name: str) -> str:
        """A new session of a person."""
        with self.engine.begin() as connection:
            return sessions.begin(connection, name)

    def sql(self, statement: str, **values: object) -> Sequence[Any]:
        """Run SQL in a transaction of its own; gives the rows, if any."""
        with self.engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return result.all() if result.returns_rows else []


class _Compiled(BytecodeCache):
    """The templates that some app of this process has compiled; the next one need not do it again."""

    def __init__(self) -> None:
        self._codes: dict[str, CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give what was compiled of the same text, if anything."""
        bucket.code = self._codes.get(f"{bucket.key} {bucket.checksum}")

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._codes[f"{bucket.key} {bucket.checksum}"] = bucket.code


_TEMPLATES = _Compiled()


@pytest.fixture
def site(engine: Engine) -> Site:
    """The app on a migrated database of this test alone; a mistake of ours is raised, not shown as a page."""
    app = create_app(settings_for(engine))
    app.testing = True
    app.jinja_env.bytecode_cache = _TEMPLATES
    return Site(app=app, engine=engine)


# --- a real browser ---------------------------------------------------------------------------------------------------


@dataclass
class Live:
    """The app of `site`, served on a loopback port, and a browser that opens it."""

    site: Site
    address: str
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)

    def page(self, user: str | None = None, *, java_script: bool = True, dark: bool = False) -> Page:
        """A page in a browser of its own; `user` is logged in there. Any error on the page fails the test."""
        context = self.browser.new_context(
            base_url=self.address,
            java_script_enabled=java_script,
            color_scheme="dark" if dark else "light",
            viewport={"width": 1366, "height": 768},
        )
        context.set_default_timeout(20_000)
        self.contexts.append(context)
        if user is not None:
            name = f"arflow-{self.address.rpartition(':')[2]}"
            context.add_cookies([{"name": name, "value": self.site.token(user), "url": self.address}])
        return context.new_page()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a screen."""
    program = os.environ.get("ARFLOW_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("browser: install chromium, or set ARFLOW_CHROMIUM to its path")
    expect.set_options(timeout=20_000)  # a machine that runs all tests at once is slow
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


def _in_two_parts(app: Application) -> WSGIApplication:
    """Let each answer pause after its beginning for ARFLOW_PAUSE seconds: what does not wait for a page fails then."""
    pause = float(os.environ.get("ARFLOW_PAUSE", "0"))

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        body, status, headers = run_wsgi_app(app, environ, buffered=True)
        whole = b"".join(body)
        start(status, headers.to_wsgi_list())
        yield whole[:_BEGINNING]
        time.sleep(pause)
        yield whole[_BEGINNING:]

    return answer if pause else app


@pytest.fixture
def live(site: Site, chromium: Browser) -> Iterator[Live]:
    """The app of `site` behind a real server, with a real browser before it."""
    server: Any = create_server(_in_two_parts(site.app), host="127.0.0.1", port=0, threads=4)
    made = Live(site=site, address=f"http://127.0.0.1:{server.effective_port}", browser=chromium)
    with running(server):
        yield made
        for context in made.contexts:
            context.close()


def look_at(page: Page, name: str) -> None:
    """Keep a picture of the page where ARFLOW_PICTURES names a folder; for people, nothing is compared."""
    folder = os.environ.get("ARFLOW_PICTURES")
    if folder:
        page.wait_for_load_state()
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with the page once it is whole, each with the elements that it found."""
    page.wait_for_load_state()
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {[node['target'] for node in v['nodes']]}" for v in found]

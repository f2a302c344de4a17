"""What every answer says to browsers, the files that pages load, errors and health."""

import errno
import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import create_engine

from arflow.errors import Refused
from arflow.web import assets, create_app, key, shown
from arflow.web.app import BLUEPRINTS
from arflow.web.pages import PUBLIC, Pages
from arflow.web.transactions import connection
from tests.web.conftest import Site, settings_for

pytestmark = pytest.mark.database

VENDORED = assets.FOLDER / "vendor"


def test_nothing_inline_nothing_from_elsewhere_in_no_frame(site: Site) -> None:
    for path in ("/log-in", "/nothing", "/healthz", "/static/app.css"):
        with site.anybody().get(path) as answer:
            headers = answer.headers
        rules = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "connect-src": "'self'",
            "form-action": "'self'",
            "frame-ancestors": "'none'",
            "base-uri": "'none'",
            "img-src": "'self' data:",
        } == rules
        assert "nosniff" == headers["X-Content-Type-Options"]
        assert "same-origin" == headers["Referrer-Policy"]


def test_pages_are_kept_nowhere_and_files_for_long(site: Site) -> None:
    visitor = site.anybody()
    assert "no-store" == visitor.get("/log-in").headers["Cache-Control"]
    with visitor.get("/static/app.css") as answer:
        assert "immutable" in answer.headers["Cache-Control"]
    assert 404 == visitor.get("/static/../app.py").status_code
    assert 404 == visitor.get("/static/%2e%2e/app.py").status_code


def test_vendored_files_are_those_that_were_looked_at() -> None:
    """Each has its licence beside it, and the SHA-256 that is written down."""
    lines = (VENDORED / "SHA256SUMS.txt").read_text("utf-8").splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    found = {path.name for path in VENDORED.iterdir()} - {"SHA256SUMS.txt"}
    assert found == set(listed)
    for name, digest in listed.items():
        assert digest == hashlib.sha256((VENDORED / name).read_bytes()).hexdigest()
    for name in (assets.PICO, assets.HTMX):
        licence = Path(name).name.replace(".min.css", ".license.txt").replace(".min.js", ".license.txt")
        assert licence in found


def test_templates_have_nothing_inline() -> None:
    """The policy above would block it: scripts, styles, handlers."""
    for path in sorted((Path(assets.__file__).parent / "templates").rglob("*.html")):
        text = path.read_text("utf-8").lower()
        for word in ("<style", " style=", " onclick=", " onchange=", "hx-on", "javascript:", "| safe"):
            assert word not in text, (path.name, word)
        assert text.count("<script") == text.count("<script src="), path.name


def test_links_in_what_is_replaced_have_an_id() -> None:
    """By it htmx gives the focus back; without, whoever uses the keyboard begins at the top of the page."""
    parts = [path for path in (assets.FOLDER.parent / "templates").rglob("*.html") if "hx-swap=" in path.read_text()]
    assert parts
    for path in parts:
        links = re.findall(r"<a\b[^>]*>", path.read_text("utf-8"))
        assert [] == [link for link in links if " id=" not in link], path.name


def test_the_theme_is_kept_without_javascript(site: Site) -> None:
    visitor = site.anybody()
    assert "data-theme" not in visitor.get("/log-in").text
    assert "/log-in" == visitor.post("/theme", {"theme": "dark", "there": "/log-in"}).location
    assert 'data-theme="dark"' in visitor.get("/log-in").text
    visitor.post("/theme", {"theme": "nonsense"})
    assert "data-theme" not in visitor.get("/log-in").text


def test_health_says_ok_and_no_more(site: Site) -> None:
    answer = site.anybody().get("/healthz")
    assert (200, "ok\n") == (answer.status_code, answer.text)
    assert "Set-Cookie" not in answer.headers


def test_health_fails_with_an_old_schema_or_no_database(site: Site) -> None:
    site.sql("UPDATE alembic_version SET version_num = '0001'")
    assert 503 == site.anybody().get("/healthz").status_code
    nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    client: FlaskClient = create_app(settings_for(nowhere)).test_client()
    answer = client.get("/healthz")
    assert (503, "not ok\n") == (answer.status_code, answer.text)


def test_a_database_that_is_away_is_said_plainly(site: Site) -> None:
    nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    client: FlaskClient = create_app(settings_for(nowhere)).test_client()
    client.set_cookie("arflow", "x" * 43)
    answer = client.get("/password")
    assert 503 == answer.status_code
    assert "The database cannot be reached" in answer.text


def test_a_mistake_of_ours_shows_nothing_of_the_inside(site: Site) -> None:
    broken = Pages("broken", __name__, roles=PUBLIC)
    broken.get("/broken")(lambda: str(connection().exec_driver_sql("SELECT nonsense")))
    client = create_app(settings_for(site.engine), (*BLUEPRINTS, broken)).test_client()
    answer = client.get("/broken")
    assert 500 == answer.status_code
    assert "nonsense" not in answer.text
    assert "Traceback" not in answer.text


def test_a_page_only_reads(site: Site) -> None:
    """So a link that somebody is lured to changes nothing."""
    greedy = Pages("greedy", __name__, roles=PUBLIC)

    @greedy.get("/greedy")
    def write() -> str:
        connection().exec_driver_sql("INSERT INTO queue (name) VALUES ('x')")
        return "written"

    client = create_app(settings_for(site.engine), (*BLUEPRINTS, greedy)).test_client()
    assert 503 == client.get("/greedy").status_code
    assert [] == site.sql("SELECT * FROM queue")


def test_the_key_is_made_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    """Of many at once, all get the same; half a key is refused."""
    first, *others = ThreadPoolExecutor(16).map(key.of_home, [tmp_path] * 64)
    assert {first} == set(others)
    assert ["web.key"] == [path.name for path in tmp_path.iterdir()]
    assert 32 == len(first)
    assert 0o600 == (tmp_path / "web.key").stat().st_mode & 0o777
    (tmp_path / "web.key").write_bytes(first[:7])
    with pytest.raises(Refused, match="remove it"):
        key.of_home(tmp_path)


def test_a_key_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk is full: each start would leave another half, with part of a secret in it."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        key.of_home(tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_words_of_others_in_our_sentences_are_never_markup() -> None:
    """Backticks become code; what stands in them stays text."""
    assert "no <code>&lt;b&gt;</code> &amp; no more" == shown.ticked("no `<b>` & no more")
    assert "open ` &lt;i&gt;" == shown.ticked("open ` <i>")


def test_money_is_shown_exactly() -> None:
    shows = [(123450, "USD", "1,234.50"), (-5, "USD", "\u22120.05"), (1234567, "JPY", "1,234,567"), (1, "KWD", "0.001")]
    for minor, currency, text in shows:
        assert f'<span class="money">{text}&nbsp;<small>{currency}</small></span>' == shown.amount(minor, currency)

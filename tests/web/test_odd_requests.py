"""Requests that no browser of ours sends: odd hosts, paths, headers and sizes, over a real socket too."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from waitress.server import create_server

from arflow.desk.sessions import FREE_TRIES_OF_ADDRESS
from arflow.stack.server import LARGEST
from tests.fuzz.bounds import bounded
from tests.web.conftest import PASSWORD, Site
from tests.web.pagecheck import Page
from tests.web_server import running

pytestmark = pytest.mark.database

HOSTS = ("evil.example", "evil.example:99999", "a b", '"><script>alert(1)</script>', "[::1", "", "x" * 5_000, "\u00e9")


@pytest.mark.parametrize("host", HOSTS)
def test_no_host_that_is_claimed_becomes_an_address(site: Site, host: str) -> None:
    """Nothing leads there, whoever believes to have asked for it."""
    for path in ("/accounts", "/log-in?next=/accounts", "/nothing"):
        answer = site.anybody().get(path, headers={"Host": host}, buffered=True)
        assert answer.status_code < 500
        assert (answer.location or "/").startswith("/")
        assert [] == Page(answer.text).faults
        assert "evil.example" not in answer.text


NO_ADDRESSES = ("http://[", "http://]/", "//[x]/", "https://[::1", "https://localhost:99999/")


@pytest.mark.parametrize("header", ["HX-Current-URL", "Referer", "Origin"])
def test_a_header_that_holds_no_address_leads_nowhere(site: Site, header: str) -> None:
    """With a session, with one that has ended, and with none; its form is as one of another site, and not carried."""
    late = site.user("cara", "caller")
    site.sql("UPDATE session SET seen_at = now() - interval '1 day'")
    cara, anybody = site.logged_in("cara"), site.anybody()
    fields = {"csrf_token": "old", "text": "as typed"}
    for address in NO_ADDRESSES:
        headers = {header: address}
        assert 200 == cara.get("/accounts", headers=headers).status_code
        assert 400 == cara.client.post("/password", data=fields, headers=headers).status_code
        for visitor in (late, anybody):
            to_log_in = visitor.get("/accounts", headers={"HX-Request": "true", **headers})
            assert to_log_in.headers["HX-Redirect"] in ("/log-in", "/log-in?next=/accounts")
            answer = visitor.client.post("/password", data=fields, headers=headers)
            assert (401, False) == (answer.status_code, "as typed" in answer.text)


def test_a_referer_that_holds_no_address_is_none_of_ours(site: Site) -> None:
    """By https the page before is looked at, too."""
    cara, secure = site.user("cara", "caller"), {"base_url": "https://localhost"}
    answer = cara.client.get("/log-in", **secure)
    secret = answer.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    for address in NO_ADDRESSES:
        sent = cara.client.post("/theme", data={"csrf_token": secret}, headers={"Referer": address}, **secure)
        assert 400 == sent.status_code
    ours = {"Referer": "https://localhost/"}
    assert 303 == cara.client.post("/theme", data={"csrf_token": secret}, headers=ours, **secure).status_code


TRAVERSALS = (
    *("..", "../app.py", "..%2fapp.py", "%2e%2e/app.py", "..%5capp.py", "....//app.py", "%252e%252e/app.py"),
    *("/etc/passwd", "//etc/passwd", "vendor/../../app.py", "app.css/../../key.py", "app.css%00.py", "C:\\app.py", "."),
    *("%c0%ae%c0%ae/app.py", "vendor"),
)


@pytest.mark.parametrize("path", TRAVERSALS)
def test_only_the_files_of_their_folder_are_served(site: Site, path: str) -> None:
    answer = site.anybody().get(f"/static/{path}", buffered=True)
    assert answer.status_code in (308, 400, 404)
    assert "import" not in answer.text


@pytest.mark.parametrize("kind", ["urlencoded", "parts"])
def test_a_form_of_a_million_fields_is_refused_before_it_is_taken_apart(site: Site, kind: str) -> None:
    """Taking it apart would keep a process busy for seconds, also for who is not logged in."""
    cara = site.user("cara", "caller")
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    bodies = {
        "urlencoded": ("application/x-www-form-urlencoded", b"a=&" * 1_300_000),
        "parts": ("multipart/form-data; boundary=x", part * 2_100 + b"--x--\r\n"),
    }
    content_type, data = bodies[kind]
    with bounded(5):
        for visitor in (site.anybody(), cara):
            assert 413 == visitor.client.post("/password", data=data, content_type=content_type).status_code


def test_many_names_from_one_address_wait_whichever_comes_next(site: Site) -> None:
    """By the address that is connected, not by one that a header claims."""
    site.add("cara", "caller", password=PASSWORD)
    guesser = site.anybody()

    def guess(number: int) -> int:
        claimed = {"X-Forwarded-For": f"10.0.0.{number}", "Forwarded": f"for=10.0.0.{number}"}
        fields = {"name": f"user{number}", "password": "wrong"}
        return guesser.post("/log-in", fields, headers=claimed).status_code

    site.sql(
        "INSERT INTO failed_log_in (name, address) SELECT 'early' || n, '127.0.0.1' FROM generate_series(1, :n) n",
        n=FREE_TRIES_OF_ADDRESS - 2,
    )
    assert [401, 401, 429] == [guess(number) for number in range(3)]
    assert 429 == guesser.post("/log-in", {"name": "cara", "password": PASSWORD}).status_code


@pytest.fixture
def ask(site: Site) -> Iterator[Callable[[bytes], bytes]]:
    """Sends bytes to the app behind its real server, and gives what is answered first."""
    server: Any = create_server(site.app, host="127.0.0.1", port=0, threads=1, max_request_body_size=LARGEST)

    def answer(request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", server.effective_port), timeout=60) as there:
            there.sendall(request)
            return there.recv(65_536)

    with running(server):
        yield answer


LINES = {
    b"POST /log-in HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000\r\n\r\n": 413,
    b"POST /log-in HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n": 400,
    b"POST /log-in HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n": 400,
    b"POST /log-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n": 501,
    b"GET /log-in HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 300_000 + b"\r\n\r\n": 431,
    b"GET /log-in HTTP/1.1\r\nHost : x\r\n\r\n": 400,
    b"GET /log-in?" + b"a=b&" * 50_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n": 200,
    b"GET /log-in HTTP/1.1\r\nHost: x\r\nCookie: arflow=" + b"\xff\xfe\x01;" * 1_000 + b"\r\n\r\n": 400,
    b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n": 400,
}


def test_what_is_no_request_is_refused_at_once(ask: Callable[[bytes], bytes]) -> None:
    """Without waiting for what it says is still to come."""
    for request, status in LINES.items():
        answer = ask(request)
        assert status == int(answer.split(b" ", 2)[1]), request[:80]
        assert b"Traceback" not in answer

"""The pages behind a server: who asks, and by which address, is what the proxies before it say, and nobody else."""

import re
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine, text

from arflow.rules.engine import DurableRules
from arflow.stack import server
from arflow.web import create_app
from tests.web.conftest import settings_for
from tests.web_server import running
from workers.ending import Ending

pytestmark = pytest.mark.database

SAID = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "arflow.example"}
REFERER = "https://arflow.example/log-in"


@contextmanager
def served(engine: Engine, proxies: int) -> Iterator[HTTPConnection]:
    """The pages, with so many proxies before them."""
    listening = socket.create_server(("127.0.0.1", 0))
    made = server.serving(create_app(settings_for(engine, proxies=proxies)), listening, proxies=proxies)
    connection = HTTPConnection("127.0.0.1", listening.getsockname()[1], timeout=20)
    with running(made), closing(connection):
        yield connection


def _form(connection: HTTPConnection) -> tuple[str, str]:
    """The cookie and the secret that come with the form."""
    connection.request("GET", "/log-in", headers=SAID)
    answer = connection.getresponse()
    found = re.search(r'name="csrf_token" value="([^"]+)"', answer.read().decode())
    assert found is not None
    return (answer.getheader("Set-Cookie") or "").partition(";")[0], found[1]


@pytest.mark.parametrize(("proxies", "address"), [(1, "203.0.113.7"), (0, "127.0.0.1")])
def test_wrong_passwords_are_counted_by_who_sent_them(engine: Engine, proxies: int, address: str) -> None:
    """Else twenty of them would keep a whole company out, or anybody could say that they are somebody else."""
    with served(engine, proxies) as connection:
        cookie, secret = _form(connection)
        fields = urlencode({"csrf_token": secret, "name": "cara", "password": "wrong"})
        sent = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded", "Referer": REFERER}
        connection.request("POST", "/log-in", body=fields, headers=SAID | sent)
        answer = connection.getresponse()
        answer.read()
    assert 401 == answer.status
    with engine.connect() as database:
        assert [address] == database.execute(text("SELECT address FROM failed_log_in")).scalars().all()


def test_worn_out_pages_make_place_for_new_ones_but_not_at_every_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more policies are active than a process compiles, the next one will be worn as soon as it begins."""
    clock, evaluator, ending = [0.0], DurableRules(), Ending()

    def look(seconds: float) -> bool:
        clock[0] += seconds
        evaluator._is_worn = clock[0] >= 60
        return clock[0] >= 2 * server.WORN_SECONDS

    monkeypatch.setattr("arflow.stack.server.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(ending, "wait", look)
    server._wait_until_over(ending, evaluator)
    assert server.WORN_SECONDS == clock[0]

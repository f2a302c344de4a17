"""What anybody can write anywhere stays text wherever it is shown.

Every text that can be written is written here with markup, quotes and template marks in it: by imports, by people's
forms, in policies, in file names. Then every page that any link leads to is opened by every role, and taken apart.
"""

import csv
import datetime as dt
import html
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote, urljoin

import pytest

from arflow import advance
from arflow.mail import Folder
from arflow.rules.loader import load_policy
from arflow.web import create_app
from tests.desk.books import TODAY, copied_book, go_to
from tests.production import activate, take_in, write_events
from tests.web.conftest import Site, Visitor, settings_for
from tests.web.pagecheck import Page

pytestmark = pytest.mark.database


def evil(label: str) -> str:
    """A text that would run on a page that shows it as it is; `label` says where it was written."""
    return f"={label}=\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{{{7*7}}}}"


ID = evil("account id")
POLICY = f"""
policy: hostile
title: {json.dumps(evil("policy title"))}
currency: CAD
attributes: {{region: text}}
rules:
  - {{id: paid-up, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}}
  - id: write
    from: current
    when: days_overdue >= 3 and attr_region != "x" and not ("none" in tags)
    to: reminded
    do: [{{send: first-reminder}}]
    why: {json.dumps(evil("first why"))}
  - id: ring
    from: reminded
    when: days_overdue >= 10
    to: called
    do: [{{call: collections}}, {{tag: {json.dumps(evil("policy tag"))}}}, {{notify: lead}}]
    why: {json.dumps(evil("second why"))}
examples:
  - name: {json.dumps(evil("example"))}
    events:
      - {{date: 2026-02-01, event: invoice, id: {json.dumps(evil("example id"))}, amount: "80.00", due: 2026-03-02}}
    expect: [{{date: 2026-03-05, state: called}}]
"""


def events() -> Iterator[dict[str, object]]:
    """An account that owes, with something hostile in every text of every event."""
    who = {"account": ID, "date": "2026-01-02"}
    person = {name: evil(f"contact {name}") for name in ("name", "phone", "role")} | {"email": "ann@a.example"}
    other = {name: evil(f"other {name}") for name in ("name", "phone", "role", "email")}
    texts = ("segment", "risk_grade", "debtor_kind", "collector_role", "country", "timezone", "language")
    yield {
        "event": "account",
        **who,
        "currency": "CAD",
        "name": evil("account name"),
        "owner": "collections",
        "contacts": [other, person],
        "tags": [evil("tag")],
        "attributes": {"region": evil("attribute"), evil("attribute name"): evil("other attribute")},
        **{name: evil(name) for name in texts},
    }
    for number in (1, 2):
        yield {"event": "invoice", **who, "id": evil(f"invoice {number}"), "amount": "500.00", "due": "2026-01-10"}
    yield {"event": "payment", **who, "id": evil("payment"), "amount": "10.00", "invoice": evil("invoice 1")}
    yield {"event": "payment", **who, "id": evil("reversed"), "amount": "5.00"}
    yield {"event": "payment_reversed", **who, "payment": evil("reversed"), "date": "2026-01-03"}
    yield {"event": "credit", **who, "id": evil("credit"), "invoice": evil("invoice 1"), "amount": "1.00"}
    yield {"event": "promise", **who, "id": evil("promise"), "amount": "9.00", "due": "2026-01-20",
           "invoices": [evil("invoice 1")]}  # fmt: skip
    yield {"event": "dispute", **who, "id": evil("dispute"), "invoice": evil("invoice 2"), "amount": "7.00",
           "reason": evil("dispute reason")}  # fmt: skip
    held = {"account": ID, "date": "2026-01-05"}
    yield {"event": "hold", **held, "reason": evil("hold reason")}
    yield {"event": "hold_released", **held, "time": "01:00", "reason": evil("release reason")}
    yield {"event": "tag", **held, "tag": evil("another tag")}
    forced = {"actor": evil("actor"), "reason": evil("forced reason"), "to": "escalated"}
    yield {"event": "forced", "account": ID, "date": "2026-01-22", **forced}
    child = {"account": evil("child id"), "date": "2026-01-02"}
    yield {"event": "account", **child, "currency": "CAD", "name": evil("child name"), "pays_through": ID}
    parked = {"account": evil("parked id"), "date": "2026-01-02"}
    yield {"event": "account", **parked, "currency": "SEK", "name": evil("parked name")}
    yield {"event": "invoice", **parked, "id": evil("parked invoice"), "amount": "5.00", "due": "2026-01-10"}


SHOWN = {
    *("account id", "account name", "contact name", "contact phone", "contact role", "other name", "other email"),
    *("tag", "another tag", "policy tag", "segment", "country", "invoice 1", "invoice 2"),
    *("dispute reason", "hold reason", "forced reason", "actor", "child id", "child name", "parked id", "parked name"),
    *("policy title", "first why", "second why", "example", "activation", "full name", "queue title", "note"),
    *("spoke to", "follow-up", "promise note", "own dispute", "own hold", "own release", "own escalation", "take back"),
    *("switch reason", "delivery error", "call note", "contactphone", "dispute", "letter", "letter in the folder"),
    *("letter subject", "next call", "other phone", "other role", "parked invoice", "release reason", "reversed"),
    *("recipient", "subject", "risk_grade", "payment", "credit"),
}
"""What is shown somewhere, by where it was written; so a page that begins to show it otherwise is looked at."""


@dataclass
class Poisoned:
    """The app on the hostile book."""

    site: Site

    def visit(self, visitor: Visitor, path: str) -> tuple[Page, list[str]]:
        """A page, taken apart, and where it leads on to; whatever it is, nothing of it runs."""
        answer = visitor.get(path, buffered=True)
        assert answer.status_code < 500, path
        page = Page(answer.text if answer.mimetype == "text/html" else "")
        assert [] == page.faults, path
        assert "<script>alert" not in answer.text or answer.mimetype != "text/html", path
        if answer.mimetype == "text/csv":
            cells = [cell for row in csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))) for cell in row]
            assert [] == [cell for cell in cells if cell.startswith(("=", "+", "@", "\t"))], path
        return page, [answer.location] if answer.location else []


@pytest.fixture(scope="module")
def poisoned(template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Poisoned]:
    """The small book with a hostile account in it, and everything that people can write about it."""
    folder = tmp_path_factory.mktemp("poisoned")
    engine = copied_book(template, folder)
    activate(engine, load_policy(POLICY, file="hostile.yaml"))
    path = folder / quote(f"{evil('file name')}.jsonl", safe="='<>{}* ")
    take_in(engine, write_events(path, events()))
    go_to(engine, TODAY)
    app = create_app(settings_for(engine, mail_folder=folder / "mail"))
    app.testing = True
    made = Poisoned(site=Site(app=app, engine=engine))
    _write_by_hand(made.site)
    _send(made.site, folder / "mail")
    yield made
    engine.dispose()


def _write_by_hand(site: Site) -> None:
    """What people can write on pages."""
    ada = site.user("ada", "admin", "lead", "policy_owner")
    account = quote(ID, safe="")

    def do(name: str, **fields: str) -> None:
        page = ada.get(f"/accounts/{account}").text
        marks = {name: html.unescape(found[1]) for name in ("seen", "mark") if (found := _hidden(name).search(page))}
        answer = ada.post(f"/accounts/do/{name}/{account}", marks | fields)
        assert 303 == answer.status_code, (name, re.findall(r'class="(?:notice|mistake)[^>]*>([^<]*)', answer.text))

    site.add("cara", "caller", queue="collections")
    site.add("petra", "policy_owner")
    site.add("lena", "lead")
    for path, fields in {
        "/admin/users/cara": {"full_name": evil("full name"), "roles": "caller", "queues": "collections"},
        "/admin/queues/collections": {"title": evil("queue title"), "members": "cara"},
        "/go-live/off": {"reason": evil("switch reason")},
    }.items():
        assert 303 == ada.post(path, fields).status_code, path
    (turn,) = site.sql("SELECT max(id) AS id FROM delivery_switch")
    assert 303 == ada.post("/go-live/on", {"reason": evil("switch reason"), "seen": str(turn.id)}).status_code
    soon = (TODAY + dt.timedelta(days=3)).isoformat()
    do("take-back", to="called", reason=evil("take back"))
    do("note", text=evil("note"))
    do("follow-up", due_on=soon, text=evil("follow-up"))
    do("call", outcome="call_back", direction="out", next="follow_up", follow_up_on=soon,
       spoke_to=evil("spoke to"), text=evil("call note"), follow_up_text=evil("next call"))  # fmt: skip
    do("promise", promise_amount="1.00", promise_due=soon, text=evil("promise note"))
    do("dispute", dispute_invoice=evil("invoice 2"), dispute_code="QUALITY", dispute_text=evil("own dispute"))
    do("hold", until=soon, reason=evil("own hold"))
    do("release", reason=evil("own release"))
    do("escalate", reason=evil("own escalation"))
    draft = {"start": "empty", "do": "save", "source": POLICY.replace("days_overdue >= 10", "days_overdue >= 11")}
    saved = ada.post("/policies/draft", draft)
    assert 303 == saved.status_code, Page(saved.text).words
    with site.engine.begin() as connection:
        changed = load_policy(POLICY.replace("days_overdue >= 10", "days_overdue >= 12"), file="x")
        advance.activate(connection, changed, message=evil("activation"), actor="ada")


def _hidden(name: str) -> re.Pattern[str]:
    return re.compile(rf'name="{name}" value="([^"]+)"')


def _send(site: Site, folder: Path) -> None:
    """A letter that has left, one that could not, and one in the folder."""
    values = {"subject": evil("subject"), "text": evil("letter"), "recipient": evil("recipient")}
    site.sql("UPDATE message SET subject = :subject, text = :text, recipient = :recipient", **values)
    site.sql(
        "UPDATE message SET status = 'failed', error = :error WHERE id = (SELECT max(id) FROM message)",
        error=evil("delivery error"),
    )
    letter = EmailMessage()
    letter["Subject"], letter["To"] = evil("letter subject"), "ann@example.com"
    letter["Message-ID"] = "<1.ab@example.com>"
    letter.set_content(evil("letter in the folder"))
    letter.add_alternative(f"<script>alert(1)</script>{evil('html letter')}", subtype="html")
    Folder(folder).send(letter, "ann@example.com", TODAY)


MOST = 6
"""How many addresses are opened that differ only behind the question mark."""


def test_nothing_that_was_written_runs_on_any_page(poisoned: Poisoned, tally: Callable[[str, int], None]) -> None:
    """Every role follows every link there is, and nowhere is there an element or a handler that is not ours."""
    words, opened = set[str](), 0
    for name in ("ada", "lena", "cara", "petra"):
        visitor, todo, done = poisoned.site.logged_in(name), ["/"], Counter[str]()
        while todo:
            path = todo.pop().partition("#")[0]
            bare = path.partition("?")[0]
            if done[path] or done[bare] >= MOST or bare.startswith("/static/"):
                continue
            done.update({path, bare})
            page, onwards = poisoned.visit(visitor, path)
            words |= set(re.findall(r"=([\w -]+)=\"'", page.words))
            todo += [urljoin(path, link) for link in (*page.links, *onwards)]
            opened += 1
    assert set() == SHOWN - words
    tally("pages full of hostile words", opened)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '<script src="https://evil.example/x.js"></script>',
        "<p onclick=alert(1)>",
        "<p style='color:red'>",
        "<img src=x>",
        '<a href="javascript:alert(1)">',
        '<a href=" JaVaScRiPt:alert(1)">',
        '<form action="//evil.example/">',
        '<meta http-equiv="refresh" content="0">',
        '<a hx-get="https://evil.example">',
        '<iframe srcdoc="x">',
    ],
)
def test_what_would_run_is_seen(text: str) -> None:
    """So the test above can fail."""
    assert 1 <= len(Page(f"<main>{text}</main>").faults)

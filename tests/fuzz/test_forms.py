"""Every form of every page, sent by the right person with the right secret, and anything at all typed into it.

The answer is a page that says what came of it, never a mistake of ours; nothing typed runs on it. When all of it has
been sent, every page opens, the workers get through with what was recorded, and the journal holds.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import event as seen
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from werkzeug.test import TestResponse

from arflow import audit
from arflow.rules.reference import Reference
from tests.desk.books import REAL
from tests.fuzz.bounds import bounded, examples
from tests.fuzz.hostile import WORDS, changed
from tests.production import run
from tests.web.conftest import Visitor
from tests.web.pagecheck import Page
from tests.web.routes import PEOPLE, Row, Scene, scene_in
from tests.web.test_hostile_words import POLICY, evil

pytestmark = pytest.mark.database

FORMS = "application/x-www-form-urlencoded"
STALE = (400, 401, 403)
FITTING = (
    *("2026-01-24", "2026-01-30", "2026-02-14", "1.00", "100.00", "900", "A1", "A1-1", "A1-2", "cara", "collections"),
    *("promised", "call_back", "no_answer", "out", "promise", "dispute", "follow_up", "none", "QUALITY", "called"),
    *("upheld", "lead", "on", "1", "0", "desk-1", "stop-contact", "save", "release", "correct horse battery"),
)


@dataclass
class Fuzzed:
    """The scene, the fields of each form with what its page offers, and somebody logged in for each."""

    scene: Scene
    forms: Mapping[str, Mapping[str, set[str]]]
    visitors: dict[str, tuple[Visitor, str]] = field(default_factory=dict)

    def send(self, row: Row, fields: list[tuple[str, str]], body: bytes | None) -> TestResponse:
        """Send a form; a session that an earlier one has ended is begun anew."""
        person = self.scene.rightful(row)
        for is_last in (False, True):
            if person not in self.visitors:
                visitor = self.scene.site.logged_in(person)
                self.visitors[person] = (visitor, visitor.secret())
            visitor, secret = self.visitors[person]
            data: dict[str, list[str]] = {"csrf_token": [secret]}
            for name, value in fields:
                data.setdefault(name, []).append(value)
            given = {"data": data} if body is None else {"data": body, "headers": {"X-CSRFToken": secret}}
            kind = {"content_type": FORMS} if body is not None else {}
            answer = visitor.client.post(row.path, buffered=True, **given, **kind)
            if answer.status_code not in STALE or is_last:
                return answer
            del self.visitors[person]
        raise AssertionError


@pytest.fixture(scope="module")
def fuzzed(template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """The small book, its pages read once for their forms, of which most are found."""
    with scene_in(template, tmp_path_factory.mktemp("forms")) as scene:
        forms: dict[str, dict[str, set[str]]] = {}
        for row in scene.rows:
            if row.method == "GET":
                for address, fields in Page(scene.send(row, scene.rightful(row)).text).forms.items():
                    for name, values in fields.items():
                        forms.setdefault(address, {}).setdefault(name, set()).update(values)
        assert len(forms) > 25
        yield Fuzzed(scene=scene, forms=forms)


@st.composite
def typed(draw: st.DrawFn, forms: Mapping[str, Mapping[str, set[str]]], row: Row) -> list[tuple[str, str]]:
    """What somebody types into a form: much of it fits, some of it is hostile, some fields are there twice or not."""
    known = forms.get(row.path) or {name: set[str]() for name in NOT_SHOWN}
    found = []
    for name in sorted(known):
        if name == "csrf_token" or draw(st.integers(0, 7)) == 0:
            continue
        offered = sorted(known[name])
        fits = st.sampled_from([*offered, *offered, *FITTING])
        found.append((name, draw(st.one_of(fits, fits, fits, _hostile(name)))))
    if draw(st.integers(0, 3)) == 0:
        found.append((draw(st.sampled_from([*known, "x", "carried", "page", "__class__"])), draw(_hostile(""))))
    return found


def _hostile(name: str) -> st.SearchStrategy[str]:
    if name == "source":
        return changed((POLICY,), most=1)
    return st.one_of(st.sampled_from(WORDS), st.just(evil("typed")), st.text(max_size=30))


NOT_SHOWN = (
    *("reason", "to", "seen", "mark", "promise", "dispute", "tag", "outcome", "credit", "seconds_per_day", "there"),
    *("password", "password_again", "name", "due_on", "message", "decision", "through"),
)
"""Fields of forms that no page shows as the book stands."""

BODIES = st.one_of(st.none(), st.none(), st.none(), st.none(), st.none(), st.binary(max_size=60))


def test_whatever_is_sent_is_answered(fuzzed: Fuzzed, counted: Callable[[], None]) -> None:
    """And afterwards workers get through with what was recorded, every page opens, and every journal holds."""
    rows = [row for row in fuzzed.scene.rows if row.method == "POST"]

    @examples(250, 25_000)
    @given(data=st.data())
    def send(data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(rows))
        fields = data.draw(typed(fuzzed.forms, row))
        body = data.draw(BODIES)
        fuzzed.scene.site.sql(_as_they_were())
        with bounded():
            answer = fuzzed.send(row, [(name, _encodable(value)) for name, value in fields], body)
        assert answer.status_code < 500, row
        assert re.match(r"/(?![/\\])", answer.location or "/"), answer.location
        if answer.mimetype == "text/html":
            assert [] == Page(answer.text).faults
        seen(f"{answer.status_code}")
        counted()

    send()
    run(fuzzed.scene.site.engine, REAL)
    for row in fuzzed.scene.rows:
        if row.method == "GET":
            visitor = fuzzed.scene.site.logged_in(fuzzed.scene.rightful(row))
            answer = visitor.get(row.path, buffered=True)
            assert answer.status_code < 500, row
            assert [] == Page(answer.text if answer.mimetype == "text/html" else "").faults
    with fuzzed.scene.site.engine.connect() as connection:
        ids = [found.id for found in connection.execute(text("SELECT id FROM account"))]
        verified = audit.verify(connection, {"reference": Reference()}, ids)
    assert ((), True) == (verified.findings, verified.rows > 10)


def _as_they_were() -> str:
    """SQL that gives everybody their role back, whatever an earlier form did."""
    cases = " ".join(f"WHEN '{name}' THEN '{{{role}}}'::text[]" for name, role in PEOPLE.items())
    names = ", ".join(f"'{name}'" for name in PEOPLE)
    return f"UPDATE app_user SET disabled_at = NULL, roles = CASE name {cases} END WHERE name IN ({names})"


def _encodable(typed: str) -> str:
    return re.sub("[\ud800-\udfff]", "?", typed)

"""Files of events: each line is refused in one line, or it is lived through in memory and imported into a database."""

import io
import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random

import pytest
from hypothesis import event as seen
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from arflow import advance, clock
from arflow.accounts.events import KINDS
from arflow.errors import ArflowError, Refused
from arflow.ledger import importing
from arflow.ledger.importing import Options
from arflow.replay import Request, events_of, replay
from arflow.rules.loader import load_policy
from arflow.rules.reference import Reference
from arflow.store import database
from tests.conftest import copied_database
from tests.desk.books import REAL
from tests.fuzz.bounds import bounded, examples, said
from tests.fuzz.hostile import WORDS, changed
from tests.production import run
from tests.random_events import random_events, random_start

POLICY = load_policy(
    """
policy: p
currency: USD
attributes: {region: text, n: int}
rules:
  - {id: paid-up, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}
  - {id: write, from: current, when: days_overdue >= 3, to: reminded, do: [{send: first-reminder}]}
  - {id: mark, from: open, when: attr_region == "x" and attr_n >= 1, do: [{tag: "x"}]}
  - {id: call, from: reminded, when: days_overdue >= 9, to: called, do: [{call: collections}]}
  - {id: old, from: called, when: days_overdue >= 60, to: escalated}
""",
    file="p",
)

_DAYS = ("2026-01-05", "2026-01-06", "2026-01-20", "2026-02-28", "2026-03-01", "2025-12-31", "0001-01-01", "9999-12-31")
_NAMES = (
    "A",
    "B",
    "I1",
    "I2",
    "P1",
    "x",
    "USD",
    "first-reminder",
    "called",
    "escalated",
    "upheld",
    "call",
    "out",
    "UTC",
)
_GOOD = st.one_of(
    st.sampled_from(_NAMES), st.sampled_from(_DAYS), st.sampled_from(("10.00", "50.00", "100.00", "0.00", "-20.00"))
)
_BAD = st.one_of(
    st.sampled_from(WORDS),
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=20),
    st.recursive(
        _GOOD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
)
_FITTING: dict[str, st.SearchStrategy[object]] = {
    "account": st.sampled_from(("A", "B", "C", "D/E")),
    "date": st.sampled_from(_DAYS[:5]),
    "time": st.sampled_from(("00:00", "08:00", "23:59", None)),
    "amount": st.sampled_from(("10.00", "50.00", "100.00", "-20.00")),
    "credit": st.sampled_from(("10.00", "0.00")),
    "credit_limit": st.sampled_from(("1000.00", None)),
    "currency": st.sampled_from(("USD", "USD", "EUR", "JPY")),
    "due": st.sampled_from(_DAYS[:5]),
    "issued": st.sampled_from(_DAYS[:5]),
    "timezone": st.sampled_from(("UTC", "Asia/Kolkata", "America/New_York", "Moon/Base", "")),
    "instalments": st.lists(
        st.fixed_dictionaries({"due": st.sampled_from(_DAYS[:5]), "amount": st.just("50.00")}), max_size=3
    ),
    "contacts": st.lists(
        st.dictionaries(st.sampled_from(("name", "email", "phone", "role")), st.text(max_size=9)), max_size=2
    ),
    "tags": st.lists(st.sampled_from(("vip", "x y", "=1+1")), max_size=2),
    "attributes": st.dictionaries(
        st.sampled_from(("region", "n", "other")), st.integers(0, 9) | st.text(max_size=3), max_size=3
    ),
    "invoices": st.lists(st.sampled_from(("I1", "I2")), max_size=2),
    "pays_through": st.sampled_from(("A", "B", None)),
    "to": st.sampled_from(("escalated", "called", "current")),
    "outcome": st.sampled_from(("no_answer", "promised", "upheld", "partly_upheld", None)),
    "channel": st.sampled_from(("call", "email")),
    "direction": st.sampled_from(("in", "out")),
    "notice": st.just("first-reminder"),
}
_IDS = st.sampled_from(("I1", "I2", "P1", "R1"))


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A line that is an event, or nearly one."""
    kind = draw(st.sampled_from([kind for kind in sorted(KINDS) if kind != "policy"]))
    content: dict[str, object] = {"event": kind}
    for name in ("account", "date", *KINDS[kind]):
        if name in ("account", "date", "id", "amount", "due", "invoice", "to") or draw(st.booleans()):
            content[name] = draw(_FITTING.get(name, _IDS))
    if draw(st.integers(0, 3)) == 0:
        content[draw(st.sampled_from([*content, "unknown", "time"]))] = draw(_BAD)
    text = json.dumps(content)
    if draw(st.integers(0, 7)) == 0:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(WORDS)) + text[at + draw(st.integers(0, 3)) :]
    return text


@st.composite
def ledgers(draw: st.DrawFn) -> str:
    """What happened to an account, in order and sound, with a few lines changed, moved, doubled or gone."""
    rng = Random(draw(st.integers(0, 10**6)))
    found = [json.dumps(line) for line in random_events(rng, "A", random_start(rng), 60, draw(st.integers(1, 20)))]
    for _ in range(draw(st.integers(0, 2))):
        at, to = draw(st.integers(0, len(found) - 1)), draw(st.integers(0, len(found) - 1))
        found[at] = draw(st.sampled_from((found[at], found[to], draw(lines()), draw(changed((found[at],), most=1)))))
    return "\n".join(found)


FILES = st.one_of(st.lists(lines(), max_size=14).map("\n".join), ledgers(), ledgers())
_INVOICE = '{"event": "invoice", "account": "A", "date": "2026-01-05", "id": "I1", "amount": %s, "due": "2026-01-06"}'
HARD = (
    "[" * 100_000,
    '{"a":' * 100_000,
    _INVOICE % ('"' + "9" * 5_000 + '"'),
    _INVOICE % ("9" * 5_000),
    _INVOICE % '"1e9"',
    _INVOICE % "NaN",
    _INVOICE.replace("2026-01-06", "9999-12-31") % '"1.00"',
    _INVOICE.replace('"date": "2026-01-05"', '"date": "0001-01-01"') % '"1.00"',
    _INVOICE.replace("2026-01-06", "2026-01-06T00:00:00Z") % '"1.00"',
    _INVOICE.replace("}", ', "account": "B"}') % '"1.00"',
    '{"event": "account", "account": "A", "date": "2026-01-05", "pays_through": "A"}',
    '{"event": "account", "account": "A", "date": "2026-01-05", "attributes": {"\\ud800": 1}}',
    '{"event": "account", "account": "A", "date": "2026-01-05", "timezone": "../../etc/passwd"}',
    '{"event": "account", "account": "A", "date": "2026-01-05", "contacts": [{"email": "a@b.c\\r\\nBcc: x@y.z"}]}',
    "\ufeff" + _INVOICE % '"1.00"',
    "\x1b]0;evil\x07",
)


def with_hard_ones(test: Callable[..., None]) -> Callable[..., None]:
    """Lines that were thought of."""
    for hard in HARD:
        test = example(content=hard)(test)
    return test


@examples(500, 60_000)
@with_hard_ones
@given(content=FILES)
def test_a_file_of_events_is_refused_or_lived_through(counted: Callable[[], None], content: str) -> None:
    """In memory, as `arflow replay` does."""
    with bounded():
        try:
            events = tuple(events_of(io.BytesIO(content.encode("utf-8", "surrogatepass")), "e.jsonl"))
            replay(Request(events=events, policy=POLICY), Reference())
            seen("accepted")
        except Refused as refused:
            seen("refused")
            said(refused)
    counted()


@pytest.fixture(scope="module")
def books(template: str) -> Iterator[Engine]:
    """A database with the policy, on the real clock, which all examples use one after the other."""
    engine = database.connect(copied_database(template, "fuzz"))
    with engine.begin() as connection:
        advance.activate(connection, POLICY, message="", actor="test")
        advance.turn_delivery(connection, is_on=True, actor="test", reason="x")
    yield engine
    engine.dispose()


_NUMBERS = count()


@pytest.mark.database
@examples(60, 6_000)
@with_hard_ones
@given(content=FILES)
def test_what_is_imported_can_be_lived(
    counted: Callable[[], None], books: Engine, tmp_path_factory: pytest.TempPathFactory, content: str
) -> None:
    """Whatever was taken in, workers get through with it: no account stays due."""
    path = Path(tmp_path_factory.getbasetemp()) / f"fuzz-{next(_NUMBERS)}.jsonl"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    with bounded():
        try:
            with books.begin() as connection:
                options = Options(profile=None, accept_rejects=True, corrections=True)
                report = importing.import_file(connection, path, clock.read(connection), options, lambda *_: None)
            seen("accepted" if report.outcome.touched else "nothing in it")
            assert not [reason for _, reason in report.rejects if "\n" in reason]
        except ArflowError as refused:
            seen("refused")
            said(refused)
        run(books, REAL)
    with books.begin() as connection:
        assert (
            [] == connection.execute(text("SELECT id FROM account WHERE next_due <= now() - interval '1 minute'")).all()
        )
        connection.execute(text("TRUNCATE account, import_file CASCADE"))
    path.unlink()
    counted()

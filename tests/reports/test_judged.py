"""Promises across accounts stand as each account's own facts say."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, select

from arflow.accounts.promises import Verdict, verdicts
from arflow.evolving import evolve
from arflow.outlook import outlooks
from arflow.reports.judged import judged
from arflow.reports.positions import judging
from arflow.rules.loader import load_policy
from arflow.store import accounts, database, tables
from tests.conftest import copied_database
from tests.production import activate, step, take_in, write_events
from tests.reports.books import START, talked_over
from tests.set_clock import put, settable
from tests.test_doors import REAL

pytestmark = pytest.mark.database

FIRST, LAST = START + dt.timedelta(days=15), START + dt.timedelta(days=45)


def naive(connection: Connection, day: dt.date) -> list[tuple[str, Verdict]]:
    """Account by account, from everything that is known of it, with the payer's payments."""
    terms, found = judging(connection), list[tuple[str, Verdict]]()
    ids = connection.execute(select(tables.account.c.id).order_by(tables.account.c.id)).scalars().all()
    loaded = {key: stored.account for key, stored in accounts.load(connection, ids).items()}
    for key in ids:
        one = loaded[key]
        if one.pays_through:
            one = evolve(one, payer_ledger=loaded[one.pays_through].ledger)
        how = terms.of(one.currency, one.policy_version)
        told = verdicts(one.promised, one.book.payments, day, how)
        found += [(key, verdict) for verdict in told if FIRST <= verdict.promise.due <= LAST]
    return found


def test_they_stand_as_account_by_account(book: Engine, tmp_path: Path) -> None:
    """On the way, with days of grace and without, of certain invoices and of any, through payers and by themselves."""
    lines = talked_over(5, 60)
    through = {"event": "account", "account": "B001", "date": str(START), "currency": "USD", "pays_through": "B000"}
    own = [line for line in lines if line["account"] != "B001"]
    own[0]["currency"] = "USD"
    paid = str(START + dt.timedelta(days=15))
    also = [
        through,
        {"event": "payment", "account": "B000", "date": paid, "id": "M", "amount": "50.00"},
        {"event": "promise", "account": "B001", "date": paid, "id": "P", "amount": "10.00", "due": str(LAST)},
    ]
    take_in(book, write_events(tmp_path / "events.jsonl", [*own, *also]), accept_rejects=True)
    seen: set[str] = set()
    for after in (20, 40, 70):
        day = START + dt.timedelta(days=after)
        step(book, day)
        with book.connect() as connection:
            expected = naive(connection, day)
            found = list(judged(connection, day, FIRST, LAST))
            some = list(judged(connection, day, FIRST, LAST, among={"B001", "B005", "none"}))
        assert [(one.account, one.verdict.promise.id, one.verdict.status, one.verdict.came) for one in found] == [
            (key, verdict.promise.id, verdict.status, verdict.came) for key, verdict in expected
        ]
        assert [one for one in found if one.account in ("B001", "B005")] == some
        seen |= {one.verdict.status for one in found}
        seen |= {"payer's" for one in found if one.account == "B001" and one.verdict.came}
    assert {"open", "kept", "partly_kept", "broken", "payer's"} <= seen


@pytest.fixture
def real(template: str) -> Iterator[Engine]:
    """An empty database on a real clock that the test sets."""
    engine = database.connect(settable(copied_database(template, "judged")))
    yield engine
    engine.dispose()


def test_today_is_that_of_the_account(real: Engine, tmp_path: Path) -> None:
    """At half past midnight in London it is still yesterday in Chicago, and soon noon in Auckland."""
    put(real, dt.datetime(2026, 3, 9, 12, tzinfo=dt.UTC))
    rule = "{id: r, from: current, when: days_overdue >= 30, to: reminded, why: Late.}"
    source = f"policy: p\ncurrency: USD\ncalendar: {{timezone: account}}\nrules:\n  - {rule}\n"
    activate(real, load_policy(source, file="test"))
    zones = {"C": "America/Chicago", "L": "Europe/London", "N": "Pacific/Auckland"}
    lines: list[dict[str, object]] = []
    for key, zone in zones.items():
        who = {"account": key, "date": "2026-03-01"}
        lines += [
            {"event": "account", **who, "currency": "USD", "timezone": zone},
            {"event": "invoice", **who, "id": "I", "amount": "90.00", "due": "2026-03-05"},
            {"event": "promise", **who, "id": "P", "amount": "10.00", "due": "2026-03-10"},
        ]
    take_in(real, write_events(tmp_path / "events.jsonl", lines))
    put(real, dt.datetime(2026, 3, 11, 0, 30, tzinfo=dt.UTC))
    also = {"event": "promise", "account": "N", "date": "2026-03-11", "id": "Q", "amount": "5.00", "due": "2026-03-11"}
    take_in(real, write_events(tmp_path / "later.jsonl", [also]))
    with real.connect() as connection:
        found = {
            (one.account, one.verdict.promise.id): (one.day.day, one.verdict.status)
            for one in judged(connection, None, dt.date(2026, 3, 1), dt.date(2026, 3, 31))
        }
        facts = {key: one.seen.facts.promise_status for key, one in outlooks(connection, sorted(zones), REAL).items()}
    assert {
        ("C", "P"): (10, "open"),
        ("L", "P"): (10, "open"),
        ("N", "P"): (11, "broken"),
        ("N", "Q"): (11, "open"),
    } == found
    assert {"C": "open", "L": "open", "N": "open"} == facts

"""Promises across accounts stand as each account's own facts say."""

import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, select

from arflow.accounts.promises import Verdict, verdicts
from arflow.reports.judged import judged
from arflow.reports.positions import judging
from arflow.store import accounts, tables
from tests.production import step, take_in, write_events
from tests.reports.test_present import START, book, talked_over  # noqa: F401  # a fixture

pytestmark = pytest.mark.database

FIRST, LAST = START + dt.timedelta(days=15), START + dt.timedelta(days=45)


def naive(connection: Connection, day: dt.date) -> list[tuple[str, Verdict]]:
    """Account by account, from everything that is known of it, with the payer's payments."""
    terms, found = judging(connection), list[tuple[str, Verdict]]()
    ids = connection.execute(select(tables.account.c.id).order_by(tables.account.c.id)).scalars().all()
    loaded = {key: stored.account for key, stored in accounts.load(connection, ids).items()}
    for key in ids:
        one = loaded[key]
        ledger = loaded[one.pays_through].ledger if one.pays_through else one.ledger
        how = terms.of(one.currency, one.policy_version)
        told = verdicts(one.promises.values(), ledger.payments, day, how)
        found += [(key, verdict) for verdict in told if FIRST <= verdict.promise.due <= LAST]
    return found


def test_they_stand_as_account_by_account(book: Engine, tmp_path: Path) -> None:  # noqa: F811
    """On the way, with days of grace and without, of certain invoices and of any, through payers and by themselves."""
    lines = talked_over(5, 60)
    through = {"event": "account", "account": "B001", "date": str(START), "currency": "USD", "pays_through": "B000"}
    own = [line for line in lines if line["account"] != "B001"]
    own[0]["currency"] = "USD"
    said, paid = (str(START + dt.timedelta(days=days)) for days in (10, 15))
    also = [
        through,
        {"event": "promise", "account": "B001", "date": said, "id": "P", "amount": "10.00", "due": str(LAST)},
        {"event": "payment", "account": "B000", "date": paid, "id": "M", "amount": "50.00"},
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

"""Promises and disputes across accounts are those that each account's own page tells, and nobody's else."""

import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from arflow.accounts.promises import verdicts
from arflow.desk import disputed, promised
from arflow.desk.disputed import Which
from arflow.desk.users import User
from arflow.desk.whose import Whose
from arflow.outlook import outlooks
from arflow.reports.positions import judging
from arflow.store import accounts
from tests.production import known_ids, step, take_in, write_events
from tests.reports.books import START, prepared, talked_over
from tests.test_doors import REAL

pytestmark = pytest.mark.database


def user(name: str, *roles: str, queues: tuple[str, ...] = ()) -> User:
    """Somebody with these roles."""
    return User(name=name, full_name="", email="", roles=frozenset(roles), queues=queues)


LENA = user("lena", "lead")
ALL, CARAS = Whose(user=LENA), Whose(user=user("cara", "caller", queues=("east",)))


def is_for_cara(account: str) -> bool:
    """Whether an account is cara's, or of a queue of hers; the others are carl's."""
    return int(account[1:]) % 3 < 2


def naive(connection: Connection, ids: list[str], day: dt.date) -> dict[str, set[tuple[str, str]]]:
    """Account by account, as its rows are loaded: the promises of each tab, said anew."""
    terms, found = judging(connection), {tab: set[tuple[str, str]]() for tab in promised.TABS}
    for key, stored in accounts.load(connection, ids).items():
        one = stored.account
        how = terms.of(one.currency, one.policy_version)
        for verdict in verdicts(one.promises.values(), one.ledger.payments, day, how):
            tells = (key, verdict.promise.id)
            is_open = verdict.status == "open"
            if is_open and day in (verdict.promise.due, verdict.end):
                found["due"].add(tells)
            elif is_open and verdict.promise.due <= day + dt.timedelta(days=14):
                found["coming"].add(tells)
            elif verdict.on and verdict.on > day - dt.timedelta(days=7):
                found["kept" if verdict.status == "kept" else "unkept"].add(tells)
    return found


@pytest.fixture
def talked(engine: Engine, tmp_path: Path) -> Engine:
    """Many promises and disputes, and three owners in turn."""
    owners = ("cara", "east", "carl")
    lines = [
        line | ({"owner": owners[int(str(line["account"])[1:]) % 3]} if line["event"] == "account" else {})
        for line in talked_over(7, 60)
    ]
    take_in(prepared(engine), write_events(tmp_path / "events.jsonl", lines), accept_rejects=True)
    return engine


def test_lists_across_accounts_are_what_each_account_says(talked: Engine) -> None:
    """With days of grace in one currency, money in between, promises of certain invoices, disputes of a part or all."""
    seen: set[str] = set()
    for after in (20, 30, 45):
        day = START + dt.timedelta(days=after)
        step(talked, day)
        with talked.connect() as connection:
            seen |= _tabs_are_those_of_the_accounts(connection, day)
    assert {"due", "coming", "unkept", "kept", "broken", "partly_kept", "grace"} <= seen
    with talked.connect() as connection:
        _promises_stand_in_order(connection, day)
        _disputes_are_the_open_ones(connection)


def _tabs_are_those_of_the_accounts(connection: Connection, day: dt.date) -> set[str]:
    """For a lead, a caller with a queue, one owner, and somebody who works no accounts. Gives what was seen."""
    everybody = list(known_ids(connection.engine))
    theirs = [key for key in everybody if is_for_cara(key)]
    for whose, ids in (
        (Whose(user=user("petra", "policy_owner")), []),
        (CARAS, theirs),
        (Whose(user=LENA, owner="carl"), sorted({*everybody} - {*theirs})),
        (ALL, everybody),
    ):
        standing = promised.standing(promised.recent(connection, day, whose.ids(connection)))
        found = {tab: {(one.account, one.verdict.promise.id) for one in standing[tab]} for tab in standing}
        assert naive(connection, ids, day) == found
    tabs = {tab for tab in standing if standing[tab]}
    grace = {"grace" for one in standing["coming"] if one.verdict.promise.due < day}
    return tabs | grace | {one.verdict.status for one in standing["unkept"]}


def _promises_stand_in_order(connection: Connection, day: dt.date) -> None:
    """The largest first in each currency, added up there; how many were broken lately is the fact of the account."""
    standing = promised.standing(promised.recent(connection, day))
    lines = promised.lines(connection, [one for found in standing.values() for one in found], day)
    seen = outlooks(connection, [line.promise.account for line in lines], REAL)
    facts = {key: one.seen.facts.broken_promises_90d for key, one in seen.items()}
    assert {line.promise.account: line.broken for line in lines} == facts
    assert max(facts.values()) > 1
    order = [(one.currency, -promised.left(one)) for one in standing["unkept"]]
    assert (sorted(order), {"EUR", "USD"}) == (order, {currency for currency, _ in order})
    for total in promised.totals(standing["unkept"]):
        own = [one for one in standing["unkept"] if one.currency == total.currency]
        assert (len(own), sum(promised.left(one) for one in own)) == (total.count, total.left)


def _disputes_are_the_open_ones(connection: Connection) -> None:
    """The oldest first, never more than is open; added up they are what the accounts say is disputed."""
    ids = list(known_ids(connection.engine))
    seen = outlooks(connection, ids, REAL)
    for whose, reached in ((ALL, ids), (CARAS, [key for key in ids if is_for_cara(key)])):
        found = disputed.page(connection, Which(whose=whose))
        told = {(key, one.invoice, one.on) for key in reached for one in seen[key].account.ledger.open_disputes}
        assert told == {(one.account, one.invoice, one.on) for one in found}
        assert sorted(found, key=lambda one: (one.on, one.account)) == found
        for total in disputed.totals(connection, Which(whose=whose)):
            own = [seen[key] for key in reached if seen[key].account.currency == total.currency]
            assert sum(one.seen.facts.disputed_amount for one in own) == total.amount
            assert sum(len(one.account.ledger.open_disputes) for one in own) == total.count
    connection.execute(text("UPDATE dispute SET reason = 'PRICE: too much' WHERE id LIKE '%1'"))
    counts = disputed.by_reason(connection, Which(whose=ALL, currency="USD"))
    for code, number in counts.items():
        which = Which(whose=ALL, currency="USD", reason=code)
        assert number == len(disputed.page(connection, which)) == disputed.totals(connection, which)[0].count
    assert {"PRICE", disputed.OTHER} == set(counts)

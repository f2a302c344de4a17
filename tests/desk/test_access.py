"""Who reaches which account, and what becomes of accounts whose person leaves."""

import datetime as dt
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, select, text

from arflow import clock, departures
from arflow.advance import Engineering, record
from arflow.clock import Now
from arflow.desk import access, queues, users
from arflow.desk.users import User
from arflow.errors import Refused, SaysNo
from arflow.rules.loader import load_policy
from arflow.rules.reference import Reference
from arflow.store import tables
from tests.desk.conftest import OWNERS, POLICY
from tests.production import activate, run, step, take_in, write_events
from tests.servers import until

pytestmark = pytest.mark.database

ENGINEERING = Engineering(evaluator=Reference(), delivery="recorded")


EVERYTHING = set(OWNERS)
REACHED = [
    (["caller"], "", {"CARA"}),
    (["caller"], "seniors", {"CARA", "QUEUE"}),
    (["caller"], "collections", {"CARA", "CALLED"}),
    (["lead"], "", EVERYTHING),
    (["admin"], "", EVERYTHING),
    (["caller", "lead"], "seniors", EVERYTHING),
    (["policy_owner"], "seniors", set()),
    ([], "seniors", set()),
]
"""What cara reaches with these roles as a member of that queue."""


def reached(connection: Connection, roles: Sequence[str], queue: str) -> set[str]:
    """What cara reaches."""
    cara = User(name="cara", roles=frozenset(roles), queues=(queue,) if queue else ())
    return set(connection.execute(select(tables.account.c.id).where(access.reachable(cara))).scalars())


def test_each_role_reaches_its_accounts(shop: Engine) -> None:
    """A caller what they or their queues own, and open calls on their queues; a lead and an admin all of it."""
    with shop.connect() as connection:
        for roles, queue, expected in REACHED:
            assert expected == reached(connection, roles, queue), (roles, queue)


@pytest.mark.parametrize(
    "settled",
    [
        {"event": "contact", "channel": "call", "direction": "out", "outcome": "no_answer"},
        {"event": "payment", "id": "P1", "amount": "100.00"},
    ],
)
def test_a_settled_call_or_one_of_an_earlier_stay_gives_no_reach(
    shop: Engine, tmp_path: Path, settled: dict[str, object]
) -> None:
    """Somebody called, or all is paid and the account moves on."""
    event = {**settled, "date": "2026-01-21", "account": "CALLED"}
    take_in(shop, write_events(tmp_path / "settled.jsonl", [event]))
    step(shop, dt.date(2026, 1, 22))
    with shop.connect() as connection:
        assert {"CARA"} == reached(connection, ["caller"], "collections")


def test_an_account_of_another_looks_like_none(shop: Engine) -> None:
    """So that nobody can find out which accounts there are."""
    with shop.begin() as connection:
        cara = users.add(connection, name="cara", roles=["caller"])
        access.require(connection, cara, "CARA")
        said = []
        for key in ("CARL", "NONE"):
            with pytest.raises(SaysNo) as refused:
                access.require(connection, cara, key)
            said.append(str(refused.value).replace(key, "KEY"))
    assert said[0] == said[1]


def test_a_caller_opens_what_they_have_just_recorded_until_somebody_is_given_it(shop: Engine) -> None:
    """Logging the call closes it; whoever logged it mends a slip by the address, and no list of theirs has it."""
    contact = {"event": "contact", "channel": "call", "direction": "out", "outcome": "no_answer"}
    with shop.begin() as connection:
        cara, carl = (users.add(connection, name=name, roles=["caller"]) for name in ("cara", "carl"))
        record(connection, "CALLED", [contact], actor="cara", engineering=ENGINEERING)
        access.require(connection, cara, "CALLED")
        assert {"CARA"} == reached(connection, ["caller"], "collections")
        for nobody in (carl, User(name="cara", roles=frozenset(), queues=())):
            with pytest.raises(SaysNo):
                access.require(connection, nobody, "CALLED")
        record(connection, "CALLED", [{"event": "account", "owner": "carl"}], actor="lena", engineering=ENGINEERING)
        access.require(connection, carl, "CALLED")
        with pytest.raises(SaysNo):
            access.require(connection, cara, "CALLED")


MORNING = dt.datetime(2026, 1, 21, 8, tzinfo=dt.UTC)
AWAKE: Sequence[tuple[Sequence[float | str], Sequence[tuple[float, bool]]]] = [
    ([0], [(11, True), (13, False)]),
    ([0, 11], [(11.5, True), (13, False), (22, False)]),
    ([0, 6, 11.9], [(12.1, False)]),
    ([0, 11, 13], [(11.5, True), (12.5, True), (13, True), (24.9, True), (25.1, False)]),
    ([0, 8, 16, 24], [(16.1, True), (24.1, True), (27.9, True), (28.1, False)]),
    ([0, 13], [(13, True), (24, True), (26, False)]),
    ([0, "given", 11], [(11, True), (22, True), (24, False)]),
    ([0, "given"], [(1, False)]),
]
"""Hours at which cara records on what is not hers, and those at which she may open it; she gets there by a call."""


def test_what_one_records_while_an_account_is_kept_open_does_not_keep_it_open(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever lost an account would keep it without end; given anew, or after a while, it begins again."""
    with shop.begin() as connection:
        cara = users.add(connection, name="cara", roles=["caller"])
        for hours, asked in AWAKE:
            with connection.begin_nested() as savepoint:
                for hour in hours:
                    record_at(connection, hour)
                said = [(hour, may_open(connection, cara, hour, monkeypatch)) for hour, _ in asked]
                assert asked == said, hours
                savepoint.rollback()


def record_at(connection: Connection, hour: float | str) -> None:
    """Cara calls about CARL that many hours after the morning; or it is given to nobody."""
    contact = {"event": "contact", "channel": "call", "direction": "out", "outcome": "no_answer"}
    if isinstance(hour, str):
        record(connection, "CARL", [{"event": "account", "owner": ""}], actor="lena", engineering=ENGINEERING)
        return
    (row,) = record(connection, "CARL", [contact], actor="cara", engineering=ENGINEERING).events
    known = {"at": MORNING + dt.timedelta(hours=hour), "row": row}
    connection.execute(text("UPDATE event SET known_at = :at, known_on = NULL WHERE id = :row"), known)


def may_open(connection: Connection, user: User, hour: float, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether `user` may open CARL that many hours after the morning."""
    with monkeypatch.context() as then:
        then.setattr(clock, "read", lambda _: Now(at=MORNING + dt.timedelta(hours=hour)))
        try:
            access.require(connection, user, "CARL")
        except SaysNo:
            return False
    return True


HANDED_ON = """
  - {id: stop, from: open, when: '"stop-contact" in tags', to: escalated, do: [{assign: seniors}], why: Enough.}
"""


def test_what_makes_a_rule_hand_an_account_on_can_be_mended_by_who_recorded_it(shop: Engine) -> None:
    """The outcome of the call may be what was mistyped; who is given it by a lead has it alone."""
    activate(shop, load_policy(POLICY + HANDED_ON.lstrip("\n"), file="shop.yaml"))
    run(shop, ENGINEERING)
    refused = {"event": "contact", "channel": "call", "direction": "in", "outcome": "stop_contact"}
    tag = {"event": "tag", "tag": "stop-contact"}
    with shop.begin() as connection:
        cara = users.add(connection, name="cara", roles=["caller"])
        record(connection, "CALLED", [refused, tag], actor="cara", engineering=ENGINEERING)
        query = select(tables.account.c.owner).where(tables.account.c.id == "CALLED")
        assert "seniors" == connection.execute(query).scalar()
        access.require(connection, cara, "CALLED")
        record(connection, "CALLED", [{"event": "account", "owner": "carl"}], actor="lena", engineering=ENGINEERING)
        with pytest.raises(SaysNo):
            access.require(connection, cara, "CALLED")


def owners(engine: Engine) -> dict[str, str]:
    """Who owns what now."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id, owner FROM account"))
        return {row.id: row.owner for row in rows}


@pytest.mark.parametrize(
    ("member_of", "owner"), [([], ""), (["seniors"], "seniors"), (["seniors", "agency"], "agency")]
)
def test_the_accounts_of_a_person_who_leaves_go_back_to_their_queue(
    shop: Engine, member_of: list[str], owner: str
) -> None:
    with shop.begin() as connection:
        users.add(connection, name="boss", roles=["admin"])
        users.add(connection, name="cara", roles=["caller"])
        for queue in member_of:
            queues.add(connection, name=queue, members=["cara"])
        users.disable(connection, "cara")
        assert {"cara": 1} == departures.owned_by_disabled(connection)
    assert [1] == given_back(shop)
    assert [] == given_back(shop)
    assert OWNERS | {"CARA": owner} == owners(shop)
    with shop.connect() as connection:
        assert {} == departures.owned_by_disabled(connection)
        told = connection.execute(
            text("SELECT actor FROM event WHERE content ->> 'owner' = :owner AND actor <> ''"), {"owner": owner}
        )
        assert ["boss"] == told.scalars().all()


def test_who_works_here_again_keeps_what_is_left(shop: Engine) -> None:
    """The button of a page that was opened before must not take an active person's accounts away."""
    with shop.begin() as connection:
        users.add(connection, name="cara", roles=["caller"])
    with pytest.raises(Refused, match="let in again"):
        given_back(shop)
    assert OWNERS == owners(shop)


def test_what_a_lead_gives_to_another_meanwhile_stays_there(shop: Engine) -> None:
    """Who leaves owned it when it was looked for; the lead had it first."""
    gone(shop)
    with ThreadPoolExecutor(1) as pool, shop.begin() as lead:
        to_carl = {"event": "account", "owner": "carl"}
        record(lead, "CARA", [to_carl], actor="lena", engineering=ENGINEERING)
        waiting = pool.submit(given_back, shop)
        until(lambda: is_waiting(shop), seconds=30)
        lead.commit()
        assert [0] == waiting.result(timeout=30)
    assert OWNERS | {"CARA": "carl"} == owners(shop)


def test_an_account_that_stands_still_is_not_given_back_for_ever(shop: Engine) -> None:
    """That of a demo, say, which awaits the result of a delivery: what is recorded of it is taken in later."""
    gone(shop)
    with shop.begin() as connection:
        connection.execute(text(LEFT))
    assert [1] == given_back(shop)
    assert OWNERS == owners(shop)


LEFT = """
INSERT INTO effect (account_id, number, kind, name, rule, stay, overdue_then, decided_at, decided_on, status, sent_at,
    sent_on)
SELECT id, 1, 'send', 'reminder', 'r', stay, false, last_instant, policy_day, 'sent', last_instant, policy_day
FROM account WHERE id = 'CARA'
"""


def gone(engine: Engine) -> None:
    """Cara has left."""
    with engine.begin() as connection:
        users.add(connection, name="cara", roles=["caller"])
        users.disable(connection, "cara")


def given_back(engine: Engine) -> list[int]:
    """How many of her accounts went back, transaction by transaction."""
    return list(departures.give_back(engine, "cara", actor="boss", engineering=ENGINEERING))


def is_waiting(engine: Engine) -> bool:
    """Whether somebody waits for a lock of this database."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with engine.connect() as connection:
        return bool(connection.execute(text(query)).scalar_one())


def test_a_queue_that_owns_accounts_stays(shop: Engine) -> None:
    with shop.begin() as connection:
        queues.add(connection, name="seniors")
        with pytest.raises(Refused, match="owns 1 accounts"):
            queues.remove(connection, "seniors")

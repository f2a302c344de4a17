"""Worklists: whose accounts they hold, their order, and that they agree with the facts."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, event

from arflow import clock
from arflow.clock import Now
from arflow.desk import actions, risk, tasks, timeline, users, worklist
from arflow.desk.actions import Doing, FollowUp
from arflow.desk.users import User
from arflow.desk.worklist import Place
from arflow.outlook import outlooks
from arflow.recording import carry_out
from arflow.rules.loader import load_policy
from arflow.store import database
from tests.conftest import copied_database
from tests.desk.books import REAL, TODAY, copied_book, go_to, look, person
from tests.production import activate, run, take_in, write_events
from tests.set_clock import put, settable

pytestmark = pytest.mark.database

NOW = Now(day=TODAY)
"""That of the book, whose clock is stepped."""


@pytest.fixture
def book(template: str, tmp_path: Path) -> Iterator[Engine]:
    """The small book, called for ten days and more."""
    engine = copied_book(template, tmp_path)
    yield engine
    engine.dispose()


def listed(engine: Engine, user: User, day: dt.date = TODAY) -> list[tuple[str, bool, bool]]:
    """The accounts of a person's list: id, whether a call is due, whether a task is."""
    now = Now(day=day)
    with engine.connect() as connection:
        places = worklist.page(connection, user, worklist.mine(user, now), now, offset=0, limit=50).places
    return [(place.account, place.has_call, place.has_task) for place in places]


def do(engine: Engine, account: str, doing: Doing, user: User) -> None:
    """Record something on an account as it stands."""
    one = look(engine, account)
    with engine.begin() as connection:
        carry_out(connection, account, doing, user=user, zone=one.zone, engineering=REAL, seen=one.version)


def test_a_list_has_what_is_due_first_and_then_the_largest_of_each_currency(book: Engine) -> None:
    """An open call is due; amounts of two currencies are not compared; what nobody can collect comes last."""
    cara = person(book, "cara", "caller", queue="collections")
    assert [
        ("E1", True, False),
        ("A1", True, False),
        ("B1", True, False),
        ("C1", True, False),
        ("A2", True, False),
    ] == (listed(book, cara))
    after_a_call = actions.call(outcome="no_answer", direction="out", follow_up=_follow_up(TODAY))
    do(book, "A2", after_a_call, cara)
    do(book, "A1", actions.call(outcome="no_answer", direction="out", follow_up=_follow_up(TODAY + DAY)), cara)
    assert [
        ("E1", True, False),
        ("B1", True, False),
        ("C1", True, False),
        ("A2", False, True),
        ("A1", False, False),
    ] == (listed(book, cara))


UTC = ZoneInfo("UTC")
DAY = dt.timedelta(days=1)


def _follow_up(day: dt.date) -> actions.FollowUp:
    return actions.FollowUp(due_on=day, text="call again")


def test_a_caller_has_their_own_accounts_their_queues_and_the_calls_on_them(book: Engine) -> None:
    """Somebody without queues has only what is theirs; a lead's own list is not the whole book."""
    carl, lena = person(book, "carl", "caller"), person(book, "lena", "lead")
    assert ["C1"] == [key for key, _, _ in listed(book, carl)]
    assert [] == listed(book, lena)
    with book.connect() as connection:
        every = worklist.page(connection, lena, worklist.everything(), NOW, offset=0, limit=50).places
        assert (5, 0, 5) == (len(every), every[0].of_due, every[0].of)
        none = worklist.page(connection, carl, worklist.everything(), NOW, offset=0, limit=50).places
        assert ["C1"] == [place.account for place in none]


def test_what_nobody_here_has_is_unassigned(book: Engine) -> None:
    """No owner, or one who is no user or queue; a disabled user is no owner either."""
    person(book, "cara", "caller", queue="collections")
    lena = person(book, "lena", "lead")
    with book.connect() as connection:
        found = worklist.page(connection, lena, worklist.unassigned(), NOW, offset=0, limit=50).places
        assert ["B1", "C1"] == [place.account for place in found]


def test_the_next_account_is_due_or_behind() -> None:
    """Who has worked one goes to the first that is due; who passes one over, or has none due, to the one behind."""
    places = [
        Place(account=key, is_due=is_due, has_call=is_due, has_task=False, of=4, of_due=2)
        for key, is_due in (("A", True), ("B", True), ("C", False), ("D", False))
    ]
    assert ["B", "C", "A", "A", "A"] == [worklist.following(places, present) for present in "ABCDX"]
    assert ["D", None, "C"] == [worklist.following(places[2:], present) for present in "CDX"]
    assert None is worklist.following([], "A")


def test_a_follow_up_on_what_nobody_has_is_not_lost_with_the_call(book: Engine) -> None:
    """The call gave the reach, and is settled; the caller has the account until the follow-up is done, nobody else."""
    cara, cem = person(book, "cara", "caller", queue="collections"), person(book, "cem", "caller", queue="collections")
    call = actions.call(outcome="no_answer", direction="out", follow_up=_follow_up(TODAY))
    do(book, "B1", call, cara)
    assert ("B1", False, True) in listed(book, cara)
    assert "B1" not in [key for key, _, _ in listed(book, cem)]
    with book.begin() as connection:
        tasks.finish_due(connection, "B1", by="cara", today=TODAY, now=NOW, last=timeline.mark(connection, "B1").task)
    assert "B1" not in [key for key, _, _ in listed(book, cara)]


def test_a_follow_up_on_what_another_has_is_for_them(book: Engine) -> None:
    """Who only makes the call of their queue does not have the account for longer."""
    cara, carl = person(book, "cara", "caller", queue="collections"), person(book, "carl", "caller")
    do(book, "C1", actions.call(outcome="no_answer", direction="out", follow_up=_follow_up(TODAY)), cara)
    assert [("C1", False, True)] == listed(book, carl)
    assert "C1" not in [key for key, _, _ in listed(book, cara)]


def test_follow_ups_go_with_an_account_that_an_import_gives_to_another(book: Engine, tmp_path: Path) -> None:
    cara, carl = person(book, "cara", "caller", queue="collections"), person(book, "carl", "caller")
    do(book, "A2", actions.call(outcome="no_answer", direction="out", follow_up=_follow_up(TODAY)), cara)
    given = {"event": "account", "account": "A2", "date": TODAY.isoformat(), "owner": "carl"}
    take_in(book, write_events(tmp_path / "given.jsonl", [given]))
    assert ("A2", False, True) in listed(book, carl)
    assert "A2" not in [key for key, _, _ in listed(book, cara)]


def test_a_list_comes_in_pages_and_by_currency(book: Engine) -> None:
    """Paging neither loses nor repeats an account; one currency can be looked at alone."""
    lena = person(book, "lena", "lead")
    with book.connect() as connection:
        paged = [
            place.account
            for offset in (0, 2, 4)
            for place in worklist.page(connection, lena, worklist.everything(), NOW, offset=offset, limit=2).places
        ]
        assert ["A1", "A2", "B1", "C1", "E1"] == sorted(paged)
        euros = worklist.page(connection, lena, worklist.everything(), NOW, currency="EUR", offset=0, limit=9)
        beyond = worklist.page(connection, lena, worklist.everything(), NOW, currency="EUR", offset=5, limit=9)
        nothing = worklist.page(connection, lena, worklist.owned_by("nobody"), NOW, offset=0, limit=9)
    assert (["E1"], ["EUR", "USD"]) == ([place.account for place in euros.places], euros.currencies)
    assert ([], ["EUR", "USD"]) == (beyond.places, beyond.currencies)
    assert ([], []) == (nothing.places, list(nothing.currencies))


def test_the_order_follows_what_is_collectible_as_the_facts_say(book: Engine) -> None:
    """Disputed and promised parts count in neither; the order by SQL's measure is that of the facts."""
    cara = person(book, "cara", "caller", queue="collections")
    account = look(book, "A1").account
    disputed = actions.dispute(account, invoice="A1-1", amount=70000, code="PRICE", text="")
    promised = actions.promise(account, amount=10000, due=TODAY + DAY)
    do(book, "A1", Doing(contents=(disputed, promised)), cara)
    facts = look(book, "A1").seen.facts
    assert (20000, 100000) == (facts.overdue_amount, facts.gross_overdue_amount)
    with book.connect() as connection:
        places = worklist.page(connection, cara, worklist.everything(), NOW, currency="USD", offset=0, limit=9).places
        seen = outlooks(connection, [place.account for place in places], REAL)
    amounts = [seen[place.account].seen.facts.overdue_amount for place in places]
    assert ([50000, 40000, 30000, 20000], "A1") == (amounts, places[-1].account)


def test_what_is_old_or_was_promised_in_vain_stands_above_more_money(book: Engine, tmp_path: Path) -> None:
    """A third of the money four months late, or half of it promised in vain, is at more risk; as the facts say."""
    lena, paid_back = person(book, "lena", "lead"), TODAY - 20 * DAY
    late: list[dict[str, object]] = []
    for key, amount, due in (("OLD", "333.00", TODAY - 121 * DAY), ("NEW", "999.00", TODAY - 14 * DAY)):
        who = {"account": key, "date": "2025-09-01"}
        late += [
            {"event": "account", **who, "currency": "USD", "timezone": "UTC"},
            {"event": "invoice", **who, "id": f"{key}-1", "amount": amount, "due": f"{due}"},
        ]
    who = {"account": "VAIN", "date": "2026-01-02"}
    late += [
        {"event": "account", **who, "currency": "USD", "timezone": "UTC"},
        {"event": "invoice", **who, "id": "V1", "amount": "500.00", "due": f"{TODAY - 14 * DAY}"},
        {"event": "promise", **who, "id": "P1", "amount": "500.00", "due": f"{paid_back + 2 * DAY}"},
        {"event": "promise", **who, "id": "P2", "amount": "10.00", "due": f"{TODAY + 9 * DAY}"},
    ]
    take_in(book, write_events(tmp_path / "late.jsonl", late))
    go_to(book, TODAY + DAY)
    now = Now(day=TODAY + DAY)
    with book.connect() as connection:
        places = worklist.page(connection, lena, worklist.everything(), now, currency="USD", offset=0, limit=9).places
        seen = outlooks(connection, [place.account for place in places], REAL)
    at_risk = {}
    for place in places:
        facts = seen[place.account].seen.facts
        has_broken = facts.broken_promises_90d > 0
        at_risk[place.account] = risk.at_risk(facts.overdue_amount, facts.days_overdue, has_broken=has_broken)
    assert 3 == len([key for key in ("VAIN", "OLD", "NEW") if key in at_risk])
    assert list(at_risk) == sorted(at_risk, key=at_risk.__getitem__, reverse=True)
    assert ["VAIN", "OLD"] == list(at_risk)[:2]


def test_a_promise_that_was_paid_hides_no_other_debt(book: Engine, tmp_path: Path) -> None:
    """Part of C1 is promised and paid before its day: the rest of it is collectible, in the order as in the facts."""
    lena = person(book, "lena", "lead")
    promised = actions.promise(look(book, "C1").account, amount=10000, due=TODAY + 9 * DAY)
    do(book, "C1", Doing(contents=(promised,)), lena)
    go_to(book, TODAY + DAY)
    paid = {"event": "payment", "account": "C1", "date": (TODAY + DAY).isoformat(), "id": "P", "amount": "100.00"}
    take_in(book, write_events(tmp_path / "paid.jsonl", [paid]))
    assert ("kept", 30000) == (
        look(book, "C1").seen.view.promised[0].status,
        look(book, "C1").seen.facts.overdue_amount,
    )
    with book.connect() as connection:
        now = Now(day=TODAY + DAY)
        places = worklist.page(connection, lena, worklist.everything(), now, currency="USD", offset=0, limit=9).places
    assert ["A1", "B1", "A2", "C1"] == [place.account for place in places]


def test_a_page_takes_a_fixed_number_of_queries(book: Engine) -> None:
    """One account or five: the database is asked as often."""
    lena = person(book, "lena", "lead")
    counts = []
    for limit in (1, 4):
        asked: list[str] = []
        with book.connect() as connection:
            event.listen(
                connection, "before_cursor_execute", lambda *arguments, asked=asked: asked.append(arguments[2])
            )
            places = worklist.page(
                connection, lena, worklist.everything(), NOW, currency="USD", offset=0, limit=limit
            ).places
            outlooks(connection, [place.account for place in places], REAL)
            counts.append((len(places), len(asked)))
    assert [1, 4] == [size for size, _ in counts]
    assert counts[0][1] == counts[1][1] < 40


def test_notices_go_to_a_role_a_queue_or_whoever_leads(book: Engine) -> None:
    """`finance-lead` is the lead; a name that nobody has is seen by leads; a caller's list knows neither."""
    lena, carl = person(book, "lena", "lead"), person(book, "carl", "caller")
    with book.begin() as connection:
        for key, assignee in (("A1", "finance-lead"), ("B1", "cash-application"), ("C1", "carl")):
            tasks.follow_up(connection, key, assignee=assignee, due_on=TODAY, zone=UTC, text="look", made_by="")
        connection.exec_driver_sql("UPDATE task SET kind = 'notice'")
    assert {"A1", "B1"} == {key for key, _, has_task in listed(book, lena) if has_task}
    assert [("C1", False, True)] == [(key, False, has_task) for key, _, has_task in listed(book, carl)]


def test_an_account_without_a_call_left_is_not_due(book: Engine) -> None:
    """Two months on, the accounts are escalated; their calls are over and nothing is due."""
    cara = person(book, "cara", "caller", queue="collections")
    go_to(book, dt.date(2026, 3, 20))
    assert {("A1", False, False), ("A2", False, False), ("E1", False, False)} == (
        set(listed(book, cara, dt.date(2026, 3, 20)))
    )


ZONES = ("America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland", "Mars/Olympus", "")
CALENDARS = {
    "USD": "{timezone: account, default_timezone: America/New_York}",
    "EUR": "{timezone: Asia/Tokyo}",
    "GBP": "",
}
"""Of the policies; there is none for British pounds: those accounts live by the first one."""


@pytest.fixture
def world(template: str, tmp_path: Path) -> Iterator[Engine]:
    """An account in each currency and zone, on a real clock that a test sets; on each the lead has a follow-up."""
    engine = database.connect(settable(copied_database(template, "world")))
    put(engine, dt.datetime(2026, 3, 9, tzinfo=dt.UTC))
    for currency, calendar in CALENDARS.items():
        if calendar:
            rule = "{id: old, from: current, when: days_overdue >= 9, to: called, why: Old.}"
            document = f"policy: {currency.lower()}\ncurrency: {currency}\ncalendar: {calendar}\nrules: [{rule}]"
            activate(engine, load_policy(document, file="test"))
    opened = [
        {"event": "account", "account": f"{currency} {zone}", "date": "2026-03-01", "currency": currency}
        | {"timezone": zone}
        for currency in CALENDARS
        for zone in ZONES
    ]
    take_in(engine, write_events(tmp_path / "world.jsonl", opened))
    run(engine, REAL)
    lena = person(engine, "lena", "lead")
    with engine.begin() as connection:
        planned = FollowUp(due_on=dt.date(2026, 3, 11), text="call")
        for key, one in outlooks(connection, [event["account"] for event in opened], REAL).items():
            carry_out(connection, key, Doing(follow_up=planned), user=lena, zone=one.zone, engineering=REAL)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("hour", [*range(0, 48, 5), 47])
def test_a_follow_up_comes_up_on_its_day_where_the_account_lives(world: Engine, hour: int) -> None:
    """Not a day early in California, nor half a day late in New Zealand; the list and its count say what the row says.

    An account whose zone nobody knows lives by its policy's, and one without a policy by the first in its currency.
    """
    put(world, dt.datetime(2026, 3, 10, 0, 30, tzinfo=dt.UTC) + hour * dt.timedelta(hours=1))
    with world.connect() as connection:
        lena, now = users.find(connection, "lena"), clock.read(connection)
        found = [
            worklist.page(connection, lena, which, now, offset=0, limit=50).places
            for which in (worklist.everything(), worklist.mine(lena, now))
        ]
        seen = outlooks(connection, [place.account for place in found[0]], REAL)
    due = {key for key, one in seen.items() if one.today >= dt.date(2026, 3, 11)}
    assert len(CALENDARS) * len(ZONES) == len(seen)
    for places in found:
        assert due == {place.account for place in places if place.has_task}
        assert {len(due)} == {place.of_due for place in places} or not due


def test_a_call_back_comes_up_at_its_time_where_the_account_lives(world: Engine) -> None:
    """Until then a call that is made settles what is for any time of the day, and leaves it."""
    key, zone = "USD America/Los_Angeles", ZoneInfo("America/Los_Angeles")
    with world.begin() as connection:
        lena = users.find(connection, "lena")
        at_three = FollowUp(due_on=dt.date(2026, 3, 11), clock=dt.time(15), text="ring back")
        for _ in range(2):
            carry_out(connection, key, Doing(follow_up=at_three), user=lena, zone=zone.key, engineering=REAL)
    seen = []
    for clock_there in ("14:59", "15:00"):
        put(world, dt.datetime.fromisoformat(f"2026-03-11 {clock_there}").replace(tzinfo=zone))
        with world.begin() as connection:
            now, last = clock.read(connection), timeline.mark(connection, key).task
            mine = worklist.page(connection, lena, worklist.mine(lena, now), now, offset=0, limit=50).places
            planned = [one.clock for one in tasks.planned(connection, lena, now, 50).first if one.account == key]
            tasks.finish_due(connection, key, by="lena", today=at_three.due_on, now=now, last=last)
            left = [task.text for task in tasks.open_of(connection, [key]).get(key, [])]
            seen.append((key in [place.account for place in mine if place.has_task], planned, left))
    assert [(True, [dt.time(15)], ["ring back"]), (True, [], [])] == seen

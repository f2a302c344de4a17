"""The timeline tells everything once, newest first; the brief divides what is open as the facts do."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from arflow.accounts.entries import Account
from arflow.accounts.facts import Reading, snapshot
from arflow.accounts.promises import Terms
from arflow.desk import actions, brief, outcomes, timeline, wording
from arflow.desk.actions import Doing, FollowUp
from arflow.desk.timeline import Mark, View
from arflow.desk.users import User
from arflow.outlook import Outlook
from arflow.recording import assign, carry_out
from arflow.rules.calendar import Calendar
from tests.desk.books import REAL, TODAY, copied_book, look, person
from tests.production import activate, standard, take_in, write_events

pytestmark = pytest.mark.database


@pytest.fixture
def untouched(template: str, tmp_path: Path) -> Iterator[Engine]:
    """The small book, of which people have recorded nothing yet."""
    engine = copied_book(template, tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def book(untouched: Engine) -> Engine:
    """The small book, with a call, a promise, a dispute, a hold and a note on A1."""
    engine = untouched
    cara = person(engine, "cara", "caller", queue="collections")
    account = look(engine, "A1").account
    promised = actions.promise(account, amount=20000, due=TODAY)
    for doing in (
        actions.call(outcome="promised", direction="out", spoke_to="Ann", agreed=[promised]),
        Doing(contents=(actions.dispute(account, invoice="A1-1", amount=30000, code="PRICE", text="too much"),)),
        actions.hold(until=TODAY.replace(day=30), reason="talks", today=TODAY),
        Doing(note="They were kind.", follow_up=FollowUp(due_on=TODAY, text="call")),
    ):
        one = look(engine, "A1")
        with engine.begin() as connection:
            carry_out(connection, "A1", doing, user=cara, zone=one.zone, engineering=REAL, seen=one.version)
    return engine


def view_of(one: Outlook) -> View:
    """How its timeline is read."""
    verdicts = {verdict.promise.id: verdict for verdict in one.seen.view.promised}
    return View(account="A1", currency="USD", zone=one.zone, verdicts=verdicts)


def titles(engine: Engine, topic: str = "") -> list[tuple[str, str]]:
    """What the timeline says, and who did it."""
    with engine.connect() as connection:
        entries = timeline.page(connection, view_of(look(engine, "A1")), topic=topic, offset=0, limit=100)
    return [(entry.title, entry.actor) for entry in entries]


def test_everything_is_told_newest_first(book: Engine) -> None:
    """From the ledger, from people, from the rules and from delivery."""
    assert [
        ("Note", "cara"),
        ("Put on hold", "cara"),
        ("Dispute over 300.00 USD of invoice A1-1", "cara"),
        ("Promise of 200.00 USD by 24 Jan 2026", "cara"),
        ("Call to the customer: promised to pay", "cara"),
        ("Call asked for on the queue collections", ""),
        ("reminded \u2192 called", ""),
        ("Letter first-reminder", ""),
        ("current \u2192 reminded", ""),
        ("Invoice A1-2 of 200.00 USD, due 15 Mar 2026", ""),
        ("Invoice A1-1 of 900.00 USD, due 10 Jan 2026", ""),
        ("Assigned to collections", ""),
    ] == titles(book)


def test_one_kind_can_be_looked_at_alone(book: Engine) -> None:
    """With `notes` those on calls are there too."""
    counts = {"steps": 2, "messages": 1, "calls": 2, "money": 2, "promises": 1, "disputes": 1, "holds": 1, "notes": 2}
    expected = {topic: counts.get(topic, 0) for topic in timeline.TOPICS} | {"assignments": 1}
    assert expected == {topic: len(titles(book, topic)) for topic in timeline.TOPICS}


def test_pages_neither_lose_nor_repeat(book: Engine) -> None:
    with book.connect() as connection:
        view = view_of(look(book, "A1"))
        pages = [timeline.page(connection, view, offset=at, limit=5) for at in (0, 5, 10)]
        assert timeline.page(connection, view, offset=0, limit=50) == [entry for page in pages for entry in page]


def test_entries_carry_reasons_texts_verdicts_and_notes(book: Engine) -> None:
    """A step has its rule's reason, a letter its text and what became of it, a promise its verdict, a call its note."""
    with book.connect() as connection:
        found = {e.title: e for e in timeline.page(connection, view_of(look(book, "A1")), offset=0, limit=50)}
    step, letter = found["reminded \u2192 called"], found["Letter first-reminder"]
    assert ("Ten days late.", "phone", 64) == (step.why, step.rule, len(step.version))
    assert ("Your invoice\n\nPlease look at it.", "handed over to ann") == (letter.body, letter.status)
    assert "open" == found["Promise of 200.00 USD by 24 Jan 2026"].status
    assert ["Spoke to Ann."] == [note.text for note in found["Call to the customer: promised to pay"].notes]
    assert "Price or rate is wrong: too much" == found["Dispute over 300.00 USD of invoice A1-1"].body


def test_the_end_of_a_promise_or_dispute_says_which(book: Engine) -> None:
    """By its amount, day and invoice; nobody knows it by its id."""
    cara = User(name="cara", roles=frozenset({"caller"}))
    for doing in (
        actions.promise_cancelled(look(book, "A1").account, "desk-1"),
        actions.dispute_closed(look(book, "A1").account, "desk-1", outcome="partly_upheld", credit=10000),
    ):
        one = look(book, "A1")
        with book.begin() as connection:
            carry_out(connection, "A1", doing, user=cara, zone=one.zone, engineering=REAL, seen=one.version)
    assert [
        ("Dispute over 300.00 USD of invoice A1-1 closed: partly upheld, 100.00 USD credited", "cara"),
        ("Promise of 200.00 USD by 24 Jan 2026 cancelled", "cara"),
    ] == [told for told in titles(book) if "closed" in told[0] or "cancelled" in told[0]]
    assert "Promise cancelled" == wording.event("promise_cancelled", {"id": "P9"}, "USD")
    assert "Dispute closed: upheld" == wording.event("dispute_closed", {"id": "D1", "outcome": "upheld"}, "USD")


def test_a_small_credit_note_is_not_told_as_a_debt(book: Engine, tmp_path: Path) -> None:
    who = {"account": "A1", "date": TODAY.isoformat(), "due": TODAY.isoformat()}
    note = {"event": "invoice", **who, "id": "N1", "amount": "-0.50"}
    take_in(book, write_events(tmp_path / "note.jsonl", [note]))
    assert ("Invoice N1 of \u22120.50 USD, due 24 Jan 2026", "") in titles(book)


def test_what_is_new_since_a_mark_is_told(book: Engine) -> None:
    """A mark survives its way through a form; whatever else a form holds is no mark."""
    with book.connect() as connection:
        mark = timeline.mark(connection, "A1")
        assert [] == timeline.since(connection, view_of(look(book, "A1")), mark)
    with book.begin() as connection:
        assign(connection, "A1", "carl", actor="lena", engineering=REAL)
    with book.connect() as connection:
        again = Mark.of(str(mark))
        assert mark == again
        new = timeline.since(connection, view_of(look(book, "A1")), again)
        assert [("Assigned to carl", "lena")] == [(entry.title, entry.actor) for entry in new]
    assert [None, None, None] == [Mark.of(text) for text in ("", "1.2.3", "1.2.3.x")]


def test_the_last_contacts_say_what_was_agreed(book: Engine) -> None:
    with book.connect() as connection:
        (entry,) = timeline.contacts(connection, view_of(look(book, "A1")))
    assert ("Call to the customer: promised to pay", "Promise of 200.00 USD by 24 Jan 2026") == (
        entry.title,
        entry.body,
    )


def recorded(engine: Engine, account: str, *doings: Doing, by: str = "cara") -> None:
    """Record this of an account, one form after the other, by somebody new."""
    user = person(engine, by, "caller", queue="collections")
    for doing in doings:
        one = look(engine, account)
        with engine.begin() as connection:
            carry_out(connection, account, doing, user=user, zone=one.zone, engineering=REAL, seen=one.version)


def agreed(engine: Engine, account: str) -> list[tuple[str, str]]:
    """The last contacts, each with what was agreed in it."""
    one = look(engine, account)
    verdicts = {verdict.promise.id: verdict for verdict in one.seen.view.promised}
    with engine.connect() as connection:
        view = View(account=account, currency="USD", zone=one.zone, verdicts=verdicts)
        return [(entry.title, entry.body) for entry in timeline.contacts(connection, view)]


def disputed(account: Account, invoice: str) -> Doing:
    """A dispute that did not come in a call."""
    return Doing(contents=(actions.dispute(account, invoice=invoice, amount=None, code="PRICE", text=""),))


@pytest.mark.parametrize("outcome", ["no_answer", "voicemail", "call_back", "promised"])
def test_a_dispute_of_its_own_was_agreed_in_no_call(untouched: Engine, outcome: str) -> None:
    """All of a day has one moment on a stepped clock: what was recorded right after a call did not come from it."""
    follow_up = FollowUp(due_on=TODAY, text="call")
    call = actions.call(outcome=outcome, direction="out", follow_up=follow_up)
    recorded(untouched, "A2", call, disputed(look(untouched, "A2").account, "A2-1"))
    assert [f"Call to the customer: {outcomes.label(outcome).lower()}"] == [
        title for title, _ in agreed(untouched, "A2")
    ]
    assert [""] == [body for _, body in agreed(untouched, "A2")]


def test_of_a_file_was_agreed_what_the_outcome_says(untouched: Engine, tmp_path: Path) -> None:
    """Without times everything of a day is at midnight; a promise comes from the call that led to one."""
    who = {"account": "A2", "date": "2026-01-23"}
    lines = [
        {"event": "contact", **who, "channel": "call", "outcome": "promised"},
        {"event": "contact", **who, "channel": "call", "outcome": "no_answer"},
        {"event": "contact", **who, "channel": "email", "direction": "in"},
        {"event": "promise", **who, "id": "P1", "amount": "100.00", "due": "2026-01-30"},
        {"event": "dispute", **who, "id": "D1", "invoice": "A2-1", "amount": "50.00", "reason": "price"},
    ]
    take_in(untouched, write_events(tmp_path / "calls.jsonl", lines))
    assert {
        "Call to the customer: promised to pay": "Promise of 100.00 USD by 30 Jan 2026",
        "Call to the customer: no answer": "",
        "E-mail from the customer": "",
    } == dict(agreed(untouched, "A2"))


def test_the_parts_of_what_is_open_add_up_to_the_facts(book: Engine) -> None:
    """Disputes cover the earliest instalment, promises what is overdue; the rest is collectible."""
    one = look(book, "A1")
    parts, facts = brief.open_parts(one.account, one.seen), one.seen.facts
    assert [
        ("A1-1", "", 90000, 30000, 20000, 40000),
        ("A1-2", "1 of 2", 10000, 0, 0, 10000),
        ("A1-2", "2 of 2", 10000, 0, 0, 0),
    ] == [(p.invoice, p.instalment, p.open, p.disputed, p.promised, p.collectible) for p in parts]
    assert (facts.open_amount, facts.disputed_amount, facts.promised_amount, facts.overdue_amount) == (
        sum(part.open for part in parts),
        sum(part.disputed for part in parts),
        sum(part.promised for part in parts),
        sum(part.collectible for part in parts),
    )


def test_nobody_calls_on_hold_or_out_of_hours(book: Engine) -> None:
    """A hold says so; a Saturday points to Monday; on a working day it is now."""
    assert (None, "on hold: no contact until it ends") == (look(book, "A1").allowed.at, look(book, "A1").allowed.why)
    assert "call from Monday 26 Jan 2026, 08:00 (UTC)" == look(book, "A2").allowed.why
    assert "On hold" in brief.red_flags(look(book, "A1").account, look(book, "A1").seen)


def test_working_hours_say_when_not_only_no() -> None:
    """Between `act_at` and `act_until` it is now; before and after, the next working morning there."""
    account = Account(id="A", currency="EUR", born=True, timezone="Europe/Berlin")
    assert "nothing is overdue; if at all, call from Monday 2 Mar 2026, 08:00 there" == told(account, 7).why
    assert ("", True) == (told(account, 9).assumed, told(account, 9).now)
    assert "nothing is overdue; if at all, call from Tuesday 3 Mar 2026, 08:00 there" == told(account, 19).why


def told(account: Account, hour: int, reading: Reading | None = None) -> brief.Allowed:
    """Whether an account may be called at an hour of 2 March 2026, a Monday, in Berlin."""
    zone, day = ZoneInfo("Europe/Berlin"), dt.date(2026, 3, 2)
    at = dt.datetime.combine(day, dt.time(hour), tzinfo=zone)
    seen = snapshot(account, day, reading or Reading())
    return brief.allowed(account, seen, Calendar(timezone="Europe/Berlin"), zone, at)


def test_a_zone_that_is_assumed_is_not_told_as_theirs() -> None:
    """Nothing is `there` where nobody knows their zone, or where the policy has working hours of another."""
    unknown = Account(id="A", currency="JPY", born=True, country="JP")
    assert "nothing is overdue; if at all, call from Monday 2 Mar 2026, 08:00 (Europe/Berlin)" == told(unknown, 7).why
    assert ("Europe/Berlin", True) == (told(unknown, 9).assumed, told(unknown, 9).now)
    assert "Europe/Berlin" == told(replace(unknown, on_hold=True), 9).assumed
    known = replace(unknown, timezone="Asia/Tokyo")
    assert "nothing is overdue; if at all, call from Monday 2 Mar 2026, 08:00 (Europe/Berlin)" == told(known, 7).why
    assert "" == told(known, 7).assumed


def test_who_may_be_called_though_there_is_nothing_to_ask_for(untouched: Engine) -> None:
    """Promised: the day on which they agreed, and that of our patience apart; disputed; or nothing overdue at all."""
    assert "you may call now" == told(look(untouched, "A2").account, 9).why
    assert "call from Monday 2 Mar 2026, 08:00 there" == told(at_home(look(untouched, "A2").account), 7).why
    promise = actions.promise(look(untouched, "A2").account, amount=30000, due=TODAY.replace(day=30))
    recorded(untouched, "A2", Doing(contents=(promise,)))
    grace = Reading(terms=Terms(grace_days=40))
    assert "you may call now" == told(look(untouched, "A2").account, 9).why  # it is broken by then
    waits = "payment is promised by 30 Jan 2026, and we wait until 11 Mar 2026"
    assert f"you may call, but {waits}" == told(look(untouched, "A2").account, 9, grace).why
    early = told(at_home(look(untouched, "A2").account), 7, grace)
    assert (f"{waits}; if at all, call from Monday 2 Mar 2026, 08:00 there", False) == (early.why, early.now)
    recorded(untouched, "A2", disputed(look(untouched, "A2").account, "A2-1"), by="carl")
    assert "you may call, but all that is overdue is disputed" == told(look(untouched, "A2").account, 9, grace).why
    assert "you may call, but nothing is overdue" == told(Account(id="A", currency="EUR", born=True), 9).why


def at_home(account: Account) -> Account:
    """The account in the zone of these tests."""
    return replace(account, timezone="Europe/Berlin")


def test_a_promise_without_grace_has_one_day(untouched: Engine) -> None:
    promise = actions.promise(look(untouched, "A2").account, amount=30000, due=dt.date(2026, 3, 5))
    recorded(untouched, "A2", Doing(contents=(promise,)))
    assert "you may call, but payment is promised by 5 Mar 2026" == told(look(untouched, "A2").account, 9).why


def test_usual_terms_are_those_of_most_of_the_latest_invoices(book: Engine, tmp_path: Path) -> None:
    """An instalment plan has the terms of its first instalment; one odd invoice is not what is usual."""
    assert 12 == brief.usual_terms(look(book, "A1").account)
    who = {"event": "invoice", "account": "A1", "amount": "10.00"}
    dues = {"2026-01-05": "2026-01-19", "2026-01-06": "2026-01-20", "2026-01-07": "2026-04-07"}
    lines = [{**who, "id": f"I{date}", "date": date, "due": due} for date, due in dues.items()]
    take_in(book, write_events(tmp_path / "more.jsonl", lines))
    assert 14 == brief.usual_terms(look(book, "A1").account)
    assert None is brief.usual_terms(Account(id="A", currency="EUR", born=True))


def test_nobody_calls_where_a_red_flag_stands() -> None:
    """Each tag that an outcome puts on says why, in the contact line and first on the page."""
    zone, calendar = ZoneInfo("Europe/Berlin"), Calendar(timezone="Europe/Berlin")
    account = Account(id="A", currency="EUR", born=True)
    seen = snapshot(account, dt.date(2026, 3, 2), Reading())
    for name in outcomes.FLAGS.values():
        tagged = replace(account, tags=frozenset({name}))
        found = brief.allowed(tagged, seen, calendar, zone, dt.datetime(2026, 3, 2, 9, tzinfo=zone))
        assert (False, None, "do not call: ") == (found.now, found.at, found.why[:13])
        assert [f"Tag {name}: {found.why[13:]}"] == brief.red_flags(tagged, seen)


def test_on_the_real_clock_people_record_at_their_minute(engine: Engine, tmp_path: Path) -> None:
    """The account's local date and minute; a hold's end is still to come."""
    activate(engine, standard("standard-usd"))
    today = dt.datetime.now(ZoneInfo("Asia/Tokyo")).date()
    opened = {"account": "T", "date": (today - dt.timedelta(days=40)).isoformat()}
    due = (today - dt.timedelta(days=8)).isoformat()
    lines = [
        {"event": "account", **opened, "currency": "USD", "timezone": "Asia/Tokyo"},
        {"event": "invoice", **opened, "id": "I", "amount": "90.00", "due": due},
    ]
    take_in(engine, write_events(tmp_path / "real.jsonl", lines))
    cara = person(engine, "cara", "caller")
    until = today + dt.timedelta(days=5)
    for doing in (Doing(note="first"), actions.hold(until=until, reason="talks", today=today)):
        one = look(engine, "T")
        assert one.today in (today, today + dt.timedelta(days=1))
        with engine.begin() as connection:
            carry_out(connection, "T", doing, user=cara, zone=one.zone, engineering=REAL, seen=one.version)
    with engine.connect() as connection:
        view = View(account="T", currency="USD", zone=look(engine, "T").zone, verdicts={})
        titles = [entry.title for entry in timeline.page(connection, view, offset=0, limit=9)]
        assert until == timeline.hold_ends(connection, "T")
    assert ["Note", "Put on hold"] == sorted(title for title in titles if title in ("Note", "Put on hold"))


def test_on_the_real_clock_only_what_one_form_recorded_was_agreed(engine: Engine, tmp_path: Path) -> None:
    """Whatever the outcome of the conversation; a dispute of the same minute that stands for itself was not."""
    activate(engine, standard("standard-usd"))
    today = dt.datetime.now(ZoneInfo("UTC")).date()
    who = {"account": "T", "date": (today - dt.timedelta(days=40)).isoformat()}
    due = (today - dt.timedelta(days=8)).isoformat()
    lines = [
        {"event": "account", **who, "currency": "USD", "timezone": "UTC"},
        *({"event": "invoice", **who, "id": f"I{n}", "amount": "90.00", "due": due} for n in (1, 2)),
    ]
    take_in(engine, write_events(tmp_path / "real.jsonl", lines))
    follow_up, account = FollowUp(due_on=today, text="call"), look(engine, "T").account
    due_on = today + dt.timedelta(days=3)
    promise = actions.promise(account, amount=5000, due=due_on)
    recorded(
        engine,
        "T",
        actions.call(outcome="call_back", direction="out", follow_up=follow_up),
        disputed(account, "I1"),
        actions.call(outcome="hardship", direction="out", agreed=[promise]),
    )
    assert {
        "Call to the customer: asks for a call back": "",
        "Call to the customer: cannot pay at present": f"Promise of 50.00 USD by {wording.day(due_on)}",
    } == dict(agreed(engine, "T"))

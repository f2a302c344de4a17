"""On the real clock: what people record, deliveries, holds with an end, the switch, an import while workers run."""

import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from arflow import clock
from arflow.accounts.entries import EffectStatus
from arflow.advance import ahead, record
from arflow.audit import verify
from arflow.deliver import deliver_batch
from arflow.desk import actions
from arflow.desk.actions import Doing
from arflow.desk.users import User
from arflow.ledger import importing
from arflow.ledger.importing import Options
from arflow.mail import Folder, Mail
from arflow.recording import carry_out
from arflow.rules.loader import load_policy
from arflow.rules.reference import Reference
from arflow.store import accounts
from tests.production import activate, run, states, turn, write_events
from tests.test_doors import REAL

pytestmark = pytest.mark.database

POLICY = load_policy(
    """
policy: p
currency: USD
calendar: {timezone: account, act_at: "00:00", act_until: "23:59", weekend: []}
rules:
  - {id: paid-up, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}
  - {id: promised, from: any, when: has_open_promise and overdue_amount == 0, to: promised, why: Promised.}
  - {id: first, from: current, when: days_overdue >= 3, to: reminded, do: [{send: first-reminder}], why: Late.}
  - {id: phone, from: reminded, when: days_overdue >= 8, to: called, do: [{call: collections}], why: Still late.}
""",
    file="test",
)
ADA = User(name="ada", roles=frozenset({"lead"}))


def today() -> dt.date:
    return clock.real_now().date()


def ledger(count: int = 3, days: int = 20) -> list[dict[str, object]]:
    """Accounts that owe 50.00 each for `days` days; A2 pays through A0."""
    found: list[dict[str, object]] = []
    on, due = today() - dt.timedelta(days=60), today() - dt.timedelta(days=days)
    for number in range(count):
        who = {"account": f"A{number}", "date": on.isoformat()}
        through = {"pays_through": "A0"} if number == 2 else {}
        contacts = [{"name": "Ann", "email": f"ann{number}@x.example"}]
        found.append({"event": "account", **who, "currency": "USD", "contacts": contacts, **through})
        if not through:
            found.append({"event": "invoice", **who, "id": f"I{number}", "amount": "50.00", "due": due.isoformat()})
    return found


@pytest.fixture
def book(engine: Engine, tmp_path: Path) -> Engine:
    activate(engine, POLICY)
    with engine.begin() as connection:
        now = clock.read(connection)
        path = write_events(tmp_path / "events.jsonl", ledger())
        importing.import_file(connection, path, now, Options(profile=None), lambda *_: None)
    run(engine, REAL)
    return engine


def delivered(engine: Engine, account: str) -> list[EffectStatus]:
    """What the account knows of its messages."""
    with engine.connect() as connection:
        return [one.status for one in accounts.load(connection, [account])[account].account.messages]


@pytest.fixture
def folder(tmp_path: Path) -> Mail:
    return Mail(transport=Folder(tmp_path / "mail"), address="accounts@hill.example", company="Hill & Sons")


def sound(engine: Engine) -> bool:
    """Whether every journal row holds, and every decision follows from its facts."""
    with engine.connect() as connection:
        return verify(connection, {"the reference": Reference()}, accounts.all_ids(connection)).findings == ()


def test_a_letter_leaves_and_its_result_is_known_at_once(book: Engine, folder: Mail) -> None:
    """Turned on, what waited leaves now; the result is an event of this minute; the families' members go on with it."""
    assert [[EffectStatus.WAITING]] * 3 == [_statuses(book, key) for key in ("A0", "A1", "A2")]
    turn(book, is_on=True)
    run(book, REAL)
    assert 3 == deliver_batch(book, folder)
    run(book, REAL)
    assert [[EffectStatus.DELIVERED]] * 3 == [delivered(book, key) for key in ("A0", "A1", "A2")]
    assert {"reminded"} == {state for state, _ in states(book).values()}  # nothing harsher on the day of its delivery
    assert sound(book)


def _statuses(engine: Engine, account: str) -> list[EffectStatus]:
    with engine.connect() as connection:
        return [one.status for one in accounts.load(connection, [account])[account].account.outgoing]


def test_what_a_person_says_within_one_minute_is_taken_in_one_after_the_other(book: Engine) -> None:
    """Events are written in minutes: a call, a promise, its end and another within one are each a cause, in order."""
    due = (today() + dt.timedelta(days=5)).isoformat()
    said: list[dict[str, object]] = [
        {"event": "contact", "channel": "call", "outcome": "promised"},
        {"event": "promise", "id": "P1", "amount": "50.00", "due": due},
        {"event": "promise_cancelled", "id": "P1"},
        {"event": "promise", "id": "P2", "amount": "50.00", "due": due},
    ]
    for content in said:
        with book.begin() as connection:
            record(connection, "A1", [content], actor="carla", engineering=REAL)
    assert "promised" == states(book)["A1"][0]
    assert sound(book)


def test_an_import_that_began_before_a_person_recorded_is_taken_in_after(book: Engine, tmp_path: Path) -> None:
    """The import knows of its start, the person committed meanwhile: neither is lost, and the account is paid."""
    payment = {"event": "payment", "account": "A1", "id": "Z1", "amount": "50.00", "date": today().isoformat()}
    path = write_events(tmp_path / "payments.jsonl", [payment])
    promise = {"event": "promise", "id": "P1", "amount": "50.00", "due": (today() + dt.timedelta(days=5)).isoformat()}
    with book.begin() as importing_connection:
        now = clock.read(importing_connection)
        with book.begin() as connection:
            record(connection, "A1", [promise], actor="carla", engineering=REAL)
        run(book, REAL)
        importing.import_file(importing_connection, path, now, Options(profile=None), lambda *_: None)
        run(book, REAL)  # a worker passes over what the import holds
    run(book, REAL)
    assert ("resolved", 0) == states(book)["A1"]
    assert sound(book)


def test_a_hold_ends_on_its_morning_and_the_last_end_counts(book: Engine) -> None:
    """Nothing leaves until then, also with delivery on; a hold that is made longer forgets its earlier end."""
    for days in (3, 5):
        doing = actions.hold(until=today() + dt.timedelta(days=days), reason="in talks", today=today())
        with book.begin() as connection:
            carry_out(connection, "A1", doing, user=ADA, zone="UTC", engineering=REAL)
    turn(book, is_on=True)
    run(book, REAL)
    assert [EffectStatus.WAITING] == _statuses(book, "A1")
    with book.connect() as connection:
        found = ahead(connection, ["A1"], today() + dt.timedelta(days=6), REAL)
        assert {today() + dt.timedelta(days=5)} == {entry.on for entry in found if entry.effect == "send"}


def test_turned_off_a_letter_at_the_post_stays_and_what_follows_waits(book: Engine, folder: Mail) -> None:
    turn(book, is_on=True)
    run(book, REAL)
    turn(book, is_on=False)
    assert 0 == deliver_batch(book, folder)
    turn(book, is_on=True)
    assert 3 == deliver_batch(book, folder)
    run(book, REAL)
    assert [EffectStatus.DELIVERED] == delivered(book, "A1")


def test_a_letter_at_the_post_waits_for_the_end_of_a_hold(book: Engine, folder: Mail) -> None:
    """It had left its account when the mail server was away; who is on hold by now gets no letter before its end."""
    turn(book, is_on=True)
    run(book, REAL)
    hold = actions.hold(until=today() + dt.timedelta(days=3), reason="bereaved", today=today())
    over = Doing(contents=({"event": "hold_released", "reason": "over"},), withdraws=("hold_released",))
    for doing, left in ((hold, ["A1"]), (over, [])):
        with book.begin() as connection:
            carry_out(connection, "A1", doing, user=ADA, zone="UTC", engineering=REAL)
            connection.execute(text("UPDATE message SET not_before = now()"))
        deliver_batch(book, folder)
        with book.connect() as connection:
            waiting = "SELECT account_id FROM message WHERE status = 'queued' AND attempts = 0"
            assert left == connection.execute(text(waiting)).scalars().all()

"""On the real clock: letters that wait for the mail server while the customer says to want no more of them."""

import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from arflow import clock, deliver
from arflow.accounts.entries import EffectStatus
from arflow.advance import record
from arflow.deliver import deliver_batch
from arflow.ledger import importing
from arflow.ledger.importing import Options
from arflow.mail import Folder, Mail
from arflow.rules.loader import load_policy
from arflow.store import accounts
from arflow.store.desk_tables import message, task
from tests.production import activate, run, states, turn, write_events
from tests.test_doors import REAL

pytestmark = pytest.mark.database

POLICY = load_policy(
    """
policy: p
currency: USD
calendar: {timezone: account, act_at: "00:00", act_until: "23:59", weekend: []}
rules:
  - {id: leave-alone, from: reminded, when: '"stop-contact" in tags', to: current, why: They asked for it.}
  - id: first
    from: current
    when: days_overdue >= 3 and "stop-contact" not in tags
    to: reminded
    do: [{send: first-reminder}]
    why: Late.
""",
    file="test",
)


@pytest.fixture
def book(engine: Engine, tmp_path: Path) -> Engine:
    """An account that was written to just now; the letter waits in the outbox."""
    on, due = (clock.real_now().date() - dt.timedelta(days=days) for days in (60, 20))
    who = {"account": "A0", "date": on.isoformat()}
    contacts = [{"name": "Ann", "email": "ann@x.example"}]
    owed = {"event": "invoice", **who, "id": "I0", "amount": "50.00", "due": due.isoformat()}
    activate(engine, POLICY)
    turn(engine, is_on=True)
    path = write_events(
        tmp_path / "e.jsonl", [{"event": "account", **who, "currency": "USD", "contacts": contacts}, owed]
    )
    with engine.begin() as connection:
        importing.import_file(connection, path, clock.read(connection), Options(profile=None), lambda *_: None)
    run(engine, REAL)
    return engine


@pytest.fixture
def folder(tmp_path: Path) -> Mail:
    return Mail(transport=Folder(tmp_path / "mail"), address="a@hill.example", company="Hill & Sons", phone="555-0100")


def say(engine: Engine, outcome: str, *also: dict[str, str]) -> None:
    """Write down a call, and what else came of it."""
    call = {"event": "contact", "channel": "call", "direction": "in", "outcome": outcome}
    with engine.begin() as connection:
        record(connection, "A0", [call, *also], actor="cara", engineering=REAL)
    run(engine, REAL)


def tag(name: str) -> dict[str, str]:
    return {"event": "tag", "tag": name}


def waiting(engine: Engine) -> list[tuple[object, ...]]:
    """What the outbox says of the letter."""
    with engine.connect() as connection:
        rows = connection.execute(select(message.c.status, message.c.error, message.c.attempts))
        return [tuple(row) for row in rows]


def sent(mail: Mail) -> int:
    """How many letters left."""
    assert isinstance(mail.transport, Folder)
    return len(list(mail.transport.keys(10)))


def known(engine: Engine) -> list[EffectStatus]:
    """What the rules know of the letters."""
    run(engine, REAL)
    with engine.connect() as connection:
        return [letter.status for letter in accounts.load(connection, ["A0"])["A0"].account.messages]


def test_a_letter_that_waited_for_the_mail_server_is_called_off(book: Engine, folder: Mail) -> None:
    """To the rules it has failed; nobody is asked for another address."""
    say(book, "stop_contact", tag("stop-contact"))
    assert "current" == states(book)["A0"][0]
    deliver_batch(book, folder)
    assert 0 == sent(folder)
    assert [("moot", deliver._CALLED_OFF, 1)] == waiting(book)
    assert [EffectStatus.FAILED] == known(book)
    with book.connect() as connection:
        assert [] == connection.execute(select(task.c.id)).all()


def test_what_is_said_after_the_letter_was_taken_from_the_outbox_counts(
    book: Engine, folder: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was handed over yet: it goes back untried, and is read anew."""
    claimed = deliver._claimed

    def slow(engine: Engine, mail: Mail, limit: int) -> object:
        batch = claimed(engine, mail, limit)
        say(engine, "stop_contact", tag("stop-contact"))
        return batch

    with monkeypatch.context() as patched:
        patched.setattr(deliver, "_claimed", slow)
        deliver_batch(book, folder)
    assert [("queued", "", 0)] == waiting(book)
    deliver_batch(book, folder)
    assert [("moot", deliver._CALLED_OFF, 1)] == waiting(book)
    assert 0 == sent(folder)


def test_who_was_to_be_left_alone_before_the_letter_was_written_gets_it(book: Engine, folder: Mail) -> None:
    """The rules knew of it when they had it written; that the account has moved on since is another matter."""
    with book.begin() as connection:
        connection.execute(text("UPDATE account SET tags = '{stop-contact}', stay = stay + 1"))
        connection.execute(text(_TAGGED_BEFORE))
    deliver_batch(book, folder)
    assert 1 == sent(folder)


_TAGGED_BEFORE = """
    INSERT INTO event (account_id, kind, identity, occurrence, "on", clock, content, digest, known_at, applied)
    VALUES ('A0', 'tag', 't', 1, '2026-01-01', '10:00', '{"tag": "stop-contact"}', '', '2026-01-01', true)
"""


@pytest.mark.parametrize("also", [[], [tag("represented")], [tag("slow-payer")]])
def test_what_the_rules_do_nothing_about_calls_no_letter_off(
    book: Engine, folder: Mail, also: list[dict[str, str]]
) -> None:
    """The account stays in the state in which the letter was written."""
    say(book, "call_back", *also)
    deliver_batch(book, folder)
    assert 1 == sent(folder)
    assert [EffectStatus.DELIVERED] == known(book)

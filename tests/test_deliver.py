"""The door out: what is decided is handed over once, what comes of it is told, and nothing leaves while it is off."""

import asyncio
import datetime as dt
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import Engine, insert, select, text, update

from arflow import clock, deliver
from arflow.accounts.entries import EffectStatus
from arflow.advance import record
from arflow.deliver import deliver_batch
from arflow.errors import SaysNo
from arflow.mail import Folder, Mail, Post, Result, Server, Smtp
from arflow.rules.loader import load_policy
from arflow.store import accounts, addresses, leases
from arflow.store.desk_tables import message, task
from arflow.store.outbox import NOTICE
from tests.mail_servers import Behaviour, free_port, served
from tests.production import activate, run, step, take_in, turn, write_events
from tests.test_advance import counted
from tests.test_doors import REAL

pytestmark = pytest.mark.database

JAN_4, JAN_13, JAN_19 = dt.date(2026, 1, 4), dt.date(2026, 1, 13), dt.date(2026, 1, 19)
POLICY = load_policy(
    """
policy: p
currency: USD
promises: {grace_days: 1}
rules:
  - {id: paid-up, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}
  - id: first
    from: current
    when: days_overdue >= 3
    to: reminded
    do: [{send: first-reminder}, {notify: lead@hill.example}]
    why: Three days late.
  - {id: second, from: reminded, when: days_overdue >= 9, do: [{send: second-reminder}], why: Nine days late.}
""",
    file="test",
)


def ledger(count: int, email: str) -> list[dict[str, object]]:
    """Accounts that owe 50.00 since 10 January, each with a contact; A0 is German and has an owner."""
    found: list[dict[str, object]] = []
    for number in range(count):
        who = {"account": f"A{number}", "date": "2026-01-02"}
        contacts = [{"name": "Boss"}, {"name": f"Ann {number}", "email": email.format(number), "role": "AP"}]
        also = {"language": "de-AT", "owner": "carla"} if number == 0 else {}
        found.append({"event": "account", **who, "currency": "USD", "contacts": contacts, **also})
        found.append({"event": "invoice", **who, "id": f"R-{number}", "amount": "50.00", "due": "2026-01-10"})
    return found


def go_to(engine: Engine, day: dt.date) -> None:
    """Step the clock and run what is due, as the workers do."""
    with engine.begin() as connection:
        clock.step_to(connection, day)
    run(engine, REAL)


@pytest.fixture
def book(engine: Engine, tmp_path: Path) -> Callable[..., Engine]:
    """Makes accounts that were written to today, 13 January; a letter and a notice of each wait in the outbox."""

    def made(count: int = 1, email: str = "ann{}@bright.example") -> Engine:
        step(engine, JAN_4)
        activate(engine, POLICY)
        turn(engine, is_on=True)
        take_in(engine, write_events(tmp_path / "events.jsonl", ledger(count, email)))
        go_to(engine, JAN_13)
        return engine

    return made


@pytest.fixture
def folder(tmp_path: Path) -> Mail:
    return Mail(
        transport=Folder(tmp_path / "mail"), address="accounts@hill.example", company="Hill & Sons", phone="555-0100"
    )


def smtp(port: int, seconds: float = 1.0) -> Mail:
    sender = "accounts@hill.example"
    server = Server(host="127.0.0.1", port=port)
    return Mail(transport=Smtp(server=server, sender=sender, seconds=seconds), address=sender, company="Hill & Sons")


def letters(mail: Mail) -> list[EmailMessage]:
    """Every letter in the folder, in the order of their sending."""
    assert isinstance(mail.transport, Folder)
    raw = (mail.transport.read(key) or b"" for key in reversed(mail.transport.keys(1000)))
    return [message_from_bytes(content, policy=policy.default) for content in raw]


def rows(engine: Engine, *names: str) -> list[tuple[object, ...]]:
    """These columns of every letter to a customer, in order."""
    query = select(*(message.c[name] for name in names)).where(message.c.number.is_not(None)).order_by(message.c.id)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def change(engine: Engine, **values: object) -> None:
    """Tamper with every message."""
    with engine.begin() as connection:
        connection.execute(update(message).values(**values))


def told(engine: Engine, account: str = "A0") -> list[EffectStatus]:
    """What the rules know of the messages of an account, once everything has been taken in."""
    run(engine, REAL)
    with engine.connect() as connection:
        return [sent.status for sent in accounts.load(connection, [account])[account].account.messages]


def again(engine: Engine) -> None:
    """A person repeats every letter to a customer that failed."""
    with engine.begin() as connection:
        for one in deliver.failed(connection):
            if not one.template.startswith(NOTICE):
                deliver.retry(connection, one.id, "lena")


class Counting(Behaviour):
    """A server that remembers which addresses it was asked to write to."""

    def __init__(self, rcpt: str) -> None:
        super().__init__(rcpt=rcpt)
        self.asked: list[str] = []

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.asked.append(address)
        return await super().handle_RCPT(server, session, envelope, address, options)

    def asked_for(self, address: str) -> list[str]:
        """Each time that it was asked for this address."""
        return [asked for asked in self.asked if asked == address]


def tasks(engine: Engine) -> list[tuple[object, ...]]:
    query = select(task.c.account_id, task.c.assignee, task.c.due_on, task.c.text).where(task.c.kind == "address")
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(task.c.id))]


# --- what leaves ------------------------------------------------------------------------------------------------------


def test_a_letter_leaves_in_the_words_of_the_account_and_the_rules_are_told(
    book: Callable[..., Engine], folder: Mail
) -> None:
    engine = book()
    assert [EffectStatus.SENT] == told(engine)
    assert 2 == deliver_batch(engine, folder)
    assert 0 == deliver_batch(engine, folder)
    to_customer, to_lead = letters(folder)
    assert to_customer["To"] == "Ann 0 <ann0@bright.example>"
    assert to_customer["Subject"] == "Zahlungserinnerung: Rechnung R-0"
    assert to_customer["Date"].datetime.date() == JAN_13
    assert (to_lead["To"], to_lead["Subject"]) == ("lead@hill.example", "Account A0: first")
    assert "Three days late." in to_lead.get_content()
    assert [("sent", "ann0@bright.example", "de", to_customer["Message-ID"])] == rows(
        engine, "status", "recipient", "language", "message_id"
    )
    ((kept,),) = rows(engine, "text")
    assert "50,00" in str(kept)
    assert [EffectStatus.DELIVERED] == told(engine)


def test_on_a_stepped_clock_the_result_is_known_a_minute_after_the_letter(
    book: Callable[..., Engine], folder: Mail
) -> None:
    """So a real run and a replay tell the same."""
    engine = book()
    deliver_batch(engine, folder)
    run(engine, REAL)
    with engine.connect() as connection:
        query = "SELECT \"on\", clock FROM event WHERE kind = 'notice_delivered'"
        assert [(JAN_13, dt.time(8, 1))] == [tuple(row) for row in connection.execute(text(query))]


def test_a_later_letter_builds_on_the_one_before(book: Callable[..., Engine], folder: Mail) -> None:
    engine = book(2)
    while deliver_batch(engine, folder):
        run(engine, REAL)
    go_to(engine, JAN_19)
    while deliver_batch(engine, folder):
        pass
    second = [
        letter for letter in letters(folder) if letter["To"].startswith("Ann 1") and "Second" in letter["Subject"]
    ]
    body = second[0].get_body(("plain",))
    assert body is not None
    assert "We wrote to you on 13 January 2026." in body.get_content().replace("\u00a0", " ")


def test_the_colleague_who_has_the_account_is_named(book: Callable[..., Engine], folder: Mail) -> None:
    engine = book()
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO app_user (name, full_name, roles) VALUES ('carla', 'Carla Cole', '{caller}')")
        )
    deliver_batch(engine, folder)
    assert "Sie erreichen Carla Cole" in str(rows(engine, "text")[0][0])


def test_a_batch_takes_a_fixed_number_of_statements(book: Callable[..., Engine], folder: Mail) -> None:
    engine = book(12)
    taken = []
    for limit in (2, 10):
        with counted(engine) as statements, engine.begin() as connection:
            claims = leases.claim(connection, limit=limit, seconds=10, domain="hill.example")
            deliver._read(connection, claims)
        taken.append(len(statements))
    assert taken[0] == taken[1]


# --- the switch -------------------------------------------------------------------------------------------------------


def test_while_delivery_is_off_nothing_is_claimed(book: Callable[..., Engine], folder: Mail) -> None:
    engine = book()
    turn(engine, is_on=False)
    assert 0 == deliver_batch(engine, folder)
    assert [("queued", 0, 0)] == rows(engine, "status", "attempts", "lease")


@dataclass(frozen=True)
class Between:
    """A transport that does something before the letter number `at` is handed over."""

    inner: Folder
    act: Callable[[], object]
    at: int = 0
    patience: int = 10
    group: int = 1
    seen: list[str] = field(default_factory=list)

    @contextmanager
    def open(self) -> Iterator[Post]:
        yield self

    def keep(self) -> None:
        """The folder is kept by the next one."""

    def send(self, mail: EmailMessage, to: str, on: dt.date) -> Result:
        self.seen.append(to)
        if len(self.seen) - 1 == self.at:
            self.act()
        return self.inner.send(mail, to, on)


def between(mail: Mail, act: Callable[[], object], group: int = 1) -> Mail:
    assert isinstance(mail.transport, Folder)
    return replace(mail, transport=Between(mail.transport, act, group=group))


@pytest.mark.parametrize("group", [1, 2, 20])
def test_turned_off_after_the_claim_the_rest_stays(book: Callable[..., Engine], folder: Mail, group: int) -> None:
    """The letter at hand still leaves; the others are as if they had not been claimed."""
    engine = book(3)
    deliver_batch(engine, between(folder, lambda: turn(engine, is_on=False), group))
    assert [("sent", 1), ("queued", 0), ("queued", 0)] == rows(engine, "status", "attempts")
    assert 1 == len(letters(folder))
    turn(engine, is_on=True)
    while deliver_batch(engine, folder):
        pass
    assert [("sent",)] * 3 == rows(engine, "status")
    assert 6 == len(letters(folder))


def test_told_to_end_the_rest_stays(book: Callable[..., Engine], folder: Mail) -> None:
    engine = book(3)
    ending: list[bool] = []
    deliver_batch(engine, between(folder, lambda: ending.append(True)), is_ending=lambda: bool(ending))
    assert [("sent",), ("queued",), ("queued",)] == rows(engine, "status")


# --- working hours ----------------------------------------------------------------------------------------------------


def test_a_late_attempt_waits_for_working_hours_and_the_first_one_does_not(
    engine: Engine, tmp_path: Path, folder: Mail
) -> None:
    """On the real clock; here it is always closed now."""
    hour = dt.datetime.now(dt.UTC).hour
    opens, closes = ("00:00", "00:01") if hour else ("12:00", "12:01")
    calendar = f'{{timezone: UTC, act_at: "{opens}", act_until: "{closes}", weekend: []}}'
    closed = POLICY.source.replace("currency: USD", f"currency: USD\ncalendar: {calendar}")
    activate(engine, load_policy(closed, file="test"))
    turn(engine, is_on=True)
    take_in(engine, write_events(tmp_path / "events.jsonl", ledger(1, "ann@bright.example")))
    row = {"account_id": "A0", "template": "notice: first", "recipient": "lead@hill.example", "status": "queued"}
    with engine.begin() as connection:
        late = connection.execute(
            insert(message).values(**row, decided_at=text("now() - interval '3 hours'")).returning(message.c.id)
        ).scalar_one()
        connection.execute(insert(message).values(**row, decided_at=text("now() - interval '1 hour'")))
    assert 2 == deliver_batch(engine, folder)
    assert 0 == deliver_batch(engine, folder)
    with engine.connect() as connection:
        query = select(message.c.status, message.c.attempts, message.c.not_before > text("now()"))
        assert ("queued", 0, True) == tuple(connection.execute(query.where(message.c.id == late)).one())
        assert "sent" == connection.execute(query.where(message.c.id != late)).one().status
    assert 1 == len(letters(folder))


# --- leases -----------------------------------------------------------------------------------------------------------


def claimed(engine: Engine, mail: Mail, limit: int = 50) -> list[leases.Claim]:
    with engine.begin() as connection:
        return leases.claim(connection, limit=limit, seconds=mail.transport.patience, domain=mail.domain)


def test_what_is_claimed_is_nobody_elses_until_its_lease_runs_out(book: Callable[..., Engine], folder: Mail) -> None:
    """Whoever was killed with it leaves it to the next one, who sends it under the same Message-ID."""
    engine = book()
    killed = claimed(engine, folder)
    assert 0 == deliver_batch(engine, folder)
    change(engine, leased_until=text("now() - interval '1 second'"))
    assert 2 == deliver_batch(engine, folder)
    assert [("sent", 2, 2, killed[0].message_id)] == rows(engine, "status", "attempts", "lease", "message_id")
    assert killed[0].message_id == letters(folder)[0]["Message-ID"]


def test_killed_after_the_letter_was_written_it_is_not_written_twice(book: Callable[..., Engine], folder: Mail) -> None:
    engine = book()
    killed = RuntimeError("killed before it could say so")

    def die() -> None:
        raise killed

    class Dying(Between):
        def send(self, mail: EmailMessage, to: str, on: dt.date) -> Result:
            self.inner.send(mail, to, on)
            raise killed

    assert isinstance(folder.transport, Folder)
    with pytest.raises(RuntimeError):
        deliver_batch(engine, replace(folder, transport=Dying(folder.transport, die)))
    assert 1 == len(letters(folder))
    assert [("sending",)] == rows(engine, "status")
    change(engine, leased_until=text("now() - interval '1 second'"))
    deliver_batch(engine, folder)
    assert 2 == len(letters(folder))
    assert [EffectStatus.DELIVERED] == told(engine)


DELIVERER = """
import sys
from arflow.deliver import deliver_batch
from arflow.mail import Mail, Server, Smtp
from arflow.store import database

server = Server(host="127.0.0.1", port=int(sys.argv[2]))
sender = "accounts@hill.example"
transport = Smtp(server=server, sender=sender)
deliver_batch(database.connect(sys.argv[1]), Mail(transport=transport, address=sender, company="Hill & Sons"))
"""


def test_a_deliverer_that_is_killed_leaves_its_letters_to_the_next_one(
    book: Callable[..., Engine], database_url: str
) -> None:
    """Killed with -9 while the server thinks about the first letter: nothing is lost, and nothing changes its name."""
    engine, behaviour = book(2), Behaviour(moods=("hang",))
    with served(behaviour) as port:
        with subprocess.Popen([sys.executable, "-c", DELIVERER, database_url, str(port)]) as deliverer:
            until = time.monotonic() + 30
            while behaviour.moods and time.monotonic() < until:
                time.sleep(0.05)
            deliverer.kill()
        names = rows(engine, "message_id")
        assert [("sending", 1)] * 2 == rows(engine, "status", "attempts")
        assert 0 == deliver_batch(engine, smtp(port))
        change(engine, leased_until=text("now() - interval '1 second'"))
        assert 4 == deliver_batch(engine, smtp(port))
    assert [("sent", 2)] * 2 == rows(engine, "status", "attempts")
    assert names == rows(engine, "message_id")
    assert {name for (name,) in names} <= {taken["Message-ID"] for _, taken in behaviour.taken}
    assert [EffectStatus.DELIVERED] == told(engine)


class Held(Behaviour):
    """A server that answers one of the first words of its first visitor only once it is let go."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word, self.reached, self.go = word, threading.Event(), threading.Event()

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        await self._hold("EHLO")
        return await super().handle_EHLO(server, session, envelope, hostname, responses)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self._hold("RCPT")
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def _hold(self, word: str) -> None:
        if word == self.word and not self.reached.is_set():
            self.reached.set()
            await asyncio.to_thread(self.go.wait, 60)


STOPPED = """
import sys
from arflow.deliver import deliver_batch
from arflow.mail import Mail, Server, Smtp
from arflow.store import database

class Impatient(Smtp):
    patience = 2

server = Server(host="127.0.0.1", port=int(sys.argv[2]))
sender = "accounts@hill.example"
transport = Impatient(server=server, sender=sender, seconds=60)
deliver_batch(database.connect(sys.argv[1]), Mail(transport=transport, address=sender, company="Hill & Sons"))
"""


@pytest.mark.parametrize("word", ["EHLO", "RCPT"])
def test_a_deliverer_that_stood_still_longer_than_its_lease_sends_and_marks_nothing(
    book: Callable[..., Engine], database_url: str, word: str
) -> None:
    """Stopped in the middle of its first letter; when it wakes, another has sent all of its letters."""
    engine, behaviour = book(2), Held(word)
    with (
        served(behaviour) as port,
        subprocess.Popen([sys.executable, "-c", STOPPED, database_url, str(port)]) as deliverer,
    ):
        assert behaviour.reached.wait(60)
        deliverer.send_signal(signal.SIGSTOP)
        behaviour.go.set()
        begun, handed = time.monotonic(), 0
        while handed < 4 and time.monotonic() < begun + 60:
            handed += deliver_batch(engine, smtp(port))
        before = rows(engine, "status", "attempts", "lease", "settled_at")
        deliverer.send_signal(signal.SIGCONT)
        assert 0 == deliverer.wait(60)
    assert 4 == handed
    assert 4 == len(behaviour.taken) == len({taken["Message-ID"] for _, taken in behaviour.taken})
    assert [("sent", 2, 2)] * 2 == [row[:3] for row in before]
    assert before == rows(engine, "status", "attempts", "lease", "settled_at")


def test_who_was_taken_for_dead_can_change_nothing(book: Callable[..., Engine], folder: Mail) -> None:
    """It hands its letter over, but another has the message by then: only the other says what came of it."""
    engine = book()
    others: list[leases.Claim] = []

    def overtaken() -> None:
        change(engine, leased_until=text("now() - interval '1 second'"))
        others.extend(claimed(engine, folder))

    deliver_batch(engine, between(folder, overtaken))
    assert [("sending", 2)] == rows(engine, "status", "lease")
    assert [EffectStatus.SENT] == told(engine)
    with engine.begin() as connection:
        old = replace(others[0], lease=1)
        assert not leases.settle(connection, old, "failed")
        assert not leases.try_again(connection, old, "late")
        assert not leases.put_back(connection, old)
        assert not leases.renew(connection, old, 10)
        assert leases.renew(connection, others[0], 10)


def test_two_at_once_send_each_letter_once(book: Callable[..., Engine], folder: Mail) -> None:
    engine = book(40)
    begin = threading.Barrier(3)

    def work() -> None:
        begin.wait()
        while deliver_batch(engine, folder, limit=3):
            pass

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [("sent", 1)] * 40 == rows(engine, "status", "attempts")
    assert 80 == len(letters(folder)) == len({letter["Message-ID"] for letter in letters(folder)})
    with engine.connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM event WHERE kind = 'notice_delivered'")).scalar()
    assert 40 == count


# --- a mail server ----------------------------------------------------------------------------------------------------


def test_a_mail_server_takes_the_letters(book: Callable[..., Engine]) -> None:
    engine, behaviour = book(3), Behaviour()
    with served(behaviour) as port:
        assert 6 == deliver_batch(engine, smtp(port))
    assert {"ann0@bright.example", "ann1@bright.example", "ann2@bright.example", "lead@hill.example"} == {
        to for tos, _ in behaviour.taken for to in tos
    }
    assert [EffectStatus.DELIVERED] == told(engine, "A2")


def test_a_refusal_is_a_failed_delivery_and_a_task(book: Callable[..., Engine]) -> None:
    engine = book()
    with served(Behaviour(rcpt="550 5.1.1 no such user")) as port:
        deliver_batch(engine, smtp(port))
    assert [("failed", "ann0@bright.example", "the mail server said 550 5.1.1 no such user")] == rows(
        engine, "status", "recipient", "error"
    )
    assert [EffectStatus.FAILED] == told(engine)
    why = "the letter `first-reminder` could not be delivered: the mail server said 550 5.1.1 no such user"
    assert [("A0", "carla", JAN_13, why)] == tasks(engine)


def marked(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        return {one.address: one.reason for one in addresses.every_refused(connection, 100)}


def test_nothing_is_sent_to_an_address_that_was_refused(book: Callable[..., Engine]) -> None:
    """The next letter fails at once, with the reason; until a person clears the address."""
    engine, behaviour = book(2, email="Ann@bright.example"), Counting(rcpt="550 5.1.1 no such user")
    with served(behaviour) as port:
        deliver_batch(engine, smtp(port))
        assert ["Ann@bright.example"] == behaviour.asked_for("Ann@bright.example")  # one letter, though two were due
        said = "the mail server said 550 5.1.1 no such user"
        assert {"ann@bright.example": said, "lead@hill.example": said} == marked(engine)
        assert [
            ("failed", said),
            ("failed", f"nothing is sent to `Ann@bright.example` since it was refused: {said}"),
        ] == (rows(engine, "status", "error"))
        assert [[EffectStatus.FAILED]] * 2 == [told(engine, account) for account in ("A0", "A1")]
        assert ["A0", "A1"] == [account for account, *_ in tasks(engine)]
        behaviour.rcpt = "250 OK"
        again(engine)
        deliver_batch(engine, smtp(port))
        assert ["Ann@bright.example"] == behaviour.asked_for("Ann@bright.example")
        with engine.begin() as connection:
            deliver.clear_address(connection, "Ann@bright.example", "lena")
        with pytest.raises(SaysNo, match="is not refused"), engine.begin() as connection:
            deliver.clear_address(connection, "Ann@bright.example", "lena")
        again(engine)
        deliver_batch(engine, smtp(port))
    assert [("sent",), ("sent",)] == rows(engine, "status")
    assert ["lead@hill.example"] == list(marked(engine))


def test_another_address_of_the_account_is_written_to(book: Callable[..., Engine]) -> None:
    engine = book(email="Ann@bright.example")
    with served(Behaviour(rcpt="550 5.1.1 no such user")) as port:
        deliver_batch(engine, smtp(port))
    run(engine, REAL)
    with engine.begin() as connection:
        connection.execute(text("UPDATE person SET email = 'new@bright.example' WHERE name LIKE 'Ann%'"))
    again(engine)
    with served(Behaviour()) as port:
        deliver_batch(engine, smtp(port))
    assert [("sent", "new@bright.example")] == rows(engine, "status", "recipient")


@pytest.mark.parametrize(
    ("behaviour", "is_marked"),
    [
        (Behaviour(rcpt="550 no such user"), True),
        (Behaviour(rcpt="550 5.4.1 recipient address rejected"), True),
        (Behaviour(rcpt="553 5.1.3 bad address"), True),
        (Behaviour(rcpt="550 5.2.1 mailbox disabled"), True),
        (Behaviour(rcpt="550 5.7.1 relaying denied"), False),
        (Behaviour(rcpt="554 relay access denied"), False),
        (Behaviour(rcpt="550 relay not permitted"), False),
        (Behaviour(rcpt="550 authentication required"), False),
        (Behaviour(rcpt="550 Administrative prohibition"), False),
        (Behaviour(rcpt="550 <ann0@unknown.example>: bad reputation"), False),
        (Behaviour(rcpt="550 <ann0@allow.example>: Recipient address rejected: User unknown"), True),
        (Behaviour(rcpt="552 5.2.2 mailbox full"), False),
        (Behaviour(rcpt="550 5.1.8 bad sender"), False),
        (Behaviour(rcpt="451 4.1.1 later"), False),
        (Behaviour(data="554 5.6.0 spam"), False),
    ],
)
def test_only_an_answer_about_the_address_marks_it(
    book: Callable[..., Engine], behaviour: Behaviour, is_marked: bool
) -> None:
    """A server that is set up wrongly refuses everybody: that marks nobody."""
    engine = book()
    with served(behaviour) as port:
        deliver_batch(engine, smtp(port))
    assert is_marked == ("ann0@bright.example" in marked(engine))


def test_a_server_that_is_busy_is_tried_again_after_longer_and_longer_pauses(book: Callable[..., Engine]) -> None:
    engine = book()
    waited: list[int] = []
    with served(Behaviour(data="451 4.3.0 try later")) as port:
        for _ in range(3):
            assert 2 == deliver_batch(engine, smtp(port))
            assert 0 == deliver_batch(engine, smtp(port))
            with engine.connect() as connection:
                waited += connection.execute(
                    select(text("extract(epoch FROM not_before - now())::int")).select_from(message).limit(1)
                ).scalars()
            change(engine, not_before=text("now()"))
    assert [("queued", 3, "the mail server said 451 4.3.0 try later")] == rows(engine, "status", "attempts", "error")
    assert [48 <= waited[0] <= 72, 96 <= waited[1] <= 144, 192 <= waited[2] <= 288] == [True] * 3
    assert [EffectStatus.SENT] == told(engine)


def test_what_waited_untried_for_long_is_not_given_up_for_that(book: Callable[..., Engine]) -> None:
    """Behind a hold, a fuse, or while delivery was off."""
    engine = book()
    change(engine, queued_at=text("now() - interval '9 days'"))
    with served(Behaviour(data="451 4.3.0 try later")) as port:
        deliver_batch(engine, smtp(port))
    assert [("queued", 1)] == rows(engine, "status", "attempts")


def test_after_days_it_is_given_up(book: Callable[..., Engine]) -> None:
    engine = book()
    with served(Behaviour(data="451 4.3.0 try later")) as port:
        deliver_batch(engine, smtp(port))
        change(engine, not_before=text("now()"), tried_from=text("now() - interval '5 days'"))
        deliver_batch(engine, smtp(port))
    assert [("failed", "the mail server said 451 4.3.0 try later")] == rows(engine, "status", "error")
    assert [EffectStatus.FAILED] == told(engine)
    assert [] == tasks(engine)


@pytest.mark.parametrize("moods", [("hang",), ("lose",), ("die",)])
def test_a_server_that_hangs_or_dies_keeps_the_others_waiting_no_longer(
    book: Callable[..., Engine], moods: tuple[str, ...]
) -> None:
    """The first letter finds out; the others of the batch go back to the queue without trying."""
    engine, behaviour = book(3), Behaviour(moods=moods)
    with served(behaviour) as port:
        deliver_batch(engine, smtp(port, seconds=0.5))
        assert [("queued",)] * 3 == rows(engine, "status")
        assert (1 if moods == ("die",) else 0) == len(behaviour.taken)
        change(engine, not_before=text("now()"))
        deliver_batch(engine, smtp(port))
    assert [("sent",)] * 3 == rows(engine, "status")
    ids = {taken["Message-ID"] for _, taken in behaviour.taken}
    assert 6 == len(ids)
    assert (7 if moods == ("die",) else 6) == len(behaviour.taken)


def test_nobody_listens_and_nothing_is_lost(book: Callable[..., Engine]) -> None:
    engine = book()
    deliver_batch(engine, smtp(free_port()))
    ((status, error),) = rows(engine, "status", "error")
    assert status == "queued"
    assert "Connection refused" in str(error)


# --- what cannot be delivered -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "why"),
    [
        ("", "no contact of the account has an e-mail address"),
        ("ann at bright", "`ann at bright` is no e-mail address"),
        ("a@bright.example, b@bright.example", "`a@bright.example, b@bright.example` is no e-mail address"),
    ],
)
def test_without_an_address_it_is_a_failed_delivery_and_a_task(
    book: Callable[..., Engine], folder: Mail, email: str, why: str
) -> None:
    engine = book(email=email)
    deliver_batch(engine, folder)
    assert [("failed", why)] == rows(engine, "status", "error")
    assert [EffectStatus.FAILED] == told(engine)
    assert [("A0", "carla", JAN_13, f"the letter `first-reminder` could not be delivered: {why}")] == tasks(engine)


def test_one_open_task_asks_for_an_address(book: Callable[..., Engine], folder: Mail) -> None:
    engine = book(email="")
    deliver_batch(engine, folder)
    run(engine, REAL)
    change_account = {"event": "contact", "channel": "call", "outcome": "call_back"}
    with engine.begin() as connection:
        record(connection, "A0", [change_account], actor="carla", engineering=REAL)
    go_to(engine, JAN_19)
    deliver_batch(engine, folder)
    assert [("failed",), ("failed",)] == rows(engine, "status")
    assert 1 == len(tasks(engine))


def test_a_letter_about_nothing_any_more_is_not_sent(book: Callable[..., Engine], folder: Mail) -> None:
    """Paid between the decision and a late attempt: nobody is chased who has paid."""
    engine = book()
    with engine.begin() as connection:
        connection.execute(text("UPDATE item SET open = 0"))
    deliver_batch(engine, folder)
    error = "account `A0` has nothing that `first-reminder` could be about any more"
    assert [("moot", error)] == rows(engine, "status", "error")
    assert ["lead@hill.example"] == [letter["To"] for letter in letters(folder)]
    assert [] == tasks(engine)


def test_one_letter_that_cannot_be_written_does_not_stop_the_others(book: Callable[..., Engine], folder: Mail) -> None:
    engine = book(3)
    with engine.begin() as connection:
        connection.execute(update(message).where(message.c.account_id == "A1").values(template="first-remainder"))
    deliver_batch(engine, folder)
    assert [("sent",), ("failed",), ("sent",)] == rows(engine, "status")
    ((error,),) = rows(engine, "error")[1:2]
    assert "there is no template `first-remainder`" in str(error)


def test_a_result_that_cannot_be_told_is_written_at_the_message_and_nothing_is_sent_again(
    book: Callable[..., Engine], folder: Mail
) -> None:
    engine = book(3)
    with engine.begin() as connection:
        connection.execute(update(message).where(message.c.account_id == "A1").values(zone="Nowhere/Town"))
    assert 6 == deliver_batch(engine, folder)
    assert [("sent",), ("failed",), ("sent",)] == rows(engine, "status")
    assert "what came of it could not be told to the rules" in str(rows(engine, "error")[1][0])
    assert [EffectStatus.DELIVERED] == told(engine, "A2")


def test_names_bring_no_headers(book: Callable[..., Engine], folder: Mail) -> None:
    engine = book()
    with engine.begin() as connection:
        connection.execute(text("UPDATE person SET name = E'Ann\\r\\nBcc: all@evil.example'"))
        connection.execute(text("UPDATE account SET id = id, name = E'X\\nBcc: all@evil.example'"))
    deliver_batch(engine, folder)
    assert [None, None] == [letter["Bcc"] for letter in letters(folder)]
    assert "ann0@bright.example" == letters(folder)[0]["To"].addresses[0].addr_spec


# --- by people --------------------------------------------------------------------------------------------------------


def test_a_person_sees_what_failed_and_tries_it_again(book: Callable[..., Engine], folder: Mail) -> None:
    """The new attempt goes to the address that the contact has then; the rules are not told twice."""
    engine = book(email="")
    deliver_batch(engine, folder)
    with engine.connect() as connection:
        (shown,) = deliver.failed(connection)
    assert ("A0", "first-reminder", "no contact of the account has an e-mail address", 1) == (
        shown.account, shown.template, shown.error, shown.attempts,
    )  # fmt: skip
    with pytest.raises(SaysNo, match="still being taken in"), engine.begin() as connection:
        deliver.retry(connection, shown.id, "lena")
    run(engine, REAL)
    with engine.begin() as connection:
        connection.execute(text("UPDATE person SET email = 'new@bright.example' WHERE name LIKE 'Ann%'"))
        deliver.retry(connection, shown.id, "lena")
    assert 1 == deliver_batch(engine, folder)
    assert [("sent", "new@bright.example")] == rows(engine, "status", "recipient")
    assert [EffectStatus.FAILED] == told(engine)
    with engine.connect() as connection:
        assert [] == deliver.failed(connection)


def test_what_failed_last_comes_first(book: Callable[..., Engine], folder: Mail) -> None:
    """An old letter that was tried for days is news as well."""
    engine = book(2, email="")
    deliver_batch(engine, folder)
    with engine.begin() as connection:
        before = message.c.settled_at - text("interval '1 day'")
        connection.execute(update(message).where(message.c.account_id == "A1").values(settled_at=before))
    with engine.connect() as connection:
        assert ["A0", "A1"] == [shown.account for shown in deliver.failed(connection)]


def test_only_what_failed_is_tried_again(book: Callable[..., Engine], folder: Mail) -> None:
    engine = book()
    for number in (1, 99):
        with pytest.raises(SaysNo, match=f"message {number} is not one that failed"), engine.begin() as connection:
            deliver.retry(connection, number, "lena")
    ((error,),) = rows(engine, "error")
    assert error == ""

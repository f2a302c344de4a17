"""What is killed at each of its boundaries: a door in a process of its own, and a fresh process that goes on after it.

A boundary is the moment before a SQL statement, a commit, a rollback or a letter, or the one after the last of them.
The database's clock stands still, so a run that was killed can end in the very rows of one that was not.
"""

import datetime as dt
import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from pathlib import Path

from sqlalchemy import BigInteger, Engine, event, select, text

from arflow.advance import drain, record
from arflow.deliver import deliver_batch
from arflow.errors import Conflict
from arflow.mail import Folder, Mail, Post, Result, Server, Smtp, Transport
from arflow.store import database
from arflow.store.tables import metadata
from tests.production import run
from tests.set_clock import put
from tests.test_doors import REAL

POLICY = """
policy: p
currency: USD
promises: {grace_days: 0}
calendar: {timezone: UTC, act_at: "08:00", act_until: "18:00", weekend: []}
rules:
  - {id: paid-up, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}
  - {id: promised, from: any, when: has_open_promise and overdue_amount == 0 and gross_overdue_amount > 0, to: promised,
     why: A promise covers it.}
  - {id: broken, from: promised, when: 'promise_status == "broken"', to: called, do: [{call: collections}],
     why: Not kept.}
  - {id: first, from: current, when: days_overdue >= 3, to: reminded, do: [{send: first-reminder}], why: Late.}
  - id: phone
    from: reminded
    when: days_overdue >= 10
    to: called
    do: [{send: final-reminder}, {call: collections}, {notify: lead}, {notify: lead@hill.example}]
    why: Still late.
"""
MORNING = dt.datetime(2026, 1, 13, 8, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
_WRONG = 3
"""How a process ends that came to its boundary by another way than the trace says."""


def ledger() -> list[dict[str, object]]:
    """On 13 January A0 and A1, who pays through it, get a first reminder, as does A4, who has no address.

    A2 has broken a promise and is called; A3 gets its last reminder and a call, a lead a notice and a mail of it.
    """
    found: list[dict[str, object]] = []
    for number, due in enumerate(("2026-01-10", None, "2026-01-04", "2026-01-03", "2026-01-10")):
        who = {"account": f"A{number}", "date": "2026-01-02"}
        contacts = [{"name": "Ann", "email": "" if number == 4 else f"ann{number}@x.example"}]
        through = {} if due else {"pays_through": "A0"}
        found.append({"event": "account", **who, "currency": "USD", "contacts": contacts, **through})
        if due:
            found.append({"event": "invoice", **who, "id": "I1", "amount": "50.00", "due": due})
    promise = {"event": "promise", "account": "A2", "id": "P1", "amount": "50.00", "date": "2026-01-05"}
    return [*found, {**promise, "due": "2026-01-12"}]


# --- tracing and dying -----------------------------------------------------------------------------------------------


@dataclass
class Trace:
    """What a process does, in order. It is killed before the one after `until`, if that is what it has done so far."""

    until: Sequence[str] | None = None
    marks: list[str] = field(default_factory=list)

    def mark(self, what: str) -> None:
        """Note what is about to be done, or die."""
        if self.until is not None and len(self.marks) == len(self.until):
            self.die()
        self.marks.append(what)

    def die(self) -> None:
        """End as with -9; the trace must be the one that was asked for."""
        if list(self.until or ()) != self.marks:
            os._exit(_WRONG)
        os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, engine: Engine) -> None:
        """Note every statement, commit and rollback."""
        event.listen(engine, "before_cursor_execute", lambda _c, _u, statement, *_: self.mark(statement))
        event.listen(engine, "commit", lambda _: self.mark("COMMIT"))
        event.listen(engine, "rollback", lambda _: self.mark("ROLLBACK"))


SEND, KEEP = "(a letter is handed over)", "(the letters are kept)"


@dataclass(frozen=True)
class Watched:
    """A transport whose letters are noted."""

    inner: Transport
    trace: Trace

    @property
    def patience(self) -> int:
        """As the transport says."""
        return self.inner.patience

    @property
    def group(self) -> int:
        """As the transport says."""
        return self.inner.group

    @contextmanager
    def open(self) -> Iterator[Post]:
        """The post of the transport, watched."""
        with self.inner.open() as post:
            yield _WatchedPost(post, self.trace)


@dataclass(frozen=True)
class _WatchedPost:
    inner: Post
    trace: Trace

    def send(self, mail: EmailMessage, to: str, on: dt.date) -> Result:
        self.trace.mark(SEND)
        return self.inner.send(mail, to, on)

    def keep(self) -> None:
        self.trace.mark(KEEP)
        self.inner.keep()


# --- doors -----------------------------------------------------------------------------------------------------------


SAID: list[dict[str, object]] = [
    {"event": "contact", "channel": "call", "outcome": "promised"},
    {"event": "promise", "id": "P9", "amount": "50.00", "due": "2026-01-20"},
    {"event": "payment", "id": "Z9", "amount": "10.00"},
]


def advances(engine: Engine, _: Mail, seen: int) -> None:
    """A caller talks to the payer of a family, who pays a part and promises the rest."""
    with engine.begin() as connection:
        record(connection, "A0", SAID, actor="carla", engineering=REAL, seen=seen)


def drains(engine: Engine, _: Mail, __: int) -> None:
    """A worker takes what is due."""
    drain(engine, REAL)


def delivers(engine: Engine, mail: Mail, _: int) -> None:
    """A deliverer takes what is queued."""
    deliver_batch(engine, mail)


DOORS: dict[str, Callable[[Engine, Mail, int], None]] = {
    "advance": advances,
    "drain": drains,
    "deliver by SMTP": delivers,
    "deliver to files": delivers,
}


def mail_of(port: int, folder: Path) -> Mail:
    """Letters to the server at `port`, or to files when there is none."""
    sender = "accounts@hill.example"
    server = Smtp(server=Server(host="127.0.0.1", port=port), sender=sender)
    transport: Transport = server if port else Folder(folder)
    return Mail(transport=transport, address=sender, company="Hill & Sons")


# --- the processes ---------------------------------------------------------------------------------------------------


def perform(door: str, url: str, mail: Mail, seen: int, until: Sequence[str] | None, told: str) -> None:
    """A process: open the database, and go through a door to its end or its death; what it did is written to `told`."""
    trace = Trace(until)
    engine = database.connect(url)
    trace.watch(engine)
    DOORS[door](engine, replace(mail, transport=Watched(mail.transport, trace)), seen)
    if until is not None:
        trace.die()  # the boundary after the last
    Path(told).write_text(json.dumps(trace.marks))
    engine.dispose()


def go_on(door: str, url: str, mail: Mail, seen: int) -> None:
    """A fresh process: what was under way is repeated, leases run out, and this day and the next are worked through."""
    engine = database.connect(url)
    if door == "advance":
        with suppress(Conflict):  # it was recorded before the kill
            advances(engine, mail, seen)
    with engine.begin() as connection:
        connection.execute(text("UPDATE message SET leased_until = now() - interval '1s' WHERE status = 'sending'"))
    for at in (MORNING, MORNING + DAY):
        put(engine, at)
        run(engine, REAL)
        while deliver_batch(engine, mail):
            pass
        run(engine, REAL)
    engine.dispose()


NAMES = frozenset({"message_id", "event_id", "import_id", "part"})
"""Columns of names that are drawn, of numbers that the database gives, and of the part of a count that is added to."""

WAY = NAMES | {"lease", "attempts", "version"}
"""Columns that say how often it took to come to this, besides."""


def rows(engine: Engine, leave_out: frozenset[str]) -> dict[str, list[str]]:
    """Every row of every table, without some columns and the numbers that the database gave."""
    found = {}
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            numbered = {c.name for c in table.primary_key if c.name == "id" and isinstance(c.type, BigInteger)}
            columns = [c for c in table.c if c.name not in numbered | leave_out]
            if columns:
                found[table.name] = sorted(repr(tuple(row)) for row in connection.execute(select(*columns)))
    return found


def letters(engine: Engine) -> dict[str, str]:
    """Whose letter and which each Message-ID is."""
    query = "SELECT message_id, account_id || ' ' || template AS what FROM message WHERE message_id IS NOT NULL"
    with engine.connect() as connection:
        return {row.message_id: row.what for row in connection.execute(text(query))}

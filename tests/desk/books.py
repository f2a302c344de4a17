"""A small book of accounts for the tests of the desk and its pages, on a stepped clock, with delivery on.

Five accounts on 24 January 2026, with invoices due on 10 January: A1 (900.00 USD) and A2 (300.00 USD) of the queue
`collections`, E1 (700.00 EUR) of it too, B1 (500.00 USD) of nobody, C1 (400.00 USD) of `carl`. A1 also has an
invoice in two instalments, the second of which is not due.
"""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine

from arflow import clock
from arflow.advance import Delivery, Engineering, deliver_results, drain, turn_delivery
from arflow.desk import queues, users
from arflow.desk.users import User
from arflow.outlook import Outlook, outlooks
from arflow.rules.loader import load_policy
from arflow.rules.reference import Reference
from arflow.store import database, desk_tables
from tests.conftest import copied_database
from tests.production import activate, step, take_in, write_events

REAL = Engineering(evaluator=Reference(), delivery="recorded")
TODAY = dt.date(2026, 1, 24)

_RULES = """
rules:
  - {id: paid-up, from: open, when: gross_overdue_amount == 0, to: resolved, why: Nothing is overdue any more.}
  - {id: promised, from: any, when: promised_amount > 0 and overdue_amount == 0, to: promised, why: It is promised.}
  - {id: in-dispute, from: any, when: has_open_dispute and overdue_amount == 0 and gross_overdue_amount > 0,
     to: disputed, why: All of it is in dispute.}
  - id: first
    from: current
    when: days_overdue >= 3
    to: reminded
    do: [{send: first-reminder}]
    why: Three days late.
  - {id: phone, from: reminded, when: days_overdue >= 10, to: called, do: [{call: collections}], why: Ten days late.}
  - {id: old, from: called, when: days_overdue >= 60, to: escalated, why: Two months late.}
"""


def _events() -> Iterator[dict[str, object]]:
    for key, currency, amount, owner in (
        ("A1", "USD", "900.00", "collections"),
        ("A2", "USD", "300.00", "collections"),
        ("B1", "USD", "500.00", ""),
        ("C1", "USD", "400.00", "carl"),
        ("E1", "EUR", "700.00", "collections"),
    ):
        who = {"account": key, "date": "2026-01-02"}
        people = [
            {"name": "Ann Lee", "email": f"ann@{key.lower()}.example", "phone": "+1 555 0100", "role": "accounting"}
        ]
        yield {"event": "account", **who, "currency": currency, "name": f"{key} Limited", "owner": owner,
               "timezone": "America/Chicago", "contacts": people}  # fmt: skip
        yield {"event": "invoice", **who, "id": f"{key}-1", "amount": amount, "due": "2026-01-10"}
    yield {
        "event": "invoice",
        "account": "A1",
        "date": "2026-01-03",
        "id": "A1-2",
        "amount": "200.00",
        "due": "2026-03-15",
        "instalments": [{"due": "2026-01-15", "amount": "100.00"}, {"due": "2026-03-15", "amount": "100.00"}],
    }


def open_book(engine: Engine, folder: Path, upto: dt.date = TODAY) -> None:
    """Make the book, and live it to the end of `upto`; every letter arrives."""
    step(engine, dt.date(2026, 1, 1))
    for currency in ("USD", "EUR"):
        text = f"policy: p-{currency.lower()}\ncurrency: {currency}\n{_RULES}"
        activate(engine, load_policy(text, file="test"))
    with engine.begin() as connection:
        turn_delivery(connection, is_on=True, actor="lena", reason="go")
    take_in(engine, write_events(folder / "book.jsonl", _events()))
    go_to(engine, upto)


_BOOKS: dict[str, str] = {}


def copied_book(template: str, folder: Path) -> Engine:
    """The book on a database of its own, copied from one that is made once in a run; `template` is a migrated one."""
    if template not in _BOOKS:
        _BOOKS[template] = copied_database(template, "book")
        engine = database.connect(_BOOKS[template])
        open_book(engine, folder)
        engine.dispose()
    return database.connect(copied_database(_BOOKS[template], "test"))


def lent_book(template: str, folder: Path) -> Iterator[Engine]:
    """The same for as long as a fixture lives."""
    engine = copied_book(template, folder)
    yield engine
    engine.dispose()


def go_to(engine: Engine, day: dt.date) -> None:
    """Step the clock, and let everything happen that is due; every letter arrives."""
    with engine.begin() as connection:
        clock.step_to(connection, day)
    while drain(engine, REAL) is not None or _deliver(engine):
        pass


def _deliver(engine: Engine) -> bool:
    message = desk_tables.message
    with engine.begin() as connection:
        rows = connection.execute(message.select().where(message.c.status == "queued")).all()
        results = [
            Delivery(
                account=row.account_id,
                template=row.template,
                decided_at=row.decided_at,
                zone=row.zone,
                delivered=True,
            )
            for row in rows
        ]
        deliver_results(connection, results)
        for row in rows:
            values = {"status": "sent", "subject": "Your invoice", "text": "Please look at it.", "recipient": "ann"}
            connection.execute(
                message.update().where(message.c.id == row.id).values(**values, settled_at=clock.real_now())
            )
    return bool(rows)


def person(engine: Engine, name: str, *roles: str, queue: str = "") -> User:
    """Make a person, and their queue if it is not there yet."""
    with engine.begin() as connection:
        users.add(connection, name=name, roles=roles)
        if queue:
            if queue not in {known.name for known in queues.every(connection)}:
                queues.add(connection, name=queue)
            queues.join(connection, queue, name)
        return users.find(connection, name)


def look(engine: Engine, account: str) -> Outlook:
    """An account as it stands."""
    with engine.connect() as connection:
        return outlooks(connection, [account], REAL)[account]

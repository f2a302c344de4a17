"""A policy with examples, and the small ledger that the tests of the command line live through."""

import datetime as dt
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from arflow.rules.loader import load_policy
from tests.production import activate, step, take_in, write_events

POLICY = """\
policy: bakery
title: A bakery's
currency: USD
rules:
  - {id: paid-up, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}
  - {id: first, from: current, when: days_overdue >= 3, to: reminded, do: [{send: first-reminder}], why: Late.}
  - {id: second, from: reminded, when: days_overdue >= 10, to: called, do: [{call: collections}], why: Later.}
examples:
  - name: late payer
    events:
      - {event: invoice, date: 2026-01-05, id: I1, amount: 50.00, due: 2026-01-16}
    expect: [{date: 2026-01-18, state: current}, {date: 2026-01-20, state: reminded}]
"""

FIRST_DAY, LAST_DAY = dt.date(2026, 1, 4), dt.date(2026, 2, 28)


def invoice(account: str, **changes: object) -> dict[str, Any]:
    """An invoice of 50.00, due on 16 January."""
    fixed = {"event": "invoice", "account": account, "date": "2026-01-05", "id": "I1", "amount": "50.00"}
    return {**fixed, "due": "2026-01-16", **changes}


LEDGER = [
    {"event": "account", "account": "A", "date": "2026-01-05", "currency": "USD", "name": "=Ann"},
    {"event": "account", "account": "E", "date": "2026-01-05", "currency": "EUR", "name": "Élise"},
    *(invoice(account) for account in ("A", "B", "E")),
    {"event": "payment", "account": "B", "date": "2026-01-25", "id": "P1", "amount": "50.00"},
]
"""A is late and is called, B is reminded and pays, E has no policy in its currency."""


def live_through(engine: Engine, folder: Path) -> None:
    """Live the ledger through, from the evening before its first day."""
    step(engine, FIRST_DAY)
    activate(engine, load_policy(POLICY, file="bakery.yaml"))
    take_in(engine, write_events(folder / "ledger.jsonl", LEDGER))
    step(engine, LAST_DAY)


def contents(engine: Engine) -> dict[str, str]:
    """What every table holds, as a fingerprint."""
    with engine.connect() as connection:
        names = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
        query = "SELECT coalesce(md5(string_agg(t::text, ';' ORDER BY t::text)), '') FROM {} t"
        return {name: connection.execute(text(query.format(name))).scalar_one() for name in names}

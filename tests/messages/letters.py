"""A made-up account that owes two invoices, and its letters."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from arflow.accounts.entries import (
    Account,
    Allocation,
    Clearing,
    ClearingKind,
    Contact,
    Dispute,
    EffectStatus,
    Episode,
    Invoice,
    Item,
    Ledger,
    Outgoing,
    Promise,
)
from arflow.messages.rendering import Message, Sender, render
from arflow.vocabulary import EffectKind

MARCH_3, MARCH_10, APRIL_2 = dt.date(2026, 3, 3), dt.date(2026, 3, 10), dt.date(2026, 4, 2)
SENDER = Sender(company="Hill & Sons", contact="Jane Doe", phone="+44 20 7946 0000")


def instant(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(9), tzinfo=dt.UTC)


def invoice(key: str, *items: tuple[dt.date, int]) -> Invoice:
    """An invoice of which every instalment is open whole."""
    return Invoice(
        id=key,
        issued=items[0][0] - dt.timedelta(days=30),
        recorded=(instant(items[0][0] - dt.timedelta(days=30)), 0),
        items=tuple(Item(due=due, amount=amount, open=amount) for due, amount in items),
    )


def payment(on: dt.date, *parts: tuple[str, int], unapplied: int = 0) -> Clearing:
    return Clearing(
        kind=ClearingKind.PAYMENT,
        id=f"P-{on}",
        on=on,
        recorded=(instant(on), 0),
        amount=sum(amount for _, amount in parts) + unapplied,
        allocations=tuple(Allocation(invoice=key, item=0, amount=amount) for key, amount in parts),
    )


def ledger(
    *invoices: Invoice, payments: Sequence[Clearing] = (), disputes: Sequence[Dispute] = (), currency: str = "EUR"
) -> Ledger:
    return Ledger(
        invoices={entry.id: entry for entry in invoices},
        clearings={(entry.kind, entry.id): entry for entry in payments},
        disputes={entry.id: entry for entry in disputes},
    )


OWED = ledger(invoice("R-1", (MARCH_3, 123_456)), invoice("R-2", (MARCH_10, 20_000)))


def promise(on: dt.date, due: dt.date, amount: int) -> Promise:
    return Promise(id=f"W-{on}", amount=amount, due=due, invoices=(), on=on, recorded=(instant(on), 0))


def call(on: dt.date, outcome: str | None) -> Contact:
    return Contact(channel="call", direction="out", outcome=outcome, on=on, recorded=(instant(on), 0))


def sent(number: int, on: dt.date, status: EffectStatus = EffectStatus.DELIVERED) -> Outgoing:
    return Outgoing(
        number=number,
        kind=EffectKind.SEND,
        name="first-reminder",
        rule="r",
        stay=1,
        overdue_then=True,
        decided_at=instant(on),
        decided_on=on,
        due_at=None,
        status=status,
        sent_at=instant(on),
        sent_on=on,
    )


def account(**fields: object) -> Account:
    """An account that owes 1,434.56 since early March, with what `fields` say otherwise."""
    episode = Episode(started_on=dt.date(2026, 3, 4), spans=((instant(dt.date(2026, 3, 4)), None),))
    usual: dict[str, Any] = {"name": "Bright Ltd", "ledger": OWED, "episodes": (episode,), "language": "en"}
    return Account(id="C-100", **{"currency": "EUR", **usual, **fields})


def letter(template: str, of: Account, on: dt.date = APRIL_2, **options: Any) -> Message:  # noqa: ANN401 - what `render` takes
    return render(template, of, on=on, **{"sender": SENDER, "person": "Ann Archer", **options})


def unspaced(text: str) -> str:
    """`text` on one line, all its spaces plain ones."""
    return " ".join(text.replace("\u00a0", " ").split())

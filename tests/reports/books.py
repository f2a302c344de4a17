"""Random books with all that may be in them, and a database on the evening before they begin."""

import datetime as dt
from random import Random

from sqlalchemy import Engine

from arflow.rules.loader import load_policy
from tests.production import activate, standard, step
from tests.random_events import Line, random_events

START = dt.date(2026, 2, 20)


def segment(number: int) -> str:
    """Every third account is a key account."""
    return "key" if number % 3 == 0 else ""


def ledger(seed: int, accounts: int) -> list[Line]:
    """Random accounts in two currencies, with promises, disputes, reversals, write-offs and forced moves."""
    rng = Random(seed)
    found: list[Line] = []
    for number in range(accounts):
        currency = rng.choice(("USD", "USD", "EUR"))
        lines = random_events(rng, f"A{number:03}", START, 60, rng.randint(0, 40))
        first: Line = {"event": "account", "account": f"A{number:03}", "date": START.isoformat(), "currency": currency}
        first["segment"] = segment(number)
        found += [first, *lines[1:]]
    return found


def prepared(engine: Engine) -> Engine:
    """The database on the evening before anything happens, with three policies.

    One judges promises mildly, and one above it has the key accounts of its currency, and judges strictly.
    """
    step(engine, START - dt.timedelta(days=2))
    activate(engine, standard("standard-usd"))
    mild = "policy: mild\ncurrency: EUR\npromises: {grace_days: 3, tolerance: 20.00}\nrules:\n"
    rule = "  - {id: late, from: current, when: days_overdue >= 2, to: reminded, why: Late.}\n"
    activate(engine, load_policy(mild + rule, file="mild"))
    strict = 'policy: strict\ncurrency: EUR\nprecedence: 10\napplies_to: segment == "key"\nrules:\n'
    activate(engine, load_policy(strict + rule, file="strict"))
    return engine


def talked_over(seed: int, accounts: int) -> list[Line]:
    """Accounts whose invoices are promised and disputed again and again, in part or whole, with money in between."""
    rng, found = Random(seed), list[Line]()
    for number in range(accounts):
        key = f"B{number:03}"
        currency = rng.choice(("USD", "EUR"))
        opened: Line = {"event": "account", "account": key, "date": START.isoformat(), "currency": currency}
        found.append(opened | {"segment": segment(number)})
        invoices = [f"I{at}" for at in range(rng.randint(1, 3))]
        found += [_invoice(rng, key, name) for name in invoices]
        days = sorted(rng.randint(5, 60) for _ in range(rng.randint(1, 7)))
        found += [_talk(rng, key, f"{at}", START + dt.timedelta(days=day), invoices) for at, day in enumerate(days)]
    return found


def _invoice(rng: Random, key: str, name: str) -> Line:
    dues = sorted({START + dt.timedelta(days=rng.randint(1, 40)) for _ in range(rng.randint(1, 2))})
    invoice: Line = {"event": "invoice", "account": key, "date": START.isoformat(), "id": name, "due": str(dues[-1])}
    parts = [{"due": str(due), "amount": f"{rng.randint(1, 5)}00.00"} for due in dues]
    whole = sum(float(part["amount"]) for part in parts)
    return invoice | {"amount": f"{whole:.2f}"} | ({"instalments": parts} if len(parts) > 1 else {})


def _talk(rng: Random, key: str, name: str, day: dt.date, invoices: list[str]) -> Line:
    amount, invoice = f"{rng.randint(1, 60)}0.00", rng.choice(invoices)
    about: Line = {"account": key, "date": day.isoformat(), "id": name}
    if rng.random() < 0.5:
        named = {"invoices": [invoice]} if rng.random() < 0.2 else {}
        due = day + dt.timedelta(days=rng.randint(0, 20))
        return {"event": "promise", **about, "amount": amount, "due": str(due), **named}
    if rng.random() < 0.6:
        part = {"amount": amount} if rng.random() < 0.6 else {}
        return {"event": "dispute", **about, "invoice": invoice, "reason": "price", **part}
    return {"event": "payment", **about, "amount": amount}

"""Random ledgers for the tests: events of the contract's shape that follow each other validly.

Each account's events come in order, and what they refer to is there. Together they hold every kind of event.
"""

import datetime as dt
from dataclasses import dataclass, field
from random import Random

from arflow.vocabulary import OUTCOMES, State
from tests.random_policies import AMOUNTS, TAGS, TEMPLATES, TEXTS, ZONES

Line = dict[str, object]

_CLOCKS = (
    "00:00", "00:01", "01:30", "02:00", "02:15", "02:30", "03:00", "07:59", "08:00", "08:01", "12:00", "18:00", "18:01",
    "23:30", "23:59",
)  # fmt: skip
_WEIGHTS = {
    "account": 2,
    "invoice": 7,
    "payment": 6,
    "payment_reversed": 2,
    "credit": 1,
    "write_off": 1,
    "write_off_reversed": 1,
    "promise": 4,
    "promise_cancelled": 1,
    "dispute": 2,
    "dispute_closed": 2,
    "contact": 3,
    "notice": 4,
    "hold": 1,
    "hold_released": 2,
    "tag": 1,
    "untag": 1,
    "forced": 1,
}
_STARTS = (
    dt.date(2011, 11, 20),  # Samoa skips 30 December 2011
    dt.date(2024, 1, 20),
    dt.date(2026, 2, 20),
    dt.date(2026, 10, 1),
    dt.date(2028, 1, 25),
)


def random_start(rng: Random) -> dt.date:
    """A first day not far from a leap day, or from a day on which a zone's clock jumps."""
    return rng.choice(_STARTS) + dt.timedelta(days=rng.randint(0, 30))


@dataclass
class _Book:
    """What the account has so far, as far as later events may refer to it."""

    account: str
    made: int = 0
    invoices: list[str] = field(default_factory=list)
    payments: list[str] = field(default_factory=list)
    written_off: set[str] = field(default_factory=set)
    promises: list[str] = field(default_factory=list)
    disputes: list[str] = field(default_factory=list)
    moved_today: set[str] = field(default_factory=set)

    def new(self, letter: str) -> str:
        self.made += 1
        return f"{letter}{self.made}"


def random_events(
    rng: Random, account: str, start: dt.date, days: int, count: int, *, known_invoices: tuple[str, ...] = ()
) -> list[Line]:
    """About `count` events of `account` from `start` on, within `days`, in their order.

    Promises may name `known_invoices`, those of a payer, too.
    """
    book = _Book(account)
    lines: list[Line] = [
        {
            "event": "account",
            "account": account,
            "date": start.isoformat(),
            **_record(rng),
            "timezone": rng.choice(ZONES),
        }
    ]
    moments = [(rng.randint(0, days), rng.choice(("", *_CLOCKS))) for _ in range(count)]
    moments = sorted(moments + rng.sample(moments, count // 6))
    for offset, clock in moments:
        day = start + dt.timedelta(days=offset)
        line = _line(rng, book, day, known_invoices)
        if line is not None:
            at = {"time": clock} if clock else {}
            lines.append({"account": account, "date": day.isoformat(), **at, **line})
    return lines


def _line(rng: Random, book: _Book, day: dt.date, known_invoices: tuple[str, ...]) -> Line | None:
    """One event, or None where the book has nothing that it could be about."""
    kind = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    if not book.invoices and rng.random() < 0.7:
        kind = "invoice"
    match kind:
        case "account":
            return {"event": "account", **_record(rng)}
        case "invoice":
            return _invoice(rng, book, day)
        case "promise":
            return _promise(rng, book, day, known_invoices)
        case "contact" | "notice" | "hold" | "hold_released" | "tag" | "untag" | "forced":
            return _said(rng, kind)
        case _:
            return _about_money(rng, book, kind, day)


def _record(rng: Random) -> Line:
    found: Line = {name: rng.choice(TEXTS[name]) for name in ("country", "segment", "risk_grade") if rng.random() < 0.5}
    if rng.random() < 0.3:
        found["timezone"] = rng.choice((*ZONES, "Mars/Olympus", ""))
    if rng.random() < 0.3:
        found["credit_limit"] = rng.choice((None, "0.00", "200.00", "1000.00"))
    if rng.random() < 0.3:
        found["tags"] = rng.sample(TAGS, rng.randint(0, 2))
    if rng.random() < 0.3:
        found["attributes"] = {"region": rng.choice(("north", "south")), "size": rng.randint(-2, 12), "big": True}
    if rng.random() < 0.03:
        found["attributes"] = {"region": 5}
    return found


def _invoice(rng: Random, book: _Book, day: dt.date) -> Line:
    key = book.new("I")
    due = day + dt.timedelta(days=rng.choice((rng.randint(-5, 20), rng.randint(-5, 20), rng.randint(-40, 60), -360)))
    if rng.random() < 0.1:
        return {"event": "invoice", "id": key, "amount": f"-{rng.choice(AMOUNTS[1:])}", "due": due.isoformat()}
    book.invoices.append(key)
    found: Line = {"event": "invoice", "id": key, "amount": rng.choice(AMOUNTS[1:]), "due": due.isoformat()}
    if rng.random() < 0.3:
        found["issued"] = (day + dt.timedelta(days=rng.randint(-40, 10))).isoformat()
    if rng.random() < 0.25:
        gaps = sorted(rng.sample(range(40), rng.randint(2, 3)))
        parts = [{"due": (due + dt.timedelta(days=gap)).isoformat(), "amount": "50.00"} for gap in gaps]
        found |= {"instalments": parts, "amount": f"{50 * len(parts)}.00"}
    return found


def _promise(rng: Random, book: _Book, day: dt.date, known_invoices: tuple[str, ...]) -> Line:
    key = book.new("R")
    book.promises.append(key)
    due = day + dt.timedelta(days=rng.choice((0, 1, 3, 7, 20)))
    line: Line = {"event": "promise", "id": key, "amount": rng.choice(AMOUNTS[1:]), "due": due.isoformat()}
    names = known_invoices or tuple(book.invoices)
    if names and rng.random() < 0.3:
        line["invoices"] = rng.sample(names, 1)
    return line


def _said(rng: Random, kind: str) -> Line:
    match kind:
        case "contact":
            line: Line = {"event": kind, "channel": rng.choice(("call", "call", "email", "letter", "sms"))}
            if rng.random() < 0.5:
                line["direction"] = rng.choice(("in", "out"))
            return line | ({"outcome": rng.choice(list(OUTCOMES))} if rng.random() < 0.5 else {})
        case "notice":
            return {
                "event": rng.choice(("notice_delivered",) * 3 + ("notice_failed",)),
                "notice": rng.choice(TEMPLATES),
            }
        case "tag" | "untag":
            return {"event": kind, "tag": rng.choice(TAGS)}
        case "forced":
            to = rng.choice(("escalated", "escalated", *State))
            return {"event": kind, "to": str(to), "actor": "lead", "reason": "so"}
        case _:
            return {"event": kind}


def _about_money(rng: Random, book: _Book, kind: str, day: dt.date) -> Line | None:
    if kind == "payment" or (kind in ("credit", "dispute") and book.invoices):
        return _new_entry(rng, book, kind)
    if kind in ("payment_reversed", "promise_cancelled", "dispute_closed"):
        return _undone(rng, book, kind)
    return _write_off(rng, book, kind, day)


def _new_entry(rng: Random, book: _Book, kind: str) -> Line:
    key = book.new(kind[0].upper())
    line: Line = {"event": kind, "id": key}
    if kind == "payment":
        book.payments.append(key)
    if kind == "dispute":
        book.disputes.append(key)
    if kind != "payment" or (book.invoices and rng.random() < 0.4):
        line["invoice"] = rng.choice(book.invoices)
    if kind == "payment" or rng.random() < 0.5:
        line["amount"] = rng.choice(AMOUNTS[1:])
    return line


def _undone(rng: Random, book: _Book, kind: str) -> Line | None:
    sources = {"payment_reversed": book.payments, "promise_cancelled": book.promises, "dispute_closed": book.disputes}
    known = sources[kind]
    if not known:
        return None
    key = known.pop(rng.randrange(len(known)))
    if kind == "payment_reversed":
        return {"event": kind, "payment": key}
    if kind == "promise_cancelled":
        return {"event": kind, "id": key}
    outcome = rng.choice(("upheld", "partly_upheld", "rejected", "withdrawn"))
    line: Line = {"event": kind, "id": key, "outcome": outcome}
    return line | ({"credit": "25.00"} if outcome == "partly_upheld" else {})


def _write_off(rng: Random, book: _Book, kind: str, day: dt.date) -> Line | None:
    """Never twice a day for one invoice: an event that says the same at the same moment is a repeat."""
    if kind == "write_off_reversed":
        choices = sorted(book.written_off)
    else:
        choices = [
            key for key in book.invoices if key not in book.written_off and f"{key} {day}" not in book.moved_today
        ]
    if not choices or kind not in ("write_off", "write_off_reversed"):
        return None
    key = rng.choice(choices)
    book.written_off ^= {key}
    book.moved_today.add(f"{key} {day}")
    return {"event": kind, "invoice": key}

"""The letters as they go out, for one made-up account: rendered when the page is made, in every language."""

import datetime as dt
from dataclasses import replace

from arflow.accounts.entries import (
    Account,
    Allocation,
    Clearing,
    ClearingKind,
    Contact,
    EffectStatus,
    Episode,
    Invoice,
    Item,
    Ledger,
    Outgoing,
    Promise,
)
from arflow.errors import Refused, did_you_mean
from arflow.handbook.markdown import code, table
from arflow.messages import sandbox
from arflow.messages.languages import LANGUAGES, USUAL
from arflow.messages.rendering import MAX_LINES, MAX_VALUE, NAMES, TIME_TO_ANSWER, Sender, render
from arflow.rules.templates import KNOWN
from arflow.vocabulary import EffectKind

SENDER = Sender(company="Hill & Sons", contact="Jane Doe", phone="+44 20 7946 0000")
IN_WORDS = {"en": "English", "de": "German", "fr": "French"}

_DUE = (dt.date(2026, 3, 3), dt.date(2026, 3, 17))
_FIRST, _SECOND = dt.date(2026, 3, 13), dt.date(2026, 3, 23)
_CALLED, _PROMISED, _PROMISED_FOR = dt.date(2026, 4, 2), dt.date(2026, 4, 7), dt.date(2026, 4, 14)
_PAID = dt.date(2026, 4, 30)


def letter(template: str) -> str:
    """A template in every language: what the made-up account gets on its day."""
    return "\n".join(_shown(template, language) for language in LANGUAGES)


def _shown(template: str, language: str) -> str:
    account, on = _situation(template)
    message = render(
        template, replace(account, language=language), on=on, sender=SENDER, person="Ann Archer", number=99
    )
    text = message.text.replace("\u00a0", " ")
    return f"{IN_WORDS[language]}, {on}:\n\n```text\nSubject: {message.subject}\n\n{text}```\n"


def names() -> str:
    """What a template may use."""
    return table(["name", "stands for"], [(code(name), meaning) for name, meaning in NAMES.items()])


def letter_limits() -> str:
    """What is too much for a template or a letter."""
    rows = [
        ("a template", f"{sandbox.MAX_TEMPLATE:,} characters"),
        ("what it comes to", f"{sandbox.MAX_OUTPUT:,} characters"),
        ("conditions in conditions, and `elif` in one choice", str(sandbox.MAX_DEPTH)),
        ("loops in a loop", "none"),
        ("lines in the table; one more line sums up the rest", str(MAX_LINES)),
        ("a name or number in a letter; it is cut", f"{MAX_VALUE} characters"),
        ("the time to answer that letters name", f"{TIME_TO_ANSWER.days} days"),
    ]
    return table(["what", "at most"], rows)


def usual_languages() -> str:
    """The languages of countries, where one of ours is plainly the usual one."""
    by_language = {language: sorted(c for c, code_ in USUAL.items() if code_ == language) for language in LANGUAGES}
    rows = [(IN_WORDS[language], ", ".join(found)) for language, found in by_language.items() if found]
    return table(["language", "countries"], rows)


# --- the made-up account ----------------------------------------------------------------------------------------------


def _situation(template: str) -> tuple[Account, dt.date]:
    """The account when it gets the template, and the day."""
    if template not in KNOWN:
        raise Refused(f"there is no template `{template}`{did_you_mean(template, KNOWN)}")
    written = {"second-reminder": (_FIRST,), "promise-broken": (_FIRST, _SECOND), "final-reminder": (_FIRST, _SECOND)}
    days = {
        "courtesy-note": dt.date(2026, 2, 26),
        "first-reminder": _FIRST,
        "second-reminder": _SECOND,
        "promise-broken": _PROMISED_FOR + dt.timedelta(days=3),
        "final-reminder": dt.date(2026, 4, 22),
        "thank-you": _PAID,
    }
    account = _account()
    if template != "courtesy-note":
        account = replace(
            account, episodes=(Episode(started_on=dt.date(2026, 3, 4), spans=((_at(_DUE[0], 1), None),)),)
        )
    sent = tuple(_sent(number, on) for number, on in enumerate(written.get(template, ()), 1))
    if template == "thank-you":
        account = replace(account, ledger=_ledger(paid=True))
    if template in ("promise-broken", "final-reminder"):
        promise = Promise(
            id="W1", amount=150_000, due=_PROMISED_FOR, invoices=(), on=_PROMISED, recorded=(_at(_PROMISED), 0)
        )
        calls = (_call(_CALLED, "voicemail"), _call(_PROMISED, "promised"))
        account = replace(account, promises={"W1": promise}, contacts=calls)
    return replace(account, outgoing=sent), days[template]


def _account() -> Account:
    return Account(id="C-1042", name="Bright Ltd", currency="EUR", ledger=_ledger(paid=False))


def _ledger(*, paid: bool) -> Ledger:
    owed = {"R-2107": (_DUE[0], 123_450), "R-2133": (_DUE[1], 43_210)}
    invoices = {key: _invoice(key, due, amount, is_open=not paid) for key, (due, amount) in owed.items()}
    if not paid:
        return Ledger(invoices=invoices)
    payment = Clearing(
        kind=ClearingKind.PAYMENT,
        id="P1",
        on=_PAID,
        recorded=(_at(_PAID), 0),
        amount=sum(amount for _, amount in owed.values()),
        allocations=tuple(Allocation(invoice=key, item=0, amount=amount) for key, (_, amount) in owed.items()),
    )
    return Ledger(invoices=invoices, clearings={(payment.kind, payment.id): payment})


def _invoice(key: str, due: dt.date, amount: int, *, is_open: bool) -> Invoice:
    issued = due - dt.timedelta(days=30)
    item = Item(due=due, amount=amount, open=amount if is_open else 0)
    return Invoice(id=key, issued=issued, recorded=(_at(issued), 0), items=(item,))


def _sent(number: int, on: dt.date) -> Outgoing:
    return Outgoing(
        number=number,
        kind=EffectKind.SEND,
        name="reminder",
        rule="reminder",
        stay=1,
        overdue_then=True,
        decided_at=_at(on),
        decided_on=on,
        due_at=None,
        status=EffectStatus.DELIVERED,
        sent_at=_at(on),
        sent_on=on,
    )


def _call(on: dt.date, outcome: str) -> Contact:
    return Contact(channel="call", direction="out", outcome=outcome, on=on, recorded=(_at(on), 0))


def _at(on: dt.date, days: int = 0) -> dt.datetime:
    return dt.datetime.combine(on + dt.timedelta(days=days), dt.time(8), tzinfo=dt.UTC)

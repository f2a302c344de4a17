"""What a letter is about, taken from the account's value on one day: invoices, sums, and what came before.

The same functions divide what is overdue that give rules their facts, so a letter never asks for what is disputed,
promised or paid.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from arflow.accounts.entries import Account, Clearing, Contact, EffectStatus, Ledger, OpenItem
from arflow.accounts.exposure import Exposure, exposure
from arflow.accounts.promises import Terms, Verdict, verdicts
from arflow.isodates import ONE_DAY
from arflow.vocabulary import OUTCOMES

SOON = dt.timedelta(days=14)
"""How far ahead a note looks that is written before the due date."""

COURTESY_NOTE, THANK_YOU = "courtesy-note", "thank-you"

_UNREACHED = frozenset({None, "no_answer", "busy", "voicemail", "voicemail_full", "gatekeeper"})
"""Outcomes of calls in which we reached nobody whom we wanted to speak with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of the table of invoices: an instalment, and what is open of it or was paid of it."""

    invoice: str
    due: dt.date
    amount: int


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a letter may say. Amounts are minor units of the account's currency; None: there is no such thing.

    `asks` says whether it asks for money that is overdue; `written_on`, `spoken_on` and `called_on` are of the running
    episode: messages that arrived, the latest conversation, and the latest call after it that reached nobody.
    `paid_since` is what was paid once the time of the broken `promise` was over, for whatever it was.
    """

    lines: tuple[Line, ...]
    asks: bool
    days_overdue: int = 0
    unapplied: int = 0
    disputed: int = 0
    promised: int = 0
    settled: bool = False
    written_on: tuple[dt.date, ...] = ()
    spoken_on: dt.date | None = None
    called_on: dt.date | None = None
    promise: Verdict | None = None
    paid_since: int = 0
    payment: Clearing | None = None

    @property
    def total(self) -> int:
        """The sum of all lines."""
        return sum(line.amount for line in self.lines)

    @property
    def count(self) -> int:
        """How many invoices there are; one in instalments is one."""
        return len({line.invoice for line in self.lines})


@dataclass(frozen=True, kw_only=True)
class _View:
    """The account taken apart once, on one day."""

    account: Account
    book: Ledger
    on: dt.date
    promised: list[Verdict]


def content(template: str, account: Account, on: dt.date, terms: Terms, number: int | None = None) -> Content:
    """What the letter `template` says on the local date `on`; `number` is the account's effect that it is."""
    book = account.book
    view = _View(
        account=account,
        book=book,
        on=on,
        promised=verdicts(account.promised, book.payments, on, terms),
    )
    if template == THANK_YOU:
        return _thanks(view)
    if template == COURTESY_NOTE:
        return Content(lines=_falling_due(view), asks=False, unapplied=book.unapplied)
    return _request(view, number)


def _request(view: _View, number: int | None) -> Content:
    split = exposure(view.book, view.on, view.promised)
    overdue = [item.due for item in split.collectible]
    spoken_on, broken = _spoken_on(view), _broken(view.promised)
    return Content(
        lines=tuple(_line(item) for item in split.collectible),
        asks=True,
        days_overdue=(view.on - min(overdue)).days if overdue else 0,
        unapplied=view.book.unapplied,
        disputed=_disputed_overdue(view, split),
        promised=split.promised,
        written_on=tuple(_written_on(view, number)),
        spoken_on=spoken_on,
        called_on=_called_on(view, spoken_on),
        promise=broken,
        paid_since=_paid_since(view, broken) if broken else 0,
    )


def _thanks(view: _View) -> Content:
    payment = max(view.book.payments, key=lambda paid: (paid.on, paid.recorded), default=None)
    return Content(
        lines=tuple(_paid(view.book, payment)) if payment else (),
        asks=False,
        settled=view.book.gross_overdue(view.on) == 0,
        payment=payment,
    )


def _paid(book: Ledger, payment: Clearing) -> Iterable[Line]:
    for part in payment.allocations:
        due = book.invoices[part.invoice].items[part.item].due
        yield Line(invoice=part.invoice, due=due, amount=part.amount)


def _falling_due(view: _View) -> tuple[Line, ...]:
    """What falls due soon and is neither disputed nor promised; if nothing does, what falls due next."""
    ahead = sorted({item.due for item in view.book.open_items if item.due >= view.on})
    if not ahead:
        return ()
    last = max(ahead[0], view.on + SOON)
    split = exposure(view.book, last + ONE_DAY, view.promised)
    return tuple(_line(item) for item in split.collectible if item.due >= view.on)


def _line(item: OpenItem) -> Line:
    return Line(invoice=item.invoice, due=item.due, amount=item.open)


def _disputed_overdue(view: _View, split: Exposure) -> int:
    """What would be asked for besides if nothing were disputed and nothing promised; `split` is of the same day."""
    asked = sum(item.open for item in split.collectible)
    return view.book.gross_overdue(view.on) - asked - split.promised


# --- what came before -------------------------------------------------------------------------------------------------


def _written_on(view: _View, number: int | None) -> Iterable[dt.date]:
    """When earlier messages of the running episode left that are known to have arrived."""
    episode = view.account.episode
    for message in view.account.messages:
        if message.sent_at is None or message.sent_on is None or episode is None or message.number == number:
            continue
        arrived = message.status is EffectStatus.DELIVERED and episode.was_running_at(message.sent_at)
        if arrived and message.sent_on <= view.on:
            yield message.sent_on


def _of_episode(view: _View) -> list[Contact]:
    episode = view.account.episode
    if episode is None:
        return []
    return [contact for contact in view.account.contacts if episode.started_on <= contact.on <= view.on]


def _spoken_on(view: _View) -> dt.date | None:
    return max((contact.on for contact in _of_episode(view) if _is_conversation(contact)), default=None)


def _called_on(view: _View, spoken_on: dt.date | None) -> dt.date | None:
    """When we last called and reached nobody, after the latest conversation."""
    calls = (contact for contact in _of_episode(view) if contact.channel == "call" and contact.direction == "out")
    last = max((call.on for call in calls if call.outcome in _UNREACHED), default=None)
    return last if last and (spoken_on is None or last > spoken_on) else None


def _is_conversation(contact: Contact) -> bool:
    return contact.outcome is not None and OUTCOMES[contact.outcome].is_conversation


def _broken(promised: Iterable[Verdict]) -> Verdict | None:
    """The promise that was broken last."""
    broken = [verdict for verdict in promised if verdict.status in ("broken", "partly_kept")]
    return max(broken, key=lambda verdict: (verdict.end, verdict.promise.recorded), default=None)


def _paid_since(view: _View, broken: Verdict) -> int:
    return sum(payment.amount for payment in view.book.payments if broken.end < payment.on <= view.on)

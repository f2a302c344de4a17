"""What a caller needs to know before a call: the account's page as values, from the account and its facts alone."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import nlargest
from types import MappingProxyType
from zoneinfo import ZoneInfo

from arflow.accounts.entries import Account, Clearing, ClearingKind, OpenItem
from arflow.accounts.exposure import undisputed
from arflow.accounts.facts import Snapshot
from arflow.accounts.promises import Verdict
from arflow.desk import outcomes, wording
from arflow.rules.calendar import Calendar, zone_named

_FULL = 100
_LATEST = 10
"""Of how many invoices the usual terms are taken."""

_LAST_RECEIPTS = 5
_OF_DISPUTE = "dispute "
"""How the credit of a closed dispute is called in the books."""

_UNTOUCHABLE: Mapping[str, str] = MappingProxyType(
    {
        "stop-contact": "the customer wants no more contact",
        "represented": "somebody else speaks for the customer: talk to them only",
        "insolvent": "the customer is insolvent",
        "deceased": "the person has died",
    }
)
"""Tags on which nobody calls, and why."""


@dataclass(frozen=True, kw_only=True)
class OpenPart:
    """What is open of one instalment, and how it divides; `days_overdue` is below zero while it is not due."""

    invoice: str
    issued: dt.date
    instalment: str
    due: dt.date
    days_overdue: int
    amount: int
    open: int
    disputed: int
    promised: int

    @property
    def collectible(self) -> int:
        """Overdue, and neither disputed nor promised."""
        return self.open - self.disputed - self.promised if self.days_overdue > 0 else 0


def open_parts(account: Account, seen: Snapshot) -> list[OpenPart]:
    """Every instalment of which something is open, the oldest due date first. The parts add up to the facts."""
    book = account.book
    agreed = {(item.invoice, item.item): item.open for item in undisputed(book.open_items, book.open_disputes)}
    collectible = {(item.invoice, item.item): item.open for item in seen.view.exposure.collectible}
    return [_part(account, item, seen.day, agreed, collectible) for item in book.open_items]


_Split = Mapping[tuple[str, int], int]


def _part(account: Account, item: OpenItem, day: dt.date, agreed: _Split, collectible: _Split) -> OpenPart:
    key, invoice = (item.invoice, item.item), account.book.invoices[item.invoice]
    promised = agreed[key] - collectible.get(key, 0) if item.due < day else 0
    count = len(invoice.items)
    return OpenPart(
        invoice=item.invoice,
        issued=invoice.issued,
        instalment=f"{item.item + 1} of {count}" if count > 1 else "",
        due=item.due,
        days_overdue=(day - item.due).days,
        amount=invoice.items[item.item].amount,
        open=item.open,
        disputed=item.open - agreed[key],
        promised=promised,
    )


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """Money or credit that came: `towards` which invoices with how much, in their order, and what is `unmatched`.

    One that came back stands against nothing any more; `towards` then says what it had paid.
    """

    on: dt.date
    what: str
    amount: int
    towards: tuple[tuple[str, int], ...]
    unmatched: int
    came_back_on: dt.date | None

    @property
    def is_split(self) -> bool:
        """Whether it stands against more than one thing, so that the parts are of interest."""
        return len(self.towards) + bool(self.unmatched) > 1


def receipts(account: Account) -> list[Receipt]:
    """The last payments and credits in the account's book, the latest first; what was written off is none."""
    came = (one for one in account.book.clearings.values() if one.kind is not ClearingKind.WRITE_OFF)
    return [_receipt(one) for one in nlargest(_LAST_RECEIPTS, came, key=lambda one: (one.on, one.recorded))]


def _receipt(clearing: Clearing) -> Receipt:
    towards: Counter[str] = Counter()
    for part in clearing.allocations:
        towards[part.invoice] += part.amount
    return Receipt(
        on=clearing.on,
        what=_what(clearing),
        amount=clearing.amount,
        towards=tuple(towards.items()),
        unmatched=clearing.unapplied,
        came_back_on=clearing.reversed_on,
    )


def _what(clearing: Clearing) -> str:
    if clearing.kind is ClearingKind.PAYMENT:
        return f"Payment {clearing.id}"
    if clearing.kind is ClearingKind.CREDIT_NOTE:
        return f"Credit note {clearing.id}"
    return f"Credit for {clearing.id}" if clearing.id.startswith(_OF_DISPUTE) else f"Credit {clearing.id}"


@dataclass(frozen=True, kw_only=True)
class Promises:
    """How the customer's promises went: `kept` of `judged`; `open` are those still to come due."""

    kept: int
    judged: int
    open: tuple[Verdict, ...]


def promises(seen: Snapshot) -> Promises:
    """How the customer's promises went."""
    promised = seen.view.promised
    judged = [verdict for verdict in promised if verdict.status in ("kept", "partly_kept", "broken")]
    waiting = [verdict for verdict in promised if verdict.status == "open"]
    return Promises(
        kept=sum(verdict.status == "kept" for verdict in judged),
        judged=len(judged),
        open=tuple(sorted(waiting, key=lambda verdict: verdict.promise.due)),
    )


def usual_terms(account: Account) -> int | None:
    """The days to pay that most of the customer's latest invoices give, None without any invoice.

    Those of a plan are the days to its first instalment; of terms that are equally common the latest are told.
    """
    latest = nlargest(_LATEST, account.book.invoices.values(), key=lambda invoice: (invoice.issued, invoice.id))
    terms = Counter((invoice.items[0].due - invoice.issued).days for invoice in latest)
    return terms.most_common(1)[0][0] if terms else None


def red_flags(account: Account, seen: Snapshot) -> list[str]:
    """What a caller must know before anything else."""
    return list(_red_flags(account, seen))


def _red_flags(account: Account, seen: Snapshot) -> Iterator[str]:
    facts = seen.facts
    if account.parked:
        yield f"Parked, the rules do not go on: {account.parked.reason}"
    if account.on_hold:
        yield "On hold"
    yield from (f"Tag {tag}: {why}" for tag, why in _UNTOUCHABLE.items() if tag in account.tags)
    if broken := facts.broken_promises_90d:
        yield f"{broken} broken promise{'s' if broken > 1 else ''} in 90 days"
    if failed := facts.notices_failed:
        yield f"{failed} letter{'s' if failed > 1 else ''} did not arrive"
    if facts.has_credit_limit and facts.credit_use_percent > _FULL:
        yield f"Credit limit used to {facts.credit_use_percent} %"
    if facts.unapplied_amount:
        yield f"{wording.amount(facts.unapplied_amount, account.currency)} of theirs stand against no invoice"
    if account.contacts and account.contacts[-1].outcome in (*outcomes.TERMINAL, "refused", "complaint"):
        yield f"Last contact: {outcomes.label(account.contacts[-1].outcome).lower()}"


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """Whether the customer may be called now. `at` is the first moment, None when a person has to decide first.

    `assumed` is the zone that stands for theirs where that is not known.
    """

    now: bool
    at: dt.datetime | None
    why: str
    assumed: str = ""


def allowed(account: Account, seen: Snapshot, calendar: Calendar, zone: ZoneInfo, at: dt.datetime) -> Allowed:
    """When the customer may be called next: nobody calls on hold or against a wish, or outside working hours there."""
    theirs = zone_named(account.timezone)
    assumed = "" if theirs else str(zone)
    if account.on_hold:
        return Allowed(now=False, at=None, why="on hold: no contact until it ends", assumed=assumed)
    if stop := next((why for tag, why in _UNTOUCHABLE.items() if tag in account.tags), None):
        return Allowed(now=False, at=None, why=f"do not call: {stop}", assumed=assumed)
    first = calendar.earliest_sending(zone, at)
    if first > at:
        where = "there" if theirs == zone else f"({zone})"  # a policy may have working hours of one zone for all
        call = f"call from {_moment(first.astimezone(zone))} {where}"
        why = f"{against}; if at all, {call}" if (against := _against(seen)) else call
        return Allowed(now=False, at=first, why=why, assumed=assumed)
    why = f"you may call, but {against}" if (against := _against(seen)) else "you may call now"
    return Allowed(now=True, at=first, why=why, assumed=assumed)


def _moment(local: dt.datetime) -> str:
    return f"{local:%A} {wording.day(local.date())}, {local:%H:%M}"


def _against(seen: Snapshot) -> str:
    """What speaks against a call at any hour: there is nothing to ask for."""
    facts, waiting = seen.facts, promises(seen).open
    if facts.overdue_amount:
        return ""
    if waiting and (facts.promised_amount or not facts.gross_overdue_amount):
        return _promised(waiting[0])
    return "all that is overdue is disputed" if facts.gross_overdue_amount else "nothing is overdue"


def _promised(waiting: Verdict) -> str:
    """By when it was promised; the days of grace are the policy's, and nobody agreed on them."""
    due, end = waiting.promise.due, waiting.end
    said = f"payment is promised by {wording.day(due)}"
    return said if end == due else f"{said}, and we wait until {wording.day(end)}"

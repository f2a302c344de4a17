"""The one function from an account and a policy day to its facts (contract, section 6). Production and replay use it.

Besides the values it gives the anchors: the dates from which ages grow and towards which countdowns shrink, and the
days on which windows and schedules jump. The wake algebra needs nothing else.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from arflow import money
from arflow.accounts.entries import Account, Clearing, Contact, Episode, Invoice, Ledger
from arflow.accounts.exposure import Exposure, exposure
from arflow.accounts.notices import Notices, notices
from arflow.accounts.promises import Terms, Verdict, verdicts
from arflow.errors import Refused
from arflow.evolving import assembled
from arflow.rules.catalogue import WINDOWS
from arflow.vocabulary import NEVER, OUTCOMES, Facts

ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a policy needs to read an account: how it judges promises, and the attributes it declares by type."""

    terms: Terms = field(default_factory=Terms)
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _View:
    """The ledger, promises and contacts of an account taken apart once, for all facts of one day.

    `facts` holds those that depend on nothing else, `since` and `until` their anchors. `account` is as it was then;
    what is not in its books (state, tags, messages) may be otherwise by now.
    """

    account: Account
    book: Ledger
    day: dt.date
    terms: Terms
    promised: list[Verdict]
    exposure: Exposure
    episode: Episode | None

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """The facts that these books alone decide."""
        return {
            **_of_promises(self),
            **_amounts(self),
            **_counts(self),
            **{name: _age(self.day, anchor, name) for name, anchor in self.since.items()},
            **{name: NEVER if anchor is None else (anchor - self.day).days for name, anchor in self.until.items()},
        }

    @cached_property
    def since(self) -> Mapping[str, dt.date | None]:
        """Where the ages among these facts begin."""
        return _since(self)

    @cached_property
    def until(self) -> Mapping[str, dt.date | None]:
        """Where the countdowns among these facts end."""
        return _until(self)

    def is_of(self, account: Account, day: dt.date, terms: Terms) -> bool:
        """Whether the books of `account` are these very ones, on the same day and by the same terms."""
        was = self.account
        return (
            self.day == day
            and self.book is account.book
            and was.promises is account.promises
            and was.contacts is account.contacts
            and was.episodes is account.episodes
            and was.credit_limit == account.credit_limit
            and self.terms == terms
        )


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The facts of one policy day, and how time alone changes them.

    `since` anchors ages and `until` countdowns; None: the fact stands still.
    """

    day: dt.date
    facts: Facts
    notices: Notices
    since: Mapping[str, dt.date | None]
    until: Mapping[str, dt.date | None]
    view: _View = field(repr=False)

    @cached_property
    def schedule(self) -> tuple[dt.date, ...]:
        """The later days on which due dates pass and promises end."""
        return _schedule(self.view)

    @cached_property
    def turning(self) -> Mapping[str, tuple[dt.date, ...]]:
        """For each window fact the later days on which its entries come or leave."""
        return _turning(self.view)


def snapshot(account: Account, day: dt.date, reading: Reading, earlier: Snapshot | None = None) -> Snapshot:
    """The facts of `account` on the policy day `day`, which is not before the day of its latest event.

    What `earlier` made of the same books is taken over. Raises Refused when a recorded attribute is not of its declared
    type.
    """
    view = earlier.view if earlier and earlier.view.is_of(account, day, reading.terms) else None
    view = view or _view(account, day, reading.terms)
    found = notices(account, view.episode, day)
    own = {"days_in_state": account.entered_on, "days_since_notice": _latest(m.sent_on for m in account.messages)}
    values = {
        **_recorded(account),
        **view.facts,
        **{name: _age(day, anchor, name) for name, anchor in own.items()},
        "notices_sent": found.sent,
        "notices_failed": found.failed,
        "notice_pending": found.pending,
        "attributes": _attributes(account, reading.attributes),
    }
    facts = assembled(Facts, values)
    return Snapshot(day=day, facts=facts, notices=found, since={**view.since, **own}, until=view.until, view=view)


def _view(account: Account, day: dt.date, terms: Terms) -> _View:
    book = account.book
    promised = verdicts(account.promises.values(), book.payments, day, terms)
    return _View(
        account=account,
        book=book,
        day=day,
        terms=terms,
        promised=promised,
        exposure=exposure(book, day, promised),
        episode=account.episode or _coming_episode(book, day),
    )


def _coming_episode(book: Ledger, day: dt.date) -> Episode | None:
    """The episode that time alone will have begun by `day`; nothing has been sent in it."""
    overdue = [item.due for item in book.open_items if item.due < day]
    return Episode(started_on=min(overdue) + ONE_DAY, spans=()) if overdue else None


def _age(day: dt.date, anchor: dt.date | None, name: str) -> int:
    if anchor is None:
        return NEVER if name.startswith("days_since_") else 0
    return (day - anchor).days if anchor < day else 0


# --- as recorded ------------------------------------------------------------------------------------------------------


def _recorded(account: Account) -> dict[str, Any]:
    return {
        "state": account.state.value,
        "country": account.country,
        "currency": account.currency,
        "segment": account.segment,
        "risk_grade": account.risk_grade,
        "debtor_kind": account.debtor_kind,
        "collector_role": account.collector_role,
        "tags": account.tags,
        "on_hold": account.on_hold,
        "credit_limit": account.credit_limit or 0,
        "has_credit_limit": account.credit_limit is not None,
    }


def _of_promises(view: _View) -> dict[str, object]:
    return {
        "has_open_promise": any(verdict.status == "open" for verdict in view.promised),
        "has_open_dispute": bool(view.book.open_disputes),
        "promise_status": _promise_status(view),
    }


def _attributes(account: Account, declared: Mapping[str, str]) -> Mapping[str, str | int | bool]:
    return {f"attr_{name}": _attribute(account, name, kind) for name, kind in declared.items()}


def _attribute(account: Account, name: str, kind: str) -> str | int | bool:
    wanted, missing = _ATTRIBUTE_TYPES[kind]
    value = account.attributes.get(name, missing)
    if type(value) is not wanted:
        raise Refused(f"attribute `{name}` of account `{account.id}` is `{value}`, which is no {kind}")
    return money.parse(value, account.currency) if kind == "amount" else value


_ATTRIBUTE_TYPES: Mapping[str, tuple[type, str | int | bool]] = MappingProxyType(
    {"text": (str, ""), "int": (int, 0), "bool": (bool, False), "amount": (str, "0")}
)
"""For each declared type the type of the recorded value, and what stands for one that is not recorded."""


def _promise_status(view: _View) -> str:
    episode = view.episode
    if episode is None:
        return "none"
    concerned = [v for v in view.promised if v.status != "cancelled" and _concerns(episode, v)]
    return concerned[-1].status if concerned else "none"


def _concerns(episode: Episode, verdict: Verdict) -> bool:
    """Whether a promise was made in `episode`, or was still open when it began."""
    if episode.spans and verdict.promise.recorded[0] >= episode.spans[0][0]:
        return True
    kept_before = verdict.status == "kept" and verdict.on is not None and verdict.on < episode.started_on
    return verdict.end >= episode.started_on and not kept_before


# --- amounts and counts -----------------------------------------------------------------------------------------------


def _amounts(view: _View) -> dict[str, int]:
    book, open_amount = view.book, sum(item.open for item in view.book.open_items)
    limit = view.account.credit_limit
    return {
        "open_amount": open_amount,
        "gross_overdue_amount": book.gross_overdue(view.day),
        "overdue_amount": sum(item.open for item in view.exposure.collectible),
        "disputed_amount": view.exposure.disputed,
        "promised_amount": view.exposure.promised,
        "unapplied_amount": book.unapplied,
        "last_payment_amount": _latest_payment(book).amount if book.payments else 0,
        "credit_use_percent": open_amount * 100 // limit if limit else 0,
    }


def _latest_payment(book: Ledger) -> Clearing:
    return max(book.payments, key=lambda payment: (payment.on, payment.recorded))


def _counts(view: _View) -> dict[str, int]:
    counted = {
        name: sum(within(entry, view.day, WINDOWS[name]) for entry in dates) for name, dates in _entries(view).items()
    }
    return {
        **counted,
        "open_invoices": len({item.invoice for item in view.book.open_items}),
        "overdue_invoices": len({item.invoice for item in view.exposure.collectible}),
        "average_days_late_365d": _average_days_late(view),
    }


def within(entry: dt.date, day: dt.date, length: int) -> bool:
    """Whether an entry of that date is in a window of `length` days on the policy day `day`."""
    return (day - entry).days < length


def _entries(view: _View) -> dict[str, list[dt.date]]:
    """The dated entries that each window counts."""
    contacts = view.account.contacts
    return {
        "call_attempts_7d": [contact.on for contact in contacts if _is_attempt(contact)],
        "conversations_30d": [contact.on for contact in contacts if _is_conversation(contact)],
        "broken_promises_90d": [v.on for v in view.promised if v.status == "broken" and v.on],
        "kept_promises_365d": [v.on for v in view.promised if v.status == "kept" and v.on],
        "late_invoices_365d": [invoice.last_due for invoice in view.book.invoices.values() if _is_late(view, invoice)],
    }


def _is_attempt(contact: Contact) -> bool:
    if contact.channel != "call" or contact.direction != "out":
        return False
    return contact.outcome is None or OUTCOMES[contact.outcome].is_attempt


def _is_conversation(contact: Contact) -> bool:
    return contact.outcome is not None and OUTCOMES[contact.outcome].is_conversation


def _is_late(view: _View, invoice: Invoice) -> bool:
    if invoice.last_due >= view.day:
        return False
    paid_on = view.book.last_paid_on.get(invoice.id)
    return invoice.open > 0 or invoice.written_off or (paid_on is not None and paid_on > invoice.last_due)


def _average_days_late(view: _View) -> int:
    """Rounded half up: twice the sum plus the count, over twice the count."""
    late = [max(0, (paid_on - due).days) for paid_on, due in _paid(view.book) if within(paid_on, view.day, 365)]
    return (2 * sum(late) + len(late)) // (2 * len(late)) if late else 0


def _paid(book: Ledger) -> Iterator[tuple[dt.date, dt.date]]:
    """(date of the last payment, last due date) of each invoice that is fully paid."""
    for key, paid_on in book.last_paid_on.items():
        invoice = book.invoices[key]
        if not invoice.open and not invoice.written_off:
            yield paid_on, invoice.last_due


# --- anchors ----------------------------------------------------------------------------------------------------------


def _since(view: _View) -> dict[str, dt.date | None]:
    account, book = view.account, view.book
    return {
        "days_overdue": min((item.due for item in view.exposure.collectible), default=None),
        "oldest_invoice_age": min((invoice.issued for invoice in _open_invoices(book)), default=None),
        "dispute_age": min((dispute.on for dispute in book.open_disputes), default=None),
        "days_in_episode": view.episode.started_on if view.episode else None,
        "days_since_contact": _latest(c.on for c in account.contacts if c.direction == "out" or _is_conversation(c)),
        "days_since_conversation": _latest(c.on for c in account.contacts if _is_conversation(c)),
        "days_since_payment": _latest_payment(book).on if book.payments else None,
    }


def _latest(days: Iterable[dt.date | None]) -> dt.date | None:
    return max([day for day in days if day is not None], default=None)


def _open_invoices(book: Ledger) -> Iterator[Invoice]:
    for key in {item.invoice for item in book.open_items}:
        yield book.invoices[key]


def _until(view: _View) -> dict[str, dt.date | None]:
    return {
        "days_until_due": min((item.due for item in view.book.open_items if item.due >= view.day), default=None),
        "days_to_promise": min((v.end for v in view.promised if v.status == "open"), default=None),
    }


def _schedule(view: _View) -> tuple[dt.date, ...]:
    dues = {item.due for invoice in _open_invoices(view.book) for item in invoice.items}
    ends = {verdict.end for verdict in view.promised if verdict.status == "open"}
    return tuple(sorted(day + ONE_DAY for day in dues | ends if day >= view.day))


def _turning(view: _View) -> dict[str, tuple[dt.date, ...]]:
    entries = _entries(view) | {"average_days_late_365d": [paid_on for paid_on, _ in _paid(view.book)]}
    found = {name: {entry + dt.timedelta(days=WINDOWS[name]) for entry in dates} for name, dates in entries.items()}
    found["late_invoices_365d"] |= {invoice.last_due + ONE_DAY for invoice in view.book.invoices.values()}
    return {name: tuple(sorted(day for day in days if day > view.day)) for name, days in found.items()}

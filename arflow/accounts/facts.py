"""The one function from an account and a policy day to its facts (contract, section 6). Production and replay use it.

Besides the values it gives the anchors: the dates from which ages grow and towards which countdowns shrink, and the
days on which windows and schedules jump. The wake algebra needs nothing else.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from arflow import money
from arflow.accounts.entries import Account, Clearing, Contact, Episode, Invoice, Ledger
from arflow.accounts.exposure import Exposure, exposure
from arflow.accounts.notices import Notices, notices
from arflow.accounts.promises import Terms, Verdict, verdicts
from arflow.errors import Refused
from arflow.evolving import assembled, worked_out
from arflow.isodates import ONE_DAY
from arflow.rules.catalogue import CATALOGUE, WINDOWS
from arflow.vocabulary import NEVER, OUTCOMES, Facts


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a policy needs to read an account: how it judges promises, and the attributes it declares by type."""

    terms: Terms = field(default_factory=Terms)
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Books:
    """The ledger, promises and contacts of an account, and what they come to whatever the day, worked out once.

    `account` is as it was then; what is not in its books (state, tags, messages) may be otherwise by now.
    """

    account: Account
    terms: Terms
    ledger: Ledger
    """The one that the facts are taken from."""

    @worked_out
    def standing(self) -> Mapping[str, Any]:
        """The facts that stand still until something else is recorded."""
        return _standing(self)

    @worked_out
    def since(self) -> Mapping[str, dt.date | None]:
        """Where the ages begin that no day begins anew."""
        return _since(self)

    @worked_out
    def attempts(self) -> tuple[dt.date, ...]:
        """The dates of outbound call attempts."""
        return tuple(contact.on for contact in self.account.contacts if _is_attempt(contact))

    @worked_out
    def conversations(self) -> tuple[dt.date, ...]:
        """The dates of conversations."""
        return tuple(contact.on for contact in self.account.contacts if _is_conversation(contact))

    @worked_out
    def late(self) -> tuple[dt.date, ...]:
        """The last due dates of the invoices that were not paid by then, or are not paid."""
        return tuple(invoice.last_due for invoice in self.ledger.invoices.values() if _is_late(self.ledger, invoice))

    @worked_out
    def paid(self) -> tuple[tuple[dt.date, int], ...]:
        """(date of the last payment, days that it was late) of each invoice that is fully paid."""
        return tuple(_paid(self.ledger))

    def are_of(self, account: Account, terms: Terms) -> bool:
        """Whether the books of `account` are these very ones, by the same terms."""
        was = self.account
        return (
            self.ledger is account.book
            and was.promises is account.promises
            and was.contacts is account.contacts
            and was.credit_limit == account.credit_limit
            and self.terms == terms
        )


@dataclass(frozen=True, kw_only=True)
class _View:
    """The books of an account as they stand on one day.

    `facts` holds those that depend on nothing else, `since` and `until` their anchors.
    """

    books: _Books
    day: dt.date
    episodes: tuple[Episode, ...]
    promised: Sequence[Verdict]
    exposure: Exposure
    episode: Episode | None

    @worked_out
    def facts(self) -> Mapping[str, Any]:
        """The facts that these books alone decide."""
        return {
            **self.books.standing,
            **(_of_promises(self) if self.promised else _NO_PROMISES),
            **_amounts(self),
            **_counts(self),
            **_ages(self.day, self.since),
            **{name: NEVER if end is None else (end - self.day).days for name, end in self.until.items()},
        }

    @worked_out
    def since(self) -> Mapping[str, dt.date | None]:
        """Where the ages among these facts begin."""
        collectible, episode = self.exposure.collectible, self.episode
        return {
            **self.books.since,
            "days_overdue": collectible[0].due if collectible else None,
            "days_in_episode": episode.started_on if episode else None,
        }

    @worked_out
    def until(self) -> Mapping[str, dt.date | None]:
        """Where the countdowns among these facts end."""
        return {
            "days_until_due": self.books.ledger.next_due(self.day),
            "days_to_promise": min([v.end for v in self.promised if v.status == "open"], default=None),
        }


class _Turning(Struct, frozen=True):
    """For each window fact, by name, the later days on which its entries come or leave, in no order."""

    view: _View

    def __getitem__(self, window: str) -> tuple[dt.date, ...]:
        entries = _entries(self.view, window)
        if not entries:
            return ()
        length = dt.timedelta(days=WINDOWS[window])
        days = [entry + length for entry in entries]
        if window == "late_invoices_365d":
            days += [due + ONE_DAY for due in entries]
        return tuple([day for day in days if day > self.view.day])


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The facts of one policy day, and how time alone changes them.

    `since` anchors ages and `until` countdowns; None: the fact stands still.
    """

    day: dt.date
    facts: Facts
    notices: Notices
    own: Mapping[str, dt.date | None]
    """Where the ages begin that are not of the books."""

    misfits: Mapping[str, str]
    """Declared attributes, by fact, of which a value of another type is recorded, and why each is not among the facts.

    Who goes by the facts of a policy looks here first.
    """

    view: _View = field(repr=False)

    @worked_out
    def since(self) -> Mapping[str, dt.date | None]:
        """Where the ages begin."""
        return {**self.view.since, **self.own}

    @property
    def until(self) -> Mapping[str, dt.date | None]:
        """Where the countdowns end."""
        return self.view.until

    @worked_out
    def schedule(self) -> tuple[dt.date, ...]:
        """The later days on which due dates pass and promises end, in no order."""
        return _schedule(self.view)

    @property
    def turning(self) -> _Turning:
        """For each window fact the later days on which its entries come or leave."""
        return _Turning(self.view)


def snapshot(account: Account, day: dt.date, reading: Reading, earlier: Snapshot | None = None) -> Snapshot:
    """The facts of `account` on the policy day `day`, which is not before the day of its latest event.

    What `earlier` made of the same books is taken over.
    """
    view = _view(account, day, reading.terms, earlier.view if earlier else None)
    found = notices(account, view.episode, day)
    written = account.messages[-1].sent_on if account.messages else None
    own = {"days_in_state": account.entered_on, "days_since_notice": written}
    attributes, misfits = _attributes(account, reading.attributes) if reading.attributes else ({}, {})
    values = {
        **_recorded(account),
        **view.facts,
        **_ages(day, own),
        "notices_sent": found.sent,
        "notices_failed": found.failed,
        "notice_pending": found.pending,
        "attributes": attributes,
    }
    facts = assembled(Facts, values)
    return assembled(
        Snapshot, {"day": day, "facts": facts, "notices": found, "own": own, "misfits": misfits, "view": view}
    )


def _view(account: Account, day: dt.date, terms: Terms, earlier: _View | None) -> _View:
    """The books on `day`: `earlier` ones, when nothing has changed; else what was worked out of the same books."""
    if earlier is None or not earlier.books.are_of(account, terms):
        books = _Books(account=account, terms=terms, ledger=account.book)
    elif earlier.day == day and earlier.episodes is account.episodes:
        return earlier
    else:
        books = earlier.books
    ledger = books.ledger
    promised = verdicts(account.promised, ledger.payments, day, terms) if account.promises else ()
    seen = {
        "books": books,
        "day": day,
        "episodes": account.episodes,
        "promised": promised,
        "exposure": exposure(ledger, day, promised),
        "episode": _episode(account, ledger, day),
    }
    return assembled(_View, seen)


def _episode(account: Account, ledger: Ledger, day: dt.date) -> Episode | None:
    """The one that runs on `day`, or will have begun by time alone; nothing has been sent in that.

    None while nothing is overdue on that day: another policy, whose day is ahead, may have begun one.
    """
    oldest = ledger.oldest_due
    if oldest is None or oldest >= day:
        return None
    return account.episode or Episode(started_on=oldest + ONE_DAY, spans=())


def _ages(day: dt.date, since: Mapping[str, dt.date | None]) -> dict[str, int]:
    """Ages on the policy day `day` by where they begin: 0 before that, and for what never was what stands for it."""
    return {
        name: _WITHOUT[name] if anchor is None else (day - anchor).days if anchor < day else 0
        for name, anchor in since.items()
    }


_WITHOUT: Mapping[str, int] = MappingProxyType(
    {name: NEVER if name.startswith("days_since_") else 0 for name, spec in CATALOGUE.items() if spec.is_age}
)
"""What an age is without an anchor."""


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
        "promise_status": _promise_status(view),
    }


def _attributes(
    account: Account, declared: Mapping[str, str]
) -> tuple[Mapping[str, str | int | bool], Mapping[str, str]]:
    """The declared attributes by fact, and, of those whose recorded value is of another type, why it is not taken."""
    found: dict[str, str | int | bool] = {}
    misfits: dict[str, str] = {}
    for name, kind in declared.items():
        try:
            found[f"attr_{name}"] = _attribute(account, name, kind)
        except Refused as refused:
            misfits[f"attr_{name}"] = refused.reason
    return found, misfits


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


_NO_PROMISES: Mapping[str, object] = {"has_open_promise": False, "promise_status": "none"}


def _promise_status(view: _View) -> str:
    episode = view.episode
    if episode is None:
        return "none"
    act_at = view.books.terms.act_at
    concerned = [v for v in view.promised if v.status != "cancelled" and _concerns(episode, v, act_at)]
    return concerned[-1].status if concerned else "none"


def _concerns(episode: Episode, verdict: Verdict, act_at: dt.time) -> bool:
    """Whether a promise was made in `episode`, or was still open when it began or went on.

    One that is only ahead has begun nowhere yet: what is kept by now will not be open then.
    """
    if not episode.spans:
        return verdict.end >= episode.started_on and verdict.kept_at is None
    return episode.was_running_at(verdict.promise.recorded[0]) or any(
        _was_open(verdict, start, act_at) for start, _ in episode.spans
    )


def _was_open(verdict: Verdict, at: dt.datetime, act_at: dt.time) -> bool:
    """Whether a promise had been made before an instant, was not kept yet, and its last policy day not over."""
    is_kept = verdict.kept_at is not None and verdict.kept_at <= at
    is_over = at.replace(tzinfo=None) >= dt.datetime.combine(verdict.end + ONE_DAY, act_at)
    return verdict.promise.recorded[0] < at and not is_kept and not is_over


# --- amounts and counts -----------------------------------------------------------------------------------------------


def _standing(books: _Books) -> dict[str, object]:
    ledger, limit = books.ledger, books.account.credit_limit
    open_amount = sum([item.open for item in ledger.open_items])
    return {
        "has_open_dispute": bool(ledger.open_disputes),
        "open_amount": open_amount,
        "open_invoices": len({item.invoice for item in ledger.open_items}),
        "unapplied_amount": ledger.unapplied,
        "last_payment_amount": _latest_payment(ledger).amount if ledger.payments else 0,
        "credit_use_percent": open_amount * 100 // limit if limit else 0,
    }


def _amounts(view: _View) -> dict[str, int]:
    return {
        "gross_overdue_amount": view.books.ledger.gross_overdue(view.day),
        "overdue_amount": sum([item.open for item in view.exposure.collectible]),
        "disputed_amount": view.exposure.disputed,
        "promised_amount": view.exposure.promised,
    }


def _latest_payment(ledger: Ledger) -> Clearing:
    return max(ledger.payments, key=lambda payment: (payment.on, payment.recorded))


def _counts(view: _View) -> dict[str, int]:
    books, day, collectible = view.books, view.day, view.exposure.collectible
    found = {**_NOTHING_COUNTED, "overdue_invoices": len({item.invoice for item in collectible}) if collectible else 0}
    if books.account.contacts:
        found["call_attempts_7d"] = _within("call_attempts_7d", books.attempts, day)
        found["conversations_30d"] = _within("conversations_30d", books.conversations, day)
    if view.promised:
        found["broken_promises_90d"] = _within("broken_promises_90d", _ended(view, "broken"), day)
        found["kept_promises_365d"] = _within("kept_promises_365d", _ended(view, "kept"), day)
    if books.late:
        found["late_invoices_365d"] = _within("late_invoices_365d", [due for due in books.late if due < day], day)
    if books.paid:
        found["average_days_late_365d"] = _average_days_late(view)
    return found


_NOTHING_COUNTED: Mapping[str, int] = dict.fromkeys(WINDOWS, 0)
"""What the windows count of books without contacts, promises and late or paid invoices."""


def _within(window: str, entries: Sequence[dt.date], day: dt.date) -> int:
    """How many entries of these dates are in a window on the policy day `day`."""
    length = WINDOWS[window]
    return sum([(day - entry).days < length for entry in entries])


def _ended(view: _View, status: str) -> Sequence[dt.date]:
    """The dates of the verdicts on promises that came to `status`."""
    return [verdict.on for verdict in view.promised if verdict.status == status and verdict.on]


def _entries(view: _View, window: str) -> Sequence[dt.date]:
    """The dates of what a window counts, or may count some day."""
    match window:
        case "call_attempts_7d":
            return view.books.attempts
        case "conversations_30d":
            return view.books.conversations
        case "broken_promises_90d":
            return _ended(view, "broken")
        case "kept_promises_365d":
            return _ended(view, "kept")
        case "late_invoices_365d":
            return view.books.late
    return [paid_on for paid_on, _ in view.books.paid]


def _is_attempt(contact: Contact) -> bool:
    if contact.channel != "call" or contact.direction != "out":
        return False
    return contact.outcome is None or OUTCOMES[contact.outcome].is_attempt


def _is_conversation(contact: Contact) -> bool:
    return contact.outcome is not None and OUTCOMES[contact.outcome].is_conversation


def _is_late(ledger: Ledger, invoice: Invoice) -> bool:
    """Whether an invoice is late from the day after its last due date on, as it now is paid."""
    paid_on = ledger.last_paid_on.get(invoice.id)
    return (paid_on is not None and paid_on > invoice.last_due) or invoice.id in ledger.lost or invoice.open > 0


def _average_days_late(view: _View) -> int:
    """Rounded half up: twice the sum plus the count, over twice the count."""
    length = WINDOWS["average_days_late_365d"]
    late = [days for paid_on, days in view.books.paid if (view.day - paid_on).days < length]
    return (2 * sum(late) + len(late)) // (2 * len(late)) if late else 0


def _paid(ledger: Ledger) -> Iterator[tuple[dt.date, int]]:
    for key, paid_on in ledger.last_paid_on.items():
        invoice = ledger.invoices[key]
        if not invoice.open and key not in ledger.lost:
            yield paid_on, max(0, (paid_on - invoice.last_due).days)


# --- anchors ----------------------------------------------------------------------------------------------------------


def _since(books: _Books) -> dict[str, dt.date | None]:
    contacts, ledger = books.account.contacts, books.ledger
    return {
        "oldest_invoice_age": min((ledger.invoices[item.invoice].issued for item in ledger.open_items), default=None),
        "dispute_age": min((dispute.on for dispute in ledger.open_disputes), default=None),
        "days_since_contact": _latest(c.on for c in contacts if c.direction == "out" or _is_conversation(c)),
        "days_since_conversation": _latest(books.conversations),
        "days_since_payment": _latest_payment(ledger).on if ledger.payments else None,
    }


def _latest(days: Iterable[dt.date | None]) -> dt.date | None:
    return max([day for day in days if day is not None], default=None)


def _schedule(view: _View) -> tuple[dt.date, ...]:
    dues = [item.due for item in view.books.ledger.open_items if item.due >= view.day]
    ends = [verdict.end for verdict in view.promised if verdict.status == "open" and verdict.end >= view.day]
    return tuple([day + ONE_DAY for day in (*dues, *ends)])

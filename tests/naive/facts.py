"""Every fact of the catalogue, made anew from all that was recorded (contract, section 6)."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from arflow import money
from arflow.accounts.events import Event
from arflow.rules.policy import Policy
from arflow.vocabulary import NEVER, OUTCOMES, FactValue
from tests.naive.clocks import DAY
from tests.naive.ledger import Ledger, Part
from tests.naive.promises import Promise


@dataclass
class Message:
    """A message or call that was decided, and what has become of it."""

    kind: str
    name: str
    rule: str
    stay: int
    was_overdue: bool
    episode: int | None = None
    due: dt.datetime | None = None
    sent_on: dt.date | None = None
    sent_at: dt.datetime | None = None
    is_dropped: bool = False
    delivery: str = "unknown"
    told: int = 0
    told_on: dt.date | None = None

    @property
    def waits(self) -> bool:
        """Whether it is still to go."""
        return self.sent_on is None and not self.is_dropped


@dataclass
class Known:
    """All that the facts of one account are made of, on one policy day."""

    day: dt.date
    policy: Policy
    state: str
    since: dt.date
    record: Mapping[str, object]
    tags: frozenset[str]
    on_hold: bool
    ledger: Ledger
    promises: Sequence[Promise]
    contacts: Sequence[Event]
    messages: Sequence[Message]
    episode: int | None
    episode_from: dt.date | None
    promises_in_episode: Sequence[Promise]


TEXTS = ("country", "segment", "risk_grade", "debtor_kind", "collector_role")


def facts_of(known: Known) -> dict[str, FactValue]:
    """All facts by name."""
    return (
        _recorded(known) | _amounts(known) | _ledger_days(known) | _spoken(known) | _promised(known)
        | _episode(known) | _paid_late(known)
    )  # fmt: skip


def _recorded(known: Known) -> dict[str, FactValue]:
    found: dict[str, FactValue] = {name: str(known.record.get(name) or "") for name in TEXTS}
    limit = known.record.get("credit_limit")
    return found | {
        "state": known.state,
        "currency": known.ledger.currency,
        "tags": known.tags,
        "on_hold": known.on_hold,
        "has_credit_limit": limit is not None,
        "credit_limit": money.parse(limit, known.ledger.currency) if limit is not None else 0,
        "days_in_state": _age(known, [known.since]),
    }


def attributes_of(known: Known) -> dict[str, FactValue]:
    """The facts that the policy declares itself."""
    return {f"attr_{name}": _attribute(known, name, kind) for name, kind in known.policy.attributes.items()}


def wrong_attributes(known: Known) -> set[str]:
    """Those that are recorded with a value of another type."""
    given = known.record.get("attributes")
    declared = known.policy.attributes.items()
    values = given if isinstance(given, Mapping) else {}
    return {f"attr_{name}" for name, kind in declared if name in values and type(values[name]) is not _EMPTY[kind][0]}


_EMPTY: Mapping[str, tuple[type, FactValue]] = {
    "text": (str, ""),
    "int": (int, 0),
    "amount": (str, 0),
    "bool": (bool, False),
}


def _attribute(known: Known, name: str, kind: str) -> FactValue:
    given = known.record.get("attributes")
    value = given.get(name) if isinstance(given, Mapping) else None
    wanted, empty = _EMPTY[kind]
    if type(value) is not wanted or not isinstance(value, str | int):
        return empty
    return money.parse(value, known.ledger.currency) if kind == "amount" else value


# --- what is open -----------------------------------------------------------------------------------------------------


@dataclass
class _Overdue:
    """An overdue part, how much of it is in dispute, and how much a promise covers."""

    part: Part
    disputed: int
    open: int
    promised: int = 0

    @property
    def collectible(self) -> int:
        return self.open - self.disputed - self.promised


def _overdue(known: Known) -> list[_Overdue]:
    """All that is overdue, the oldest first."""
    ledger = known.ledger
    disputed = {id(part): amount for part, amount in ledger.disputed()}
    found = [
        _Overdue(part, disputed[id(part)], ledger.open(part)) for part in ledger.oldest_first() if part.due < known.day
    ]
    for promise in _open_promises(known):
        left = promise.amount - promise.came
        for one in found:
            if not promise.invoices or one.part.invoice in promise.invoices:
                covered = min(left, one.collectible)
                one.promised += covered
                left -= covered
    return [one for one in found if one.open > 0]


def _open_promises(known: Known) -> list[Promise]:
    return sorted((one for one in known.promises if one.status == "open"), key=lambda one: one.due)


def _amounts(known: Known) -> dict[str, FactValue]:
    ledger, overdue, payments = known.ledger, _overdue(known), known.ledger.payments()
    is_open = sum(ledger.open(part) for part in ledger.parts)
    limit = known.record.get("credit_limit")
    limit = money.parse(limit, ledger.currency) if limit is not None else 0
    return {
        "open_amount": is_open,
        "gross_overdue_amount": ledger.gross(known.day),
        "overdue_amount": sum(one.collectible for one in overdue),
        "disputed_amount": sum(amount for _, amount in ledger.disputed()),
        "promised_amount": sum(one.promised for one in overdue),
        "unapplied_amount": ledger.unapplied(),
        "last_payment_amount": payments[-1].amount if payments else 0,
        "open_invoices": len([name for name in ledger.issued if ledger.open_of(name) > 0]),
        "overdue_invoices": len({one.part.invoice for one in overdue if one.collectible > 0}),
        "days_overdue": _age(known, [one.part.due for one in overdue if one.collectible > 0]),
        "credit_use_percent": is_open * 100 // limit if limit > 0 else 0,
    }


def _ledger_days(known: Known) -> dict[str, FactValue]:
    ledger = known.ledger
    unpaid = [issued for name, issued in ledger.issued.items() if ledger.open_of(name) > 0]
    disputes = [one.on for one in ledger.disputes if one.is_open]
    ahead = [part.due for part in ledger.parts if ledger.open(part) > 0 and part.due >= known.day]
    return {
        "has_open_dispute": disputes != [],
        "oldest_invoice_age": _age(known, unpaid),
        "dispute_age": _age(known, disputes),
        "days_since_payment": _since(known, (one.on for one in ledger.payments())),
        "days_until_due": _until(known, ahead),
    }


def _age(known: Known, dates: Sequence[dt.date]) -> int:
    """The days since the earliest of these dates, 0 without one."""
    return max(0, (known.day - min(dates)).days) if dates else 0


def _since(known: Known, dates: Iterable[dt.date]) -> int:
    """The days since the latest of these dates, 36500 without one."""
    return min((max(0, (known.day - date).days) for date in dates), default=NEVER)


def _until(known: Known, dates: Iterable[dt.date]) -> int:
    """The days to the earliest of these dates, 36500 without one."""
    return min(((date - known.day).days for date in dates), default=NEVER)


def _within(known: Known, dates: Iterable[dt.date | None], days: int) -> int:
    """How many of these dates lie in the window."""
    return len([date for date in dates if date and (known.day - date).days < days])


# --- who has spoken, written and promised -----------------------------------------------------------------------------


def _is_conversation(event: Event) -> bool:
    return bool(event.text("outcome")) and OUTCOMES[event.text("outcome")].is_conversation


def _is_outbound(event: Event) -> bool:
    return (event.text("direction") or "out") == "out"


def is_attempt(event: Event) -> bool:
    """Whether it is an outbound call that reached, or might have reached, somebody."""
    is_call = event.text("channel") == "call" and _is_outbound(event)
    return is_call and event.text("outcome") not in ("wrong_number", "disconnected")


def is_contact(event: Event) -> bool:
    """Whether a person called, wrote or spoke with them."""
    return _is_outbound(event) or _is_conversation(event)


def _spoken(known: Known) -> dict[str, FactValue]:
    contacts = known.contacts
    talks = [event.on for event in contacts if _is_conversation(event)]
    return {
        "days_since_contact": _since(known, (event.on for event in contacts if is_contact(event))),
        "days_since_conversation": _since(known, talks),
        "call_attempts_7d": _within(known, (event.on for event in contacts if is_attempt(event)), 7),
        "conversations_30d": _within(known, talks, 30),
    }


def _promised(known: Known) -> dict[str, FactValue]:
    is_open = _open_promises(known)
    grace = known.policy.grace_days * DAY
    return {
        "has_open_promise": is_open != [],
        "days_to_promise": _until(known, (one.due + grace for one in is_open)),
        "broken_promises_90d": _within(known, _ends(known, "broken"), 90),
        "kept_promises_365d": _within(known, _ends(known, "kept"), 365),
        "promise_status": _promise_status(known),
    }


def _ends(known: Known, status: str) -> list[dt.date | None]:
    return [one.over_on for one in known.promises if one.status == status]


def _promise_status(known: Known) -> str:
    """Of the latest promise made, or still open, in this episode."""
    found = [one for one in known.promises_in_episode if one.status != "cancelled"]
    return found[-1].status if found else "none"


def _episode(known: Known) -> dict[str, FactValue]:
    written = [one for one in known.messages if one.kind == "send" and known.episode is not None]
    of_this = [one for one in written if one.sent_on and one.episode == known.episode]
    unknown = [one for one in written if one.waits] + [one for one in of_this if one.delivery == "unknown"]
    sent = [one.sent_on for one in known.messages if one.kind == "send" and one.sent_on]
    return {
        "notice_pending": unknown != [],
        "notices_sent": len(of_this),
        "notices_failed": len([one for one in of_this if one.delivery == "failed"]),
        "days_since_notice": _since(known, sent),
        "days_in_episode": _age(known, [known.episode_from] if known.episode_from else []),
    }


def _paid_late(known: Known) -> dict[str, FactValue]:
    """Of whole invoices: whether they were paid after their last due date, and how many days after it."""
    late, days = [], []
    for name in known.ledger.issued:
        due = max(part.due for part in known.ledger.parts_of(name))
        settled = known.ledger.settled_by(name)
        paid = [one.on for one in settled if one.kind == "payment"]
        is_lost = any(one.kind == "write_off" for one in settled)
        if due < known.day and (is_lost or known.ledger.open_of(name) > 0 or (paid and paid[-1] > due)):
            late.append(due)
        if not is_lost and known.ledger.open_of(name) == 0 and paid and (known.day - paid[-1]).days < 365:
            days.append(max(0, (paid[-1] - due).days))
    mean = (2 * sum(days) + len(days)) // (2 * len(days)) if days else 0
    return {"late_invoices_365d": _within(known, late, 365), "average_days_late_365d": mean}

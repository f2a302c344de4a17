"""The fact catalogue (contract, section 6): each fact's type, what it means, and how time alone changes it.

The table in `docs/policies.md` is generated from here. A fact that is not in this catalogue does not exist.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from arflow.vocabulary import State


class FactType(StrEnum):
    """What a fact's value is: TEXT, SET of texts, BOOL, AMOUNT in minor units, COUNT, or DAYS."""

    TEXT = "text"
    SET = "set"
    BOOL = "bool"
    AMOUNT = "amount"
    COUNT = "count"
    DAYS = "days"


class ByTime(StrEnum):
    """How a fact changes when nothing is recorded (contract, section 3)."""

    CONSTANT = "constant"
    AGE = "age"
    COUNTDOWN = "countdown"
    WINDOW = "window"
    SCHEDULE = "schedule"


@dataclass(frozen=True, kw_only=True, slots=True)
class FactSpec:
    """One fact. `by_time` names every way in which it moves; `values` lists the permitted texts, when they are few."""

    name: str
    type: FactType
    by_time: tuple[ByTime, ...]
    meaning: str
    values: tuple[str, ...] = ()

    @property
    def is_age(self) -> bool:
        """Whether the fact grows by one a day from an anchor date."""
        return ByTime.AGE in self.by_time

    @property
    def is_countdown(self) -> bool:
        """Whether the fact shrinks by one a day towards an anchor date."""
        return ByTime.COUNTDOWN in self.by_time

    @property
    def is_ordered(self) -> bool:
        """Whether `<` and its kin make sense."""
        return self.type in (FactType.AMOUNT, FactType.COUNT, FactType.DAYS)


_C, _A, _D, _W, _S = ByTime.CONSTANT, ByTime.AGE, ByTime.COUNTDOWN, ByTime.WINDOW, ByTime.SCHEDULE
_TEXT, _SET, _BOOL = FactType.TEXT, FactType.SET, FactType.BOOL
_AMOUNT, _COUNT, _DAYS = FactType.AMOUNT, FactType.COUNT, FactType.DAYS

PROMISE_STATUSES = ("none", "open", "kept", "partly_kept", "broken")

_TABLE: tuple[tuple[str, FactType, tuple[ByTime, ...], str], ...] = (
    ("state", _TEXT, (_C,), "the state the account stands in"),
    ("country", _TEXT, (_C,), "as recorded, empty if not"),
    ("currency", _TEXT, (_C,), "the account's currency"),
    ("segment", _TEXT, (_C,), "as recorded, empty if not"),
    ("risk_grade", _TEXT, (_C,), "as recorded, empty if not"),
    ("debtor_kind", _TEXT, (_C,), "as recorded, empty if not"),
    ("collector_role", _TEXT, (_C,), "as recorded, empty if not"),
    ("tags", _SET, (_C,), "the tags that people and rules have put on the account"),
    ("on_hold", _BOOL, (_C,), "somebody has put the account on hold"),
    ("has_open_promise", _BOOL, (_S,), "a promise is neither kept, cancelled nor past its end"),
    ("has_open_dispute", _BOOL, (_C,), "a dispute is not closed"),
    ("has_credit_limit", _BOOL, (_C,), "a credit limit is recorded"),
    ("notice_pending", _BOOL, (_S,), "a message of this episode is unsent, or its delivery is unknown"),
    ("open_amount", _AMOUNT, (_C,), "all that is open, due or not"),
    ("gross_overdue_amount", _AMOUNT, (_S,), "all that is overdue, disputed and promised parts included"),
    ("overdue_amount", _AMOUNT, (_S,), "the collectible part: overdue, not disputed, not covered by an open promise"),
    ("disputed_amount", _AMOUNT, (_C,), "what open disputes cover, due and not yet due"),
    ("promised_amount", _AMOUNT, (_S,), "the overdue and undisputed part that open promises cover"),
    ("unapplied_amount", _AMOUNT, (_C,), "money received or credited that stands against no invoice"),
    ("last_payment_amount", _AMOUNT, (_C,), "the latest payment that was not reversed, 0 without one"),
    ("credit_limit", _AMOUNT, (_C,), "the recorded credit limit, 0 without one"),
    ("open_invoices", _COUNT, (_C,), "invoices of which something is open"),
    ("overdue_invoices", _COUNT, (_S,), "invoices with a collectible overdue part"),
    ("days_overdue", _DAYS, (_A, _S), "days since the oldest collectible due date, 0 when nothing is collectible"),
    ("oldest_invoice_age", _DAYS, (_A,), "days since the issue date of the oldest unpaid invoice, 0 without one"),
    ("dispute_age", _DAYS, (_A,), "days since the oldest open dispute was recorded, 0 without one"),
    ("days_in_state", _DAYS, (_A,), "days since the account entered its state"),
    ("days_in_episode", _DAYS, (_A, _S), "days since the episode began, 0 outside one"),
    ("days_since_notice", _DAYS, (_A,), "days since the latest message was sent, 36500 if never"),
    ("days_since_contact", _DAYS, (_A,), "days since a person last called, wrote or spoke with them, 36500 if never"),
    ("days_since_conversation", _DAYS, (_A,), "days since the latest conversation, 36500 if never"),
    ("days_since_payment", _DAYS, (_A,), "days since the latest payment that was not reversed, 36500 if never"),
    ("days_until_due", _DAYS, (_D, _S), "days to the nearest due date ahead, 0 on the day, 36500 if none"),
    ("days_to_promise", _DAYS, (_D, _S), "days to the nearest end (grace included) of an open promise, 36500 if none"),
    ("notices_sent", _COUNT, (_S,), "messages sent in this episode"),
    ("notices_failed", _COUNT, (_S,), "messages of this episode whose delivery failed"),
    ("call_attempts_7d", _COUNT, (_W,), "outbound call attempts of the last 7 days"),
    ("conversations_30d", _COUNT, (_W,), "conversations of the last 30 days"),
    ("broken_promises_90d", _COUNT, (_W, _S), "promises that became broken in the last 90 days"),
    ("kept_promises_365d", _COUNT, (_W,), "promises kept in the last 365 days"),
    ("late_invoices_365d", _COUNT, (_W, _S), "invoices last due in the last 365 days and paid late or still unpaid"),
    ("average_days_late_365d", _COUNT, (_W,), "mean days late of the invoices fully paid in the last 365 days"),
    ("credit_use_percent", _COUNT, (_C,), "open_amount x 100 // credit_limit, 0 without a limit above 0"),
    ("promise_status", _TEXT, (_S,), "of the latest promise made or still open in this episode"),
)

_VALUES = {"state": tuple(state.value for state in State), "promise_status": PROMISE_STATUSES}

CATALOGUE: Mapping[str, FactSpec] = MappingProxyType(
    {
        name: FactSpec(name=name, type=kind, by_time=by_time, meaning=meaning, values=_VALUES.get(name, ()))
        for name, kind, by_time, meaning in _TABLE
    }
)
"""Every fact of the contract by name."""

WINDOWS: Mapping[str, int] = MappingProxyType(
    {
        "call_attempts_7d": 7,
        "conversations_30d": 30,
        "broken_promises_90d": 90,
        "kept_promises_365d": 365,
        "late_invoices_365d": 365,
        "average_days_late_365d": 365,
    }
)
"""The length in days of each window fact."""


def attribute(name: str, kind: str) -> FactSpec:
    """The fact `attr_NAME` that a policy declares with the type `kind` (text, int, amount or bool)."""
    types = {"text": _TEXT, "int": _COUNT, "amount": _AMOUNT, "bool": _BOOL}
    return FactSpec(name=f"attr_{name}", type=types[kind], by_time=(_C,), meaning=f"attribute `{name}`")

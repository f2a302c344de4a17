"""The words of arflow as frozen values: states, effects, outcomes, facts. Nothing here computes, or imports others."""

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class State(StrEnum):
    """The seven states an account can stand in (contract, section 1)."""

    CURRENT = "current"
    REMINDED = "reminded"
    CALLED = "called"
    PROMISED = "promised"
    DISPUTED = "disputed"
    ESCALATED = "escalated"
    RESOLVED = "resolved"


class EffectKind(StrEnum):
    """What a rule may do to the outside world (contract, section 2)."""

    SEND = "send"
    CALL = "call"
    ASSIGN = "assign"
    NOTIFY = "notify"
    TAG = "tag"
    UNTAG = "untag"


TIMED_EFFECTS = frozenset({EffectKind.SEND, EffectKind.CALL})
"""Effects that wait for working hours; all others take hold with the decision."""

NEVER = 36500
"""The number of days that stands for `never happened` and for `not in sight`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """One effect as a rule names it: `send: friendly-reminder` is kind SEND, name `friendly-reminder`."""

    kind: EffectKind
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a call or message came to. `is_attempt` says whether an outbound call with it counts as an attempt."""

    code: str
    is_conversation: bool = False
    is_attempt: bool = True


_CONVERSATIONS = (
    "promised",
    "says_paid",
    "disputes",
    "needs_documents",
    "refused",
    "hardship",
    "wants_plan",
    "call_back",
    "stop_contact",
    "represented",
    "insolvent",
    "complaint",
)
_ATTEMPTS = ("no_answer", "busy", "voicemail", "voicemail_full", "gatekeeper", "deceased", "language")
_NO_ATTEMPTS = ("wrong_number", "disconnected")

OUTCOMES: "Mapping[str, Outcome]" = MappingProxyType(
    {code: Outcome(code=code, is_conversation=True) for code in _CONVERSATIONS}
    | {code: Outcome(code=code) for code in _ATTEMPTS}
    | {code: Outcome(code=code, is_attempt=False) for code in _NO_ATTEMPTS}
)
"""The one table of outcome codes (contract, section 7); facts, dialogs and statistics all read it."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that rules may look at, of one account on one policy day; the catalogue says what each one means.

    Amounts are minor units of the account's currency; ages and countdowns are days. `attributes` holds the declared
    `attr_NAME` facts by their full name.
    """

    state: str
    country: str = ""
    currency: str = ""
    segment: str = ""
    risk_grade: str = ""
    debtor_kind: str = ""
    collector_role: str = ""
    tags: frozenset[str] = frozenset()
    on_hold: bool = False
    has_open_promise: bool = False
    has_open_dispute: bool = False
    has_credit_limit: bool = False
    notice_pending: bool = False
    open_amount: int = 0
    gross_overdue_amount: int = 0
    overdue_amount: int = 0
    disputed_amount: int = 0
    promised_amount: int = 0
    unapplied_amount: int = 0
    last_payment_amount: int = 0
    credit_limit: int = 0
    open_invoices: int = 0
    overdue_invoices: int = 0
    days_overdue: int = 0
    oldest_invoice_age: int = 0
    dispute_age: int = 0
    days_in_state: int = 0
    days_in_episode: int = 0
    days_since_notice: int = NEVER
    days_since_contact: int = NEVER
    days_since_conversation: int = NEVER
    days_since_payment: int = NEVER
    days_until_due: int = NEVER
    days_to_promise: int = NEVER
    notices_sent: int = 0
    notices_failed: int = 0
    call_attempts_7d: int = 0
    conversations_30d: int = 0
    broken_promises_90d: int = 0
    kept_promises_365d: int = 0
    late_invoices_365d: int = 0
    average_days_late_365d: int = 0
    credit_use_percent: int = 0
    promise_status: str = "none"
    attributes: "Mapping[str, str | int | bool]" = field(default_factory=dict)

    def __getitem__(self, name: str) -> "FactValue":
        """The value of the fact `name`; a KeyError is a bug, since policies are checked when they are loaded."""
        value: FactValue
        if name.startswith("attr_"):
            value = self.attributes[name]
            return value
        value = self.__dict__[name]
        return value

    def items(self) -> "Iterator[tuple[str, FactValue]]":
        """All facts by name in the order above, the declared attributes last."""
        for name in self.__dataclass_fields__:
            if name != "attributes":
                yield name, self.__dict__[name]
        yield from self.attributes.items()


FactValue = str | int | bool | frozenset[str]

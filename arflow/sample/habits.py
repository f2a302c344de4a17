"""The habits of the sample's payers as tables. Weights and chances are parts of 1,000, days are calendar days.

What the mission says of real payers is the aim: about a third of the invoices are paid late, with a median of 8 days;
a fifth of the customers ever dispute; some promises are broken or partly kept; a few customers never pay. How often the
rarer things happen (part payments, reversals, credits, write-offs, holds) is our own estimate. `tests/test_sample.py`
measures all of it on the ledger that comes out.
"""

from dataclasses import dataclass
from enum import StrEnum


class Payer(StrEnum):
    """How a customer pays: PROMPT, SLOW and CHRONIC ones are late more and more often; NEVER stops one day for good."""

    PROMPT = "prompt"
    SLOW = "slow"
    CHRONIC = "chronic"
    NEVER = "never"

    @property
    def is_risky(self) -> bool:
        """Whether a credit manager would watch this customer."""
        return self in (Payer.CHRONIC, Payer.NEVER)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A kind of customer: how often it is billed, for how much (minor units), and its credit limit (whole units)."""

    name: str
    gap: tuple[int, int]
    amount: tuple[int, int]
    credit_limit: tuple[int, int]


PAYERS = ((62, Payer.PROMPT), (24, Payer.SLOW), (11, Payer.CHRONIC), (3, Payer.NEVER))
"""Percent of the customers."""

LATE = {Payer.PROMPT: 130, Payer.SLOW: 480, Payer.CHRONIC: 810, Payer.NEVER: 500}
"""The chance that an invoice is paid late."""

LATE_DAYS = (1, 2, 3, 4, 5, 6, 8, 11, 17, 28, 70)
"""Tenths of the days late of those that are; the middle one stands below 8, since weekends, part payments and disputes
push it up."""

EARLY_DAYS = (0, 0, 0, 1, 2, 3, 5, 8, 12)
"""Eighths of the days early of all others."""

GRADES = {
    Payer.PROMPT: ((500, "A"), (400, "B"), (100, "C")),
    Payer.SLOW: ((150, "A"), (450, "B"), (350, "C"), (50, "D")),
    Payer.CHRONIC: ((100, "B"), (450, "C"), (350, "D"), (100, "E")),
    Payer.NEVER: ((200, "B"), (300, "C"), (300, "D"), (200, "E")),
}

SEGMENTS = (
    (550, Segment(name="small", gap=(38, 68), amount=(4_000, 250_000), credit_limit=(2, 8))),
    (330, Segment(name="midsize", gap=(24, 44), amount=(30_000, 1_500_000), credit_limit=(10, 60))),
    (120, Segment(name="enterprise", gap=(12, 24), amount=(150_000, 9_000_000), credit_limit=(100, 500))),
)

OWNERS = ((300, "anna"), (300, "ben"), (200, "carla"), (100, "dev"), (100, None))

DISPUTING_PERCENT = 20
BRANCH_PERCENT = 2
HOLDING_PERCENT = 5
TAGGED_PERCENT = 8

INSTALMENTS = 40
"""The chance that an invoice is payable in instalments."""

CREDIT_NOTE, CREDITED, CANCELLED = 4, 18, 4
"""The chances of a negative invoice, and of an invoice that is credited in part or as a whole."""

BOUNCED = 9
"""The chance that a payment is reversed by the bank."""

NO_REFERENCE = 150
"""The chance that a payment names no invoice."""


class Style(StrEnum):
    """How an invoice is paid: FULL, in PARTS, a little SHORT, rounded UP, or TWICE by mistake."""

    FULL = "full"
    PARTS = "parts"
    SHORT = "short"
    UP = "up"
    TWICE = "twice"


STYLES = ((930, Style.FULL), (44, Style.PARTS), (12, Style.SHORT), (8, Style.UP), (6, Style.TWICE))

REASONS = (
    (230, "price"),
    (200, "quantity"),
    (150, "quality"),
    (120, "damaged"),
    (100, "not_delivered"),
    (80, "po_missing"),
    (60, "paid_already"),
    (60, "duplicate"),
)
OUTCOMES = ((300, "upheld"), (250, "partly_upheld"), (300, "rejected"), (150, "withdrawn"))

NOT_REACHED = (
    (380, "no_answer"),
    (270, "voicemail"),
    (150, "gatekeeper"),
    (90, "busy"),
    (50, "voicemail_full"),
    (30, "wrong_number"),
    (20, "language"),
    (10, "disconnected"),
)
REACHED = 480
"""The chance that a call becomes a conversation."""

SAYS = (
    (620, "promised"),
    (110, "call_back"),
    (90, "needs_documents"),
    (60, "says_paid"),
    (50, "hardship"),
    (40, "complaint"),
    (30, "wants_plan"),
)
NEVER_SAYS = (
    (240, "promised"),
    (260, "refused"),
    (160, "hardship"),
    (100, "insolvent"),
    (120, "call_back"),
    (60, "represented"),
    (60, "stop_contact"),
)
RED_FLAGS = {"insolvent": "insolvent", "represented": "represented", "stop_contact": "stop-contact"}
"""The tag that a caller puts on the account after a conversation with this outcome."""


class Fate(StrEnum):
    """What becomes of a promise."""

    KEPT = "kept"
    PARTLY = "partly_kept"
    BROKEN = "broken"
    CANCELLED = "cancelled"


FATES = ((720, Fate.KEPT), (80, Fate.PARTLY), (150, Fate.BROKEN), (50, Fate.CANCELLED))

"""What a call or message came to, as callers say it: plain labels for the one table of outcome codes.

Which codes are conversations and attempts stands in `arflow.vocabulary`; here is only what the desk adds to it.
"""

from collections.abc import Mapping
from types import MappingProxyType

from arflow.vocabulary import OUTCOMES

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "promised": "Promised to pay",
        "says_paid": "Says it is paid",
        "disputes": "Disputes an invoice",
        "needs_documents": "Needs a document",
        "refused": "Refuses to pay",
        "hardship": "Cannot pay at present",
        "wants_plan": "Wants to pay in parts",
        "call_back": "Asks for a call back",
        "stop_contact": "Wants no more contact",
        "represented": "Has a lawyer or adviser who speaks for them",
        "insolvent": "Is insolvent",
        "complaint": "Complains about us",
        "no_answer": "No answer",
        "busy": "Busy",
        "voicemail": "Left a message",
        "voicemail_full": "Mailbox full, no message left",
        "gatekeeper": "Reached somebody else only",
        "deceased": "The person has died",
        "language": "No common language",
        "wrong_number": "Wrong number",
        "disconnected": "Number not in service",
    }
)
"""What people read for each code."""

_NEXT: Mapping[str, str] = MappingProxyType(
    {
        "says_paid": "See whether their payment has come",
        "needs_documents": "Send the document, and call again",
        "hardship": "Ask a lead what we can offer, and call again",
        "wants_plan": "Ask a lead what we can offer, and call again",
        "call_back": "Call back, as they asked",
        "complaint": "Look into the complaint, and call again",
        "language": "Find somebody who speaks their language",
        "wrong_number": "Find another number",
        "disconnected": "Find another number",
    }
)
"""What usually comes next, where it is not just to call again."""

FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "stop_contact": "stop-contact",
        "represented": "represented",
        "insolvent": "insolvent",
        "deceased": "deceased",
    }
)
"""The tag that the outcome puts on the account; the standard policies stop all letters and calls on it."""

FLAGGED = frozenset(FLAGS.values())
"""The tags that say to leave the customer alone."""

TERMINAL = frozenset(FLAGS)
"""After these no caller has a next step: somebody else takes over."""

CONVERSATIONS = tuple(code for code in LABELS if OUTCOMES[code].is_conversation)
"""The codes of a conversation, in the order in which they are offered."""

OTHERS = tuple(code for code in LABELS if not OUTCOMES[code].is_conversation)
"""The codes of a call that reached nobody who could settle anything."""


def usually_next(code: str) -> str:
    """What a follow-up is for that somebody plans after `code` and says nothing of."""
    return _NEXT.get(code, "Call again")


def label(code: str | None) -> str:
    """What people read for `code`; the code itself for one that is not of the table."""
    return LABELS.get(code, code) if code else ""

"""Why customers dispute: the list that callers choose from. A dispute's reason is the code, and what was said."""

from collections.abc import Mapping
from types import MappingProxyType

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "PRICE": "Price or rate is wrong",
        "QTY_SHORT": "Less was delivered than invoiced",
        "NOT_DELIVERED": "Nothing was delivered",
        "QUALITY": "Quality of goods or service",
        "DAMAGED": "Arrived damaged",
        "PO_MISSING": "Order number is missing",
        "WRONG_ADDRESS": "Invoice went to the wrong address",
        "DUPLICATE": "Invoiced twice",
        "TAX": "Tax is wrong",
        "CREDIT_DUE": "A credit is still to come",
        "PAID_ALREADY": "Is paid already",
        "TERMS": "Payment terms are wrong",
        "UNAUTH_DEDUCTION": "Deducted without agreement",
        "CONTRACT": "Not as the contract says",
        "IDENTITY": "Is not their invoice",
    }
)


def reason(code: str, text: str) -> str:
    """The reason of a dispute as it is recorded."""
    return f"{code}: {text}" if text else code


def shown(recorded: str) -> str:
    """The reason of a dispute as people read it; one from elsewhere as it is."""
    code, colon, text = recorded.partition(":")
    if code not in LABELS:
        return recorded
    return f"{LABELS[code]}: {text.strip()}" if colon else LABELS[code]

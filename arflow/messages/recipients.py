"""Who of an account's contacts is written to, and whether an address can be one at all. Pure."""

import re

from arflow.accounts.entries import Account, Person

ACCOUNTING = frozenset(
    {
        *("ap", "payable", "payables", "account", "accounts", "accounting", "accountant", "billing", "invoice"),
        *("invoices", "finance", "treasury", "bookkeeper", "bookkeeping"),
        *("buchhaltung", "kreditoren", "kreditorenbuchhaltung", "rechnung", "rechnungen", "rechnungswesen", "finanzen"),
        *("comptabilité", "comptable", "facturation", "fournisseurs", "finances"),
    }
)
"""Words in the role of a contact who pays invoices."""

_LONGEST, _LONGEST_NAME = 254, 64
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])",
    re.ASCII,
)


def is_address(text: str) -> bool:
    """Whether `text` is one e-mail address, as mail servers take them: no quoting, no list, a whole domain."""
    too_long = len(text) > _LONGEST or text.find("@") > _LONGEST_NAME
    return not too_long and _ADDRESS.fullmatch(text) is not None


def recipient(account: Account) -> Person | None:
    """The contact to write to: the first with an address whose role is accounting, else the first with an address.

    A contact with something that can be no address comes last, so that it is seen; None: nobody has any.
    """
    written = [person for person in account.people if person.email.strip()]
    return min(written, key=_order, default=None)


def has_address(account: Account) -> bool:
    """Whether a message of the account can be handed over at all."""
    person = recipient(account)
    return person is not None and is_address(person.email.strip())


def _order(person: Person) -> tuple[bool, bool]:
    return not is_address(person.email.strip()), not _pays_invoices(person.role)


def _pays_invoices(role: str) -> bool:
    return not ACCOUNTING.isdisjoint(re.findall(r"\w+", role.casefold()))

"""Who is written to."""

import pytest

from arflow.accounts.entries import Account, Person
from arflow.messages.recipients import is_address, recipient


def to(*people: tuple[str, str]) -> str | None:
    """The address chosen among contacts, each a role and an address."""
    persons = tuple(Person(role=role, email=email) for role, email in people)
    found = recipient(Account(id="A", currency="EUR", people=persons))
    return found.email if found else None


def test_the_first_contact_with_an_address_is_written_to() -> None:
    assert to(("owner", ""), ("owner", "a@example.com"), ("owner", "b@example.com")) == "a@example.com"


@pytest.mark.parametrize("role", ["AP", "Accounts payable", "billing/AR", "Head of Finance", "Debitoren-Buchhaltung"])
def test_whoever_pays_invoices_comes_first(role: str) -> None:
    assert to(("Owner", "a@example.com"), (role, "b@example.com"), ("AP", "c@example.com")) == "b@example.com"


@pytest.mark.parametrize("role", ["Chap", "apprentice", "Recap"])
def test_a_role_is_compared_by_whole_words(role: str) -> None:
    assert to(("Owner", "a@example.com"), (role, "b@example.com")) == "a@example.com"


def test_a_good_address_comes_before_a_bad_one_and_a_bad_one_is_shown() -> None:
    assert to(("AP", "nobody"), ("Owner", "a@example.com")) == "a@example.com"
    assert to(("AP", "nobody")) == "nobody"
    assert to(("AP", " "), ("Owner", "")) is None


@pytest.mark.parametrize("text", ["a@example.com", "first.last+tag@mail.example.co.uk", "x@xn--mller-kva.example"])
def test_addresses(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "a@b", "@example.com", "a@example.com, b@example.com", "a@example.com;b@example.com"),
        *("a@example.com\nBcc: b@example.com", "a@example.com\r\n", "<a@example.com>", "Ann <a@example.com>", "a@.com"),
        *("a..b@example.com", ".a@example.com", "a b@example.com", "a@exa_mple.com", "a@-example.com"),
        *("ä@example.com", "a@example.c"),
        *("a@1.2.3.4", "x" * 65 + "@example.com", "a@" + "b." * 130 + "com", 'a"b@example.com', "a@b@example.com"),
    ],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    assert not is_address(text)

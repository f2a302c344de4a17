"""A customer has one account a currency: an import opens the one that an invoice belongs to, and finds it again."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from arflow.errors import Refused
from arflow.ledger import profileloader
from tests.production import states, take_in, write_events

pytestmark = pytest.mark.database

ANN = {
    "event": "account",
    "account": "A",
    "date": "2026-01-05",
    "currency": "USD",
    "name": "Ann",
    "timezone": "Europe/Paris",
    "credit_limit": "900.00",
}
HEADER = "account,name,currency,invoice,issued,due,amount,paid_on,paid\n"


def _invoice(key: str, currency: str, amount: str = "50.00", **changes: str) -> dict[str, Any]:
    fixed = {"event": "invoice", "account": "A", "date": "2026-01-05", "due": "2026-01-16"}
    return {**fixed, "id": key, "amount": amount, "currency": currency, **changes}


def _payment(account: str, key: str, amount: str, **more: str) -> dict[str, Any]:
    return {"event": "payment", "account": account, "date": "2026-01-20", "id": key, "amount": amount, **more}


def _accounts(engine: Engine) -> dict[str, tuple[str, str, str, int | None]]:
    with engine.connect() as connection:
        query = text("SELECT id, currency, name, timezone, credit_limit FROM account ORDER BY id")
        return {row[0]: tuple(row[1:]) for row in connection.execute(query)}


def test_an_invoice_in_another_currency_opens_the_customers_account_in_it(engine: Engine, tmp_path: Path) -> None:
    """It bears the customer's name and zone and is in the invoice's currency; a credit limit stays where it is."""
    report = take_in(engine, write_events(tmp_path / "e.jsonl", [ANN, _invoice("I1", "USD"), _invoice("I2", "EUR")]))
    assert {"A": ("current", 5000), "A/EUR": ("current", 5000)} == states(engine)
    assert {
        "A": ("USD", "Ann", "Europe/Paris", 90000),
        "A/EUR": ("EUR", "Ann", "Europe/Paris", None),
    } == _accounts(engine)
    assert (2, 2, 0) == (report.outcome.accounts, report.outcome.opened, report.rejected)


@pytest.mark.parametrize("corrections", [False, True])
def test_importing_it_again_changes_nothing(engine: Engine, tmp_path: Path, corrections: bool) -> None:
    """Neither the file in its order nor in another one finds anything new, nor once the customer has a new name."""
    lines = [ANN, _invoice("I1", "USD"), _invoice("I2", "EUR"), _payment("A/EUR", "P1", "20.00")]
    take_in(engine, write_events(tmp_path / "e.jsonl", lines))
    before = states(engine)
    assert {"A": ("current", 5000), "A/EUR": ("current", 3000)} == before
    take_in(engine, write_events(tmp_path / "n.jsonl", [{**ANN, "date": "2026-01-06", "name": "Anna"}]))
    for order in (lines, lines[::-1]):
        again = take_in(engine, write_events(tmp_path / "e.jsonl", order), corrections=corrections)
        assert (4, {}, []) == (again.outcome.unchanged, again.outcome.new, again.outcome.touched)
    assert before == states(engine)


def test_lines_may_come_in_any_order(engine: Engine, tmp_path: Path) -> None:
    """What the account events say decides, although an invoice in another currency stands first."""
    lines = [_payment("A/EUR", "P1", "20.00"), _invoice("I2", "EUR"), _invoice("I1", "USD"), ANN]
    take_in(engine, write_events(tmp_path / "e.jsonl", lines))
    assert {"A": ("current", 5000), "A/EUR": ("current", 3000)} == states(engine)
    assert "Ann" == _accounts(engine)["A/EUR"][1]


def test_later_files_find_the_account(engine: Engine, tmp_path: Path) -> None:
    """An invoice that names the customer, and events that name the account, both without repeating what is known."""
    take_in(engine, write_events(tmp_path / "1.jsonl", [ANN, _invoice("I1", "USD")]))
    take_in(engine, write_events(tmp_path / "2.jsonl", [_invoice("I2", "KWD", "7.125")]))
    assert ("KWD", "Ann", "Europe/Paris", None) == _accounts(engine)["A/KWD"]
    later = [_payment("A/KWD", "P1", "1.125"), _invoice("I3", "KWD", "2.000", account="A/KWD")]
    report = take_in(engine, write_events(tmp_path / "3.jsonl", [*later, _invoice("I4", "KWD", "1.000")]))
    assert {"A": ("current", 5000), "A/KWD": ("current", 9000)} == states(engine)
    assert ({"KWD": 3000}, {"KWD": 1125}) == (report.outcome.billed, report.outcome.paid)


def test_an_account_named_after_its_currency_has_a_sister(engine: Engine, tmp_path: Path) -> None:
    """Where a profile makes `A/USD` of a customer, an invoice in euros belongs to the `A/EUR` of that profile."""
    lines = [
        {**ANN, "account": "A/USD"},
        _invoice("I1", "USD", account="A/USD"),
        _invoice("I2", "EUR", account="A/USD"),
    ]
    take_in(engine, write_events(tmp_path / "e.jsonl", lines))
    assert {"A/USD": ("current", 5000), "A/EUR": ("current", 5000)} == states(engine)
    assert [] == take_in(engine, write_events(tmp_path / "e.jsonl", lines)).outcome.touched


def test_without_an_account_event_the_first_invoice_decides(engine: Engine, tmp_path: Path) -> None:
    """The first by date, wherever it stands in the file."""
    lines = [_invoice("I2", "EUR", date="2026-01-07"), _invoice("I1", "GBP", date="2026-01-06")]
    take_in(engine, write_events(tmp_path / "e.jsonl", lines))
    assert {"A": "GBP", "A/EUR": "EUR"} == {key: found[0] for key, found in _accounts(engine).items()}


@pytest.mark.parametrize("more", [{}, {"invoice": "I1"}])
def test_a_payment_in_a_foreign_currency_is_rejected(engine: Engine, tmp_path: Path, more: dict[str, str]) -> None:
    """It opens no account and finds none, although the customer has one in that currency."""
    lines = [ANN, _invoice("I1", "USD"), _invoice("I2", "EUR"), _payment("A", "P1", "20.00", currency="EUR", **more)]
    report = take_in(engine, write_events(tmp_path / "e.jsonl", lines), accept_rejects=True)
    assert [(4, "payment `P1` is in EUR, but account `A` is in USD")] == report.rejects
    assert {"A": ("current", 5000), "A/EUR": ("current", 5000)} == states(engine)


def test_amounts_are_read_in_the_currency_of_the_account(engine: Engine, tmp_path: Path) -> None:
    """A known account in yen takes no sen, although the line does not name the currency."""
    take_in(engine, write_events(tmp_path / "1.jsonl", [{**ANN, "currency": "JPY", "credit_limit": "900"}]))
    with pytest.raises(Refused, match=r"`50\.55` has more decimals than JPY, which has 0"):
        take_in(engine, write_events(tmp_path / "2.jsonl", [_payment("A", "P1", "50.55")]))


def test_a_row_of_a_table_goes_whole(engine: Engine, tmp_path: Path) -> None:
    """Its payment stands beside its invoice, in the account that its currency has; again nothing changes."""
    plain, file = profileloader.find("plain"), tmp_path / "plain.csv"
    rows = "A,Ann,USD,1,2026-01-05,2026-01-16,50.00,,\nA,Ann,EUR,1,2026-01-05,2026-01-16,60.00,2026-01-10,20.00\n"
    file.write_text(HEADER + rows)
    report = take_in(engine, file, plain)
    assert {"A": ("current", 5000), "A/EUR": ("current", 4000)} == states(engine)
    assert ({"EUR": 6000, "USD": 5000}, {"EUR": 2000}) == (report.outcome.billed, report.outcome.paid)
    assert [] == take_in(engine, file, plain).outcome.touched


def test_a_row_of_a_table_with_foreign_money_alone_is_rejected(engine: Engine, tmp_path: Path) -> None:
    """A table of payments names the customer only: money of another currency is not taken for the account's."""
    profile = tmp_path / "cash.yaml"
    profile.write_text(
        "profile: cash\ncolumns: {customer: who, currency: currency, on: date, number: number, amount: amount}\n"
        'account: "{customer}"\nevents: {payment: {date: on, id: number, amount: amount}}\n'
    )
    take_in(engine, write_events(tmp_path / "e.jsonl", [ANN, _invoice("I1", "USD")]))
    file = tmp_path / "cash.csv"
    file.write_text("who,currency,date,number,amount\nA,USD,2026-01-10,P1,20.00\nA,EUR,2026-01-10,P2,20.00\n")
    report = take_in(engine, file, profileloader.find(str(profile)), accept_rejects=True)
    assert [(3, "payment `P2` is in EUR, but account `A` is in USD")] == report.rejects
    assert {"A": ("current", 3000)} == states(engine)

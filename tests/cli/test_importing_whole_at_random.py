"""Whole exports and bank files at random: after each export the database says of each account what that says, net.

`tests/ledger/test_taking.py` has the same property of one account without a database; here are the tables that tell
whom to look at, what is not taken in yet, and the lives of the accounts.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine, text

from arflow import clock
from arflow.advance import Engineering
from arflow.cli import driven
from arflow.ledger import importing, profileloader
from arflow.ledger.importing import Options, Report
from arflow.rules.reference import Reference
from tests.cli.conftest import Command
from tests.production import activate, standard, step, write_events
from tests.sizes import size

pytestmark = pytest.mark.database

HEADER = "cust_number,name_customer,invoice_currency,doc_id,posting_date,due_in_date,total_open_amount\n"
EXPORT = Options(profile=profileloader.find("open-items-whole"), accept_gone=True)
AMOUNTS = (10000, 7000, 2000, 10000, -10000, -3000)
"""Of the documents D0 to D5 of each customer, in cents; two of them are credit notes."""

_NET = """SELECT id, (SELECT coalesce(sum(open), 0) FROM item WHERE account_id = account.id)
    - (SELECT coalesce(sum(amount), 0) FROM clearing WHERE account_id = account.id AND reversed_on IS NULL)
    + (SELECT coalesce(sum(allocation.amount), 0) FROM allocation JOIN clearing ON clearing.id = clearing_id
        AND clearing.account_id = allocation.account_id AND clearing.kind = allocation.kind
        WHERE clearing.account_id = account.id AND reversed_on IS NULL) FROM account"""
"""What is open of each account, less what stands against no invoice."""


class Trade:
    """What happens to some customers outside, and what their debts come to by that."""

    def __init__(self, chance: Random, customers: int) -> None:
        self._chance, self._customers = chance, [f"A{number}" for number in range(customers)]
        self._documents: dict[tuple[str, int], tuple[dt.date, dt.date]] = {}
        self._payments = 0
        self.unguessed: dict[str, int] = defaultdict(int)
        """What each account owes by its documents and by what the bank has brought."""
        self.said: dict[str, int] = {}
        """What it owes by the last export."""

    def export(self) -> str:
        """Every second document of most customers, of known ones often only what is left of them."""
        self.said = defaultdict(int)
        chosen = [customer for customer in self._customers if self._chance.random() < 0.85]
        rows = [self._row(customer, key) for customer in chosen for key in range(6) if self._chance.random() < 0.5]
        return HEADER + "".join(rows)

    def _row(self, customer: str, key: int) -> str:
        left = AMOUNTS[key]
        if (customer, key) in self._documents:
            left //= self._chance.choice([1, 1, 1, 2, 4])
        else:
            made = dt.date(2026, 1, 1) + dt.timedelta(days=self._chance.randrange(30))
            self._documents[customer, key] = made, made + dt.timedelta(days=self._chance.randrange(30))
            self.unguessed[f"{customer}/USD"] += left
        self.said[f"{customer}/USD"] += left
        made, due = self._documents[customer, key]
        return f"{customer},{customer},USD,D{key},{made},{due},{left / 100:.2f}\n"

    def bank(self, today: dt.date) -> Iterator[dict[str, str]]:
        """Payments of some customers, half of them with an invoice, some of weeks ago."""
        for customer in self._customers:
            known = [key for who, key in self._documents if who == customer and AMOUNTS[key] > 0]
            if known and self._chance.random() < 0.35:
                self._payments += 1
                amount = self._chance.choice([3000, 10000, 15000])
                self.unguessed[f"{customer}/USD"] -= amount
                named = {"invoice": f"D{self._chance.choice(known)}"} if self._chance.random() < 0.5 else {}
                day = self._chance.choice([dt.date(2026, 1, 31), today])
                said = {"id": f"B{self._payments}", "amount": f"{amount / 100:.2f}", **named}
                yield {"event": "payment", "account": f"{customer}/USD", "date": f"{day}", **said}


def _import(engine: Engine, path: Path, options: Options) -> Report:
    with engine.begin() as connection:
        return importing.import_file(connection, path, clock.read(connection), options, lambda *_: None)


def _live(engine: Engine) -> None:
    with engine.begin() as connection:
        now = clock.read(connection)
    driven.run_now(engine, now, Engineering(evaluator=Reference()), lambda *_: None)


def _net(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {str(account): int(net) for account, net in connection.execute(text(_NET))}


@pytest.mark.parametrize("seed", range(size(2, 30)))
def test_after_each_export_the_books_say_what_it_says(
    arflow: Command, engine: Engine, tmp_path: Path, seed: int
) -> None:
    """Or less, as far as what came from elsewhere says less; and the same export again changes nothing, ever."""
    chance = Random(seed)
    trade, day, export = Trade(chance, 40), dt.date(2026, 2, 1), tmp_path / "export.csv"
    step(engine, day)
    activate(engine, standard("standard-usd"))
    for _ in range(6):
        day += dt.timedelta(days=chance.choice([1, 3]))
        step(engine, day)
        export.write_text(trade.export())
        _import(engine, export, EXPORT)
        for is_taken_in in chance.choice([[True], [False, True]]):
            if is_taken_in:
                _live(engine)
            assert not _import(engine, export, EXPORT).outcome.new
        for account, net in _net(engine).items():
            said = trade.said[account]
            assert min(said, trade.unguessed[account]) == net or said < net <= 0
        assert not _import(
            engine, write_events(tmp_path / "bank.jsonl", list(trade.bank(day))), Options(profile=None)
        ).rejected
        if chance.random() < 0.7:
            _live(engine)
    assert 0 == arflow("audit", "verify").status

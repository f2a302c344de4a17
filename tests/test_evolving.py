"""A frozen value with some fields otherwise is what the standard library makes of it."""

import dataclasses
import datetime as dt
from collections.abc import Callable

import pytest

from arflow.accounts.entries import BEFORE_ALL, Account, Dispute, Ledger, Outgoing
from arflow.accounts.facts import Reading, snapshot
from arflow.evolving import assembled, evolve
from arflow.store.rows import PARTS, Parts, account_of, account_row
from arflow.vocabulary import EffectKind, Facts, State

WAITING = Outgoing(
    number=1,
    kind=EffectKind.SEND,
    name="first",
    rule="r",
    stay=0,
    overdue_then=True,
    decided_at=dt.datetime(2026, 1, 5, tzinfo=dt.UTC),
    decided_on=dt.date(2026, 1, 5),
    due_at=None,
)

DISPUTE = Dispute(id="D1", invoice="I1", amount=None, reason="price", on=dt.date(2026, 1, 5), recorded=(BEFORE_ALL, 0))


def test_it_is_what_replacing_gives() -> None:
    account = Account(id="A", currency="USD", tags=frozenset({"x"}))
    changes = {"state": State.CALLED, "owner": "carla"}
    assert dataclasses.replace(account, **changes) == evolve(account, **changes)  # type: ignore[arg-type]
    assert Account(id="A", currency="USD", tags=frozenset({"x"})) == account


def test_what_is_worked_out_of_the_fields_is_worked_out_anew() -> None:
    account = Account(id="A", currency="USD")
    assert () == account.waiting
    later = evolve(account, outgoing=(WAITING,))
    assert (WAITING,) == later.waiting
    assert () == account.waiting


def test_what_is_worked_out_of_one_field_is_kept_while_that_stays() -> None:
    ledger = Ledger(disputes={"D1": DISPUTE})
    assert (DISPUTE,) == ledger.open_disputes
    assert ledger.open_disputes is evolve(ledger, invoices={}).open_disputes
    assert () == evolve(ledger, disputes={}).open_disputes


def test_it_stays_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        evolve(Account(id="A", currency="USD"), owner="x").owner = "y"  # type: ignore[misc]


def test_assembled_of_all_its_fields_it_is_what_its_class_makes() -> None:
    account = Account(id="A", currency="USD", tags=frozenset({"x"}))
    assert account == assembled(Account, dict(vars(account)))


def test_what_is_assembled_lacks_no_field() -> None:
    account = Account(id="A", currency="USD")
    taken = snapshot(account, dt.date(2026, 1, 5), Reading())
    for value in (taken, taken.view):
        assert {field.name for field in dataclasses.fields(value)} <= vars(value).keys()
    facts = taken.facts
    assert [field.name for field in dataclasses.fields(Facts)] == sorted(vars(facts), key=order_of(Facts))
    parts = Parts(**{table.name: [] for table in PARTS})
    stored = account_of(account_row(account), parts)
    assert (account, {field.name for field in dataclasses.fields(Account)}) == (stored, set(vars(stored)))


def order_of(kind: type) -> Callable[[str], int]:
    """The place of each field of a dataclass; an unknown one has none."""
    names = [field.name for field in dataclasses.fields(kind)]
    return names.index

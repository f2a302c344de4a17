"""A frozen value with some fields otherwise is what the standard library makes of it."""

import dataclasses
import datetime as dt

import pytest

from arflow.accounts.entries import Account, Outgoing
from arflow.evolving import evolve
from arflow.vocabulary import EffectKind, State

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


def test_it_stays_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        evolve(Account(id="A", currency="USD"), owner="x").owner = "y"  # type: ignore[misc]

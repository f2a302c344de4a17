"""`arflow report pipeline`: how many accounts and how much money stand in each state at the end of a date."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from arflow import money
from arflow.reports.positions import Position
from arflow.vocabulary import State


@dataclass(kw_only=True)
class Standing:
    """One state in one currency. Amounts are minor units; `gross` = `disputed` + `promised` + `collectible`."""

    currency: str
    state: str
    accounts: int = 0
    open_amount: int = 0
    gross: int = 0
    disputed: int = 0
    promised: int = 0
    collectible: int = 0

    def add(self, position: Position) -> None:
        """Count one account's position."""
        self.accounts += 1
        self.open_amount += position.open_amount
        self.gross += position.gross
        self.disputed += position.disputed
        self.promised += position.promised
        self.collectible += position.collectible


def in_all_states(currencies: Iterable[str]) -> list[Standing]:
    """Every state in each of `currencies`, still without accounts."""
    return [Standing(currency=currency, state=state.value) for currency in currencies for state in State]


def as_json(line: Standing) -> Mapping[str, object]:
    """One state with documented names; amounts are decimal strings."""
    amounts = {
        "open_amount": line.open_amount,
        "overdue_amount": line.gross,
        "disputed_amount": line.disputed,
        "promised_amount": line.promised,
        "collectible_amount": line.collectible,
    }
    shown = {name: money.show(minor, line.currency) for name, minor in amounts.items()}
    return {"currency": line.currency, "state": line.state, "accounts": line.accounts} | shown

"""What one account's rooms share: its customer, its chance, its agenda, its book, and the events written so far."""

import datetime as dt
from dataclasses import dataclass, field

from arflow import money
from arflow.sample.agenda import Agenda
from arflow.sample.book import Book
from arflow.sample.customers import Customer
from arflow.sample.dice import Dice

Event = dict[str, object]


@dataclass(kw_only=True)
class Story:
    """One account while it is told. `contested` is what open disputes cover, by invoice; `flags` are its red flags."""

    customer: Customer
    dice: Dice
    agenda: Agenda
    book: Book = field(default_factory=Book)
    events: list[Event] = field(default_factory=list)
    contested: dict[str, int] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    on_hold: bool = False
    _counts: dict[str, int] = field(default_factory=dict)

    @property
    def today(self) -> dt.date:
        """The day of what is happening."""
        return self.agenda.today

    def in_days(self, low: int, high: int) -> dt.date:
        """A day in `low` to `high` days."""
        return self.today + dt.timedelta(days=self.dice.between(low, high))

    def tell(self, kind: str, **fields: object) -> None:
        """Write an event that happens now; a field of None is left out."""
        minute = self.agenda.minute
        clock = {"time": f"{minute // 60:02}:{minute % 60:02}"} if minute else {}
        given = {name: value for name, value in fields.items() if value is not None}
        self.events.append(
            {"account": self.customer.id, "date": self.today.isoformat(), **clock, "event": kind, **given}
        )

    def new_id(self, letter: str) -> str:
        """The next id of its kind, such as `P003`."""
        self._counts[letter] = self._counts.get(letter, 0) + 1
        return f"{letter}{self._counts[letter]:03}"

    def show(self, minor: int) -> str:
        """An amount of the account's currency as the contract writes it."""
        return money.show(minor, self.customer.country.currency)

    def payable(self, invoice: str) -> int:
        """What is open of `invoice` and not in dispute."""
        return max(0, self.book.open_of(invoice) - self.contested.get(invoice, 0))

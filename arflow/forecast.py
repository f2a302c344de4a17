"""What would go out in the next days: each account run ahead, in memory, as if delivery were on. Nothing is written.

No guess: the lives are those that production runs, from now on, with payments taken for complete, every message
arriving where the account has an address, and failing where it has none, and nothing else recorded.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, or_, select

from arflow import clock
from arflow.advance import BATCH, Engineering, ahead, is_its_own
from arflow.life.records import Entry, EntryKind
from arflow.store import accounts, tables

DAYS = 14
"""How many days a forecast looks ahead, today not counted."""

Progress = Callable[[str, float], None]
_LEAVES = ("send", "call")


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """One message or call task: of an account, on its local date, by a rule."""

    account: str
    on: dt.date
    effect: str
    name: str
    rule: str


@dataclass(kw_only=True)
class Forecast:
    """What leaves on each local date from `today` on. `leaving` is all of it, in order."""

    today: dt.date
    days: int
    counts: dict[dt.date, Counter[tuple[str, str]]] = field(default_factory=dict)
    """By date: how many of each (effect, name)."""

    leaving: list[Leaving] = field(default_factory=list)

    def add(self, one: Leaving) -> None:
        """Count one that leaves."""
        self.counts.setdefault(one.on, Counter())[one.effect, one.name] += 1
        self.leaving.append(one)

    @property
    def due_today(self) -> int:
        """How many leave by the end of today."""
        return sum(count for on, found in self.counts.items() for count in found.values() if on <= self.today)

    @property
    def total(self) -> int:
        """How many leave in all."""
        return sum(sum(found.values()) for found in self.counts.values())


def forecast(
    connection: Connection, engineering: Engineering, days: int = DAYS, progress: Progress = lambda *_: None
) -> Forecast:
    """What would leave today and in the next `days` days if delivery were on from now."""
    begins = clock.read(connection).today
    until = begins + dt.timedelta(days=days)
    made = Forecast(today=begins, days=days)
    for done, ids in _batches(connection, until):
        progress("looking ahead", done)
        for entry in _ahead(connection, ids, until, engineering):
            if entry.kind is EntryKind.EFFECT and entry.effect in _LEAVES:
                made.add(
                    Leaving(
                        account=entry.account,
                        on=entry.on,
                        effect=str(entry.effect),
                        name=str(entry.name),
                        rule=str(entry.rule),
                    )
                )
    made.leaving.sort(key=lambda one: (one.on, one.account, one.effect))
    return made


def _ahead(connection: Connection, ids: Sequence[str], until: dt.date, engineering: Engineering) -> list[Entry]:
    """What will happen to families; nothing will to one that is parked because it cannot be lived on."""
    try:
        with connection.begin_nested():
            return list(ahead(connection, ids, until, engineering))
    except Exception as error:
        if not is_its_own(error) or (len(ids) == 1 and not _is_parked(connection, ids[0])):
            raise
    if len(ids) == 1:
        return []
    return [entry for head in ids for entry in _ahead(connection, [head], until, engineering)]


def _is_parked(connection: Connection, head: str) -> bool:
    parked = select(tables.account.c.id).where(accounts.is_of_families([head]), accounts.is_parked())
    return connection.execute(parked).first() is not None


def _batches(connection: Connection, until: dt.date) -> Iterator[tuple[float, list[str]]]:
    """The heads of families with an account that can move by `until`, in batches, with the share that is done."""
    account = tables.account
    moves = or_(account.c.due_on <= until, accounts.waits_for_release())
    heads = accounts.heads_where(connection, moves)
    for at in range(0, len(heads), BATCH):
        yield at / len(heads), heads[at : at + BATCH]

"""What happened day by day, of all accounts of a currency together: money, calls, conversations, promises.

Figures of any period are sums of days, and what was open at the end of a day is the sum of all days until then.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, TextClause, and_, func, or_, select, text

from arflow.store import tables
from arflow.vocabulary import OUTCOMES

_account, _contact, _promise = tables.account, tables.contact, tables.promise

_CONVERSATIONS = sorted(code for code, outcome in OUTCOMES.items() if outcome.is_conversation)
_NO_ATTEMPTS = sorted(code for code, outcome in OUTCOMES.items() if not outcome.is_attempt)


@dataclass(kw_only=True, slots=True)
class Happened:
    """What a day, or many together, changed. Amounts are minor units.

    `receivable` and `overdue`: by how much more was open and overdue at the end. `invoiced` holds no credit notes;
    `collected`, `credited` and `written_off` are less what was reversed. `calls` are attempts to reach somebody,
    `reached` those of them that became a conversation; `conversations` are all, by whomever and whatever way.
    """

    receivable: int = 0
    overdue: int = 0
    invoiced: int = 0
    collected: int = 0
    credited: int = 0
    written_off: int = 0
    calls: int = 0
    reached: int = 0
    conversations: int = 0
    promises: int = 0

    def add(self, other: "Happened | Row[Any]", names: Iterable[str] = ()) -> None:
        """Add another one; of a row only its `names`."""
        for name in names or NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


NUMBERS = tuple(each.name for each in fields(Happened))
MONEY = ("receivable", "overdue", "invoiced", "collected", "credited", "written_off")
TALKS = ("calls", "reached", "conversations")

Daily = Mapping[str, Mapping[dt.date, Happened]]
"""By currency and day; days on which nothing happened are left out."""


def daily(connection: Connection, day: dt.date) -> Daily:
    """Every day until `day`, in every currency, of what the books know."""
    found: dict[str, dict[dt.date, Happened]] = defaultdict(lambda: defaultdict(Happened))
    for row in connection.execute(_money(), {"day": day}):
        found[row.currency][row.on].add(row, MONEY)
    for row in connection.execute(_talks(day)):
        found[row.currency][row.on].add(row, TALKS)
    for row in connection.execute(_promises(day)):
        found[row.currency][row.on].add(row, ("promises",))
    return found


@cache
def _money() -> TextClause:
    return text(Path(__file__).with_name("daily.sql").read_text(encoding="utf-8"))


def talks_counted(
    channel: ColumnElement[Any], direction: ColumnElement[Any], outcome: ColumnElement[Any]
) -> tuple[ColumnElement[int], ...]:
    """How many of TALKS there are among rows of contacts, whose channel, direction and outcome these are."""
    is_attempt = and_(channel == "call", direction == "out", or_(outcome.is_(None), outcome.not_in(_NO_ATTEMPTS)))
    is_conversation = outcome.in_(_CONVERSATIONS)
    return (
        func.count().filter(is_attempt).label("calls"),
        func.count().filter(is_attempt, is_conversation).label("reached"),
        func.count().filter(is_conversation).label("conversations"),
    )


def _talks(day: dt.date) -> Select[Any]:
    counts = talks_counted(_contact.c.channel, _contact.c.direction, _contact.c.outcome)
    which = (_account.c.currency, _contact.c.on)
    joined = _contact.join(_account, _account.c.id == _contact.c.account_id)
    return select(*which, *counts).select_from(joined).where(_contact.c.on <= day).group_by(*which)


def _promises(day: dt.date) -> Select[Any]:
    which = (_account.c.currency, _promise.c.on)
    joined = _promise.join(_account, _account.c.id == _promise.c.account_id)
    count = func.count().label("promises")
    return select(*which, count).select_from(joined).where(_promise.c.on <= day).group_by(*which)

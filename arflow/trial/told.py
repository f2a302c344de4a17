"""What a trial tells: values only, as JSON and the pages have them."""

import datetime as dt
from collections import Counter

import msgspec
from msgspec import Struct

from arflow.life.records import EntryKind

UNKNOWABLE = (
    "A trial knows what the rules do, not what people would have done otherwise: payments, promises, calls and all "
    "else are those that were recorded, when they were; nobody knows who would have paid sooner."
)

STEP, SEND, CALL, PARKED = EntryKind.STEP.value, "send", "call", EntryKind.PARKED.value
_FIRST = (STEP, SEND, CALL)


class Happening(Struct, frozen=True, kw_only=True):
    """One thing that happens to an account, on its local date: a step, an effect, or that it is parked."""

    on: dt.date
    kind: str
    """`step`, `parked`, or an effect of the contract, such as `send` or `call`."""

    what: str
    """The states of a step (`current to reminded`), the name of an effect, the reason of a parking."""

    rule: str = ""

    @property
    def key(self) -> tuple[dt.date, str, str]:
        """Two things with the same key are the same, whichever rule did them."""
        return self.on, self.kind, "" if self.kind == PARKED else self.what

    @property
    def words(self) -> str:
        """In words, without its date."""
        if self.kind == STEP:
            return self.what
        return f"{self.kind}: {self.what}" if self.kind == PARKED else f"{self.kind} {self.what}"


class Count(Struct, frozen=True, kw_only=True):
    """How many such things happen in the week or on the day that begins with `period`: as it is, and when tried."""

    period: dt.date
    kind: str
    what: str
    now: int
    tried: int


class Sum(Struct, frozen=True, kw_only=True):
    """How many such things happen in all."""

    kind: str
    what: str
    now: int
    tried: int


class Standing(Struct, frozen=True, kw_only=True):
    """How many accounts stand in a state at the end, or are parked there for a reason."""

    name: str
    now: int
    tried: int


class Differing(Struct, frozen=True, kw_only=True):
    """An account for which it makes a difference: what happens first under the one that does not under the other.

    None where nothing more happens. A state is that at the end; empty where the account cannot be lived.
    """

    account: str
    currency: str
    overdue: str
    """All that is overdue at the end, in decimals."""

    overdue_minor: int
    now: Happening | None
    tried: Happening | None
    now_state: str
    tried_state: str


class Question(Struct, frozen=True, kw_only=True):
    """What came of one of the two questions, asked of the days from `start` to `until`, both included."""

    start: dt.date
    until: dt.date
    periods: tuple[dt.date, ...]
    """The first days of its weeks, counted back from the last day, or its days."""

    counts: tuple[Count, ...]
    states: tuple[Standing, ...]
    elsewhere: int
    """How many accounts stand in another state at the end."""

    not_begun: int
    """How many accounts have not begun by the end, so that nothing is told of them."""

    parked: tuple[Standing, ...]
    """Those that are parked at the end, by reason, with those that cannot be lived."""

    differing: int
    """For how many accounts it makes a difference."""

    accounts: tuple[Differing, ...]
    """Those of them with most money overdue."""

    def by_period(self, kind: str) -> list[Sum]:
        """How often things of a kind happen in each of its periods, in their order."""
        found = Counter[dt.date](), Counter[dt.date]()
        for count in self.counts:
            if count.kind == kind:
                found[0][count.period] += count.now
                found[1][count.period] += count.tried
        return [Sum(kind=kind, what=f"{day}", now=found[0][day], tried=found[1][day]) for day in self.periods]

    @property
    def sums(self) -> list[Sum]:
        """How often each thing happens in all."""
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for count in self.counts:
            now, tried = found.get((count.kind, count.what), (0, 0))
            found[count.kind, count.what] = now + count.now, tried + count.tried
        keys = sorted(found, key=in_order)
        return [Sum(kind=kind, what=what, now=found[kind, what][0], tried=found[kind, what][1]) for kind, what in keys]


class Trial(Struct, frozen=True, kw_only=True):
    """All that came of a trial."""

    policy: str
    version: str
    active: str | None
    """The version beside which it was tried; None where no policy of its name is active."""

    currencies: tuple[str, ...]
    """The currencies whose accounts can differ: that of the policy, and of the active version."""

    today: dt.date
    recorded_since: dt.date | None
    """The business date on which the first event became known; before it there is no past."""

    accounts: int
    """How many accounts it was tried on."""

    of: int
    """How many there are in these currencies."""

    most: int
    """How many were asked for at most."""

    too_large: int
    """How many there are in families with more accounts than that, of which none is ever taken."""

    smallest: int
    """How many the smallest family has; 0 where there is none."""

    is_cut: bool
    """Whether they are fewer than were asked for, because its time was up."""

    past: Question | None
    ahead: Question | None

    @property
    def facts(self) -> dict[str, object]:
        """All of it as JSON has it: one question after the other, money in decimals only."""
        facts: dict[str, object] = msgspec.to_builtins(self)
        asked = {name: facts.pop(name) for name in ("past", "ahead")}
        questions = [{"question": name, **found} for name, found in asked.items() if isinstance(found, dict)]
        for question in questions:
            for account in question["accounts"]:
                del account["overdue_minor"]
        return facts | {"questions": questions}

    @property
    def scope(self) -> str:
        """On how many accounts it was tried, and that they stand for themselves only."""
        where = " and ".join(self.currencies)
        if not self.of:
            return f"There is no account in {where} to try it on."
        if self.accounts == self.of:
            return f"Tried on all {self.of:,} accounts in {where}."
        if self.too_large == self.of:
            room = f"{self.most:,} account{'' if self.most == 1 else 's'}"
            return f"No family in {where} fits in {room}; ask for at least {self.smallest:,}."
        why = ", as many as its time was enough for" if self.is_cut else ""
        return (
            f"Tried on {self.accounts:,} of {self.of:,} accounts in {where}{why}: whole families, chosen evenly, the "
            f"same each time{self._passed_over}. All numbers are of these alone."
        )

    @property
    def _passed_over(self) -> str:
        return f"; {self.too_large:,} are in families too large to be taken" if self.too_large else ""


def in_order(key: tuple[str, str]) -> tuple[int, str, str]:
    """Steps, messages, calls, then the other effects, and at last what is parked."""
    kind, what = key
    place = _FIRST.index(kind) if kind in _FIRST else len(_FIRST) + (kind == PARKED)
    return place, kind, what

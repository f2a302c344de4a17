"""What happens to accounts under the one and under the other, counted side by side."""

import datetime as dt
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from arflow import money
from arflow.advance import is_its_own
from arflow.life.life import Life
from arflow.life.records import Entry, EntryKind
from arflow.rules.calendar import instant
from arflow.store import accounts
from arflow.trial.told import PARKED, STEP, Count, Differing, Happening, Question, Standing, in_order
from arflow.vocabulary import State

_TOLD = (EntryKind.STEP, EntryKind.EFFECT, EntryKind.PARKED)

Lives = Callable[[Sequence[str]], Mapping[str, Life]]
"""Lives accounts as a question has it."""

_Key = tuple[dt.date, str, str]
"""A period, and what is counted in it: its kind, and what it is."""


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What is kept of one life."""

    happenings: tuple[Happening, ...]
    state: str
    parked: str
    currency: str = ""
    overdue: int = 0

    @property
    def keys(self) -> list[tuple[dt.date, str, str]]:
        """What happened, to be compared."""
        return [one.key for one in self.happenings]


@dataclass(kw_only=True)
class _Side:
    """What is counted under the one or the other."""

    happenings: Counter[_Key] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    parked: Counter[str] = field(default_factory=Counter)


@dataclass(kw_only=True)
class Asked:
    """A question, and what came of it so far: as it is first, then as it is tried."""

    start: dt.date
    until: dt.date
    periods: tuple[dt.date, ...]
    is_past: bool
    lives: tuple[Lives, Lives]
    sides: tuple[_Side, _Side] = field(default_factory=lambda: (_Side(), _Side()))
    elsewhere: int = 0
    not_begun: int = 0
    differing: list[Differing] = field(default_factory=list)

    def ask(self, connection: Connection, heads: Sequence[str]) -> None:
        """Live the families of `heads` under the one and the other."""
        now, tried = (self._seen(connection, heads, lives) for lives in self.lives)
        begun = sorted(now.keys() & tried.keys())
        self.not_begun += len(accounts.members_of(connection, heads)) - len(begun)
        for account in begun:
            one, other = now[account], tried[account]
            self._note(self.sides[0], one)
            self._note(self.sides[1], other)
            self.elsewhere += one.state != other.state
            if one.state != other.state or one.keys != other.keys:
                self.differing.append(_differing(account, one, other))

    def _note(self, side: _Side, seen: _Seen) -> None:
        for one in seen.happenings:
            side.happenings[self._period(one.on), one.kind, "" if one.kind == PARKED else one.what] += 1
        side.states[seen.state] += 1
        if seen.parked:
            side.parked[seen.parked] += 1

    def _period(self, on: dt.date) -> dt.date:
        return self.periods[max(0, bisect_right(self.periods, on) - 1)]

    def _seen(self, connection: Connection, heads: Sequence[str], lives: Lives) -> dict[str, _Seen]:
        """What is kept of the lives of families; of one that cannot be lived, why it cannot."""
        ids = accounts.members_of(connection, heads)
        try:
            with connection.begin_nested():
                found = lives(ids)
        except Exception as error:
            if not is_its_own(error):
                raise
            if len(heads) == 1:
                return {key: self._not_lived(error) for key in ids}
            return {key: seen for head in heads for key, seen in self._seen(connection, [head], lives).items()}
        return {key: self._kept(found[key]) for key in ids if key in found and found[key].account.born}

    def _not_lived(self, error: Exception) -> _Seen:
        why = f"cannot be decided: {error}" if str(error) else repr(error)
        parked = Happening(on=self.start, kind=PARKED, what=why)
        return _Seen(happenings=(parked,), state="", parked=why)

    def _kept(self, life: Life) -> _Seen:
        account, found = life.account, [_happening(entry) for entry in life.entries if entry.kind in _TOLD]
        if account.parked and account.parked.at < instant(life.zone(), self.start, dt.time(0)):
            found = [one for one in found if one.kind != PARKED]  # each cause says again that it is as it was before
        if self.is_past:
            found = [one for one in found if one.on >= self.start]
        return _Seen(
            happenings=tuple(sorted(found, key=lambda one: (one.on, *in_order((one.kind, one.what))))),
            state=account.state.value,
            parked=account.parked.reason if account.parked else "",
            currency=account.currency,
            overdue=account.book.gross_overdue(self.until),
        )

    def told(self, most: int) -> Question:
        """What came of it, with up to `most` of the accounts that differ."""
        now, tried = self.sides
        keys = sorted(now.happenings.keys() | tried.happenings.keys(), key=lambda key: (key[0], *in_order(key[1:])))
        with_most_money = sorted(self.differing, key=lambda one: (-one.overdue_minor, one.account))
        return Question(
            start=self.start,
            until=self.until,
            periods=self.periods,
            counts=tuple(
                Count(period=key[0], kind=key[1], what=key[2], now=now.happenings[key], tried=tried.happenings[key])
                for key in keys
            ),
            states=_standing([*(state.value for state in State), ""], now.states, tried.states),
            elsewhere=self.elsewhere,
            not_begun=self.not_begun,
            parked=_standing(sorted(now.parked.keys() | tried.parked.keys()), now.parked, tried.parked),
            differing=len(self.differing),
            accounts=tuple(with_most_money[:most]),
        )


def _standing(names: Sequence[str], now: Counter[str], tried: Counter[str]) -> tuple[Standing, ...]:
    """Those of `names` that any account has, with how many have it."""
    return tuple(Standing(name=name, now=now[name], tried=tried[name]) for name in names if now[name] or tried[name])


def _happening(entry: Entry) -> Happening:
    match entry.kind:
        case EntryKind.STEP:
            kind, what = STEP, f"{entry.source} to {entry.to}"
        case EntryKind.EFFECT:
            kind, what = str(entry.effect), str(entry.name)
        case _:
            kind, what = PARKED, entry.reason
    return Happening(on=entry.on, kind=kind, what=what, rule=entry.rule or "")


def _differing(account: str, now: _Seen, tried: _Seen) -> Differing:
    """An account for which it makes a difference, with what happens first under the one and not under the other."""
    known = now if now.currency else tried
    return Differing(
        account=account,
        currency=known.currency,
        overdue=money.show(known.overdue, known.currency) if known.currency else "",
        overdue_minor=known.overdue,
        now=_first_alone(now, tried),
        tried=_first_alone(tried, now),
        now_state=now.state,
        tried_state=tried.state,
    )


def _first_alone(one: _Seen, other: _Seen) -> Happening | None:
    """The first thing that happens to `one` and not to the `other`, or more often."""
    left = Counter(other.keys)
    for happening in one.happenings:
        left[happening.key] -= 1
        if left[happening.key] < 0:
            return happening
    return None

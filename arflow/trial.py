"""Tries a policy on the accounts that there are, before it is used: what would have happened, and what will.

The same accounts are lived twice with the core of production, in memory: once under what is active now, and once with
the policy in the place of the active one of its name, or beside the others where none is. Nothing is written. Two
questions are asked, each of which can be left out:

- the past: everything that was recorded is lived anew, from the beginning of each account, with the one policy and the
  other in force all the time. Of other names the policies are active as they were activated. As in a replay messages
  arrive at once, payments are complete and no fuse blows. Each recorded event comes when it became known, so there is
  no past from before the first import;
- ahead: what happens in the next days if the policy is activated now, and if it is not, as a forecast has it: delivery
  is on, payments are complete, messages arrive where there is an address, and nothing else is recorded.

Two lives differ where one thing happens under the one that does not under the other, or on another day; which rule did
it, and at what time of the day, makes no difference.

`python -m arflow.trial` is such a trial in a process of its own, for the pages: it reads what to try as JSON, and
writes what came of it.
"""

import datetime as dt
import sys
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, func, select

from arflow import clock, money
from arflow.advance import Engineering, ahead_under, is_its_own, past_under
from arflow.clock import Now
from arflow.errors import NotNow
from arflow.life.life import Life
from arflow.life.records import Entry, EntryKind
from arflow.rules.engine import DurableRules
from arflow.rules.policy import Policy
from arflow.rules.prove_compile import in_own_process, limit_memory
from arflow.store import accounts, database, policies, tables
from arflow.vocabulary import State

PAST, AHEAD, ACCOUNTS, DIFFERENCES = 90, 14, 2_000, 20
"""How many days are looked at, back and ahead, of how many accounts, and how many that differ are told."""

WEEK = 7
"""How many days of the past are counted together."""

UNKNOWABLE = (
    "A trial knows what the rules do, not what people would have done otherwise: payments, promises, calls and all "
    "else are those that were recorded, when they were; nobody knows who would have paid sooner."
)

STEP, SEND, CALL, PARKED = EntryKind.STEP.value, "send", "call", EntryKind.PARKED.value
_FIRST = (STEP, SEND, CALL)
_TOLD = (EntryKind.STEP, EntryKind.EFFECT, EntryKind.PARKED)
_BATCH = 100
_READ_AT_ONCE = 1_000
_GRACE_SECONDS = 30.0
"""How much longer than it was told a process may take: for the batch that it is at."""

Progress = Callable[[str, float], None]


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
        keys = sorted(found, key=_in_order)
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


def _in_order(key: tuple[str, str]) -> tuple[int, str, str]:
    """Steps, messages, calls, then the other effects, and at last what is parked."""
    kind, what = key
    place = _FIRST.index(kind) if kind in _FIRST else len(_FIRST) + (kind == PARKED)
    return place, kind, what


def tried(
    connection: Connection,
    policy: Policy,
    engineering: Engineering,
    *,
    past: int = PAST,
    ahead: int = AHEAD,
    most: int = ACCOUNTS,
    differences: int = DIFFERENCES,
    seconds: float | None = None,
    progress: Progress = lambda *_: None,
) -> Trial:
    """Try a checked policy on up to `most` accounts, in the past days and in those ahead; 0 days leave that out.

    After `seconds` no further accounts are begun with. `connection` should see one moment of the database.
    """
    begun, now = time.monotonic(), clock.read(connection)
    active = policies.active_one(connection, policy.name)
    stands = policies.named(connection, active.version) if active else None
    currencies = sorted({policy.currency, *([stands.currency] if stands else [])})
    since = _recorded_since(connection)
    two = _Two(connection=connection, now=now, engineering=engineering, stands=stands, policy=policy, since=since)
    asked = ({"past": two.past(past)} if past else {}) | ({"ahead": two.ahead(ahead)} if ahead else {})
    families = _chosen(connection, currencies, most)
    all_of_them, too_large, smallest = _sizes(connection, currencies, most)
    wanted, done = sum(size for _, size in families), 0
    for at in range(0, len(families), _BATCH):
        if done and seconds is not None and time.monotonic() - begun > seconds:
            break
        progress("trying", done / wanted)
        batch = families[at : at + _BATCH]
        for one in asked.values():
            one.ask(connection, [head for head, _ in batch])
        done += sum(size for _, size in batch)
    told = {name: one.told(differences) for name, one in asked.items()}
    return Trial(
        policy=policy.name,
        version=policy.version,
        active=stands.version if stands else None,
        currencies=tuple(currencies),
        today=now.today,
        recorded_since=since,
        accounts=done,
        of=all_of_them,
        most=most,
        too_large=too_large,
        smallest=smallest,
        is_cut=done < wanted,
        past=told.get("past"),
        ahead=told.get("ahead"),
    )


@dataclass(frozen=True, kw_only=True)
class _Two:
    """What is compared: what is active, by the version that `stands` or without any of its name, and `policy`."""

    connection: Connection
    now: Now
    engineering: Engineering
    stands: Policy | None
    policy: Policy
    since: dt.date | None
    """The day on which the first event became known."""

    def past(self, days: int) -> "_Asked":
        """What happened in so many days until today, asked of no account yet; not before there is a past."""
        start = self.now.today - dt.timedelta(days=days - 1)
        if self.since is not None and self.since <= self.now.today:
            start = max(start, self.since - dt.timedelta(days=1))  # it may be yesterday elsewhere
        return _Asked(
            start=start,
            until=self.now.today,
            periods=_periods(start, self.now.today, WEEK),
            is_past=True,
            lives=(
                lambda ids: past_under(self.connection, ids, self.now, self.engineering, policy=self.stands),
                lambda ids: past_under(self.connection, ids, self.now, self.engineering, policy=self.policy),
            ),
        )

    def ahead(self, days: int) -> "_Asked":
        """What happens today and in so many days after, asked of no account yet."""
        until = self.now.today + dt.timedelta(days=days)
        return _Asked(
            start=self.now.today,
            until=until,
            periods=_periods(self.now.today, until, 1),
            is_past=False,
            lives=(
                lambda ids: ahead_under(self.connection, ids, self.now, until, self.engineering),
                lambda ids: ahead_under(self.connection, ids, self.now, until, self.engineering, policy=self.policy),
            ),
        )


def _periods(start: dt.date, until: dt.date, length: int) -> tuple[dt.date, ...]:
    """The first days of periods of so many days, counted back from `until`; the first may be shorter."""
    first, found = until + dt.timedelta(days=1), list[dt.date]()
    while first > start:
        first = max(start, first - dt.timedelta(days=length))
        found.append(first)
    return tuple(reversed(found))


# --- which accounts ---------------------------------------------------------------------------------------------------


def _chosen(connection: Connection, currencies: Sequence[str], most: int) -> list[tuple[str, int]]:
    """The heads of families with up to `most` accounts in all, each with its size, in the order of their hashes.

    So the first of them are as even a choice as all. A family that is too large for what is left is passed over, so
    they are read until nothing is left, however many that are.
    """
    family = tables.account.c.family
    fitting = _families(currencies).having(func.count() <= most).order_by(func.md5(family), family)
    found, left = list[tuple[str, int]](), most
    with connection.execute(fitting, execution_options={"yield_per": _READ_AT_ONCE}) as rows:
        for row in rows:
            if row.size <= left:
                found.append((row.family, row.size))
                left -= row.size
            if not left:
                break
    return found


def _families(currencies: Sequence[str]) -> Select[tuple[str, int]]:
    """Every family with its size."""
    family = tables.account.c.family
    return select(family, func.count().label("size")).where(_is_in(currencies)).group_by(family)


def _sizes(connection: Connection, currencies: Sequence[str], most: int) -> tuple[int, int, int]:
    """How many accounts there are, how many of them in families of more than `most`, and in the smallest family."""
    size = _families(currencies).subquery().c.size
    too_large = func.sum(size).filter(size > most)
    row = connection.execute(select(func.sum(size), too_large, func.min(size))).one()
    return int(row[0] or 0), int(row[1] or 0), int(row[2] or 0)


def _is_in(currencies: Sequence[str]) -> ColumnElement[bool]:
    return tables.account.c.currency.in_(currencies)


def _recorded_since(connection: Connection) -> dt.date | None:
    event = tables.event.c
    first = connection.execute(select(event.known_on, event.known_at).order_by(event.id).limit(1)).first()
    if first is None:
        return None
    return first.known_on or (first.known_at.date() if first.known_at else None)


# --- how they are lived -----------------------------------------------------------------------------------------------

_Lives = Callable[[Sequence[str]], Mapping[str, Life]]
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
class _Asked:
    """A question, and what came of it so far: as it is first, then as it is tried."""

    start: dt.date
    until: dt.date
    periods: tuple[dt.date, ...]
    is_past: bool
    lives: tuple[_Lives, _Lives]
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

    def _seen(self, connection: Connection, heads: Sequence[str], lives: _Lives) -> dict[str, _Seen]:
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
        if self.is_past:
            found = [one for one in found if one.on >= self.start]
        return _Seen(
            happenings=tuple(sorted(found, key=lambda one: (one.on, *_in_order((one.kind, one.what))))),
            state=account.state.value,
            parked=account.parked.reason if account.parked else "",
            currency=account.currency,
            overdue=account.book.gross_overdue(self.until),
        )

    def told(self, most: int) -> Question:
        """What came of it, with up to `most` of the accounts that differ."""
        now, tried = self.sides
        keys = sorted(now.happenings.keys() | tried.happenings.keys(), key=lambda key: (key[0], *_in_order(key[1:])))
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


# --- in a process of its own ------------------------------------------------------------------------------------------


class Order(Struct, frozen=True, kw_only=True):
    """What a process is to try: a version that is kept in a database, on how many accounts, in about what time."""

    url: str
    version: str
    most: int
    seconds: float


def in_process(order: Order) -> Trial:
    """Try a kept version in a process of its own. Raises NotNow when it came to no end."""
    done = in_own_process("arflow.trial", msgspec.json.encode(order).decode(), order.seconds + _GRACE_SECONDS)
    if done.trouble:
        raise NotNow(f"the trial came to no end: {done.trouble}")
    if not done.is_over:
        raise NotNow(f"{order.seconds + _GRACE_SECONDS:g} seconds were not enough to try even a few accounts")
    return msgspec.json.decode(done.written, type=Trial)


def main() -> None:
    """Try what standard input says."""
    limit_memory()
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    engine = database.connect(order.url)
    with database.one_moment(engine) as connection:
        policy = policies.version(connection, order.version)
        doors = Engineering(evaluator=DurableRules())
        made = tried(connection, policy, doors, most=order.most, seconds=order.seconds)
    engine.dispose()
    sys.stdout.buffer.write(msgspec.json.encode(made))


if __name__ == "__main__":
    main()

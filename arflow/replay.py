"""`arflow replay`: the pure core driven from a file of events, no database (contract, section 7).

Everything is read and checked before anything is printed; a refusal leaves no half output.
"""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

from arflow import money
from arflow.accounts.entries import Account
from arflow.accounts.events import Event, parse_line
from arflow.accounts.facts import Reading, snapshot
from arflow.accounts.timeline import Moment, timeline
from arflow.errors import Refused
from arflow.evolving import worked_out
from arflow.life.life import Life
from arflow.life.lives import Lived, PolicyChange, live, payers_of
from arflow.life.records import Entry, EntryKind, LedgerHistory, World
from arflow.rules.decide import Evaluator
from arflow.rules.loader import MAX_BYTES, load_policy
from arflow.rules.policy import Policy

MAX_LINE = 1_000_000
"""The longest line of an events file, in bytes."""

Line = Mapping[str, object]

Place = tuple[str | int, ...]
"""Where a line belongs: its instant, then its account and what it is among the account's; of a state, the account."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to replay. `until` is inclusive (None: the last event's date); `states_at` asks for states, not lines."""

    events: tuple[Event, ...]
    policy: Policy
    changes: tuple[PolicyChange, ...] = ()
    until: dt.date | None = None
    states_at: dt.date | None = None
    delivery: str = "instant"
    every_day: bool = False
    file: str = "events"

    @worked_out
    def last_day(self) -> dt.date:
        """The day through which the replay runs."""
        days = [event.on for event in self.events]
        return self.states_at or self.until or max(days, default=dt.date.min)


def read_events(path: Path) -> tuple[Event, ...]:
    """The events of a JSON-lines file. Raises Refused with file and line."""
    with opened(path) as file:
        return tuple(events_of(file, str(path)))


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file at `path`, to read. Raises Refused when it cannot be read."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}", file=str(path)) from None


def events_of(lines: BinaryIO, name: str) -> Iterator[Event]:
    """The events in an open file, one after the other, in bounded memory."""
    number = 0
    while line := lines.readline(MAX_LINE + 1):
        number += 1
        event = event_in(line, name, number)
        if event is not None:
            yield event


def event_in(line: bytes, name: str, number: int) -> Event | None:
    """The event in line `number` of the file `name`, None of an empty one. Raises Refused with file and line."""
    if len(line) > MAX_LINE:
        raise Refused(f"the line is longer than {MAX_LINE:,} bytes", file=name, line=number)
    if not line.strip():
        return None
    try:
        return parse_line(line.decode("utf-8-sig" if number == 1 else "utf-8"), number)
    except UnicodeDecodeError:
        raise Refused("the line is not UTF-8 text", file=name, line=number) from None
    except Refused as refused:
        raise refused.within(name) from None


def read_policy(path: Path) -> Policy:
    """The policy in a file; any template name is taken. Raises Refused with file and line."""
    with opened(path) as file:
        text = file.read(MAX_BYTES + 1)
    return load_policy(text, file=str(path))


def changes_in(events: Iterable[Event], folder: Path, file: str) -> tuple[PolicyChange, ...]:
    """The policy changes among `events`, in order; their files are relative to `folder`."""
    found = []
    for event in sorted(_policy_events(events), key=lambda event: (event.on, event.clock)):
        path = folder / event.text("file")
        try:
            policy = read_policy(path)
        except Refused as refused:
            if refused.reason.startswith("cannot be read"):
                raise Refused(f"policy `{event.text('file')}` {refused.reason}", file=file, line=event.line) from None
            raise
        found.append(PolicyChange(on=event.on, clock=event.clock, policies=(policy,)))
    return tuple(found)


def _policy_events(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if event.kind == "policy"]


def replay(request: Request, evaluator: Evaluator) -> list[Line]:
    """The lines that the replay prints, in order. Raises Refused with file and line."""
    return [line for _, line in placed_lines(request, evaluator)]


def placed_lines(request: Request, evaluator: Evaluator) -> list[tuple[Place, Line]]:
    """The lines that the replay prints, each with its place, in order. Raises Refused with file and line."""
    lived = lives(request, evaluator)
    if request.states_at is not None:
        found = [((one.account.id,), _state_line(one.life, request.states_at)) for one in lived]
        return sorted(found, key=itemgetter(0))
    lines = [
        (_place(entry, at), line)
        for one in lived
        for at, entry in enumerate(one.entries)
        if (line := line_of(entry)) is not None
    ]
    return sorted(lines, key=itemgetter(0))


def _place(entry: Entry, at: int) -> Place:
    return entry.at.astimezone(dt.UTC).isoformat(timespec="microseconds"), entry.account, at


def lives(request: Request, evaluator: Evaluator) -> Iterator[Lived]:
    """Every account's life, payers before those who pay through them."""
    moments = _timelines(request)
    through = {account: payers for account, found in moments.items() if (payers := _payers(found))}
    ledgers: dict[str, LedgerHistory] = {payer: LedgerHistory() for payers in through.values() for payer in payers}
    world = World(
        policies=(request.policy,),
        evaluator=evaluator,
        delivery=request.delivery,
        every_day=request.every_day,
        ledgers=ledgers,
    )
    for account in sorted(moments, key=lambda account: (account in through, account)):
        for payer in through.get(account, ()):
            _check_payer(request, moments, account, payer)
        lived = _live(request, world, account, moments[account])
        if lived is not None:
            if account in ledgers:
                ledgers[account] = lived.ledgers
            yield lived


def _payers(moments: Iterable[Moment]) -> frozenset[str]:
    return payers_of(event for moment in moments for event in moment.events)


def _live(request: Request, world: World, account: str, moments: list[Moment]) -> Lived | None:
    if moments[0].on > request.last_day:
        return None
    blank = Account(id=account, currency=_currency(request, moments))
    try:
        return live(blank, moments, world, request.last_day, request.changes)
    except Refused as refused:
        raise refused.within(request.file) from None


def _timelines(request: Request) -> dict[str, list[Moment]]:
    by_account: dict[str, list[Event]] = defaultdict(list)
    for event in request.events:
        if event.kind != "policy":
            by_account[event.account].append(event)
    try:
        return {account: timeline(events) for account, events in by_account.items()}
    except Refused as refused:
        raise refused.within(request.file) from None


def _check_payer(request: Request, moments: Mapping[str, list[Moment]], account: str, payer: str) -> None:
    """Raise Refused unless `payer` is an account that pays for itself: there is one level only."""
    if payer not in moments:
        reason = "which is unknown"
    elif payer == account:
        reason = "which is itself"
    elif _payers(moments[payer]):
        reason = "which pays through another"
    else:
        return
    line = next(e.line for m in moments[account] for e in m.events if e.text("pays_through") == payer)
    raise Refused(f"account `{account}` pays through `{payer}`, {reason}", file=request.file, line=line)


def _currency(request: Request, moments: Iterable[Moment]) -> str:
    """The account's currency: the first one recorded of it, else the policy's. Raises Refused when two are recorded."""
    named = (e for moment in moments for e in moment.events if e.kind == "account" and "currency" in e.data)
    given = [(event.text("currency"), event.line) for event in named]
    for currency, line in given:
        try:
            money.exponent(currency)
        except Refused as refused:
            raise Refused(refused.reason, file=request.file, line=line) from None
        if currency != given[0][0]:
            reason = f"the account is in {given[0][0]} and cannot change to {currency}; open another account"
            raise Refused(reason, file=request.file, line=line)
    return given[0][0] if given else request.policy.currency


_SHOWN = {
    EntryKind.STEP: ("from", "to", "rule", "cause"),
    EntryKind.EFFECT: ("effect", "name", "rule"),
    EntryKind.PARKED: ("rule", "to", "cause", "reason"),
}


def line_of(entry: Entry) -> Line | None:
    """The line that `entry` prints; acts and dropped effects print none."""
    if entry.kind not in _SHOWN:
        return None
    shown = {"from": entry.source, "to": entry.to, "rule": entry.rule, "cause": entry.cause, "reason": entry.reason}
    shown |= {"effect": entry.effect, "name": entry.name}
    fixed = {
        "kind": entry.kind.value,
        "date": entry.on.isoformat(),
        "time": f"{entry.clock:%H:%M}",
        "account": entry.account,
    }
    return fixed | {name: shown[name] for name in _SHOWN[entry.kind]}


def _state_line(life: Life, day: dt.date) -> Line:
    account = life.account
    end = max(account.policy_day, day)
    facts = snapshot(account, end, Reading(terms=life.terms)).facts
    return {
        "kind": "state",
        "account": account.id,
        "state": account.state.value,
        "days_overdue": facts.days_overdue,
        "overdue_amount": money.show(facts.overdue_amount, account.currency),
    }


def as_jsonl(lines: Iterable[Line]) -> str:
    """The lines as JSON, one a line."""
    return "".join([_encoded(line) + "\n" for line in lines])


_encoded = json.JSONEncoder(ensure_ascii=False).encode

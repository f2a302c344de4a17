"""A replay of a large file, shared between processes: each lives whole families, and what they say is put in order.

It prints what one process would print, and refuses what that would refuse. The file is read once to the end, of which
only the places of each account's lines are kept; hands of families go to the processes, which read those lines again
and write what came of them, in order, to a file a hand. Nobody holds the whole, neither of the events nor of the lines.
"""

import datetime as dt
import gc
import heapq
import json
import os
import signal
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory

from arflow.accounts.events import Event
from arflow.errors import ArflowError, Refused
from arflow.replay import (
    MAX_LINE,
    Request,
    as_jsonl,
    changes_in,
    event_in,
    opened,
    placed_lines,
    read_events,
    replay,
)
from arflow.rules.engine import DurableRules

AT_ONCE = 100
"""How many accounts a process is handed at a time, and more of a large file; a family is never divided."""

_MOST_HANDS = 200
"""Of a very large file the hands are larger: what came of each is one open file in the end."""

_SMALL = 1_000_000
"""So many bytes of events are lived before another process has begun."""

_COLLECTED_AFTER = 20_000
"""How many more objects there are when a process looks for circles among them: a life leaves next to none."""

_SPAWN = get_context("spawn")

Tell = Callable[[str, float], None]
"""Told what is being done, and how much of it is, from 0 to 1."""

_Hand = Sequence[tuple[int, int]]
"""The lines of some families: where each begins in the file, and its number."""


def processes_for(path: Path) -> int:
    """How many processes should share a replay of the events in `path`: as there are cores, if it is worth it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, path.stat().st_size // _SMALL)) if path.is_file() else 1


def replayed(path: Path, asked: Request, processes: int, tell: Tell) -> Iterator[str]:
    """What a replay of the events in `path` prints, line by line; `asked` is without events and policy changes.

    Nothing is given before all has been lived. What cannot be read twice is lived by one process. Raises Refused with
    file and line, and ArflowError when a process is killed.
    """
    if processes == 1 or not path.is_file():
        events = read_events(path)
        whole = replace(asked, events=events, changes=changes_in(events, path.parent, asked.file))
        for line in replay(whole, DurableRules()):
            yield as_jsonl([line])
        return
    book = _read_through(path, asked.file)
    changes = changes_in(book.policies, path.parent, asked.file)
    hands = list(_hands(book))
    with TemporaryDirectory(prefix="arflow-replay-") as folder:
        whole = replace(asked, changes=changes, until=asked.until or book.last_day)
        shared = _Shared(path=path, whole=whole, folder=Path(folder))
        refused = _share(shared, hands, processes, tell)
        if refused:
            _refuse(shared, refused)
        yield from _in_order(shared.run(at) for at in range(len(hands)))


@dataclass(frozen=True, kw_only=True)
class _Shared:
    """What all processes are told: the file, what is asked of it, and the folder for what comes of each hand."""

    path: Path
    whole: Request
    folder: Path

    def run(self, at: int) -> Path:
        """The file of what came of a hand."""
        return self.folder / str(at)

    def request(self, hand: _Hand) -> Request:
        """What is asked of the lines of a hand, in the order of the file. Raises Refused with file and line."""
        events = []
        with opened(self.path) as file:
            for offset, number in hand:
                file.seek(offset)
                events.append(event_in(file.readline(MAX_LINE + 1), self.whole.file, number))
        return replace(self.whole, events=tuple(event for event in events if event is not None))


# --- who belongs together ---------------------------------------------------------------------------------------------


@dataclass
class _Book:
    """What is kept of a file: for each account where its lines begin and their numbers, and with whom it belongs."""

    lines: "dict[str, array[int]]" = field(default_factory=dict)
    families: dict[str, list[str]] = field(default_factory=dict)
    policies: list[Event] = field(default_factory=list)
    last_day: dt.date = dt.date.min

    def note(self, event: Event, offset: int) -> None:
        """Note the event of the line that begins at `offset`."""
        self.last_day = max(self.last_day, event.on)
        if event.kind == "policy":
            self.policies.append(event)
            return
        self.lines.setdefault(event.account, array("q")).extend((offset, event.line))
        payer = event.text("pays_through")
        if payer:
            self._join(event.account, payer)

    def _join(self, account: str, payer: str) -> None:
        mine, theirs = (self.families.setdefault(name, [name]) for name in (account, payer))
        if mine is not theirs:
            large, small = sorted((mine, theirs), key=len, reverse=True)
            large += small
            self.families.update(dict.fromkeys(small, large))


def _read_through(path: Path, name: str) -> _Book:
    """Read the file to its end, as a replay in one process begins. Raises Refused with file and line."""
    book, offset, number = _Book(), 0, 0
    with opened(path) as file:
        while line := file.readline(MAX_LINE + 1):
            number += 1
            event = event_in(line, name, number)
            if event is not None:
                book.note(event, offset)
            offset += len(line)
    return book


def _hands(book: _Book) -> Iterator[_Hand]:
    """The lines of all accounts, of some whole families at a time."""
    most = max(AT_ONCE, len(book.lines) // _MOST_HANDS)
    held: list[str] = []
    seen: set[str] = set()
    for account in book.lines:
        if account not in seen:
            family = book.families.get(account, [account])
            seen.update(family)
            held += family
            if len(held) >= most:
                yield _lines_of(book, held)
                held = []
    yield _lines_of(book, held)


def _lines_of(book: _Book, accounts: Iterable[str]) -> _Hand:
    found = [book.lines[account] for account in accounts if account in book.lines]
    return sorted(place for places in found for place in zip(places[::2], places[1::2], strict=True))


# --- the processes ----------------------------------------------------------------------------------------------------


def _share(asked: _Shared, hands: Sequence[_Hand], processes: int, tell: Tell) -> list[_Hand]:
    """Let so many processes live all hands; gives those of which something is refused."""
    left, busy = iter(enumerate(hands)), dict[Connection, _Hand]()
    refused: list[_Hand] = []

    def give(pipe: Connection) -> None:
        for at, hand in islice(left, 1):
            busy[pipe] = hand
            pipe.send((at, hand))

    with ExitStack() as stack:
        try:
            for _ in range(min(processes, len(hands))):
                give(stack.enter_context(_process(asked)))
            for done in range(len(hands)):
                tell("replaying", done / len(hands))
                pipe = _next(busy)
                hand = busy.pop(pipe)
                if not pipe.recv():
                    refused.append(hand)
                give(pipe)
        except (EOFError, ConnectionError):
            raise ArflowError(_ENDED) from None
    return refused


_ENDED = (
    "a process of the replay ended before its work was done, as one does that is killed or finds no memory; "
    "repeat it with fewer --processes"
)


def _next(busy: Iterable[Connection]) -> Connection:
    """The process that is done first, or has ended."""
    pipe = wait(list(busy))[0]
    if not isinstance(pipe, Connection):
        raise TypeError(pipe)
    return pipe


@contextmanager
def _process(asked: _Shared) -> Iterator[Connection]:
    """A process that lives hands, and the pipe to it; it is gone afterwards."""
    here, there = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_live_hands, args=(asked, there), daemon=True)
    process.start()
    there.close()
    try:
        yield here
    finally:
        here.close()
        process.terminate()
        process.join()


def _live_hands(asked: _Shared, pipe: Connection) -> None:
    """What such a process does: live what it is handed, and say whether it could, until its pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who stops the replay stops its first process, which ends this one
    gc.freeze()  # as the command does
    gc.set_threshold(_COLLECTED_AFTER)
    evaluator = DurableRules()
    with suppress(EOFError, ConnectionError):
        while True:
            at, hand = pipe.recv()
            pipe.send(_live(asked.request(hand), evaluator, asked.run(at)))


def _live(request: Request, evaluator: DurableRules, run: Path) -> bool:
    """Write what a replay prints to `run`, each line with its place; gives False when it is refused."""
    try:
        found = placed_lines(request, evaluator)
    except ArflowError:
        return False
    with run.open("w", encoding="ascii") as file:
        file.writelines(json.dumps((place, as_jsonl([line]))) + "\n" for place, line in found)
    return True


# --- what came of it --------------------------------------------------------------------------------------------------


def _refuse(asked: _Shared, refused: Iterable[_Hand]) -> None:
    """Raise Refused as one process would, which lives some accounts before others: of the hands, as of the whole."""
    together = sorted(line for hand in refused for line in hand)
    replay(asked.request(together), DurableRules())
    raise Refused("the file was changed while it was read", file=asked.whole.file)


def _in_order(runs: Iterable[Path]) -> Iterator[str]:
    """The lines of all files, by their places."""
    with ExitStack() as stack:
        files = [stack.enter_context(run.open(encoding="ascii")) for run in runs]
        for _, line in heapq.merge(*(map(json.loads, file) for file in files), key=itemgetter(0)):
            yield line

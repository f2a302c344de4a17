"""The faults: each is made by one function, counted under its kind, and left to be mended by arflow itself."""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import psutil  # type: ignore[import-untyped]  # it comes along with the embedded PostgreSQL
from rq import Queue
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from arflow import advance, queues
from arflow.advance import Engineering
from arflow.errors import Conflict
from arflow.rules.engine import DurableRules
from tests.chaos.letterbox import Flight, Mood
from tests.chaos.world import LEASE_SECONDS, Event, World
from tests.production import write_events
from tests.servers import is_alive

TICKER, DRAIN, DELIVER = "kill -9 of the ticker", "kill -9 of a drain worker", "kill -9 of a deliver worker"
WEB, SUPERVISOR = "kill -9 of the pages", "kill -9 of the supervisor"
STOPPED, POSTGRES, WIPED = "SIGSTOP beyond the lease", "PostgreSQL ended at once", "FLUSHALL"
JUNK, TWICE, RIVALS = "junk jobs", "events twice and out of order", "two people at once"
REFUSES, HANGS, DIES = "SMTP refuses", "SMTP hangs", "SMTP takes and dies"

MAY_REPEAT = frozenset({DELIVER, SUPERVISOR, STOPPED, POSTGRES, DIES})
"""Faults during which a letter may have been taken, and not marked."""

# --- processes --------------------------------------------------------------------------------------------------------


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process that may be gone already, and see a killed one die."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
    while number is signal.SIGKILL and is_alive(pid):
        time.sleep(0.01)  # the kernel takes its time to end it, and nothing tells when it has


def ticker_killed(world: World) -> None:
    pid = world.child("ticker")
    with world.books.fault(TICKER):
        kill(pid)


def pages_killed(world: World) -> None:
    pid = world.child("web")
    with world.books.fault(WEB):
        kill(pid)


def drain_killed(world: World) -> None:
    """All drain workers, while one of them stands in the middle of a transaction, if there is any work."""
    pids = [world.child(name) for name in world.workers(queues.DRAIN)]
    with suppress(DBAPIError), world.engine.begin() as connection:
        connection.execute(text("LOCK TABLE journal IN SHARE MODE"))
        until = time.monotonic() + 5
        stands = text("SELECT count(*) FROM pg_locks WHERE relation = 'journal'::regclass AND NOT granted")
        while time.monotonic() < until and not connection.execute(stands).scalar_one():
            time.sleep(0.02)  # a worker comes to the lock on its own time, if there is any work
        with world.books.fault(DRAIN):
            for pid in pids:
                kill(pid)


def deliver_killed(world: World) -> None:
    """A deliver worker with a letter in its hand: before the server has taken it, and next time when it has."""

    def killed(flight: Flight) -> None:
        with world.books.fault(DELIVER):
            kill(_client(world, flight))

    moods = (Mood.BEFORE, Mood.AFTER)
    _in_flight(world, moods[world.books.counted[DELIVER] % 2], killed)


def worker_stopped(world: World) -> None:
    """A deliver worker with a letter in its hand, or a drain worker, stopped for longer than the lease."""
    if world.rng.random() < 1 / 3:
        _stop(world, world.child(world.rng.choice(world.workers(queues.DRAIN))))
    else:
        _in_flight(world, Mood.AFTER, lambda flight: _stop(world, _client(world, flight)))


def _stop(world: World, pid: int) -> None:
    fault = world.books.begin(STOPPED)
    kill(pid, signal.SIGSTOP)

    def goes_on() -> None:
        kill(pid, signal.SIGCONT)
        fault.ended = time.monotonic()

    world.later(LEASE_SECONDS + 2, goes_on)


def _in_flight(world: World, mood: Mood, done: Callable[[Flight], None]) -> None:
    """Do something to the client of one of the next letters; wait until it was done."""
    wish = world.letterbox.wish(mood, done)
    world.until("a letter", lambda: wish.is_done.is_set() or None)


def _client(world: World, flight: Flight) -> int:
    """The deliver worker that holds the other end of a letter's connection."""
    pids = [pid for name, pid in world.up.children().items() if name in world.workers(queues.DELIVER)]
    for pid in pids:
        with suppress(psutil.Error):
            if any(one.laddr.port == flight.port for one in psutil.Process(pid).net_connections("tcp") if one.laddr):
                return pid
    return pids[0]


def supervisor_killed(world: World) -> None:
    """`arflow up` itself; everything else ends with it, and it is started again on the same home."""
    with world.books.fault(SUPERVISOR):
        kill(world.up.process.pid)
        world.up.process.wait()
        world.bring_up()


# --- servers ----------------------------------------------------------------------------------------------------------


def postgres_ended(world: World) -> None:
    """PostgreSQL ends without order; its keeper starts it again."""
    before = world.child("PostgreSQL")
    with world.books.fault(POSTGRES):
        kill(before, signal.SIGQUIT)
        world.until("a PostgreSQL that ended", lambda: not is_alive(before) or None)
        world.until("another PostgreSQL", lambda: world.up.children().get("PostgreSQL"))
        world.ask("SELECT 1")


def wiped(world: World) -> None:
    with world.books.fault(WIPED):
        world.until("FLUSHALL", lambda: _wiped(world))


def _wiped(world: World) -> bool:
    with world.up.redis as redis:
        return bool(redis.flushall())


def junk(world: World) -> None:
    """Jobs that name other functions or things that are nowhere, bytes that are no job, entries without one."""
    world.until("a Valkey", lambda: _filled(world))
    world.books.begin(JUNK).ended = time.monotonic()


def _filled(world: World) -> bool:
    with world.up.redis as redis:
        for kind in queues.KINDS:
            bell = Queue(f"arflow-{kind}", connection=redis, serializer="json")
            bell.enqueue_call("os.mkdir", args=(str(world.junk_marks),))
            bell.enqueue_call(queues.ENTRY, args=(f"account A{world.rng.randrange(10**9)}",))
            bell.enqueue_call(queues.ENTRY, args=(kind, world.rng.randrange(10**9)))
            broken = bell.enqueue_call(queues.ENTRY, args=(kind,))
            redis.hset(broken.key, "data", world.rng.randbytes(100))
            redis.rpush(bell.key, "nowhere", world.rng.randbytes(20))
    return True


# --- what comes in ----------------------------------------------------------------------------------------------------


def events_twice(world: World) -> None:
    """Events that are known come in again, accounts for the first time, in any order, by three imports at once."""
    with world.one_day() as today, world.books.fault(TWICE):
        number = len(world.books.faults)
        known: list[Event | None] = list(world.rng.sample(world.books.events, min(500, len(world.books.events))))
        new = world.ledgers(world.size.newcomers, world.after(today))
        world.rng.shuffle(new)
        world.books.events += new
        places = [*known, *([None] * len(new))]
        world.rng.shuffle(places)
        following = iter(new)
        first = write_events(world.folder / f"first-{number}.jsonl", new)
        again = (event or next(following) for event in places)  # the new ones among themselves in their order
        second = write_events(world.folder / f"second-{number}.jsonl", again)
        at_once([partial(world.take_in, path) for path in (first, second, second)])


def at_once(doing: Sequence[Callable[[], None]]) -> None:
    """Do all of it at the same time."""
    threads = [threading.Thread(target=do) for do in doing]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def rivals(world: World) -> None:
    """Two people look at the same account and record something at once: one wins, the other is told."""
    with world.one_day() as today, world.books.fault(RIVALS):
        account = f"A{world.rng.randint(1, world.size.accounts):05}"
        on, number = world.after(today).isoformat(), len(world.books.faults)
        contents: list[Event] = [
            {"event": "payment", "id": f"by-{who}-{number}", "amount": "10.00", "date": on, "time": "12:34"}
            for who in ("ann", "bob")
        ]
        while not world.until("an answer to two people", lambda: _raced(world, account, contents)):
            pass


def _raced(world: World, account: str, contents: list[Event]) -> bool:
    """Let both record at once; False when a worker was quicker than either."""
    seen = world.ask("SELECT version FROM account WHERE id = :id", id=account)[0].version
    barrier, won = threading.Barrier(2), list[Event]()

    def tried(content: Event) -> None:
        doors = Engineering(evaluator=DurableRules(), delivery="recorded")
        barrier.wait()
        with suppress(Conflict):
            with world.engine.begin() as connection:
                advance.record(connection, account, [content], actor=str(content["id"]), engineering=doors, seen=seen)
            won.append(content)

    at_once([partial(tried, content) for content in contents])
    world.books.events += [content | {"account": account} for content in won]
    if won:
        world.books.rivals.append(len(won))
    return bool(won)


# --- the mail server --------------------------------------------------------------------------------------------------


def smtp_refuses(world: World) -> None:
    _misbehaves(world, REFUSES, Mood.NOT_NOW, Mood.NOT_NOW, Mood.NEVER, Mood.NO)


def smtp_hangs(world: World) -> None:
    _misbehaves(world, HANGS, Mood.HANGS)


def smtp_dies(world: World) -> None:
    _misbehaves(world, DIES, Mood.DIES, Mood.TAKES_AND_DIES, Mood.TAKES_AND_DIES, Mood.ANSWERS_AND_DIES)


def _misbehaves(world: World, kind: str, *moods: Mood) -> None:
    """Have the next letters treated badly; counted when it happens. It is over when the letter is."""
    for _ in range(world.rng.randint(2, 4)):
        world.letterbox.wish(world.rng.choice(moods), lambda flight: world.books.about(kind, flight))


FAULTS: dict[str, Callable[[World], None]] = {
    TICKER: ticker_killed,
    DRAIN: drain_killed,
    DELIVER: deliver_killed,
    WEB: pages_killed,
    SUPERVISOR: supervisor_killed,
    STOPPED: worker_stopped,
    POSTGRES: postgres_ended,
    WIPED: wiped,
    JUNK: junk,
    TWICE: events_twice,
    RIVALS: rivals,
    REFUSES: smtp_refuses,
    HANGS: smtp_hangs,
    DIES: smtp_dies,
}
"""What is done for each kind of fault."""

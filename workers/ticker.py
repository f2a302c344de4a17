"""Looks at PostgreSQL every second, and rings Redis while there is work. Several may run; none keeps anything.

Redis may be wiped or started anew at any moment: the next tick rings again. RQ's own scheduler, registries and
maintenance play no part. On a demo's clock the ticker that finds its time come lets the day move on. Once a day the
first of them writes the anchor of the journal, in a thread of its own, so that it rings on.
"""

import threading
from pathlib import Path
from time import monotonic

from redis import Redis
from sqlalchemy import Connection, Engine

from arflow import anchors, clock, queues
from arflow.advance import BATCH
from arflow.clock import Demo
from arflow.logs import failure, log
from arflow.store import database, waiting
from workers import entry
from workers.entry import Process
from workers.patience import AWAY, Backoff, reached, require_away

SECONDS, BUSY_SECONDS = 1.0, 0.5
"""How long from one look to the next, without and with work."""

RINGS = 4
"""How many jobs may wait in a queue."""

NAME, DEMO_CLOCK = "ticker", "demo clock"

ANCHOR_SECONDS = 60.0
"""How often it is looked whether today has its anchor."""


def tick(engine: Engine, redis: Redis) -> float:
    """Look once and ring; gives how many seconds to wait until the next look.

    Raises DatabaseRefused while a backup is being restored: nobody is rung for a copy that is not harmless yet.
    """
    with engine.begin() as connection:
        database.require_restored(connection)
        waiting.beat(connection, NAME)
        pace, now = SECONDS, clock.read(connection)
        if now.is_demo:
            pace, now = _let_demo_move(connection, clock.demo(connection)), clock.read(connection)
        found = waiting.look(connection, now.latest, now.day, RINGS * BATCH)
    wanted = {queues.DRAIN: -(-found.accounts // BATCH), queues.DELIVER: -(-found.messages // BATCH)}
    for kind, count in wanted.items():
        if count:
            queues.ring(redis, kind, min(count, RINGS))
    return min(pace, BUSY_SECONDS if any(wanted.values()) else SECONDS)


def _let_demo_move(connection: Connection, demo: Demo | None) -> float:
    """Let a day of a demo pass when its time has come and today is over; gives how soon to look again for it."""
    if demo is None or not demo.is_running:
        return SECONDS
    is_over = clock.is_at_rest(connection, clock.Now(day=demo.day))
    if is_over and waiting.beat_once(connection, DEMO_CLOCK, demo.seconds_per_day):
        clock.advance_demo(connection)
    return demo.seconds_per_day / 4


class Anchoring:
    """Sees to it that each day has its anchor, without keeping the ticker waiting."""

    def __init__(self, engine: Engine, home: Path) -> None:
        self._engine, self._home = engine, home
        self._next, self._thread = 0.0, threading.Thread(name="none yet")

    def look(self) -> None:
        """Write today's anchor if there is none; nothing while that is being done, or soon after the last look."""
        if monotonic() < self._next or self._thread.is_alive():
            return
        self._next = monotonic() + ANCHOR_SECONDS
        self._thread = threading.Thread(target=self._write, name="anchor", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until what `look` began is done."""
        self._thread.join()

    def _write(self) -> None:
        try:
            anchors.write(self._engine, self._home, only_when_due=True)
        except (*AWAY, OSError) as error:  # `arflow status` says that there is none, and the next look tries again
            require_away(error)
            log(__name__).warning("no anchor was written", **failure(error))


def work(process: Process) -> None:
    """Tick until told to end. What is away is tried again."""
    engine = reached(process.database_url, process.ending)
    if engine is None:
        return
    backoff, redis, anchoring = Backoff(process.ending), None, Anchoring(engine, process.settings.home)
    while not process.ending.is_told():
        try:
            redis = redis or queues.connect(process.redis_url)
            pause = tick(engine, redis)
        except AWAY as error:
            backoff.away(error)
        else:
            backoff.there()
            anchoring.look()
            process.ending.wait(pause)


if __name__ == "__main__":
    entry.run(entry.parser("workers.ticker", __doc__ or "").parse_args(), work)

"""Looks at PostgreSQL every second, and rings Redis while there is work. Several may run; none keeps anything.

Redis may be wiped or started anew at any moment: the next tick rings again. RQ's own scheduler, registries and
maintenance play no part. On a demo's clock the ticker that finds its time come lets the day move on.
"""

from redis import Redis
from sqlalchemy import Connection, Engine

from arflow import clock, queues
from arflow.advance import BATCH
from arflow.clock import Demo
from arflow.store import switch, waiting
from workers import entry
from workers.entry import Process
from workers.patience import AWAY, Backoff, reached

SECONDS, BUSY_SECONDS = 1.0, 0.5
"""How long from one look to the next, without and with work."""

RINGS = 4
"""How many jobs may wait in a queue."""

NAME, DEMO_CLOCK = "ticker", "demo clock"


def tick(engine: Engine, redis: Redis) -> float:
    """Look once and ring; gives how many seconds to wait until the next look."""
    with engine.begin() as connection:
        waiting.beat(connection, NAME)
        pace = _let_demo_move(connection, clock.demo(connection))
        wanted = _wanted(connection)
    for kind, count in wanted.items():
        queues.ring(redis, kind, min(count, RINGS))
    return min(pace, BUSY_SECONDS if any(wanted.values()) else SECONDS)


def _wanted(connection: Connection) -> dict[str, int]:
    """How many batches wait for each queue, counted up to RINGS."""
    now = clock.read(connection)
    due = waiting.due_accounts(connection, now.latest, now.day, RINGS * BATCH)
    ready = waiting.ready_messages(connection, RINGS * BATCH) if switch.is_on(connection) else 0
    return {queues.DRAIN: -(-due // BATCH), queues.DELIVER: -(-ready // BATCH)}


def _let_demo_move(connection: Connection, demo: Demo | None) -> float:
    """Let a day of a demo pass when its time has come and today is over; gives how soon to look again for it."""
    if demo is None or not demo.is_running:
        return SECONDS
    is_over = clock.is_at_rest(connection, clock.Now(day=demo.day))
    if is_over and waiting.beat_once(connection, DEMO_CLOCK, demo.seconds_per_day):
        clock.advance_demo(connection)
    return demo.seconds_per_day / 4


def work(process: Process) -> None:
    """Tick until told to end. What is away is tried again."""
    engine = reached(process.database_url, process.ending)
    backoff, redis = Backoff(process.ending), None
    while engine is not None and not process.ending.is_told():
        try:
            redis = redis or queues.connect(process.redis_url)
            pause = tick(engine, redis)
        except AWAY as error:
            backoff.away(error)
        else:
            backoff.there()
            process.ending.wait(pause)


if __name__ == "__main__":
    entry.run(entry.parser("workers.ticker", __doc__ or "").parse_args(), work)

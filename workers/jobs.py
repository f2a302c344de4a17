"""What a job does: take one batch after the other through a door, until nothing is left or its time is used up.

`run` is the only function that a job may name. A job carries nothing but its kind, and keeps nothing: whatever it did
is committed, batch by batch, and whatever it did not do is still a row that waits.
"""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from sqlalchemy import Engine

from arflow.advance import Engineering, drain
from arflow.deliver import deliver_batch
from arflow.logs import log
from arflow.mail import Mail
from arflow.queues import DELIVER, DRAIN
from arflow.store import database

SECONDS = 20.0
"""How long a job goes on taking batches; the last one is finished."""


@dataclass(frozen=True, kw_only=True)
class Equipment:
    """What the jobs of this process work with: the database, how decisions are made, how letters leave, an end."""

    engine: Engine
    engineering: Engineering
    mail: Mail
    is_ending: Callable[[], bool]


_equipment: list[Equipment] = []


def equip(equipment: Equipment) -> None:
    """Say once what the jobs of this process work with."""
    _equipment[:] = [equipment]


def run(kind: str) -> None:
    """The work of one job."""
    equipment = _equipment[0]
    until = time.monotonic() + SECONDS

    def is_over() -> bool:
        return equipment.is_ending() or time.monotonic() >= until

    take = {DRAIN: _drain, DELIVER: _deliver}[kind]
    batches = handled = 0
    with _collected_after() if kind == DRAIN else nullcontext():
        if _is_restoring(equipment.engine):  # else a session of ours is there from now on, and no restore begins
            return
        while not is_over() and (taken := take(equipment, is_over)):
            batches, handled = batches + 1, handled + taken
    if batches:
        log(__name__).info("done", kind=kind, batches=batches, handled=handled)


def _is_restoring(engine: Engine) -> bool:
    """Whether a backup is being restored; there is another ring when it has been."""
    with engine.connect() as connection:
        return database.is_restoring(connection)


@contextmanager
def _collected_after() -> Iterator[None]:
    """Have the collector wait until the work is done: it would walk the accounts of a batch while they are lived."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()


def _drain(equipment: Equipment, _: Callable[[], bool]) -> int:
    """How many accounts were looked at."""
    advanced = drain(equipment.engine, equipment.engineering)
    return advanced.accounts if advanced else 0


def _deliver(equipment: Equipment, is_over: Callable[[], bool]) -> int:
    """How many messages were claimed; those that there was no time for are back in the queue."""
    return deliver_batch(equipment.engine, equipment.mail, is_ending=is_over)

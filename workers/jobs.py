"""What a job does: take one batch after the other through a door, until nothing is left or its time is used up.

`run` is the only function that a job may name. A job carries nothing but its kind, and keeps nothing: whatever it did
is committed, batch by batch, and whatever it did not do is still a row that waits.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from arflow.advance import Engineering, drain
from arflow.logs import log
from arflow.queues import DELIVER, DRAIN

SECONDS = 20.0
"""How long a job goes on taking batches; the last one is finished."""


@dataclass(frozen=True, kw_only=True)
class Equipment:
    """What the jobs of this process work with: the database, how decisions are made, and whether it is to end."""

    engine: Engine
    engineering: Engineering
    is_ending: Callable[[], bool]


_equipment: list[Equipment] = []


def equip(equipment: Equipment) -> None:
    """Say once what the jobs of this process work with."""
    _equipment[:] = [equipment]


def run(kind: str) -> None:
    """The work of one job."""
    with_ = _equipment[0]
    take = {DRAIN: _drain, DELIVER: _deliver}[kind]
    until = time.monotonic() + SECONDS
    batches = done = 0
    while not with_.is_ending():
        taken = take(with_)
        if not taken:
            break
        batches, done = batches + 1, done + taken
        if time.monotonic() >= until:
            break
    if batches:
        log(__name__).info("done", kind=kind, batches=batches, handled=done)


def _drain(with_: Equipment) -> int:
    """How many accounts were looked at."""
    advanced = drain(with_.engine, with_.engineering)
    return advanced.accounts if advanced else 0


def _deliver(with_: Equipment) -> int:
    """How many messages were handed over, or could not be."""
    from arflow.deliver import deliver_batch

    return deliver_batch(with_.engine, with_.engineering)

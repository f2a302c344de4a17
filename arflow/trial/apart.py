"""A trial in a process of its own, for the pages: `python -m arflow.trial.apart` reads as JSON what to try.

It writes what came of it.
"""

import sys

import msgspec
from msgspec import Struct

from arflow.advance import Engineering
from arflow.errors import NotNow
from arflow.rules.engine import DurableRules
from arflow.rules.prove_compile import in_own_process, limit_memory
from arflow.store import database, policies
from arflow.trial.told import Trial
from arflow.trial.trying import tried

_GRACE_SECONDS = 30.0
"""How much longer than it was told a process may take: for the batch that it is at."""


class Order(Struct, frozen=True, kw_only=True):
    """What a process is to try: a version that is kept in a database, on how many accounts, in about what time."""

    url: str
    version: str
    most: int
    seconds: float


def in_process(order: Order) -> Trial:
    """Try a kept version in a process of its own. Raises NotNow when it came to no end."""
    done = in_own_process("arflow.trial.apart", msgspec.json.encode(order).decode(), order.seconds + _GRACE_SECONDS)
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

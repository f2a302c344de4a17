"""What the commands drive, and the demo too: due accounts, the stepped clock, a policy's activation.

Each is a few calls of the doors in the right order and in the right transactions. Nothing is printed here.
"""

import datetime as dt

from sqlalchemy import Engine

from arflow import clock
from arflow.advance import Engineering, run_due
from arflow.advance import activate as activating
from arflow.cli.opened import engineering
from arflow.clock import Now
from arflow.errors import Refused
from arflow.isodates import ONE_DAY
from arflow.ledger.importing import Progress
from arflow.rules.policy import Policy
from arflow.store import accounts


def run_now(engine: Engine, now: Now, doors: Engineering, at: Progress, total: int = 0) -> int:
    """Run everything due by `now`, about `total` accounts; gives how many times one was looked at."""
    done = 0
    for advanced in run_due(engine, now, doors):
        done += advanced.accounts
        at("accounts", done / max(total, done, 1))
    return done


def step_through(engine: Engine, until: dt.date, at: Progress, doors: Engineering | None = None) -> int:
    """Step the clock day by day to the end of `until`, running everything due; days with nothing due are skipped.

    Gives how many times an account was looked at. Raises Refused for the clock of a demo, or one that would go back.
    """
    done = 0
    day = first = _begin(engine, until)
    doors = doors or engineering(Now(day=first))
    while True:
        with engine.begin() as connection:
            due = accounts.next_due_on(connection)
            day = min(until, max(day, due) if due else until)
            now = clock.step_to(connection, day)
        done += sum(advanced.accounts for advanced in run_due(engine, now, doors))
        at(f"{day}", (day - first).days / max(1, (until - first).days))
        if day == until:
            return done
        day += ONE_DAY


def _begin(engine: Engine, until: dt.date) -> dt.date:
    """The day on which stepping to `until` begins. Raises Refused when the clock may not be stepped there."""
    with engine.begin() as connection:
        if clock.demo(connection) is not None:
            raise Refused("the clock of a demo moves on by itself while `arflow up --demo` runs; step it on its pages")
        start = clock.read(connection).day
        if start is None or until < start:
            clock.step_to(connection, until)
    return start or until


def activate(engine: Engine, policy: Policy, message: str, actor: str, at: Progress) -> int:
    """Activate a checked policy and look at every account anew; gives how many times one was looked at."""
    with engine.begin() as connection:
        now = clock.read(connection)
        activating(connection, policy, message=message, actor=actor)
        total = accounts.count(connection)
    return run_now(engine, now, engineering(now), at, total)

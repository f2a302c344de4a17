"""What the commands drive, and the demo too: due accounts, the stepped clock, a policy's activation, an explanation.

Each is a few calls of the doors in the right order and in the right transactions. Nothing is printed here.
"""

import datetime as dt

from sqlalchemy import Engine

from arflow import clock
from arflow import explain as explaining
from arflow.advance import Engineering, rehearse, run_due, standing
from arflow.advance import activate as activating
from arflow.cli.opened import engineering
from arflow.clock import Now
from arflow.errors import Refused, SaysNo
from arflow.explain import Explanation
from arflow.ledger.importing import Progress
from arflow.rules.policy import Policy
from arflow.store import accounts, journal, policies

_ONE_DAY = dt.timedelta(days=1)


def run_now(engine: Engine, now: Now, doors: Engineering, at: Progress, total: int = 0) -> int:
    """Run everything due by `now`, about `total` accounts; gives how many times one was looked at."""
    done = 0
    for advanced in run_due(engine, now, doors):
        done += advanced.accounts
        at("accounts", done / max(total, done, 1))
    return done


def step_through(engine: Engine, until: dt.date, doors: Engineering, at: Progress) -> int:
    """Step the clock day by day to the end of `until`, running everything due; days with nothing due are skipped.

    Gives how many times an account was looked at.
    """
    done = 0
    day = first = _begin(engine, until)
    while True:
        with engine.begin() as connection:
            due = accounts.next_due_on(connection)
            day = min(until, max(day, due) if due else until)
            now = clock.step_to(connection, day)
        done += sum(advanced.accounts for advanced in run_due(engine, now, doors))
        at(f"{day}", (day - first).days / max(1, (until - first).days))
        if day == until:
            return done
        day += _ONE_DAY


def _begin(engine: Engine, until: dt.date) -> dt.date:
    """The day on which stepping to `until` begins. Raises Refused when the clock may not be stepped there."""
    with engine.begin() as connection:
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
    return run_now(engine, now, engineering(), at, total)


def explained(engine: Engine, account: str, at: dt.date | None) -> Explanation:
    """The explanation of an account now, or at the end of a past date. Raises SaysNo when it is unknown then."""
    with engine.connect() as connection:
        now = clock.read(connection)
        if at is not None and at > now.last_day:
            raise Refused(f"{at} is still to come; an explanation looks back, and says itself what comes next")
        if account not in accounts.known_among(connection, [account]):
            raise SaysNo(f"there is no account `{account}`")
        until = Now(day=at) if at is not None else now
        lives = standing if at is None else rehearse
        life = lives(connection, [account], until, engineering())[account]
        if not life.account.born:
            raise SaysNo(f"nothing was recorded of account `{account}` by then")
        last = journal.last_step(connection, account, at or dt.date.max)
        deciding = policies.version(connection, last.policy_version) if last and last.policy_version else None
        moment = until.at or explaining.end_of(life, until.last_day)
        life.entries.clear()
        return explaining.explain(life, moment, last, deciding)

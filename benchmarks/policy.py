"""`policy`: a new version made active on a whole company, until every account has moved to it, beside its drain.

Both are worked off by the same two workers of arflow. The activation is one: its rates are those of consecutive parts
of the accounts, and the time in which it makes everybody due belongs to the first.
"""

import time
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from sqlalchemy import text

from arflow.advance import activate
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.store import policies
from benchmarks import company, crew
from benchmarks.company import Company, Plan
from benchmarks.crew import Crew
from benchmarks.measured import Floor, Measured, Rounds, Say
from benchmarks.racing import FellOver
from benchmarks.size import Size
from tests.production import standard

WORKERS = 2
MOST_SLOWER = 2.0
"""How many times the drain's time an account may take."""

_LOOKS = {True: 0.05, False: 5.0}
"""After how many seconds it is counted how many are still due: quick, and in full, where counting takes a while."""


def run(size: Size, say: Say) -> Measured:
    """Accounts a second, of the drain on some mornings and then of the activation."""
    plan = Plan(slices=(1_000,) * (size.rounds + 1), herd=1_000) if size.quick else company.large(size)
    with company.opened(plan, say) as made, crew.of(made, WORKERS) as workers:
        mornings = [zone for zone, _ in plan.zones[: size.rounds + 1]]
        workers.work_off(mornings[0])  # so that everything is warm
        drained = tuple(workers.work_off(zone).rate for zone in mornings[1:])
        say(f"policy: the drain does {median(drained):,.0f} accounts a second")
        moved = _moved(made, workers, size)
    rate = plan.accounts / sum(plan.accounts / size.rounds / one for one in moved)
    return Measured(
        name="policy",
        what=f"a new version of the standard policy on {plan.accounts:,} accounts, {WORKERS} workers; the drain on "
        "mornings of the same company",
        rounds=(
            Rounds(label="a new version", unit="accounts a second", values=moved),
            Rounds(label="the drain", unit="accounts a second", values=drained),
        ),
        floors=(
            Floor(
                text="times the drain's time for an account, at most 2",
                wanted=MOST_SLOWER,
                found=median(drained) / rate,
                at_most=True,
            ),
        ),
    )


def _moved(made: Company, workers: Crew, size: Size) -> tuple[float, ...]:
    """The rates of consecutive parts of the accounts. Raises FellOver when one has not moved in the end."""
    begun = time.monotonic()
    with made.engine.begin() as connection:
        activate(connection, _new(), message="later to the senior", actor="petra")
    looks = [(0.0, 0)]
    with workers.rung():
        while looks[-1][1] < made.plan.accounts:
            time.sleep(_LOOKS[size.quick])
            looks.append((time.monotonic() - begun, made.plan.accounts - _due(made)))
            if any(worker.poll() is not None for worker in workers.workers):
                raise FellOver("a worker ended while a new version was worked off")
    with made.engine.connect() as connection:
        behind = policies.change(connection)
    if behind.waiting or behind.set_aside:
        raise FellOver(f"{behind.waiting:,} accounts wait for the new version, {behind.set_aside:,} are set aside")
    part = made.plan.accounts / size.rounds
    marks = [_moment(looks, part * at) for at in range(size.rounds + 1)]
    return tuple(part / (after - before) for before, after in pairwise(marks))


def _due(made: Company) -> int:
    with made.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM account WHERE next_due <= now()")).scalar_one())


def _moment(looks: Sequence[tuple[float, int]], done: float) -> float:
    """When so many were done, as far as one can say between two looks."""
    at = next(at for at, (_, count) in enumerate(looks) if count >= done)
    if at == 0:
        return 0.0
    (before, some), (after, more) = looks[at - 1], looks[at]
    return before + (after - before) * (done - some) / (more - some)


def _new() -> Policy:
    """The standard policy with one number changed."""
    source = standard("standard-usd").source.replace("days_overdue >= 60", "days_overdue >= 65")
    return load_policy(source, file="standard-usd")

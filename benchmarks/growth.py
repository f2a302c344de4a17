"""What a due account costs beside many that are not due: one process, as many due in companies of three sizes."""

import time
from contextlib import ExitStack

from arflow.advance import Engineering, drain
from arflow.rules.engine import DurableRules
from benchmarks.company import ZONES, Company, checkpoint, large, opened, smaller
from benchmarks.measured import Floor, Measured, Rounds, Say
from benchmarks.size import Size

FACTOR = 1.5


def run(size: Size, say: Say) -> Measured:
    """Microseconds for an account, in each company, in turns."""
    small, middle = smaller(size)
    engineering = Engineering(evaluator=DurableRules(), delivery="recorded")
    with opened(small, say) as warming:
        _cost(warming, 0, engineering)
    costs: dict[int, list[float]] = {plan.accounts: [] for plan in (small, middle, large(size))}
    with ExitStack() as stack:
        larger = [stack.enter_context(opened(plan, say)) for plan in (middle, large(size))]
        for at in range(size.rounds):
            with opened(small, say) as smallest:  # all of it is due, so each round needs one
                for company in (smallest, *larger):
                    checkpoint()
                    zone = 0 if company is smallest else at
                    costs[company.plan.accounts].append(_cost(company, zone, engineering))
            say(f"growth: round {at + 1}: " + ", ".join(f"{found[-1]:.0f} us" for found in costs.values()))
    return _measured(small.slices[0], costs)


def _cost(company: Company, zone: int, engineering: Engineering) -> float:
    """Microseconds for each account of a zone."""
    due = company.dawn(ZONES[zone])
    begun, handled = time.perf_counter(), 0
    while (advanced := drain(company.engine, engineering)) is not None:
        handled += advanced.accounts
    seconds = time.perf_counter() - begun
    assert handled == due
    return 1e6 * seconds / due


def _measured(due: int, costs: dict[int, list[float]]) -> Measured:
    sides = tuple(
        Rounds(label=f"{accounts:,} accounts", unit="us an account", values=tuple(found))
        for accounts, found in costs.items()
    )
    factor = sides[-1].median / sides[0].median
    return Measured(
        name="growth",
        what=f"the cost of a due account, {due:,} due in companies of three sizes, one process",
        rounds=sides,
        floors=(
            Floor(text="the largest beside the smallest, at most 1.5 times", wanted=FACTOR, found=factor, at_most=True),
        ),
    )

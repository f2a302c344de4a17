"""How many due accounts a second: facts, decision, step, journal with chain, next wake and effects, all committed."""

import os
from collections.abc import Mapping

from benchmarks import morning
from benchmarks.measured import Floor, Measured, Say
from benchmarks.size import Size

FLOORS = {"DBOS": 40.0, "procrastinate": 15.0}
OF_THE_LIMIT, OF_TWO_WORKERS = 0.5, 1.6


def run(size: Size, say: Say) -> Measured:
    """Accounts a second, through RQ workers."""
    found = morning.measured(size, say)
    rates = {name: side.median for name, side in found.sides.items()}
    one, two = (rates[morning.ours(number)] for number in (1, 2))
    dear, shared = _why(rates)
    floors = [
        Floor(text=f"two workers beside {name}, {times:g} times", wanted=times, found=two / rates[name], reason=dear)
        for name, times in FLOORS.items()
    ]
    floors += [
        Floor(
            text=f"{morning.ours(number)}, half of the limit",
            wanted=OF_THE_LIMIT,
            found=rates[morning.ours(number)] / rates[morning.by_hand(number)],
            reason=dear,
        )
        for number in (1, 2)
    ]
    floors.append(
        Floor(text="two workers beside one, 1.6 times", wanted=OF_TWO_WORKERS, found=two / one, reason=shared)
    )
    checked = found.checked
    floors.append(
        Floor(
            text=f"findings of `arflow audit verify` over {checked.accounts:,} accounts and of the chaos suite's "
            "invariants, none",
            wanted=0,
            found=len(checked.found),
            at_most=True,
            reason="; ".join(checked.found[:3]),
        )
    )
    what = (
        f"due accounts worked off a second, {found.slice:,} a round among {found.accounts:,} with 3 invoices each; "
        f"then all of them, and the audit of it"
    )
    return Measured(name="drain", what=what, rounds=tuple(found.sides.values()), floors=tuple(floors))


def _why(rates: Mapping[str, float]) -> tuple[str, str]:
    """Why it may be too slow beside others, and why two workers may be too slow beside one."""
    one, by_hand = (1e6 / rates[name] for name in (morning.ours(1), morning.by_hand(1)))
    dear = (
        f"an account takes a worker {one:.0f} us, of which {by_hand:.0f} are the writes as they are by hand; the rest "
        "is reading the ledger, facts, rules, wakes and chain"
    )
    return dear, f"two workers, their database sessions and what measures them share {os.cpu_count()} cores"

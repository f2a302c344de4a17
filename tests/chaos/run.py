"""One chaos run from its seed to its verdict: the faults in rounds of every kind, rest, and every invariant."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.chaos.faults import FAULTS
from tests.chaos.invariants import INVARIANTS, End
from tests.chaos.plants import planted
from tests.chaos.world import Size, Violated, World

LATE = "things that never came to an end"
NEVER = "kinds of fault that happened too seldom"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a run did, and what it found: each invariant with what violates it."""

    seed: int
    seconds: float
    figures: dict[str, int]
    faults: dict[str, int]
    found: dict[str, list[str]] = field(default_factory=dict)

    @property
    def violated(self) -> list[str]:
        """The names of the invariants that do not hold."""
        return [name for name, what in self.found.items() if what]

    def table(self) -> str:
        """All of it, one line for each."""
        rows = {"seed": self.seed, "seconds under faults": round(self.seconds), **self.figures}
        rows |= {f"fault: {kind}": count for kind, count in self.faults.items()}
        rows |= {name: len(what) for name, what in self.found.items()}
        return "\n".join(
            f"{name:<44}{count:>12,}" if name != "seed" else f"{name:<44}{count:>12}" for name, count in rows.items()
        )


def run(
    seed: int,
    size: Size,
    *,
    kinds: Sequence[str] = tuple(FAULTS),
    least: int = 1,
    plant: str = "",
    say: Callable[[str], None] = print,
) -> Verdict:
    """Live through a run. Every kind must happen `least` times at least."""
    with planted(plant), World(seed, size, plant=plant, say=say) as world:
        say(f"{time.monotonic() - world.begun:5.0f} s  {size.accounts:,} accounts are founded and arflow is up")
        late: list[str] = []
        begun = time.monotonic()
        try:
            _live(world, kinds)
            seconds = time.monotonic() - begun
            world.come_to_rest()
        except Violated as violated:
            late.append(str(violated))
            seconds = time.monotonic() - begun
        say(f"{time.monotonic() - world.begun:5.0f} s  at rest; looking at everything")
        counted = {kind: world.books.counted[kind] for kind in kinds}
        seldom = [kind for kind, count in counted.items() if count < least]
        end = End(world)
        found = {LATE: late, NEVER: seldom} | {name: list(look(end)) for name, look in INVARIANTS.items()}
        say(f"{time.monotonic() - world.begun:5.0f} s  done")
        return Verdict(seed=seed, seconds=seconds, figures=_figures(end), faults=counted, found=found)


def _live(world: World, kinds: Sequence[str]) -> None:
    """Rounds of every kind, each in another order, spread over the time; all of them, also when that takes longer."""
    begun, size = time.monotonic(), world.size
    faults = [kind for _ in range(size.rounds) for kind in world.rng.sample(kinds, len(kinds))]
    for at, kind in enumerate(faults):
        world.pause(begun + size.seconds * (at + world.rng.random()) / len(faults) - time.monotonic())
        FAULTS[kind](world)
    world.pause(begun + size.seconds - time.monotonic())


def _figures(end: End) -> dict[str, int]:
    """How much there was."""
    world, lines = end.world, end.replayed[0]
    taken = world.letterbox.taken
    return {
        "accounts": world.ask("SELECT count(*) AS n FROM account WHERE born")[0].n,
        "days": (end.last - world.ask('SELECT min("on") AS d FROM event')[0].d).days + 1,
        "faults": len(world.books.faults),
        "causes": end.replayed[2],
        "events from outside": world.ask("SELECT count(*) AS n FROM event WHERE applied")[0].n - len(end.results),
        "delivery results": len(end.results),
        "steps": sum(line["kind"] == "step" for line in lines),
        "effects": sum(line["kind"] == "effect" for line in lines),
        "messages": len(end.messages),
        "letters taken by the mail server": len(taken),
        "letters repeated under their own Message-ID": len(taken) - len({flight.message_id for flight in taken}),
    }

"""What each process holds over the whole drain: as much at its end as at its start, and little."""

from benchmarks import morning
from benchmarks.measured import Floor, Measured, Rounds, Say, figure
from benchmarks.size import Size

FLAT, MOST = 1.1, 300.0
SHOWN = 10
_LITTLE = 8.0
"""A process that grows by less than so many megabytes does not grow: memory comes in pieces."""


def run(size: Size, say: Say) -> Measured:
    """Megabytes, from the beginning of the herd to its end."""
    found = morning.measured(size, say).herd
    sides = tuple(
        Rounds(label=name, unit="MB", values=_some(values), settings="from the start to the end")
        for name, values in found.megabytes.items()
    )
    floors = [
        Floor(
            text=f"MB of {side.label} at its most, at most {FLAT:g} times its {figure(side.values[0])} at the start or "
            f"{_LITTLE:g} more",
            wanted=max(FLAT * side.values[0], side.values[0] + _LITTLE),
            found=max(found.megabytes[side.label]),
            at_most=True,
        )
        for side in sides
    ]
    floors += [
        Floor(text=f"MB of {name} at its most, under 300", wanted=MOST, found=max(values), at_most=True)
        for name, values in found.megabytes.items()
        if name.startswith("worker")
    ]
    what = f"each process while {found.accounts:,} accounts are worked off"
    return Measured(name="memory", what=what, rounds=sides, floors=tuple(floors))


def _some(values: tuple[float, ...]) -> tuple[float, ...]:
    """At most SHOWN of them, with the first and the last."""
    last = len(values) - 1
    places = sorted({round(at * last / (SHOWN - 1)) for at in range(SHOWN)})
    return tuple(values[place] for place in places)

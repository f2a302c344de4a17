"""All wake at one instant: how fast they are worked off beside few, and how long a payment waits meanwhile."""

from benchmarks import morning
from benchmarks.measured import Floor, Measured, Rounds, Say
from benchmarks.size import Size

PART, PROMPT = 0.8, 2.0


def run(size: Size, say: Say) -> Measured:
    """Accounts a second with two workers, and seconds until payments are acted on."""
    found = morning.measured(size, say)
    herd, before = found.herd, found.sides[morning.ours(2)]
    drain = Rounds(
        label="arflow, 2 workers, in the slices before it and after it",
        unit=before.unit,
        values=(*before.values, *found.after),
    )
    waits = tuple(
        Rounds(label=f"until a payment is acted on that {how}", unit="s", values=values)
        for how, values in herd.waits.items()
        if values
    )
    floors = [
        Floor(text="beside the drain of few before and after it, 80 %", wanted=PART, found=herd.rate / drain.median)
    ]
    floors += [
        Floor(text=f"{one.label}, at most 2 s", wanted=PROMPT, found=max(one.values), at_most=True) for one in waits
    ]
    rate = Rounds(label="the herd, 2 workers", unit=morning.UNIT, values=(herd.rate,))
    what = f"{herd.accounts:,} wakes at one instant, worked off once; payments come in meanwhile"
    return Measured(name="herd", what=what, rounds=(rate, drain, *waits), floors=tuple(floors))

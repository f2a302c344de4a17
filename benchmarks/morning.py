"""The morning of a company, measured once for several benchmarks: slices of it in turns with all others, then the herd.

Zone by zone accounts become due and are worked off: by arflow's workers, one or two; by the limit, in a copy of the
company; and by the peers, a slice as large as takes them some seconds, in that copy too. In the end a million wake at
once, while payments come in; then slices follow again, for the machine's pace changes within the hour; and what stands
in the database is checked.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks import beside, checking, crew, herding, limit, written
from benchmarks.company import LATER_ZONES, ZONES, Company, checkpoint, large, morning, opened
from benchmarks.measured import Rounds, Say
from benchmarks.size import Size

PEERS_PART = 5
"""The small size gives the peers a fifth of what they get in the whole one."""

UNIT = "accounts a second"


@dataclass(frozen=True, kw_only=True)
class Morning:
    """What was found: the sides by name, the herd, and what the checks said."""

    accounts: int
    slice: int
    sides: Mapping[str, Rounds]
    herd: herding.Herd
    after: tuple[float, ...]
    """What arflow's two workers did a second in the slices that followed the herd."""

    checked: checking.Checked


_known: dict[bool, Morning] = {}


def measured(size: Size, say: Say) -> Morning:
    """The morning; it is lived once, whoever asks."""
    if size.quick not in _known:
        _known[size.quick] = _live(size, say)
    return _known[size.quick]


def ours(workers: int) -> str:
    """The name of arflow's side with so many workers."""
    return f"arflow, {_counted(workers, 'worker')}"


def by_hand(processes: int) -> str:
    """The name of the limit with so many processes."""
    return f"the limit, {_counted(processes, 'process')}"


def _counted(number: int, what: str) -> str:
    plural = {"worker": "workers", "process": "processes"}
    return f"{number} {what if number == 1 else plural[what]}"


def _live(size: Size, say: Say) -> Morning:
    plan = large(size)
    with ExitStack() as stack:
        company, copy = stack.enter_context(opened(plan, say)), stack.enter_context(opened(plan, say))
        crews = {number: stack.enter_context(crew.of(company, number)) for number in (1, 2)}
        warm = size.rounds
        for at in range(warm):  # the policy is compiled, the caches are what they are in a process that has worked
            crews[1 + at % 2].work_off(ZONES[at])
        row = written.row(company)
        limit.run(copy.url, morning(ZONES[warm - 1]).isoformat(), row, 2)
        peers = stack.enter_context(beside.peers(size, copy))
        sides = dict(_sides(size, copy, crews, row, peers))
        found: dict[str, list[float]] = {name: [] for name in sides}
        for at in range(size.rounds):
            for name in _turned(list(sides), at):
                checkpoint()
                found[name].append(sides[name]())
            say(f"drain: round {at + 1}: " + ", ".join(f"{name} {values[-1]:,.0f}" for name, values in found.items()))
        herd = herding.run(size, crews[2], say)
        after = tuple(_afterwards(size, crews[2], say))
        checked = checking.checked(size, company, crews[2].home, herd, say)
    settings = {peer.name: peer.settings for peer in peers}
    return Morning(
        accounts=plan.accounts,
        slice=plan.slices[-1],
        sides={
            name: Rounds(label=name, unit=UNIT, values=tuple(values), settings=settings.get(name, ""))
            for name, values in found.items()
        },
        herd=herd,
        after=after,
        checked=checked,
    )


def _afterwards(size: Size, crew: crew.Crew, say: Say) -> Iterator[float]:
    """The rates of the slices that follow the herd."""
    for zone in LATER_ZONES[: size.rounds]:
        checkpoint()
        yield crew.work_off(zone).rate
    say("drain: and once more behind the herd")


def _turned(names: list[str], by: int) -> list[str]:
    """The sides in another order each round, so that none always comes behind the same other one."""
    by %= len(names)
    return names[by:] + names[:by]


def _sides(
    size: Size, copy: Company, crews: Mapping[int, crew.Crew], row: Mapping[str, str], peers: tuple[beside.Peer, ...]
) -> Iterator[tuple[str, Callable[[], float]]]:
    """Each side, and what lets it work off its next slice and gives its rate."""
    zones = {side: iter(ZONES[size.rounds :]) for side in ("arflow", "limit")}
    for number in crews:
        yield ours(number), lambda number=number: crews[number].work_off(next(zones["arflow"])).rate  # type: ignore[misc]
    for number in crews:
        yield by_hand(number), lambda number=number: _by_hand(copy, next(zones["limit"]), row, number)  # type: ignore[misc]
    last = [""]

    def take(count: int) -> list[str]:
        found = copy.waiting(max(1, count // PEERS_PART) if size.quick else count, last[0])
        last[0] = found[-1]
        return found

    for peer in peers:
        yield peer.name, lambda peer=peer: peer.run(size, take(peer.count), row).rate  # type: ignore[misc]


def _by_hand(copy: Company, zone: str, row: Mapping[str, str], processes: int) -> float:
    return limit.run(copy.url, morning(zone).isoformat(), row, processes).rate

"""Storm fuses: counts what leaves by policy and local date, and blows a fuse when it is more than the policy allows.

In the transaction that lets it leave. Nothing is stopped here: while a fuse is blown nothing of its policy leaves an
account (`life/gates.py`), and nothing that left is handed over (`store/leases.py`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from arflow import causes
from arflow.life.lives import Lived
from arflow.life.records import Entry, EntryKind
from arflow.living import Living
from arflow.store import fuse
from arflow.store.fuse import Day
from arflow.vocabulary import TIMED_EFFECTS, EffectKind

_TIMED = frozenset(EffectKind(kind).value for kind in TIMED_EFFECTS)


def watch(connection: Connection, living: Living, lives: Sequence[Lived]) -> None:
    """Count what has left `lives`, and blow the fuses of policies of which more left on a date than they allow."""
    numbers = Counter(day for lived in lives for day in _left(living, lived))
    if not numbers:
        return
    fuse.count(connection, numbers)
    fuses = {policy.name: policy.guards.storm_fuse for policy in living.policies()}
    for day in numbers:
        number = fuse.left(connection, day)
        ceiling = fuses[day[0]].ceiling(fuse.usual(connection, day)) if day[0] in fuses else None
        if ceiling is not None and number > ceiling:
            fuse.blow(connection, day, number, ceiling)


def _left(living: Living, lived: Lived) -> Iterator[Day]:
    """The policy and date of each message and call that left; what people let go after a storm is no new one."""
    for entry in lived.entries:
        if entry.kind is EntryKind.EFFECT and entry.effect in _TIMED:
            policy = living.policy_names.get(entry.policy_version or "", "")
            if not _was_let_go(living, lived, entry, policy):
                yield policy, entry.on


def _was_let_go(living: Living, lived: Lived, entry: Entry, policy: str) -> bool:
    released = [one for one in living.fuses if one.is_released and one.policy == policy]
    if not released:
        return False
    until = causes.known(lived.life, released[-1].known_at, released[-1].known_on)
    return any(e.number == entry.number and e.decided_at <= until for e in lived.account.outgoing)

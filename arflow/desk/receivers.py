"""To whom a policy gives work, and who of them is not here: nobody would hear of an account that is given to a typo."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from arflow.desk import tasks, users
from arflow.errors import did_you_mean
from arflow.messages.recipients import is_address
from arflow.rules.policy import Policy
from arflow.store.desk_tables import queue
from arflow.vocabulary import Effect, EffectKind


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A name that rules give work to, and that is not here."""

    name: str
    policy: str
    rules: tuple[str, ...]
    near: str
    """` (did you mean `x`?)` where somebody here is called nearly so; else nothing."""

    @property
    def sentence(self) -> str:
        """It in words, without a full stop."""
        first, *others = self.rules
        more = f" and {len(others)} more" if others else ""
        what = f"rule `{first}`{more} of `{self.policy}`"
        return f"nobody here is called `{self.name}`{self.near}, to whom {what} {'give' if more else 'gives'} work"


def missing(connection: Connection, policies: Iterable[Policy]) -> list[Missing]:
    """Those that rules of `policies` give work to and that are neither here nor an address, in the rules' order."""
    known = _known(connection)
    found = dict[tuple[str, str, EffectKind], list[str]]()
    for policy in policies:
        for rule, effect in _given(policy):
            if effect.name not in known[effect.kind] and not _is_written_to(effect):
                found.setdefault((policy.name, effect.name, effect.kind), []).append(rule)
    return [
        Missing(name=name, policy=policy, rules=tuple(rules), near=did_you_mean(name, known[kind]))
        for (policy, name, kind), rules in found.items()
    ]


def _known(connection: Connection) -> Mapping[EffectKind, set[str]]:
    """Whom each kind of effect can name: only a queue has calls, and a notice may be for all of one role."""
    queues = set(connection.execute(select(queue.c.name)).scalars())
    here = set(connection.execute(users.names_here()).scalars())
    roles = {name for names in tasks.ROLE_NAMES.values() for name in names}
    return {EffectKind.CALL: queues, EffectKind.ASSIGN: here, EffectKind.NOTIFY: here | roles}


def _given(policy: Policy) -> Iterator[tuple[str, Effect]]:
    """What gives somebody work, each with its rule."""
    kinds = (EffectKind.CALL, EffectKind.ASSIGN, EffectKind.NOTIFY)
    return ((rule.id, effect) for rule in policy.rules for effect in rule.do if effect.kind in kinds)


def _is_written_to(effect: Effect) -> bool:
    return effect.kind is EffectKind.NOTIFY and is_address(effect.name)

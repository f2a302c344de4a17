"""A policy as a frozen value: rules, calendar, catch-up mode and promises. `loader.py` makes it from its document."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from arflow.evolving import worked_out
from arflow.rules.calendar import Calendar
from arflow.rules.catalogue import CATALOGUE, FactSpec, attribute
from arflow.rules.expressions import Expression, comparisons
from arflow.rules.guards import Guards
from arflow.rules.watching import Watch, watch
from arflow.vocabulary import Effect, EffectKind, State

WIDE = {"any": frozenset(State), "open": frozenset(State) - {State.CURRENT, State.RESOLVED}}
"""The words of `from` that stand for many states; each leaves out the state that its rule leads to."""


class CatchUp(StrEnum):
    """What an account may do at once after standing still (contract, section 4)."""

    JUMP = "jump"
    ONE_STEP = "one_step"
    NOTICE_REQUIRED = "notice_required"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """`from` these states, `when` this holds, go `to` that state (a move) and/or `do` these effects (an act)."""

    id: str
    states: frozenset[State]
    when: Expression
    when_text: str
    to: State | None = None
    do: tuple[Effect, ...] = ()
    repeat_after_days: int | None = None
    why: str = ""
    line: int = 0

    @property
    def contacts_customer(self) -> bool:
        """Whether the rule writes to or calls the customer."""
        return any(effect.kind in (EffectKind.SEND, EffectKind.CALL) for effect in self.do)


@dataclass(frozen=True, kw_only=True)
class Never:
    """A move into `to` that must not happen while `when` holds."""

    id: str
    to: State
    when: Expression
    when_text: str
    line: int = 0


@dataclass(frozen=True, kw_only=True)
class Example:
    """The owner's test case: events of the contract's shape, and the state expected at the end of given dates."""

    name: str
    account: Mapping[str, object]
    events: tuple[Mapping[str, object], ...]
    expect: tuple[tuple[dt.date, str, State], ...]
    """(date, account id, state) triples."""
    line: int = 0
    account_line: int = 0
    event_lines: tuple[int, ...]
    """The line of each event."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One immutable version of a policy. `version` is the SHA-256 of `source`; amounts are in minor units."""

    name: str
    title: str
    currency: str
    version: str
    source: str = field(repr=False)
    applies_to: Expression | None = None
    applies_to_text: str = ""
    precedence: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)
    calendar: Calendar = field(default_factory=Calendar)
    catch_up: CatchUp = CatchUp.NOTICE_REQUIRED
    grace_days: int = 0
    tolerance: int = 0
    guards: Guards = field(default_factory=Guards)
    rules: tuple[Rule, ...]
    never: tuple[Never, ...] = ()
    examples: tuple[Example, ...] = ()
    warnings: tuple[str, ...] = ()

    @worked_out
    def facts(self) -> Mapping[str, FactSpec]:
        """The facts that this policy's expressions may name: the catalogue and its declared attributes."""
        declared = [attribute(name, kind) for name, kind in self.attributes.items()]
        return dict(CATALOGUE) | {spec.name: spec for spec in declared}

    @worked_out
    def _by_state(self) -> Mapping[State, tuple[Rule, ...]]:
        return {
            state: tuple(
                sorted((rule for rule in self.rules if state in rule.states and rule.to is not state), key=_acts_last)
            )
            for state in State
        }

    def rules_in(self, state: State) -> tuple[Rule, ...]:
        """The rules that can fire in `state`: its moves in their order, then its acts in theirs."""
        return self._by_state[state]

    def watch(self, state: State, over: frozenset[str]) -> Watch:
        """What time alone can change of the rules of `state`, `applies_to` and `never`; acts in `over` are over."""
        found = self._watches.get((state, over))
        if found is None:
            rules = [rule.when for rule in self.rules_in(state) if rule.id not in over]
            anywhere = [never.when for never in self.never] + ([self.applies_to] if self.applies_to else [])
            found = watch(clause for when in (*rules, *anywhere) for clause in comparisons(when))
            self._watches[state, over] = found
        return found

    @worked_out
    def _watches(self) -> dict[tuple[State, frozenset[str]], Watch]:
        return {}

    @worked_out
    def watch_applies(self) -> Watch:
        """What time alone can change of `applies_to`."""
        return watch(comparisons(self.applies_to) if self.applies_to is not None else ())


def _acts_last(rule: Rule) -> bool:
    return rule.to is None

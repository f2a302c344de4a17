"""What time alone can still do to an account of which nothing is recorded any more: as conditions, for proofs. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from arflow.evolving import worked_out
from arflow.rules.catalogue import CATALOGUE, FactType
from arflow.rules.expressions import Comparison, Expression, Not, comparisons
from arflow.rules.firing import Firing, all_of, any_of, condition, guard
from arflow.rules.policy import Rule
from arflow.vocabulary import NEVER, EffectKind, State

_MOVING = frozenset({"state", "days_in_state", "days_since_notice", "notices_sent", "notice_pending"})

ARRIVED = condition("notices_failed == 0")
"""No letter failed."""

DID_NOT_ARRIVE = condition("notices_failed >= 1")
"""A letter failed; who has to wait for letters waits until somebody has been in contact."""

_NOTHING_ELSE = condition(
    "not has_open_promise and days_until_due == 36500"
    " and call_attempts_7d == 0 and conversations_30d == 0 and broken_promises_90d == 0 and kept_promises_365d == 0"
    " and late_invoices_365d == 0 and average_days_late_365d == 0"
)
_LET_GO = condition("not on_hold")
"""People hold an account, and people let it go; but while they do not, it may go round in circles."""

_ALL_KNOWN = condition("not notice_pending")
"""Each letter has left, and what became of it is known."""

MATCHED = condition("unapplied_amount == 0")
"""No money stands against no invoice."""

LOOSE = condition("unapplied_amount > 0")
"""Some money stands against no invoice."""

_COLLECTIBLE = condition("overdue_amount > 0")
_AGES_OF_DEBT = ("days_in_state", "days_in_episode", "days_overdue", "oldest_invoice_age")
"""The ages of an account of which something has been overdue for long."""


@dataclass(frozen=True)
class Stillness:
    """The rules of one policy after a long time. `clauses` are all comparisons that are asked.

    `fewest` says of how many letters of the episode the condition of a rule can be true at the fewest.
    """

    firing: Firing
    clauses: Sequence[Comparison]
    fewest: Callable[[Rule], int]

    def stuck(self, state: State, moves: Iterable[Rule], over: Sequence[Rule]) -> Expression:
        """That time alone will do nothing more in `state`, if it can make `moves`, though something is collectible.

        The acts `over` fire once, and each has sent its letter of the episode, once its condition was true; but what is
        kept back has not left, so it neither counts nor comes again, and harsher moves may wait for it.
        """
        kept, firing = self.firing.kept, self.firing
        quiet = [Not(part=firing.is_free(rule, state)) for rule in moves]
        again = [self._is_over(rule) for rule in firing.policy.rules_in(state) if rule.repeat_after_days is not None]
        sent = [any_of(_sent(self.fewest(rule) + 1), Not(part=rule.when), kept) for rule in over]
        return all_of(self.has_stood(state), *quiet, *again, *sent)

    def has_stood(self, state: State) -> Expression:
        """That something has been collectible for long of an account in `state`, of which nobody takes care."""
        known = any_of(_ALL_KNOWN, self.firing.kept) if self._may_write(state) else _ALL_KNOWN
        long = [self.only_time, *[self._is_past(name) for name in _AGES_OF_DEBT], self._is_old("days_since_notice")]
        return all_of(self.firing.stands_in(state), _COLLECTIBLE, _LET_GO, known, *long)

    def counted(self, over: Sequence[Rule]) -> list[Expression]:
        """For each of the acts `over`, that its letter has left and counts."""
        return [all_of(rule.when, Not(part=self.firing.kept)) for rule in over]

    def _is_over(self, act: Rule) -> Expression:
        """That `act`, which repeats, does not fire again: not before what it put out the last time has left."""
        never = Not(part=act.when)
        return any_of(never, self.firing.kept) if act.contacts_customer else never

    def _may_write(self, state: State) -> bool:
        """Whether a letter may wait in `state`: that of an act there, or of a move that led there."""
        rules = self.firing.policy.rules
        return any(_writes(rule) and (rule.to is state or (rule.to is None and state in rule.states)) for rule in rules)

    def once(self, state: State) -> list[Rule]:
        """The acts of `state` that write, and fire once."""
        acts = [rule for rule in self.firing.policy.rules_in(state) if rule.to is None]
        return [rule for rule in acts if rule.repeat_after_days is None and _writes(rule)]

    @worked_out
    def moving(self) -> frozenset[str]:
        """The facts that rules and letters change by themselves, while nothing is recorded."""
        effects = [effect for rule in self.firing.policy.rules for effect in rule.do]
        return _MOVING | {f"tags:{one.name}" for one in effects if one.kind in (EffectKind.TAG, EffectKind.UNTAG)}

    def steps(self, state: State, to: State) -> list[Expression]:
        """The ways in which time alone leads an account from `state` to another one."""
        moves = [rule for rule in self.firing.moves(state) if rule.to is to]
        return [all_of(self.firing.fires_in(rule, state), self.only_time, guard(rule)) for rule in moves]

    @worked_out
    def only_time(self) -> Expression:
        """Nothing is recorded any more, and so long ago that no age will pass another number; but a stay may be new."""
        ages = [name for name, spec in CATALOGUE.items() if spec.is_age and name not in _MOVING]
        return all_of(_NOTHING_ELSE, *[self._is_old(name) for name in ages])

    def _is_old(self, name: str) -> Expression:
        blank = NEVER if name.startswith("days_since_") else 0
        return any_of(Comparison(fact=name, op="==", values=(blank,)), self._is_past(name))

    def _is_past(self, name: str) -> Expression:
        named = [int(value) for clause in self.clauses if clause.fact == name for value in clause.values]
        last = max([edge for edge in named if edge != NEVER or not name.startswith("days_since_")], default=0)
        return Comparison(fact=name, op=">", values=(last,))

    @worked_out
    def untagged(self) -> tuple[Expression, ...]:
        """That no tag that a rule names is on the account; and the same but for tags that `applies_to` names."""
        applies_to = self.firing.policy.applies_to
        ours = named_in(rule.when for rule in self.firing.policy.rules)
        named, needed = _tags(ours), _tags(named_in([] if applies_to is None else [applies_to]))
        return tuple(
            all_of(*[Comparison(fact="tags", op="has not", values=(tag,)) for tag in sorted(tags)])
            for tags in (named, named - needed)
        )

    @worked_out
    def amounts(self) -> frozenset[int]:
        """The amounts that are named, in minor units."""
        known = self.firing.policy.facts
        named = (clause for clause in self.clauses if known[clause.fact].type is FactType.AMOUNT)
        return frozenset(int(value) for clause in named for value in clause.values)


def named_in(conditions: Iterable[Expression]) -> tuple[Comparison, ...]:
    """All comparisons of `conditions`."""
    return tuple(clause for one in conditions for clause in comparisons(one))


def _tags(clauses: Iterable[Comparison]) -> frozenset[str]:
    return frozenset(str(value) for clause in clauses if clause.fact == "tags" for value in clause.values)


def _writes(rule: Rule) -> bool:
    return any(effect.kind is EffectKind.SEND for effect in rule.do)


def _sent(count: int) -> Comparison:
    return Comparison(fact="notices_sent", op=">=", values=(count,))

"""Reads the rules of a policy document, and what must never happen."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from arflow.errors import Refused, did_you_mean
from arflow.rules.catalogue import FactSpec
from arflow.rules.expressions import Expression, comparisons, parse
from arflow.rules.policy import WIDE, Never, Rule
from arflow.rules.yamlnodes import Node, as_int, as_list, as_mapping, as_text, as_texts
from arflow.vocabulary import NEVER, Effect, EffectKind, State

MAX_RULES = 2_000
MAX_NAME = 200
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
"""What policies, rules and entries of `never` may be called."""

_RULE_KEYS = ("id", "from", "when", "to", "do", "repeat_after_days", "why")
_LATER_EFFECTS = ("fee", "handoff")

_ONCE: Mapping[EffectKind, str] = {
    EffectKind.SEND: "an account gets one a day, so the others follow on later working days",
    EffectKind.CALL: "an account has one call to make, so the others do nothing",
    EffectKind.ASSIGN: "an account has one owner, the last",
}
"""Effects of which a rule should have one, and what comes of several."""


@dataclass
class RuleReader:
    """Reads the rules of one document; every method reads one key or one entry and refuses with its line.

    `templates` are the names that `send` may use, None takes any. `warnings` are those of the rules read so far.
    """

    facts: Mapping[str, FactSpec]
    currency: str
    templates: Collection[str] | None
    warnings: list[str] = field(default_factory=list)

    def rules(self, node: Node) -> tuple[Rule, ...]:
        """The rules that `node` lists."""
        nodes = as_list(node, "`rules`")
        if not nodes:
            raise node.refused("a policy needs at least one rule")
        if len(nodes) > MAX_RULES:
            raise nodes[MAX_RULES].refused(f"a policy may have {MAX_RULES:,} rules at most, this has {len(nodes):,}")
        rules = tuple(self._rule(node) for node in nodes)
        _refuse_twice(rules, nodes)
        return rules

    def _rule(self, node: Node) -> Rule:
        keys = as_mapping(node, "a rule", _RULE_KEYS, ("id", "from", "when"))
        name = _id(keys["id"])
        to = read_state(keys["to"], "`to`") if "to" in keys else None
        do = self._effects(keys["do"]) if "do" in keys else ()
        if to is None and not do:
            raise node.refused(f"rule `{name}` has neither `to` nor `do`")
        rule = Rule(
            id=name,
            states=self._from(keys["from"], to),
            when=self.expression(keys["when"], "`when`"),
            when_text=as_text(keys["when"], "`when`"),
            to=to,
            do=do,
            repeat_after_days=self._repeat(keys, to),
            why=as_text(keys["why"], "`why`") if "why" in keys else "",
            line=node.line,
        )
        self._warn(rule)
        return rule

    def _warn(self, rule: Rule) -> None:
        if not rule.why:
            self.warnings.append(f"line {rule.line}: rule `{rule.id}` has no `why`")
        if rule.contacts_customer and all(c.fact != "unapplied_amount" for c in comparisons(rule.when)):
            self.warnings.append(
                f"line {rule.line}: rule `{rule.id}` writes or calls without looking at `unapplied_amount`"
            )
        for kind, follows in _ONCE.items():
            count = sum(effect.kind is kind for effect in rule.do)
            if count > 1:
                self.warnings.append(f"line {rule.line}: rule `{rule.id}` has `{kind}` {count} times; {follows}")

    def _from(self, node: Node, to: State | None) -> frozenset[State]:
        if isinstance(node.value, str) and node.value in WIDE:
            return WIDE[node.value] - {to}
        names = as_texts(node, "`from`")
        if not names:
            raise node.refused("`from` names no state")
        entries = node.value if isinstance(node.value, tuple) else (node,)
        states = [State(one_of(entry, "`from`", [*State, *WIDE])) for entry in entries if entry.value not in WIDE]
        if len(states) < len(entries):
            raise node.refused("`any` and `open` stand alone, not in a list")
        if to in states:
            raise node.refused(f"`from` contains `{to}`, which is also `to`; a move leads to another state")
        return frozenset(states)

    def _repeat(self, keys: Mapping[str, Node], to: State | None) -> int | None:
        if "repeat_after_days" not in keys:
            return None
        node = keys["repeat_after_days"]
        if to is not None:
            raise node.refused("`repeat_after_days` stands beside `to`; only acts repeat")
        return as_int(node, "`repeat_after_days`", least=1, most=NEVER)

    def _effects(self, node: Node) -> tuple[Effect, ...]:
        entries = as_list(node, "`do`")
        if not entries:
            raise node.refused("`do` is empty; leave it out")
        return tuple(self._effect(entry) for entry in entries)

    def _effect(self, node: Node) -> Effect:
        entries = as_mapping(node, "an effect")
        if len(entries) != 1:
            raise node.refused("an effect is one pair, such as `send: friendly-reminder`")
        ((kind, name),) = entries.items()
        if kind in _LATER_EFFECTS:
            raise node.not_enforced(f"the effect `{kind}` is not enforced yet")
        if kind not in list(EffectKind):
            known = did_you_mean(kind, list(EffectKind))
            raise node.refused(f"unknown effect `{kind}`{known}; there are {', '.join(EffectKind)}")
        return Effect(kind=EffectKind(kind), name=self._effect_name(EffectKind(kind), name))

    def _effect_name(self, kind: EffectKind, node: Node) -> str:
        name = as_text(node, f"the name of `{kind}`")
        if len(name) > MAX_NAME or not name.isprintable():
            raise node.refused(f"the name of `{kind}` has {MAX_NAME} printable characters at most")
        if kind is EffectKind.SEND and self.templates is not None and name not in self.templates:
            raise node.refused(f"unknown template `{name}`{did_you_mean(name, self.templates)}")
        return name

    def never(self, node: Node) -> tuple[Never, ...]:
        """What `node` lists as never to happen."""
        nodes = as_list(node, "`never`")
        found = tuple(self._never(node) for node in nodes)
        _refuse_twice(found, nodes)
        return found

    def _never(self, node: Node) -> Never:
        keys = as_mapping(node, "an entry of `never`", ("id", "to", "when"), ("id", "to", "when"))
        return Never(
            id=_id(keys["id"]),
            to=read_state(keys["to"], "`to`"),
            when=self.expression(keys["when"], "`when`"),
            when_text=as_text(keys["when"], "`when`"),
            line=node.line,
        )

    def expression(self, node: Node, what: str) -> Expression:
        """The condition in `node`; `what` names its key in refusals."""
        try:
            return parse(as_text(node, what), self.facts, self.currency)
        except Refused as refused:
            raise node.refused(refused.reason) if refused.line is None else refused from None


def _id(node: Node) -> str:
    name = as_text(node, "`id`")
    if not ID.fullmatch(name):
        raise node.refused(f"`{name[:60]}` is no id; use letters, digits, `-`, `_` and `.`")
    return name


def read_state(node: Node, what: str) -> State:
    """The state that `node` names."""
    return State(one_of(node, what, list(State)))


def one_of(node: Node, what: str, known: Collection[str]) -> str:
    """The text in `node`, which is one of `known`."""
    name = as_text(node, what)
    if name not in known:
        raise node.refused(f"{what}: unknown `{name}`{did_you_mean(name, known)}; there are {', '.join(known)}")
    return name


def _refuse_twice(entries: Sequence[Rule | Never], nodes: Sequence[Node]) -> None:
    seen: dict[str, int] = {}
    for entry, node in zip(entries, nodes, strict=True):
        if entry.id in seen:
            raise node.refused(f"the id `{entry.id}` is there twice (first at line {seen[entry.id]})")
        seen[entry.id] = node.line

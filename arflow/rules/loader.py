"""From a policy document to a Policy: strict, with line, reason and "did you mean" (contract, section 2)."""

import datetime as dt
import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal

from arflow import money
from arflow.errors import NotEnforcedYet, Refused, did_you_mean
from arflow.isodates import read_date
from arflow.rules.calendar_keys import read_calendar
from arflow.rules.catalogue import CATALOGUE, FactSpec, attribute
from arflow.rules.expressions import ORDER, Comparison, Expression, comparisons, parse
from arflow.rules.policy import CatchUp, Example, Never, Policy, Rule
from arflow.rules.yamlnodes import (
    Node,
    as_decimal_text,
    as_int,
    as_list,
    as_mapping,
    as_text,
    as_texts,
    load,
)
from arflow.vocabulary import NEVER, Effect, EffectKind, State

MAX_BYTES = 1_000_000
MAX_RULES = 2_000
MAX_ORDER_COMPARISONS = 64
MAX_NAME = 200

_LATER = ("guards", "authority", "at_least")
_KEYS = (
    *("policy", "title", "currency", "applies_to", "precedence", "attributes", "calendar", "catch_up", "promises"),
    *("rules", "never", "examples", *_LATER),
)
_RULE_KEYS = ("id", "from", "when", "to", "do", "repeat_after_days", "why")
_LATER_EFFECTS = ("fee", "handoff")
_ATTRIBUTE_TYPES = ("text", "int", "amount", "bool")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_AMOUNT_KEYS = ("amount", "credit", "credit_limit")


def load_policy(text: str | bytes, *, file: str, templates: Collection[str] | None = None) -> Policy:
    """The policy in `text`. Raises Refused with file, line and reason.

    `templates` are the names that `send` may use; None takes any name, as a replay does.
    """
    return _Loader(load(text, file=file, max_bytes=MAX_BYTES), file, templates).policy(text)


def version_of(text: str | bytes) -> str:
    """The name of a version: the SHA-256 of its document."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


class _Loader:
    """Reads one document from its root; every method reads one key or one entry and refuses with its line."""

    def __init__(self, root: Node, file: str, templates: Collection[str] | None) -> None:
        self._file, self._templates = file, templates
        self._keys = as_mapping(root, "the policy", _KEYS, ("policy", "currency", "rules"))
        for key in _LATER:
            if key in self._keys:
                raise NotEnforcedYet(f"`{key}` is not enforced yet; leave it out", file=file, line=root.key_lines[key])
        self._currency = self._read_currency()
        self._attributes = self._read_attributes()
        self._facts: Mapping[str, FactSpec] = dict(CATALOGUE) | {
            f"attr_{name}": attribute(name, kind) for name, kind in self._attributes.items()
        }
        self._warnings: list[str] = []

    def policy(self, text: str | bytes) -> Policy:
        name = as_text(self._keys["policy"], "`policy`")
        if not _ID.fullmatch(name):
            raise self._keys["policy"].refused(f"`{name}` is no name; use letters, digits, `-`, `_` and `.`")
        rules, never = self._read_rules(), self._read_never()
        applies_to, applies_to_text = self._read_applies_to()
        grace_days, tolerance = self._read_promises()
        found = Policy(
            name=name,
            title=as_text(self._keys["title"], "`title`") if "title" in self._keys else name,
            currency=self._currency,
            version=version_of(text),
            source=text if isinstance(text, str) else text.decode("utf-8-sig"),
            applies_to=applies_to,
            applies_to_text=applies_to_text,
            precedence=self._read_int("precedence", least=-1_000_000, most=1_000_000),
            attributes=self._attributes,
            calendar=read_calendar(self._keys.get("calendar")),
            catch_up=self._read_catch_up(),
            grace_days=grace_days,
            tolerance=tolerance,
            rules=rules,
            never=never,
            examples=self._read_examples(),
            warnings=tuple(self._warnings),
        )
        self._check_limits(found)
        return found

    # --- keys of the document -----------------------------------------------------------------------------------------

    def _read_currency(self) -> str:
        node = self._keys["currency"]
        currency = as_text(node, "`currency`")
        try:
            money.exponent(currency)
        except Refused as refused:
            raise node.refused(refused.reason) from None
        return currency

    def _read_int(self, key: str, *, least: int, most: int) -> int:
        return as_int(self._keys[key], f"`{key}`", least=least, most=most) if key in self._keys else 0

    def _read_attributes(self) -> Mapping[str, str]:
        if "attributes" not in self._keys:
            return {}
        node = self._keys["attributes"]
        found = {}
        for name, kind in as_mapping(node, "`attributes`").items():
            if not _NAME.fullmatch(name):
                raise node.refused_key(name, f"`{name}` is no attribute name; use small letters, digits and `_`")
            found[name] = _one_of(kind, f"the type of `{name}`", _ATTRIBUTE_TYPES)
        return found

    def _read_catch_up(self) -> CatchUp:
        if "catch_up" not in self._keys:
            return CatchUp.NOTICE_REQUIRED
        return CatchUp(_one_of(self._keys["catch_up"], "`catch_up`", list(CatchUp)))

    def _read_promises(self) -> tuple[int, int]:
        if "promises" not in self._keys:
            return 0, 0
        keys = as_mapping(self._keys["promises"], "`promises`", ("grace_days", "tolerance"))
        grace = as_int(keys["grace_days"], "`grace_days`", least=0, most=366) if "grace_days" in keys else 0
        return grace, self._amount(keys["tolerance"]) if "tolerance" in keys else 0

    def _amount(self, node: Node) -> int:
        try:
            amount = money.parse(as_decimal_text(node, "`tolerance`"), self._currency)
        except Refused as refused:
            raise node.refused(refused.reason) from None
        if amount < 0:
            raise node.refused("`tolerance` is below zero")
        return amount

    def _read_applies_to(self) -> tuple[Expression | None, str]:
        node = self._keys.get("applies_to")
        if node is None:
            return None, ""
        return self._expression(node, "`applies_to`"), as_text(node, "`applies_to`")

    def _expression(self, node: Node, what: str) -> Expression:
        try:
            return parse(as_text(node, what), self._facts, self._currency)
        except Refused as refused:
            raise node.refused(refused.reason) if refused.line is None else refused from None

    # --- rules --------------------------------------------------------------------------------------------------------

    def _read_rules(self) -> tuple[Rule, ...]:
        nodes = as_list(self._keys["rules"], "`rules`")
        if not nodes:
            raise self._keys["rules"].refused("a policy needs at least one rule")
        if len(nodes) > MAX_RULES:
            raise nodes[MAX_RULES].refused(f"a policy may have {MAX_RULES:,} rules at most, this has {len(nodes):,}")
        rules = tuple(self._rule(node) for node in nodes)
        _refuse_twice(rules, nodes)
        return rules

    def _rule(self, node: Node) -> Rule:
        keys = as_mapping(node, "a rule", _RULE_KEYS, ("id", "from", "when"))
        name = self._rule_id(keys["id"])
        to = self._state(keys["to"], "`to`") if "to" in keys else None
        do = self._effects(keys["do"]) if "do" in keys else ()
        if to is None and not do:
            raise node.refused(f"rule `{name}` has neither `to` nor `do`")
        rule = Rule(
            id=name,
            states=self._from(keys["from"], to),
            when=self._expression(keys["when"], "`when`"),
            when_text=as_text(keys["when"], "`when`"),
            to=to,
            do=do,
            repeat_after_days=self._repeat(keys, to),
            why=as_text(keys["why"], "`why`") if "why" in keys else "",
            line=node.line,
        )
        self._warn(rule)
        return rule

    def _rule_id(self, node: Node) -> str:
        name = as_text(node, "`id`")
        if not _ID.fullmatch(name):
            raise node.refused(f"`{name[:60]}` is no id; use letters, digits, `-`, `_` and `.`")
        return name

    def _warn(self, rule: Rule) -> None:
        if not rule.why:
            self._warnings.append(f"line {rule.line}: rule `{rule.id}` has no `why`")
        if rule.contacts_customer and all(c.fact != "unapplied_amount" for c in comparisons(rule.when)):
            self._warnings.append(
                f"line {rule.line}: rule `{rule.id}` writes or calls without looking at `unapplied_amount`"
            )

    def _state(self, node: Node, what: str) -> State:
        return State(_one_of(node, what, list(State)))

    def _from(self, node: Node, to: State | None) -> frozenset[State]:
        wide = {"any": set(State), "open": set(State) - {State.CURRENT, State.RESOLVED}}
        if isinstance(node.value, str) and node.value in wide:
            return frozenset(wide[node.value] - {to})
        names = as_texts(node, "`from`")
        if not names:
            raise node.refused("`from` names no state")
        entries = node.value if isinstance(node.value, tuple) else (node,)
        states = [State(_one_of(entry, "`from`", [*State, *wide])) for entry in entries if entry.value not in wide]
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
            raise NotEnforcedYet(f"the effect `{kind}` is not enforced yet", file=self._file, line=node.line)
        if kind not in list(EffectKind):
            known = did_you_mean(kind, list(EffectKind))
            raise node.refused(f"unknown effect `{kind}`{known}; there are {', '.join(EffectKind)}")
        return Effect(kind=EffectKind(kind), name=self._effect_name(EffectKind(kind), name))

    def _effect_name(self, kind: EffectKind, node: Node) -> str:
        name = as_text(node, f"the name of `{kind}`")
        if len(name) > MAX_NAME or not name.isprintable():
            raise node.refused(f"the name of `{kind}` has {MAX_NAME} printable characters at most")
        if kind is EffectKind.SEND and self._templates is not None and name not in self._templates:
            raise node.refused(f"unknown template `{name}`{did_you_mean(name, self._templates)}")
        return name

    def _read_never(self) -> tuple[Never, ...]:
        nodes = as_list(self._keys["never"], "`never`") if "never" in self._keys else ()
        found = tuple(self._never(node) for node in nodes)
        _refuse_twice(found, nodes)
        return found

    def _never(self, node: Node) -> Never:
        keys = as_mapping(node, "an entry of `never`", ("id", "to", "when"), ("id", "to", "when"))
        return Never(
            id=self._rule_id(keys["id"]),
            to=self._state(keys["to"], "`to`"),
            when=self._expression(keys["when"], "`when`"),
            when_text=as_text(keys["when"], "`when`"),
            line=node.line,
        )

    # --- examples -----------------------------------------------------------------------------------------------------

    def _read_examples(self) -> tuple[Example, ...]:
        nodes = as_list(self._keys["examples"], "`examples`") if "examples" in self._keys else ()
        return tuple(self._example(node) for node in nodes)

    def _example(self, node: Node) -> Example:
        keys = as_mapping(node, "an example", ("name", "account", "events", "expect"), ("name", "events", "expect"))
        account = as_mapping(keys["account"], "`account`") if "account" in keys else {}
        return Example(
            name=as_text(keys["name"], "`name`"),
            account={name: _plain(value, name) for name, value in account.items()},
            events=tuple(_event(entry) for entry in as_list(keys["events"], "`events`")),
            expect=tuple(self._expected(entry) for entry in as_list(keys["expect"], "`expect`")),
            line=node.line,
        )

    def _expected(self, node: Node) -> tuple[dt.date, str, State]:
        keys = as_mapping(node, "an expectation", ("date", "state", "account"), ("date", "state"))
        try:
            on = read_date(keys["date"].value)
        except Refused as refused:
            raise keys["date"].refused(f"`date` {refused.reason}") from None
        account = as_text(keys["account"], "`account`") if "account" in keys else "A"
        return on, account, self._state(keys["state"], "`state`")

    # --- limits -------------------------------------------------------------------------------------------------------

    def _check_limits(self, policy: Policy) -> None:
        for state in State:
            rules = policy.rules_in(state)
            self._limit(((clause, rule.line) for rule in rules for clause in comparisons(rule.when)), f"`{state}`")
        self._limit(((clause, never.line) for never in policy.never for clause in comparisons(never.when)), "`never`")
        if policy.applies_to is not None:
            line = self._keys["applies_to"].line
            self._limit(((clause, line) for clause in comparisons(policy.applies_to)), "`applies_to`")

    def _limit(self, clauses: Iterable[tuple[Comparison, int]], where: str) -> None:
        ordered: Counter[str] = Counter()
        for clause, line in clauses:
            if clause.op in ORDER:
                ordered[clause.fact] += 1
            if ordered[clause.fact] > MAX_ORDER_COMPARISONS:
                reason = f"more than {MAX_ORDER_COMPARISONS} order comparisons on `{clause.fact}` in {where}"
                raise Refused(reason, file=self._file, line=line)


def _one_of(node: Node, what: str, known: Collection[str]) -> str:
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


def _event(node: Node) -> Mapping[str, object]:
    return {name: _plain(value, name) for name, value in as_mapping(node, "an event").items()}


def _plain(node: Node, name: str) -> object:
    """A node as JSON has it; amounts keep the digits they were written with."""
    if isinstance(node.value, tuple):
        return [_plain(entry, name) for entry in node.value]
    if isinstance(node.value, Mapping):
        return {key: _plain(value, key) for key, value in node.value.items()}
    if isinstance(node.value, Decimal) or (name in _AMOUNT_KEYS and isinstance(node.value, int)):
        return node.text
    return node.value

"""From a policy document to a Policy: strict, with line, reason and "did you mean" (contract, section 2)."""

import datetime as dt
import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal

from arflow import money
from arflow.errors import Refused
from arflow.isodates import read_date
from arflow.rules.calendar_keys import read_calendar
from arflow.rules.catalogue import CATALOGUE, attribute
from arflow.rules.expressions import ORDER, Comparison, Expression, comparisons
from arflow.rules.guard_keys import read_guards
from arflow.rules.policy import CatchUp, Example, Policy
from arflow.rules.rule_keys import ID, MAX_NAME, MAX_RULES, RuleReader, one_of, read_state
from arflow.rules.yamlnodes import (
    Node,
    as_decimal_text,
    as_int,
    as_list,
    as_mapping,
    as_text,
    load,
)
from arflow.vocabulary import State

__all__ = ["MAX_BYTES", "MAX_NAME", "MAX_ORDER_COMPARISONS", "MAX_RULES", "load_policy", "read_policy", "version_of"]

MAX_BYTES = 1_000_000
MAX_ORDER_COMPARISONS = 64

_LATER = ("authority", "at_least")
_KEYS = (
    *("policy", "title", "currency", "applies_to", "precedence", "attributes", "calendar", "catch_up", "promises"),
    *("guards", "rules", "never", "examples", *_LATER),
)
_ATTRIBUTE_TYPES = ("text", "int", "amount", "bool")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_AMOUNT_KEYS = ("amount", "credit", "credit_limit")


def load_policy(text: str | bytes, *, file: str, templates: Collection[str] | None = None) -> Policy:
    """The policy in `text`. Raises Refused with file, line and reason.

    `templates` are the names that `send` may use. None is for a document that was accepted before, as each version that
    is kept, and for a replay: any name is taken, and what earlier releases accepted can be read for good.
    """
    root = load(text, file=file, max_bytes=MAX_BYTES, is_kept=templates is None)
    source = text if isinstance(text, str) else text.decode("utf-8-sig")
    return read_policy(root, source.removeprefix("\ufeff"), templates=templates)


def read_policy(root: Node, source: str, *, templates: Collection[str] | None = None) -> Policy:
    """The policy whose document `source` has been read as `root`. Raises Refused as `load_policy` does."""
    return _Loader(root, root.file, templates).policy(source)


def version_of(source: str) -> str:
    """The name of a version: the SHA-256 of its document as UTF-8, without a byte order mark."""
    return hashlib.sha256(source.encode()).hexdigest()


def _comments(node: Node) -> Iterator[str]:
    """Warnings of what may have been meant as text, and is none."""
    if node.comment:
        yield f"line {node.line}: `{node.comment[:40]}` is a comment and not read; quote the text that it belongs to"
    entries = node.value.values() if isinstance(node.value, Mapping) else node.value
    for entry in entries if isinstance(entries, Iterable) and not isinstance(entries, str) else ():
        yield from _comments(entry)


class _Loader:
    """Reads one document from its root; every method reads one key or one entry and refuses with its line."""

    def __init__(self, root: Node, file: str, templates: Collection[str] | None) -> None:
        self._root, self._file, self._is_new = root, file, templates is not None
        self._keys = as_mapping(root, "the policy", _KEYS, ("policy", "currency", "rules"))
        for key in _LATER:
            if key in self._keys:
                raise root.not_enforced(f"`{key}` is not enforced yet; leave it out", key)
        self._currency = self._read_currency()
        self._attributes = self._read_attributes()
        self._amount_attributes = [name for name, kind in self._attributes.items() if kind == "amount"]
        declared = [attribute(name, kind) for name, kind in self._attributes.items()]
        facts = dict(CATALOGUE) | {spec.name: spec for spec in declared}
        self._reader = RuleReader(facts=facts, currency=self._currency, templates=templates)

    def policy(self, source: str) -> Policy:
        """The policy, whose document is `source`."""
        name = as_text(self._keys["policy"], "`policy`")
        if not ID.fullmatch(name):
            raise self._keys["policy"].refused(f"`{name}` is no name; use letters, digits, `-`, `_` and `.`")
        rules = self._reader.rules(self._keys["rules"])
        never = self._reader.never(self._keys["never"]) if "never" in self._keys else ()
        applies_to, applies_to_text = self._read_applies_to()
        grace_days, tolerance = self._read_promises()
        found = Policy(
            name=name,
            title=as_text(self._keys["title"], "`title`") if "title" in self._keys else name,
            currency=self._currency,
            version=version_of(source),
            source=source,
            applies_to=applies_to,
            applies_to_text=applies_to_text,
            precedence=self._read_int("precedence", least=-1_000_000, most=1_000_000),
            attributes=self._attributes,
            calendar=read_calendar(self._keys.get("calendar")),
            catch_up=self._read_catch_up(),
            grace_days=grace_days,
            tolerance=tolerance,
            guards=read_guards(self._keys.get("guards")),
            rules=rules,
            never=never,
            examples=self._read_examples(),
            warnings=(*self._reader.warnings, *_comments(self._root)),
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
            found[name] = one_of(kind, f"the type of `{name}`", _ATTRIBUTE_TYPES)
        return found

    def _read_catch_up(self) -> CatchUp:
        if "catch_up" not in self._keys:
            return CatchUp.NOTICE_REQUIRED
        return CatchUp(one_of(self._keys["catch_up"], "`catch_up`", list(CatchUp)))

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
        return self._reader.expression(node, "`applies_to`"), as_text(node, "`applies_to`")

    # --- examples -----------------------------------------------------------------------------------------------------

    def _read_examples(self) -> tuple[Example, ...]:
        nodes = as_list(self._keys["examples"], "`examples`") if "examples" in self._keys else ()
        return tuple(self._example(node) for node in nodes)

    def _example(self, node: Node) -> Example:
        keys = as_mapping(node, "an example", ("name", "account", "events", "expect"), ("name", "events", "expect"))
        account = as_mapping(keys["account"], "`account`") if "account" in keys else {}
        expected = as_list(keys["expect"], "`expect`")
        if not expected and self._is_new:
            raise keys["expect"].refused("`expect` is empty, so the example tests nothing; say a date and a state")
        events = as_list(keys["events"], "`events`")
        return Example(
            name=as_text(keys["name"], "`name`"),
            account=self._plain_keys(account),
            events=tuple(self._plain_keys(as_mapping(entry, "an event")) for entry in events),
            expect=tuple(self._expected(entry) for entry in expected),
            line=node.line,
            account_line=keys.get("account", node).line,
            event_lines=tuple(entry.line for entry in events),
        )

    def _plain_keys(self, keys: Mapping[str, Node], amounts: Collection[str] = _AMOUNT_KEYS) -> Mapping[str, object]:
        return {name: self._plain(value, name, amounts) for name, value in keys.items()}

    def _plain(self, node: Node, name: str, amounts: Collection[str]) -> object:
        """A node as JSON has it; amounts keep the digits they were written with. Attributes are what they declare."""
        if isinstance(node.value, tuple):
            return [self._plain(entry, name, amounts) for entry in node.value]
        if isinstance(node.value, Mapping):
            return self._plain_keys(node.value, self._amount_attributes if name == "attributes" else amounts)
        if isinstance(node.value, Decimal) or (name in amounts and isinstance(node.value, int)):
            return node.text
        return node.value

    def _expected(self, node: Node) -> tuple[dt.date, str, State]:
        keys = as_mapping(node, "an expectation", ("date", "state", "account"), ("date", "state"))
        try:
            on = read_date(keys["date"].value)
        except Refused as refused:
            raise keys["date"].refused(f"`date` {refused.reason}") from None
        account = as_text(keys["account"], "`account`") if "account" in keys else "A"
        return on, account, read_state(keys["state"], "`state`")

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

"""The language of `when`: text to a typed tree, refused with a reason where it does not follow the contract.

Comparisons are `fact op literal`; nothing is called, added or compared with another fact. After parsing, every literal
has the type of its fact: amounts are minor units, days and counts are integers.
"""

import operator
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NoReturn

from arflow import money
from arflow.errors import Refused, did_you_mean
from arflow.rules.catalogue import FactSpec, FactType
from arflow.vocabulary import NEVER, FactValue

ORDER: Mapping[str, Callable[[int, int], bool]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
)
Literal = str | int | bool


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One clause. For `in` and `not in` `values` holds the list; for sets `has` and `has not` hold the member asked."""

    fact: str
    op: str
    values: tuple[Literal, ...]
    text: str = field(compare=False, default="")


@dataclass(frozen=True, kw_only=True)
class Difference(Comparison):
    """A clause about `fact` less another amount. No document can write it: the guards ask so, and proofs with them."""

    less: str


@dataclass(frozen=True, kw_only=True)
class All:
    """Every part holds (`and`)."""

    parts: "tuple[Expression, ...]"


@dataclass(frozen=True, kw_only=True)
class Any:
    """At least one part holds (`or`)."""

    parts: "tuple[Expression, ...]"


@dataclass(frozen=True, kw_only=True)
class Not:
    """The part does not hold."""

    part: "Expression"


Expression = Comparison | All | Any | Not

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"\n]*"|'[^'\n]*')|(?P<number>-?[0-9]+(?:\.[0-9]+)?)"""
    r"""|(?P<slip>=>|=<|<>|&&|\|\||(?<![0-9])-?\.[0-9]+)|(?P<op>==|!=|<=|>=|<|>)|(?P<mark>[(),])"""
    r"""|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<other>\S))"""
)
_MEANT: Mapping[str, str] = MappingProxyType(
    {"=": "`==`", "=>": "`>=`", "≥": "`>=`", "=<": "`<=`", "≤": "`<=`", "<>": "`!=`", "≠": "`!=`"}
    | {"&": "`and`", "&&": "`and`", "|": "`or`", "||": "`or`", "!": "`not`"}
    | dict.fromkeys("“”„‟«»\u2018\u2019\u201a\u201b", 'straight quotes, as in `"US"`')
    | dict.fromkeys("$€£¥", "the amount alone, in the currency of the policy")
)
"""What to write instead of what other languages, and word processors, have."""
_TURNED: Mapping[str, str] = MappingProxyType({"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="})
_WORDS = ("and", "or", "not", "in")
_MAX_DEPTH = 50
_MAX_LENGTH = 20_000
_MAX_DIGITS = 16


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def _tokens(text: str) -> list[_Token]:
    if len(text) > _MAX_LENGTH:
        raise Refused(f"an expression may have {_MAX_LENGTH} characters at most, this one has {len(text)}")
    found = [_Token(str(match.lastgroup), match.group(str(match.lastgroup))) for match in _TOKEN.finditer(text)]
    for before, token in zip([None, *found], found, strict=False):
        _check(token, before)
    return [*found, _Token("end", "the end")]


def _check(token: _Token, before: _Token | None) -> None:
    """Raise Refused for what no expression holds."""
    if token.kind == "other" and not token.text.isprintable():
        raise Refused(_unseen(token.text, before))
    if token.kind in ("slip", "other"):
        raise Refused(f"`{token.text}` is no part of the language of `when`{_instead(token.text)}")
    if token.kind == "word" and token.text not in _WORDS and token.text.lower() in _WORDS:
        raise Refused(f"`{token.text}` is written in small letters: `{token.text.lower()}`")


def _unseen(text: str, before: _Token | None) -> str:
    """The refusal of a character that nobody sees, which web pages and word processors leave behind."""
    name = ", ".join(part for part in (unicodedata.name(text, ""), f"U+{ord(text):04X}") if part)
    place = f"after `{before.text}`" if before else "at the beginning"
    return f"an invisible character ({name}) stands {place}; delete it"


def _instead(text: str) -> str:
    """What to write instead of `text`, where that can be guessed."""
    if text[-1].isascii() and text[-1].isdigit():
        return f"; write `{text.replace('.', '0.')}`"
    return f"; write {_MEANT[text]}" if text in _MEANT else " (no calls, arithmetic or brackets)"


def parse(text: str, facts: Mapping[str, FactSpec], currency: str) -> Expression:
    """The typed tree of `text`. Raises Refused with the reason; amounts are read in `currency`."""
    return _Parser(_tokens(text), facts, currency).whole()


class _Parser:
    """Recursive descent over the tokens; each method is one line of the grammar."""

    def __init__(self, tokens: list[_Token], facts: Mapping[str, FactSpec], currency: str) -> None:
        self._tokens, self._at = tokens, 0
        self._facts, self._currency = facts, currency
        self._depth = 0

    @property
    def _now(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._now
        self._at += 1
        return token

    def _accept(self, text: str) -> bool:
        if self._now.kind in ("word", "mark", "op") and self._now.text == text:
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise self._unexpected(f"`{text}`")

    def _unexpected(self, wanted: str) -> Refused:
        """The refusal of what stands here, for the caller to raise; it may be the rest of a number such as `1,000`."""
        return Refused(f"expected {wanted} but found {self._shown(self._now)}{self._cut()}")

    def _cut(self) -> str:
        """How to write the number that is cut here; nothing where none is."""
        before, rest = self._tokens[self._at - 1], self._tokens[self._at + (self._now.text == ",")]
        if before.kind != "number" or rest.kind != "number":
            return ""
        return money.mended(before.text, rest.text, by=self._now.text if self._now.text == "," else " ")

    def _shown(self, token: _Token) -> str:
        return "the end of the expression" if token.kind == "end" else f"`{token.text}`"

    def whole(self) -> Expression:
        if self._now.kind == "end":
            raise Refused("the expression is empty")
        found = self._any()
        if self._now.kind != "end":
            self._refuse_rest()
        return found

    def _refuse_rest(self) -> NoReturn:
        token = self._now
        if token.kind == "op":
            raise Refused(f"`{token.text}`: comparisons cannot be chained; write `a > 1 and a < 9`")
        raise self._unexpected("`and` or `or`")

    def _any(self) -> Expression:
        parts = [self._all()]
        while self._accept("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Any(parts=tuple(parts))

    def _all(self) -> Expression:
        parts = [self._not()]
        while self._accept("and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else All(parts=tuple(parts))

    def _not(self) -> Expression:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise Refused(f"the expression is nested deeper than {_MAX_DEPTH}")
        found = Not(part=self._not()) if self._accept("not") else self._primary()
        self._depth -= 1
        return found

    def _primary(self) -> Expression:
        if self._accept("("):
            found = self._any()
            self._expect(")")
            return found
        if self._now.kind in ("text", "number"):
            return self._membership()
        return self._comparison()

    def _membership(self) -> Comparison:
        """`"vip" in tags`: a literal on the left can only ask a set."""
        start, member = self._at, self._take()
        negated = self._accept("not")
        if not self._accept("in"):
            raise Refused(f"`{member.text}` cannot stand on the left; write the fact first{self._turned(member)}")
        spec = self._fact(self._take())
        if spec.type is not FactType.SET:
            raise Refused(f"`{spec.name}` is no set; write `{spec.name} == {member.text}`")
        if member.kind != "text":
            raise Refused(f"`{spec.name}` holds texts; quote `{member.text}`")
        return self._clause(spec, "has not" if negated else "has", (member.text[1:-1],), start)

    def _turned(self, member: _Token) -> str:
        """What `3 <= days_overdue`, of which `member` was read, is the other way round; else an example."""
        op, fact = self._now.text, self._tokens[min(self._at + 1, len(self._tokens) - 1)].text
        if op in _TURNED and fact in self._facts:
            return f": `{fact} {_TURNED[op]} {member.text}`"
        return ', as in `country == "US"`'

    def _fact(self, token: _Token) -> FactSpec:
        if token.kind != "word":
            raise Refused(f"expected a fact but found {self._shown(token)}")
        if token.text in ("true", "false", "and", "or", "in", "not"):
            raise Refused(f"expected a fact but found `{token.text}`")
        if token.text not in self._facts:
            raise Refused(f"unknown fact `{token.text}`{self._hint(token.text)}")
        return self._facts[token.text]

    def _hint(self, word: str) -> str:
        if word.startswith("attr_"):
            return f": declare it as `attributes: {{{word[5:]}: text}}`"
        return did_you_mean(word, self._facts)

    def _comparison(self) -> Comparison:
        start = self._at
        spec = self._fact(self._take())
        if spec.type is FactType.SET:
            raise Refused(f'`{spec.name}` is a set; ask it the other way round, as in `"vip" in {spec.name}`')
        if self._now.kind == "op":
            return self._clause(spec, self._take().text, None, start)
        if self._accept("not"):
            self._expect("in")
            return self._clause(spec, "not in", self._list(spec), start)
        if self._accept("in"):
            return self._clause(spec, "in", self._list(spec), start)
        if spec.type is FactType.BOOL:
            return self._clause(spec, "==", (True,), start)
        raise Refused(f"`{spec.name}` is no bool and cannot stand alone; compare it, as in `{self._example(spec)}`")

    def _example(self, spec: FactSpec) -> str:
        return f'{spec.name} == "..."' if spec.type is FactType.TEXT else f"{spec.name} >= 3"

    def _clause(self, spec: FactSpec, op: str, values: tuple[Literal, ...] | None, start: int) -> Comparison:
        if op in ORDER and not spec.is_ordered:
            raise Refused(f"`{spec.name}` is {spec.type}, which has no order; use == or !=")
        found = (self._literal(spec),) if values is None else values
        return Comparison(fact=spec.name, op=op, values=found, text=self._source(start))

    def _source(self, start: int) -> str:
        words = [token.text for token in self._tokens[start : self._at]]
        return re.sub(r"\( | (?=[),])", lambda m: m.group().strip(), " ".join(words))

    def _list(self, spec: FactSpec) -> tuple[Literal, ...]:
        self._expect("(")
        values = [self._literal(spec)]
        while self._accept(","):
            values.append(self._literal(spec))
        self._expect(")")
        return tuple(values)

    def _literal(self, spec: FactSpec) -> Literal:
        token = self._take()
        match spec.type:
            case FactType.TEXT:
                return self._text(spec, token)
            case FactType.BOOL:
                return self._bool(spec, token)
            case FactType.AMOUNT:
                return self._amount(spec, token)
            case _:
                return self._integer(spec, token)

    def _text(self, spec: FactSpec, token: _Token) -> str:
        if token.kind != "text":
            hint = " (quote it)" if token.kind == "word" and token.text not in self._facts else ""
            raise Refused(f"`{spec.name}` is compared with text in quotes, not {self._shown(token)}{hint}")
        value = token.text[1:-1]
        if spec.values and value not in spec.values:
            known = ", ".join(spec.values)
            raise Refused(f"`{value}` is no {spec.name}{did_you_mean(value, spec.values)}; there are {known}")
        return value

    def _bool(self, spec: FactSpec, token: _Token) -> bool:
        if token.kind != "word" or token.text not in ("true", "false"):
            raise Refused(f"`{spec.name}` is true or false, not {self._shown(token)}")
        return token.text == "true"

    def _amount(self, spec: FactSpec, token: _Token) -> int:
        self._number(spec, token)
        return money.parse(token.text, self._currency)

    def _integer(self, spec: FactSpec, token: _Token) -> int:
        self._number(spec, token)
        if "." in token.text:
            raise Refused(f"`{spec.name}` counts whole numbers, not `{token.text}`")
        value = int(token.text) if len(token.text) <= _MAX_DIGITS else 10**_MAX_DIGITS
        highest = NEVER if spec.type is FactType.DAYS else 10**9
        lowest = 0 if not spec.name.startswith("attr_") else -highest
        if not lowest <= value <= highest:
            raise Refused(f"`{spec.name}` is compared with {lowest} to {highest}, not {token.text}")
        return value

    def _number(self, spec: FactSpec, token: _Token) -> None:
        if token.kind == "number":
            return
        if token.kind == "word" and token.text in self._facts:
            raise Refused(f"`{spec.name}` is compared with the fact `{token.text}`; only a literal can stand there")
        raise Refused(f"`{spec.name}` is compared with a number, not {self._shown(token)}")


def comparisons(expression: Expression) -> Iterator[Comparison]:
    """Every clause of `expression`, from left to right."""
    if isinstance(expression, Comparison):
        yield expression
    elif isinstance(expression, Not):
        yield from comparisons(expression.part)
    else:
        for part in expression.parts:
            yield from comparisons(part)


def compare(clause: Comparison, value: FactValue) -> bool:
    """Whether `clause` is true of a fact with this `value`."""
    literal = clause.values[0]
    if isinstance(value, frozenset):
        return (literal in value) is (clause.op == "has")
    if clause.op in ORDER:
        if isinstance(value, int) and isinstance(literal, int):
            return ORDER[clause.op](value, literal)
        raise TypeError(clause)
    return (value in clause.values) is (clause.op in ("==", "in"))

"""Common mistakes in policies, each with the refusal that it really gets: the loader is asked when the page is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from arflow.errors import Refused
from arflow.handbook.markdown import code, table
from arflow.rules.loader import load_policy
from arflow.rules.templates import KNOWN

_POLICY = """policy: example
currency: EUR
{key}
rules:
  - {{id: write, from: current, when: '{when}', to: reminded, do: [{do}], why: Late.}}
  - {rule}
"""
_RIGHT: Mapping[str, str] = MappingProxyType(
    {
        "key": "title: Example",
        "when": "days_overdue >= 3",
        "do": "send: first-reminder",
        "rule": "{id: other, from: reminded, when: days_overdue >= 9, to: called, why: Later.}",
    }
)


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong, at which place of a policy that is right elsewhere, and how it is written."""

    what: str
    place: str
    written: str

    @property
    def document(self) -> str:
        """A policy with nothing but this mistake."""
        return _POLICY.format_map({**_RIGHT, self.place: self.written})


MISTAKES = (
    Mistake("a fact is misspelt", "when", "day_overdue >= 3"),
    Mistake("a key is misspelt", "key", "catchup: jump"),
    Mistake("a text has no quotes", "when", "country == US"),
    Mistake("a set is asked the wrong way round", "when", 'tags == "vip"'),
    Mistake("a list is in brackets", "when", 'country in ["US", "CA"]'),
    Mistake("an expression begins with a quote", "key", 'applies_to: "vip" in tags'),
    Mistake("a text has a colon and a space in it", "key", "title: Shops: all of them"),
    Mistake("a text begins with a character that means something in YAML", "key", "title: @home"),
    Mistake("a word of the language is in capitals", "when", "days_overdue >= 3 AND on_hold"),
    Mistake("the fact stands on the right", "when", "3 <= days_overdue"),
    Mistake("two facts are compared", "when", "open_amount > credit_limit"),
    Mistake("a fact that is not true or false stands alone", "when", "days_overdue"),
    Mistake("comparisons are chained", "when", "days_overdue > 3 < 9"),
    Mistake("an attribute is not declared", "when", 'attr_region == "north"'),
    Mistake("`yes` is taken for true", "when", "on_hold == yes"),
    Mistake("an amount has more decimals than its currency", "when", "overdue_amount >= 25.005"),
    Mistake("days have decimals", "when", "days_overdue >= 2.5"),
    Mistake("a template is not known", "do", "send: first-remainder"),
    Mistake("an effect of a later version", "do", "fee: late-fee"),
    Mistake("a move leads to where it is", "rule", "{id: on, from: [current, called], when: on_hold, to: called}"),
    Mistake("a rule does nothing", "rule", "{id: on, from: called, when: on_hold}"),
    Mistake("a move repeats", "rule", "{id: on, from: called, when: on_hold, to: reminded, repeat_after_days: 3}"),
    Mistake("two rules have one id", "rule", "{id: write, from: reminded, when: days_overdue >= 9, to: called}"),
    Mistake("a time of day has no minutes", "key", 'calendar: {act_at: "8"}'),
    Mistake("an example expects nothing", "key", "examples: [{name: late, events: [], expect: []}]"),
    Mistake("a key of a later version", "key", "authority: []"),
    Mistake("a guard keeps nothing back", "key", "guards: {fresh_cash: {hold_steps: true}}"),
)


def refusal(mistake: Mistake) -> str:
    """What the loader says of `mistake`. Raises ValueError when it finds nothing wrong."""
    try:
        load_policy(mistake.document, file="example", templates=KNOWN)
    except Refused as refused:
        return refused.reason
    raise ValueError(mistake.what)


def refusals() -> str:
    """Every mistake: what is wrong, how it is written, what comes of it."""
    rows = [(mistake.what, code(mistake.written), refusal(mistake)) for mistake in MISTAKES]
    return table(["mistake", "written", "refused with"], rows)

"""A template that somebody else wrote can do nothing but write words: everything else is refused, and soon."""

import time

import pytest

from arflow.errors import Refused
from arflow.messages import sandbox

KNOWN = {"name": frozenset[str](), "total": frozenset[str](), "lines": frozenset({"number", "due"})}
LINES = [{"number": f"R-{number}", "due": "1 March"} for number in range(50)]
VALUES = {"name": "Ann", "total": "EUR 5.00", "lines": LINES}
SECONDS = 5.0


def rendered(source: str) -> str:
    return sandbox.rendered(sandbox.compiled(source, KNOWN), VALUES)


def refusal(source: str) -> str:
    """Why `source` is refused; it may take no longer than a moment, whatever it is."""
    began = time.perf_counter()
    with pytest.raises(Refused) as refused:
        rendered(source)
    assert time.perf_counter() - began < SECONDS
    return str(refused.value)


def test_words_names_conditions_and_a_loop_are_all_there_is() -> None:
    assert rendered("Dear {{ name }}, {% if total and not '' %}{{ total }}{% else %}nothing{% endif %}") == (
        "Dear Ann, EUR 5.00"
    )
    assert rendered("{% for line in lines %}{{ line.number }} {% endfor %}").startswith("R-0 R-1 R-2 ")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{% for a in range(10**9) %}{% endfor %}", "a loop runs over `lines`"),
        ("{% for a in 'aaaaaaaa' %}{% endfor %}", "a loop runs over `lines`"),
        ("{% for a in lines %}{% for b in lines %}x{% endfor %}{% endfor %}", "a loop stands in no other loop"),
        ("{% for a in lines %}\n{% if a %}{% for b in lines %}{% endfor %}{% endif %}{% endfor %}", "line 2: a loop"),
        ("{% for a in lines recursive %}{{ loop(lines) }}{% endfor %}", "neither `recursive` nor a condition"),
        ("{% for a in lines if a %}{% endfor %}", "neither `recursive` nor a condition"),
        ("{% for a, b in lines %}{% endfor %}", "a loop has one name"),
        ("{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}", "there are no macros in a template"),
        ("{% set a = name ~ name %}", "there are no assignments (`set`) in a template"),
        ("{{ name ~ name }}", "there are no joining (`~`)"),
        ("{{ name * 1000000000 }}", "there are no `mul` in a template"),
        ("{{ 9 ** 9 ** 9 ** 9 }}", "there are no `pow` in a template"),
        ("{{ '%1000000000d' % 1 }}", "there are no `mod` in a template"),
        ("{{ name.center(1000000000) }}", "there are no calls in a template"),
        ("{{ name|center(1000000000) }}", "there are no filters in a template"),
        ("{{ lipsum(n=100000) }}", "there are no calls in a template"),
        ("{{ ''.__class__.__mro__ }}", "stands only behind the name of a loop"),
        ("{% for line in lines %}{{ line.__class__ }}{% endfor %}", "a line has no `__class__`"),
        ("{{ name['upper'] }}", "there are no indexes"),
        ("{% include '/etc/passwd' %}", "there are no other files in a template"),
        ("{% import 'os' as os %}", "there are no other files in a template"),
        ("{% extends 'layout' %}", "there are no other files in a template"),
        ("{{ nane }}", "line 1: a template knows no `nane` (did you mean `name`?)"),
        ("\n{% for line in lines %}{{ line.nummer }}{% endfor %}", "line 2: a line has no `nummer` (did you mean"),
        ("{% if name %}", "line 1: "),
        ("{{ name", "line 1: "),
        ("{% for line in lines %}{% else %}{{ line }}{% endfor %}{% if total < 5 %}{% endif %}", "cannot be rendered"),
        ("a\x1fb", "not seen"),
        ("a\x00b", "not seen"),
        ("x" * 20_001, "at most 20,000 characters, this one has 20,001"),
        ("{{" + "(" * 9_000 + "name" + ")" * 9_000 + "}}", "nested at most 40 deep"),
        ("{{ " + "not " * 4_500 + "name }}", "nested at most 40 deep"),
        ("{{ name" + " and name" * 2_000 + " }}", "nested at most 40 deep"),
        ("{% if name %}" * 700 + "{% endif %}" * 700, "nested at most 40 deep"),
        ("{% if name == '' %}a" + "{% elif name == '' %}a" * 900 + "{% endif %}", "a choice has at most 40 `elif`"),
        ("{% for line in lines %}" + "{{ name }}" * 1_500 + "x" * 4_000 + "{% endfor %}", "more than 100,000"),
    ],
)  # fmt: skip
def test_what_a_template_may_not_is_refused_in_a_moment(source: str, said: str) -> None:
    assert said in refusal(source)


def test_the_most_work_that_a_template_can_ask_for_takes_a_moment() -> None:
    """As many loops as fit, each over all lines; what they write is kept under the limit by writing nothing."""
    source = "{% for line in lines %}{% if line.number == name %}x{% endif %}{% endfor %}"
    most = source * (sandbox.MAX_TEMPLATE // len(source))
    began = time.perf_counter()
    assert rendered(most) == ""
    assert time.perf_counter() - began < SECONDS

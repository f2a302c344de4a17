"""Templates are untrusted: whatever they hold, they are refused, or come to a bounded text of given words."""

from collections.abc import Callable

from hypothesis import event, example, given
from hypothesis import strategies as st

from arflow.errors import Refused
from arflow.messages import sandbox
from arflow.messages.rendering import WORDS as FOLDER
from tests.fuzz.bounds import bounded, examples, said
from tests.fuzz.hostile import changed, texts

KNOWN = {"person": frozenset[str](), "count": frozenset[str](), "asks": frozenset[str]()} | {
    "lines": frozenset({"number", "due"})
}
SECRET = "the-secret-of-the-house"  # noqa: S105  # it is in no template's reach


class _Line:
    def __init__(self, number: str) -> None:
        self.number, self.due, self.hidden = number, "1 March", SECRET


VALUES = {
    "person": "Ann",
    "count": 2,
    "asks": True,
    "lines": [_Line(str(number)) for number in range(50)],
    "hidden": SECRET,
}

_PIECES = st.sampled_from(
    (
        *(
            "Dear ",
            "{{ person }}",
            "{{ count }}",
            "{% if asks %}",
            "{% elif count == 1 %}",
            "{% else %}",
            "{% endif %}",
        ),
        *(
            "{% for line in lines %}",
            "{{ line.number }}",
            "{{ line.due }}",
            "{% endfor %}",
            "{{ 'x' if asks else 'y' }}",
        ),
        *(
            "{{ line.hidden }}",
            "{{ hidden }}",
            "{{ person.__class__ }}",
            "{{ person['x'] }}",
            "{{ ''.__class__.__mro__ }}",
        ),
        *(
            "{{ person|upper }}",
            "{{ range(10**9) }}",
            "{% for i in range(10**9) %}",
            "{{ 'x' * 10**9 }}",
            "{{ 9**9**9 }}",
        ),
        *("{% set x = 1 %}", "{% macro m() %}{% endmacro %}", "{% include '/etc/passwd' %}", "{% extends 'x' %}"),
        *("{% raw %}", "{% endraw %}", "{# ", " #}", "{{", "}}", "{%", "%}", "{% block b %}", "{% endblock %}"),
        *(
            "{{ self }}",
            "{{ cycler }}",
            "{{ lipsum() }}",
            "{{ person.format }}",
            "{{ '%s'|format(person) }}",
            "{% do x %}",
        ),
        *(
            "{% for line in lines recursive %}",
            "{{ loop.index }}",
            "{{ loop(lines) }}",
            "{% with %}",
            "\n",
            "\x1f",
            "}",
        ),
    )
)
BUILT = st.lists(st.one_of(_PIECES, _PIECES, _PIECES, texts), max_size=12).map("".join)
OWN = tuple(path.read_text("utf-8") for path in sorted(FOLDER.rglob("*")) if path.is_file())
NESTED = "{% if asks %}" * 35 + "x" + "{% endif %}" * 35


@examples(1200, 150_000)
@example(text=NESTED)
@example(text="{% " + "9" * 5_000 + " %}")  # was a fault: no number was refused
@example(text="{{ 0x" + "f" * 5_000 + " }}")
@example(text="{% if asks %}" * 3_000)
@example(text="{{ " + "(" * 5_000)
@example(text="{{ " + "not " * 4_000 + "asks }}")
@example(text="{{ person " + "if asks else person " * 900 + "}}")
@example(text="{% for line in lines %}" + "{{ line.number }}" * 1_000 + "{% endfor %}")
@example(text="{% for line in lines %}" + "x" * 19_000 + "{% endfor %}")
@example(text="{% for a in lines %}{% for b in lines %}x{% endfor %}{% endfor %}")
@given(text=st.one_of(BUILT, changed(OWN), texts))
def test_a_template_is_refused_or_comes_to_a_bounded_text(counted: Callable[[], None], text: str) -> None:
    with bounded():
        try:
            shown = sandbox.rendered(sandbox.compiled(text, KNOWN), VALUES)
            event("accepted")
        except Refused as refused:
            shown = said(refused)
            event("refused")
    assert len(shown) <= sandbox.MAX_OUTPUT
    assert SECRET not in shown
    assert "<class" not in shown
    counted()

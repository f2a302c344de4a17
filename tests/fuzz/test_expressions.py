"""Expressions of `when`: refused in one line, or true or false of every account; both evaluators agree."""

from collections.abc import Callable

from hypothesis import event, example, given
from hypothesis import strategies as st

from arflow.errors import Refused
from arflow.rules.catalogue import CATALOGUE, FactSpec, FactType, attribute
from arflow.rules.engine import DurableRules
from arflow.rules.expressions import parse
from arflow.rules.loader import load_policy
from arflow.rules.reference import Reference, holds
from arflow.vocabulary import Facts, State
from tests.fuzz.bounds import bounded, examples, said
from tests.fuzz.hostile import WORDS, texts

ATTRIBUTES = {"attr_x": attribute("x", "text"), "attr_n": attribute("n", "int"), "attr_b": attribute("b", "bool")}
FACTS = {**CATALOGUE, **ATTRIBUTES}
NOBODY = Facts(state="current", currency="USD", attributes={"attr_x": "", "attr_n": 0, "attr_b": False})

_LITERALS = st.one_of(
    st.integers(-2, 40_000).map(str),
    st.sampled_from(("0", "25.00", "1.005", "99999999999999.99", '"US"', '"called"', "'x'", '""', '"broken"', "true")),
    st.text(max_size=8).map(lambda text: f'"{text}"'),
)
_NAMES = st.one_of(st.sampled_from(sorted(FACTS)), st.sampled_from(("days_late", "and", "not", "in")))
_LISTS = st.lists(_LITERALS, max_size=4).map(lambda found: f"({', '.join(found)})")
_CLAUSES = st.one_of(
    st.builds("{} {} {}".format, _NAMES, st.sampled_from(("==", "!=", "<", "<=", ">", ">=")), _LITERALS),
    st.builds("{} {} {}".format, _NAMES, st.sampled_from(("in", "not in")), _LISTS),
    st.builds("{} {} tags".format, _LITERALS, st.sampled_from(("in", "not in"))),
    _NAMES,
)
WRITTEN = st.recursive(
    _CLAUSES,
    lambda inner: st.one_of(
        st.builds("{} {} {}".format, inner, st.sampled_from(("and", "or")), inner),
        st.builds("not {}".format, inner),
        st.builds("({})".format, inner),
    ),
    max_leaves=12,
)


def _sound(spec: FactSpec) -> str:
    """A comparison that the fact takes."""
    match spec.type:
        case FactType.BOOL:
            return spec.name
        case FactType.SET:
            return f'"vip" in {spec.name}'
        case FactType.TEXT:
            return f'{spec.name} != "{min(spec.values, default="x")}"'
        case _:
            return f"{spec.name} >= 3"


SOUND = st.recursive(
    st.sampled_from([_sound(spec) for spec in FACTS.values()]),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(("and", "or")), inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=25,
)


@st.composite
def almost(draw: st.DrawFn) -> str:
    """A sound expression with something put into it."""
    text = draw(SOUND)
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(st.sampled_from(WORDS)) + text[at + draw(st.integers(0, 6)) :]


@examples(1500, 200_000)
@example(text="not " * 4_000 + "on_hold")
@example(text="(" * 10_000)
@example(text="on_hold and " * 1_600 + "on_hold")
@example(text="on_hold == " * 1_000)
@example(text="state in (" + '"x",' * 4_000)
@example(text="days_overdue >= " + "9" * 5_000)
@example(text="overdue_amount >= 0." + "0" * 5_000)
@given(text=st.one_of(WRITTEN, SOUND, almost(), texts))
def test_an_expression_is_refused_or_true_or_false(counted: Callable[[], None], text: str) -> None:
    with bounded():
        try:
            tree = parse(text, FACTS, "USD")
        except Refused as refused:
            event("refused")
            said(refused)
        else:
            event("accepted")
            assert holds(tree, NOBODY) in (True, False)
    counted()


POLICY = "policy: p\ncurrency: USD\nattributes: {{x: text, n: int, b: bool}}\nrules:\n{}"


@examples(6, 30)  # a compiled policy is never freed
@given(conditions=st.lists(SOUND, min_size=5, max_size=20))
def test_what_is_accepted_compiles_and_is_decided_alike(counted: Callable[[], None], conditions: list[str]) -> None:
    """By the library that decides in production, and by the tree walk."""
    rules = (f"  - {{id: r{at}, from: current, when: '{when}', to: called}}\n" for at, when in enumerate(conditions))
    with bounded(60):
        try:
            policy = load_policy(POLICY.format("".join(rules)), file="p")
        except Refused as refused:  # more than a state may ask for
            event(said(refused))
            return
        event("accepted")
        evaluator = DurableRules()
        for start in range(len(conditions)):
            expected = Reference().first(policy, State.CURRENT, NOBODY, start)
            assert expected == evaluator.first(policy, State.CURRENT, NOBODY, start)
    counted()

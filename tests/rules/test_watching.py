"""What is worked out once of clauses about a number is what comparing them at every value gives."""

from hypothesis import given
from hypothesis import strategies as st

from arflow.rules.expressions import ORDER, Comparison, compare, parse
from arflow.rules.watching import course, watch
from arflow.vocabulary import Facts
from tests.random_policies import CATALOGUE_AND_ATTRIBUTES

LOW, HIGH = -12, 12
LITERALS = st.integers(LOW + 3, HIGH - 3)
CLAUSES = st.lists(
    st.builds(
        lambda op, values: Comparison(fact="days_overdue", op=op, values=tuple(values)),
        st.sampled_from([*ORDER, "==", "!="]),
        st.lists(LITERALS, min_size=1, max_size=1),
    )
    | st.builds(
        lambda op, values: Comparison(fact="days_overdue", op=op, values=tuple(values)),
        st.sampled_from(["in", "not in"]),
        st.lists(LITERALS, min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=6,
)


def truths(clauses: list[Comparison], value: int) -> list[bool]:
    return [compare(clause, value) for clause in clauses]


@given(clauses=CLAUSES, value=st.integers(LOW, HIGH))
def test_a_course_turns_where_a_clause_does(clauses: list[Comparison], value: int) -> None:
    now, along = truths(clauses, value), course(clauses)
    assert now == list(along.pattern(value))
    up = (other for other in range(value + 1, HIGH + 1) if truths(clauses, other) != now)
    down = (other for other in range(value - 1, LOW - 1, -1) if truths(clauses, other) != now)
    assert next(up, None) == along.next_above(value)
    assert next(down, None) == along.next_below(value)


def read(*texts: str) -> list[Comparison]:
    parsed = [parse(text, CATALOGUE_AND_ATTRIBUTES, "USD") for text in texts]
    return [clause for clause in parsed if isinstance(clause, Comparison)]


def test_only_what_time_moves_is_watched() -> None:
    clauses = read('country == "US"', "attr_size > 3", "open_amount > 3", '"x" in tags')
    assert watch(clauses) == watch([])
    assert watch([]).pattern(Facts(state="current")) == watch(clauses).pattern(Facts(state="called", country="US"))


def test_a_pattern_is_another_when_one_clause_is() -> None:
    watched = watch(read("days_overdue > 3", "days_overdue > 5", "has_open_promise", "promise_status == 'broken'"))
    same, other = Facts(state="current", days_overdue=4), Facts(state="called", days_overdue=5)
    assert watched.pattern(same) == watched.pattern(other)
    for facts in (
        Facts(state="current", days_overdue=6),
        Facts(state="current", days_overdue=4, has_open_promise=True),
        Facts(state="current", days_overdue=4, promise_status="broken"),
    ):
        assert watched.pattern(same) != watched.pattern(facts)


def test_windows_and_schedules_are_named() -> None:
    watched = watch(read("call_attempts_7d >= 3", "gross_overdue_amount == 0"))
    assert (("call_attempts_7d",), True) == (watched.windows, watched.is_scheduled)
    assert not watch(read("days_in_state > 3")).is_scheduled

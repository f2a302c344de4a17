"""The language of `when`: what it means, and how each mistake is refused (contract, section 2)."""

import pytest

from arflow.errors import Refused
from arflow.rules.catalogue import CATALOGUE, attribute
from arflow.rules.expressions import All, Any, Comparison, Expression, Not, comparisons, parse
from arflow.rules.reference import holds
from arflow.vocabulary import NEVER, Facts

KNOWN = dict(CATALOGUE) | {
    "attr_region": attribute("region", "text"),
    "attr_size": attribute("size", "int"),
    "attr_cap": attribute("cap", "amount"),
    "attr_big": attribute("big", "bool"),
}


def read(text: str, currency: str = "USD") -> Expression:
    return parse(text, KNOWN, currency)


def clause(fact: str, op: str, *values: str | int | bool) -> Comparison:
    return Comparison(fact=fact, op=op, values=values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("days_overdue >= 3", clause("days_overdue", ">=", 3)),
        ("overdue_amount < 25.00", clause("overdue_amount", "<", 2500)),
        ("overdue_amount == 25", clause("overdue_amount", "==", 2500)),
        ("unapplied_amount > -5.00", clause("unapplied_amount", ">", -500)),
        ('country == "US"', clause("country", "==", "US")),
        ("country != 'US'", clause("country", "!=", "US")),
        ("country == ''", clause("country", "==", "")),
        ('country == "it\'s"', clause("country", "==", "it's")),
        ('promise_status in ("broken", "partly_kept")', clause("promise_status", "in", "broken", "partly_kept")),
        ("notices_sent not in (0, 1)", clause("notices_sent", "not in", 0, 1)),
        ('"vip" in tags', clause("tags", "has", "vip")),
        ('"vip" not in tags', clause("tags", "has not", "vip")),
        ("on_hold", clause("on_hold", "==", True)),
        ("on_hold == false", clause("on_hold", "==", False)),
        ("days_since_contact == 36500", clause("days_since_contact", "==", NEVER)),
        ("attr_size >= -3", clause("attr_size", ">=", -3)),
        ("attr_cap >= 10.50", clause("attr_cap", ">=", 1050)),
        ("attr_big", clause("attr_big", "==", True)),
    ],
)
def test_a_comparison_has_the_type_of_its_fact(text: str, expected: Comparison) -> None:
    assert expected == read(text)


def test_amounts_are_read_in_the_currency_of_the_policy() -> None:
    assert [read("overdue_amount > 5000", "JPY"), read("overdue_amount > 5.125", "KWD")] == [
        clause("overdue_amount", ">", 5000),
        clause("overdue_amount", ">", 5125),
    ]


def test_and_binds_tighter_than_or_and_not_tightest() -> None:
    hold, promise, dispute = (clause(name, "==", True) for name in ("on_hold", "has_open_promise", "has_open_dispute"))
    assert read("not on_hold or has_open_promise and has_open_dispute") == Any(
        parts=(Not(part=hold), All(parts=(promise, dispute)))
    )
    assert read("(on_hold or has_open_promise) and has_open_dispute") == All(
        parts=(Any(parts=(hold, promise)), dispute)
    )


def test_every_clause_knows_its_text_in_order() -> None:
    text = 'not (days_overdue>=3 and country in ( "US" , "DE" )) or "vip" not  in tags'
    assert [one.text for one in comparisons(read(text))] == [
        "days_overdue >= 3",
        'country in ("US", "DE")',
        '"vip" not in tags',
    ]


def test_what_looks_like_a_slip_may_be_meant() -> None:
    """Within quotes stands whatever a text has, and a list may be written without spaces."""
    assert clause("country", "==", "“=> 1,000 || ≥”") == read("country == '“=> 1,000 || ≥”'")
    assert clause("notices_sent", "in", 100, 200) == read("notices_sent in (100,200)")


def test_line_breaks_are_spaces() -> None:
    """A long condition is written over several lines of the document, and what is pasted may have other spaces."""
    assert read("on_hold\n  and\tdays_overdue\n>= 3\n") == read("on_hold and days_overdue >= 3")
    assert read("on_hold\u00a0and days_overdue >=\u20033") == read("on_hold and days_overdue >= 3")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the expression is empty"),
        ("   ", "the expression is empty"),
        ("days_overdu >= 3", r"unknown fact `days_overdu` \(did you mean `days_overdue`\?\)"),
        ("attr_regio == 'x'", r"unknown fact `attr_regio`: declare it as `attributes: \{regio: text\}`"),
        ("days_overdue", "no bool and cannot stand alone; compare it, as in `days_overdue >= 3`"),
        ("country", 'cannot stand alone; compare it, as in `country == "..."`'),
        ("tags", 'as in `"vip" in tags`'),
        ("days_overdue >= ٣", "`٣` is no part of the language"),
        ("days_overdue >= 1٣", "`٣` is no part of the language"),
        ("days_overdue >= 3.5", "counts whole numbers"),
        ("days_overdue >= 36501", "compared with 0 to 36500, not 36501"),
        ("days_overdue >= -1", "compared with 0 to 36500"),
        ("days_overdue >= 99999999999999999999", "compared with 0 to 36500"),
        ("notices_sent >= -1", "compared with 0 to"),
        ("overdue_amount >= 5.005", "more decimals than USD"),
        ("overdue_amount >= 99999999999999.00", "larger than arflow keeps"),
        ('overdue_amount >= "5"', "compared with a number"),
        ('risk_grade >= "B"', "is text, which has no order"),
        ("on_hold > false", "is bool, which has no order"),
        ("on_hold == yes", "is true or false, not `yes`"),
        ("on_hold == 1", "is true or false"),
        ("country == US", r"compared with text in quotes, not `US` \(quote it\)"),
        ("country == 5", "compared with text in quotes"),
        ("country == segment", "compared with text in quotes, not `segment`"),
        ("overdue_amount >= credit_limit", "compared with the fact `credit_limit`; only a literal"),
        ("3 <= days_overdue", r"`3` cannot stand on the left; write the fact first: `days_overdue >= 3`$"),
        ("25.00 != overdue_amount", r"write the fact first: `overdue_amount != 25.00`$"),
        ("3 <= 4", r'write the fact first, as in `country == "US"`$'),
        ("days_overdue >= 3 AND on_hold", "^`AND` is written in small letters: `and`$"),
        ("on_hold Or on_hold", "^`Or` is written in small letters: `or`$"),
        ("NOT on_hold", "^`NOT` is written in small letters: `not`$"),
        ('country IN ("US")', "^`IN` is written in small letters: `in`$"),
        (
            "days_overdue \u200b>= 3",
            r"^an invisible character \(ZERO WIDTH SPACE, U\+200B\) stands after `days_overdue`; delete it$",
        ),
        ("\u2060on_hold", r"^an invisible character \(WORD JOINER, U\+2060\) stands at the beginning; delete it$"),
        ("on_hold\x01", r"^an invisible character \(U\+0001\) stands after `on_hold`; delete it$"),
        ("days_overdue + 1 >= 3", r"`\+` is no part of the language"),
        ("max(days_overdue) > 3", "unknown fact `max`"),
        ("days_overdue(1)", "cannot stand alone"),
        ("1 < days_overdue < 9", "`1` cannot stand on the left"),
        ("days_overdue > 3 < 9", "cannot be chained"),
        ("days_overdue > 3 days_in_state > 3", "expected `and` or `or` but found `days_in_state`"),
        ('country in ["US"]', r"`\[` is no part of the language"),
        ('country in "US"', r"expected `\(`"),
        ("country in ()", "compared with text in quotes"),
        ('country in ("US",)', "compared with text in quotes"),
        ('country in ("US"', r"expected `\)` but found the end"),
        ('tags == "vip"', "is a set; ask it the other way round"),
        ('tags in ("vip")', "is a set; ask it the other way round"),
        ("5 in tags", "holds texts; quote `5`"),
        ('"US" in country', 'is no set; write `country == "US"`'),
        ('"US" == country', "cannot stand on the left"),
        ('state == "remindet"', r"`remindet` is no state \(did you mean `reminded`\?\)"),
        ('promise_status == "brokn"', "did you mean `broken`"),
        ('promise_status in ("kept", "late")', "`late` is no promise_status"),
        ("(on_hold", r"expected `\)`"),
        ("on_hold)", r"expected `and` or `or` but found `\)`"),
        ("on_hold and", "expected a fact but found the end"),
        ("and on_hold", "expected a fact but found `and`"),
        ("on_hold or or on_hold", "expected a fact but found `or`"),
        ("not", "expected a fact but found the end"),
        ("true", "expected a fact but found `true`"),
        ('country == "US', '`"` is no part of the language'),
        ("on_hold = true", "`=` is no part of the language of `when`; write `==`"),
        ("on_hold; days_overdue > 3", "`;` is no part of the language"),
        ("on_hold && on_hold", "`&&` is no part of the language of `when`; write `and`"),
        ("on_hold || on_hold", r"`\|\|` is no part of the language of `when`; write `or`"),
        ("!on_hold", "`!` is no part of the language of `when`; write `not`"),
        ("days_overdue => 3", "`=>` is no part of the language of `when`; write `>=`"),
        ("days_overdue =< 3", "`=<` is no part of the language of `when`; write `<=`"),
        ("days_overdue ≥ 3", "`≥` is no part of the language of `when`; write `>=`"),
        ("days_overdue ≤ 3", "`≤` is no part of the language of `when`; write `<=`"),
        ("days_overdue <> 3", "`<>` is no part of the language of `when`; write `!=`"),
        ("days_overdue ≠ 3", "`≠` is no part of the language of `when`; write `!=`"),
        ("country == “US”", '`“` is no part of the language of `when`; write straight quotes, as in `"US"`'),
        ("country == \u2018US\u2019", "`\u2018` is no part of the language of `when`; write straight quotes"),
        ("country in („DE“, „AT“)", "`„` is no part of the language of `when`; write straight quotes"),
        ("overdue_amount >= .50", r"`\.50` is no part of the language of `when`; write `0\.50`"),
        ("unapplied_amount > -.5", r"`-\.5` is no part of the language of `when`; write `-0\.5`"),
        ("overdue_amount >= $50.00", r"`\$` is no part of the language of `when`; write the amount alone"),
        (
            "overdue_amount >= 1,000.00",
            "expected `and` or `or` but found `,`; write `1000.00`, without thousands marks",
        ),
        ("(overdue_amount >= 1,000.00)", r"expected `\)` but found `,`; write `1000.00`, without thousands marks"),
        ("overdue_amount >= 1 000.00 and on_hold", "but found `000.00`; write `1000.00`, without thousands marks"),
        ("notices_sent in (1, 2 000)", r"expected `\)` but found `000`; write `2000`, without thousands marks"),
        ("overdue_amount >= 300,00", "but found `,`; write `300.00`, with a point"),
        ("overdue_amount >= 3.5,00", "expected `and` or `or` but found `,`$"),
        ('country == "US", on_hold', "expected `and` or `or` but found `,`$"),
        ("days_overdue >= 3, on_hold", "expected `and` or `or` but found `,`$"),
        ("notices_sent in (1 2)", r"expected `\)` but found `2`$"),
        ("not " * 51 + "on_hold", "nested deeper than 50"),
        ("(" * 51 + "on_hold" + ")" * 51, "nested deeper than 50"),
        ("on_hold or " * 2000 + "on_hold", "20000 characters at most"),
    ],
)
def test_a_mistake_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        read(text)


@pytest.mark.parametrize(
    ("text", "true", "false"),
    [
        ("days_overdue >= 3", {"days_overdue": 3}, {"days_overdue": 2}),
        ("days_overdue > 3", {"days_overdue": 4}, {"days_overdue": 3}),
        ("days_overdue <= 3", {"days_overdue": 3}, {"days_overdue": 4}),
        ("days_overdue < 3", {"days_overdue": 2}, {"days_overdue": 3}),
        ("days_overdue == 3", {"days_overdue": 3}, {"days_overdue": 4}),
        ("days_overdue != 3", {"days_overdue": 4}, {"days_overdue": 3}),
        ("days_overdue in (1, 3)", {"days_overdue": 3}, {"days_overdue": 2}),
        ("days_overdue not in (1, 3)", {"days_overdue": 2}, {"days_overdue": 1}),
        ('"a" in tags', {"tags": frozenset({"a", "b"})}, {"tags": frozenset({"b"})}),
        ('"a" not in tags', {"tags": frozenset({"b"})}, {"tags": frozenset({"a"})}),
        ("on_hold", {"on_hold": True}, {"on_hold": False}),
        ("not on_hold and (days_overdue > 1 or has_open_promise)", {"has_open_promise": True}, {"on_hold": True}),
    ],
)
def test_a_condition_holds_as_it_reads(text: str, true: dict[str, object], false: dict[str, object]) -> None:
    """Bounds are included where the operator says so, and only there."""
    found = [holds(read(text), Facts(state="current", **facts)) for facts in (true, false)]  # type: ignore[arg-type]
    assert found == [True, False]

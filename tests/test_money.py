"""Money goes in and out as decimal strings, and is an integer number of minor units between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arflow import money
from arflow.errors import Refused


@pytest.mark.parametrize(
    ("text", "currency", "expected"),
    [
        ("50.00", "USD", 5000),
        ("50", "USD", 5000),
        ("50.5", "USD", 5050),
        ("-0.01", "USD", -1),
        ("5000", "JPY", 5000),
        ("1.234", "KWD", 1234),
        ("0", "KWD", 0),
        ("007.10", "EUR", 710),
        ("9999999999999.99", "USD", money.LARGEST),
    ],
)
def test_a_decimal_string_is_read_by_the_exponent_of_its_currency(text: str, currency: str, expected: int) -> None:
    assert expected == money.parse(text, currency)


@pytest.mark.parametrize(
    ("text", "currency", "reason"),
    [
        ("50.005", "USD", "more decimals than USD"),
        ("50.000", "USD", "more decimals than USD"),
        ("5000.0", "JPY", "more decimals than JPY, which has 0"),
        (50, "USD", "a decimal string"),
        (50.0, "USD", "a decimal string"),
        (None, "USD", "a decimal string"),
        ("", "USD", "no amount"),
        ("1e3", "USD", "no amount"),
        ("1,000.00", "USD", "no amount"),
        ("+5", "USD", "no amount"),
        (" 5", "USD", "no amount"),
        ("٣", "USD", "no amount"),
        ("NaN", "USD", "no amount"),
        (".5", "USD", "no amount"),
        ("1.000,50", "EUR", "`1.000,50` is no amount; use a point for decimals, and no other sign: 1000.50"),
        ("50,00", "EUR", "use a point for decimals"),
        ("0" * 17 + "1", "USD", "no amount"),
        ("10000000000000.00", "USD", "larger than arflow keeps"),
        ("9" * 20, "USD", "larger than arflow keeps \\(9999999999999.99\\)"),
        ("-" + "9" * 29 + ".99", "USD", "larger than arflow keeps"),
        ("9" * 100_000, "JPY", f"^`{'9' * 40}` is larger than arflow keeps"),
        ("1000000000000000", "JPY", "larger than arflow keeps"),
        ("5.00", "XYZ", "no ISO 4217 currency"),
        ("5.00", "usd", "did you mean"),
    ],
)
def test_everything_else_is_refused(text: object, currency: str, reason: str) -> None:
    """No float, no exponent, no thousands separator, no digits of other scripts, and not one decimal too many."""
    with pytest.raises(Refused, match=reason):
        money.parse(text, currency)


@given(st.integers(-money.LARGEST, money.LARGEST), st.sampled_from(["USD", "JPY", "KWD"]))
def test_an_amount_that_was_shown_is_read_as_the_same(minor: int, currency: str) -> None:
    assert money.parse(money.show(minor, currency), currency) == minor


@pytest.mark.parametrize(
    ("minor", "currency", "expected"),
    [(5, "USD", "0.05"), (-5, "USD", "-0.05"), (0, "USD", "0.00"), (5, "JPY", "5"), (-1234567, "KWD", "-1234.567")],
)
def test_an_amount_is_shown_with_all_its_decimals(minor: int, currency: str, expected: str) -> None:
    assert expected == money.show(minor, currency)


@pytest.mark.parametrize(
    ("minor", "currency", "expected"),
    [
        (123450, "USD", "1,234.50"),
        (-50, "USD", "\u22120.50"),
        (-123450, "USD", "\u22121,234.50"),
        (0, "USD", "0.00"),
        (-5000, "JPY", "\u22125,000"),
    ],
)
def test_people_read_it_in_groups_and_with_its_sign(minor: int, currency: str, expected: str) -> None:
    """A debt and a credit of less than one never look alike."""
    assert expected == money.grouped(minor, currency)

"""Amounts, dates and truths as people write them."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arflow import money
from arflow.errors import Refused
from arflow.ledger import written
from arflow.ledger.written import NumberStyle, WrongDateOrder

POINT = NumberStyle()
GERMAN = NumberStyle(decimal_mark=",", thousands_mark=".")
FRENCH = NumberStyle(decimal_mark=",", thousands_mark=" ")
SWISS = NumberStyle(thousands_mark="'")
ENGLISH = NumberStyle(thousands_mark=",")


@pytest.mark.parametrize(
    ("text", "style", "expected"),
    [
        ("97.6", POINT, "97.60"),
        (".5", POINT, "0.50"),
        ("+12", POINT, "12.00"),
        ("(12.00)", POINT, "-12.00"),
        ("12.00-", POINT, "-12.00"),
        ("- 12.00", POINT, "-12.00"),
        ("\u221212.00", POINT, "-12.00"),
        ("(0.00)", POINT, "0.00"),
        ("000012.00", POINT, "12.00"),
        ("1.234,56", GERMAN, "1234.56"),
        ("1.234.567", GERMAN, "1234567.00"),
        ("(1.234,56)", GERMAN, "-1234.56"),
        ("1 234,5", FRENCH, "1234.50"),
        ("1\u202f234\u00a0567,5", FRENCH, "1234567.50"),
        ("1\u2019234.50", SWISS, "1234.50"),
        ("1,234.50-", ENGLISH, "-1234.50"),
        ("1234.50", ENGLISH, "1234.50"),
    ],
)
def test_amounts_are_read_as_their_style_says(text: str, style: NumberStyle, expected: str) -> None:
    """Every way to write an amount gives the one decimal string with all decimals of the currency."""
    assert expected == written.amount(text, "USD", style)


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("1,234", POINT),
        ("1.234,56", ENGLISH),
        ("97.6", GERMAN),
        ("1.23.456", GERMAN),
        ("12.", POINT),
        (".", POINT),
        ("-", POINT),
        ("()", POINT),
        ("(12", POINT),
        ("12)", POINT),
        ("-12-", POINT),
        ("-(12)", POINT),
        ("$12.00", POINT),
        ("12.00 CR", POINT),
        ("1e3", POINT),
        ("nan", POINT),
        ("٣", POINT),
        ("1" * 1000, POINT),
        ("", POINT),
    ],
)
def test_what_is_no_amount_in_the_style_is_refused(text: str, style: NumberStyle) -> None:
    """A mark that the profile does not name is never guessed at."""
    with pytest.raises(Refused, match="is no amount with"):
        written.amount(text, "USD", style)


@pytest.mark.parametrize(("text", "currency"), [("1.005", "USD"), ("1.0", "JPY"), ("1.2345", "KWD")])
def test_more_decimals_than_the_currency_has_are_refused(text: str, currency: str) -> None:
    """Nothing is rounded."""
    with pytest.raises(Refused, match=f"more decimals than {currency}"):
        written.amount(text, currency, POINT)


def in_style(minor: int, style: NumberStyle, sign: str, *, grouped: bool) -> str:
    """`minor` cents as someone with this style and sign habit writes it."""
    whole, _, decimals = money.show(abs(minor), "USD").partition(".")
    if grouped:
        whole = f"{int(whole):,}".replace(",", style.thousands_mark)
    number = f"{whole}{style.decimal_mark}{decimals}"
    return sign.format(number) if minor < 0 else number


@given(
    minor=st.integers(-(10**14), 10**14),
    style=st.sampled_from([POINT, GERMAN, FRENCH, SWISS, ENGLISH]),
    sign=st.sampled_from(["-{}", "{}-", "({})", "- {}", "\u2212{}"]),
    grouped=st.booleans(),
)
def test_every_amount_in_every_style_reads_back(minor: int, style: NumberStyle, sign: str, grouped: bool) -> None:
    """Whatever the marks, the sign and the grouping, the amount that was written is the amount that is read."""
    text = in_style(minor, style, sign, grouped=grouped)
    assert money.show(minor, "USD") == written.amount(text, "USD", style)


@pytest.mark.parametrize(
    ("text", "orders", "expected"),
    [
        ("1/2/2013", ("mdy",), "2013-01-02"),
        ("01.02.2013", ("dmy",), "2013-02-01"),
        ("2013-1-2", ("ymd",), "2013-01-02"),
        ("2013-01-02 00:00:00", ("ymd",), "2013-01-02"),
        ("2013-01-02T00:00:00.000", ("ymd",), "2013-01-02"),
        ("20200313", ("compact",), "2020-03-13"),
        ("20200313.0", ("compact",), "2020-03-13"),
        ("20200313.0", ("ymd", "compact"), "2020-03-13"),
        ("29/02/2012", ("dmy",), "2012-02-29"),
    ],
)
def test_dates_are_read_in_the_orders_of_the_profile(text: str, orders: tuple[str, ...], expected: str) -> None:
    """Two digits or one, any of the three separators, midnight or nothing behind."""
    assert expected == written.date(text, orders)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("13/1/2013", "mdy"),
        ("1/13/2013", "dmy"),
        ("2012-13-01", "ymd"),
        ("2013-01-02", "mdy"),
        ("1/2/2013", "ymd"),
        ("20200313", "ymd"),
        ("2020-03-13", "compact"),
        ("26022020", "compact"),
    ],
)
def test_a_date_that_fits_only_another_order_is_an_order_of_its_own(text: str, order: str) -> None:
    """Such a date says that the profile is wrong about the whole file."""
    with pytest.raises(WrongDateOrder, match="the whole file is refused"):
        written.date(text, (order,))


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("2012-02-30", "ymd"),
        ("2/30/2012", "mdy"),
        ("31.04.2012", "dmy"),
        ("13/13/2013", "mdy"),
        ("29/02/2013", "dmy"),
        ("00000000", "compact"),
        ("0001-01-01", "ymd"),
        ("9999-12-31", "ymd"),
        ("1/2/13", "mdy"),
        ("1/2-2013", "mdy"),
        ("2013-01-02T11:00", "ymd"),
        ("43904", "compact"),
        ("soon", "ymd"),
    ],
)
def test_a_date_that_exists_in_no_order_is_a_bad_value(text: str, order: str) -> None:
    """It says nothing about the other dates of the file."""
    with pytest.raises(Refused, match="is no date that exists") as caught:
        written.date(text, (order,))
    assert not isinstance(caught.value, WrongDateOrder)


WRITERS = {"ymd": "{0.year:04}{1}{0.month}{1}{0.day}", "dmy": "{0.day}{1}{0.month:02}{1}{0.year}"}
WRITERS |= {"mdy": "{0.month:02}{1}{0.day:02}{1}{0.year}", "compact": "{0.year:04}{0.month:02}{0.day:02}"}
DATES = st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31))


@given(day=DATES, order=st.sampled_from(sorted(WRITERS)), separator=st.sampled_from("-/."))
def test_every_date_in_every_order_reads_back(day: dt.date, order: str, separator: str) -> None:
    """The order it was written in gives the day; any other order gives another day or a refusal of the file."""
    text = WRITERS[order].format(day, separator)
    assert day.isoformat() == written.date(text, (order,))


@given(day=DATES)
def test_the_wrong_one_of_two_orders_is_seen_as_soon_as_a_day_is_past_the_twelfth(day: dt.date) -> None:
    """Of day-first dates read month-first, those up to the 12th pass silently; all others refuse the file."""
    text = WRITERS["dmy"].format(day, "/")
    if day.day > 12:
        with pytest.raises(WrongDateOrder):
            written.date(text, ("mdy",))
    else:
        assert dt.date(day.year, day.day, day.month).isoformat() == written.date(text, ("mdy",))


def test_whole_numbers_and_truths() -> None:
    """Truths may be written in the usual ways, in any case; nothing else is taken for one."""
    assert [-5, 7] == [written.integer("-5"), written.integer("007")]
    assert [True, True, False] == [written.truth("Yes"), written.truth("1"), written.truth("FALSE")]
    with pytest.raises(Refused, match=r"`5\.0` is no whole number"):
        written.integer("5.0")
    with pytest.raises(Refused, match="`maybe` is neither of yes and no"):
        written.truth("maybe")


def test_what_a_refusal_shows_is_short_and_printable() -> None:
    """A refusal stays one line whatever the cell held."""
    assert "`a?b`" == written.shown("a\nb")
    assert f"`{'x' * 40}...`" == written.shown("x" * 1000)

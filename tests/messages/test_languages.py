"""Amounts, dates and the choice of the language."""

import datetime as dt

import pytest

from arflow.messages.languages import LANGUAGES, language_for

EN, DE, FR = (LANGUAGES[code] for code in ("en", "de", "fr"))


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (123_456, "EUR", ("EUR 1,234.56", "1.234,56 EUR", "1 234,56 EUR")),
        (5, "USD", ("USD 0.05", "0,05 USD", "0,05 USD")),
        (1_234_567, "JPY", ("JPY 1,234,567", "1.234.567 JPY", "1 234 567 JPY")),
        (1_234, "KWD", ("KWD 1.234", "1,234 KWD", "1,234 KWD")),
        (-100_000, "EUR", ("EUR -1,000.00", "-1.000,00 EUR", "-1 000,00 EUR")),
        (0, "EUR", ("EUR 0.00", "0,00 EUR", "0,00 EUR")),
        (9_007_199_254_740_993, "EUR", (
            "EUR 90,071,992,547,409.93", "90.071.992.547.409,93 EUR", "90 071 992 547 409,93 EUR",
        )),
    ],
)  # fmt: skip
def test_amounts_are_exact_and_written_as_the_language_does(minor: int, currency: str, shown: tuple[str, ...]) -> None:
    assert shown == tuple(plain(language.show_amount(minor, currency)) for language in (EN, DE, FR))


def test_an_amount_never_breaks_over_two_lines() -> None:
    assert [] == [language.code for language in (EN, DE, FR) if " " in language.show_amount(123_456_789, "EUR")]


def test_dates_have_their_month_in_words() -> None:
    shown = [plain(language.show_day(dt.date(2026, 3, 1))) for language in (EN, DE, FR)]
    assert shown == ["1 March 2026", "1. März 2026", "1er mars 2026"]
    assert "12 août 2026" == plain(FR.show_day(dt.date(2026, 8, 12)))


def test_several_days_are_a_list() -> None:
    days = [dt.date(2026, 3, 2), dt.date(2026, 3, 9), dt.date(2026, 3, 16)]
    assert "2 March 2026, 9 March 2026 and 16 March 2026" == plain(EN.show_days(days))
    assert "2. März 2026 und am 9. März 2026" == plain(DE.show_days(days[:2]))
    assert "2 mars 2026" == plain(FR.show_days(days[:1]))
    assert "" == EN.show_days([])


@pytest.mark.parametrize(
    ("language", "country", "code"),
    [
        ("de", "US", "de"),
        ("de-AT", "AT", "de"),
        ("FR_ca", "CA", "fr"),
        ("", "AT", "de"),
        ("", "FR", "fr"),
        ("", "CH", "en"),
        ("", "", "en"),
        ("it", "DE", "en"),
        ("  De ", "", "de"),
    ],
)
def test_the_language_is_the_recorded_one_else_the_countrys_else_english(
    language: str, country: str, code: str
) -> None:
    assert code == language_for(language, country).code

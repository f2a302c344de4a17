"""When a policy acts: policy days, gaps and folds of the clock, working days and sendings (contract, section 3)."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from holidays import list_supported_countries
from hypothesis import given
from hypothesis import strategies as st

from arflow.isodates import ONE_DAY
from arflow.rules.calendar import COUNTRIES_WITH_HOLIDAYS, Calendar, instant, zone_named

NEW_YORK, APIA, LORD_HOWE = ZoneInfo("America/New_York"), ZoneInfo("Pacific/Apia"), ZoneInfo("Australia/Lord_Howe")
ZONES = st.sampled_from(
    [NEW_YORK, APIA, LORD_HOWE, ZoneInfo("Asia/Kolkata"), ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Honolulu")]
)
CLOCKS = st.sampled_from([dt.time(0), dt.time(2, 30), dt.time(8), dt.time(23, 30)])
MOMENTS = st.integers(1_322_697_600, 1_838_000_000).map(lambda second: dt.datetime.fromtimestamp(second, dt.UTC))
"""From December 2011 to March 2028."""


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"{text}+00:00")


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("zone", "on", "clock", "expected"),
    [
        (NEW_YORK, "2026-01-15", dt.time(8), "2026-01-15T13:00"),
        (NEW_YORK, "2026-03-08", dt.time(1, 59), "2026-03-08T06:59"),
        (NEW_YORK, "2026-03-08", dt.time(2), "2026-03-08T07:00"),
        (NEW_YORK, "2026-03-08", dt.time(2, 30), "2026-03-08T07:00"),
        (NEW_YORK, "2026-03-08", dt.time(3), "2026-03-08T07:00"),
        (NEW_YORK, "2026-11-01", dt.time(1, 30), "2026-11-01T05:30"),
        (NEW_YORK, "2026-11-01", dt.time(2), "2026-11-01T07:00"),
        (LORD_HOWE, "2026-10-04", dt.time(2, 15), "2026-10-03T15:30"),
        (LORD_HOWE, "2026-04-05", dt.time(1, 45), "2026-04-04T14:45"),
        (APIA, "2011-12-29", dt.time(8), "2011-12-29T18:00"),
        (APIA, "2011-12-30", dt.time(8), "2011-12-30T10:00"),
        (APIA, "2011-12-31", dt.time(0), "2011-12-30T10:00"),
        (APIA, "2011-12-31", dt.time(8), "2011-12-30T18:00"),
    ],
)
def test_a_skipped_time_is_the_end_of_the_gap_and_a_double_one_its_first_occurrence(
    zone: ZoneInfo, on: str, clock: dt.time, expected: str
) -> None:
    """Samoa skipped a whole day; Lord Howe's clock moves by half an hour."""
    assert instant(zone, day(on), clock) == utc(expected)


@given(ZONES, st.dates(dt.date(2011, 12, 25), dt.date(2028, 4, 1)), CLOCKS)
def test_instants_never_go_back_from_day_to_day(zone: ZoneInfo, on: dt.date, clock: dt.time) -> None:
    """Two days may share an instant, where a day was skipped."""
    assert instant(zone, on, clock) <= instant(zone, on + ONE_DAY, clock)


@given(ZONES, CLOCKS, MOMENTS)
def test_the_policy_day_is_the_date_of_the_latest_act_at(zone: ZoneInfo, clock: dt.time, now: dt.datetime) -> None:
    calendar = Calendar(act_at=clock, act_until=dt.time(23, 59))
    found = calendar.policy_day(zone, now)
    assert calendar.act_instant(zone, found) <= now < calendar.act_instant(zone, found + ONE_DAY)


@given(ZONES, CLOCKS, MOMENTS)
def test_the_next_act_at_is_the_first_one_after_now(zone: ZoneInfo, clock: dt.time, now: dt.datetime) -> None:
    """At `act_at` itself the next one is a day on."""
    calendar = Calendar(act_at=clock, act_until=dt.time(23, 59))
    found = calendar.next_act(zone, now)
    assert calendar.policy_day(zone, found - dt.timedelta(seconds=1)) == calendar.policy_day(zone, now)
    assert calendar.policy_day(zone, now) < calendar.policy_day(zone, found)
    assert calendar.next_act(zone, found) > found


def test_before_act_at_it_is_still_yesterday() -> None:
    calendar, berlin = Calendar(), ZoneInfo("Europe/Berlin")
    found = [calendar.policy_day(berlin, utc(f"2026-01-15T{clock}")) for clock in ("06:59:59", "07:00", "22:59")]
    assert found == [day("2026-01-14"), day("2026-01-15"), day("2026-01-15")]


def test_an_unknown_zone_is_the_default_of_the_policy() -> None:
    calendar = Calendar(timezone="account", default_timezone="Asia/Kolkata")
    assert [calendar.zone(name).key for name in ("Europe/Berlin", "Mars/Olympus", "", "../etc/passwd")] == [
        "Europe/Berlin",
        "Asia/Kolkata",
        "Asia/Kolkata",
        "Asia/Kolkata",
    ]
    assert Calendar(timezone="Europe/Berlin").zone("America/New_York").key == "Europe/Berlin"
    assert [zone_named("UTC") is None, zone_named("Europe"), zone_named("x" * 9999)] == [False, None, None]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-01-16T08:00", "2026-01-16T08:00"),
        ("2026-01-16T18:00", "2026-01-16T18:00"),
        ("2026-01-16T18:00:01", "2026-01-20T08:00"),
        ("2026-01-16T07:59", "2026-01-16T08:00"),
        ("2026-01-17T12:00", "2026-01-20T08:00"),
        ("2026-01-19T12:00", "2026-01-20T08:00"),
        ("2026-07-03T12:00", "2026-07-06T08:00"),
    ],
)
def test_a_sending_waits_for_working_hours_on_a_working_day(now: str, expected: str) -> None:
    """19 January 2026 is a holiday, and 3 July is one because the fourth is a Saturday."""
    calendar = Calendar(holidays="US")
    assert calendar.earliest_sending(ZoneInfo("UTC"), utc(now)) == utc(expected)


def test_a_message_never_leaves_on_a_date_on_which_one_has_left() -> None:
    calendar = Calendar()
    written_on = {day("2026-01-14"), day("2026-01-15"), None}
    found = calendar.earliest_sending(ZoneInfo("UTC"), utc("2026-01-14T09:00"), not_on=written_on)
    assert found == utc("2026-01-16T08:00")


def test_the_weekend_is_what_the_policy_says() -> None:
    calendar = Calendar(weekend=frozenset({4}))
    week = [day("2026-01-12") + at * ONE_DAY for at in range(7)]
    assert [calendar.is_working_day(one) for one in week] == [True, True, True, True, False, True, True]


def test_countries_are_those_of_the_holidays_library() -> None:
    assert {"US", "DE", "DEU", "Germany", "UK"} <= COUNTRIES_WITH_HOLIDAYS
    assert set(list_supported_countries()) <= COUNTRIES_WITH_HOLIDAYS
    assert not COUNTRIES_WITH_HOLIDAYS & {"", "XX", "de", "US-CA", "utils", "registry", "HolidayBase"}
    assert "ECB" in COUNTRIES_WITH_HOLIDAYS  # as a policy that was saved before may say


def test_of_every_country_holidays_can_be_asked() -> None:
    countries = [*list_supported_countries(), "Germany"]
    works = [country for country in countries if Calendar(holidays=country).is_working_day(day("2026-01-01"))]
    assert 0 < len(works) < len(countries) / 4

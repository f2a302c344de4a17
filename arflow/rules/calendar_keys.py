"""Reads the `calendar` key of a policy document."""

import datetime as dt
import re

from arflow.errors import did_you_mean
from arflow.rules.calendar import ACCOUNT_ZONE, COUNTRIES_WITH_HOLIDAYS, WEEKDAYS, Calendar, zone_named
from arflow.rules.yamlnodes import Node, as_mapping, as_text, as_texts

_KEYS = ("timezone", "default_timezone", "act_at", "act_until", "holidays", "weekend")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


def read_calendar(node: Node | None) -> Calendar:
    """The calendar that `node` describes. Raises Refused with the line of the key that is wrong."""
    if node is None:
        return Calendar()
    keys = as_mapping(node, "`calendar`", _KEYS)
    given: dict[str, object] = {}
    for key in ("timezone", "default_timezone"):
        if key in keys:
            given[key] = _zone(keys[key], key)
    for key in ("act_at", "act_until"):
        if key in keys:
            given[key] = _time(keys[key], key)
    if "holidays" in keys:
        given["holidays"] = _holidays(keys["holidays"])
    if "weekend" in keys:
        given["weekend"] = _weekend(keys["weekend"])
    calendar = Calendar(**given)  # type: ignore[arg-type]  # each key was read by its own type above
    if calendar.act_until < calendar.act_at:
        raise node.refused(f"`act_until` ({calendar.act_until:%H:%M}) is before `act_at` ({calendar.act_at:%H:%M})")
    return calendar


def _zone(node: Node, key: str) -> str:
    name = as_text(node, f"`{key}`")
    if key == "timezone" and name == ACCOUNT_ZONE:
        return name
    if zone_named(name) is None:
        also = " or `account`" if key == "timezone" else ""
        raise node.refused(f"`{key}`: `{name[:60]}` is no time zone such as `Europe/Berlin`{also}")
    return name


def _time(node: Node, key: str) -> dt.time:
    match = _TIME.fullmatch(as_text(node, f"`{key}`"))
    if match is None:
        raise node.refused(f'`{key}`: `{node.text[:20]}` is no time of day such as "08:00"')
    return dt.time(int(match.group(1)), int(match.group(2)))


def _holidays(node: Node) -> str:
    country = as_text(node, "`holidays`")
    if country not in COUNTRIES_WITH_HOLIDAYS:
        known = did_you_mean(country[:20], COUNTRIES_WITH_HOLIDAYS)
        raise node.refused(f"`holidays`: `{country[:20]}` is no country of the holidays library, such as `US`{known}")
    return country


def _weekend(node: Node) -> frozenset[int]:
    names = as_texts(node, "`weekend`")
    for name in names:
        if name not in WEEKDAYS:
            raise node.refused(f"`weekend`: unknown day `{name[:20]}`{did_you_mean(name, WEEKDAYS)}")
    days = frozenset(WEEKDAYS.index(name) for name in names)
    if len(days) == len(WEEKDAYS):
        raise node.refused("`weekend` leaves no working day")
    return days

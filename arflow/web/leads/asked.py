"""What the address of a report asks for: its day, its accounts, their order. What cannot be meant is refused."""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from flask import request

from arflow.errors import Refused, did_you_mean
from arflow.isodates import read_date
from arflow.reports import days
from arflow.reports.flow import NEW
from arflow.reports.listed import ORDERS, PARTS, Which
from arflow.reports.positions import BUCKETS
from arflow.vocabulary import State
from arflow.web.forms import Mistyped
from arflow.web.transactions import connection


def day_if_any(name: str) -> dt.date | None:
    """A day of the address. Raises Refused for one that is none."""
    text = request.args.get(name, "").strip()
    if not text:
        return None
    try:
        return read_date(text)
    except Refused as refused:
        raise Refused(f"the date {refused.reason}") from None


@contextmanager
def beside(name: str) -> Iterator[None]:
    """What is refused in here is a mistake of the field `name`, beside which the page of the report says it."""
    try:
        yield
    except Refused as refused:
        raise Mistyped({name: refused.reason}) from None


def as_of() -> dt.date:
    """The day of the report; today without one. Raises Mistyped for one that is none, or still to come."""
    with beside("as_of"):
        return days.asked_for(connection(), day_if_any("as_of"))


def which() -> Which:
    """The accounts of a list. Raises Refused for a state, an age or a part that is none."""
    return Which(
        currency=request.args.get("currency", "")[:3],
        state=_one_of("state", [str(state) for state in State]),
        bucket=_bucket(),
        part=_one_of("part", PARTS),
    )


def _bucket() -> int | None:
    known = [str(first) for first, _ in BUCKETS]
    found = _one_of("age", known)
    return known.index(found) if found else None


def age(bucket: int) -> int:
    """How an address names a bucket: by its first day."""
    return BUCKETS[bucket][0]


def order(default: str) -> str:
    """What a list is ordered by."""
    found = request.args.get("order", default)
    _check(found.removeprefix("-"), ORDERS, "order")
    return found


def in_address(chosen: Which) -> dict[str, str | int]:
    """The accounts of a list as an address names them."""
    found: dict[str, str | int] = {
        name: value for name in ("currency", "state", "part") if (value := getattr(chosen, name))
    }
    return found if chosen.bucket is None else found | {"age": age(chosen.bucket)}


def without(chosen: Which, name: str) -> Which:
    """The same list, not narrowed by one of its conditions."""
    widest: dict[str, Any] = {name: getattr(Which(), name)}
    return replace(chosen, **widest)


def _one_of(name: str, known: list[str] | tuple[str, ...]) -> str:
    found = request.args.get(name, "")
    if found:
        _check(found, known, name)
    return found


def _check(found: str, known: list[str] | tuple[str, ...], name: str) -> None:
    if found not in known:
        raise Refused(f"`{found[:40]}` is no {name} of this report{did_you_mean(found, known)}")


def flow_step() -> tuple[str, str, str]:
    """The currency, and the states between which accounts went. Raises Refused for a state that is none."""
    states = [str(state) for state in State]
    return request.args.get("currency", "")[:3], _one_of("source", [NEW, *states]), _one_of("to", states)


def period(known: Sequence[int], default: int) -> int:
    """Of how many days a report tells, one of `known`. Raises Refused for any other."""
    return int(_one_of("days", [str(days) for days in known]) or default)

"""What would go out today and in the days after: counts by day, with a picture, and the list behind each."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence

from flask import Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from arflow.errors import SaysNo
from arflow.forecast import Forecast, Leaving
from arflow.isodates import ONE_DAY
from arflow.reports import beginnings, listed
from arflow.store import switch
from arflow.web import bars
from arflow.web.downloads import csv_file
from arflow.web.golive import looking
from arflow.web.golive.blueprint import pages
from arflow.web.golive.looking import Look
from arflow.web.leads import asked
from arflow.web.paging import paged_of
from arflow.web.transactions import connection, settings

_COLUMNS = ("date", "account", "name", "effect", "what", "rule")


@pages.get("/forecast")
def forecast() -> ResponseReturnValue:
    """The part of the page that shows the forecast: asked for again and again until it is there."""
    if "HX-Request" not in request.headers:
        return redirect(url_for(".page"))
    return render_template(
        "golive/forecast.html",
        is_part=True,
        is_on=switch.is_on(connection()),
        to_hand_over=beginnings.messages_to_hand_over(connection()),
        **shown(looking.look(connection(), settings().engineering)),
    )


@pages.get("/forecast/list")
def leaving() -> str:
    """The messages and calls behind a number of the forecast."""
    made = _made()
    found, day, effect, name = _chosen(made)
    page = paged_of(found)
    return render_template(
        "golive/leaving.html",
        count=len(found),
        day=day,
        effect=effect,
        name=name,
        made=made,
        names=listed.names(connection(), {one.account for one in page.rows}),
        page=page,
        address={key: value for key, value in (("day", day), ("effect", effect), ("name", name)) if value},
    )


@pages.get("/forecast.csv")
def leaving_csv() -> Response:
    """The same list, whole, as a file."""
    made = _made()
    found, day, _, name = _chosen(made)
    names = listed.names(connection(), {one.account for one in found})
    records = [_record(one, names) for one in found]
    said = [str(value) for value in (name, day) if value]
    return csv_file("-".join(["arflow-forecast", made.today.isoformat(), *said]), records, _COLUMNS)


def _record(one: Leaving, names: Mapping[str, str]) -> Mapping[str, object]:
    values = (one.on.isoformat(), one.account, names.get(one.account, ""), one.effect, one.name, one.rule)
    return dict(zip(_COLUMNS, values, strict=True))


def _made() -> Forecast:
    """The last forecast of today. Raises SaysNo when there is none yet."""
    made = looking.look(connection(), settings().engineering).made
    if made is None:
        raise SaysNo("what would go out is still being looked at; open this list from the go-live page in a moment")
    return made


def _chosen(made: Forecast) -> tuple[Sequence[Leaving], dt.date | None, str, str]:
    """What the address asks for of a forecast."""
    day, effect, name = asked.day_if_any("day"), request.args.get("effect", ""), request.args.get("name", "")
    found = [
        one
        for one in made.leaving
        if (day is None or one.on == day) and effect in ("", one.effect) and name in ("", one.name)
    ]
    return found, day, effect, name


def shown(look: Look) -> Mapping[str, object]:
    """What the templates show of a forecast: its days, each with counts, and its picture."""
    if look.made is None:
        return {"look": look, "made": None}
    made = look.made
    columns = sorted({key for found in made.counts.values() for key in found}, key=lambda key: (key[0] != "send", key))
    rows = [(on, [_counts(made, on)[key] for key in columns]) for on in _days(made)]
    return {
        "look": look,
        "made": made,
        "columns": columns,
        "rows": rows,
        "sums": [sum(counts[at] for _, counts in rows) for at in range(len(columns))],
        "picture": bars.picture((_label(on), _pieces(made, on), f"{sum(counts) or ''}") for on, counts in rows),
        "accounts": len({one.account for one in made.leaving}),
        "without_address": beginnings.without_address(
            connection(), {o.account for o in made.leaving if o.effect == "send"}
        ),
    }


def _days(made: Forecast) -> list[dt.date]:
    """Every day that the forecast looks at; in zones far east some is dated a day before."""
    first = min([made.today, *made.counts])
    last = max([made.today + made.days * ONE_DAY, *made.counts])
    return [first + at * ONE_DAY for at in range((last - first).days + 1)]


def _counts(made: Forecast, on: dt.date) -> Counter[tuple[str, str]]:
    return made.counts.get(on, Counter())


def _label(on: dt.date) -> str:
    return f"{on:%a} {on.day} {on:%b}"


def _pieces(made: Forecast, on: dt.date) -> list[tuple[str, int]]:
    counts = _counts(made, on)
    return [(kind, sum(count for (effect, _), count in counts.items() if effect == kind)) for kind in ("send", "call")]

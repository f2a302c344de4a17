"""Promises and disputes across accounts: callers see those of what they reach, leads all of them, also as files."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from arflow.desk import assignments, disputed, promised, reasons
from arflow.desk.whose import Whose
from arflow.reports import days
from arflow.reports.judged import Judged
from arflow.reports.shared import Shared, Told
from arflow.web.downloads import csv_file
from arflow.web.pages import Pages
from arflow.web.paging import paged
from arflow.web.transactions import connection
from arflow.web.visitors import current_user

pages = Pages("agreements", __name__, roles={"caller", "lead", "admin"})

SIZE = 25
_of_all = Shared(promised.recent, most_kept=1)
_LEADS = {"lead", "admin"}


@pages.get("/promises", menu=("Promises", 12))
def promises() -> ResponseReturnValue:
    """Promises that come due, and those that were kept in the last week or not; 202 while they are judged."""
    day, tab = days.today(connection()), _tab()
    told = _recent(day)
    if told is None:
        return render_template("callers/adding_up.html", title="Promises"), HTTPStatus.ACCEPTED
    standing = promised.standing(told.lines)
    currencies = sorted({one.currency for found in standing.values() for one in found})
    currency = _known(request.args.get("currency", ""), currencies)
    of_currency = {name: _in(found, currency) for name, found in standing.items()}
    page = paged(lambda offset, limit: of_currency[tab][offset : offset + limit], SIZE)
    lines = promised.lines(connection(), page.rows, day)
    named = [name for line in lines for name in (line.owner, line.promise.actor)]
    return render_template(
        "callers/promises.html",
        tab=tab,
        tabs=[(name, label, len(of_currency[name])) for name, label in promised.TABS.items()],
        totals=promised.totals(of_currency[tab]),
        page=page,
        lines=lines,
        left=promised.left,
        age=told.age,
        **_around(named, currencies, currency),
    )


@pages.get("/promises.csv", roles=_LEADS)
def promises_csv() -> Response:
    """The promises of one list as a file, in the same order."""
    day, tab, currency = days.today(connection()), _tab(), request.args.get("currency", "")
    recent = promised.recent(connection(), day, _whose().ids(connection()))
    found = _in(promised.standing(recent)[tab], currency)
    records = [promised.as_json(line) for line in promised.lines(connection(), found, day)]
    return _file(f"arflow-promises-{tab}", currency, day, records, promised.COLUMNS)


@pages.get("/disputes", menu=("Disputes", 13))
def disputes() -> str:
    """Open disputes, the oldest first."""
    whose = _whose()
    currencies = disputed.currencies(connection(), whose)
    currency = _known(request.args.get("currency", ""), currencies)
    which = disputed.Which(whose=whose, currency=currency)
    counts = disputed.by_reason(connection(), which)
    which = replace(which, reason=_known(request.args.get("reason", ""), counts))
    page = paged(lambda offset, limit: disputed.page(connection(), which, offset, limit), SIZE)
    return render_template(
        "callers/disputes.html",
        today=days.today(connection()),
        reason=which.reason,
        counts=counts,
        labels=reasons.LABELS,
        reason_shown=reasons.shown,
        totals=disputed.totals(connection(), which),
        page=page,
        **_around([name for one in page.rows for name in (one.owner, one.actor)], currencies, currency),
    )


@pages.get("/disputes.csv", roles=_LEADS)
def disputes_csv() -> Response:
    """The disputes of a list as a file, in the same order."""
    currency, reason = request.args.get("currency", ""), request.args.get("reason", "")
    which = disputed.Which(whose=_whose(), currency=currency, reason=reason)
    records = [disputed.as_json(one) for one in disputed.page(connection(), which)]
    return _file("arflow-disputes", currency, days.today(connection()), records, disputed.COLUMNS)


def _recent(day: dt.date) -> Told[Judged] | None:
    """The promises of the list; those of all accounts of a large company are judged once for everybody who looks.

    None while they are.
    """
    whose = _whose()
    if whose.are_all:
        return _of_all.ask_soon(connection(), day)
    return Told(lines=promised.recent(connection(), day, whose.ids(connection())))


def _whose() -> Whose:
    """The accounts of a list; leads may ask for those of one owner."""
    user = current_user()
    return Whose(user=user, owner=request.args.get("owner", "") if user.is_any_of(*_LEADS) else "")


def _tab() -> str:
    """The list that the address names, else the first one."""
    return _known(request.args.get("tab", ""), promised.TABS) or next(iter(promised.TABS))


def _known(name: str, known: Sequence[str] | Mapping[str, object]) -> str:
    """What an address asks for, where there is such; else nothing."""
    return name if name in known else ""


def _in(found: Sequence[Judged], currency: str) -> Sequence[Judged]:
    return [one for one in found if currency in ("", one.currency)]


def _around(named: Sequence[str], currencies: Sequence[str], currency: str) -> Mapping[str, object]:
    """What both lists show around their lines, and what the people and queues of `named` are called."""
    leads = current_user().is_any_of(*_LEADS)
    everybody = assignments.shown_names(connection(), None if leads else named)
    return {
        "names": everybody,
        "leads": leads,
        "owner": _whose().owner,
        "currencies": currencies,
        "currency": currency,
    }


def _file(
    name: str, currency: str, day: dt.date, records: Sequence[Mapping[str, object]], columns: Sequence[str]
) -> Response:
    """A list as a CSV file, its day in every line and in its name."""
    dated = [{"as_of": day.isoformat(), **record} for record in records]
    return csv_file("-".join(filter(None, [name, currency[:3], f"{day}"])), dated, ["as_of", *columns])

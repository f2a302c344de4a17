"""What a report answers to days that cannot be meant: its form, as it was typed, with the mistake beside its field."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType

from flask import render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from arflow.errors import Refused
from arflow.isodates import read_date
from arflow.reports import days
from arflow.web.forms import Form, Mistyped, Typed
from arflow.web.leads.blueprint import pages
from arflow.web.transactions import connection

A_WEEK = dt.timedelta(days=7)

_ONE_DAY: Mapping[str, str] = MappingProxyType({"as_of": "At the end of"})
_TWO_DAYS: Mapping[str, str] = MappingProxyType({"from": "From the end of", "as_of": "To the end of"})
_KEPT: Mapping[str, Collection[str]] = MappingProxyType(
    {"accounts": ("currency", "state", "age", "part", "order"), "measured": ("days",)}
)
"""What else the address of a page says, which its form is to keep."""

_HEADINGS: Mapping[str, str] = MappingProxyType(
    {"pipeline": "Pipeline", "ageing": "Ageing", "accounts": "Accounts", "flow": "Flow", "measured": "Measures"}
)
"""The pages that have a form of their own; every other address is of one of them."""


@pages.errorhandler(Mistyped)
def mistyped(error: Mistyped) -> ResponseReturnValue:
    """The form of the page, to be mended; files and the accounts of the flow have that of their page."""
    view = (request.endpoint or "").rpartition(".")[2].removesuffix("_csv").removesuffix("_accounts")
    fields = _TWO_DAYS if view == "flow" else _ONE_DAY
    today = days.today(connection())
    values = {"from": f"{today - A_WEEK}", "as_of": f"{today}", **request.args.to_dict()}
    endpoint = f"{pages.name}.{view}"
    typed = Typed(endpoint=endpoint, arguments={}, values=MultiDict(values), reason="", mistakes=error.mistakes)
    page = render_template(
        "leads/mistyped.html",
        f=Form(endpoint=endpoint, arguments={}, typed=typed),
        heading=_HEADINGS[view],
        fields=fields,
        dates=list(_dates(values[name] for name in fields)),
        kept=[
            (name, value)
            for name, value in request.args.items()
            if name not in _TWO_DAYS and name in _KEPT.get(view, ())
        ],
        today=today,
    )
    return page, HTTPStatus.BAD_REQUEST


def _dates(typed: Iterator[str]) -> Iterator[str]:
    """Those that a browser shows in a field for a date; it shows nothing of any other."""
    for text in typed:
        try:
            read_date(text)
        except Refused:
            continue
        yield text

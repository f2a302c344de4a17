"""What an error becomes: the one table of exceptions and HTTP, and the page that says it.

A form that is refused is shown again with what was typed, in the page that its route names with `again=`.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from flask import Flask, current_app, g, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import BadHost, HTTPException

from arflow.errors import ArflowError, Conflict, DatabaseRefused, NotNow, Refused, SaysNo
from arflow.store import database
from arflow.web import carried
from arflow.web.forms import Mistyped, Typed, took_typed
from arflow.web.pages import Directory
from arflow.web.transactions import read_anew, settle
from arflow.web.visitors import visitor

STATUSES: Mapping[type[ArflowError], HTTPStatus] = MappingProxyType(
    {
        Refused: HTTPStatus.UNPROCESSABLE_ENTITY,
        Conflict: HTTPStatus.CONFLICT,
        NotNow: HTTPStatus.CONFLICT,
        SaysNo: HTTPStatus.NOT_FOUND,
        DatabaseRefused: HTTPStatus.SERVICE_UNAVAILABLE,
        ArflowError: HTTPStatus.BAD_REQUEST,
    }
)
"""The status of each error; an error has that of the nearest of its classes."""

_TEXTS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        400: ("This request cannot be read", "Go back, load the page anew and try once more."),
        403: ("This page is not for your role", "Ask an admin if you need it."),
        404: ("There is no such page", "It may have moved, or it is not for you."),
        405: ("This address is not used that way", "Go back and use the buttons of the page."),
        409: ("Somebody else was faster", "Nothing of yours was changed. Look again, and repeat it."),
        413: ("That is too much at once", "A form has at most 4 MB and 2,000 fields."),
        422: ("That was not accepted", "Go back and mend it."),
        500: ("Something went wrong here", "It was not you. What you did last was not recorded. Try once more."),
        503: ("The database cannot be reached", "Nothing was changed. Try again in a minute."),
    }
)

_NO_HOST = ("This request names a host that can be none.\n", 400, {"Content-Type": "text/plain; charset=utf-8"})
"""No page knows its addresses then."""

_KEEP_FORM = (Refused, Conflict, SaysNo)
_LISTS_FORM = (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND)


def status_of(error: ArflowError) -> HTTPStatus:
    """The HTTP status of one of our errors."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def answer_failures(app: Flask, directory: Directory) -> None:
    """Let `app` answer every error with a page."""

    @app.errorhandler(ArflowError)
    def said_no(error: ArflowError) -> ResponseReturnValue:
        again = directory.again(current_app, request.endpoint or "", request.view_args or {})
        if request.method == "POST" and isinstance(error, _KEEP_FORM):
            read_anew()
            if again is not None:
                g.typed = _typed(error)
                return _shown_again(again, error)
        return _said(error)

    @app.errorhandler(DBAPIError)
    def database_failed(error: DBAPIError) -> ResponseReturnValue:
        known = database.trouble(error)
        if known is None:
            raise error
        return said_no(known)

    @app.errorhandler(CSRFError)
    def old_form(_: CSRFError) -> ResponseReturnValue:
        """A form whose secret is not that of this browser: shown, so that its person can send it."""
        if request.endpoint == "sign_in.try_log_in":
            return carried.log_in_page(
                status=400,
                carrying=request.form.get("carried", ""),
                reason="This form was too old. Please log in once more.",
                name=request.form.get("name", ""),
                goes_to=carried.local_path(request.form.get("goes_to", "/")),
            )
        typed = carried.unpack(carried.pack()) if visitor() else None
        if typed is None:
            return page(HTTPStatus.BAD_REQUEST, "The form was too old, or was not one of ours. Nothing was changed.")
        return carried.confirm_page(typed, status=400, was="The form was too old, so it was not sent.")

    @app.errorhandler(HTTPException)
    def http_failed(error: HTTPException) -> ResponseReturnValue:
        return _NO_HOST if isinstance(error, BadHost) else page(error.code or 500)


def _shown_again(again: Callable[[], Any], error: ArflowError) -> ResponseReturnValue:
    """The page of a refused form; what it is about may be gone, or somebody else's, by now.

    A no stands on top of it: the button that it is about may be gone, or on another page of a list. When the form has
    gone from the page, because somebody else was faster, what was typed is listed instead.
    """
    g.said_no = _sentence(str(error)) if isinstance(error, SaysNo) else ""
    try:
        shown = again()
    except ArflowError as gone:
        g.said_no = ""
        return _said(gone)
    if (took_typed() or g.said_no) and not isinstance(shown, tuple):  # one with a status is not there yet
        return make_response(shown, status_of(error))
    g.said_no = ""
    return page(status_of(error), str(error), "That cannot be done")


def _said(error: ArflowError) -> ResponseReturnValue:
    """The page that says an error. A no is about what somebody tried to do or see; its page itself is there."""
    if not isinstance(error, SaysNo):
        return page(status_of(error), str(error))
    heading = "That cannot be done" if request.method == "POST" else "This cannot be shown"
    return page(status_of(error), str(error), heading)


def page(status: int, text: str = "", heading: str = "") -> ResponseReturnValue:
    """The page of an error. When the fault is ours, it needs nothing that may be broken."""
    usual, advice = _TEXTS.get(status, _TEXTS[400])
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        settle(is_good=False)
        broken = current_app.jinja_env.get_template("broken.html")  # without what other pages look up
        return make_response(broken.render(heading=usual, text=advice), status)
    read_anew()
    fields = carried.typed_fields() if status in _LISTS_FORM and request.method == "POST" else []
    return make_response(
        render_template("failure.html", heading=heading or usual, text=_sentence(text) or advice, fields=fields),
        status,
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _typed(error: ArflowError) -> Typed:
    return Typed(
        endpoint=request.endpoint or "",
        arguments=request.view_args or {},
        values=request.form,
        reason="" if isinstance(error, SaysNo) else str(error),
        mistakes=error.mistakes if isinstance(error, Mistyped) else {},
        is_conflict=isinstance(error, Conflict),
    )

"""What every request passes first: it must be readable, and whoever asks must be one of those whom the route is for."""

from collections.abc import Iterator

from flask import Flask, abort, request
from flask.typing import ResponseReturnValue

from arflow.web import carried
from arflow.web.pages import Directory
from arflow.web.visitors import visitor, words

MOST_FIELDS = 2000
"""How many fields a form may have."""

_TOLD_BY = frozenset({"drafts.judge"})
"""Views that tell of a zero byte in their form themselves, beside all that was typed, and keep nothing that has one."""


def guard(app: Flask, directory: Directory) -> None:
    """Let every request of `app` through here before anything else."""

    @app.before_request
    def turn_away() -> ResponseReturnValue | None:
        if _has_too_many_fields():
            abort(413)
        if any("\0" in text for text in _texts()):  # no database keeps it
            abort(400)
        endpoint = request.endpoint
        if endpoint is None or directory.is_public(endpoint):  # no such page, or one for everybody
            return None
        if visitor() is None:
            return carried.ask_to_log_in()
        if not directory.may_use(endpoint, words()):
            abort(403)
        return None


def _has_too_many_fields() -> bool:
    """Whether a form is to be refused before it is taken apart; a form of parts is counted by Flask itself."""
    is_form = request.mimetype == "application/x-www-form-urlencoded"
    return is_form and request.get_data().count(b"&") >= MOST_FIELDS


def _texts() -> Iterator[str]:
    yield request.path
    for values in (request.args, *([] if request.endpoint in _TOLD_BY else [request.form])):
        for name, value in values.items(multi=True):
            yield from (name, value)

"""What was typed is not lost: a form that arrives without a log-in, or with a secret that is too old, is carried along.

It travels through the log-in as one signed text in the page, never in the database, and is sent only when its person
has seen it and says so. It is carried only when it was sent from a page of ours: another site could else have somebody
say something they never typed. Passwords are never carried.
"""

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from flask import Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import validate_csrf
from itsdangerous import BadData, URLSafeTimedSerializer
from wtforms import ValidationError

from arflow.web.transactions import settings
from arflow.web.visitors import last_visitor, visitor

LARGEST = 1_500_000
"""How many characters are carried at most; the largest thing that people write is a policy of up to 1 MB."""

_OLDEST = 24 * 60 * 60
_NEVER = ("csrf_token", "carried")
_NOT_TYPED = ("seen", "mark")


@dataclass(frozen=True, kw_only=True)
class Carried:
    """A form that was not sent yet: where it goes, what was typed, and by whom."""

    path: str
    fields: tuple[tuple[str, str], ...]
    user: str


def ask_to_log_in() -> ResponseReturnValue:
    """The log-in, on the way to where the request wanted to go."""
    if request.method not in ("GET", "HEAD"):
        carrying = pack()
        return log_in_page(status=401, carrying=carrying, lost=None if carrying else _lost(), goes_to=_page_before())
    asked = _parts(request.headers.get("HX-Current-URL", "")).path or request.full_path.rstrip("?")
    there = url_for("sign_in.log_in", next=asked if asked != "/" else None)
    if "HX-Request" in request.headers:
        return Response(headers={"HX-Redirect": there})
    return redirect(there, code=303)


def _page_before() -> str:
    """The page on which the form stood, where one goes on when there is nothing to be carried."""
    before = _parts(request.referrer or "")
    if before.netloc != request.host:
        return "/"
    return local_path(f"{before.path}?{before.query}" if before.query else before.path)


def log_in_page(
    *,
    status: int,
    carrying: str = "",
    lost: list[tuple[str, str]] | None = None,
    reason: str = "",
    name: str = "",
    goes_to: str = "",
) -> ResponseReturnValue:
    """The page on which one logs in; `lost` is what was typed into a form that is not carried, None of no form."""
    page = render_template(
        "sign_in/log_in.html",
        carrying=carrying,
        carried=unpack(carrying),
        lost=lost,
        reason=reason,
        name=name,
        goes_to=goes_to,
    )
    return make_response(page, status)


def confirm_page(typed: Carried, *, status: int, was: str) -> ResponseReturnValue:
    """Shows what was typed, with the button that sends it."""
    return make_response(render_template("sign_in/not_sent.html", typed=typed, was=was), status)


def _lost() -> list[tuple[str, str]]:
    """What is shown to be copied of a form that cannot be carried, since nobody knows any more whose it was.

    They logged out in another window. It goes back to the browser that sent it just now, and to no one else.
    """
    fields = typed_fields()
    return fields if came_from_here() and _is_small(fields) else []


def typed_fields() -> list[tuple[str, str]]:
    """The fields of this request's form that somebody filled in, without what its page had put there."""
    return [(name, text) for name, text in form_fields() if name not in _NOT_TYPED]


def _is_small(fields: list[tuple[str, str]]) -> bool:
    return sum(len(name) + len(text) for name, text in fields) <= LARGEST


def pack() -> str:
    """The form of this request as one signed text; nothing when it may not be carried."""
    fields = form_fields()
    found = visitor()
    user = found.name if found else last_visitor()
    if not fields or user is None or not came_from_here() or not _is_small(fields):
        return ""
    return _signer().dumps([request.full_path.rstrip("?"), fields, user])


def unpack(text: str) -> Carried | None:
    """What `pack` made; None for anything else."""
    try:
        path, fields, user = _signer().loads(text, max_age=_OLDEST)
    except (BadData, ValueError):
        return None
    return Carried(path=path, fields=tuple((name, value) for name, value in fields), user=user)


def form_fields() -> list[tuple[str, str]]:
    """What the form of this request holds, without what must not be kept."""
    return [
        (name, text)
        for name, text in request.form.items(multi=True)
        if name not in _NEVER and "password" not in name.lower()
    ]


def came_from_here() -> bool:
    """Whether the form of this request stood on a page of ours: the browser says so, or it knows the form's secret."""
    site = request.headers.get("Sec-Fetch-Site")
    if site in ("same-origin", "same-site", "cross-site"):
        return site == "same-origin"
    origin = request.headers.get("Origin")
    if origin is not None:
        return _parts(origin).netloc == request.host
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError:
        return False
    return True


def _parts(address: str) -> SplitResult:
    """The parts of an address that a header holds; empty ones of what is none."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def local_path(text: str) -> str:
    """`text` when it is a path of this site, `/` when it leads anywhere else."""
    is_path = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() and "\\" not in text
    parts = urlsplit(text) if is_path else None
    return text if parts and not parts.scheme and not parts.netloc else "/"


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings().key, salt="carried")

"""What a browser keeps: one cookie with a random token, and for one answer the signed notices of the answer before.

The token says nothing. Whose it is stands in the table `session`; a browser that is not logged in has one too, from
which the secret of its forms comes. It changes at every log-in and log-out.
"""

import hashlib
from typing import Any, cast

from flask import Flask, Request, Response, g, request, session
from flask.sessions import SessionInterface, SessionMixin
from itsdangerous import BadData, URLSafeSerializer

from arflow.desk.sessions import new_token
from arflow.web.settings import Settings

_TOKEN_LENGTH = 43
_NOTICES = "_flashes"
_LONGEST_NOTICES = 3000


class Browser(dict[str, Any], SessionMixin):
    """Flask's session: holds the secret of the forms and the notices, both from cookies."""

    def __init__(self, token: str | None, notices: list[Any]) -> None:
        super().__init__()
        self.is_known = token is not None  # else no session can be its
        self.is_to_be_told = token is None
        self.had_notices = bool(notices)
        self.set_token(token or new_token())
        if notices:
            self[_NOTICES] = notices

    def set_token(self, token: str) -> None:
        """Go on under another token; forms made before count no more."""
        self.token = token
        self["csrf_token"] = hashlib.sha256(b"forms of " + token.encode()).hexdigest()

    def change_token(self, token: str) -> None:
        """Be somebody else from this answer on."""
        self.set_token(token)
        self.is_known = self.is_to_be_told = True
        g.pop("csrf_token", None)


def browser() -> Browser:
    """The browser of this request."""
    return cast("Browser", session._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001  # Flask's proxy


class BrowserCookies(SessionInterface):
    """Reads and writes the cookies."""

    def open_session(self, app: Flask, request: Request) -> Browser:
        """What the request's cookies say; an unreadable token is none."""
        token = request.cookies.get(self._name(app, request))
        notices = request.cookies.get(self._notices_name(app, request))
        return Browser(
            token if token and len(token) == _TOKEN_LENGTH else None, self._signer(app).read(notices) if notices else []
        )

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Give the browser its token when it is new, and the notices that were not shown yet."""
        kept = cast("Browser", session)
        if kept.is_to_be_told and response.mimetype == "text/html":
            self._set(app, response, self._name(app, request), kept.token)
        name = self._notices_name(app, request)
        if notices := kept.get(_NOTICES):
            self._set(app, response, name, self._signer(app).write(notices))
        elif kept.had_notices:
            response.delete_cookie(name, path="/")

    def _set(self, app: Flask, response: Response, name: str, value: str) -> None:
        is_https = self._is_https(app, request)
        response.set_cookie(name, value, path="/", httponly=True, samesite="Lax", secure=is_https)

    def _name(self, app: Flask, request: Request) -> str:
        """Cookies know no port: two arflows on one machine would log each other out."""
        port = request.host.rpartition(":")[2]
        base = f"arflow-{port}" if port.isdigit() else "arflow"
        return f"__Host-{base}" if self._is_https(app, request) else base

    def _notices_name(self, app: Flask, request: Request) -> str:
        return f"{self._name(app, request)}-notices"

    def _is_https(self, app: Flask, request: Request) -> bool:
        known: Settings = app.extensions["arflow"]
        return known.is_https or request.is_secure

    def _signer(self, app: Flask) -> "_Notices":
        known: Settings = app.extensions["arflow"]
        return _Notices(known.key)


class _Notices:
    """Notices as a signed text."""

    def __init__(self, key: bytes) -> None:
        self._serializer = URLSafeSerializer(key, salt="notices")

    def read(self, text: str) -> list[Any]:
        try:
            return [tuple(pair) for pair in self._serializer.loads(text)]
        except (BadData, TypeError, ValueError):
            return []

    def write(self, notices: list[Any]) -> str:
        text = self._serializer.dumps(notices)
        if len(text) <= _LONGEST_NOTICES:
            return text
        return self._serializer.dumps([[kind, f"{said[:200]} ..."] for kind, said in notices[:3]])

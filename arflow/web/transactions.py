"""The one database transaction of a request: read-only and of one moment for a GET, read-write for a POST.

It is committed before the answer leaves, and only when the answer is no error. Nobody else commits.
"""

from flask import current_app, g, request
from sqlalchemy import Connection

from arflow.web.settings import Settings

_READS = ("GET", "HEAD", "OPTIONS")


def settings() -> Settings:
    """What this app was told when it was made."""
    found: Settings = current_app.extensions["arflow"]
    return found


def connection() -> Connection:
    """The connection of this request, inside its transaction."""
    if "connection" not in g:
        g.connection = _open(is_read=g.get("reads_only", request.method in _READS))
    found: Connection = g.connection
    return found


def settle(*, is_good: bool) -> None:
    """End the transaction of this request: what it wrote stays when all is good, and is gone otherwise."""
    open_one: Connection | None = g.pop("connection", None)
    if open_one is not None:
        with open_one:
            if is_good:
                open_one.commit()
            else:
                open_one.rollback()


def read_anew() -> None:
    """Forget what this request wrote; from here on it only reads, what it shows is what is there now."""
    settle(is_good=False)
    g.reads_only = True


def _open(*, is_read: bool) -> Connection:
    opened = settings().engine.connect()
    if is_read:
        opened = opened.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    opened.begin()
    return opened

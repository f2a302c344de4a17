"""The files that pages load: our style sheet, Pico and htmx. Their addresses hold their content's hash."""

import hashlib
from functools import cache
from pathlib import Path

from flask import Response, send_from_directory, url_for

from arflow.web.pages import PUBLIC, Pages

FOLDER = Path(__file__).with_name("static")
PICO, HTMX = "vendor/pico-2.1.1.min.css", "vendor/htmx-2.0.11.min.js"
_A_YEAR = 31_536_000

pages = Pages("assets", __name__, roles=PUBLIC)


@pages.get("/static/<path:name>")
def file(name: str) -> Response:
    """One of the files."""
    response = send_from_directory(FOLDER, name, max_age=_A_YEAR)
    response.cache_control.public = True
    response.cache_control.immutable = True
    return response


def asset(name: str) -> str:
    """The address of a file of the folder `static`."""
    return url_for("assets.file", name=name, v=_version(name))


@cache
def _version(name: str) -> str:
    return hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]

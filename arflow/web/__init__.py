"""Thin. Pages over the doors and queries: parse, call, render. No rule, no SQL and no change of state here.

`create_app(Settings(...))` makes the WSGI application; how a page is added stands in docs/pages.md.
"""

from arflow.web.app import create_app
from arflow.web.settings import Settings

__all__ = ["Settings", "create_app"]

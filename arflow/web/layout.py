"""What every page has around it: navigation by role, the switch, the theme, a demo's clock."""

from typing import Any

from flask import Flask, Response, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from arflow import clock
from arflow.clock import Demo
from arflow.store import switch
from arflow.web import assets, forms, shown
from arflow.web.carried import local_path
from arflow.web.navigation import Navigation, navigation
from arflow.web.pages import PUBLIC, SIGNED_IN, Directory, Pages
from arflow.web.transactions import connection
from arflow.web.visitors import visitor, words

THEMES = ("light", "dark")
_THEME_COOKIE = "arflow-theme"
_A_YEAR = 31_536_000

pages = Pages("layout", __name__, roles=PUBLIC)


def lay_out(app: Flask, directory: Directory) -> None:
    """Give the templates of `app` what every page needs."""
    shown.teach(app)
    app.jinja_env.globals.update(asset=assets.asset, form=forms.form, PICO=assets.PICO, HTMX=assets.HTMX)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    @app.context_processor
    def around() -> dict[str, Any]:
        return {
            "user": visitor(),
            "menu": navigation(directory, words()) if visitor() else Navigation(),
            "may_use": lambda endpoint: directory.may_use(endpoint, words()),
            "theme": theme(),
            "demo": _demo(),
            "delivers": switch.is_on(connection()) if directory.may_use("golive.off", words()) else None,
            "here": request.full_path.rstrip("?") if request.method == "GET" else "/",
        }


def _demo() -> Demo | None:
    """The clock of a demo, for those who are logged in."""
    return clock.demo(connection()) if visitor() else None


def theme() -> str:
    """What was chosen; nothing where the browser's own preference holds."""
    chosen = request.cookies.get(_THEME_COOKIE, "")
    return chosen if chosen in THEMES else ""


@pages.post("/theme")
def set_theme() -> Response:
    """Choose light, dark, or what the browser prefers."""
    response = redirect(local_path(request.form.get("there", "/")), code=303)
    chosen = request.form.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(_THEME_COOKIE, chosen, max_age=_A_YEAR, path="/", httponly=True, samesite="Lax")
    else:
        response.delete_cookie(_THEME_COOKIE, path="/")
    return response  # type: ignore[return-value]  # Werkzeug's redirect is a Response of Flask's here


@pages.get("/", roles=SIGNED_IN)
def home() -> ResponseReturnValue:
    """The first page of one's navigation."""
    directory: Directory = current_app.extensions["directory"]
    first = next(iter(directory.menu(words())), None)
    return redirect(url_for(first.endpoint if first else "sign_in.password_page"), code=303)

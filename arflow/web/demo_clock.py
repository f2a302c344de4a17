"""The bar that drives the clock of a demo: pause, step, speed. Refused on every other database, by the clock itself."""

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue

from arflow import clock
from arflow.web.carried import local_path
from arflow.web.forms import Reading
from arflow.web.pages import SIGNED_IN, Pages
from arflow.web.transactions import connection

pages = Pages("demo_clock", __name__, roles=SIGNED_IN, url_prefix="/demo")


@pages.post("/pause")
def pause() -> ResponseReturnValue:
    """Let no day pass by itself."""
    clock.run_demo(connection(), is_running=False)
    return _back()


@pages.post("/run")
def run() -> ResponseReturnValue:
    """Let days pass by themselves, at the speed that is chosen."""
    read = Reading()
    seconds = read.number("seconds_per_day", least=0.2, most=86_400) if request.form.get("seconds_per_day") else None
    read.check()
    clock.run_demo(connection(), is_running=True, seconds_per_day=seconds)
    return _back()


@pages.post("/step")
def step() -> ResponseReturnValue:
    """Pause, and let one day pass."""
    clock.run_demo(connection(), is_running=False)
    if clock.advance_demo(connection()) is None:
        flash("Today is not over yet: there is still work to be done. Step again in a moment.", "info")
    return _back()


def _back() -> ResponseReturnValue:
    return redirect(local_path(request.form.get("there", "/")), code=303)

"""The delivery switch: off is one click, at once, for everything; on needs a reason."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from arflow import advance
from arflow.store import switch
from arflow.web.forms import Reading
from arflow.web.pages import Pages
from arflow.web.transactions import connection
from arflow.web.visitors import current_user

pages = Pages("delivery", __name__, roles={"admin", "lead"}, url_prefix="/admin/delivery")


@pages.get("/", menu=("Delivery", 62))
def show() -> str:
    """Whether anything leaves, and who turned it when."""
    turns = switch.turns(connection())
    return render_template("admin/delivery.html", turns=turns, is_on=switch.is_on(connection()))


@pages.post("/off", again="show")
def off() -> ResponseReturnValue:
    """Nothing leaves any more, from now on."""
    read = Reading()
    _turn(is_on=False, reason=read.text("reason") or "turned off by hand", said="Delivery is off. Nothing leaves.")
    return redirect(url_for(".show"), code=303)


@pages.post("/on", again="show", roles={"admin", "lead"})
def on() -> ResponseReturnValue:
    """Let messages and calls leave."""
    read = Reading()
    reason = read.text("reason", required=True)
    read.check()
    _turn(is_on=True, reason=reason, said="Delivery is on. What waited leaves now.")
    return redirect(url_for(".show"), code=303)


def _turn(*, is_on: bool, reason: str, said: str) -> None:
    is_changed = advance.turn_delivery(connection(), is_on=is_on, actor=current_user().name, reason=reason)
    flash(said if is_changed else "Somebody else had done that already.", "success" if is_changed else "info")

"""Messages that could not be delivered: why, and trying once more."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from arflow import deliver
from arflow.web.pages import Pages
from arflow.web.transactions import connection
from arflow.web.visitors import current_user

pages = Pages("failed", __name__, roles={"admin"}, url_prefix="/admin/failed")

_MOST = 200


@pages.get("/", menu=("Failed", 64))
def listed() -> str:
    """The messages that failed last."""
    return render_template("admin/failed.html", failed=deliver.failed(connection(), _MOST), most=_MOST)


@pages.post("/<int:number>/retry", again="listed")
def retry(number: int) -> ResponseReturnValue:
    """Queue one of them once more."""
    deliver.retry(connection(), number, current_user().name)
    flash(f"Message {number} is queued again.", "success")
    return redirect(url_for(".listed"), code=303)

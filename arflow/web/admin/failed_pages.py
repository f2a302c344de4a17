"""Messages that could not be delivered, and addresses that were refused: why, and trying once more."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from arflow import deliver
from arflow.store import addresses
from arflow.web.forms import Reading
from arflow.web.pages import Pages
from arflow.web.transactions import connection
from arflow.web.visitors import current_user

pages = Pages("failed", __name__, roles={"admin", "lead"}, url_prefix="/admin/failed")

_MOST = 200


@pages.get("/", menu=("Failed", 64))
def listed() -> str:
    """The messages that failed last, and the addresses to which nothing is sent."""
    return render_template(
        "admin/failed.html",
        failed=deliver.failed(connection(), _MOST),
        refused=addresses.every_refused(connection(), _MOST),
        most=_MOST,
    )


@pages.post("/<int:number>/retry", again="listed")
def retry(number: int) -> ResponseReturnValue:
    """Queue one of them once more."""
    deliver.retry(connection(), number, current_user().name)
    flash(f"Message {number} is queued again.", "success")
    return redirect(url_for(".listed"), code=303)


@pages.post("/clear", again="listed")
def clear() -> ResponseReturnValue:
    """Let letters go to an address again that was refused."""
    read = Reading()
    address = read.text("address", required=True)
    read.check()
    deliver.clear_address(connection(), address, current_user().name)
    flash("Letters go to that address again. Those that failed are not sent by themselves.", "success")
    return redirect(url_for(".listed"), code=303)

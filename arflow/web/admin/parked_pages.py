"""Parked accounts: why each stands still, and trying again."""

from functools import partial

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from arflow import advance
from arflow.reports import parked
from arflow.web.pages import Pages
from arflow.web.paging import paged
from arflow.web.transactions import connection, settings
from arflow.web.visitors import current_user

pages = Pages("parked", __name__, roles={"admin"}, url_prefix="/admin/parked")


@pages.get("/", menu=("Parked", 63))
def listed() -> str:
    """Accounts that stand still."""
    return render_template("admin/parked.html", page=paged(partial(parked.listed, connection())))


@pages.post("/<path:account_id>/retry", again="listed")
def retry(account_id: str) -> ResponseReturnValue:
    """Run a pass over one of them again."""
    advance.retry(connection(), account_id, actor=current_user().name, engineering=settings().engineering)
    if parked.is_parked(connection(), account_id):
        flash(f"{account_id} is still parked.", "warning")
    else:
        flash(f"{account_id} goes on.", "success")
    return redirect(url_for(".listed"), code=303)

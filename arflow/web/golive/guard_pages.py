"""What keeps messages back: a blown fuse, which a lead releases or discards, and payments that are not complete."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from arflow import advance, clock
from arflow.reports import system
from arflow.store import cash, fuse
from arflow.web.forms import Reading
from arflow.web.golive.blueprint import LONGEST_REASON, pages
from arflow.web.transactions import connection
from arflow.web.visitors import current_user


def shown() -> dict[str, object]:
    """What the page of going live says of guards."""
    return {
        "fuses": [(one, system.kept_back(connection(), one.policy)) for one in fuse.blown(connection())],
        "mended": [one for one in reversed(fuse.every(connection())) if one.mended_at is not None][:20],
        "wants_payments": system.payments_age(connection()) is not None,
        "payments": next(reversed(cash.marks(connection())), None),
    }


@pages.post("/fuse/<policy>", again="page")
def mend(policy: str) -> ResponseReturnValue:
    """Release or discard what a blown fuse keeps back."""
    read = Reading()
    decision = read.choice("decision", ("release", "discard"))
    reason = read.text("reason", required=True, longest=LONGEST_REASON)
    read.check()
    is_released = decision == "release"
    actor = current_user().name
    if advance.mend_fuse(connection(), policy, is_released=is_released, actor=actor, reason=reason):
        flash("Released: what waited leaves now." if is_released else "Discarded: what waited never leaves.", "success")
    else:
        flash("Somebody else had put it in again already.", "info")
    return redirect(url_for(".page"), code=303)


@pages.post("/payments", again="page")
def payments() -> ResponseReturnValue:
    """Say that every payment is recorded, through a date or until now."""
    read = Reading()
    through = read.day_if_any("through")
    if through is not None and not clock.read(connection()).has_begun(through):
        read.refuse("through", "this date is still to come")
    read.check()
    advance.complete_payments(connection(), actor=current_user().name, through=through)
    flash("Noted. What waited for it leaves now.", "success")
    return redirect(url_for(".page"), code=303)

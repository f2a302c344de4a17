"""What keeps messages back: a blown fuse, which a lead releases or discards, and payments that are not complete."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from arflow import advance, clock
from arflow.errors import Conflict
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
        "payments_seen": cash.latest(connection()),
    }


@pages.post("/fuse/<policy>", again="page")
def mend(policy: str) -> ResponseReturnValue:
    """Release or discard what a blown fuse keeps back."""
    read = Reading()
    decision, seen = read.choice("decision", ("release", "discard")), read.text("seen")
    reason = read.text("reason", required=True, longest=LONGEST_REASON)
    read.check()
    _require_same_fuse(policy, seen)
    is_released = decision == "release"
    actor = current_user().name
    if advance.mend_fuse(connection(), policy, is_released=is_released, actor=actor, reason=reason):
        flash("Released: what waited leaves now." if is_released else "Discarded: what waited never leaves.", "success")
    else:
        flash("Somebody else had put it in again already.", "info")
    return redirect(url_for(".page"), code=303)


def _require_same_fuse(policy: str, seen: str) -> None:
    """Raise Conflict when another storm waits by now than the one that was looked at: a form may be sent again."""
    if any(one.policy == policy and str(one.id) != seen for one in fuse.blown(connection())):
        raise Conflict(
            "this fuse has blown again since you opened this page; look at what waits now, then send yours again"
        )


@pages.post("/payments", again="page")
def payments() -> ResponseReturnValue:
    """Say that every payment is recorded, through a date or until now."""
    read = Reading()
    through, seen = read.day_if_any("through"), read.text("seen")
    if through is not None and not clock.read(connection()).has_begun(through):
        read.refuse("through", "this date is still to come")
    read.check()
    cash.let_nobody_note(connection())
    _require_last_word(seen)
    advance.complete_payments(connection(), actor=current_user().name, through=through)
    flash("Noted. What waited for it leaves now.", "success")
    return redirect(url_for(".page"), code=303)


def _require_last_word(seen: str) -> None:
    """Raise Conflict when payments were said to be complete since: sent again, a form would vouch for later ones."""
    latest = cash.latest(connection())
    if latest is not None and str(latest) != seen:
        raise Conflict(
            "since you opened this page it was said already that payments are complete; it says above until when. "
            "Send yours again only if it holds now"
        )

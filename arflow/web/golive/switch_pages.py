"""The page of going live, and the switch: off is one click, at once, for everything; on needs a reason."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from arflow import advance
from arflow.reports import beginnings, days
from arflow.store import switch
from arflow.web.carried import local_path
from arflow.web.forms import Reading
from arflow.web.golive import guard_pages, looking
from arflow.web.golive.blueprint import LONGEST_REASON, pages
from arflow.web.golive.forecast_pages import shown
from arflow.web.transactions import connection, settings
from arflow.web.visitors import current_user

_LONGEST_NUMBER = 18


@pages.get("/", menu=("Go-live", 40))
def page() -> str:
    """Whether anything leaves, what would, and where old debts begin."""
    turns = switch.turns(connection())
    return render_template(
        "golive/page.html",
        turns=turns,
        last=next(iter(turns), None),
        is_on=switch.is_on(connection()),
        to_hand_over=beginnings.messages_to_hand_over(connection()),
        without_policy=beginnings.without_policy(connection()),
        without_people=beginnings.without_people(connection()),
        begin_in=[str(state) for state in beginnings.BEGIN_IN],
        today=days.today(connection()),
        **guard_pages.shown(),
        **shown(looking.look(connection(), settings().engineering)),
    )


@pages.post("/off", again="page")
def off() -> ResponseReturnValue:
    """Nothing leaves any more, from now on; goes back to the page whose button it was."""
    reason = Reading().text("reason", longest=LONGEST_REASON) or "turned off at once"
    _turn(is_on=False, reason=reason, said="Delivery is off. Nothing leaves any more.")
    return redirect(local_path(request.form.get("there") or url_for(".page")), code=303)


@pages.post("/on", again="page")
def on() -> ResponseReturnValue:
    """Let messages and calls leave."""
    read = Reading()
    reason, seen = read.text("reason", required=True, longest=LONGEST_REASON), read.text("seen")
    read.check()
    _turn(is_on=True, reason=reason, said="Delivery is on. What is due today leaves now.", seen=_number(seen))
    return redirect(url_for(".page"), code=303)


def _number(seen: str) -> int:
    """The turn that a form has seen; none where it says none."""
    return int(seen) if seen.isascii() and seen.isdigit() and len(seen) <= _LONGEST_NUMBER else 0


def _turn(*, is_on: bool, reason: str, said: str, seen: int | None = None) -> None:
    is_changed = advance.turn_delivery(connection(), is_on=is_on, actor=current_user().name, reason=reason, seen=seen)
    flash(said if is_changed else "Somebody else had done that already.", "success" if is_changed else "info")

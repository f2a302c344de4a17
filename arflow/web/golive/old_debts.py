"""Before go-live: debts older than a day begin in a state of somebody's choice, without any message; counted first."""

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from arflow import advance
from arflow.errors import Refused, did_you_mean
from arflow.isodates import read_date
from arflow.life.life import GO_LIVE
from arflow.life.records import EntryKind
from arflow.reports import beginnings, days
from arflow.reports.beginnings import BEGIN_IN
from arflow.store import accounts, switch
from arflow.vocabulary import State
from arflow.web.forms import Reading
from arflow.web.golive.blueprint import LONGEST_REASON, pages
from arflow.web.leads import asked
from arflow.web.transactions import connection, settings
from arflow.web.visitors import current_user

SECONDS = 20.0
"""How long one click works; what is left then waits for the next."""

BATCH = 100
"""How many accounts one transaction takes."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Debts due before `older_than` begin in `to`."""

    older_than: dt.date
    to: State


@pages.get("/old-debts")
def choose() -> ResponseReturnValue:
    """From the form of the go-live page to what its choice is about."""
    chosen = _choice(asked.day_if_any("older_than"), request.args.get("state", ""))
    return redirect(url_for(".preview", older_than=chosen.older_than, state=chosen.to))


@pages.get("/old-debts/<older_than>/<state>")
def preview(older_than: str, state: str) -> str:
    """How many accounts, and how much money, a choice is about."""
    return _preview(_choice(read_date(older_than), state))


def _preview(chosen: Choice, reason: str = "") -> str:
    """The page of a choice, with a `reason` that was given for it already."""
    found = beginnings.old_debts(connection(), days.today(connection()), chosen.older_than, chosen.to)
    can, cannot = [one for one in found if one.has_policy], [one for one in found if not one.has_policy]
    return render_template(
        "golive/old_debts.html",
        chosen=chosen,
        reason=reason,
        can=can,
        cannot=cannot,
        accounts=sum(one.accounts for one in can),
        is_on=switch.is_on(connection()),
    )


@pages.post("/old-debts/<older_than>/<state>", again="preview")
def begin(older_than: str, state: str) -> ResponseReturnValue:
    """Let them begin there: in batches, each in a transaction of its own, until all are done or time is up."""
    chosen, read = _choice(read_date(older_than), state), Reading()
    reason = read.text("reason", required=True, longest=LONGEST_REASON)
    read.check()
    if switch.is_on(connection()):
        raise Refused("delivery is on by now; debts begin somewhere before it is turned on, so turn it off first")
    ids = beginnings.ids_of_old_debts(connection(), days.today(connection()), chosen.older_than, chosen.to)
    placed, left = _place(ids, chosen, reason)
    flash(_said(placed, left, chosen), "warning" if left else "success")
    if left:
        return _preview(chosen, reason)
    return redirect(url_for(".page"), code=303)


def _said(placed: int, left: int, chosen: Choice) -> str:
    done = f"{placed:,} account{'' if placed == 1 else 's'} now begin{'s' if placed == 1 else ''} in {chosen.to}."
    return (
        f"{done} {left:,} {'is' if left == 1 else 'are'} left: press the button again."
        if left
        else f"{done} No message was sent."
    )


def _place(ids: Sequence[str], chosen: Choice, reason: str) -> tuple[int, int]:
    """Place accounts; gives how many were placed, and how many are left."""
    ends = time.monotonic() + SECONDS
    placed = at = 0
    while at < len(ids) and (at == 0 or time.monotonic() < ends):
        batch = ids[at : at + BATCH]
        with settings().engine.begin() as own:
            accounts.lock(own, batch)
            here = beginnings.still_below(own, batch, chosen.to)
            done = advance.place(
                own, here, chosen.to, actor=current_user().name, reason=reason, engineering=settings().engineering
            )
        placed += sum(entry.kind is EntryKind.STEP and entry.cause == GO_LIVE for entry in done.entries)
        at += len(batch)
    return placed, len(ids) - at


def _choice(older_than: dt.date | None, state: str) -> Choice:
    if older_than is None:
        raise Refused("say how old: a date before which the debts were due")
    if state not in [str(known) for known in BEGIN_IN]:
        raise Refused(f"`{state[:40]}` is no state that old debts begin in{did_you_mean(state, BEGIN_IN)}")
    return Choice(older_than=older_than, to=State(state))

"""The forms of what customers say: calls, promises and disputes."""

import datetime as dt
from collections.abc import Sequence

from flask.typing import ResponseReturnValue

from arflow.desk import actions, brief, outcomes, reasons, tasks
from arflow.desk.actions import Content, Doing, FollowUp
from arflow.outlook import Outlook
from arflow.vocabulary import OUTCOMES
from arflow.web.callers.blueprint import done, form_of, look, pages, require_seen
from arflow.web.forms import Reading
from arflow.web.visitors import current_user

__all__ = ["pages"]

_NEXT = ("follow_up", "promise", "dispute", "none")
_IMPLIES = {"promised": "promise", "disputes": "dispute"}
"""What comes next after these outcomes, whatever else was chosen."""


@form_of("call")
def call(account_id: str) -> ResponseReturnValue:
    """A call, with what was agreed in it."""
    one, read = look(account_id), Reading()
    outcome = read.choice("outcome", OUTCOMES)
    direction = read.choice("direction", ("out", "in"))
    spoke_to, text = read.text("spoke_to", longest=200), read.text("text")
    follows = read.choice("next", _NEXT, required=outcome not in _IMPLIES)
    follows = _implied(read, outcome, follows)
    agreed, follow_up = _agreed(read, one, follows), _follow_up(read, one, follows, outcome)
    if follows == "none" and outcome not in outcomes.TERMINAL:
        read.refuse("next", "something comes next after this outcome; plan at least a follow-up")
    read.check()
    with read.beside("next"):
        doing = actions.call(
            outcome=outcome, direction=direction, spoke_to=spoke_to, text=text, agreed=agreed, follow_up=follow_up
        )
    read.check()
    planned = " Nothing is planned." if follows == "none" else ""
    return done(one, doing, read, f"Call recorded: {outcomes.label(outcome).lower()}.{planned}")


def _implied(read: Reading, outcome: str, follows: str) -> str:
    """What comes next after the outcome: the follow-up that the form offers is not planned where nobody calls again."""
    if follows == "follow_up" and outcome in outcomes.TERMINAL and not read.text("follow_up_text"):
        return "none"
    return _IMPLIES.get(outcome, follows)


def _agreed(read: Reading, one: Outlook, follows: str) -> list[Content]:
    found = {"promise": promised, "dispute": disputed}
    return found[follows](read, one) if follows in found else []


def _follow_up(read: Reading, one: Outlook, follows: str, outcome: str) -> FollowUp | None:
    if follows == "dispute":
        return looking_into(read, one)
    if follows != "follow_up":
        return None
    day = planned_day(read, "follow_up_on", one.today)
    text = read.text("follow_up_text", longest=tasks.LONGEST_TEXT) or outcomes.usually_next(outcome)
    return FollowUp(due_on=day, text=text, clock=read.clock_if_any("follow_up_clock"))


def planned_day(read: Reading, name: str, today: dt.date) -> dt.date:
    """A day on which something is planned."""
    day = read.day(name)
    with read.beside(name):
        tasks.check_day(day, today)
    return day


def promised(read: Reading, one: Outlook) -> list[Content]:
    """The promise that a form holds, with the end of those that it takes the place of; nothing where it is mistyped."""
    require_seen(read, one)
    amount = read.amount("promise_amount", one.account.currency)
    due = read.day("promise_due")
    invoices = read.choices("promise_invoices", one.account.book.invoices)
    with read.beside("promise_due"):
        actions.check_promised_day(due, one.today, by_lead=current_user().is_any_of("lead", "admin"))
    still_open = {verdict.promise.id: verdict for verdict in brief.promises(one.seen).open}
    replaced = read.choices("promise_replaces", still_open)
    waiting = [verdict for key, verdict in still_open.items() if key not in replaced]
    found = [content for key in replaced if key in still_open for content in _cancelled(one, key)]
    with read.beside("promise_amount"):
        found.append(actions.promise(one.account, amount=amount, due=due, invoices=invoices, waiting=waiting))
    return found


def _cancelled(one: Outlook, key: str) -> Sequence[Content]:
    return actions.promise_cancelled(one.account, key).contents


def disputed(read: Reading, one: Outlook) -> list[Content]:
    """The dispute that a form holds, nothing where it is mistyped."""
    require_seen(read, one)
    with read.beside("dispute_invoice"):
        actions.check_own_invoices(one.account)
    invoice = read.choice("dispute_invoice", one.account.ledger.invoices)
    code = read.choice("dispute_code", reasons.LABELS)
    amount = read.amount("dispute_amount", one.account.currency) if read.text("dispute_amount") else None
    text = read.text("dispute_text", longest=actions.LONGEST_REASON)
    found: list[Content] = []
    if not invoice or not code:
        return found
    with read.beside("dispute_invoice" if amount is None else "dispute_amount"):
        found.append(actions.dispute(one.account, invoice=invoice, amount=amount, code=code, text=text))
    return found


def looking_into(read: Reading, one: Outlook) -> FollowUp | None:
    """By when somebody looks into the dispute that a form holds; None where that is left empty."""
    invoice = read.text("dispute_invoice")
    if not read.text("dispute_by") or not invoice:
        return None
    return FollowUp(due_on=planned_day(read, "dispute_by", one.today), text=tasks.looking_into(invoice))


@form_of("promise")
def promise(account_id: str) -> ResponseReturnValue:
    """A promise that did not come in a call."""
    one, read = look(account_id), Reading()
    contents, text = promised(read, one), read.text("text")
    read.check()
    return done(one, Doing(contents=tuple(contents), note=text), read, "Promise recorded.")


@form_of("promise-cancelled")
def promise_cancelled(account_id: str) -> ResponseReturnValue:
    """A promise that no longer holds."""
    one, read = look(account_id), Reading()
    doing = actions.promise_cancelled(one.account, read.text("promise"))
    return done(one, doing, read, "Promise cancelled.")


@form_of("dispute")
def dispute(account_id: str) -> ResponseReturnValue:
    """A dispute that did not come in a call."""
    one, read = look(account_id), Reading()
    contents, follow_up = disputed(read, one), looking_into(read, one)
    read.check()
    return done(one, Doing(contents=tuple(contents), follow_up=follow_up), read, "Dispute recorded.")


@form_of("dispute-closed", roles={"lead", "admin"})
def dispute_closed(account_id: str) -> ResponseReturnValue:
    """The end of a dispute; a credit is money, so leads decide."""
    one, read = look(account_id), Reading()
    outcome = read.choice("outcome", actions.CLOSINGS)
    credit = read.amount("credit", one.account.currency) if read.text("credit") else None
    read.check()
    with read.beside("credit"):
        doing = actions.dispute_closed(one.account, read.text("dispute"), outcome=outcome, credit=credit)
    read.check()
    return done(one, doing, read, "Dispute closed.")

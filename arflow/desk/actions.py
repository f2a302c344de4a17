"""What people's forms mean: the events that are recorded, and what goes with them. Nothing is written here.

Each function refuses what makes no sense for the account as it stands; the one door (`arflow.advance.record`) then
refuses what contradicts its books. `arflow.recording` carries a Doing out.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from arflow import money
from arflow.accounts.entries import Account
from arflow.accounts.promises import Verdict
from arflow.desk import notes, outcomes, reasons, tasks, wording
from arflow.desk.users import User
from arflow.errors import Refused
from arflow.vocabulary import OUTCOMES, State

Content = Mapping[str, object]
"""An event as the contract writes it, without its account, date and time."""

LONGEST_REASON = 500
CLOSINGS = ("upheld", "partly_upheld", "rejected", "withdrawn")
PROMISED_TO_CALLERS = dt.timedelta(days=90)
"""How far ahead a promise may be that a caller records: while it is open, nobody asks for the money."""

BACK_TO = (State.CALLED, State.REMINDED)
"""Where an escalated account is taken back to."""

TELLS_OF_ESCALATION = "lead"
"""The role that is told of an escalated account when no rule says whose it is."""

_OURS = "desk-"


@dataclass(frozen=True, kw_only=True)
class FollowUp:
    """What is to be done next, and when: at `clock` of the customer's time, if a time was agreed."""

    due_on: dt.date
    text: str
    clock: dt.time | None = None


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What somebody is to look at from now on: a person, a queue or a role."""

    to: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Doing:
    """What a form comes to: events, kinds of events of a later date that it takes back, a note, a follow-up, a notice.

    The note is about the first event, if there is any. `settles_follow_ups`: a call, with which those are done that
    were due and seen, but for that of a dispute.
    """

    contents: tuple[Content, ...] = ()
    withdraws: tuple[str, ...] = ()
    note: str = ""
    follow_up: FollowUp | None = None
    notice: Notice | None = None
    settles_follow_ups: bool = False


# --- calls ------------------------------------------------------------------------------------------------------------


def call(
    *,
    outcome: str,
    direction: str,
    spoke_to: str = "",
    text: str = "",
    agreed: Sequence[Content] = (),
    follow_up: FollowUp | None = None,
) -> Doing:
    """A call that was made or taken, with what was agreed in it. Raises Refused when nobody knows what comes next."""
    if outcome not in OUTCOMES:
        raise Refused(f"`{outcome[:40]}` is no outcome of a call")
    if not agreed and follow_up is None and outcome not in outcomes.TERMINAL:
        raise Refused("say what comes next: a follow-up, a promise or a dispute")
    contact: Content = {"event": "contact", "channel": "call", "direction": direction, "outcome": outcome}
    flags = [tag(outcomes.FLAGS[outcome])] if outcome in outcomes.FLAGS else []
    return Doing(
        contents=(contact, *agreed, *flags),
        note=_with_person(spoke_to, text),
        follow_up=follow_up,
        settles_follow_ups=True,
    )


def _with_person(spoke_to: str, text: str) -> str:
    said = f"Spoke to {spoke_to}. {text}".strip() if spoke_to else text
    if len(said) > notes.LONGEST:
        raise Refused(f"the note and the name together have at most {notes.LONGEST} characters")
    return said


# --- promises and disputes --------------------------------------------------------------------------------------------


def check_promised_day(due: dt.date, today: dt.date, *, by_lead: bool) -> None:
    """Raise Refused for a day by which nobody can promise to pay, or that is for a lead to agree to."""
    if due < today:
        raise Refused(f"{wording.day(due)} is in the past; today is {wording.day(today)} there")
    if due > today + tasks.FURTHEST:
        raise Refused(f"{wording.day(due)} is too far ahead to be a promise")
    if due > today + PROMISED_TO_CALLERS and not by_lead:
        raise Refused(f"a promise later than {wording.day(today + PROMISED_TO_CALLERS)} is for a lead to record")


def promise(
    account: Account, *, amount: int, due: dt.date, invoices: Sequence[str] = (), waiting: Sequence[Verdict] = ()
) -> Content:
    """A promise of `amount` minor units by `due`, for some invoices or for whatever is oldest.

    Raises Refused when it is more than is open there and not promised by `waiting`, the open promises that stay: a
    payment counts once, so the later of two promises of the same money would be broken by who keeps the earlier.
    """
    if amount <= 0:
        raise Refused("a promise is of more than nothing")
    if unknown := [key for key in invoices if key not in account.book.invoices]:
        raise Refused(f"there is no invoice `{unknown[0][:80]}` here")
    free = promisable(account, invoices, waiting)
    if amount > free:
        where = "of these invoices" if invoices else "on the account"
        if not free and waiting:
            raise Refused(
                f"all that is open {where} is promised already; say which promise this one takes the place of"
            )
        also = " and not promised yet" if free < _open(account, invoices) else ""
        raise Refused(f"only {wording.amount(free, account.currency)} is open {where}{also}")
    content: Content = {
        "event": "promise",
        "id": _new_id(account.promises),
        "amount": money.show(amount, account.currency),
        "due": due.isoformat(),
    }
    return {**content, "invoices": list(invoices)} if invoices else content


def promisable(account: Account, invoices: Sequence[str], waiting: Sequence[Verdict]) -> int:
    """What is open of some invoices, or of all, less what open promises take of it in any case.

    A promise that names no invoices, or others too, may be kept with those; of all that is open it takes its part.
    """
    inside = [one for one in waiting if one.promise.invoices and set(one.promise.invoices) <= set(invoices)]
    on_account = _open(account, ()) - _taken(account, waiting)
    return max(0, min(on_account, _open(account, invoices) - _taken(account, inside)) if invoices else on_account)


def _taken(account: Account, waiting: Sequence[Verdict]) -> int:
    return sum(min(one.outstanding, _open(account, one.promise.invoices)) for one in waiting)


def _open(account: Account, invoices: Sequence[str]) -> int:
    """What is open of some invoices, or of all."""
    return sum(item.open for item in account.book.open_items if not invoices or item.invoice in invoices)


def _new_id(known: Collection[str]) -> str:
    """An id of ours that is not taken."""
    number = len(known) + 1
    while f"{_OURS}{number}" in known:
        number += 1
    return f"{_OURS}{number}"


def promise_cancelled(account: Account, key: str) -> Doing:
    """A promise that no longer holds, because both sides say so."""
    found = account.promises.get(key)
    if found is None or found.cancelled is not None:
        raise Refused("this promise is cancelled already, or was never there")
    return Doing(contents=({"event": "promise_cancelled", "id": key},))


def check_own_invoices(account: Account) -> None:
    """Raise Refused for an account whose invoices are another's: there disputes are recorded."""
    if account.pays_through:
        raise Refused(f"its invoices are those of account `{account.pays_through}`; record the dispute there")


def dispute(account: Account, *, invoice: str, amount: int | None, code: str, text: str) -> Content:
    """The customer contests an invoice, or `amount` minor units of it. Raises Refused when nothing of it is open."""
    check_own_invoices(account)
    if invoice not in account.ledger.invoices:
        raise Refused(f"there is no invoice `{invoice[:80]}` here")
    still_open = account.ledger.invoices[invoice].open
    if not still_open:
        raise Refused(f"nothing of invoice `{invoice}` is open any more")
    if any(other.invoice == invoice and other.amount is None for other in account.ledger.open_disputes):
        raise Refused(f"all of invoice `{invoice}` is in dispute already")
    if code not in reasons.LABELS:
        raise Refused("choose what is wrong with it")
    content = {
        "event": "dispute",
        "id": _new_id(account.ledger.disputes),
        "invoice": invoice,
        "reason": reasons.reason(code, text),
    }
    if amount is None:
        return content
    if not 0 < amount <= still_open:
        raise Refused(
            f"type more than nothing, and at most {wording.amount(still_open, account.currency)}: that is open of it"
        )
    return content | {"amount": money.show(amount, account.currency)}


def dispute_closed(account: Account, key: str, *, outcome: str, credit: int | None) -> Doing:
    """A dispute that is settled; `credit` belongs to `partly_upheld` and to nothing else."""
    found = account.ledger.disputes.get(key)
    if found is None or found.closed_on is not None:
        raise Refused("this dispute is closed already, or was never there")
    if outcome not in CLOSINGS:
        raise Refused("choose how it was settled")
    if outcome == "partly_upheld" and credit is None:
        raise Refused("type the amount to credit: a dispute is partly upheld by a credit")
    if outcome != "partly_upheld" and credit is not None:
        raise Refused("leave it empty: an amount is credited only to a dispute that is partly upheld")
    content: Content = {"event": "dispute_closed", "id": key, "outcome": outcome}
    if credit is None:
        return Doing(contents=(content,))
    still_open = account.ledger.invoices[found.invoice].open
    most = still_open if found.amount is None else min(found.amount, still_open)
    if not 0 < credit <= most:
        raise Refused(f"at most {wording.amount(most, account.currency)} of it is in dispute and open")
    return Doing(contents=({**content, "credit": money.show(credit, account.currency)},))


# --- holds, escalation, tags, owners ----------------------------------------------------------------------------------


def hold(*, until: dt.date, reason: str, today: dt.date) -> Doing:
    """No harsher step and no letter or call until the morning of `until`; an earlier end that was set is withdrawn."""
    if until <= today:
        raise Refused(f"a hold ends on a later day than today, {wording.day(today)}")
    if until > today + tasks.FURTHEST:
        raise Refused("a hold lasts at most two years")
    _need(reason)
    ends: Content = {"event": "hold_released", "date": until.isoformat(), "reason": f"end of the hold: {reason}"}
    return Doing(contents=({"event": "hold", "reason": reason}, ends), withdraws=("hold_released",))


def release(account: Account, reason: str) -> Doing:
    """The end of a hold, now."""
    if not account.on_hold:
        raise Refused("the account is not on hold any more")
    content: Content = {"event": "hold_released", "reason": reason or "ended by hand"}
    return Doing(contents=(content,), withdraws=("hold_released",))


def escalate(account: Account, *, reason: str, by: User, senior: str = "") -> Doing:
    """To a senior, by hand: it becomes theirs, and stands on their list as due; without a `senior` the leads are told.

    It is given to them before it is moved, so that who escalated it can still mend that (`access.require`).
    """
    if account.state is State.ESCALATED:
        raise Refused("the account is escalated already")
    moved = _forced(State.ESCALATED, reason, by.name)
    given: list[Content] = [{"event": "account", "owner": senior}] if senior not in ("", account.owner) else []
    told = Notice(to=senior or TELLS_OF_ESCALATION, text=f"{by.shown} has escalated it: {reason}")
    return replace(moved, contents=(*given, *moved.contents), notice=told)


def take_back(account: Account, *, to: str, reason: str, actor: str) -> Doing:
    """From a senior back to the ladder, by hand."""
    if account.state is not State.ESCALATED:
        raise Refused("the account is not escalated any more")
    if to not in BACK_TO:
        raise Refused("choose where it goes back to")
    return _forced(State(to), reason, actor)


def _forced(to: State, reason: str, actor: str) -> Doing:
    _need(reason)
    return Doing(contents=({"event": "forced", "to": to.value, "actor": actor, "reason": reason},))


def _need(reason: str) -> None:
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Refused(f"a reason of 1 to {LONGEST_REASON} characters is needed")


def tag(name: str) -> Content:
    """Put a tag on."""
    return {"event": "tag", "tag": name}


def untag(account: Account, name: str) -> Doing:
    """Take a tag off."""
    if name not in account.tags:
        raise Refused("the tag has been taken off already")
    return Doing(contents=({"event": "untag", "tag": name},))

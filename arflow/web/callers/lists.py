"""Lists of accounts: one's own, all, those that nobody has, and what a search finds."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from arflow import clock, explain, outlook, recording
from arflow.clock import Now
from arflow.desk import access, assignments, brief, tasks, wording, worklist
from arflow.desk.tasks import Task
from arflow.desk.worklist import Place, Which, Worklist
from arflow.outlook import Outlook
from arflow.web.forms import Reading
from arflow.web.pages import Pages
from arflow.web.paging import paged
from arflow.web.transactions import connection, settings
from arflow.web.visitors import current_user

pages = Pages("lists", __name__, roles={"caller", "lead", "admin"})

SIZE = 25
MOST_AT_ONCE = 100
MOST_PLANNED = 50
"""How many follow-ups that are still to come one sees; the next come first."""
_LEADS = {"lead", "admin"}
_NARROWS = ("owner", "nobody", "overdue", "currency")
"""What an address says of the accounts of a list."""

_CONDITIONS: Mapping[str, str] = MappingProxyType({"nobody": "without an owner", "overdue": "with something overdue"})
"""Those that are there or not, and what they say."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """An account on a list: its place there, its outlook, tasks that are due, what was promised, what comes next."""

    place: Place | None
    one: Outlook
    tasks: Sequence[Task]
    promised_by: dt.date | None
    next: str


@pages.get("/accounts", menu=("My accounts", 10), roles={"caller", "lead"})
def mine() -> str:
    """One's own accounts, what is due first."""
    now = clock.read(connection())
    planned = tasks.planned(connection(), current_user(), now, MOST_PLANNED)
    return _page("callers/mine.html", worklist.mine(current_user(), now), now, planned=planned)


@pages.get("/lists/all", menu=("All accounts", 21), roles=_LEADS)
def everything() -> str:
    """All accounts, or those of one owner or of nobody, or what is overdue of them."""
    now, everybody = clock.read(connection()), assignments.shown_names(connection())
    owner = request.args.get("owner", "")
    which = worklist.owned_by(owner) if owner or _asks("nobody") else worklist.everything()
    if _asks("overdue"):
        which &= worklist.overdue(now.today)
    whose = everybody.get(owner, owner) or ("nobody" if _asks("nobody") else "")
    return _page("callers/all.html", which, now, owner=owner, whose=whose, everybody=everybody)


def _asks(name: str) -> bool:
    """Whether the address has a condition that is there or not."""
    return request.args.get(name) == "1" and not (name == "nobody" and request.args.get("owner"))


def _narrower(currency: str) -> list[tuple[str, Mapping[str, str]]]:
    """What narrows the list besides its owner, each with the address of the list without it."""
    address = {name: value for name in _NARROWS if (value := request.args.get(name))}
    said = {name: words for name, words in _CONDITIONS.items() if _asks(name)} | {"currency": currency}
    return [(said[name], {key: address[key] for key in address if key != name}) for name in said if said[name]]


@pages.get("/lists/unassigned", menu=("Unassigned", 22), roles=_LEADS)
def unassigned() -> str:
    """What nobody who works here has."""
    return _page("callers/unassigned.html", worklist.unassigned(), clock.read(connection()))


@pages.get("/search")
def search() -> ResponseReturnValue:
    """What is found by id, name or invoice number; of one account only, its page at once, with the invoice on top."""
    wanted = request.args.get("q", "")[:200]
    found = worklist.search(connection(), current_user(), wanted)
    if len(found) == 1:
        number = wanted.strip()
        invoice = None if number.lower() in found[0].lower() else number  # a number, or a part of the name
        return redirect(url_for("account.page", account_id=found[0], invoice=invoice), code=303)
    lines = _lines(found, {})
    names = _owners_shown(lines)
    return render_template("callers/found.html", wanted=wanted, lines=lines, names=names, most=worklist.MOST_FOUND)


@pages.post("/lists/all", again="everything", roles=_LEADS)
def assign() -> ResponseReturnValue:
    """Give the chosen accounts to another owner."""
    flash(_assigned(), "success")
    return _same(".everything")


@pages.post("/lists/unassigned", again="unassigned", roles=_LEADS)
def assign_unassigned() -> ResponseReturnValue:
    """Give chosen accounts that nobody has to somebody."""
    flash(_assigned(), "success")
    return _same(".unassigned")


def _same(endpoint: str) -> ResponseReturnValue:
    """The list from which the form was sent, on the page on which it stood."""
    kept: dict[str, Any] = {name: request.args[name] for name in (*_NARROWS, "page") if name in request.args}
    return redirect(url_for(endpoint, **kept), code=303)


def _assigned() -> str:
    read = Reading()
    owner, chosen = read.text("owner", required=True), request.form.getlist("accounts")
    if not 0 < len(chosen) <= MOST_AT_ONCE:
        read.refuse("accounts", f"tick 1 to {MOST_AT_ONCE} accounts")
    with read.beside("owner"):
        assignments.check(connection(), owner)
    read.check()
    ids = sorted(set(chosen))
    for account_id in ids:
        access.require(connection(), current_user(), account_id)
    recording.assign_many(connection(), ids, owner, actor=current_user().name, engineering=settings().engineering)
    shown = assignments.shown_names(connection(), [owner])[owner]
    return f"{len(ids)} account{'s are' if len(ids) > 1 else ' is'} assigned to {shown}."


def _page(template: str, which: Which, now: Now, **values: object) -> str:
    currency, found = request.args.get("currency", ""), Worklist(places=(), currencies=())

    def read(offset: int, limit: int) -> Sequence[Place]:
        nonlocal found
        found = _found(which, now, currency, offset, limit)
        return found.places

    shown = paged(read, SIZE)
    narrowed_to = currency if currency in found.currencies else ""
    lines = _lines([place.account for place in shown.rows], {place.account: place for place in shown.rows})
    return render_template(
        template,
        page=shown,
        lines=lines,
        currencies=found.currencies,
        currency=narrowed_to,
        narrower=_narrower(narrowed_to),
        names=_owners_shown(lines),
        assignees=assignments.assignees(connection()) if current_user().is_any_of(*_LEADS) else [],
        **values,
    )


def _owners_shown(lines: Sequence[Line]) -> Mapping[str, str]:
    """What the owners on a list are called."""
    return assignments.shown_names(connection(), (line.one.account.owner for line in lines))


def _found(which: Which, now: Now, currency: str, offset: int, limit: int) -> Worklist:
    """What a list has in `currency`; all of it when it has nothing in that."""
    read = partial(worklist.page, connection(), current_user(), which, now, offset=offset, limit=limit)
    found = read(currency=currency)
    return read(currency="") if currency and currency not in found.currencies else found


def _lines(ids: Sequence[str], places: dict[str, Place]) -> list[Line]:
    """The accounts `ids`, in their order, each with all that a list shows."""
    found = outlook.outlooks(connection(), ids, settings().engineering)
    for key in ids:
        if key not in found:
            flash(f"Account {key} is not shown, because it cannot be read; an admin sees why it is parked.", "error")
    due = tasks.open_of(connection(), ids, current_user())
    return [
        Line(
            place=places.get(key),
            one=found[key],
            tasks=[task for task in due.get(key, ()) if task.due_on <= found[key].today],
            promised_by=next((verdict.promise.due for verdict in brief.promises(found[key].seen).open), None),
            next=_next(found[key]),
        )
        for key in ids
        if key in found
    ]


def _next(one: Outlook) -> str:
    return explain.sentence(one.foresee(), one.account.currency, wording.amount).removeprefix("next: ")

"""Lists of accounts: one's own, all, those that nobody has, and what a search finds."""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from arflow import clock, explain, outlook, recording
from arflow.clock import Now
from arflow.desk import access, assignments, brief, risk, searching, tasks, wording, worklist
from arflow.desk.tasks import Task
from arflow.desk.users import User
from arflow.desk.worklist import Place, Which, Worklist
from arflow.outlook import Outlook
from arflow.recording import Assigned
from arflow.reports.blocks import Blocks
from arflow.vocabulary import Facts
from arflow.web.forms import Reading
from arflow.web.pages import Pages
from arflow.web.paging import address, paged
from arflow.web.transactions import connection, settings
from arflow.web.visitors import current_user

pages = Pages("lists", __name__, roles={"caller", "lead", "admin"})

SIZE = 25
MOST_AT_ONCE = 100
MOST_NAMED = 10
"""How many accounts that were not assigned are named."""
MOST_PLANNED = 50
"""How many follow-ups that are still to come one sees; the next come first."""
_LEADS = {"lead", "admin"}
_NARROWS = ("owner", "nobody", "overdue", "currency")
"""What an address says of the accounts of a list."""

_CONDITIONS: Mapping[str, str] = MappingProxyType({"nobody": "without an owner", "overdue": "with something overdue"})
"""Those that are there or not, and what they say."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """An account on a list: its place there, its outlook, tasks that are due, what was promised, what comes next.

    `at_risk`: what of its collectible amount is likely never to come, in minor units.
    """

    place: Place | None
    one: Outlook
    tasks: Sequence[Task]
    promised_by: dt.date | None
    at_risk: int
    next: str


@pages.get("/accounts", menu=("My accounts", 10), roles={"caller", "lead"})
def mine() -> str:
    """One's own accounts, what is due first."""
    now = clock.read(connection())
    planned = tasks.planned(connection(), current_user(), now, MOST_PLANNED)
    return _page("callers/mine.html", worklist.mine(current_user(), now), now, planned=planned)


@pages.get("/lists/next", roles={"caller", "lead"})
def following() -> ResponseReturnValue:
    """The account of one's own list that comes after another one; the list, when that was the last."""
    found = worklist.after(connection(), current_user(), clock.read(connection()), request.args.get("after", ""))
    if found is None:
        flash("That was the last of your list.", "info")
        return redirect(url_for(".mine"), code=303)
    return redirect(url_for("account.page", account_id=found), code=303)


@pages.get("/lists/all", menu=("All accounts", 21), roles=_LEADS)
def everything() -> str | tuple[str, HTTPStatus]:
    """All accounts, or those of one owner or of nobody, or what is overdue of them; 202 while they are put in order."""
    now, everybody = clock.read(connection()), assignments.shown_names(connection())
    owner = request.args.get("owner", "")
    of_all, is_overdue = not owner and not _asks("nobody"), _asks("overdue")
    which = worklist.everything() if of_all else worklist.owned_by(owner)
    read = (
        partial(_whole_shown, is_overdue=is_overdue)
        if of_all
        else _reading(_narrowed(which, now, is_overdue=is_overdue), now)
    )
    whose = everybody.get(owner, owner) or ("nobody" if _asks("nobody") else "")
    try:
        return _listed("callers/all.html", read, owner=owner, whose=whose, everybody=everybody)
    except _Underway:
        return render_template("callers/adding_up.html", title="All accounts"), HTTPStatus.ACCEPTED


class _Underway(Exception):
    """The list of a large company is still being put in order."""


@dataclass(frozen=True, kw_only=True)
class _Whole:
    """All accounts, or what is overdue of them, as somebody sees them."""

    user: User
    is_overdue: bool
    currency: str


def _narrowed(which: Which, now: Now, *, is_overdue: bool) -> Which:
    return which & worklist.overdue(now.today) if is_overdue else which


def _put_in_order(connection: Connection, whole: _Whole, offset: int, limit: int) -> Worklist:
    now = clock.read(connection)
    which = _narrowed(worklist.everything(), now, is_overdue=whole.is_overdue)
    return worklist.page(connection, whole.user, which, now, currency=whole.currency, offset=offset, limit=limit)


_of_all = Blocks(_put_in_order)


def _whole_shown(currency: str, offset: int, limit: int, *, is_overdue: bool) -> tuple[Worklist, float]:
    """A part of all accounts, and how many seconds ago that was their order. Raises _Underway while nobody knows it."""
    whole = _Whole(user=current_user(), is_overdue=is_overdue, currency=currency)
    part = _of_all.ask(connection(), whole, offset, limit)
    if part is None:
        raise _Underway
    return replace(part.block, places=part.block.places[part.place :][:limit]), part.age


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
    """What is found by id, name, invoice or contact; of one account only, its page at once, with the invoice on top."""
    wanted = request.args.get("q", "")[:200]
    found = searching.search(connection(), current_user(), wanted)
    if len(found) == 1:
        invoice = searching.invoice_in(connection(), found[0], wanted)
        return redirect(url_for("account.page", account_id=found[0], invoice=invoice), code=303)
    lines = _lines(found, {})
    names = _owners_shown(lines)
    return render_template("callers/found.html", wanted=wanted, lines=lines, names=names, most=searching.MOST_FOUND)


@pages.post("/lists/all", again="everything", roles=_LEADS)
def assign() -> ResponseReturnValue:
    """Give the chosen accounts to another owner."""
    _assign_ticked()
    return _same(".everything")


@pages.post("/lists/unassigned", again="unassigned", roles=_LEADS)
def assign_unassigned() -> ResponseReturnValue:
    """Give chosen accounts that nobody has to somebody."""
    _assign_ticked()
    return _same(".unassigned")


def _same(endpoint: str) -> ResponseReturnValue:
    """The list from which the form was sent, on the page on which it stood."""
    kept: dict[str, Any] = {name: request.args[name] for name in (*_NARROWS, "many", "page") if name in request.args}
    return redirect(url_for(endpoint, **kept), code=303)


def _assign_ticked() -> None:
    """Give the ticked accounts to the chosen owner, and say what became of them."""
    read = Reading()
    owner, chosen = read.text("owner", required=True), request.form.getlist("accounts")
    if not 0 < len(chosen) <= MOST_AT_ONCE:
        read.refuse("accounts", f"tick 1 to {MOST_AT_ONCE} accounts")
    with read.beside("owner"):
        assignments.check(connection(), owner)
    read.check()
    seen = _owners_seen()
    for account_id in (ids := sorted(set(chosen))):
        access.require(connection(), current_user(), account_id)
    done = recording.assign_many(
        connection(),
        {key: seen.get(key) for key in ids},
        owner,
        actor=current_user().name,
        engineering=settings().engineering,
    )
    _say_assigned(done, owner)


def _owners_seen() -> Mapping[str, str]:
    """Whose each account was on the list that the form stood on, as the form says; nothing where it says nonsense."""
    try:
        said = json.loads(request.form.get("seen", ""))
    except (ValueError, RecursionError):
        return {}
    return {key: owner for key, owner in said.items() if isinstance(owner, str)} if isinstance(said, dict) else {}


def _say_assigned(done: Assigned, owner: str) -> None:
    names = assignments.shown_names(connection(), {owner, *done.left.values()})
    shown = names[owner]
    if done.given:
        flash(f"{_accounts(len(done.given), 'is', 'are')} assigned to {shown}.", "success")
    if done.already:
        flash(f"{_accounts(len(done.already), 'was', 'were')} assigned to {shown} already.", "info")
    if done.left:
        left = [f"{key} ({names.get(has, has) or 'nobody'})" for key, has in done.left.items()]
        named = ", ".join(left[:MOST_NAMED]) + (" and others" if len(left) > MOST_NAMED else "")
        why = "because somebody has changed the owner since you opened the list"
        flash(f"{_accounts(len(left), 'is', 'are')} left as before, {why}: {named}.", "warning")


def _accounts(number: int, one: str, many: str) -> str:
    return f"{number} account {one}" if number == 1 else f"{number} accounts {many}"


Read = Callable[[str, int, int], tuple[Worklist, float]]
"""Reads a part of a list, by currency, offset and limit; gives with it how many seconds ago it stood so."""


def _reading(which: Which, now: Now) -> Read:
    def read(currency: str, offset: int, limit: int) -> tuple[Worklist, float]:
        user = current_user()
        return worklist.page(connection(), user, which, now, currency=currency, offset=offset, limit=limit), 0.0

    return read


def _page(template: str, which: Which, now: Now, **values: object) -> str:
    return _listed(template, _reading(which, now), **values)


def _listed(template: str, of: Read, **values: object) -> str:
    currency, found, age = request.args.get("currency", ""), Worklist(places=(), currencies=()), 0.0

    def read(offset: int, limit: int) -> Sequence[Place]:
        nonlocal found, age
        found, age = of(currency, offset, limit)
        if currency and currency not in found.currencies:  # all of it, when it has nothing in that
            found, age = of("", offset, limit)
        return found.places

    is_long = request.args.get("many") == "1" and current_user().is_any_of(*_LEADS)
    shown = paged(read, MOST_AT_ONCE if is_long else SIZE)
    narrowed_to = currency if currency in found.currencies else ""
    lines = _lines([place.account for place in shown.rows], {place.account: place for place in shown.rows})
    return render_template(
        template,
        page=shown,
        age=age,
        lines=lines,
        currencies=found.currencies,
        currency=narrowed_to,
        narrower=_narrower(narrowed_to),
        is_long=is_long,
        most_at_once=MOST_AT_ONCE,
        are_ticked=request.args.get("tick") == "all",
        address=address,
        names=_owners_shown(lines),
        assignees=assignments.assignees(connection()) if current_user().is_any_of(*_LEADS) else [],
        **values,
    )


def _owners_shown(lines: Sequence[Line]) -> Mapping[str, str]:
    """What the owners on a list are called."""
    return assignments.shown_names(connection(), (line.one.account.owner for line in lines))


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
            at_risk=_at_risk(found[key].seen.facts),
            next=_next(found[key]),
        )
        for key in ids
        if key in found
    ]


def _at_risk(facts: Facts) -> int:
    return risk.at_risk(facts.overdue_amount, facts.days_overdue, has_broken=facts.broken_promises_90d > 0)


def _next(one: Outlook) -> str:
    return explain.sentence(one.foresee(), one.account.currency, wording.amount).removeprefix("next: ")

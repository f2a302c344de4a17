"""The account's page: everything before a call, everything that may be done, why, and what happened."""

import datetime as dt
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from zoneinfo import ZoneInfo

from flask import g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from arflow import clock, explain, money, outlook
from arflow.desk import actions, assignments, brief, notes, outcomes, reasons, tasks, timeline, wording
from arflow.desk.brief import OpenPart
from arflow.desk.notes import Note
from arflow.desk.tasks import Task
from arflow.desk.timeline import TOPICS, Entry, Mark, View
from arflow.outlook import Outlook
from arflow.rules.calendar import zone_named
from arflow.store import addresses
from arflow.web.callers.blueprint import account_of_form, look, pages, reaches
from arflow.web.forms import Reading, Typed, typed
from arflow.web.paging import paged
from arflow.web.transactions import connection
from arflow.web.visitors import current_user

TIMELINE_SIZE = 25
MOST_ROWS = 100
"""How many invoices and tasks the page shows; the oldest come first."""

_FOLLOW_UP, _LOOK_INTO = dt.timedelta(days=3), dt.timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Changed:
    """What was recorded since somebody opened the account whose form comes too late."""

    entries: Sequence[Entry]
    planned: Sequence[Task] = ()
    is_own: bool = False
    """Whether all that people did of it was done by whoever sends the form, in another window or by a second press."""

    is_repeated: bool = False
    """Whether that says the same as the form: it was sent twice."""

    @property
    def by_people(self) -> bool:
        """Whether somebody did any of it; else it was the ledger or a rule."""
        return bool(self.planned) or any(entry.actor for entry in self.entries)


@pages.get("/<path:account_id>", merge_slashes=False, provide_automatic_options=False)
def page(account_id: str) -> ResponseReturnValue:
    """An account. The address of one of its forms leads to it, unless an account is called so."""
    meant = account_of_form() if request.method == "GET" else None
    if meant is not None and not reaches(account_id):
        return redirect(url_for("account.page", account_id=meant), code=303)
    return _shown(look(account_id))


def _shown(one: Outlook) -> str:
    account_id, number = one.account.id, request.args.get("invoice", "").strip()
    view, topic = view_of(one), request.args.get("topic", "")
    explained = outlook.explained(connection(), one)
    chosen = topic if topic in TOPICS else ""
    contacts = timeline.contacts(connection(), view)
    entries = paged(
        lambda offset, limit: timeline.page(connection(), view, topic=chosen, offset=offset, limit=limit), TIMELINE_SIZE
    )
    written = notes.latest(connection(), account_id)
    open_tasks = tasks.open_of(connection(), [account_id]).get(account_id, [])
    changed = _changed(view, open_tasks)
    told = (*contacts, *entries.rows, *(changed.entries if changed else ()))
    return render_template(
        "callers/account.html",
        one=one,
        account=one.account,
        facts=one.seen.facts,
        parts_open=_asked_first(brief.open_parts(one.account, one.seen), number),
        most=_most_rows(),
        promisable=list(_promisable(one, number)),
        promisable_in_all=sum(1 for invoice in one.account.book.invoices.values() if invoice.open),
        promises=brief.promises(one.seen),
        receipts=brief.receipts(one.account),
        flags=brief.red_flags(one.account, one.seen),
        terms=brief.usual_terms(one.account),
        there=_there(one),
        reaches_payer=one.account.pays_through is not None and reaches(one.account.pays_through),
        explained=explained,
        next_sentence=explain.sentence(explained.next, one.account.currency, wording.amount),
        contacts=contacts,
        written=written,
        refused=addresses.refused(connection(), (person.email for person in one.account.people)),
        tasks=open_tasks,
        may_settle=lambda task: tasks.may_settle(current_user(), task),
        hold_ends=timeline.hold_ends(connection(), account_id),
        mark=timeline.mark(connection(), account_id),
        changed=changed,
        entries=entries,
        topic=chosen,
        topics=TOPICS,
        names=assignments.shown_names(connection(), _named(one, explained, told, written, open_tasks)),
        assignees=assignments.assignees(connection()) if current_user().is_any_of("lead", "admin") else [],
        seniors=assignments.seniors(connection(), one.policy),
        follow_up_on=working_day_in(one, _FOLLOW_UP),
        look_into_by=working_day_in(one, _LOOK_INTO),
        outcomes=outcomes,
        reasons=reasons.LABELS,
        reason_shown=reasons.shown,
        money_text=money.show,
        typed_form=typed(),
        open_hint=_open_hint(one),
    )


def _open_hint(one: Outlook) -> str:
    """How much can be promised."""
    waiting, currency = brief.promises(one.seen).open, one.account.currency
    free = actions.promisable(one.account, (), waiting)
    return f"At most {wording.amount(free, currency)} is open{' and not promised yet' if waiting else ''}."


def _named(
    one: Outlook,
    explained: explain.Explanation,
    told: Iterable[Entry],
    written: Iterable[Note],
    open_tasks: Iterable[Task],
) -> Iterator[str]:
    """The users and queues that the page names."""
    yield one.account.owner
    if explained.decided is not None:
        yield explained.decided.actor
    for entry in told:
        yield entry.actor
        yield from (note.author for note in entry.notes)
    yield from (note.author for note in written)
    yield from (name for task in open_tasks for name in (task.assignee, task.made_by))


def _there(one: Outlook) -> str:
    """What the clock shows where they are; of a stepped clock, which has no hours, the day."""
    now = clock.read(connection()).at
    if now is None:
        return f"It is {one.today:%A}, {wording.day(one.today)} there"
    zone = zone_named(one.account.timezone) or ZoneInfo(one.zone)
    return f"It is {now.astimezone(zone):%A %H:%M} there ({zone})"


def _most_rows() -> int:
    """How many invoices the page shows: all of them where somebody asks for that."""
    return sys.maxsize if request.args.get("invoices") == "all" else MOST_ROWS


def _is_asked(invoice: str, number: str) -> bool:
    """Whether somebody searched for the invoice by its number, or the beginning of it."""
    return bool(number) and invoice.lower().startswith(number.lower())


def _asked_first(parts: Sequence[OpenPart], number: str) -> Sequence[OpenPart]:
    """What is open, with the invoices that somebody searched for before all others."""
    return sorted(parts, key=lambda part: not _is_asked(part.invoice, number))


def _promisable(one: Outlook, number: str) -> Iterator[str]:
    """The invoices that the form of a promise offers: those that the page shows, and what was ticked before."""
    late = typed()
    ticked = late.values.getlist("promise_invoices") if late else []
    open_ones = sorted((one for one in one.account.book.invoices.values() if one.open), key=lambda one: one.last_due)
    for place, invoice in enumerate(open_ones):
        if place < _most_rows() or invoice.id in ticked or _is_asked(invoice.id, number):
            yield invoice.id


def view_of(one: Outlook) -> View:
    """How the timeline of an account is read."""
    return View(
        account=one.account.id,
        currency=one.account.currency,
        zone=one.zone,
        verdicts={verdict.promise.id: verdict for verdict in one.seen.view.promised},
    )


def working_day_in(one: Outlook, days: dt.timedelta) -> dt.date:
    """The day that a form proposes for the next try, or for a dispute: the first working day in so many days."""
    day, calendar = one.today + days, one.life.calendar()
    while not calendar.is_working_day(day):
        day += dt.timedelta(days=1)
    return day


def _changed(view: View, open_tasks: Iterable[Task]) -> Changed | None:
    late = typed()
    if late is None or not late.is_conflict:
        return None
    mark = Mark.of(late.values.get("mark", ""))
    entries = timeline.since(connection(), view, mark) if mark else ()
    planned = [task for task in open_tasks if mark and task.id > mark.task and task.kind == "follow_up"]
    me, people = current_user().name, {entry.actor for entry in entries} | {task.made_by for task in planned}
    own, is_own = [entry for entry in entries if entry.actor == me], me in people and people <= {"", me}
    is_repeated = is_own and _says_the_same(late, own, view.currency)
    changed = Changed(entries=entries, planned=planned, is_own=is_own, is_repeated=is_repeated)
    if changed.is_repeated:  # the form itself must not ask for what would be a second one
        g.typed = replace(late, reason="You have recorded this already; sent again, it is recorded a second time.")
    return changed


_TOPIC_OF: Mapping[str, str] = MappingProxyType(
    {
        "account.call": "calls",
        "account.promise": "promises",
        "account.promise_cancelled": "promises",
        "account.dispute": "disputes",
        "account.dispute_closed": "disputes",
        "account.hold": "holds",
        "account.release": "holds",
        "account.untag": "flags",
        "account.assign": "assignments",
    }
)
"""What a form leaves on the timeline."""


def _says_the_same(late: Typed, own: Sequence[Entry], currency: str) -> bool:
    """Whether what somebody recorded says all that the form says which they sent after it."""
    topics = {entry.topic for entry in own}
    if _TOPIC_OF.get(late.endpoint) not in topics:
        return False
    told = "\n".join(
        text for entry in own for text in (entry.title, entry.body, *(note.text for note in entry.notes))
    ).lower()
    return all(word.lower() in told for word in _words(late, topics, currency))


def _words(late: Typed, topics: Collection[str], currency: str) -> Iterator[str]:
    """What the timeline says of a form. A call's form holds a promise and a dispute even when there is none."""
    read = Reading()
    yield from (read.text(name) for name in ("spoke_to", "text", "reason", "promise", "dispute", "tag", "owner"))
    if late.endpoint == "account.call":
        yield outcomes.label(read.text("outcome"))
    if "promises" in topics and "promise_amount" in late.values:
        yield wording.amount(read.amount("promise_amount", currency), currency)
        yield wording.day(read.day("promise_due"))
    if "disputes" in topics:
        yield from (read.text("dispute_invoice"), read.text("dispute_text"))

"""The account's page: everything before a call, everything that may be done, why, and what happened."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from flask import render_template, request

from arflow import clock, explain, money, outlook
from arflow.desk import assignments, brief, outcomes, reasons, tasks, timeline, wording
from arflow.desk.tasks import Task
from arflow.desk.timeline import TOPICS, Entry, Mark, View
from arflow.outlook import Outlook
from arflow.rules.calendar import zone_named
from arflow.store import addresses
from arflow.web.callers.blueprint import look, pages, reaches
from arflow.web.forms import typed
from arflow.web.paging import paged
from arflow.web.transactions import connection
from arflow.web.visitors import current_user

TIMELINE_SIZE = 25
MOST_ROWS = 100
"""How many invoices and tasks the page shows; the oldest come first."""

_FOLLOW_UP = dt.timedelta(days=3)


@dataclass(frozen=True, kw_only=True)
class Changed:
    """What was recorded since somebody opened the account whose form comes too late."""

    entries: Sequence[Entry]

    @property
    def by_people(self) -> bool:
        """Whether somebody did any of it; else it was the ledger or a rule."""
        return any(entry.actor for entry in self.entries)


@pages.get("/<path:account_id>", merge_slashes=False, provide_automatic_options=False)
def page(account_id: str) -> str:
    """An account."""
    one = look(account_id)
    view, topic = view_of(one), request.args.get("topic", "")
    explained = outlook.explained(connection(), one)
    chosen = topic if topic in TOPICS else ""
    contacts, changed = timeline.contacts(connection(), view), _changed(view)
    entries = paged(
        lambda offset, limit: timeline.page(connection(), view, topic=chosen, offset=offset, limit=limit), TIMELINE_SIZE
    )
    open_tasks = tasks.open_of(connection(), [account_id]).get(account_id, [])
    told = (*contacts, *entries.rows, *(changed.entries if changed else ()))
    return render_template(
        "callers/account.html",
        one=one,
        account=one.account,
        facts=one.seen.facts,
        parts_open=brief.open_parts(one.account, one.seen),
        most=MOST_ROWS,
        promises=brief.promises(one.seen),
        flags=brief.red_flags(one.account, one.seen),
        terms=brief.usual_terms(one.account),
        there=_there(one),
        reaches_payer=one.account.pays_through is not None and reaches(one.account.pays_through),
        explained=explained,
        next_sentence=explain.sentence(explained.next, one.account.currency, wording.amount),
        contacts=contacts,
        refused=addresses.refused(connection(), (person.email for person in one.account.people)),
        tasks=open_tasks,
        may_settle=lambda task: tasks.may_settle(current_user(), task),
        hold_ends=timeline.hold_ends(connection(), account_id),
        mark=timeline.mark(connection(), account_id),
        changed=changed,
        entries=entries,
        topic=chosen,
        topics=TOPICS,
        names=assignments.shown_names(connection(), _named(one, explained, told, open_tasks)),
        assignees=assignments.assignees(connection()) if current_user().is_any_of("lead", "admin") else [],
        follow_up_on=follow_up_day(one),
        outcomes=outcomes,
        reasons=reasons.LABELS,
        reason_shown=reasons.shown,
        money_text=money.show,
        typed_form=typed(),
        open_hint=f"At most {wording.amount(one.seen.facts.open_amount, one.account.currency)} is open.",
    )


def _named(
    one: Outlook, explained: explain.Explanation, told: Iterable[Entry], open_tasks: Iterable[Task]
) -> Iterator[str]:
    """The users and queues that the page names."""
    yield one.account.owner
    if explained.decided is not None:
        yield explained.decided.actor
    for entry in told:
        yield entry.actor
        yield from (note.author for note in entry.notes)
    yield from (task.assignee for task in open_tasks)


def _there(one: Outlook) -> str:
    """What the clock shows where they are; of a stepped clock, which has no hours, the day."""
    now = clock.read(connection()).at
    if now is None:
        return f"It is {one.today:%A}, {wording.day(one.today)} there"
    zone = zone_named(one.account.timezone) or ZoneInfo(one.zone)
    return f"It is {now.astimezone(zone):%A %H:%M} there ({zone})"


def view_of(one: Outlook) -> View:
    """How the timeline of an account is read."""
    return View(
        account=one.account.id,
        currency=one.account.currency,
        zone=one.zone,
        verdicts={verdict.promise.id: verdict for verdict in one.seen.view.promised},
    )


def follow_up_day(one: Outlook) -> dt.date:
    """The day that a form proposes for the next try: the first working day in three days or later."""
    day, calendar = one.today + _FOLLOW_UP, one.life.calendar()
    while not calendar.is_working_day(day):
        day += dt.timedelta(days=1)
    return day


def _changed(view: View) -> Changed | None:
    late = typed()
    if late is None or not late.is_conflict:
        return None
    mark = Mark.of(late.values.get("mark", ""))
    return Changed(entries=timeline.since(connection(), view, mark) if mark else ())

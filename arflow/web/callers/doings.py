"""The forms of what people decide by hand: notes, follow-ups, holds, escalation, tags, owners."""

from zoneinfo import ZoneInfo

from flask.typing import ResponseReturnValue

from arflow import recording
from arflow.desk import access, actions, assignments, notes, tasks
from arflow.desk.actions import Doing, FollowUp
from arflow.desk.assignments import Assignee
from arflow.errors import SaysNo
from arflow.outlook import Outlook
from arflow.web.callers.blueprint import back, done, form_of, look, marked, seen
from arflow.web.callers.talks import planned_day
from arflow.web.forms import Reading
from arflow.web.transactions import connection, settings
from arflow.web.visitors import current_user


@form_of("note")
def note(account_id: str) -> ResponseReturnValue:
    """A note."""
    one, read = look(account_id), Reading()
    text = read.text("text", required=True, longest=notes.LONGEST)
    return done(one, Doing(note=text), read, "Note kept.")


@form_of("follow-up")
def follow_up(account_id: str) -> ResponseReturnValue:
    """Something to be done later."""
    one, read = look(account_id), Reading()
    day = planned_day(read, "due_on", one.today)
    text = read.text("text", required=True, longest=tasks.LONGEST_TEXT)
    planned = FollowUp(due_on=day, text=text, clock=read.clock_if_any("clock"))
    return done(one, Doing(follow_up=planned), read, "Follow-up planned.")


@form_of("task-done/<int:number>")
def task_done(account_id: str, number: int) -> ResponseReturnValue:
    """A task is done."""
    _require_task(account_id, number)
    tasks.finish(connection(), number, current_user().name)
    return back(account_id, "Done.")


@form_of("task-later/<int:number>")
def task_later(account_id: str, number: int) -> ResponseReturnValue:
    """A task is put off."""
    one, read = look(account_id), Reading()
    _require_task(account_id, number)
    day = planned_day(read, "due_on", one.today)
    read.check()
    tasks.postpone(connection(), number, day, ZoneInfo(one.zone))
    return back(account_id, "Put off.")


def _require_task(account_id: str, number: int) -> None:
    """Raise SaysNo unless it is an open task of an account that whoever asks reaches, and not another's notice."""
    access.require(connection(), current_user(), account_id)
    found = tasks.find(connection(), number)
    if found.account != account_id or not tasks.may_settle(current_user(), found):
        raise SaysNo("there is no such task on this account")


@form_of("hold")
def hold(account_id: str) -> ResponseReturnValue:
    """A hold with an end."""
    one, read = look(account_id), Reading()
    until, reason = read.day("until"), read.text("reason", required=True, longest=actions.LONGEST_REASON)
    read.check()
    with read.beside("until"):
        doing = actions.hold(until=until, reason=reason, today=one.today)
    read.check()
    return done(one, doing, read, "On hold.")


@form_of("release")
def release(account_id: str) -> ResponseReturnValue:
    """The end of a hold, now."""
    one, read = look(account_id), Reading()
    doing = actions.release(one.account, read.text("reason", longest=actions.LONGEST_REASON))
    return done(one, doing, read, "The hold has ended.")


@form_of("escalate")
def escalate(account_id: str) -> ResponseReturnValue:
    """To a senior."""
    one, read = look(account_id), Reading()
    reason = read.text("reason", required=True, longest=actions.LONGEST_REASON)
    senior = _senior(read, one)
    read.check()
    doing = actions.escalate(one.account, reason=reason, by=current_user(), senior=senior.name if senior else "")
    return done(one, doing, read, f"Escalated, and given to {senior.shown}." if senior else "Escalated.")


def _senior(read: Reading, one: Outlook) -> Assignee | None:
    """To whom an account goes that is escalated: where there is a choice, whom the form names."""
    able = assignments.seniors(connection(), one.policy)
    if len(able) <= 1:
        return able[0] if able else None
    by_name = {senior.name: senior for senior in able}
    return by_name.get(read.choice("senior", by_name))


@form_of("take-back")
def take_back(account_id: str) -> ResponseReturnValue:
    """Back from a senior."""
    one, read = look(account_id), Reading()
    to = read.choice("to", [state.value for state in actions.BACK_TO])
    reason = read.text("reason", required=True, longest=actions.LONGEST_REASON)
    read.check()
    doing = actions.take_back(one.account, to=to, reason=reason, actor=current_user().name)
    return done(one, doing, read, "Taken back.")


@form_of("untag", roles={"lead", "admin"})
def untag(account_id: str) -> ResponseReturnValue:
    """A tag that stops letters and calls comes off by a lead only."""
    one, read = look(account_id), Reading()
    return done(one, actions.untag(one.account, read.text("tag")), read, "The tag is off.")


@form_of("assign", roles={"lead", "admin"})
def assign(account_id: str) -> ResponseReturnValue:
    """Another owner."""
    one, read = look(account_id), Reading()
    owner = read.text("owner")
    with read.beside("owner"):
        assignments.check(connection(), owner)
    read.check()
    engineering = settings().engineering
    who, version = current_user().name, seen(read, one)
    recording.assign(
        connection(), one.account.id, owner, actor=who, engineering=engineering, seen=version, mark=marked(read)
    )
    shown = assignments.shown_names(connection(), [owner])
    return back(account_id, f"Assigned to {shown.get(owner, 'nobody')}.")

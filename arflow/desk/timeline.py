"""The timeline of an account: everything that happened, from wherever it is kept, newest first, in pages.

What people and the ledger recorded are events; what the rules did stands in the journal, messages have their text and
their delivery in the outbox. One query finds the entries of a page, one more for each of these places fills them in.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Row,
    Select,
    Text,
    Time,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)

from arflow.accounts.promises import Verdict
from arflow.desk import notes, outcomes, reasons, wording
from arflow.desk.notes import Note
from arflow.life.records import EntryKind
from arflow.store import desk_tables, policies, tables

_Column = ColumnElement[Any]
_MARK = re.compile(r"(?P<event>\d{1,18})\.(?P<note>\d{1,18})\.(?P<journal>\d{1,18})\.(?P<task>\d{1,18})", re.ASCII)

TOPICS: Mapping[str, str] = MappingProxyType(
    {
        "steps": "Steps",
        "messages": "Messages",
        "calls": "Calls",
        "money": "Money",
        "promises": "Promises",
        "disputes": "Disputes",
        "holds": "Holds",
        "notes": "Notes",
        "assignments": "Assignments",
        "flags": "Tags",
    }
)
"""What a timeline can be filtered by, and what people call it."""

_EVENT_TOPICS: Mapping[str, str] = MappingProxyType(
    {
        "contact": "calls",
        "payment": "money",
        "payment_reversed": "money",
        "credit": "money",
        "write_off": "money",
        "write_off_reversed": "money",
        "invoice": "money",
        "promise": "promises",
        "promise_cancelled": "promises",
        "dispute": "disputes",
        "dispute_closed": "disputes",
        "hold": "holds",
        "hold_released": "holds",
        "tag": "flags",
        "untag": "flags",
        "account": "assignments",
    }
)
_EFFECT_TOPICS: Mapping[str, str] = MappingProxyType(
    {
        "send": "messages",
        "call": "calls",
        "assign": "assignments",
        "tag": "flags",
        "untag": "flags",
        "notify": "messages",
    }
)
_ENDS: Mapping[str, str] = MappingProxyType({"promise_cancelled": "promise", "dispute_closed": "dispute"})
"""What an event puts an end to, by its id."""

_Row = Row[*tuple[Any, ...]]
_EVENT, _NOTE, _JOURNAL = 0, 1, 2
"""Where an entry is kept; of one moment, what the rules made of it stands above what was recorded."""

_IN_ARCHIVE = "The text of this letter is in an archive."
_LAST_MINUTE = dt.time(23, 59)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that happened, at the account's local date and time. `title` says what, the rest says more.

    `why` is the reason of the rule that made a step; `body` the text of a message; `status` what became of it.
    """

    on: dt.date
    clock: dt.time
    topic: str
    title: str
    actor: str = ""
    why: str = ""
    rule: str = ""
    version: str = ""
    body: str = ""
    status: str = ""
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How far everything recorded of an account went when somebody looked.

    The last event, note and journal row, and the last task that was open: what is done is never open again.
    """

    event: int
    note: int
    journal: int
    task: int

    def __str__(self) -> str:
        return f"{self.event}.{self.note}.{self.journal}.{self.task}"

    def tells_all(self, now: "Mark") -> bool:
        """Whether nothing has happened to the account since, up to `now`: notes and plans are no causes."""
        return (self.event, self.journal) == (now.event, now.journal)

    @classmethod
    def of(cls, text: str) -> "Mark | None":
        """The mark that a form holds, None for anything else."""
        found = _MARK.fullmatch(text)
        return None if found is None else cls(**{name: int(number) for name, number in found.groupdict().items()})


def mark(connection: Connection, account: str) -> Mark:
    """Where the timeline of an account ends now; what became of a letter is no entry of its own and moves no mark."""
    event, note, journal, task = tables.event, desk_tables.note, tables.journal, desk_tables.task
    told = event.c.kind.not_in(("notice_delivered", "notice_failed"))
    ends = (
        select(func.max(event.c.id)).where(event.c.account_id == account, told),
        select(func.max(note.c.id)).where(note.c.account_id == account),
        select(func.max(journal.c.seq)).where(journal.c.account_id == account),
        select(func.max(task.c.id)).where(task.c.account_id == account, task.c.done_at.is_(None)),
    )
    found = connection.execute(select(*(func.coalesce(end.scalar_subquery(), 0) for end in ends))).one()
    return Mark(event=found[0], note=found[1], journal=found[2], task=found[3])


def others_said(connection: Connection, account: str, since: Mark, name: str) -> bool:
    """Whether somebody else than `name` has recorded, written or planned something of an account since a mark."""
    event, note, task = tables.event, desk_tables.note, desk_tables.task
    recorded = select(event.c.id).where(
        event.c.account_id == account, event.c.id > since.event, event.c.actor.not_in(("", name))
    )
    written = select(note.c.id).where(note.c.account_id == account, note.c.id > since.note, note.c.author != name)
    planned = select(task.c.id).where(
        *(task.c.account_id == account, task.c.done_at.is_(None), task.c.id > since.task),
        *(task.c.kind == "follow_up", task.c.made_by.not_in(("", name))),
    )
    return bool(connection.execute(select(or_(recorded.exists(), written.exists(), planned.exists()))).scalar())


@dataclass(frozen=True, kw_only=True)
class View:
    """How a timeline is read: for which account, in which zone and currency, with the verdicts on its promises."""

    account: str
    currency: str
    zone: str
    verdicts: Mapping[str, Verdict]


def page(connection: Connection, view: View, *, topic: str = "", offset: int, limit: int) -> list[Entry]:
    """The entries of a page, newest first; only those of `topic`, if one is given."""
    found = _all(view, with_notes_on_events=topic == "notes").subquery()
    query = select(found)
    if topic:
        query = query.where(found.c.topic == topic)
    order = (found.c.on.desc(), found.c.clock.desc(), found.c.place.desc(), found.c.key.desc())
    return _filled(connection, view, connection.execute(query.order_by(*order).offset(offset).limit(limit)).all())


def since(connection: Connection, view: View, mark: Mark, limit: int = 20) -> list[Entry]:
    """What was recorded or done since somebody looked, newest first."""
    found = _all(view).subquery()
    ends = ((_EVENT, mark.event), (_NOTE, mark.note), (_JOURNAL, mark.journal))
    is_new = or_(*(and_(found.c.place == place, found.c.key > end) for place, end in ends))
    order = (found.c.on.desc(), found.c.clock.desc(), found.c.place.desc(), found.c.key.desc())
    return _filled(
        connection, view, connection.execute(select(found).where(is_new).order_by(*order).limit(limit)).all()
    )


def contacts(connection: Connection, view: View, limit: int = 3) -> list[Entry]:
    """The last calls and other contacts, each with its notes and what was agreed in it."""
    event = tables.event
    query = (
        select(event.c.id)
        .where(event.c.account_id == view.account, event.c.kind == "contact", event.c.applied)
        .order_by(event.c.on.desc(), event.c.clock.desc(), event.c.id.desc())
        .limit(limit)
    )
    rows = _events(connection, list(connection.execute(query).scalars()))
    agreed = _agreed(connection, view, list(rows.values()))
    about = notes.about(connection, list(rows))
    return [
        replace(
            _of_event(row, view),
            notes=tuple(about[key]),
            body="; ".join(_of_event(other, view).title for other in _agreed_in(row, agreed)),
        )
        for key, row in rows.items()
    ]


_NEXT = 3
"""What was agreed in a call is the next event after it; other people may record something in between."""

_AGREES: Mapping[str, str] = MappingProxyType({"promised": "promise", "disputes": "dispute"})
"""What was agreed, where the outcome itself says it."""


def _agreed_in(call: _Row, agreed: Sequence[_Row]) -> Sequence[_Row]:
    """What was agreed in a call, and is of its moment. Nobody agrees on anything with no answer.

    What one form records has one instant of the real clock. A stepped clock and a file have no such instant, so the
    outcome has to say it: else what was recorded for itself on that day is put into the customer's mouth.
    """
    same = [other for other in agreed if (other.on, other.clock, other.actor) == (call.on, call.clock, call.actor)]
    outcome = call.content.get("outcome")
    if call.actor and call.known_at is not None:
        return [other for other in same if other.known_at == call.known_at and outcome in outcomes.CONVERSATIONS]
    if call.actor:
        same = [other for other in same if 0 < other.id - call.id <= _NEXT][:1]
    return [other for other in same if other.kind == _AGREES.get(outcome)]


def _agreed(connection: Connection, view: View, calls: Sequence[_Row]) -> Sequence[_Row]:
    """The promises and disputes that were recorded on the days of these calls."""
    if not calls:
        return ()
    event = tables.event
    kinds, days = event.c.kind.in_(("promise", "dispute")), event.c.on.in_({call.on for call in calls})
    query = select(event).where(event.c.account_id == view.account, kinds, days)
    return connection.execute(query.order_by(event.c.id)).all()


def hold_ends(connection: Connection, account: str) -> dt.date | None:
    """The date on whose morning the hold of an account ends by itself."""
    event = tables.event
    coming = (event.c.account_id == account, event.c.kind == "hold_released", ~event.c.applied)
    return connection.execute(select(func.min(event.c.on)).where(*coming)).scalar()


# --- finding ----------------------------------------------------------------------------------------------------------


def _all(view: View, *, with_notes_on_events: bool = False) -> CompoundSelect[Any]:
    return union_all(
        _of_events(view.account), _of_notes(view, all_of_them=with_notes_on_events), _of_journal(view.account)
    )


def _line(place: int, key: _Column, on: _Column, clock: _Column, topic: _Column) -> tuple[ColumnElement[Any], ...]:
    labelled = {"place": literal(place), "key": key, "on": on, "clock": clock, "topic": topic}
    return tuple(column.label(name) for name, column in labelled.items())


def _of_events(account: str) -> Select[Any]:
    event = tables.event
    topic = case(dict(_EVENT_TOPICS), value=event.c.kind)
    told = event.c.kind.in_([kind for kind in _EVENT_TOPICS if kind != "account"])
    assigned = (event.c.kind == "account") & event.c.content["owner"].astext.is_not(None)
    return select(*_line(_EVENT, event.c.id, event.c.on, event.c.clock, topic)).where(
        event.c.account_id == account, event.c.applied, told | assigned
    )


def _of_notes(view: View, *, all_of_them: bool) -> Select[Any]:
    """Notes of their own; those on a call stand with the call. One made on another real day stands at its day's end."""
    note = desk_tables.note
    local = func.timezone(view.zone, note.c.made_at)
    clock = case((func.date(local) == note.c.on, cast(local, Time)), else_=literal(_LAST_MINUTE, Time))
    query = select(*_line(_NOTE, note.c.id, note.c.on, clock, literal("notes", Text)))
    query = query.where(note.c.account_id == view.account)
    return query if all_of_them else query.where(note.c.event_id.is_(None))


def _of_journal(account: str) -> Select[Any]:
    journal = tables.journal
    effect = case(dict(_EFFECT_TOPICS), value=journal.c.details["effect"].astext, else_="steps")
    topic = case(
        (journal.c.kind.in_((EntryKind.EFFECT.value, EntryKind.DROPPED.value)), effect),
        (journal.c.kind == EntryKind.CORRECTION.value, "money"),
        else_="steps",
    )
    return select(*_line(_JOURNAL, journal.c.seq, journal.c.on, journal.c.clock, topic)).where(
        journal.c.account_id == account, journal.c.kind != EntryKind.ACTS.value
    )


# --- filling in -------------------------------------------------------------------------------------------------------


def _filled(connection: Connection, view: View, lines: Sequence[_Row]) -> list[Entry]:
    keys = {place: [line.key for line in lines if line.place == place] for place in (_EVENT, _NOTE, _JOURNAL)}
    events, about = _events(connection, keys[_EVENT]), notes.about(connection, keys[_EVENT])
    ended = _ended(connection, view.account, events.values())
    made: dict[tuple[int, int], Entry] = {}
    for key, row in events.items():
        of = ended.get((_ENDS.get(row.kind, ""), str(row.content.get("id", ""))))
        made[_EVENT, key] = replace(_of_event(row, view, of), notes=tuple(about[key]))
    made |= {(_NOTE, key): entry for key, entry in _note_entries(connection, keys[_NOTE]).items()}
    made |= {(_JOURNAL, key): entry for key, entry in _journal_entries(connection, view, keys[_JOURNAL]).items()}
    return _said_once([replace(made[line.place, line.key], clock=line.clock, topic=line.topic) for line in lines])


def _said_once(entries: Sequence[Entry]) -> list[Entry]:
    """The reason of a rule stands with the step that it made; what it put out besides does not repeat it."""
    steps = {(entry.on, entry.clock, entry.rule) for entry in entries if entry.topic == "steps" and entry.rule}
    return [
        replace(entry, why="") if entry.topic != "steps" and (entry.on, entry.clock, entry.rule) in steps else entry
        for entry in entries
    ]


def _events(connection: Connection, keys: Sequence[int]) -> dict[int, _Row]:
    if not keys:
        return {}
    event = tables.event
    found = {row.id: row for row in connection.execute(select(event).where(event.c.id.in_(list(keys))))}
    return {key: found[key] for key in keys}


def _ended(connection: Connection, account: str, rows: Iterable[_Row]) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """What was said of the promises and disputes that these events ended, by kind and id; seldom there is any."""
    wanted = {(_ENDS[row.kind], str(row.content["id"])) for row in rows if row.kind in _ENDS}
    if not wanted:
        return {}
    event = tables.event
    name = event.c.content["id"].astext
    query = select(event.c.kind, name.label("name"), event.c.content).where(
        event.c.account_id == account, event.c.applied, tuple_(event.c.kind, name).in_(sorted(wanted))
    )
    return {(row.kind, row.name): row.content for row in connection.execute(query)}


def _note_entries(connection: Connection, keys: Sequence[int]) -> dict[int, Entry]:
    if not keys:
        return {}
    note = desk_tables.note
    return {
        row.id: Entry(on=row.on, clock=_LAST_MINUTE, topic="notes", title="Note", actor=row.author, body=row.text)
        for row in connection.execute(select(note).where(note.c.id.in_(list(keys))))
    }


def _journal_entries(connection: Connection, view: View, keys: Sequence[int]) -> dict[int, Entry]:
    journal, message = tables.journal, desk_tables.message
    number = cast(journal.c.details["number"].astext, message.c.number.type)
    delivered = (message.c.account_id == journal.c.account_id) & (message.c.number == number)
    query = (
        select(
            *(journal.c[name] for name in ("seq", "on", "clock", "kind", "cause", "actor", "rule", "source", "to")),
            journal.c.policy_version,
            journal.c.details,
            *(message.c[name].label(f"message_{name}") for name in ("status", "subject", "text", "recipient", "error")),
        )
        .select_from(journal.outerjoin(message, delivered))
        .where(journal.c.account_id == view.account, journal.c.seq.in_(list(keys)))
    )
    rows = connection.execute(query).all()
    whys = _whys(connection, {row.policy_version for row in rows if row.policy_version})
    return {row.seq: _of_journal_row(row, whys.get((row.policy_version, row.rule), "")) for row in rows}


def _whys(connection: Connection, versions: set[str]) -> dict[tuple[str, str], str]:
    """Why each rule of these policy versions acts."""
    return {(version, rule.id): rule.why for version in versions for rule in policies.named(connection, version).rules}


def _of_journal_row(row: _Row, why: str) -> Entry:
    details = row.details
    entry = Entry(
        on=row.on,
        clock=row.clock,
        topic="",
        title=_title(row),
        actor=row.actor,
        why=why,
        rule=row.rule or "",
        version=row.policy_version or "",
        body=details.get("reason", ""),
    )
    if row.message_status is None:
        return entry
    text = row.message_text or (_IN_ARCHIVE if row.message_status == "sent" else "")
    letter = "\n\n".join(part for part in (row.message_subject, text) if part)
    status = wording.delivery(row.message_status, row.message_recipient, row.message_error)
    return replace(entry, body=letter, status=status)


def _title(row: _Row) -> str:
    details = row.details
    match row.kind:
        case EntryKind.STEP:
            return f"{row.source} \u2192 {row.to}" + ("" if row.rule else ", by hand")
        case EntryKind.PARKED:
            return "Parked: the rules could not go on"
        case EntryKind.CORRECTION:
            return f"Corrected: {details.get('name', '')}"
    told = wording.effect(details["effect"], details.get("name", ""))
    return told if row.kind == EntryKind.EFFECT else f"{told}: did not leave"


def _of_event(row: _Row, view: View, ended: Mapping[str, Any] | None = None) -> Entry:
    """What was recorded; a promise with the verdict on it, the end of one with what `ended`."""
    verdict = view.verdicts.get(str(row.content.get("id", ""))) if row.kind == "promise" else None
    return Entry(
        on=row.on,
        clock=row.clock,
        topic=_EVENT_TOPICS[row.kind],
        title=wording.event(row.kind, row.content, view.currency, ended),
        actor=row.actor,
        body=reasons.shown(row.content.get("reason") or ""),
        status=wording.verdict(verdict, view.currency) if verdict else "",
    )

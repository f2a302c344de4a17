"""What leaves an account becomes rows, in the transaction that decided it: messages to hand over, tasks for people."""

from collections.abc import Iterable

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from arflow.life.records import Entry, EntryKind
from arflow.store import desk_tables
from arflow.store.rows import Row
from arflow.vocabulary import EffectKind

NOTICE = "notice: "
"""What the template of a notice to our own people begins with; the rule follows."""

_LEAVES = (EffectKind.SEND.value, EffectKind.NOTIFY.value)


def put_out(connection: Connection, entries: Iterable[tuple[Entry, str]], *, with_messages: bool) -> None:
    """Write the rows of `entries`, each with the zone of its account; messages only where they are really sent."""
    leaving = [(e, zone) for e, zone in entries if e.kind is EntryKind.EFFECT and e.effect in _LEAVES]
    messages = [_message(entry, zone) for entry, zone in leaving if with_messages and _is_mail(entry)]
    tasks = [_task(entry) for entry, _ in leaving if not _is_mail(entry)]
    if messages:
        connection.execute(insert(desk_tables.message), messages)
    if tasks:  # a notice that is still open is not told again
        connection.execute(insert(desk_tables.task).on_conflict_do_nothing(), tasks)


def _is_mail(entry: Entry) -> bool:
    """Whether the effect is a mail: to the customer, or a notice to an address; other notices are tasks of a role."""
    return entry.effect == EffectKind.SEND or "@" in (entry.name or "")


def _message(entry: Entry, zone: str) -> Row:
    to_customer = entry.effect == EffectKind.SEND
    return {
        "account_id": entry.account,
        "number": entry.number if to_customer else None,
        "template": entry.name if to_customer else f"{NOTICE}{entry.rule}",
        "recipient": "" if to_customer else entry.name,
        "decided_at": entry.at,
        "zone": zone,
        "status": "queued",
    }


def _task(entry: Entry) -> Row:
    return {
        "account_id": entry.account,
        "kind": "notice",
        "assignee": entry.name,
        "due_on": entry.on,
        "text": f"rule `{entry.rule}` asks you to look at this account",
    }

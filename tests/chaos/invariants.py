"""What must hold in the end, whatever was done: nothing is lost, nothing is there twice, all of it is as decided.

Each invariant is one function that gives what violates it. They know the books of the suite, the database, the mail
server, and a clean replay of the same causes in memory; nothing of how a fault went.
"""

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, cast

from arflow.accounts.entries import Account
from arflow.accounts.events import Event, parse
from arflow.replay import Line, Request, line_of, lives
from arflow.rules.engine import DurableRules
from arflow.rules.policy import Policy
from arflow.store import accounts, events
from arflow.vocabulary import Facts
from tests.chaos.faults import MAY_REPEAT
from tests.chaos.world import POLICY, World
from tests.production import journal_lines, replay_lines

Found = Iterable[str]


class _Counting(DurableRules):
    """The evaluator, which counts the passes: each asks once whether the policy has the account."""

    passes = 0

    def applies(self, policy: Policy, facts: Facts) -> bool:
        self.passes += 1
        return super().applies(policy, facts)


@dataclass
class End:
    """A world that has come to rest, and what a clean replay of its causes comes to."""

    world: World

    def __post_init__(self) -> None:
        self.audit = self.world.command("audit", "verify")  # beside the replay

    @cached_property
    def results(self) -> list[dict[str, Any]]:
        """The delivery results that were recorded, in the order of their recording."""
        rows = self.world.ask("SELECT * FROM event WHERE kind LIKE 'notice%' ORDER BY id")
        return [{**row.content, "event": row.kind, "account": row.account_id} for row in rows]

    @cached_property
    def last(self) -> dt.date:
        """The business date at rest."""
        return cast(dt.date, self.world.ask("SELECT day FROM clock")[0].day)

    @cached_property
    def put_in(self) -> list[Event]:
        """What came in from outside, by the books."""
        return [parse(event, at) for at, event in enumerate(self.world.books.events, start=1)]

    @cached_property
    def replayed(self) -> tuple[list[Line], dict[str, Account], int]:
        """The lines of the replay, its accounts, and how many causes there were."""
        told = [parse(event, at) for at, event in enumerate(self.results, start=1)]
        evaluator = _Counting()
        request = Request(
            events=(*self.put_in, *told),
            policy=POLICY,
            until=self.last,
            delivery="recorded",
        )
        lived = list(lives(request, evaluator))
        lines = [line for one in lived for entry in one.entries if (line := line_of(entry)) is not None]
        return lines, {one.account.id: one.account for one in lived}, evaluator.passes

    @cached_property
    def messages(self) -> list[Mapping[str, Any]]:
        """The rows of the outbox."""
        return [dict(row._mapping) for row in self.world.ask("SELECT * FROM message ORDER BY id")]


def _counted_events(end: End) -> tuple[Counter[tuple[str, str, str]], Counter[tuple[str, str, str]]]:
    """What came in by the books, and by the database."""
    put_in = Counter((event.account, event.kind, events.canonical(event)) for event in end.put_in)
    rows = end.world.ask("SELECT account_id, kind, content FROM event WHERE kind NOT LIKE 'notice%'")
    there = Counter(
        (row.account_id, row.kind, json.dumps(row.content, sort_keys=True, ensure_ascii=False, separators=(",", ":")))
        for row in rows
    )
    return put_in, there


def events_lost(end: End) -> Found:
    put_in, there = _counted_events(end)
    return map(str, (put_in - there).elements())


def events_repeated(end: End) -> Found:
    put_in, there = _counted_events(end)
    return map(str, (there - put_in).elements())


def events_not_applied(end: End) -> Found:
    rows = end.world.ask('SELECT account_id, content FROM event WHERE NOT applied AND "on" <= :last', last=end.last)
    return map(str, rows)


def journals_broken(end: End) -> Found:
    """`arflow audit verify`: every chain, and every decision made again."""
    told, _ = end.audit.communicate()
    return [told[-500:]] if end.audit.returncode else []


def states_not_the_fold(end: End) -> Found:
    return map(
        str,
        end.world.ask(
            'SELECT id, state, step.to FROM account LEFT JOIN LATERAL (SELECT "to" FROM journal WHERE account_id = '
            "account.id AND kind = 'step' ORDER BY seq DESC LIMIT 1) step ON true "
            "WHERE state <> coalesce(step.to, 'current')"
        ),
    )


def _lines(end: End) -> tuple[Counter[str], Counter[str]]:
    return Counter(replay_lines(end.replayed[0])), Counter(journal_lines(end.world.engine))


def steps_lost(end: End) -> Found:
    expected, found = _lines(end)
    return (expected - found).elements()


def steps_repeated(end: End) -> Found:
    expected, found = _lines(end)
    return (found - expected).elements()


def accounts_different(end: End) -> Found:
    """The whole books of each account: its state, ledger, promises, contacts, effects, timers."""
    expected = end.replayed[1]
    with end.world.engine.connect() as connection:
        found = {key: stored.account for key, stored in accounts.load(connection, [*expected]).items()}
    for key, account in expected.items():
        unlike = [
            field.name
            for field in fields(Account)
            if key not in found or getattr(account, field.name) != getattr(found[key], field.name)
        ]
        if unlike:
            yield f"{key}: {', '.join(unlike)}"


def letters_lost(end: End) -> Found:
    """A message that counts as sent and was never taken; an effect that is no message; one that waits for ever."""
    taken = {flight.message_id for flight in end.world.letterbox.taken}
    yield from (
        f"{row['message_id']} is marked as sent"
        for row in end.messages
        if row["status"] == "sent" and row["message_id"] not in taken
    )
    decided = Counter(
        (row.account_id, row.name)
        for row in end.world.ask(
            "SELECT account_id, details ->> 'name' AS name FROM journal WHERE kind = 'effect' "
            "AND details ->> 'effect' = 'send'"
        )
    )
    put_out = Counter((row["account_id"], row["template"]) for row in end.messages if row["number"] is not None)
    yield from map(str, ((decided - put_out) + (put_out - decided)).elements())
    yield from (f"{row['id']} is still {row['status']}" for row in end.messages if row["settled_at"] is None)


def letters_repeated(end: End) -> Found:
    """Taken again though its client was not disturbed while it was in flight; or by a name that no message has."""
    books, by_name = end.world.books, {row["message_id"]: row for row in end.messages}
    flights: dict[str, list[bool]] = {}
    for flight in end.world.letterbox.taken:
        flights.setdefault(flight.message_id, []).append(books.excuse(flight, MAY_REPEAT))
    for name, excused in flights.items():
        row = by_name.get(name)
        if row is None:
            yield f"{name} is no message"
        elif not all(excused[:-1]) or (row["status"] != "sent" and not excused[-1]):
            yield f"{name} was taken {len(excused)} times and is {row['status']}"


def results_wrong(end: End) -> Found:
    """Each message that ended is told to the rules once, as it ended."""
    expected = Counter(
        (row["account_id"], row["template"], "notice_delivered" if row["status"] == "sent" else "notice_failed")
        for row in end.messages
        if row["number"] is not None
    )
    found = Counter((row["account"], row["notice"], row["event"]) for row in end.results)
    return map(str, ((expected - found) + (found - expected)).elements())


def tasks_lost(end: End) -> Found:
    """A notice to a role is an open task; a letter whose address is wrong asks for another one; calls are open."""
    rows = end.world.ask("SELECT account_id, kind, assignee, text FROM task WHERE done_at IS NULL")
    found = Counter((row.account_id, row.assignee, row.text) for row in rows if row.kind == "notice")
    told = end.world.ask(
        "SELECT DISTINCT account_id, details ->> 'name' AS name, rule FROM journal WHERE kind = 'effect' "
        "AND details ->> 'effect' = 'notify'"
    )
    expected = Counter(
        (row.account_id, row.name, f"rule `{row.rule}` asks you to look at this account") for row in told
    )
    yield from map(str, ((expected - found) + (found - expected)).elements())
    asked = Counter(row.account_id for row in rows if row.kind == "address")
    wanted = Counter({row["account_id"]: 1 for row in end.messages if row["status"] == "failed" and row["subject"]})
    yield from map(str, ((wanted - asked) + (asked - wanted)).elements())
    with end.world.engine.connect() as connection:
        there = accounts.load(connection, [*end.replayed[1]])
    yield from (
        f"{key}: its call"
        for key, account in end.replayed[1].items()
        if key not in there or there[key].account.call_open != account.call_open
    )


def both_won(end: End) -> Found:
    return (f"{won} won" for won in end.world.books.rivals if won != 1)


def junk_run(end: End) -> Found:
    return ["a foreign job was run"] if end.world.junk_marks.exists() else []


INVARIANTS: dict[str, Callable[[End], Found]] = {
    "events lost": events_lost,
    "events there twice": events_repeated,
    "events not taken in": events_not_applied,
    "journals broken": journals_broken,
    "states that are not the fold": states_not_the_fold,
    "steps and effects lost": steps_lost,
    "steps and effects too many": steps_repeated,
    "accounts unlike the replay": accounts_different,
    "letters lost": letters_lost,
    "letters sent twice": letters_repeated,
    "delivery results lost or twice": results_wrong,
    "tasks lost or too many": tasks_lost,
    "two people who both won": both_won,
    "junk that was run": junk_run,
}
"""Each by the name under which a run reports it."""

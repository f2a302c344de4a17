"""`arflow audit verify`: every chain recomputed, every decision made again from its journalled facts.

A decision must follow from its facts by the reference evaluator and by `durable_rules` alike, as long as that has room
for its policy version. What is found is returned, all of it; the caller decides how to say it. What old decisions were
made on may have left for an archive, without which they cannot be checked. The accounts of a large company are shared
between processes, all of which see the database as it stood at one moment.
"""

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial, reduce
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import Connection, select, text

from arflow.archive import Archives, reading
from arflow.errors import ArflowError, Refused
from arflow.life.life import GO_LIVE
from arflow.machines.stepping import refusal
from arflow.rules.decide import Evaluator, Situation, acts, next_move
from arflow.rules.engine import DurableRules
from arflow.rules.policy import Policy
from arflow.rules.reference import Reference
from arflow.store import accounts, database, journal, policies, tables
from arflow.store.rows import Row
from arflow.vocabulary import Facts, State

AT_ONCE = 500
"""How many accounts are looked at together."""

SHARED_FROM = 20_000
"""With so many accounts more than one process is worth its start."""

Tell = Callable[[str, float], None]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is not as it was written: row `seq` of an account's journal, or its end."""

    account: str
    seq: int
    what: str


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What was looked at, and what was found."""

    accounts: int
    rows: int
    decisions: int
    findings: tuple[Finding, ...]
    unchecked: int = 0
    """Rows whose facts have left for an archive that was not at hand: neither hash nor decision could be made again."""

    def with_more(self, more: "Verified") -> "Verified":
        """Both together."""
        return Verified(
            accounts=self.accounts + more.accounts,
            rows=self.rows + more.rows,
            decisions=self.decisions + more.decisions,
            findings=self.findings + more.findings,
            unchecked=self.unchecked + more.unchecked,
        )


_NOTHING = Verified(accounts=0, rows=0, decisions=0, findings=())


def verify_all(connection: Connection, files: Sequence[Path], tell: Tell, processes: int | None = None) -> Verified:
    """Check the journals of all accounts as `connection`, which sees one moment, has them, with archives.

    `processes`: as many as there are cores, for a large company. Raises Refused for a file that is no archive, and
    ArflowError when a process is killed.
    """
    total = accounts.count(connection)
    shares = (os.cpu_count() or 1 if total >= SHARED_FROM else 1) if processes is None else processes
    batches = _batches(connection)
    with ExitStack() as stack:
        archives = stack.enter_context(reading(files))  # a file that is none is refused here
        if shares > 1:
            found = _shared(connection, files, batches, shares, stack)
        else:
            auditor = _Auditor(connection, archives)
            found = (auditor.verify(after, AT_ONCE) for after in batches)
        try:
            return reduce(_added(total, tell), found, _NOTHING)
        except BrokenProcessPool:
            reason = "a process of the audit ended before its work was done, as one does that is killed; repeat it"
            raise ArflowError(reason) from None


def _batches(connection: Connection) -> list[str]:
    """Behind which account each batch begins."""
    query = text(
        "SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM account) AS numbered "
        "WHERE number % :size = 0 ORDER BY id"
    )
    return ["", *connection.execute(query, {"size": AT_ONCE}).scalars()]


def _added(total: int, tell: Tell) -> Callable[[Verified, Verified], Verified]:
    def add(one: Verified, more: Verified) -> Verified:
        together = one.with_more(more)
        tell("journals", together.accounts / max(1, total))
        return together

    return add


class _Auditor:
    """Looks at batches of accounts, in one process."""

    def __init__(self, connection: Connection, archives: Archives) -> None:
        self._connection, self._archives = connection, archives
        self._evaluators: Mapping[str, Evaluator] = {
            "the reference evaluator": Reference(),
            "durable_rules": DurableRules(),
        }

    def verify(self, after: str, size: int) -> Verified:
        """Check a batch of so many accounts that begins behind one."""
        ids = accounts.all_ids(self._connection, after, size)
        return verify(self._connection, self._evaluators, ids, self._archives)


def _shared(
    connection: Connection, files: Sequence[Path], batches: Sequence[str], processes: int, stack: ExitStack
) -> Iterable[Verified]:
    """What so many processes find in all batches, in order."""
    snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
    url = connection.engine.url.render_as_string(hide_password=False)
    pool = ProcessPoolExecutor(
        processes, get_context("spawn"), signal.signal, (signal.SIGINT, signal.SIG_IGN)
    )  # who stops the audit stops its first process, which ends these
    return stack.enter_context(pool).map(partial(_verified, url, snapshot, tuple(files), AT_ONCE), batches)


def _verified(url: str, snapshot: str, files: tuple[Path, ...], size: int, after: str) -> Verified:
    _, auditor = _auditor(url, snapshot, files)
    return auditor.verify(after, size)


@cache
def _auditor(url: str, snapshot: str, files: tuple[Path, ...]) -> tuple[ExitStack, _Auditor]:
    """The auditor of this process, which sees the same moment, and what it holds open until the process ends."""
    held = ExitStack()
    connection = held.enter_context(database.one_moment(database.connect(url)))
    connection.execute(text(f"SET TRANSACTION SNAPSHOT '{snapshot}'"))
    return held, _Auditor(connection, held.enter_context(reading(files)))


def verify(
    connection: Connection, evaluators: Mapping[str, Evaluator], ids: Sequence[str], archives: Archives | None = None
) -> Verified:
    """Check the journals of the accounts `ids`, with what archives have of them."""
    heads = _heads(connection, ids)
    judge = _Judge(connection, evaluators)
    findings: list[Finding] = []
    rows, unchecked = 0, 0
    for account, kept in journal.of_accounts(connection, ids).items():
        found = (archives or Archives()).completed(kept)
        rows += len(found)
        unchecked += sum(map(_is_archived, found))
        findings += _chain(account, found, *heads.get(account, (0, None, "")))
        for row in found:
            findings += [Finding(account=account, seq=row["seq"], what=what) for what in judge.troubles(row)]
    return Verified(
        accounts=len(ids), rows=rows, decisions=judge.decisions, findings=tuple(findings), unchecked=unchecked
    )


def _is_archived(row: Row) -> bool:
    """Whether the facts of a row have left for an archive that is not at hand."""
    return journal.ARCHIVED in row["details"]


def _follows(row: Row, previous: bytes | None) -> bool:
    """Whether a row follows from the hash of the one before, as far as that can be made again."""
    is_as_written = _is_archived(row) or row["hash"] == journal.digest(row, previous)
    return row["previous"] == previous and is_as_written


def _heads(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[int, bytes | None, str]]:
    table = tables.account
    query = select(table.c.id, table.c.journal_length, table.c.journal_head, table.c.state).where(
        table.c.id.in_(accounts.listed(ids))
    )
    return {row.id: (row.journal_length, row.journal_head, row.state) for row in connection.execute(query)}


def _chain(account: str, rows: Sequence[Row], length: int, head: bytes | None, state: str) -> Iterator[Finding]:
    previous: bytes | None = None
    stands = State.CURRENT.value
    for at, row in enumerate(rows, start=1):
        if row["seq"] != at:
            yield Finding(account=account, seq=at, what="the row is missing")
            return
        if not _follows(row, previous):
            yield Finding(account=account, seq=at, what="the row was edited or inserted: its hash does not follow")
            return
        if row["kind"] == "step" and row["source"] != stands:
            yield Finding(
                account=account, seq=at, what=f"the step leaves `{row['source']}`, the account stood in `{stands}`"
            )
        stands = row["to"] if row["kind"] == "step" else stands
        previous = row["hash"]
    if len(rows) < length:
        yield Finding(account=account, seq=len(rows) + 1, what=f"the last row is missing: there were {length}")
    elif (len(rows), previous) != (length, head):
        yield Finding(account=account, seq=len(rows), what="the row was added behind the end that the account records")
    elif stands != state:
        yield Finding(
            account=account, seq=len(rows), what=f"the account stands in `{state}`, its journal says `{stands}`"
        )


class _Judge:
    """Makes decisions again, with every evaluator it was given."""

    def __init__(self, connection: Connection, evaluators: Mapping[str, Evaluator]) -> None:
        self._connection, self._evaluators = connection, evaluators
        self._versions: dict[str, Policy] = {}
        self.decisions = 0

    def troubles(self, row: Row) -> list[str]:
        """What does not follow in one row; effects and corrections decide nothing."""
        if row["kind"] not in ("step", "acts", "parked") or "facts" not in row["details"]:
            return []
        self.decisions += 1
        try:
            policy = self._policy(row["policy_version"])
            facts = journal.facts_from_json(row["details"]["facts"])
            situation = _situation(row["details"]["situation"])
        except (Refused, KeyError, TypeError, ValueError) as error:
            return [f"the decision cannot be read: {error}"]
        if row["rule"] is None and row["kind"] != "acts":
            return _forced_troubles(row, facts)
        found = []
        for name, evaluator in self._evaluators.items():
            said = self._decided(evaluator, policy, facts, situation, row)
            if said is not None:
                found.append(f"by {name}, {said}")
        return found

    def _policy(self, version: str | None) -> Policy:
        if version is None:
            raise Refused("it names no policy version")
        if version not in self._versions:
            self._versions[version] = policies.version(self._connection, version)
        return self._versions[version]

    def _decided(
        self, evaluator: Evaluator, policy: Policy, facts: Facts, situation: Situation, row: Row
    ) -> str | None:
        """What the rules say instead of what the row says, or None when they agree."""
        if row["kind"] == "acts":
            fired = [rule.id for rule in acts(evaluator, policy, facts, situation)]
            return None if fired == row["details"]["rules"] else f"these acts fire: {', '.join(fired) or 'none'}"
        move = next_move(evaluator, policy, facts, situation)
        said = (move.rule.id if move.rule else None, move.rule.to if move.rule else None, move.refusal is not None)
        wrote = (row["rule"], row["to"], row["kind"] == "parked")
        if said != wrote or (row["kind"] == "step" and row["source"] != facts.state):
            return f"rule `{said[0]}` leads to `{said[1]}`" + (", refused" if said[2] else "")
        return None


def _forced_troubles(row: Row, facts: Facts) -> list[str]:
    """A step without a rule is permitted by the machine; a forced one touches `escalated`, or it was placed."""
    if row["kind"] == "parked":
        return []
    permitted = refusal(row["source"], row["to"], facts) is None
    forced = "forced" in row["cause"] and State.ESCALATED in (row["source"], row["to"])
    return [] if permitted and (forced or row["cause"] == GO_LIVE) else ["nobody could force this step"]


def _situation(row: Row) -> Situation:
    return Situation(
        visited=frozenset(row["visited"]),
        spent=frozenset(row["spent"]),
        harsher_today=bool(row["harsher_today"]),
        awaiting=bool(row["awaiting"]),
        delivered_today=bool(row["delivered_today"]),
        undelivered=bool(row["undelivered"]),
        kept=row.get("kept", ""),
    )

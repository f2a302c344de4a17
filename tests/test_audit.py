"""`audit verify` passes on an honest journal, and names the row when somebody has been at it."""

import datetime as dt
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from arflow import audit
from arflow.audit import verify
from arflow.errors import ArflowError
from arflow.rules.decide import Evaluator
from arflow.rules.engine import DurableRules
from arflow.rules.reference import Reference
from arflow.store import database, journal
from tests.production import activate, known_ids, step, take_in, write_events
from tests.test_advance import POLICY, events_of

pytestmark = pytest.mark.database
_EVALUATORS: dict[str, Evaluator] = {"the reference evaluator": Reference(), "durable_rules": DurableRules()}


@pytest.fixture
def journalled(engine: Engine, tmp_path: Path) -> Engine:
    """Two accounts with a step and an effect each, and a payment that resolves them."""
    step(engine, dt.date(2026, 1, 4))
    activate(engine, POLICY)
    paid = [
        {"event": "payment", "account": f"A{n:04}", "date": "2026-01-25", "id": "P2", "amount": "30.00"}
        for n in range(2)
    ]
    take_in(engine, write_events(tmp_path / "events.jsonl", [*events_of(2), *paid]))
    step(engine, dt.date(2026, 1, 31))
    return engine


def _findings(engine: Engine) -> list[tuple[str, int, str]]:
    with engine.connect() as connection:
        found = verify(connection, _EVALUATORS, list(known_ids(engine)))
    assert 4 == found.decisions or found.findings
    return [(finding.account, finding.seq, finding.what) for finding in found.findings]


def tamper(engine: Engine, change: Callable[[Connection], object]) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE journal DISABLE TRIGGER ALL"))
        change(connection)
        connection.execute(text("ALTER TABLE journal ENABLE TRIGGER ALL"))


def _execute(statement: str) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(text(statement))


def test_an_honest_journal_passes(journalled: Engine) -> None:
    """Every chain holds, and every decision follows from its facts."""
    assert [] == _findings(journalled)


@pytest.mark.parametrize(
    ("statement", "seq", "what"),
    [
        ("UPDATE journal SET cause = 'payment' WHERE account_id = 'A0001' AND seq = 1", 1, "edited or inserted"),
        ("UPDATE journal SET actor = 'x' WHERE account_id = 'A0001' AND seq = 3", 3, "edited or inserted"),
        (
            "UPDATE journal SET details = details || '{\"reason\": \"x\"}' WHERE account_id = 'A0001' AND seq = 2",
            2,
            "edited",
        ),
        ("DELETE FROM journal WHERE account_id = 'A0001' AND seq = 1", 1, "missing"),
        ("DELETE FROM journal WHERE account_id = 'A0001' AND seq = 2", 2, "missing"),
        ("DELETE FROM journal WHERE account_id = 'A0001' AND seq = 3", 3, "the last row is missing"),
        ("DELETE FROM journal WHERE account_id = 'A0001'", 1, "the last row is missing"),
        (
            """INSERT INTO journal SELECT account_id, 4, at, "on", clock, kind, cause, actor, rule, source, "to",
               policy_version, details, hash, hash FROM journal WHERE account_id = 'A0001' AND seq = 3""",
            4,
            "edited or inserted",
        ),
    ],
)
def test_a_changed_journal_names_the_row(journalled: Engine, statement: str, seq: int, what: str) -> None:
    """An edited, inserted or removed row is named, the last one too; the other account is not accused."""
    tamper(journalled, _execute(statement))
    found = _findings(journalled)
    assert [("A0001", seq)] == [(account, row) for account, row, _ in found]
    assert what in found[0][2]


def test_a_state_that_no_step_leads_to_is_named(journalled: Engine) -> None:
    """The account's state is that of its last step."""
    with journalled.begin() as connection:
        connection.execute(text("UPDATE account SET state = 'called' WHERE id = 'A0001'"))
    assert [("A0001", 3, "the account stands in `called`, its journal says `resolved`")] == _findings(journalled)


def test_a_rehashed_decision_must_still_follow_from_its_facts(journalled: Engine) -> None:
    """Somebody who edits the facts and mends all hashes is found out by the rules, by both evaluators."""

    def forge(connection: Connection) -> None:
        rows = journal.of_accounts(connection, ["A0001"])["A0001"]
        rows[0]["details"]["facts"]["days_overdue"] = 2
        previous = None
        for row in rows:
            row["previous"], row["hash"] = previous, journal.digest(row, previous)
            previous = row["hash"]
        connection.execute(text("DELETE FROM journal WHERE account_id = 'A0001'"))
        journal.append(connection, rows)
        connection.execute(text("UPDATE account SET journal_head = :head WHERE id = 'A0001'"), {"head": previous})

    tamper(journalled, forge)
    found = _findings(journalled)
    assert [("A0001", 1), ("A0001", 1)] == [(account, seq) for account, seq, _ in found]
    assert {"by the reference evaluator", "by durable_rules"} == {what.split(",")[0] for _, _, what in found}


def test_processes_find_together_what_one_finds(journalled: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """All see one moment: what is written once it has begun is nobody's finding."""
    monkeypatch.setattr(audit, "AT_ONCE", 1)
    tamper(journalled, _execute("UPDATE journal SET actor = 'x' WHERE account_id = 'A0001' AND seq = 3"))
    with database.one_moment(journalled) as connection:
        alone = audit.verify_all(connection, (), lambda *_: None)
        tamper(journalled, _execute("UPDATE journal SET actor = 'x' WHERE account_id = 'A0000' AND seq = 1"))
        assert alone == audit.verify_all(connection, (), lambda *_: None, processes=2)
    assert [("A0001", 3)] == [(one.account, one.seq) for one in alone.findings]
    assert (2, 6) == (alone.accounts, alone.rows)


def test_every_account_is_looked_at_once(journalled: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether or not the last batch is full."""
    for size in (1, 2, 3):
        monkeypatch.setattr(audit, "AT_ONCE", size)
        with database.one_moment(journalled) as connection:
            assert 2 == audit.verify_all(connection, (), lambda *_: None).accounts


def test_a_killed_process_is_no_audit(journalled: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, and nothing is taken for checked."""
    monkeypatch.setattr(audit, "_verified", _killed)
    with (
        database.one_moment(journalled) as connection,
        pytest.raises(ArflowError, match="a process of the audit ended before its work was done"),
    ):
        audit.verify_all(connection, (), lambda *_: None, processes=2)


def _killed(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)

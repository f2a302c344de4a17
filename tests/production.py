"""Drives the production code on a stepped clock, and reads its journal as a replay would print it."""

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from arflow import clock
from arflow.advance import BATCH, Engineering, drain, run_due, turn_delivery
from arflow.cli import driven
from arflow.ledger import importing
from arflow.ledger.importing import Options, Report
from arflow.ledger.profiles import Profile
from arflow.rules.decide import Evaluator
from arflow.rules.engine import DurableRules
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.store import accounts, policies

POLICIES = Path(__file__).parents[1] / "arflow" / "rules"
STANDARD = ("standard-usd", "standard-eur", "standard-gbp")
_EVALUATOR = DurableRules()


@cache
def standard(name: str) -> Policy:
    """A shipped policy; reading its YAML takes longer than most tests do with it."""
    return load_policy((POLICIES / f"{name}.yaml").read_bytes(), file=name)


def step(engine: Engine, until: dt.date, evaluator: Evaluator = _EVALUATOR, delivery: str = "instant") -> None:
    """Step the business clock to the end of `until`, running everything due, in order."""
    driven.step_through(engine, until, lambda *_: None, Engineering(evaluator=evaluator, delivery=delivery))


def run(engine: Engine, doors: Engineering, limit: int = BATCH) -> None:
    """Run everything that is due, batch by batch, as the workers do."""
    while drain(engine, doors, limit=limit) is not None:
        pass


def turn(engine: Engine, *, is_on: bool) -> bool:
    """Turn the delivery switch; gives whether that changed anything."""
    with engine.begin() as connection:
        return turn_delivery(connection, is_on=is_on, actor="lena", reason="because")


def activate(engine: Engine, policy: Policy) -> None:
    """Make `policy` active, and let every account see it."""
    driven.activate(engine, policy, "for a test", "tester", lambda *_: None)


def take_in(engine: Engine, path: Path, profile: Profile | None = None, **options: bool) -> Report:
    """Import a file and run what is due after it."""
    with engine.begin() as connection:
        now = clock.read(connection)
        chosen = Options(profile=profile, **options)  # type: ignore[arg-type]  # only its flags
        report = importing.import_file(connection, path, now, chosen, lambda *_: None)
    for _ in run_due(engine, now, Engineering(evaluator=_EVALUATOR)):
        pass
    return report


def write_events(path: Path, events: Iterable[dict[str, Any]]) -> Path:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    return path


def journal_lines(engine: Engine) -> list[str]:
    """Every step, effect and parking in the journal, as the replay prints them, sorted."""
    query = "SELECT * FROM journal WHERE kind IN ('step', 'effect', 'parked')"
    with engine.connect() as connection:
        return sorted(_line(dict(row)) for row in connection.execute(text(query)).mappings())


def replay_lines(lines: Iterable[Any]) -> list[str]:
    """A replay's lines, sorted and comparable."""
    return sorted(json.dumps(line, sort_keys=True, default=str) for line in lines)


def _line(row: dict[str, Any]) -> str:
    details = row["details"]
    line = {
        "kind": row["kind"],
        "date": row["on"].isoformat(),
        "time": f"{row['clock']:%H:%M}",
        "account": row["account_id"],
        "rule": row["rule"],
    }
    if row["kind"] == "step":
        line |= {"from": row["source"], "to": row["to"], "cause": row["cause"]}
    elif row["kind"] == "effect":
        line |= {"effect": details["effect"], "name": details["name"]}
    else:
        line |= {"to": row["to"], "cause": row["cause"], "reason": details.get("reason", "")}
    return json.dumps(line, sort_keys=True)


def states(engine: Engine) -> dict[str, tuple[str, int]]:
    """Each account's state and what is open of it."""
    query = """SELECT account.id, state, (SELECT coalesce(sum(open), 0) FROM item WHERE account_id = account.id) AS open
               FROM account"""
    with engine.connect() as connection:
        return {row.id: (row.state, int(row.open)) for row in connection.execute(text(query))}


def known_ids(engine: Engine) -> Sequence[str]:
    """Every account's id."""
    with engine.connect() as connection:
        return accounts.all_ids(connection, limit=100_000)


__all__ = ["activate", "journal_lines", "policies", "replay_lines", "standard", "states", "step", "take_in"]

"""An account with one overdue invoice, and a policy that has it."""

import json
import tempfile
from pathlib import Path

from sqlalchemy import Engine

from arflow import clock
from arflow.advance import Engineering, activate, drain
from arflow.ledger import importing
from arflow.rules.engine import DurableRules
from arflow.rules.loader import load_policy

NAME = "A"
_POLICY = b"""
policy: quiet
currency: USD
rules:
  - {id: late, from: current, when: days_overdue >= 3000, to: called, why: Very late.}
"""


def open_account(engine: Engine, name: str = NAME) -> None:
    """Import an account of which nothing is due."""
    event = {"event": "account", "account": name, "date": "2026-01-01", "currency": "USD", "timezone": "UTC"}
    with tempfile.TemporaryDirectory() as folder, engine.begin() as connection:
        file = Path(folder) / "books.jsonl"
        file.write_text(json.dumps(event) + "\n")
        activate(connection, load_policy(_POLICY, file="quiet.yaml", templates=None), message="", actor="test")
        importing.import_file(connection, file, clock.read(connection), importing.Options(profile=None), _quietly)
    engineering = Engineering(evaluator=DurableRules(), delivery="recorded")
    while drain(engine, engineering):
        pass


def _quietly(*_: object) -> None:
    """Nobody watches."""

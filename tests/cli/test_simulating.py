"""`arflow policy simulate`: what a policy would have done and will do, as tables and as JSON; nothing is written."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from arflow.trial.told import UNKNOWABLE
from tests.cli.books import POLICY, contents
from tests.cli.conftest import Command
from tests.cli.test_commands_doc import _fields, _first_column
from tests.production import take_in, write_events

pytestmark = pytest.mark.database

SOONER = POLICY.replace("days_overdue >= 10", "days_overdue >= 5")
PARKING = SOONER + "never: [{id: not-yet, to: resolved, when: days_in_state >= 0}]\n"
"""What is paid is parked."""


@pytest.fixture
def sooner(tmp_path: Path) -> Path:
    return written(tmp_path, SOONER)


def written(folder: Path, source: str) -> Path:
    path = folder / "bakery.yaml"
    path.write_text(source)
    return path


def test_what_would_have_happened_is_told(asked: Command, lived: Engine, sooner: Path) -> None:
    """On how many accounts, by week, in all, where they stand, and for which it makes a difference."""
    before = contents(lived)
    said = asked("policy", "simulate", sooner)
    assert (0, "") == (said.status, said.err)
    assert "Tried on all 2 accounts in USD." in said.out.splitlines()[0]
    assert UNKNOWABLE in said.out
    past = (
        "The past, 2026-01-03 to 2026-02-28, as if each had always been in force. Nothing was known before 2026-01-04."
    )
    assert past in said.out
    rows = [line.split() for line in said.out.splitlines()]
    assert ["step", "reminded", "to", "called", "1", "2", "1"] in rows
    assert "2026-01-26 reminded to called (rule second)" in said.out
    assert "2026-01-21 reminded to called (rule second)" in said.out
    assert "It makes a difference for 2 accounts:" in said.out
    assert "It makes no difference for any account." in said.out  # in the days ahead
    assert before == contents(lived)


def test_programs_get_all_of_it(asked: Command, tmp_path: Path) -> None:
    """As docs/commands.md tells."""
    said = asked("policy", "simulate", written(tmp_path, PARKING), "--format", "json")
    assert (0, "") == (said.status, said.err)
    told = _first_column("policy simulate", "field")
    assert told == _fields([said.out])
    facts = json.loads(said.out)
    assert ["past", "ahead"] == [one["question"] for one in facts["questions"]]
    past = facts["questions"][0]
    assert ["`never` forbids it: not-yet"] == [one["name"] for one in past["parked"]]
    assert {"A", "B"} == {one["account"] for one in past["accounts"]}
    assert {"50.00", "0.00"} == {one["overdue"] for one in past["accounts"]}


def _asked(asked: Command, file: Path, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(asked("policy", "simulate", file, *options, "--format", "json").out)
    return found


def test_what_is_asked_for_can_be_narrowed(asked: Command, sooner: Path) -> None:
    """A question is left out with 0 days; fewer accounts are the same ones each time."""
    assert ["ahead"] == [one["question"] for one in _asked(asked, sooner, "--past", "0")["questions"]]
    (past,) = _asked(asked, sooner, "--ahead", "0", "--past", "40", "--differences", "1")["questions"]
    assert ("2026-01-20", 2, 1) == (past["start"], past["differing"], len(past["accounts"]))
    one = _asked(asked, sooner, "--accounts", "1")
    assert (1, 2) == (one["accounts"], one["of"])
    assert one == _asked(asked, sooner, "--accounts", "1")
    said = asked("policy", "simulate", sooner, "--accounts", "1", "--past", "0", "--ahead", "0")
    assert "Tried on 1 of 2 accounts in USD: whole families" in said.out


def test_where_there_is_nothing_to_try_it_on_that_is_said(asked: Command, tmp_path: Path) -> None:
    francs = POLICY.replace("currency: USD", "currency: CHF").replace("policy: bakery", "policy: alps")
    said = asked("policy", "simulate", written(tmp_path, francs))
    assert (0, True) == (said.status, "There is no account in CHF to try it on." in said.out)


def test_what_cannot_be_told_of_is_counted(asked: Command, lived: Engine, sooner: Path, tmp_path: Path) -> None:
    """Accounts that have not begun, and those in families too large to be taken."""
    unborn: dict[str, object] = {"event": "account", "date": "2026-09-01", "currency": "USD"}
    take_in(lived, write_events(tmp_path / "x.jsonl", [{**unborn, "account": "X"}]))
    said = asked("policy", "simulate", sooner)
    assert (0, 2) == (said.status, said.out.count("\nNot begun yet: 1.\n"))
    family = [{**unborn, "account": name, "pays_through": "X"} for name in ("Y", "Z")]
    take_in(lived, write_events(tmp_path / "y.jsonl", family))
    few = asked("policy", "simulate", sooner, "--accounts", "2")
    assert "Tried on 2 of 5 accounts in USD" in few.out
    assert "; 3 are in families too large to be taken." in few.out


def test_it_is_checked_first(asked: Command, nowhere: Command, tmp_path: Path) -> None:
    """As by `policy check`, before any database is opened."""
    wrong = written(tmp_path, SOONER.replace("days_overdue >= 5", "day_overdue >= 5"))
    assert nowhere("policy", "simulate", wrong).refused().startswith(f"{wrong} line 7: ")
    assert "is not in the range" in asked("policy", "simulate", wrong, "--past", "-1").refused()

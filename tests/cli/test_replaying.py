"""`arflow replay`: no database, and either all of the answer or one line that says why there is none."""

import json
from pathlib import Path

import pytest

from tests.cli.books import POLICY, invoice
from tests.cli.conftest import Command
from tests.production import write_events


@pytest.fixture
def replay(nowhere: Command, tmp_path: Path) -> Command:
    """Replays a late invoice with further arguments."""
    (tmp_path / "bakery.yaml").write_text(POLICY)
    events = write_events(tmp_path / "events.jsonl", [invoice("A")])
    return lambda *arguments: nowhere("replay", events, "--policy", tmp_path / "bakery.yaml", *arguments)


def test_every_line_is_json(replay: Command) -> None:
    """Steps and effects up to the day, inclusive, with the fields that the document names."""
    said = replay("--until", "2026-01-26")
    assert (0, "") == (said.status, said.err)
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [("step", "2026-01-19"), ("effect", "2026-01-19"), ("step", "2026-01-26"), ("effect", "2026-01-26")] == [
        (line["kind"], line["date"]) for line in lines
    ]


def test_without_a_day_it_ends_with_the_last_event(replay: Command) -> None:
    assert (0, "") == (replay().status, replay().out)


def test_states_at_a_day(replay: Command) -> None:
    (line,) = replay("--states-at", "2026-01-20").out.splitlines()
    fixed = {"kind": "state", "account": "A", "state": "reminded", "days_overdue": 4, "overdue_amount": "50.00"}
    assert fixed == json.loads(line)


@pytest.mark.parametrize("arguments", [(), ("--states-at", "2026-01-26")])
def test_a_table_for_people(replay: Command, arguments: tuple[str, ...]) -> None:
    said = replay("--until", "2026-01-26", "--format", "table", *arguments)
    assert (0, "") == (said.status, said.err)
    assert "called" in said.out
    with pytest.raises(json.JSONDecodeError):
        json.loads(said.out.splitlines()[0])


def test_every_day_comes_to_the_same(replay: Command) -> None:
    """Waking at every `act_at` says what jumping from wake to wake says."""
    assert replay("--until", "2026-02-26").out == replay("--until", "2026-02-26", "--every-day").out


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (
            {"event": "payment", "account": "A", "date": "2026-01-20", "id": "P", "amount": "1.00", "invoice": "I9"},
            "I9",
        ),
        ({"event": "policy", "date": "2026-01-20", "file": "none.yaml"}, "policy `none.yaml` cannot be read: No such"),
        ({"event": "policy", "date": "2026-01-20", "file": "."}, "policy `.` cannot be read: Is a directory"),
        ({"event": "account", "account": "A", "date": "2026-01-20", "pays_through": "A"}, "which is itself"),
        ({"event": "account", "account": "A", "date": "2026-01-20", "pays_through": "B"}, "which is unknown"),
    ],
    ids=str,
)
def test_a_refusal_leaves_no_half_answer(nowhere: Command, tmp_path: Path, event: dict[str, str], why: str) -> None:
    """What is found late, after accounts that would have printed steps, still prints nothing."""
    (tmp_path / "bakery.yaml").write_text(POLICY)
    events = write_events(tmp_path / "events.jsonl", [invoice("A"), event])
    said = nowhere("replay", events, "--policy", tmp_path / "bakery.yaml", "--until", "2026-02-28").refused()
    assert said.startswith(f"{events} line 2: ")
    assert why in said

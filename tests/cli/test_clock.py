"""`arflow advance` and `arflow migrate`: time goes forward only, and a schema that is up to date stays."""

import datetime as dt
import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from arflow.store import database
from tests.cli.books import POLICY, contents, invoice
from tests.cli.conftest import Command
from tests.production import states, write_events

pytestmark = pytest.mark.database

NEWEST = database.known_versions()[0]


def test_a_stepped_clock_lives_a_ledger_through(arflow: Command, engine: Engine, tmp_path: Path) -> None:
    """The commands of a first day: a clock, a policy, a ledger; and then as many days as wanted."""
    (tmp_path / "bakery.yaml").write_text(POLICY)
    write_events(tmp_path / "e.jsonl", [invoice("A")])
    for arguments in (
        ("advance", "--until", "2026-01-04"),
        ("policy", "activate", tmp_path / "bakery.yaml"),
        ("import", tmp_path / "e.jsonl"),
    ):
        assert 0 == arflow(*arguments).status
    assert arflow("advance", "--until", "2026-01-19").out.endswith("the clock stands at 2026-01-19\n")
    assert ("reminded", 5000) == states(engine)["A"]
    facts = json.loads(arflow("advance", "--until", "2026-01-26", "--format", "json").out)
    assert "2026-01-26" == facts["clock"]
    assert ("called", 5000) == states(engine)["A"]


def test_the_clock_never_goes_back(asked: Command, lived: Engine) -> None:
    """An earlier day is refused and changes nothing; the same day again is nothing new."""
    before = contents(lived)
    why = asked("advance", "--until", "2026-02-27").refused()
    assert "the business clock stands at the end of 2026-02-28 and never goes back to 2026-02-27" == why
    assert asked("advance", "--until", "2026-02-28").out.startswith("accounts were looked at 0 times")
    assert before == contents(lived)


def test_accounts_on_the_real_clock_are_not_stepped(arflow: Command, engine: Engine, tmp_path: Path) -> None:
    """A ledger that lives in real time cannot be sent through time."""
    assert 0 == arflow("import", write_events(tmp_path / "e.jsonl", [invoice("A")])).status
    before = contents(engine)
    why = arflow("advance", "--until", "2030-01-01").refused()
    assert "this database lives on the real clock and has accounts" in why
    assert before == contents(engine)


def test_without_a_day_everything_due_runs_up_to_now(arflow: Command, engine: Engine, tmp_path: Path) -> None:
    """On the real clock, and once only."""
    assert 0 == arflow("import", write_events(tmp_path / "e.jsonl", [invoice("A")])).status
    facts = json.loads(arflow("advance", "--format", "json").out)
    assert 0 == facts["looks"]
    assert dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(facts["clock"]) < dt.timedelta(minutes=1)


def test_a_schema_that_is_up_to_date_stays(asked: Command, lived: Engine) -> None:
    before = contents(lived)
    said = asked("migrate")
    assert (0, f"the schema is at {NEWEST} already\n", "") == (said.status, said.out, said.err)
    assert {"before": NEWEST, "after": NEWEST} == json.loads(asked("migrate", "--format", "json").out)
    assert before == contents(lived)


def test_payments_are_said_to_be_complete_and_what_waited_is_told(
    arflow: Command, engine: Engine, tmp_path: Path
) -> None:
    """Until then `explain` says why the letter waits; a date that is still to come is refused."""
    guarded = POLICY.replace("rules:", "guards: {fresh_cash: {max_age_hours: 48}}\nrules:", 1)
    (tmp_path / "bakery.yaml").write_text(guarded)
    for arguments in (
        ("advance", "--until", "2026-01-04"),
        ("policy", "activate", tmp_path / "bakery.yaml"),
        ("import", write_events(tmp_path / "e.jsonl", [invoice("A")])),
        ("advance", "--until", "2026-01-19"),
    ):
        assert 0 == arflow(*arguments).status
    waiting = json.loads(arflow("explain", "A", "--format", "json").out)["waiting"]
    assert ["nobody has said yet that payments are complete"] == [one["because"] for one in waiting]
    assert "payments" in needs(arflow)
    assert "is still to come" in arflow("payments-complete", "--through", "2026-01-20").refused()
    assert "payments are complete through 2026-01-18\n" == arflow("payments-complete", "--through", "2026-01-18").out
    assert 0 == arflow("advance", "--until", "2026-01-20").status
    assert [] == json.loads(arflow("explain", "A", "--format", "json").out)["waiting"]
    assert 0 == arflow("advance", "--until", "2026-01-22").status
    paid = {"event": "payment", "account": "A", "date": "2026-01-20", "id": "P1", "amount": "1.00"}
    bad = write_events(tmp_path / "bad.jsonl", [paid, {**paid, "id": "P2", "invoice": "UNKNOWN"}])
    said = arflow("import", bad, "--accept-rejects", "--payments-complete")
    assert (0, True) == (said.status, "payments are not noted as complete" in said.out)
    other = write_events(tmp_path / "other.jsonl", [{**paid, "amount": "2.00"}])
    for words, is_noted in (((), False), (("--corrections",), True)):
        said = arflow("import", other, "--payments-complete", "--format", "json", *words)
        assert is_noted == json.loads(said.out)["payments_complete"] == ("payments" not in needs(arflow))


def needs(arflow: Command) -> list[str]:
    """What needs a person."""
    return [need["what"] for need in json.loads(arflow("status", "--format", "json").out)["needs"]]

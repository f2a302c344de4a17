"""`arflow policy prove`: claims about a policy, proved or shown to fail; a no is exit status 1."""

import json
from pathlib import Path

import pytest

import arflow.rules
from tests.cli.books import POLICY
from tests.cli.conftest import Command

STANDARD = Path(arflow.rules.__file__).with_name("standard-usd.yaml")
CAREFUL = """\
policy: careful
currency: USD
catch_up: one_step
rules:
  - {id: paid, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}
  - {id: again, from: resolved, when: gross_overdue_amount > 0, to: current, why: Due again.}
  - {id: write, from: [current, promised, disputed], when: days_overdue >= 5, to: reminded, why: Late.}
  - id: ring
    from: reminded
    when: days_overdue >= 14 and days_since_contact >= 3
    do: [{call: collections}]
    repeat_after_days: 3
    why: Later.
never:
  - {id: no-court, to: escalated, when: overdue_amount < 500.00}
"""


@pytest.fixture
def careful(tmp_path: Path) -> Path:
    """A policy of which all is proved."""
    path = tmp_path / "careful.yaml"
    path.write_text(CAREFUL + "examples: []\n")
    return path


def test_all_is_proved(nowhere: Command, careful: Path) -> None:
    said = nowhere("policy", "prove", careful)
    assert (0, "") == (said.status, "\n".join(line for line in said.err.splitlines() if "unapplied" not in line))
    first, *_, last = said.out.splitlines()
    assert "proved     `no-court` (line 15): no rule leads to `escalated` while overdue_amount < 500.00" == first
    assert "careful: 7 of 7 claims proved" == last


def test_the_standard_policy_is_proved(nowhere: Command) -> None:
    said = nowhere("policy", "prove", STANDARD, "--no-contact-while", '"represented" in tags')
    assert 0 == said.status
    assert said.out.endswith("standard-usd: 11 of 11 claims proved\n")


def test_what_fails_is_a_no_and_shows_an_account(nowhere: Command, careful: Path) -> None:
    """One line on standard error; the account and the rule in the output, and as fields."""
    asked = (careful, "--no-contact-while", "days_since_contact < 7", "--no-move-while", "called", "on_hold")
    said = nowhere("policy", "prove", *asked)
    assert 1 == said.status
    why = "no rule writes or calls while days_since_contact < 7"
    assert f"{careful}: 1 of 9 claims are not proved; the first fails: {why}" == said.why()
    assert f"fails      {why}\n           rule `ring` (line 8) fires: an account in `reminded` with " in said.out
    facts = json.loads(nowhere("policy", "prove", *asked, "--format", "json").out)
    assert (9, 8) == (facts["claims"], facts["proved"])
    (failed,) = [finding for finding in facts["findings"] if finding["verdict"] == "fails"]
    (witness,) = failed["witnesses"]
    assert ("asked", "reminded", "ring") == (failed["kind"], witness["state"], witness["rule"])
    assert {"days_overdue": "14", "days_since_contact": "3"}.items() <= witness["facts"].items()
    assert ["invoice", "contact"] == [event["event"] for event in witness["events"]]
    assert "\n             it comes so: 2025-12-31 invoice (id: I1, amount: 0.01, due: 2026-01-14); " in said.out


def test_a_condition_that_cannot_be_read_is_refused(nowhere: Command, careful: Path) -> None:
    why = nowhere("policy", "prove", careful, "--no-contact-while", "days_overdu > 3").refused()
    assert "the condition `days_overdu > 3`: unknown fact `days_overdu` (did you mean `days_overdue`?)" == why
    why = nowhere("policy", "prove", careful, "--no-move-while", "caled", "on_hold").refused()
    assert "'caled' is not one of" in why


def test_of_many_accounts_few_are_told(nowhere: Command, tmp_path: Path) -> None:
    many = "".join(
        f"  - {{id: r{at}, from: current, when: days_overdue == {at + 1}, do: [{{call: q}}], why: W.}}\n"
        for at in range(9)
    )
    file = tmp_path / "many.yaml"
    file.write_text(CAREFUL.replace("never:\n", many + "never:\n"))
    said = nowhere("policy", "prove", file, "--no-contact-while", "days_overdue < 100")
    assert "           and 5 more\n" in said.out
    assert 5 == said.out.count("rule `r")


def test_a_policy_with_a_mistake_is_not_proved(nowhere: Command, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(POLICY.replace("days_overdue >= 10", "day_overdue >= 10"))
    assert "did you mean `days_overdue`?" in nowhere("policy", "prove", file).refused()

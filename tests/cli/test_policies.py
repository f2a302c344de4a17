"""`arflow policy`: check, test and activate; a policy whose examples fail never becomes active."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.cli.books import POLICY, contents
from tests.cli.conftest import Command
from tests.production import states

pytestmark = pytest.mark.database

OTHERWISE = POLICY.replace("days_overdue >= 10", "days_overdue >= 60")
WRONG = POLICY.replace("{date: 2026-01-18, state: current}", "{date: 2026-01-18, state: reminded}")
WHY = "1 of 1 examples fail (`late payer`); `late payer`: on 2026-01-18 account `A` is current, expected reminded"


@pytest.fixture
def bakery(tmp_path: Path) -> Path:
    """A policy whose example passes."""
    return _file(tmp_path, POLICY)


def _file(folder: Path, source: str) -> Path:
    path = folder / "bakery.yaml"
    path.write_text(source)
    return path


def _activations(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT message, actor FROM policy_activation ORDER BY id"))
        return [(row.message, row.actor) for row in found]


def test_a_policy_without_errors_is_checked(nowhere: Command, bakery: Path) -> None:
    """Its name, how many rules, and the version that it would be; no database is needed."""
    said = nowhere("policy", "check", bakery)
    assert 0 == said.status
    assert said.out.startswith("bakery: 3 rules, version ")
    facts = json.loads(nowhere("policy", "check", bakery, "--format", "json").out)
    assert ("bakery", "USD", 3, 1) == tuple(facts[name] for name in ("policy", "currency", "rules", "examples"))
    assert facts["version"][:12] in said.out


def test_warnings_are_no_errors(nowhere: Command, bakery: Path) -> None:
    """What is most likely not meant is told on standard error, or as a field; the policy is still all right."""
    facts = json.loads(nowhere("policy", "check", bakery, "--format", "json").out)
    said = nowhere("policy", "check", bakery)
    assert 0 == said.status
    assert "line 6: rule `first` writes or calls without looking at `unapplied_amount`" == facts["warnings"][0]
    assert [f"{bakery} {warning}" for warning in facts["warnings"]] == said.err.splitlines()


def test_a_policy_with_an_error_is_refused(nowhere: Command, tmp_path: Path) -> None:
    """One line with file, line and what was meant."""
    file = _file(tmp_path, POLICY.replace("days_overdue >= 10", "day_overdue >= 10"))
    why = nowhere("policy", "check", file).refused()
    assert why.startswith(f"{file} line 7: ")
    assert "did you mean `days_overdue`?" in why


def test_all_that_is_wrong_is_told_a_line_each(nowhere: Command, tmp_path: Path) -> None:
    wrong = POLICY.replace("days_overdue >= 10", "day_overdue >= 10").replace("currency: USD", "currency: USDD")
    file = _file(tmp_path, wrong)
    said = nowhere("policy", "check", file)
    assert (2, "") == (said.status, said.out)
    first, second = said.err.splitlines()
    assert first.startswith(f"arflow: {file} line 3: ")
    assert second.startswith(f"arflow: {file} line 7: ")


def test_examples_that_pass(nowhere: Command, bakery: Path) -> None:
    said = nowhere("policy", "test", bakery)
    assert (0, "bakery: 1 of 1 examples pass\n", "") == (said.status, said.out, said.err)


def test_an_example_that_fails_is_a_no(nowhere: Command, tmp_path: Path) -> None:
    """Exit status 1; the failure stands in the output, and in the one line on standard error."""
    file = _file(tmp_path, WRONG)
    said = nowhere("policy", "test", file)
    assert 1 == said.status
    assert f"{file} line 9: {WHY}" == said.why()
    assert "example `late payer` (line 9): on 2026-01-18 account `A` is current, expected reminded" in said.out
    facts = json.loads(nowhere("policy", "test", file, "--format", "json").out)
    assert (1, 0, ["late payer"]) == (facts["examples"], facts["passed"], [f["example"] for f in facts["failures"]])


def test_examples_of_one_name_are_counted_each(nowhere: Command, tmp_path: Path) -> None:
    """Two of three fail, and they have the name of the third."""
    rest = POLICY[POLICY.index("  - name: late payer") :]
    twice = rest.replace("{date: 2026-01-18, state: current}", "{date: 2026-01-18, state: reminded}")
    said = nowhere("policy", "test", _file(tmp_path, POLICY + twice + twice))
    assert "bakery: 1 of 3 examples pass" == said.out.splitlines()[-1]
    assert "2 of 3 examples fail (`late payer`, `late payer`)" in said.why()


def test_a_policy_is_activated(asked: Command, lived: Engine, tmp_path: Path) -> None:
    """Every account is looked at anew under it, and who did it and why is kept."""
    said = asked("policy", "activate", _file(tmp_path, OTHERWISE), "--message", "a week later", "--actor", "Ada")
    assert (0, "") == (said.status, said.err)
    assert "bakery is active in version " in said.out
    assert "3 accounts were looked at" in said.out
    assert ("a week later", "Ada") == _activations(lived)[-1]


def test_the_same_version_again_is_harmless(asked: Command, lived: Engine, bakery: Path) -> None:
    """The states stay, nothing is sent twice, and the second activation is on record."""
    before = states(lived)
    facts = json.loads(asked("policy", "activate", bakery, "--format", "json").out)
    assert ("bakery", 3) == (facts["policy"], facts["looks"])
    assert before == states(lived)
    assert 2 == len(_activations(lived))
    assert 0 == asked("audit", "verify").status


def test_a_policy_whose_examples_fail_is_not_activated(asked: Command, lived: Engine, tmp_path: Path) -> None:
    """It says which examples, and the database stays as it was."""
    before, file = contents(lived), _file(tmp_path, WRONG)
    said = asked("policy", "activate", file)
    assert (1, "") == (said.status, said.out)
    assert f"{file} line 9: {WHY}" == said.why()
    assert before == contents(lived)


def test_an_example_that_cannot_be_read_fails(nowhere: Command, tmp_path: Path) -> None:
    """An event that no ledger could hold is the example's fault, and said with its reason at its own line."""
    file = _file(tmp_path, POLICY.replace("due: 2026-01-16", "due: 2026-02-30"))
    said = nowhere("policy", "test", file)
    what = "`due` `2026-02-30` does not exist"
    assert (1, f"example `late payer` (line 11): {what}") == (said.status, said.out.splitlines()[0])
    assert f"{file} line 11: 1 of 1 examples fail (`late payer`); `late payer`: {what}" == said.why()


def test_a_policy_that_begins_with_a_byte_order_mark(asked: Command, tmp_path: Path) -> None:
    """Some editors write one; it is no part of the document, and the version is that of the rest."""
    marked = tmp_path / "marked.yaml"
    marked.write_bytes(b"\xef\xbb\xbf" + POLICY.encode())
    plain = json.loads(asked("policy", "check", _file(tmp_path, POLICY), "--format", "json").out)
    facts = json.loads(asked("policy", "activate", marked, "--format", "json").out)
    assert plain["version"] == facts["version"]


def test_a_policy_with_windows_line_ends(asked: Command, tmp_path: Path) -> None:
    """They are part of the document, whose bytes are its version."""
    file = tmp_path / "windows.yaml"
    file.write_bytes(POLICY.replace("\n", "\r\n").encode())
    assert 0 == asked("policy", "activate", file).status
    assert 0 == asked("audit", "verify").status

"""`arflow policy diff`: what is different in a file, seen from another one or from the active version."""

import json
from pathlib import Path

import pytest

from tests.cli.books import POLICY
from tests.cli.conftest import Command

pytestmark = pytest.mark.database

CHANGED = (
    POLICY.replace("days_overdue >= 10", "days_overdue >= 5")
    .replace("title: A bakery's\n", "title: Cakes\n")
    .replace(
        "  - {id: paid-up",
        "  - {id: more, from: called, when: days_in_state >= 9, to: escalated, why: So.}\n  - {id: paid-up",
    )
)


def written(path: Path, source: str) -> Path:
    path.write_text(source)
    return path


def test_a_file_is_seen_from_another_one(nowhere: Command, tmp_path: Path) -> None:
    """Each key with what it was and is, what was added and what is gone; no database is needed."""
    now, was = written(tmp_path / "now.yaml", CHANGED), written(tmp_path / "was.yaml", POLICY)
    said = nowhere("policy", "diff", now, was)
    assert 0 == said.status
    assert [
        f"{now}, seen from {was}:",
        "rule more: added, at place 1",
        "  from",
        "    now called",
        "  when",
        "    now days_in_state >= 9",
        "  to",
        "    now escalated",
        "  why",
        "    now So.",
        "rule second: changed",
        "  when",
        "    was days_overdue >= 10",
        "    now days_overdue >= 5",
        "settings:",
        "  title",
        "    was A bakery's",
        "    now Cakes",
    ] == said.out.splitlines()
    back = nowhere("policy", "diff", was, now).out
    assert "rule more: removed, from place 1\n" in back


def test_what_moved_is_told_with_its_places(nowhere: Command, tmp_path: Path) -> None:
    first, second = POLICY.splitlines()[5:7]
    moved = POLICY.replace(f"{first}\n{second}", f"{second}\n{first}")
    said = nowhere("policy", "diff", written(tmp_path / "now.yaml", moved), written(tmp_path / "was.yaml", POLICY))
    assert "moved, from place" in said.out


def test_a_file_is_seen_from_the_active_version(asked: Command, tmp_path: Path) -> None:
    """Also to programs; the exit status is 0 in any case."""
    said = asked("policy", "diff", written(tmp_path / "now.yaml", CHANGED))
    assert (0, True) == (said.status, "seen from the active version" in said.out)
    facts = json.loads(asked("policy", "diff", tmp_path / "now.yaml", "--format", "json").out)
    assert (False, ["more", "second"]) == (facts["same"], [rule["id"] for rule in facts["rules"]])
    assert facts["seen_from"]["version"] != facts["version"]
    same = written(tmp_path / "same.yaml", f"# the same\n{POLICY}")
    said = asked("policy", "diff", same)
    assert (0, True) == (said.status, said.out.endswith("mean the same\n"))
    facts = json.loads(asked("policy", "diff", same, "--format", "json").out)
    assert (True, [], []) == (facts["same"], facts["rules"], facts["settings"])


def test_without_an_active_version_a_second_file_is_asked_for(asked: Command, tmp_path: Path) -> None:
    file = written(tmp_path / "cakes.yaml", POLICY.replace("policy: bakery", "policy: cakes"))
    why = asked("policy", "diff", file).refused()
    assert "no version of the policy `cakes` is active here; name a second file to compare with" == why


def test_what_cannot_be_read_is_refused(nowhere: Command, tmp_path: Path) -> None:
    wrong = written(tmp_path / "wrong.yaml", POLICY.replace("days_overdue >= 10", "day_overdue >= 10"))
    right = written(tmp_path / "right.yaml", POLICY)
    assert nowhere("policy", "diff", right, wrong).refused().startswith(f"{wrong} line 7: ")
    assert nowhere("policy", "diff", tmp_path / "none.yaml", right).refused().startswith(f"{tmp_path}/none.yaml: ")

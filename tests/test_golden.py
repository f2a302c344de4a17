"""The golden timelines of the contract come out line by line, and its refusals are one line each."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from arflow import cli
from arflow.rules.decide import Evaluator
from arflow.rules.engine import DurableRules
from arflow.rules.reference import Reference
from tests import played

REFUSED = "refused.yaml"
PLAIN = {
    "policy": "policy: p\ncurrency: USD\nrules:\n  - {id: a, from: current, when: days_overdue >= 3, to: reminded}\n",
    "events": '{"account": "A", "date": "2026-01-05", "event": "hold"}\n',
}
"""What stands beside a file that is refused."""


def test_every_timeline_comes_out_from_wake_to_wake_and_every_day(golden: Path) -> None:
    """With the reference evaluator."""
    assert _wrong(golden, Reference()) == []


def test_the_evaluator_of_production_comes_to_the_same(golden: Path) -> None:
    """In a process of its own, which compiles each policy once and gives the memory back."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.test_golden", str(golden)]
    ended = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_every_refusal_is_one_line_that_names_file_and_line(
    golden: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command ends with 2 and prints nothing but that line, on standard error."""
    monkeypatch.chdir(tmp_path)
    for case in _content(golden / REFUSED):
        for name, key in ((played.POLICY, "policy"), (played.EVENTS, "events")):
            Path(name).write_text(case.get(key, PLAIN[key]), "utf-8")
        status = cli.run(["replay", played.EVENTS, "--policy", played.POLICY])
        printed = capsys.readouterr()
        assert (status, printed.out, printed.err.count("\n")) == (2, "", 1), case["says"]
        file = played.EVENTS if "events" in case else played.POLICY
        assert _names(printed.err, file, case.get("line")), (case["says"], printed.err)


def _names(text: str, file: str, line: int | None) -> bool:
    """Whether `text` names the file, and after it the line where one is expected."""
    if file not in text:
        return False
    return line is None or re.search(rf"(?<!\d){line}(?!\d)", text.split(file, 1)[1]) is not None


def _wrong(folder: Path, evaluator: Evaluator) -> list[str]:
    """What does not come out as the timelines in `folder` say."""
    timelines = [played.Timeline(**_content(path)) for path in sorted(folder.glob("[0-9]*.yaml"))]
    if not timelines:
        return [f"no timelines in {folder}"]
    found = [played.difference(told, evaluator, every_day=daily) for told in timelines for daily in (False, True)]
    return [wrong for wrong in found if wrong]


def _content(path: Path) -> Any:  # noqa: ANN401  # whatever stands in the file
    return YAML(typ="safe", pure=True).load(path)


if __name__ == "__main__":
    sys.exit("\n".join(_wrong(Path(sys.argv[1]), DurableRules())) or 0)

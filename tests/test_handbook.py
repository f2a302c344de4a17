"""The documents say what the code says: generated parts are fresh, and what stands as a policy is one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from arflow.errors import Refused
from arflow.examples import failures
from arflow.handbook import PAGES, PARTS, mistakes, pictures, rewrite, written
from arflow.handbook.markdown import code, table
from arflow.handbook.mistakes import MISTAKES, Mistake
from arflow.handbook.timelines import links, named
from arflow.rules.loader import load_policy
from arflow.rules.reference import Reference
from arflow.rules.templates import KNOWN

FOLDER = Path(__file__).parents[1]
PRESENT = [name for name in PAGES if (FOLDER / name).is_file()]
POLICIES = (FOLDER / "docs" / "policies.md").read_text("utf-8")
WRITTEN_POLICIES = re.findall(r"^```yaml\n(.*?)^```$", POLICIES, re.DOTALL | re.MULTILINE)
ANY_RULE = "rules:\n  - {id: held, from: current, when: on_hold, do: [{tag: held}], why: Held.}\n"


@pytest.mark.parametrize("name", PRESENT)
def test_generated_parts_are_fresh(name: str) -> None:
    """`python -m arflow.handbook` makes them so."""
    page = (FOLDER / name).read_text("utf-8")
    assert written(page) == page


def whole(part: str) -> str:
    """A policy around a part of one."""
    if part.startswith("policy:"):
        return part
    return "policy: part\ncurrency: EUR\n" + part + ("" if "rules:" in part else ANY_RULE)


@pytest.mark.parametrize("part", WRITTEN_POLICIES, ids=range(len(WRITTEN_POLICIES)))
def test_policies_in_the_page_check_without_a_warning_and_their_examples_pass(part: str) -> None:
    policy = load_policy(whole(part), file="policies.md", templates=KNOWN)
    assert policy.warnings == ()
    assert failures(policy, Reference()) == []


@pytest.mark.parametrize("name", ["standard-eur", "standard-gbp", "standard-usd"])
def test_the_standard_policies_check_without_a_warning_and_their_examples_pass(name: str) -> None:
    policy = load_policy((FOLDER / "arflow" / "rules" / f"{name}.yaml").read_bytes(), file=name, templates=KNOWN)
    assert policy.warnings == ()
    assert failures(policy, Reference()) == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.what)
def test_every_mistake_is_refused_in_the_line_where_it_stands(mistake: Mistake) -> None:
    with pytest.raises(Refused) as refused:
        load_policy(mistake.document, file="example", templates=KNOWN)
    lines = mistake.document.splitlines()
    assert mistake.written in lines[(refused.value.line or 0) - 1]


def test_what_is_no_mistake_cannot_stand_among_them() -> None:
    with pytest.raises(ValueError, match="fine"):
        mistakes.refusal(Mistake("fine", "when", "days_overdue >= 4"))


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    page = "a\n<!-- generated: templates -->\nold\n<!-- end -->\nb <!-- end -->\n"
    before, after = "a\n<!-- generated: templates -->\n", "\n<!-- end -->\nb <!-- end -->\n"
    assert before + code("courtesy-note") == written(page)[: len(before) + 15]
    assert written(page).endswith(after)
    assert "old" not in written(page)
    assert written(page) == written(written(page))


def test_a_part_that_nobody_makes_is_refused_with_its_line() -> None:
    with pytest.raises(Refused, match="did you mean `facts`") as refused:
        written("one\ntwo\n<!-- generated: fact -->\n<!-- end -->\n")
    assert refused.value.line == 3


def test_every_part_but_diagrams_stands_in_some_page() -> None:
    """A diagram waits for README.md."""
    pages = "".join((FOLDER / name).read_text("utf-8") for name in PRESENT)
    assert {"diagram"} >= {name for name in PARTS if f"<!-- generated: {name}" not in pages}


def test_pages_are_rewritten_once(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("<!-- generated: states -->\n<!-- end -->\n", "utf-8")
    assert list(rewrite(tmp_path)) == ["README.md"]
    assert list(rewrite(tmp_path)) == []
    assert "`escalated`" in (tmp_path / "README.md").read_text("utf-8")


def test_the_command_says_what_is_new_or_what_is_wrong(tmp_path: Path) -> None:
    def run() -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "arflow.handbook"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    page = tmp_path / "README.md"
    page.write_text("<!-- generated: limits -->\n<!-- end -->\n", "utf-8")
    assert ((ended := run()).returncode, ended.stdout) == (0, "README.md is new\n")
    assert ((ended := run()).returncode, ended.stdout) == (0, "everything is as the code says\n")
    page.write_text("<!-- generated: limit -->\n<!-- end -->\n", "utf-8")
    assert ((ended := run()).returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("arflow.handbook: README.md line 1: nobody makes the part `limit`")


def test_a_diagram_is_a_block_of_mermaid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.yaml").write_text("policy: own\ncurrency: EUR\n" + ANY_RULE, "utf-8")
    monkeypatch.setattr(pictures, "FOLDER", tmp_path)
    assert pictures.diagram_of("own").startswith("```mermaid\nstateDiagram-v2\n")
    with pytest.raises(Refused, match=re.escape("no policy `owm` comes with arflow (did you mean `own`?)")):
        pictures.diagram_of("owm")


def test_links_lead_to_the_file_of_a_timeline_and_refusals_share_one() -> None:
    page = "One. [time-gap] Two. [refused-chain] [time-gap]\n[home](x.md)\n\n[time-gap]: old\n"
    assert {"time-gap", "refused-chain"} == named(page)
    refused, gap = links(page).splitlines()
    assert refused == "[refused-chain]: ../tests/timelines/refused.yaml"
    assert gap == "[time-gap]: ../tests/timelines/time-gap.yaml"


def test_cells_and_codes_survive_bars_and_backticks() -> None:
    assert table(["a"], [["x | y"]]) == "| a |\n| --- |\n| x \\| y |\n"
    assert code("a `b` c") == "`` a `b` c ``"


def test_words_are_explained_once() -> None:
    words = re.findall(r"^\| ([^|]+) \|", (FOLDER / "docs" / "words.md").read_text("utf-8"), re.MULTILINE)
    explained = [word.strip() for entry in words if entry not in ("word", "---") for word in entry.split(",")]
    assert [word for word in explained if explained.count(word) > 1] == []

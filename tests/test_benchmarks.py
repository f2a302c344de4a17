"""The benchmarks' shape: each row of what is to be measured has its module and its floors, and figures are told truly.

Nothing is measured here.
"""

import ast
import datetime as dt
import re
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from benchmarks import told
from benchmarks.__main__ import MODULES
from benchmarks.company import HERD_ZONE, LATER_ZONES, ZONES, large, morning, smaller
from benchmarks.measured import Floor, Measured, Rounds, figure
from benchmarks.peers import writes
from benchmarks.size import Size

ROWS = ("drain", "decide", "idle", "growth", "herd", "import", "policy", "replay", "pages", "memory", "far")
PLACE = told.Place(command="make bench", day=dt.date(2026, 11, 29), shape="2 cores")


def test_each_row_has_a_benchmark() -> None:
    assert set(ROWS) == set(MODULES)


@pytest.mark.parametrize("name", ROWS)
def test_each_benchmark_says_its_floors(name: str) -> None:
    """It has `run`, and gives one row, of its own name, with at least one floor."""
    spec = find_spec(f"benchmarks.{MODULES[name]}")
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    made = [
        {keyword.arg: keyword.value for keyword in call.keywords}
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "Measured"
    ]
    assert ["run"] == [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "run"]
    assert [name] == [ast.literal_eval(keywords["name"]) for keywords in made]
    assert "floors" in made[0]
    assert any(isinstance(call.func, ast.Name) and call.func.id == "Floor" for call in calls)


def rounds(*values: float) -> Rounds:
    return Rounds(label="ours", unit="accounts a second", values=values)


def test_the_median_and_the_spread_of_rounds() -> None:
    assert (20.0, 1.5) == (rounds(10, 20, 40).median, rounds(10, 20, 40).spread)
    assert (15.0, 0.0) == (rounds(15).median, rounds(15).spread)
    assert (25.0, 1.2) == (rounds(10, 20, 30, 40).median, rounds(10, 20, 30, 40).spread)
    assert (0.0, 0.0) == (rounds(0, 0).median, rounds(0, 0).spread)


@pytest.mark.parametrize(
    ("floor", "said"),
    [
        (Floor(text="40 times DBOS", wanted=40, found=41.26), "40 times DBOS: 41.3, holds"),
        (Floor(text="40 times DBOS", wanted=40, found=40), "40 times DBOS: 40, holds"),
        (Floor(text="40 times DBOS", wanted=40, found=15.5), "40 times DBOS: 15.5, short by 24.5"),
        (Floor(text="under 5 ms", wanted=5, found=4.999, at_most=True), "under 5 ms: 5, holds"),
        (
            Floor(text="under 5 ms", wanted=5, found=7.5, at_most=True, reason="a scan of what is dead"),
            "under 5 ms: 7.5, short by 2.5 (a scan of what is dead)",
        ),
        (Floor(text="findings", wanted=0, found=0, at_most=True, reason="none"), "findings: 0, holds"),
    ],
)
def test_a_floor_says_what_it_is_short_by(floor: Floor, said: str) -> None:
    assert said == str(floor)


def test_figures_have_three_digits_that_count() -> None:
    assert ["0", "0.00123", "1.23", "12.3", "123", "12,346"] == [
        figure(value) for value in (0, 0.001234, 1.234, 12.34, 123.4, 12345.6)
    ]


def measured(name: str, found: float) -> Measured:
    floor = Floor(text="twice the other", wanted=2, found=found)
    return Measured(name=name, what="accounts", rounds=(rounds(1, 2, 3),), floors=(floor,))


def test_a_table_has_a_line_for_each_floor() -> None:
    (held, short) = told.table([measured("drain", 2.5), measured("herd", 0.5)])
    assert "drain  twice the other  2.5  holds" == held
    assert "herd   twice the other  0.5  short by 1.5" == short


def test_results_keep_the_rows_of_others(tmp_path: Path) -> None:
    """What is measured anew takes the place of what it was, in the order of the rows; nothing else is touched."""
    file = tmp_path / "results.md"
    told.keep([measured("herd", 0.5)], PLACE, list(MODULES), file)
    told.keep([measured("drain", 1.5)], PLACE, list(MODULES), file)
    once = file.read_text()
    assert ["drain", "herd"] == re.findall(r"^## (.+)$", once, re.MULTILINE)
    told.keep([measured("drain", 1.5)], PLACE, list(MODULES), file)
    assert once == file.read_text()
    told.keep([measured("drain", 2.5)], PLACE, list(MODULES), file)
    short, held = "twice the other: 1.5, short by 0.5", "twice the other: 2.5, holds"
    assert once.replace(f"**{short}**", held).replace(short, held) == file.read_text()
    assert "Measured on 2026-11-29, `make bench`, 2 cores." in once


def test_the_results_that_are_kept_are_of_these_benchmarks() -> None:
    text = told.RESULTS.read_text() if told.RESULTS.exists() else ""
    assert set(re.findall(r"^## (.+)$", text, re.MULTILINE)) <= set(ROWS)


@pytest.mark.parametrize("quick", [False, True])
def test_a_company_wakes_zone_by_zone(quick: bool) -> None:
    """There is a slice for each round of each side before the herd, and one behind it, and as many due at each size."""
    size = Size(quick=quick)
    in_order = [*ZONES, HERD_ZONE, *LATER_ZONES]
    assert in_order == sorted(in_order, key=morning)
    assert dt.time(8, 0, 1) == morning(HERD_ZONE).astimezone(ZoneInfo(HERD_ZONE)).time()
    plan = large(size)
    assert (HERD_ZONE, plan.herd) == plan.zones[len(plan.slices)]
    assert 3 * size.rounds == len(plan.slices) <= len(ZONES)
    assert size.rounds == len(plan.later) <= len(LATER_ZONES)
    assert {plan.slices[0]} == {other.slices[0] for other in smaller(size)}
    assert [100_000, 10_000] == sorted((other.accounts for other in smaller(Size())), reverse=True)


def test_peers_write_all_that_is_written_for_an_account() -> None:
    """The statement's parameters are those that are given, whichever way they are written."""
    given = {"id", *writes.values({}, "A")} | set(writes._TYPES)
    assert given == set(re.findall(r":(\w+)", writes.STATEMENT))
    assert given == set(re.findall(r"%\((\w+)\)s", writes.OF_PSYCOPG))
    assert "::" not in writes.STATEMENT

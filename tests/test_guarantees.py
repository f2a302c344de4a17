"""docs/guarantees.md promises nothing that no test holds: every row names tests, and each of them is there and runs."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "guarantees.md").read_text("utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
COLUMNS = 3


def rows() -> list[list[str]]:
    """The cells of every promise."""
    tables = PAGE.split("| fault | promise | held by |\n")[1:]
    lines = [line for table in tables for line in table.split("\n\n", 1)[0].splitlines()[1:]]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def in_file(file: str) -> dict[str, str]:
    """The tests of a file by name, each with its decorators."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return {node.name: " ".join(ast.unparse(one) for one in node.decorator_list) for node in found}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:40])
def test_every_promise_names_a_test(row: list[str]) -> None:
    assert COLUMNS == len(row)
    assert NAMED.findall(row[2])


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall(PAGE))))
def test_every_named_test_is_there_and_is_never_passed_over(file: str, name: str) -> None:
    there = in_file(file)
    assert name in there
    assert "skip" not in there[name]
    assert "xfail" not in there[name]


def test_there_are_promises() -> None:
    """A page without its table would pass all of the above."""
    assert 20 < len(rows())

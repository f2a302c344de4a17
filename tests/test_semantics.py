"""docs/semantics.md promises nothing that no timeline pins, and no timeline pins what it does not promise."""

import re
from pathlib import Path

import pytest

from arflow.accounts.events import KINDS
from arflow.handbook.timelines import REFUSED, named
from arflow.rules.catalogue import CATALOGUE
from arflow.vocabulary import OUTCOMES, State
from tests import played

PAGE = (Path(__file__).parents[1] / "docs" / "semantics.md").read_text("utf-8")
BLOCKS = [block.strip() for block in re.split(r"\n\s*\n", PAGE.split("<!-- generated:")[0]) if block.strip()]
NUMBER = re.compile(r"\d+\.\d+ ")
PINNED = re.compile(r"(?P<sentence>[^\[\]]+)(?P<names>(?:\[[a-z0-9-]+\]\s*)+)")
"""A sentence and the timelines that pin it."""
CODE = re.compile(r"`[^`]*`")


def numbered() -> list[str]:
    """Every numbered paragraph, as one line."""
    return [" ".join(block.split()) for block in BLOCKS if NUMBER.match(block)]


def tables() -> list[list[str]]:
    """The lines of every table."""
    return [block.splitlines() for block in BLOCKS if block.startswith("|")]


def rows() -> list[str]:
    """Every row of every table, without the heads."""
    return [line for table in tables() for line in table[2:]]


def parts(paragraph: str) -> list[tuple[str, list[str]]]:
    """Every sentence of `paragraph`, and the timelines that it names."""
    text = CODE.sub("code", NUMBER.sub("", paragraph, count=1))
    found = [(match["sentence"].strip(), re.findall(r"[a-z0-9-]+", match["names"])) for match in PINNED.finditer(text)]
    rest = PINNED.sub("", text).strip()
    return [*found, (rest, [])] if rest else found


def existing() -> set[str]:
    return {*played.names(), *played.refusals()}


def test_all_but_headings_and_explanations_is_numbered_or_a_table() -> None:
    assert [block for block in BLOCKS if not (block[0] in "#>|" or NUMBER.match(block))] == []


@pytest.mark.parametrize("paragraph", numbered(), ids=lambda paragraph: paragraph.split()[0])
def test_every_sentence_names_a_timeline(paragraph: str) -> None:
    for sentence, names in parts(paragraph):
        assert names, f"no timeline pins: {sentence}"
        assert sentence.endswith((".", ":")), f"names stand behind whole sentences: {sentence}"
        assert not re.search(r"[.!?]\s+\S", sentence), (
            f"these are two sentences, and only the last is pinned: {sentence}"
        )


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.split("|")[1].strip())
def test_every_row_names_a_timeline(row: str) -> None:
    assert named(row.split("|")[-2])


def test_every_named_timeline_exists() -> None:
    assert set() == named(PAGE) - existing()


def test_every_timeline_is_named() -> None:
    assert set() == existing() - named(PAGE)


def test_refusals_and_only_they_are_called_so() -> None:
    """The links at the end of the page go by it."""
    assert all(name.startswith(REFUSED) for name in played.refusals())
    assert not any(name.startswith(REFUSED) for name in played.names())


def test_paragraphs_are_numbered_in_order() -> None:
    numbers = [tuple(map(int, paragraph.split()[0].split("."))) for paragraph in numbered()]
    assert sorted(numbers) == numbers
    assert len(numbers) == len(set(numbers))


def test_every_state_fact_and_event_stands_in_a_table() -> None:
    """The tables, in order: states, facts, events."""
    known = [{state.value for state in State}, {*CATALOGUE, "attr_NAME"}, set(KINDS)]
    for words, table in zip(known, tables(), strict=True):
        assert words == {word for line in table[2:] for word in re.findall(r"`(\w+)`", line.split("|")[1])}


def test_every_outcome_is_told() -> None:
    (told,) = (paragraph for paragraph in numbered() if paragraph.startswith("7.4 "))
    assert set(OUTCOMES) == set(re.findall(r"`(\w+)`", told))

"""docs/imports.md says what the loader does: its tables are those of the code, and its example runs."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from arflow.ledger import csvfile, profileevents, profileloader, staging, textlines
from arflow.ledger.csvfile import CsvFile
from arflow.ledger.eventfields import EVENTS, Kind
from arflow.ledger.profiles import Gone
from arflow.ledger.rowevents import MAX_NAME, MAX_TEXT, Item, Row, Skipped

TEXT = (Path(__file__).parents[2] / "docs" / "imports.md").read_text("utf-8")


def table(meanings: Mapping[str, str]) -> str:
    """Two columns: the word, and what it says."""
    return "\n".join(f"| `{key}` | {meaning.replace('|', chr(92) + '|')} |" for key, meaning in meanings.items())


def fields(kinds: Mapping[str, Kind]) -> str:
    plain = (Kind.TEXT, Kind.NAME)
    return ", ".join(f"`{name}`" if kind in plain else f"`{name}` ({kind})" for name, kind in kinds.items())


def events() -> str:
    rows = ((name, fields(event.required), fields(event.optional)) for name, event in EVENTS.items())
    return "\n".join(f"| `{name}` | {required or '-'} | {optional or '-'} |" for name, required, optional in rows)


def limits() -> str:
    return (
        f"{textlines.MAX_LINE:,} characters in a line or row, {MAX_TEXT} in a text, {MAX_NAME} in an id,"
        f" {csvfile.MAX_COLUMNS} columns, {textlines.MAX_LINES:,} lines, {staging.MAX_EVENTS:,} events of"
        f" an account; a profile {profileloader.MAX_BYTES:,} bytes."
    )


GENERATED = {
    "keys": table(profileloader.KEYS),
    "column keys": table(profileloader.COLUMN_KEYS),
    "terms keys": table(profileloader.TERMS_KEYS),
    "event keys": table(profileevents.EVENT_KEYS),
    "whole keys": table(profileloader.WHOLE_KEYS),
    "events": events(),
    "limits": limits(),
    "shipped": table({name: profileloader.find(name).title for name in profileloader.shipped()}),
}


@pytest.mark.parametrize("part", GENERATED)
def test_every_table_is_that_of_the_code(part: str) -> None:
    """Paste what the test prints when a key or its meaning was changed."""
    assert GENERATED[part] in TEXT


def block(language: str, number: int = 0) -> str:
    """The code block `number` in `language`."""
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    return found[number]


def read(tmp_path: Path, content: str, profile: str) -> list[Item]:
    (tmp_path / "file.csv").write_text(content, "utf-8")
    (tmp_path / "profile.yaml").write_text(profile, "utf-8")
    return list(CsvFile(tmp_path / "file.csv", profileloader.find(str(tmp_path / "profile.yaml"))))


def test_the_first_profile_makes_the_events_that_are_shown(tmp_path: Path) -> None:
    """And skips the row of totals."""
    *items, last = read(tmp_path, block("csv"), block("yaml"))
    made = [event for item in items if isinstance(item, Row) for event in item.events]
    assert [json.loads(line) for line in block("json").splitlines()] == made
    assert isinstance(last, Skipped)


def test_a_profile_becomes_whole_by_the_line_that_is_shown(tmp_path: Path) -> None:
    """Added to the first profile."""
    (tmp_path / "whole.yaml").write_text(block("yaml") + block("yaml", 1), "utf-8")
    profile = profileloader.find(str(tmp_path / "whole.yaml"))
    assert (Gone.PAYMENT, ("plain",)) == (profile.gone, profile.whole_of)


def test_the_plain_example_makes_accounts_with_contacts_invoices_and_a_payment(tmp_path: Path) -> None:
    """Paid or not, a row is an invoice."""
    path = tmp_path / "plain.csv"
    path.write_text(block("csv", 1), "utf-8")
    rows = [item for item in CsvFile(path, profileloader.find("plain")) if isinstance(item, Row)]
    names = [[event["event"] for event in row.events] for row in rows]
    assert names == [["account", "invoice"], ["account", "invoice", "payment"]]
    assert rows[0].events[0]["contacts"] == [{"email": "ap@acme.example"}]


def test_every_column_of_the_plain_profile_is_named() -> None:
    """All of them, in the sentence about `plain`."""
    sentence = TEXT[TEXT.index("`plain` is the one") :]
    assert {name for name in profileloader.find("plain").columns if f"`{name}`" not in sentence} == set()

"""docs/commands.md tells of every command, option and JSON field that there is, and of no other."""

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import click
import pytest
from sqlalchemy import Engine, text

from arflow import queues
from arflow.cli import keeping_commands
from tests.cli.books import POLICY, invoice
from tests.cli.conftest import Command
from tests.cli.test_help import TREE
from tests.production import write_events

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
COMMANDS = {" ".join(words): command for words, command in TREE if not isinstance(command, click.Group)}
_OF_WITNESSES = ("findings[].witnesses[].events[]", "findings[].witnesses[].facts")
BY_NAME = ("billed", "facts", *_OF_WITNESSES, "new_events", "paid", "rows")
"""Fields that hold an object by names that nobody can list here."""


@cache
def _sections() -> Mapping[str, str]:
    """What the page says of each command."""
    parts = re.split(r"^## arflow (.+)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _first_column(name: str, header: str) -> set[str]:
    """The names in the table of a section that begins with `header`."""
    _, _, table = _sections()[name].partition(f"| {header} | |\n| --- | --- |\n")
    return set(re.findall(r"^\| `([^`]+)` \|", table.partition("\n\n")[0], re.MULTILINE))


def _paths(value: object, before: str = "") -> Iterator[str]:
    """The path of every field of some JSON."""
    if isinstance(value, list):
        for entry in value:
            yield from _paths(entry, f"{before}[]" if before else "")
    elif isinstance(value, dict) and before not in BY_NAME:
        for name, inner in value.items():
            path = f"{before}.{name}" if before else name
            yield path
            yield from _paths(inner, path)


WAITING = """INSERT INTO effect
             (account_id, number, kind, name, rule, stay, overdue_then, decided_at, decided_on, status) VALUES
             ('A', 99, 'send', 'x', 'x', 1, true, now(), now(), 'waiting')"""


def _options(command: click.Command) -> set[str]:
    return {option for param in command.params for option in param.opts if option.startswith("--")}


def _fields(answers: Iterable[str]) -> set[str]:
    return {path for answer in answers for path in _paths(json.loads(answer))}


def test_every_command_has_its_section() -> None:
    assert set(COMMANDS) == set(_sections())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_section_has_an_example(name: str) -> None:
    assert f"\n$ arflow {name}" in _sections()[name]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_told(name: str) -> None:
    assert _options(COMMANDS[name]) == _first_column(name, "option")


def test_every_field_of_a_replay_is_told(nowhere: Command, tmp_path: Path) -> None:
    """Of steps, effects, parkings and states."""
    (tmp_path / "bakery.yaml").write_text(POLICY)
    euros = {"event": "account", "account": "E", "date": "2026-01-05", "currency": "EUR"}
    events = write_events(tmp_path / "e.jsonl", [invoice("A"), euros, invoice("E")])
    answers = [
        nowhere("replay", events, "--policy", tmp_path / "bakery.yaml", *day).out.splitlines()
        for day in (("--until", "2026-02-28"), ("--states-at", "2026-02-28"))
    ]
    assert _first_column("replay", "field") == _fields(line for lines in answers for line in lines)


@pytest.mark.database
def test_every_field_of_an_import_is_told(arflow: Command, tmp_path: Path) -> None:
    """With what is new, what would be corrected and what is rejected."""
    assert 0 == arflow("import", write_events(tmp_path / "e.jsonl", [invoice("A")])).status
    file = write_events(tmp_path / "f.jsonl", [invoice("A", amount="70.00"), invoice("B", amount="x")])
    assert _first_column("import", "field") == _fields([arflow("import", file, "--dry-run", "--format", "json").out])


ASKED = (
    ("advance",),
    ("migrate",),
    ("policy check", "bakery.yaml"),
    ("policy test", "wrong.yaml"),
    ("policy diff", "other.yaml"),
    ("policy prove", "wrong.yaml"),
    ("policy activate", "bakery.yaml"),
    ("report ageing",),
    ("report kpi",),
    ("report pipeline",),
    ("explain", "A", "--at", "2026-01-20"),
    ("payments-complete",),
    ("audit verify",),
    ("audit anchor",),
    ("status",),
    ("backup", "copy"),
    ("archive", "old.sqlite", "--before", "2025-11-30"),
    ("user add", "cara", "--role", "caller"),
    ("user password", "cara"),
    ("user disable", "cara"),
)
OF_THEIR_OWN = {"import", "policy simulate", "replay", "restore"}
"""Commands whose fields have a test of their own."""


def test_no_command_is_left_out() -> None:
    """Every command that answers programs is asked for its fields."""
    answering = {name for name, command in COMMANDS.items() if "--format" in _options(command)}
    assert answering == {words for words, *_ in ASKED} | OF_THEIR_OWN


@pytest.mark.database
def test_every_other_field_is_told(
    asked: Command, lived: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command's answers hold the fields of its section, and no others."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bakery.yaml").write_text(POLICY)
    (tmp_path / "other.yaml").write_text(POLICY.replace("days_overdue >= 10", "days_overdue >= 5"))
    (tmp_path / "wrong.yaml").write_text(POLICY.replace("state: reminded}]", "state: called}]"))
    with lived.begin() as connection:
        connection.execute(text("UPDATE account SET state = 'reminded' WHERE id = 'E'"))
    for words, *arguments in ASKED:
        said = [asked(*words.split(), *arguments, "--format", "json").out]
        if words == "explain":  # now something waits, which it did not then
            with lived.begin() as connection:
                connection.execute(text(WAITING))
            said.append(asked("explain", "A", "--format", "json").out)
        assert (words, _first_column(words, "field")) == (words, _fields(said))


@pytest.mark.database
def test_a_restore_has_the_fields_of_its_backup(
    asked: Command, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 0 == asked("backup", tmp_path / "copy").status
    monkeypatch.setenv("ARFLOW_DATABASE_URL", empty_url)
    restored = asked("restore", tmp_path / "copy", "--format", "json")
    assert "fields are those of `arflow backup`" in _sections()["restore"].replace("\n", " ")
    assert _first_column("backup", "field") == _fields([restored.out])


def test_every_word_for_what_needs_a_person_is_told() -> None:
    """Those that stand in the code; one of them names a kind of worker."""
    code = inspect.getsource(keeping_commands)
    found = re.findall(r'what=f?"([^"]+)"', code)
    words = {word.replace("{kind}", kind) for word in found for kind in queues.KINDS}
    (row,) = re.findall(r"^\| `needs\[\]\.what` \| a word for it: (.+) \|$", _sections()["status"], re.MULTILINE)
    assert words == set(re.findall(r"`([a-z_]+)`", row))

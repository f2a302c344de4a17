"""The documents are true as far as a machine can tell: links lead somewhere, shown commands and names exist."""

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from arflow.cli.commands import cli
from arflow.store.tables import metadata

FOLDER = Path(__file__).parents[1]
CODE = FOLDER / "arflow"
README, CONTRIBUTING = FOLDER / "README.md", FOLDER / "CONTRIBUTING.md"
ARCHITECTURE = FOLDER / "docs" / "architecture.md"
DECISIONS = sorted((FOLDER / "docs" / "decisions").iterdir())
DOCS = sorted((FOLDER / "docs").rglob("*.md"))
PAGES = [README, FOLDER / "CHANGELOG.md", CONTRIBUTING, *DOCS]


def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def name_of(page: Path) -> str:
    return page.relative_to(FOLDER).as_posix()


# --- links ------------------------------------------------------------------------------------------------------------

FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?P<inline>[^)\s]+)\)|^\[[^\]]+\]: (?P<defined>\S+)$", re.MULTILINE)


def links(page: Path) -> Iterator[str]:
    """Every address in `page` that is not one of the web."""
    for link in LINK.finditer(FENCED.sub("", text_of(page))):
        address = link["inline"] or link["defined"]
        if not address.startswith(("https://", "http://", "mailto:")):
            yield address


def anchors(page: Path) -> set[str]:
    """The anchors of all headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(page: Path, address: str) -> bool:
    place, _, anchor = address.partition("#")
    target = page.parent / place if place else page
    return target.exists() and (not anchor or anchor in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [address for address in links(page) if not leads_somewhere(page, address)] == []


PICTURE = re.compile(r"!\[(?P<said>[^\]]*)\]\((?P<place>[^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_picture_is_there_and_says_what_it_shows(page: Path) -> None:
    pictures = [
        (found["said"], page.parent / found["place"]) for found in PICTURE.finditer(FENCED.sub("", text_of(page)))
    ]
    assert [place.name for said, place in pictures if not said or not place.is_file()] == []


# --- commands ---------------------------------------------------------------------------------------------------------

BLOCK = re.compile(r"^```(?P<kind>\w*)\n(?P<lines>.*?)^```$", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"^    (\S.*)$", re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"^(?:\w+=\S+ )*(?:\S*/)?arflow(?: |$)")
BEYOND = frozenset({"|", ">", ">>", "<", "&&", "||", ";"})


def shown(page: Path) -> list[str]:
    """Every whole command line that `page` shows in a block; in a `console` block those behind a `$`."""
    lines = INDENTED.findall(FENCED.sub("", text_of(page)))
    for block in BLOCK.finditer(text_of(page)):
        for line in block["lines"].splitlines():
            if block["kind"] != "console":
                lines.append(line)
            elif line.startswith("$ "):
                lines.append(line.removeprefix("$ "))
    return [line for line in lines if COMMAND.match(line)]


def mentioned(page: Path) -> list[str]:
    """Every command that `page` names in its text; it need not be complete."""
    spans = SPAN.findall(FENCED.sub("", text_of(page)))
    return [" ".join(span.split()) for span in spans if COMMAND.match(span)]


def arguments(line: str) -> list[str]:
    """What `line` hands to `arflow`, without what the shell does with it."""
    words = shlex.split(line, comments=True)
    first = next(at for at, word in enumerate(words) if word.rpartition("/")[2] == "arflow")
    given = words[first + 1 :]
    return given[: next((at for at, word in enumerate(given) if word in BEYOND), len(given))]


def resolved(given: list[str]) -> tuple[click.Command, list[str], list[str]]:
    """The command that `given` names, its name in words, and what is left for it."""
    command: click.Command = cli
    words: list[str] = []
    while isinstance(command, click.Group) and given and not given[0].startswith("-"):
        assert given[0] in command.commands, f"there is no command `{' '.join([*words, given[0]])}`"
        command = command.commands[given[0]]
        words.append(given[0])
        given = given[1:]
    return command, words, given


def unknown_options(command: click.Command, given: list[str]) -> list[str]:
    context = click.Context(command, **cli.context_settings)
    known = {option for parameter in command.get_params(context) for option in parameter.opts}
    return [word for word in given if word.startswith("-") and word.partition("=")[0] not in known]


ALL_SHOWN = [(page, line) for page in PAGES for line in shown(page)]
ALL_MENTIONED = [(page, line) for page in PAGES for line in mentioned(page)]


@pytest.mark.parametrize(("page", "line"), ALL_SHOWN, ids=[f"{name_of(page)}: {line}" for page, line in ALL_SHOWN])
def test_every_command_line_that_is_shown_would_be_understood(page: Path, line: str) -> None:
    """Parsed with the command's own tree and not run: the command exists, its options too, and nothing is missing."""
    command, words, given = resolved(arguments(line))
    command.make_context(" ".join(words), given, **cli.context_settings).close()


@pytest.mark.parametrize(("page", "line"), ALL_MENTIONED, ids=[f"{name_of(p)}: {line}" for p, line in ALL_MENTIONED])
def test_every_command_that_is_mentioned_exists(page: Path, line: str) -> None:
    command, _, given = resolved(arguments(line))
    assert unknown_options(command, given) == []


def commands(group: click.Group, before: str = "arflow") -> Iterator[str]:
    """Every command, in words."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before} {name}")
        else:
            yield f"{before} {name}"


def test_readme_tells_of_every_command() -> None:
    told = [*shown(README), *mentioned(README)]
    assert [name for name in commands(cli) if not any(line.startswith(name) for line in told)] == []


def test_a_command_or_option_that_is_not_there_would_be_found() -> None:
    with pytest.raises(AssertionError, match="no command `policy prune`"):
        resolved(arguments("ARFLOW_HOME=/x .venv/bin/arflow policy prune"))
    command, _, given = resolved(arguments("arflow import a.csv --profil plain > out  # a remark"))
    assert unknown_options(command, given) == ["--profil"]
    with pytest.raises(click.UsageError):
        command.make_context("import", given)


def test_readme_shows_the_two_commands() -> None:
    assert {"make run", "make test"} <= {*SPAN.findall(text_of(README))}


def dialogues() -> Iterator[tuple[str, str]]:
    """Every command of the README's `console` blocks, and what it prints there."""
    for block in BLOCK.finditer(text_of(README)):
        if block["kind"] == "console":
            _, *parts = re.split(r"^\$ (.*)\n", block["lines"], flags=re.MULTILINE)
            yield from zip(parts[::2], parts[1::2], strict=True)


NEEDS_NO_DATABASE = ("cp ", "sed ", "diff ", "arflow policy check ", "arflow policy test ")


@pytest.mark.slow
def test_the_policy_edit_in_the_readme_comes_out_as_shown(tmp_path: Path) -> None:
    """Run in order, as far as it needs neither the sample company nor a database."""
    (tmp_path / "arflow").symlink_to(CODE)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    steps = [step for step in dialogues() if step[0].startswith(NEEDS_NO_DATABASE)]
    assert len(steps) > len(NEEDS_NO_DATABASE)
    for command, shown_there in steps:
        ended = subprocess.run(
            ["bash", "-c", f"{command} 2>&1"],
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert shown_there == ended.stdout, command


# --- the shape of the house -------------------------------------------------------------------------------------------

FILE = re.compile(r"(?:[a-z_0-9]+/)*(?:[a-z_0-9]+\.[a-z]+)?")
DOTTED = re.compile(r"[a-z_]+(?:\.\w+)+")
SUFFIXES = (".py", ".sql", ".toml", ".yaml", ".md")


def named_in_architecture() -> list[str]:
    return SPAN.findall(FENCED.sub("", text_of(ARCHITECTURE)))


def is_path(span: str) -> bool:
    return FILE.fullmatch(span) is not None and (span.endswith(("/", *SUFFIXES)))


def exists(path: str) -> bool:
    return (CODE / path).exists() or (FOLDER / path).exists()


def has_name(dotted: str) -> bool:
    """Whether the longest module that `dotted` begins with has what the rest names."""
    words = dotted.split(".")
    for length in range(len(words) - 1, 0, -1):
        path = CODE.joinpath(*words[:length])
        if path.with_suffix(".py").is_file() or (path / "__init__.py").is_file():
            found: object = importlib.import_module(".".join(["arflow", *words[:length]]))
            for word in words[length:]:
                found = getattr(found, word, None)
            return found is not None
    return False


def test_files_and_folders_named_in_architecture_exist() -> None:
    paths = [span for span in named_in_architecture() if is_path(span)]
    assert paths
    assert [path for path in paths if not exists(path)] == []


def test_functions_named_in_architecture_exist() -> None:
    names = [span for span in named_in_architecture() if DOTTED.fullmatch(span) and not is_path(span)]
    assert names
    assert [name for name in names if not has_name(name)] == []


def test_a_name_that_is_not_there_would_be_found() -> None:
    assert has_name("life.life.Life.run_next")
    assert not has_name("life.life.Life.run_forever")
    assert not has_name("lives.run")
    assert is_path("store/accounts.py")
    assert not exists("store/nothing.py")


def test_every_room_is_told() -> None:
    rooms = {f"{path.name}/" if path.is_dir() else path.name for path in CODE.iterdir() if path.name[0] not in "_."}
    assert rooms - {"py.typed"} - {*named_in_architecture()} == set()


def test_every_table_of_the_database_is_told() -> None:
    assert {*metadata.tables} - {*named_in_architecture()} == set()


def libraries() -> dict[str, set[str]]:
    """For each library that arflow imports, the files that do."""
    found: dict[str, set[str]] = {}
    for path in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for top in {name.partition(".")[0] for name in names} - {*sys.stdlib_module_names, "arflow", "workers"}:
                found.setdefault(top, set()).add(path.relative_to(CODE).as_posix())
    return found


def told_libraries() -> dict[str, tuple[str, ...]]:
    """For each library of the table in architecture.md, the files and folders that may know it."""
    table = text_of(ARCHITECTURE).partition("| library | is known to |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    return {SPAN.findall(library)[0]: tuple(SPAN.findall(files)) for library, files in rows}


def test_each_library_is_known_only_where_architecture_says() -> None:
    told, found = told_libraries(), libraries()
    strangers = {
        library: sorted(file for file in files if not file.startswith(told.get(library, ())))
        for library, files in found.items()
    }
    assert {library: files for library, files in strangers.items() if files} == {}
    assert set() == {*told} - {*found}


# --- decisions --------------------------------------------------------------------------------------------------------


def test_decisions_are_numbered_without_gaps() -> None:
    assert [f"{number:04}" for number in range(1, len(DECISIONS) + 1)] == [path.name[:4] for path in DECISIONS]
    assert [path.name for path in DECISIONS if not re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name)] == []


@pytest.mark.parametrize("page", DECISIONS, ids=name_of)
def test_a_decision_has_its_number_and_its_three_sections(page: Path) -> None:
    headings = re.findall(r"^#+ .+$", text_of(page), re.MULTILINE)
    assert headings[0].startswith(f"# {page.name[:4]}. ")
    assert ["## Context", "## Decision", "## Consequences"] == headings[1:]

"""Every command explains itself with an example, and wrong arguments are refused in one line."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from arflow.cli.commands import cli
from tests.cli.conftest import Command


def tree(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and group with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from tree(inner, (*path, name))


TREE = list(tree())


@pytest.mark.parametrize("words", [words for words, _ in TREE], ids=" ".join)
def test_help_has_an_example_of_the_command(nowhere: Command, words: tuple[str, ...]) -> None:
    """`--help` and `-h` say the same, with at least one line that can be typed."""
    said = nowhere(*words, "--help")
    assert (0, "") == (said.status, said.err)
    _, _, examples = said.out.partition("Examples:\n")
    assert any(line.strip().startswith(" ".join(("arflow", *words))) for line in examples.splitlines())
    assert said == nowhere(*words, "-h")


GROUPS = [words for words, command in TREE if isinstance(command, click.Group)]


@pytest.mark.parametrize("words", GROUPS, ids=" ".join)
def test_a_list_of_commands_says_of_each_what_it_does(nowhere: Command, words: tuple[str, ...]) -> None:
    """On one line that is not cut off."""
    _, _, listed = nowhere(*words, "--help").out.partition("Commands:\n")
    lines = listed.partition("\n\n")[0].splitlines()
    below = [inner for inner, _ in TREE if inner[:-1] == words and inner != words]
    assert sorted(inner[-1] for inner in below) == [line.split()[0] for line in lines]
    assert [] == [line for line in lines if line.endswith("...") or len(line.split()) < 2]


@pytest.mark.parametrize("group", ["cli", "cli.commands['policy']"])
def test_a_list_of_commands_loads_none_of_them(group: str) -> None:
    """All of them together take a second."""
    looks = f"from arflow.cli.commands import cli; {group}(['--help'], standalone_mode=False)"
    lines = f"import sys; {looks}; sys.exit('sqlalchemy' in sys.modules or 'arflow.cli.questions' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", lines], check=False, capture_output=True).returncode


@pytest.mark.parametrize(("words", "command"), TREE, ids=[" ".join(words) for words, _ in TREE])
def test_every_option_says_what_it_does(words: tuple[str, ...], command: click.Command) -> None:
    """An option has a help text, or shows what can be chosen."""
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [] == [option.name for option in options if not option.help and not isinstance(option.type, click.Choice)]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            (),
            "explain, import, migrate, payments-complete, policy, replay, report, restore, status, up, user (see",
        ),
        (("policy",), "say what to do: activate, check, diff, prove, simulate, test (see `arflow policy --help`)"),
        (("polcy",), "no such command 'polcy'. Did you mean 'policy'?"),
        (("policy", "chek"), "no such command 'chek'. Did you mean 'check'?"),
        (("import",), "missing argument 'FILE' (see `arflow import --help`)"),
        (("explain",), "missing argument 'ACCOUNT' (see `arflow explain --help`)"),
        (("explain", "A", "B"), "got unexpected extra argument"),
        (("replay", "events.jsonl"), "missing option '--policy' (see `arflow replay --help`)"),
        (("import", "x.csv", "--profil", "plain"), "no such option"),
        (("report", "ageing", "--format", "xml"), "'xml' is not one of 'table', 'json', 'csv'"),
        (("report", "ageing", "--as-of", "31.12.2026"), "'--as-of': is a date such as 2026-01-31"),
        (("report", "ageing", "--as-of", "2026-02-30"), "'--as-of': `2026-02-30` does not exist"),
        (("explain", "\udcff"), "is not UTF-8 text"),
        (("policy", "activate", "p.yaml", "--message", "\udcff"), "is not UTF-8 text"),
    ],
)
def test_wrong_arguments_are_refused(nowhere: Command, arguments: tuple[str, ...], why: str) -> None:
    """One line says what is wrong and where it is explained; no database is opened for it."""
    assert why in nowhere(*arguments).refused()


def test_the_version_is_printed(nowhere: Command) -> None:
    said = nowhere("--version")
    assert (0, "arflow, version 0.1.0\n", "") == (said.status, said.out, said.err)

"""What the tests of the command line share: a database of each test, and the `arflow` command as people see it."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from arflow.cli import run
from arflow.store import database
from tests.cli.books import live_through
from tests.conftest import copied_database

PROGRAM = Path(sys.executable).with_name("arflow")


@dataclass(frozen=True, kw_only=True)
class Said:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    def why(self) -> str:
        """The one line of a command that did not do what was asked; it printed no traceback."""
        (line,) = self.err.splitlines()
        assert line.startswith("arflow: ")
        return line.removeprefix("arflow: ")

    def refused(self) -> str:
        """Why the input is wrong: exit status 2, one line, and nothing on standard output."""
        assert (2, "") == (self.status, self.out), self
        return self.why()


Command = Callable[..., Said]


@pytest.fixture(scope="session")
def lived_url(template: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a database with three accounts that have lived for two months, from which tests get their own."""
    url = copied_database(template, "lived")
    engine = database.connect(url)
    live_through(engine, tmp_path_factory.mktemp("books"))
    engine.dispose()
    return url


@pytest.fixture
def arflow(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process, on an empty database of this test alone."""
    return _here(database_url, monkeypatch, capsys)


@pytest.fixture
def lived(lived_url: str) -> Iterator[Engine]:
    """A database of this test alone with three accounts that have lived for two months."""
    made = database.connect(copied_database(lived_url, "copy"))
    yield made
    made.dispose()


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No command reads or writes the anchors of whoever runs the tests."""
    monkeypatch.setenv("ARFLOW_HOME", str(tmp_path / "home"))


@pytest.fixture
def asked(lived: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process, on the database of `lived`."""
    return _here(lived.url.render_as_string(hide_password=False), monkeypatch, capsys)


def _here(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("ARFLOW_DATABASE_URL", url)

    def ask(*arguments: str | Path) -> Said:
        capsys.readouterr()
        status = run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Said(status=status, out=said.out, err=said.err)

    return ask


@pytest.fixture
def program(database_url: str) -> Command:
    """Runs the installed program, on an empty database of this test alone."""

    def ask(*arguments: str | Path, **environment: str) -> Said:
        names = {"ARFLOW_DATABASE_URL": database_url} | environment
        env = {name: value for name, value in (os.environ | names).items() if value}
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, env=env, check=False, timeout=120)
        return Said(status=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())

    return ask


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process, where no database can be reached."""
    return _here("postgresql://nobody@127.0.0.1:1/nothing", monkeypatch, capsys)


@pytest.fixture
def unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that may not be read, not even by root."""
    opened = Path.open

    def may_not(path: Path, *arguments: Any, **named: Any) -> object:  # noqa: ANN401  # those of `Path.open`
        if path.stem == "unreadable":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *arguments, **named)

    (tmp_path / "unreadable.yaml").touch()
    monkeypatch.setattr(Path, "open", may_not)
    return tmp_path / "unreadable.yaml"

"""A backup is restored where `arflow up` is: not before it has ended, and nothing leaves."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.servers import PATIENCE, PROGRAM, Up
from tests.stack.test_backups import Command, command, written_to

__all__ = ["command"]
pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.long]


def _ran(home: Path, *words: str | Path, **servers: str) -> subprocess.CompletedProcess[str]:
    """A command as a person gives it."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("ARFLOW_")}
    return subprocess.run(
        [PROGRAM, *words],
        env=env | {"ARFLOW_HOME": str(home)} | servers,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_where_arflow_up_runs_a_restore_is_refused(
    engine: Engine, database_url: str, tmp_path: Path, command: Command, folder: Path, servers: dict[str, str]
) -> None:
    """Nothing has changed then. Once it has ended the restore goes on at once, and what waited has failed."""
    written_to(engine, tmp_path, 4, None)
    assert 0 == command(database_url, "backup", tmp_path / "backup")[0]
    home = folder / "home"
    up = Up(home, **servers).wait()
    try:
        said = _ran(home, "restore", tmp_path / "backup", **servers)
        assert (2, "") == (said.returncode, said.stdout)
        assert said.stderr.startswith("arflow: others are on the database (sessions: ")
        assert said.stderr.endswith("); end `arflow up` and whatever else uses it, then restore\n")
        assert "accounts 0, due 0" in _ran(home, "status", **servers).stdout
    finally:
        up.end()
    said = _ran(home, "restore", tmp_path / "backup", **servers)
    assert (0, "") == (said.returncode, said.stderr)
    found = json.loads(_ran(home, "status", "--format", "json", **servers).stdout)
    assert ("off", 8, 0) == (found["delivery"], found["messages_failed"], found["messages_sent"])
    assert [] == list((home / "mail").rglob("*.eml"))

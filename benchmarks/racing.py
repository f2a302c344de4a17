"""Processes that begin together, timed from the first account that one of them takes to the last that is done."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


class FellOver(Exception):
    """A process that took part ended with an error."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What the processes did together."""

    handled: int
    seconds: float

    @property
    def rate(self) -> float:
        """Accounts a second."""
        return self.handled / self.seconds


def race(commands: Sequence[Sequence[str | Path]]) -> Run:
    """Start all, wait until each says that it is ready, and let them go. Raises FellOver when one does not end well."""
    started = [_start(command) for command in commands]
    try:
        for process in started:
            if _line(process) != "ready":
                raise FellOver(_said(process))
        for process in started:
            _tell(process, "go\n")
        told = [_told(process) for process in started]
    finally:
        for process in started:
            process.kill()
            process.communicate()
    busy = [one for one in told if one["handled"]]
    seconds = max(one["ended"] for one in busy) - min(one["began"] for one in busy)
    return Run(handled=int(sum(one["handled"] for one in told)), seconds=seconds)


def done(command: Sequence[str | Path]) -> None:
    """Run a program to its end. Raises FellOver when it does not end well."""
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=_environment())
    if found.returncode:
        raise FellOver(f"{command[1:4]}: {found.stderr[-2000:]}")


def _start(command: Sequence[str | Path]) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=ROOT, env=_environment())


def _environment() -> Mapping[str, str]:
    return os.environ | {"PYTHONWARNINGS": "ignore", "PYTHONPATH": str(ROOT)}


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _tell(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line)
    process.stdin.flush()


def _told(process: "subprocess.Popen[str]") -> dict[str, float]:
    lines = []
    while line := _line(process):
        lines.append(line)
    if process.wait() or not lines:
        raise FellOver(_said(process))
    told: dict[str, float] = json.loads(lines[-1])
    return told


def _said(process: "subprocess.Popen[str]") -> str:
    process.kill()
    _, said = process.communicate()
    return f"{process.args!r} ended with {process.returncode}: {said[-2000:]}"[-2500:]

"""The program as a process: what goes to which stream, how it ends, and what nobody reads."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.cli.books import POLICY, invoice
from tests.cli.conftest import PROGRAM, Command
from tests.production import write_events


def test_the_answer_and_the_errors_are_apart(program: Command, tmp_path: Path) -> None:
    """What is printed is the answer; one line on standard error, and nothing else, when there is none."""
    (tmp_path / "bakery.yaml").write_text(POLICY)
    events = write_events(tmp_path / "e.jsonl", [invoice("A")])
    answer = program("replay", events, "--policy", tmp_path / "bakery.yaml", "--until", "2026-01-20")
    assert (0, 2, "") == (answer.status, len(answer.out.splitlines()), answer.err)
    refused = program("replay", events, "--policy", tmp_path / "none.yaml").refused()
    assert f"{tmp_path / 'none.yaml'}: cannot be read: No such file or directory" == refused


def test_python_m_is_the_same_program(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "arflow.cli", "import", tmp_path], capture_output=True, check=False)
    assert (2, b"") == (done.returncode, done.stdout)
    assert f"arflow: {tmp_path}: this is a folder; name a file in it\n" == done.stderr.decode()


def test_nobody_reads_the_answer(tmp_path: Path) -> None:
    """`arflow ... | head -1` ends quietly: it is neither a no nor an error."""
    (tmp_path / "bakery.yaml").write_text(POLICY)
    events = write_events(tmp_path / "e.jsonl", [invoice(f"A{number}") for number in range(400)])
    command: list[str | Path] = [
        PROGRAM,
        "replay",
        events,
        "--policy",
        tmp_path / "bakery.yaml",
        "--until",
        "2026-01-20",
    ]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert started.stdout is not None
    assert started.stderr is not None
    with started, started.stdout as answer:
        assert answer.readline().startswith(b'{"kind": "step"')
        answer.close()
        assert b"" == started.stderr.read()
    assert 0 == started.returncode


def test_somebody_stops_it(tmp_path: Path) -> None:
    """Control-C ends with one line and the shell's own status for it."""
    (tmp_path / "bakery.yaml").write_text(POLICY)
    os.mkfifo(tmp_path / "events.jsonl")  # nobody ever writes into it
    command: list[str | Path] = [PROGRAM, "replay", tmp_path / "events.jsonl", "--policy", tmp_path / "bakery.yaml"]
    with _stoppable(command) as started:
        writer = _opened_for_it(tmp_path / "events.jsonl")
        out, err = _stopped(started)
        os.close(writer)
    assert (130, b"", b"arflow: stopped") == (started.returncode, out, err.strip())


def _stopped(started: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """What it said, once it was told to stop; told again, as one that was just about to read did not hear it."""
    for _ in range(60):
        started.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return started.communicate(timeout=1)
    raise AssertionError("it goes on")


@contextmanager
def _stoppable(command: list[str | Path]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that Control-C stops, also where these tests run in the background and a shell lets them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGINT, before)
    with started:
        try:
            yield started
        finally:
            started.kill()


def _opened_for_it(pipe: Path) -> int:
    """The pipe, open for writing; that works only when the program has opened it for reading."""
    for _ in range(600):
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.1)
    return pytest.fail(f"{pipe} was not opened")


@pytest.mark.skipif(sys.platform == "darwin", reason="its file names are text")
def test_a_file_whose_name_is_no_text(program: Command, tmp_path: Path) -> None:
    """Any bytes may name a file; what cannot be printed is escaped."""
    name = os.fsdecode(bytes(tmp_path) + b"/\xff.jsonl")
    assert "\\udcff.jsonl: there is no such file" in program("import", name).refused().replace("?", "\\udcff")
    Path(name).write_text("{}\n")
    assert "rows are rejected" in program("import", name).refused()


def test_output_that_cannot_be_written() -> None:
    """A full disk is an error in one line."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert (2, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert done.stderr.startswith(b"arflow: ")

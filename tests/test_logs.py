"""Logs: one JSON object a line, and nobody's data, address or password in it."""

import io
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest
import structlog
from sqlalchemy.exc import IntegrityError

from arflow import logs
from arflow.errors import DatabaseRefused


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is logged to; afterwards logging is as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    monkeypatch.setattr("sys.excepthook", None)
    monkeypatch.setattr("threading.excepthook", None)
    logs.setup("tested", tmp_path / "logs")
    yield tmp_path / "logs"
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _lines(folder: Path) -> list[Mapping[str, object]]:
    return [json.loads(line) for line in (folder / "tested.log").read_text().splitlines()]


def _broken() -> None:
    raise IntegrityError("INSERT INTO account", {"name": "Müller GmbH"}, ValueError("Key (email)=(a@b.c) exists"))


def test_a_line_says_who_when_and_what(folder: Path) -> None:
    logs.log("workers.jobs").info("done", kind="drain", handled=3)
    (line,) = _lines(folder)
    assert ("tested", "done", "drain", 3, "info") == tuple(
        line[k] for k in ("process", "event", "kind", "handled", "level")
    )
    assert 0o700 == folder.stat().st_mode & 0o777


def test_what_escapes_a_thread_is_logged_without_its_text(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    thread = threading.Thread(target=_broken)
    thread.start()
    thread.join()
    (line,) = _lines(folder)
    assert ("ended by a mistake", "IntegrityError") == (line["event"], line["error"])
    assert "Müller" not in capfd.readouterr().err + (folder / "tested.log").read_text()


@pytest.mark.parametrize("name", ["password", "sslpassword", "Password"])
def test_a_password_behind_a_url_is_left_out(name: str) -> None:
    told = logs.without_password(f"at postgresql://h/d?user=u&{name}=secret&x=1 and redis://h?{name}=s3 it ends")
    assert "at postgresql://h/d?user=u&&x=1 and redis://h? it ends" == told


def test_an_error_is_named_without_its_values(folder: Path) -> None:
    """Ours and those of libraries: kind and place are there, the values that a database repeats are not."""
    try:
        _broken()
    except IntegrityError as error:
        logs.log("workers.jobs").error("a job failed", **logs.failure(error))
        logging.getLogger("sqlalchemy").exception("broken")
    text = (folder / "tested.log").read_text()
    assert "Müller" not in text
    assert "a@b.c" not in text
    assert ["IntegrityError"] * 2 == [line["error"] for line in _lines(folder)]
    assert all("_broken" in str(line["at"]) for line in _lines(folder))


def test_no_password_of_a_url_is_logged(folder: Path) -> None:
    refused = DatabaseRefused("cannot reach postgresql://ada:secret@host/db")
    logs.log("arflow").warning("trying redis://:secret@host:1", **logs.failure(refused))
    (line,) = _lines(folder)
    assert "cannot reach postgresql://host/db" == line["what"]
    assert "trying redis://host:1" == line["event"]


def test_what_is_not_caught_is_logged(folder: Path) -> None:
    try:
        _broken()
    except IntegrityError as error:
        logs._uncaught(IntegrityError, error, error.__traceback__)
    (line,) = _lines(folder)
    assert ("ended by a mistake", "IntegrityError") == (line["event"], line["error"])


def test_libraries_say_only_what_they_warn_of(folder: Path) -> None:
    logging.getLogger("transitions.core").info("Finished processing")
    logging.getLogger("rq.worker").info("*** Listening")
    assert [] == _lines(folder)


def test_a_full_disk_is_told_once_until_it_is_none_any_more(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line each time it begins, however much is to be logged; then lines are written again."""
    told = "arflow: the log cannot be written (No space left on device); it goes on once it can be\n"
    handler = _alone(folder)
    stream = handler.stream
    for number in range(2):
        with io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True) as handler.stream:
            for _ in range(3):
                logs.log("arflow").info("nobody reads this")
        assert told == capsys.readouterr().err
        handler.stream = stream
        logs.log("arflow").info("again", number=number)
    assert ["again", "again"] == [line["event"] for line in _lines(folder)]


def _alone(folder: Path) -> logging.FileHandler:
    """The handler of our file, without those that pytest puts beside it."""
    root = logging.getLogger()
    (ours,) = (one for one in root.handlers if isinstance(one, RotatingFileHandler))
    root.handlers[:] = [ours]
    assert folder == Path(ours.baseFilename).parent
    return ours


def test_a_mistake_in_logging_stays_loud(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _alone(folder)
    logging.getLogger("arflow").info("%d", "no number")
    assert "TypeError" in capsys.readouterr().err
    assert [] == _lines(folder)

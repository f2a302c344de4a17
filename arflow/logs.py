"""What processes say of themselves: one JSON object a line, in a file of each process or on standard error.

No personal data, no secret, no URL with a password may stand in a log. So an error's text is not logged, because a
database repeats in it the values that it was given; its kind, its SQLSTATE and where it happened are.
"""

import logging
import re
import sys
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import TextIO

import structlog

from arflow.errors import DatabaseRefused

BYTES, KEPT = 5_000_000, 3
"""How large a log file may become, and how many older ones are kept."""

_OURS = ("arflow", "workers", "__main__")
"""Whose ordinary doings are logged; of libraries only what they warn of is."""

_PASSWORD = re.compile(r"(?<=://)[^\s/@]*@|(?<=[?&])(?:password|passfile|sslpassword)=[^\s&]*", re.IGNORECASE)
_FRAMES = 12

Event = MutableMapping[str, object]


def setup(process: str, folder: Path | None = None, *, is_watched: bool = False) -> None:
    """Log as `process`: into a file of `folder`, or to standard error. What is not caught is logged.

    With `is_watched` a person sees its traceback too.
    """
    handler = _file(folder / f"{process}.log") if folder else _ToStream(sys.stderr)
    handler.setFormatter(_formatter(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    logging.getLogger("rq.worker").setLevel(logging.WARNING)  # it sets a level of its own where there is none
    structlog.configure(
        processors=[_named(process), *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    sys.excepthook = _told if is_watched else _uncaught
    threading.excepthook = _uncaught_in_thread


def log(name: str) -> structlog.stdlib.BoundLogger:
    """The log of a module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def failure(error: BaseException) -> dict[str, object]:
    """What may be logged of an error: its kind and place, and its text only where it can hold nobody's data."""
    said: dict[str, object] = {"error": type(error).__name__, "at": list(_frames(error.__traceback__))[-_FRAMES:]}
    origin = getattr(error, "orig", None)
    state = getattr(origin, "sqlstate", None)
    if state:
        said["sqlstate"] = state
    if isinstance(error, DatabaseRefused) or type(error).__module__.startswith("redis."):
        said["what"] = " ".join(str(error).split())
    if error.__cause__ is not None:
        said["cause"] = type(error.__cause__).__name__
    return said


def _frames(trace: TracebackType | None) -> Iterator[str]:
    while trace is not None:
        code = trace.tb_frame.f_code
        yield f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next


class _Brief(logging.Handler):
    """Says once, in a line, that nothing can be written, and then no more until something was. Mistakes stay loud."""

    _is_silent = _has_failed = False

    def emit(self, record: logging.LogRecord) -> None:
        self._has_failed = False
        super().emit(record)
        self._is_silent = self._has_failed

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # its name in the library
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._has_failed = True
        if not self._is_silent and sys.stderr is not None:
            with suppress(OSError):
                sys.stderr.write(f"arflow: the log cannot be written ({error.strerror}); it goes on once it can be\n")
                sys.stderr.flush()
        self._is_silent = True


class _ToFile(_Brief, RotatingFileHandler):
    """Logs into a file."""


class _ToStream(_Brief, logging.StreamHandler[TextIO]):
    """Logs to a stream."""


def _file(path: Path) -> _ToFile:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _ToFile(path, maxBytes=BYTES, backupCount=KEPT, encoding="utf-8")


def _formatter(process: str) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_named(process), *_SHARED],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    )


def _named(process: str) -> structlog.typing.Processor:
    """Says in each line which process it is of, whichever thread wrote it."""

    def add(_: object, __: str, event: Event) -> Event:
        return {"process": process, **event}

    return add


def _without_text(_: object, __: str, event: Event) -> Event:
    """An error as `failure` says it, in place of its traceback with all its values."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event.update(failure(error))
    return event


def _without_passwords(_: object, __: str, event: Event) -> Event:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = without_password(value)
    return event


def without_password(text: str) -> str:
    """`text` without who logs in, and by which password, in any URL of it."""
    return _PASSWORD.sub("", text)


_SHARED: list[structlog.typing.Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _without_text,
    _without_passwords,
]


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("arflow").error("ended by a mistake", exc_info=(kind, error, trace))


def _uncaught_in_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None and not issubclass(told.exc_type, SystemExit):
        sys.excepthook(told.exc_type, told.exc_value, told.exc_traceback)


def _told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _uncaught(kind, error, trace)
    sys.__excepthook__(kind, error, trace)

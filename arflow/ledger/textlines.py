"""The lines of a text file or of its gzip, one after the other, whatever its size.

Memory stays bounded: a line has a largest length, a file a largest number of lines, and a gzip is never unpacked
whole. What is no text in the encoding that was announced is Refused at its line.
"""

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from arflow.errors import Refused

MAX_LINE = 1_000_000
"""How many characters one line may have, its end included."""

MAX_LINES = 20_000_000
"""How many lines one file may have."""

_AT_ONCE = 1 << 20
"""How many bytes are read at once."""

_GZIP = b"\x1f\x8b"
_LINE_END = re.compile(r"\r\n|\r|\n")


class TextLines:
    """Iterates over the lines of the file at `path`, ends included; `count` is the number of the last one given."""

    def __init__(self, path: Path, *, encoding: str = "utf-8") -> None:
        self.path, self.encoding, self.count = path, encoding, 0
        self._file: io.BufferedReader | None = None

    @property
    def share_read(self) -> float:
        """How much of the file (as stored, so of the gzip) has been read, from 0 to 1; for progress bars."""
        if self._file is None or self._file.closed:
            return 1.0 if self._file else 0.0
        return min(self._file.tell() / max(self.path.stat().st_size, 1), 1.0)

    def __iter__(self) -> Iterator[str]:
        try:
            self._file = self.path.open("rb")
        except OSError as error:
            raise self.refused(f"cannot be read: {error.strerror}") from None
        with self._file, self._text(self._file) as text:
            while line := self._next(text):
                self.count += 1
                self._check(line)
                yield line

    def close(self) -> None:
        """Closes the file now, also when somebody stopped in the middle of it."""
        if self._file:
            self._file.close()

    def refused(self, reason: str, line: int | None = None) -> Refused:
        """The refusal of this file at `line`, for the caller to raise."""
        return Refused(reason, file=str(self.path), line=line)

    def _text(self, file: io.BufferedReader) -> io.TextIOWrapper:
        codec = "utf-8-sig" if self.encoding == "utf-8" else self.encoding
        return io.TextIOWrapper(_unpacked(file), encoding=codec, newline="")

    def _next(self, text: io.TextIOWrapper) -> str:
        try:
            return text.readline(MAX_LINE + 1)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(self.encoding, errors="ignore")
            line = self.count + 1 + len(_LINE_END.findall(before))
            raise self.refused(f"not {self.encoding} text; say the right `encoding` in the profile", line) from None
        except UnicodeError as error:
            raise self.refused(f"not {self.encoding} text: {error}", self.count + 1) from None
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise self.refused("the gzip is broken off or damaged", self.count + 1) from None
        except OSError as error:
            raise self.refused(f"cannot be read: {error.strerror}", self.count + 1) from None

    def _check(self, line: str) -> None:
        if len(line) > MAX_LINE:
            raise self.refused(f"the line is longer than {MAX_LINE:,} characters", self.count)
        if self.count > MAX_LINES:
            raise self.refused(f"the file has more than {MAX_LINES:,} lines; split it", self.count)
        if "\0" in line:
            raise self.refused(f"a zero byte: this is no {self.encoding} text", self.count)


def digest(path: Path) -> str:
    """The SHA-256 of the text at `path` as bytes, in hexadecimal; its gzips have the same, whenever they were made."""
    found = hashlib.sha256()
    with path.open("rb") as file, _unpacked(file) as unpacked:
        while part := unpacked.read(_AT_ONCE):
            found.update(part)
    return found.hexdigest()


def _unpacked(file: io.BufferedReader) -> io.BufferedReader | gzip.GzipFile:
    return gzip.GzipFile(fileobj=file) if file.peek(len(_GZIP)).startswith(_GZIP) else file

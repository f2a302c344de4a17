"""The file of anchors: outside the database, one line a day that says what everything journalled came to until then.

`audit verify` proves by it that the database was not written anew as a whole. Each line holds the digest of the line
before. Whoever may write to this file as well can forge it: keep a line elsewhere now and then.
"""

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path

from sqlalchemy import Connection, Engine

from arflow.errors import Refused
from arflow.store import anchors
from arflow.store.anchors import Anchor

FOLDER, FILE = "anchors", "anchors.jsonl"
_NO_LINE = "0" * 64


@dataclass(frozen=True, kw_only=True)
class Troubles:
    """How many anchors and lines were looked at, and what is not as it was."""

    anchors: int
    lines: int
    found: tuple[str, ...]


def file_of(home: Path) -> Path:
    """Where the anchors of a home are."""
    return home / FOLDER / FILE


def write(engine: Engine, home: Path, *, only_when_due: bool = False) -> str | None:
    """Make an anchor, and write its line to the file; gives the line. With `only_when_due` at most one a day.

    The line is on disk when this returns. Killed between the two, the next anchor stands for this one as well.
    """
    with _opened(file_of(home)) as file:
        made = anchors.make(engine, only_when_due=only_when_due)
        if made is None:
            return None
        line = _line(made, _last_line(file))
        os.write(file, f"{line}\n".encode())
        os.fsync(file)
    return line


def begin_anew(home: Path, line: str) -> None:
    """Begin the file of a restored database with the line of its backup; one that is there is put aside."""
    path = file_of(home)
    if path.exists():
        path.rename(_free(path.parent))
    with _opened(path) as file:
        os.write(file, f"{line}\n".encode() if line else b"")
        os.fsync(file)


def _free(folder: Path) -> Path:
    """The first name for a file put aside that no other one has: somebody may have moved an earlier one away."""
    names = (folder / f"before-restore-{number}.jsonl" for number in count(1))
    return next(path for path in names if not path.exists())


def require_room(home: Path) -> None:
    """Raise Refused where `begin_anew` could not write; nothing is left there."""
    folder = file_of(home).parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as tried:
            tried.write(b"\n")
    except OSError as error:
        why = f"the file of anchors cannot be begun there ({error.strerror}); mend that, or set ARFLOW_HOME"
        raise Refused(why, file=str(folder)) from None


def verify(connection: Connection, home: Path, kept: Sequence[str] = ()) -> Troubles:
    """Look whether the anchors of the database, the lines of the file, and the digests that a person kept agree."""
    stands = {one.anchor.number: one for one in anchors.check(connection)}
    lines = _lines(file_of(home))
    found = [
        *(_changed(one.anchor) for one in stands.values() if not one.follows),
        *_wrong_lines(lines),
        *(trouble for line in lines for trouble in _disagreements(line, stands)),
        *_not_there(kept, stands),
    ]
    return Troubles(anchors=len(stands), lines=len(lines), found=tuple(found))


# --- what is not as it was ----------------------------------------------------------------------------------------


def _changed(one: Anchor) -> str:
    return f"what was journalled until anchor {one.number} of {one.at:%Y-%m-%d %H:%M} is not there as it was"


def _wrong_lines(lines: Sequence[str]) -> Iterator[str]:
    """Lines that cannot be read, or do not follow from the line before; the first follows from nothing here."""
    for number, (before, line) in enumerate(pairwise(lines), start=2):
        if _read(line).get("previous") != _hash(before):
            yield f"line {number} of the file of anchors does not follow from the line before"


def _disagreements(line: str, stands: dict[int, anchors.Checked]) -> Iterator[str]:
    said = _read(line)
    number, date = said.get("anchor"), said.get("date")
    if not isinstance(number, int):
        yield "a line of the file of anchors cannot be read"
    elif number not in stands:
        yield (
            f"anchor {number} of {date} is in the file and not in the database: it was written anew, or restored from "
            "an older backup"
        )
    elif stands[number].anchor.digest.hex() != said.get("digest"):
        yield f"the database was written anew: until anchor {number} of {date} something else was journalled"


def _not_there(kept: Sequence[str], stands: dict[int, anchors.Checked]) -> Iterator[str]:
    """The digests that a person kept elsewhere and that no anchor of the database has."""
    there = {one.anchor.digest.hex() for one in stands.values()}
    for digest in kept:
        if digest.strip().lower() not in there:
            yield f"no anchor has the digest `{digest}` that you kept: the database was written anew, or is another one"


# --- the file ---------------------------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """The file, ours alone meanwhile, with nothing after its last whole line."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        content = path.read_bytes()
        os.ftruncate(file, content.rfind(b"\n") + 1)  # of a line that the power cut short nobody was told
        yield file
        _sync(path.parent)
    finally:
        os.close(file)


def _sync(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _line(made: Anchor, before: str | None) -> str:
    content = {
        "anchor": made.number,
        "date": made.at.date().isoformat(),
        "at": made.at.isoformat(timespec="seconds"),
        "accounts": made.accounts,
        "rows": made.rows,
        "digest": made.digest.hex(),
        "previous": _NO_LINE if before is None else _hash(before),
    }
    return json.dumps(content)


def _last_line(file: int) -> str | None:
    lines = os.pread(file, os.fstat(file).st_size, 0).decode("utf-8", "replace").splitlines()
    return lines[-1] if lines else None


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []


def _read(line: str) -> dict[str, object]:
    """What a line says; nothing when it cannot be read."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _hash(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()

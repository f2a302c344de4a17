"""The archive: a SQLite file outside the database, which takes what old decisions were made on, and old letters' texts.

The rows themselves stay, with their hashes: states, reports and chains need nothing of the archive. Only
`audit verify` does, to make old decisions again, and whoever asks for an old letter. What leaves is on disk in the
archive before it is gone from the database; killed in between it is in both, and taking it again changes nothing. A
letter that a person repeated is there once for each of its texts.
"""

import datetime as dt
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from arflow.errors import Refused
from arflow.store import accounts, journal, outbox
from arflow.store.rows import Row

LEAST_DAYS = 90
"""How many days, up to today, always stay in the database whole."""

ACCOUNTS, LETTERS = 200, 500
"""How many accounts, and how many letters, one transaction looks at."""

_MARK = 0x41524657
_DECISIONS = """
CREATE TABLE decision (
    account TEXT NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL, made_on TEXT NOT NULL,
    PRIMARY KEY (account, seq, hash)
) WITHOUT ROWID;
"""
_LETTERS = """
CREATE TABLE letter (
    message INTEGER NOT NULL, account TEXT NOT NULL, number INTEGER, decided_at TEXT NOT NULL, template TEXT NOT NULL,
    recipient TEXT NOT NULL, language TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (account, message, decided_at, recipient, language, subject, text)
) WITHOUT ROWID;
"""
"""A letter that a person has repeated is there once for each of its texts, and for each of whom they went to."""

_SHAPE = 1
"""What SQLite keeps as `user_version`. In shape 0 a letter was there once, in the words in which it was kept first."""

_SHAPED = f"PRAGMA user_version = {_SHAPE}; COMMIT;"
_MADE = f"BEGIN; {_DECISIONS} {_LETTERS} PRAGMA application_id = {_MARK}; {_SHAPED}"
_MOVED = "INSERT INTO letter SELECT * FROM letter_0; DROP TABLE letter_0;"
_RESHAPED = f"BEGIN IMMEDIATE; ALTER TABLE letter RENAME TO letter_0; {_LETTERS} {_MOVED} {_SHAPED}"

Progress = Callable[[str, float], None]


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What was taken out of the database: of how many journal rows the facts, of how many letters the text."""

    decisions: int = 0
    letters: int = 0


def move(engine: Engine, file: Path, before: dt.date, at: Progress) -> Moved:
    """Move what is older than the business date `before` into `file`, which is made if it is not there.

    Nobody waits for it: it holds no account, and few rows at a time that nobody else changes. Raises Refused for a
    file that is no archive, or that cannot be written.
    """
    with _opened(file, writes=True) as archive:
        return Moved(
            decisions=sum(_decisions(engine, archive, before, at)), letters=sum(_letters(engine, archive, before, at))
        )


def _decisions(engine: Engine, archive: sqlite3.Connection, before: dt.date, at: Progress) -> Iterator[int]:
    with engine.connect() as connection:
        total = accounts.count(connection)
    after, seen = "", 0
    while True:
        with engine.begin() as connection:
            ids = accounts.all_ids(connection, after, ACCOUNTS)
            rows = journal.old_decisions(connection, ids, before)
            given = [(row["account_id"], row["seq"], row["hash"], json.dumps(row["left"])) for row in rows]
            _keep(archive, "decision", given)
            journal.shed(connection, rows)
        yield len(rows)
        if not ids:
            return
        after, seen = ids[-1], seen + len(ids)
        at("journals", seen / total)


def _letters(engine: Engine, archive: sqlite3.Connection, before: dt.date, at: Progress) -> Iterator[int]:
    begin, after = dt.datetime.combine(before, dt.time(0), tzinfo=dt.UTC), 0
    unchanged = engine.execution_options(isolation_level="REPEATABLE READ")  # sheds no text that it has not read
    while True:
        with unchanged.begin() as connection:
            rows = outbox.old_letters(connection, begin, after, LETTERS)
            given = [tuple({**row, "decided_at": row["decided_at"].isoformat()}.values()) for row in rows]
            _keep(archive, "letter", given)
            outbox.shed(connection, [row["id"] for row in rows])
        yield len(rows)
        if not rows:
            return
        after = rows[-1]["id"]
        at(f"letters, {after:,}", 1.0)


def _keep(archive: sqlite3.Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Have rows on disk, those among them that are not there already."""
    if rows:
        places = ", ".join("?" * len(rows[0]))
        with archive:
            statement = f"INSERT INTO {table} VALUES ({places}) ON CONFLICT DO NOTHING"  # noqa: S608  # our own names
            archive.executemany(statement, rows)


class Archives:
    """Some archives that are read together."""

    def __init__(self, files: Sequence[sqlite3.Connection] = ()) -> None:
        self._files = files

    def completed(self, rows: Sequence[Row]) -> list[Row]:
        """Journal rows of accounts, those whose facts have left with them again, as far as an archive has them."""
        gone = [row for row in rows if journal.ARCHIVED in row["details"]]
        left = self._left({row["account_id"] for row in gone}) if gone else {}
        keys = [(row["account_id"], row["seq"], row["hash"]) for row in rows]
        return [journal.completed(row, left[key]) if key in left else row for key, row in zip(keys, rows, strict=True)]

    def _left(self, ids: set[str]) -> Mapping[tuple[str, int, bytes], Mapping[str, Any]]:
        query = "SELECT account, seq, hash, made_on FROM decision WHERE account IN (SELECT value FROM json_each(?))"
        wanted = json.dumps(sorted(ids))
        return {
            (account, seq, digest): json.loads(made_on)
            for file in self._files
            for account, seq, digest, made_on in file.execute(query, [wanted])
        }


@contextmanager
def reading(files: Sequence[Path]) -> Iterator[Archives]:
    """Archives to read. Raises Refused for a file that is none."""
    with _all(list(files)) as found:
        yield Archives(found)


@contextmanager
def _all(files: list[Path]) -> Iterator[list[sqlite3.Connection]]:
    if not files:
        yield []
        return
    with _opened(files[0], writes=False) as first, _all(files[1:]) as others:
        yield [first, *others]


@contextmanager
def _opened(file: Path, *, writes: bool) -> Iterator[sqlite3.Connection]:
    """An archive; one that is written and is not there is made, for its owner alone to read."""
    try:
        if writes:
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        mode = "rw" if writes else "ro"
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True)) as archive:
            _check(archive, file, writes=writes)
            yield archive
    except OSError as error:
        raise Refused(f"cannot be written: {error.strerror}", file=str(file)) from None
    except sqlite3.Error as error:
        raise Refused(f"is not to be used as an archive: {error}", file=str(file)) from None


def _check(archive: sqlite3.Connection, file: Path, *, writes: bool) -> None:
    """Raise Refused for a file of something else; an empty one becomes an archive when it is to be written."""
    (mark,) = archive.execute("PRAGMA application_id").fetchone()
    if mark == _MARK:
        if writes:
            _reshape(archive, file)
        return
    is_empty = not archive.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] and not mark
    if not (writes and is_empty):
        raise Refused("is no archive; name a file that `arflow archive` made, or a new one", file=str(file))
    archive.executescript(_MADE)


def _reshape(archive: sqlite3.Connection, file: Path) -> None:
    """Bring an archive of earlier into the shape of today, which can hold what it could not. Raises Refused."""
    (shape,) = archive.execute("PRAGMA user_version").fetchone()
    if shape > _SHAPE:
        raise Refused("is an archive of a newer arflow; upgrade arflow, or name a new file", file=str(file))
    if shape < _SHAPE:
        archive.executescript(_RESHAPED)

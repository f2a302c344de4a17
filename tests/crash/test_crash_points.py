"""Killed at each of its boundaries, every door ends as if nothing had been: nothing lost, and nothing twice.

But for one thing: a letter that a mail server has accepted and of which we had not noted it yet comes again, as itself.
"""

import json
import multiprocessing
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Self

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from arflow import clock
from arflow.deliver import deliver_batch
from arflow.ledger import importing
from arflow.ledger.importing import Options
from arflow.mail import Folder
from arflow.rules.loader import load_policy
from arflow.store import database
from arflow.store.tables import metadata
from tests.conftest import copied_database
from tests.crash import scene
from tests.crash.scene import DAY, DOORS, MORNING, SEND
from tests.mail_servers import Behaviour, served
from tests.production import activate, run, turn, write_events
from tests.servers import PATIENCE
from tests.set_clock import path_of, put, settable
from tests.sizes import LONG
from tests.test_doors import REAL

pytestmark = pytest.mark.database

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["tests.crash.scene"])


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where doors are tried: what to copy for each run, the mail server, and a folder."""

    templates: dict[str, str]
    behaviour: Behaviour
    port: int
    folder: Path


@pytest.fixture(scope="module")
def stage(template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The morning of 13 January: before what is due was done, and before what it put out was handed over."""
    folder = tmp_path_factory.mktemp("crash")
    due = settable(copied_database(template, "crash"))
    engine = database.connect(due)
    put(engine, MORNING - 9 * DAY)
    activate(engine, load_policy(scene.POLICY, file="test"))
    turn(engine, is_on=True)
    with engine.begin() as connection:
        file = write_events(folder / "events.jsonl", scene.ledger())
        importing.import_file(connection, file, clock.read(connection), Options(profile=None), lambda *_: None)
    for days in range(8, 0, -1):
        put(engine, MORNING - days * DAY)
        run(engine, REAL)
        while deliver_batch(engine, scene.mail_of(0, folder / "before")):
            run(engine, REAL)
    put(engine, MORNING)
    engine.dispose()
    queued = again(due)
    worked = database.connect(queued)
    run(worked, REAL)
    worked.dispose()
    behaviour = Behaviour()
    with served(behaviour) as port:
        templates = {door: due if door == "drain" else queued for door in DOORS}
        yield Stage(templates=templates, behaviour=behaviour, port=port, folder=folder)


def again(url: str) -> str:
    """A copy of a database, with its clock."""
    made = copied_database(url, "crash")
    engine = create_engine(make_url(made).set(drivername="postgresql+psycopg"))
    path_of(engine)
    engine.dispose()
    return made


class Book:
    """A copy of the book before a door, with the letters that left it."""

    def __init__(self, stage: Stage, door: str) -> None:
        self.stage, self.door = stage, door
        self.url = again(stage.templates[door])
        self.engine = database.connect(self.url)
        self._files = stage.folder / str(self.engine.url.database)
        self._mail = scene.mail_of(stage.port if "SMTP" in door else 0, self._files)
        stage.behaviour.taken.clear()
        self.begin = self.state()
        self._kept = [f'"{table.name}"' for table in metadata.sorted_tables]
        with self.engine.begin() as connection:
            connection.execute(text("CREATE SCHEMA kept"))
            for table in self._kept:
                connection.execute(text(f"CREATE TABLE kept.{table} AS TABLE public.{table}"))
        with self.engine.connect() as connection:
            query = text("SELECT version FROM account WHERE id = 'A0'")
            self._seen: int = connection.execute(query).scalar_one()

    def perform(self, until: Sequence[str] | None) -> tuple[int, list[str]]:
        """Go through the door in a new process, which may be killed; gives how it ended, and what it had done."""
        told = self.stage.folder / "told"
        status = ended(scene.perform, self.door, self.url, self._mail, self._seen, until, str(told))
        self._wait_for_the_dead()
        return status, json.loads(told.read_text()) if until is None else list(until)

    def _wait_for_the_dead(self) -> None:
        """What a dead process had locked stays locked until the server sees that it is gone."""
        others = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        longest = monotonic() + PATIENCE
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while connection.execute(others).scalar_one():
                assert monotonic() < longest, "the session of a process that is gone is still there"
                sleep(0.005)

    def go_on(self) -> None:
        """Go on in a fresh process, to the end of the next day."""
        assert 0 == ended(scene.go_on, self.door, self.url, self._mail, self._seen)

    def rewind(self) -> None:
        """Take every row and letter back to the beginning, which is quicker than another copy."""
        with self.engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))  # what is never changed, too
            for table in self._kept:
                connection.execute(text(f"DELETE FROM public.{table}"))
                connection.execute(text(f"INSERT INTO public.{table} OVERRIDING SYSTEM VALUE TABLE kept.{table}"))
        put(self.engine, MORNING)
        self.stage.behaviour.taken.clear()
        shutil.rmtree(self._files, ignore_errors=True)
        assert self.begin == self.state()

    def state(self) -> str:
        """Everything that the future depends on: every row, and what has left."""
        return json.dumps([scene.rows(self.engine, scene.NAMES), sorted(self.letters().elements())])

    def letters(self) -> Counter[str]:
        """How often each letter came."""
        names = scene.letters(self.engine)
        return Counter(names.get(name, f"unknown {name}") for name in self._received())

    def _received(self) -> list[str]:
        """The Message-IDs of all letters that came, by SMTP or as files."""
        box = Folder(self._files)
        raw = [box.read(key) or b"" for key in box.keys(1000)] if self._files.exists() else []
        return [
            *(str(letter["Message-ID"]) for _, letter in self.stage.behaviour.taken),
            *(str(message_from_bytes(content)["Message-ID"]) for content in raw),
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Drop it."""
        self.engine.dispose()
        there = make_url(self.url).set(drivername="postgresql+psycopg")
        engine = create_engine(there.set(database="postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {there.database} WITH (FORCE)"))
        engine.dispose()


def ended(work: Callable[..., None], *arguments: Any) -> int:  # noqa: ANN401  # as the work takes them
    """The status with which a new process ends that does `work`."""
    process = FORKED.Process(target=work, args=arguments)
    process.start()
    process.join()
    status = process.exitcode
    process.close()
    assert status is not None
    return status


def differences(expected: dict[str, list[str]], actual: dict[str, list[str]]) -> list[str]:
    """The rows that only one of two books has."""
    return [
        f"{sign} {table} {row}"
        for table in expected
        for sign, some, others in (("-", expected, actual), ("+", actual, expected))
        for row in (Counter(some[table]) - Counter(others[table])).elements()
    ]


def is_under_way(marks: Sequence[str]) -> bool:
    """Whether a letter was handed over last, and what came of it is not committed yet."""
    return next((mark for mark in reversed(marks) if mark in (SEND, "COMMIT")), "") == SEND


def _kills(whole: Sequence[str], *, is_delivery: bool) -> list[int]:
    """Before which boundaries to kill: all of them; the short run takes every fifth, of a delivery every twelfth.

    Those beside a commit, of a delivery those beside a letter on its way, are always among them.
    """
    step, always = (12, SEND) if is_delivery else (5, "COMMIT")
    near = {at + beside for at, mark in enumerate(whole) if mark == always for beside in (0, 1, 2)}
    return [at for at in range(len(whole) + 1) if LONG or at % step == 0 or at in near]


@pytest.mark.parametrize("door", list(DOORS))
def test_killed_anywhere_it_ends_as_if_nothing_had_been(
    stage: Stage, door: str, tally: Callable[[str, int], None]
) -> None:
    """Each boundary that is tried is reached; afterwards the rows and letters are those of an undisturbed run.

    Two kills that leave the very same behind have the same future: the short run lives it once.
    """
    with Book(stage, door) as book:
        status, whole = book.perform(None)
        book.go_on()
        rows, letters = scene.rows(book.engine, scene.WAY), book.letters()
        assert (0, {1}) == (status, set(letters.values()))
        book.rewind()
        lived: dict[str, int] = {}
        kills = _kills(whole, is_delivery="deliver" in door)
        for at in kills:
            where = f"{door}, killed before {at}: {whole[at] if at < len(whole) else 'the end'}"
            status, _ = book.perform(whole[:at])
            assert (where, -signal.SIGKILL) == (where, status), "the boundary was not reached"
            state, repeats = book.state(), int("SMTP" in door and is_under_way(whole[:at]))
            is_new = LONG or state not in lived
            if is_new:
                book.go_on()
                found = book.letters()
                assert (where, []) == (where, differences(rows, scene.rows(book.engine, scene.WAY)))
                assert (where, letters.keys()) == (where, found.keys())
                lived[state] = (found - letters).total()
            assert (where, repeats) == (where, lived[state])
            if is_new or state != book.begin:
                book.rewind()
    tally("crash points", len(kills))

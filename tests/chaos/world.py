"""The world of one chaos run: a company on a clock that runs by itself, its processes, its mail server, and our books.

Everything that is chosen comes from the seed. The books hold what was put in and what was done to the processes, so
that in the end it can be said what must be there.
"""

import datetime as dt
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Self, TypeVar

from redis.exceptions import RedisError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from arflow import clock
from arflow.advance import activate, turn_delivery
from arflow.errors import DatabaseRefused
from arflow.ledger import importing
from arflow.rules.loader import load_policy
from arflow.store import database, embedded, migrating
from tests.chaos.letterbox import Flight, Letterbox
from tests.production import write_events
from tests.random_events import random_events
from tests.servers import PROGRAM, Up

HERE = Path(__file__).parent
START = dt.date(2025, 3, 3)
SPEED = 0.2
"""How many seconds a day takes at least; it takes as long as there is work."""

ANSWER_SECONDS = 1
LEASE_SECONDS = 6 * ANSWER_SECONDS + 1
"""How long a mail server may take for each answer, and the lease of a letter that comes of it."""

PATIENCE = 180.0
"""How many seconds anything may take that must come to an end."""

POLICY = load_policy(
    """
policy: chaos
currency: USD
attributes: {region: text}
calendar: {timezone: account, act_at: "08:00", act_until: "18:00", weekend: [sun]}
promises: {grace_days: 1}
rules:
  - {id: paid-up, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}
  - {id: anew, from: resolved, when: gross_overdue_amount > 0 or days_in_state >= 3, to: current, why: Closed.}
  - id: promised
    from: [current, reminded, called]
    when: has_open_promise and overdue_amount == 0 and gross_overdue_amount > 0
    to: promised
    why: A promise covers it.
  - id: broken
    from: promised
    when: promise_status in ("broken", "partly_kept") or overdue_amount > 0
    to: called
    do: [{send: promise-broken}, {call: collections}]
    why: The promise was not kept.
  - id: disputed
    from: [current, reminded, called]
    when: has_open_dispute and overdue_amount == 0 and gross_overdue_amount > 0
    to: disputed
    why: All of it is in dispute.
  - {id: settled, from: disputed, when: overdue_amount > 0, to: reminded, why: Not all of it is in dispute.}
  - id: first
    from: current
    when: days_overdue >= 1 and overdue_amount >= 50.00
    to: reminded
    do: [{send: first-reminder}]
    why: One day late.
  - id: second
    from: reminded
    when: days_overdue >= 4 and days_since_notice >= 3
    repeat_after_days: 4
    do: [{send: second-reminder}, {tag: late}]
    why: Four days late.
  - {id: phone, from: reminded, when: days_overdue >= 9, to: called, do: [{call: collections}], why: Nine days late.}
  - id: again
    from: called
    when: days_in_state >= 2 and days_since_contact >= 2
    repeat_after_days: 3
    do: [{call: collections}]
    why: Nobody has spoken to them.
  - id: over
    from: called
    when: days_overdue >= 20
    to: escalated
    do: [{assign: seniors}, {notify: lead}, {send: final-reminder}]
    why: Twenty days late.
""",
    file="the policy of the chaos suite",
)

Event = dict[str, object]
_T = TypeVar("_T")


class Violated(Exception):
    """Something did not come to its end in time."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How big a run is: its seconds and rounds of faults, its accounts, and the days and events of each ledger."""

    seconds: float
    rounds: int
    accounts: int
    days: int
    events: int
    newcomers: int
    """How many accounts come with each import."""

    workers: int = 2
    """How many workers of each kind there are."""


@dataclass(eq=False)
class Fault:
    """Something that was done, and when; `ended` when what was done was over. Times are monotonic."""

    kind: str
    began: float
    ended: float | None = None
    letter: Flight | None = None
    """The one letter that it was about, if it was about one."""


class Books:
    """What was put in, and what was done to the processes."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.faults: list[Fault] = []
        self.rivals: list[int] = []
        """For each time that two people acted on one account at once, how many won."""

    @contextmanager
    def fault(self, kind: str) -> Iterator[Fault]:
        """Note a fault while it is made."""
        fault = self.begin(kind)
        try:
            yield fault
        finally:
            fault.ended = time.monotonic()

    def begin(self, kind: str) -> Fault:
        """Note a fault that goes on."""
        fault = Fault(kind, time.monotonic())
        self.faults.append(fault)
        return fault

    def about(self, kind: str, letter: Flight) -> None:
        """Note a fault of one letter."""
        fault = self.begin(kind)
        fault.letter, fault.ended = letter, fault.began

    @property
    def counted(self) -> Counter[str]:
        """How many faults of each kind there were."""
        return Counter(fault.kind for fault in self.faults)

    def excuse(self, flight: Flight, kinds: frozenset[str]) -> bool:
        """Whether a letter was in flight during a fault of one of `kinds`, or for longer than anybody waits."""
        ended = flight.ended or time.monotonic()
        if ended - flight.began > ANSWER_SECONDS:
            return True
        return any(
            fault.letter is flight
            if fault.letter is not None
            else fault.began <= ended and flight.began <= (fault.ended or ended)
            for fault in self.faults
            if fault.kind in kinds
        )


class World:
    """One company with its processes; `say` is told how it goes."""

    def __init__(self, seed: int, size: Size, *, plant: str = "", say: Callable[[str], None] = print) -> None:
        self.seed, self.size, self.plant, self.say = seed, size, plant, say
        self.rng, self.books = Random(seed), Books()
        self.folder = Path(tempfile.mkdtemp(prefix="arflow-chaos-"))
        self.folder.chmod(0o755)
        self.home = self.folder / "home"
        self.junk_marks = self.folder / "junk"
        self.letterbox = Letterbox(ANSWER_SECONDS)
        self.begun = self.told = self._went_on = time.monotonic()
        self._last, self._timers = 0, list[threading.Timer]()

    def __enter__(self) -> Self:
        with ExitStack() as begun:
            begun.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.letterbox.start()
            begun.callback(self.letterbox.stop)
            self._found()
            begun.callback(self.engine.dispose)
            begun.callback(self._end)
            self.bring_up()
            self._begun = begun.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._begun.close()

    def _end(self) -> None:
        for timer in self._timers:
            timer.join()
        self.up.end()

    # --- the company --------------------------------------------------------------------------------------------------

    def _found(self) -> None:
        """A database on a stepped clock with the policy, the first accounts and everything that will happen to them."""
        self.engine = database.connect(embedded.start(self.home))
        migrating.migrate(self.engine)
        self.books.events = self.ledgers(self.size.accounts, START)
        file = write_events(self.folder / "founding.jsonl", self.books.events)
        with self.engine.begin() as connection:
            clock.begin_demo(connection, START - dt.timedelta(days=1), SPEED)
            activate(connection, POLICY, message="for chaos", actor="chaos")
            turn_delivery(connection, is_on=True, actor="chaos", reason="for chaos")
        self.take_in(file)
        self.running(is_running=True)

    def ledgers(self, count: int, start: dt.date) -> list[Event]:
        """The events of so many accounts that are not there yet, from `start` on.

        None is at midnight, and none is there twice: that would be a repeat. Each account stays in one zone: a replay
        takes results in by local time, and may pass over one that was told in the zone of before.
        """
        found: list[Event] = []
        for _ in range(count):
            self._last += 1
            account = f"A{self._last:05}"
            events = random_events(self.rng, account, start, self.size.days, self.size.events)
            events[0] |= {"contacts": [{"name": "Ann", "email": f"{account.lower()}@bright.example", "role": "AP"}]}
            told = [event for event in events if not str(event["event"]).startswith("notice")]
            for event in told[1:]:
                event.pop("timezone", None)
            timed = [event | {"time": max("00:01", str(event.get("time", "")))} for event in told]
            found += [event for at, event in enumerate(timed) if event not in timed[:at]]
        return found

    def take_in(self, file: Path) -> None:
        """Import a file of events, as `arflow import` does."""
        with self.engine.begin() as connection:
            now = clock.read(connection)
            importing.import_file(connection, file, now, importing.Options(profile=None), lambda *_: None)

    def environment(self) -> dict[str, str]:
        """What its processes find in their environment."""
        planted = {"PYTHONPATH": f"{HERE / 'planted'}:{HERE.parents[1]}", "CHAOS_PLANT": self.plant}
        return {
            "ARFLOW_SMTP_URL": f"smtp://127.0.0.1:{self.letterbox.port}",
            "ARFLOW_SMTP_SECONDS": str(ANSWER_SECONDS),
            "ARFLOW_MAIL_FROM": "accounts@hill.example",
            **(planted if self.plant else {}),
        }

    def bring_up(self) -> None:
        """Start `arflow up`, and wait until its pages answer."""
        workers = str(self.size.workers)
        given = ("--demo", "--drain-workers", workers, "--deliver-workers", workers)
        up = self.up = Up(self.home, *given, **self.environment())
        self.until("`arflow up`", lambda: _has_begun(up) or None)
        if up.process.poll() is not None:
            raise Violated(f"`arflow up` ended: {up.told}")

    def command(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        """An `arflow` command of this company, running."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith("ARFLOW_")}
        env = plain | {"ARFLOW_HOME": str(self.home)} | self.environment()
        return subprocess.Popen(
            [PROGRAM, *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    # --- asking -------------------------------------------------------------------------------------------------------

    def until(self, what: str, found: Callable[[], _T | None], seconds: float = PATIENCE) -> _T:
        """What `found` gives at last. Raises Violated when it gives nothing for too long."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            with suppress(DBAPIError, DatabaseRefused, RedisError):
                if (result := found()) is not None:
                    return result
            self.go_on()
            time.sleep(0.05)
        raise Violated(f"{what}: not within {seconds:.0f} s")

    def ask(self, query: str, **values: object) -> list[Any]:
        """The rows of a query, as soon as the database is there."""

        def asked() -> list[Any]:
            with self.engine.connect() as connection:
                return list(connection.execute(text(query), values))

        return self.until("an answer of the database", asked)

    def change(self, done: Callable[[Connection], None]) -> None:
        """Change something in the database, as soon as it is there; it may be done twice."""

        def changed() -> bool:
            with self.engine.begin() as connection:
                done(connection)
            return True

        self.until("a change of the database", changed)

    def workers(self, kind: str) -> list[str]:
        """The names of its workers of a kind."""
        return [f"{kind}-{number}" for number in range(1, self.size.workers + 1)]

    def child(self, name: str) -> int:
        """The process of that name, as soon as there is one."""
        return self.until(f"process {name}", lambda: self.up.children().get(name))

    def running(self, *, is_running: bool) -> None:
        """Let the business clock run, or pause it."""
        self.change(lambda connection: clock.run_demo(connection, is_running=is_running))

    @contextmanager
    def one_day(self) -> Iterator[dt.date]:
        """The business date, which stays as long as the block runs."""
        self.running(is_running=False)
        yield self.ask("SELECT day FROM clock")[0].day
        self.running(is_running=True)

    def after(self, today: dt.date) -> dt.date:
        """One of the next days."""
        return today + dt.timedelta(days=self.rng.randint(2, 4))

    # --- going on -----------------------------------------------------------------------------------------------------

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something in so many seconds, whatever the suite does then."""
        timer = threading.Timer(seconds, do)
        self._timers.append(timer)
        timer.start()

    def pause(self, seconds: float) -> None:
        """Let the company work for a while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.go_on()
            time.sleep(min(0.1, max(0.0, until - time.monotonic())))

    def go_on(self) -> None:
        """Let no letter wait for a minute that is to be tried again, and say now and then how it goes."""
        if time.monotonic() - self._went_on < 0.25:
            return
        self._went_on = time.monotonic()
        with suppress(DBAPIError), self.engine.begin() as connection:
            connection.execute(
                text(
                    "UPDATE message SET not_before = now() WHERE id IN (SELECT id FROM message WHERE "
                    "status = 'queued' AND not_before > now() FOR UPDATE SKIP LOCKED)"
                )
            )
            if time.monotonic() - self.told > 15:
                self.told = time.monotonic()
                row = connection.execute(
                    text(
                        "SELECT day, (SELECT count(*) FROM event WHERE applied) AS events, "
                        "(SELECT count(*) FROM message WHERE status = 'sent') AS letters FROM clock"
                    )
                ).one()
                self.say(
                    f"{self.told - self.begun:5.0f} s  {row.day}  {row.events:,} events taken in, {row.letters:,} "
                    f"letters sent, {len(self.books.faults)} faults"
                )

    def come_to_rest(self) -> None:
        """Stop the clock, and wait until nothing is due and nothing waits. Raises Violated when that never comes."""
        self.until("every fault that was wished for", lambda: self.letterbox.wishes == 0 or None)
        for timer in self._timers:
            timer.join()
        self.running(is_running=False)
        self.pause(1)  # a day may just have begun
        self.until("a system at rest", lambda: self._is_at_rest() or None)

    def _is_at_rest(self) -> bool:
        with self.engine.connect() as connection:
            return clock.is_at_rest(connection, clock.read(connection))


def _has_begun(up: Up) -> bool:
    """Whether its pages answer, or it has ended."""
    return up.process.poll() is not None or (up.address != "" and up.answers())

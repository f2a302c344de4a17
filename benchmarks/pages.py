"""`pages`: how long people wait for a page, eight at once, while nothing is due and while the drain runs.

The pages come from the server's own process, as `arflow up` starts it, over a loopback port, to people who are logged
in. Each of the eight asks again as soon as the answer is there. Past dates are other ones each time, before the day on
which all began; the past has been gone through when the first is asked for, as it is behind the pages within minutes
after a company came in, and is gone through again when the clock is put on to another day, beside all else. The
pipeline is opened once after each time that the clock was put on: the first figures of a day are worked out behind the
pages within seconds, and no other day comes while people look on. `explain` is what `arflow explain` does, in eight
threads of this process.
"""

import datetime as dt
import http.client
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from sqlalchemy import text

from arflow import explain
from arflow.advance import Engineering
from arflow.desk import sessions
from arflow.rules.engine import DurableRules
from benchmarks import crew, office
from benchmarks.company import Company
from benchmarks.measured import Floor, Measured, Rounds, Say
from benchmarks.racing import FellOver
from benchmarks.size import Size
from tests.servers import valkey
from tests.set_clock import put

QUICK, FULL = 20_000, 1_000_000
"""Accounts."""

AWAKE = {True: 6_000, False: 60_000}
"""How many of them wake from time to time, so that there is something to drain; about half of them at once."""

USERS, WORKERS = 8, 2
READS = (0.5, 1.5)
"""For how many seconds a page is read, at least and at most."""

ASKED = {True: 1, False: 5}
"""How many times each asks for a page in a round: quick, and in full."""

CAP = {True: 4.0, False: 12.0}
"""After how many seconds nobody asks for it any more in that round."""

LONGEST = {True: 4.0, False: 15.0}
"""For how many seconds somebody waits at most; then the page counts with that, and the server is started anew."""

LIMITS = {"list": 100.0, "account": 100.0, "explain": 100.0, "pipeline": 200.0, "past": 2_000.0}
"""Milliseconds within which 95 of 100 are to come."""

REASONS = {
    "list": "all accounts of a team are put in order, and each of 25 that changed is read and lived ahead",
    "account": "a page asks the database 35 times",
    "explain": "an explanation asks the database 18 times, and lives the account ahead twice",
    "pipeline": "every open item is added up again behind the pages",
    "past": "the past is gone through again beside it, and takes a part of the cores",
}
"""What takes the time, by a profile."""

MOST_TIMES = 2.0
NAMES = {
    "list": "a caller's list",
    "account": "an account with its explanation",
    "explain": "an explanation",
    "pipeline": "the pipeline now",
    "past": "the pipeline of a past date",
}
_OK, _UNDERWAY = 200, 202
Ask = Callable[[], float]
"""Asks once; gives the seconds."""


def run(size: Size, say: Say) -> Measured:
    """Milliseconds of the 95th percentile by page, without and with the drain, in turns."""
    accounts = QUICK if size.quick else FULL
    found: dict[tuple[str, bool], list[float]] = {(kind, drains): [] for kind in NAMES for drains in (False, True)}
    with (
        office.opened(accounts, AWAKE[size.quick], say) as made,
        _site(made, LONGEST[size.quick]) as site,
        crew.of(made, WORKERS) as workers,
    ):
        rows = _journal_rows(made)
        for turn in range(size.rounds):
            for kind in NAMES:
                _note(found[kind, False], site, kind, size)
            with workers.rung():
                for kind in NAMES:
                    if _make_due(made, size):
                        site.open("pipeline")
                    _note(found[kind, True], site, kind, size)
                workers.wait(accounts)
            told = (f"{kind} {found[kind, False][-1]:,.0f}/{found[kind, True][-1]:,.0f}" for kind in NAMES)
            say(f"pages: round {turn + 1} of {size.rounds}, ms without/with the drain: {', '.join(told)}")
    return _measured(found, LONGEST[size.quick], f"{accounts:,} accounts, {rows:,} journal rows, {USERS} users at once")


def _measured(found: Mapping[tuple[str, bool], Sequence[float]], longest: float, what: str) -> Measured:
    rounds = {
        key: Rounds(label=f"{NAMES[key[0]]}{', the drain running' * key[1]}", unit="ms", values=tuple(values))
        for key, values in found.items()
    }
    limits = [
        Floor(text=f"{name}, ms, at most {LIMITS[kind]:,.0f}", wanted=LIMITS[kind], found=rounds[kind, False].median,
              at_most=True, reason=REASONS[kind])
        for kind, name in NAMES.items()
    ]  # fmt: skip
    times = [
        Floor(text=f"{name}, times as long beside the drain, at most 2", wanted=MOST_TIMES,
              found=_times(rounds[kind, True], rounds[kind, False], longest), at_most=True, reason=REASONS[kind])
        for kind, name in NAMES.items()
    ]  # fmt: skip
    return Measured(
        name="pages",
        what=f"95th percentile of pages: {what}, who read each for {READS[0]} to {READS[1]} s",
        rounds=tuple(rounds.values()),
        floors=(*limits, *times),
    )


def _times(beside: Rounds, alone: Rounds, longest: float) -> float:
    """How many times as long; nobody knows of what nobody waited for to its end."""
    return math.inf if beside.median >= 1000 * longest else beside.median / alone.median


def _journal_rows(made: Company) -> int:
    with made.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM journal")).scalar_one())


def _make_due(made: Company, size: Size) -> bool:
    """Let so much time pass that the drain has work for a while, unless it has; gives whether the clock was put on."""
    number = AWAKE[size.quick] // 2
    due = "SELECT count(*) FROM account WHERE next_due <= now()"
    soonest = "SELECT next_due FROM account WHERE next_due IS NOT NULL ORDER BY next_due LIMIT :number"
    with made.engine.connect() as connection:
        if connection.execute(text(due)).scalar_one() > number // 2:
            return False
        at: dt.datetime = connection.execute(
            text(f"SELECT max(next_due) FROM ({soonest}) AS soonest"), {"number": number}
        ).scalar_one()
    put(made.engine, at + dt.timedelta(seconds=1), runs=True)
    return True


def _note(values: list[float], site: "_Site", kind: str, size: Size) -> None:
    """Add a round's figure; what nobody waited for to its end in one round is not asked for again."""
    if not values or values[-1] < 1000 * site.longest:
        values.append(_percentile(site, kind, size))


# --- asking -----------------------------------------------------------------------------------------------------------


def _percentile(site: "_Site", kind: str, size: Size) -> float:
    """The milliseconds within which 95 of 100 came."""
    asks = [site.asks(kind, number) for number in range(USERS)]
    stop = time.monotonic() + CAP[size.quick]
    with ThreadPoolExecutor(USERS) as pool:
        each = pool.map(lambda asking: _waits(asking, ASKED[size.quick], stop, site.rng), asks)
        waits = sorted(wait for one in each for wait in one)
    if waits[-1] >= site.longest:
        site.restart()
    return 1000 * waits[-(-len(waits) * 95 // 100) - 1]


def _waits(asking: Iterator[Ask], times: int, stop: float, rng: Random) -> list[float]:
    """How long one user waited for each page; the first comes once something else was read."""
    waits: list[float] = []
    while not waits or (len(waits) < times and time.monotonic() < stop):
        time.sleep(rng.uniform(*READS))
        waits.append(next(asking)())
    return waits


@dataclass
class _Site:
    """The pages of a company, and its people."""

    made: Company
    home: Path
    redis_url: str
    listening: socket.socket
    longest: float
    rng: Random = field(default_factory=lambda: Random(8))
    doors: Engineering = field(default_factory=lambda: Engineering(evaluator=DurableRules(), delivery="recorded"))
    process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        self.accounts, self.began = self._accounts(), self._today()
        self.restart()
        visitor = _Visitor(self.port, self._token(office.LEAD), self.longest)
        while visitor.get(f"/pipeline/?as_of={self.began - dt.timedelta(days=1)}") >= self.longest:
            time.sleep(1)  # the page says how far the pass is, not when it ends

    @property
    def port(self) -> int:
        """Where the pages are."""
        port: int = self.listening.getsockname()[1]
        return port

    def restart(self) -> None:
        """Start the server's process, or another one in its place, and have it open each page once."""
        self.end()
        names = {
            "ARFLOW_DATABASE_URL": self.made.url,
            "ARFLOW_REDIS_URL": self.redis_url,
            "ARFLOW_HOME": str(self.home),
        }
        descriptor = self.listening.fileno()
        command = [sys.executable, "-P", "-m", "arflow.stack.server", "--name", "web", "--log-file", str(descriptor)]
        self.process = subprocess.Popen(command, env=os.environ | names, pass_fds=[descriptor], start_new_session=True)
        self.open("list", "account", "explain", "pipeline")

    def open(self, *kinds: str) -> None:
        """Have somebody open pages, whoever waits for them."""
        for kind in kinds:
            next(self.asks(kind, 0))()

    def end(self) -> None:
        """End the process, whatever it does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def asks(self, kind: str, number: int) -> Iterator[Ask]:
        """What a user asks for, one after the other; the user is logged in anew, since the clock may have been put."""
        name, rng = office.owner(number), Random(self.rng.random())
        if kind == "explain":
            while True:
                account = rng.choice(self.accounts[name])
                yield lambda account=account: self._explained(account)  # type: ignore[misc]  # bound now
        token = self._token(office.LEAD if kind in ("pipeline", "past") else name)
        visitor = _Visitor(self.port, token, self.longest)
        days = rng.sample(range(1, 80), 79)
        while True:
            path = {
                "list": "/accounts",
                "account": f"/accounts/{rng.choice(self.accounts[name])}",
                "pipeline": "/pipeline/",
                "past": f"/pipeline/?as_of={self.began - dt.timedelta(days=days.pop() if days else 1)}",
            }[kind]
            yield lambda path=path: visitor.get(path)  # type: ignore[misc]  # bound now

    def _explained(self, account: str) -> float:
        begun = time.perf_counter()
        with self.made.engine.connect() as connection:
            explain.explained(connection, account, None, self.doors)
        return time.perf_counter() - begun

    def _token(self, name: str) -> str:
        with self.made.engine.begin() as connection:
            return sessions.begin(connection, name)

    def _today(self) -> dt.date:
        with self.made.engine.connect() as connection:
            today: dt.date = connection.execute(text("SELECT now()::date")).scalar_one()
            return today

    def _accounts(self) -> Mapping[str, Sequence[str]]:
        query = text("SELECT id FROM account WHERE owner = :owner ORDER BY id LIMIT 1000")
        with self.made.engine.connect() as connection:
            return {
                name: connection.execute(query, {"owner": name}).scalars().all()
                for name in map(office.owner, range(USERS))
            }


@dataclass
class _Visitor:
    """Somebody's browser, with a connection that stays open."""

    port: int
    token: str
    longest: float

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.longest)

    def get(self, path: str) -> float:
        """Open a page; gives the seconds until all of it was there. Raises FellOver for an answer that is no page.

        One that says that its figures are still being worked out counts with the longest time.
        """
        begun = time.perf_counter()
        try:
            self.connection.request("GET", path, headers={"Cookie": f"arflow-{self.port}={self.token}"})
            answer = self.connection.getresponse()
            said = answer.read()
        except TimeoutError:
            self.connection.close()
            return self.longest
        if answer.status == _UNDERWAY:
            return self.longest
        if answer.status != _OK:
            raise FellOver(f"{path} answered {answer.status}: {said[-500:]!r}")
        return time.perf_counter() - begun


@contextmanager
def _site(made: Company, longest: float) -> Iterator[_Site]:
    """The pages of a company, and their end."""
    with (
        tempfile.TemporaryDirectory(prefix="arflow-pages-") as folder,
        valkey(Path(folder)) as redis_url,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        site = _Site(made, Path(folder), redis_url, listening, longest)
        try:
            yield site
        finally:
            site.end()

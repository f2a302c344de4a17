"""The supervisor of one home: brings everything up in order, watches it, and ends all of it.

Whatever goes wrong on the way up is one error for the person, and nothing is left running. What dies later is started
again. If the supervisor itself is killed, its end of the lifeline closes, and every child ends by itself. It does not
end because nobody reads any more what it says.
"""

import errno
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Engine

from arflow import config, mail, queues
from arflow.config import Settings
from arflow.errors import ArflowError
from arflow.logs import failure, log
from arflow.stack.children import Child, Plan, Surroundings
from arflow.stack.locks import Locks
from arflow.stack.places import Places
from arflow.store import database, migrating
from workers.ending import Ending
from workers.patience import unless_away

ADDRESS = "127.0.0.1"
LOOK_SECONDS, END_SECONDS, SERVERS_END_SECONDS = 0.2, 10.0, 40.0

Tell = Callable[[str], None]
Prepare = Callable[[Engine, str, Callable[[], None]], Sequence[str]]
"""Given the migrated database, the pages' address and what raises Stopped when told to end, gives lines to be said."""

Look = Callable[[Engine], Sequence[str]]
"""Given the database now and then, gives lines to be said."""


class PortTaken(ArflowError):
    """The port of the pages is not free."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a person may choose: the port, and how many workers listen on each queue."""

    port: int = 8000
    drain_workers: int = 2
    deliver_workers: int = 2


def up(settings: Settings, options: Options, tell: Tell, prepare: Prepare, look: Look) -> None:
    """Run everything until told to end.

    `prepare` makes the migrated database ready, and its lines are said before the address; `look` looks after it now
    and then. Raises Stopped when told to end on the way up.
    """
    mail.of(settings)  # or it says what is wrong with them
    settings.home.mkdir(parents=True, exist_ok=True)
    say = _Voice(tell)
    ending = Ending()
    ending.listen()
    signal.signal(signal.SIGHUP, ending.told)
    with ExitStack() as stack:
        places = Places(home=settings.home)
        locks = stack.enter_context(_locked(places, ending))
        listening = stack.enter_context(_listening(options.port))
        run = stack.enter_context(_Run(settings, locks, listening, ending))
        run.bring_up_servers(say)
        engine = stack.enter_context(_engine(run.environment))
        address = f"http://{ADDRESS}:{listening.getsockname()[1]}"
        lines = prepare(engine, address, ending.stop_if_told)
        run.bring_up_processes(options)
        say("\n".join([*lines, f"arflow is at {address}/ (Ctrl-C ends it)"]))
        run.watch(say, lambda: look(engine))
        say("ending")


class _Voice:
    """Says lines to the person. Where they go may be closed or full: what happened stands in the log as well."""

    def __init__(self, tell: Tell) -> None:
        self._tell, self._was_heard = tell, True

    def __call__(self, line: str) -> None:
        """Say it, or go on without; that is logged once."""
        try:
            self._tell(line)
        except OSError as error:
            if self._was_heard:
                log(__name__).warning("what is said cannot be written", reason=error.strerror, **failure(error))
            self._was_heard = False


@contextmanager
def _locked(places: Places, ending: Ending) -> Iterator[Locks]:
    locks = Locks(places)
    try:
        locks.wait_for_the_last_run(ending.stop_if_told)
        try:
            yield locks
        finally:
            places.clear()
    finally:
        locks.release()


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """The socket of the pages. Raises PortTaken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((ADDRESS, port))
        except (OSError, OverflowError) as error:
            reason = "is in use" if getattr(error, "errno", None) == errno.EADDRINUSE else f"cannot be used ({error})"
            raise PortTaken(f"port {port} {reason}; name another one with --port") from None
        made.listen(128)
        yield made


@contextmanager
def _engine(environment: dict[str, str]) -> Iterator[Engine]:
    """The database, checked and migrated."""
    engine = database.connect(environment[config.DATABASE_URL])
    try:
        migrating.migrate(engine)
        database.require_current(engine)
        yield engine
    finally:
        engine.dispose()


class _Run:
    """The children of one run."""

    def __init__(self, settings: Settings, locks: Locks, listening: socket.socket, ending: Ending) -> None:
        self.settings, self.ending = settings, ending
        self.environment = dict(os.environ) | {config.HOME: str(settings.home)}
        self.servers: list[Child] = []
        self.processes: list[Child] = []
        self._listening, self._locks = listening, locks
        self._reads, self._holds = os.pipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._end(self.processes, END_SECONDS)
            self._end(self.servers, SERVERS_END_SECONDS)
        finally:
            os.close(self._reads)
            os.close(self._holds)

    def _begin(self, plan: Plan, *, inherits: Sequence[int] = ()) -> Child:
        self.ending.stop_if_told()
        return Child(
            plan,
            Surroundings(
                home=self.settings.home,
                environment=self.environment,
                lifeline=self._reads,
                inherited=(self._locks.of_children, *inherits),
            ),
        )

    def bring_up_servers(self, tell: Tell) -> None:
        """Start the embedded servers, or check that the real ones can be used; all processes learn where they are."""
        wanted = {
            config.DATABASE_URL: (self.settings.database_url, "postgres"),
            config.REDIS_URL: (self.settings.redis_url, "valkey"),
        }
        begun: dict[str, Child] = {}
        for variable, (url, name) in wanted.items():
            if url is None:
                begun[variable] = self._begin(Plan(name=name, module=f"arflow.stack.{name}", speaks=True))
                self.servers.append(begun[variable])
        for variable, (url, _) in wanted.items():
            self.environment[variable] = url or begun[variable].wait_for_url(tell, self.ending.stop_if_told)
        queues.connect(self.environment[config.REDIS_URL]).close()

    def bring_up_processes(self, options: Options) -> None:
        """Start ticker, workers and pages."""
        plans = [Plan(name="ticker", module="workers.ticker")]
        counts = {queues.DRAIN: options.drain_workers, queues.DELIVER: options.deliver_workers}
        for kind, count in counts.items():
            plans += [Plan(name=f"{kind}-{n}", module="workers.worker", arguments=(kind,)) for n in range(1, count + 1)]
        self.processes += [self._begin(plan) for plan in plans]
        pages = self._listening.fileno()
        plan = Plan(name="web", module="arflow.stack.server", arguments=(str(pages),))
        self.processes.append(self._begin(plan, inherits=(pages,)))

    def watch(self, tell: Tell, look: Callable[[], Sequence[str]]) -> None:
        """Start again what dies, until told to end."""
        while not self.ending.wait(LOOK_SECONDS):
            for child in (*self.servers, *self.processes):
                happened = child.look()
                if happened:
                    tell(happened)
            with unless_away():  # whoever needs it says so
                for line in look():
                    tell(line)

    @staticmethod
    def _end(children: Sequence[Child], seconds: float) -> None:
        until = time.monotonic() + seconds
        for child in children:
            child.tell_to_end()
        for child in children:
            child.end(until)
        if children:
            log(__name__).info("ended", children=[child.plan.name for child in children])

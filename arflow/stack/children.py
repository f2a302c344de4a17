"""The processes of a run: started, started again when they die, and ended. None of them outlives the supervisor."""

import json
import math
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from arflow.errors import ArflowError
from arflow.logs import log

FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
"""How long until a child that died is started again; longer each time it dies within STEADY_SECONDS."""

STEADY_SECONDS = 30.0
READY_SECONDS, LOOK_SECONDS = 60.0, 0.1
LARGEST_ERRORS = 1_000_000


class ChildRefused(ArflowError):
    """A child could not begin its work."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What every child gets: where it works, the environment, the lifeline, and descriptors to inherit."""

    home: Path
    environment: Mapping[str, str]
    lifeline: int
    inherited: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A child to be: its name, its module, the module's own arguments; and whether it is to say that it is ready."""

    name: str
    module: str
    arguments: Sequence[str] = ()
    speaks: bool = False


class Child:
    """One child, in whichever process it lives now."""

    def __init__(self, plan: Plan, surroundings: Surroundings) -> None:
        self.plan, self.surroundings = plan, surroundings
        self._wait, self._again_at = FIRST_WAIT, 0.0
        self._begin()

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self.process.pid

    def _begin(self) -> None:
        given = ("--name", self.plan.name, "--log-file", "--lifeline", *self.plan.arguments)
        with _errors(self.surroundings.home, self.plan.name) as errors:
            self.process = subprocess.Popen(  # noqa: S603  # this interpreter, with modules of ours
                [sys.executable, "-P", "-m", self.plan.module, *given],
                stdin=self.surroundings.lifeline,
                stdout=subprocess.PIPE if self.plan.speaks else subprocess.DEVNULL,
                bufsize=0,  # or of two lines said at once, the second would be read and not seen
                stderr=errors,
                cwd=self.surroundings.home,
                env=dict(self.surroundings.environment),
                pass_fds=tuple(self.surroundings.inherited),
                start_new_session=True,  # so that Ctrl-C reaches the supervisor only, which ends all in order
            )
        self._begun_at = time.monotonic()

    def look(self) -> str | None:
        """Start it again if it died, after a wait; gives what happened, if anything."""
        now = time.monotonic()
        if self._again_at:
            return self._begin_again(now) if now >= self._again_at else None
        status = self.process.poll()
        if status is None:
            return None
        steady = status == 0 or now - self._begun_at > STEADY_SECONDS
        self._wait = FIRST_WAIT if steady else min(LONGEST_WAIT, self._wait * 2)
        self._again_at = now + self._wait
        log(__name__).warning("a process ended", child=self.plan.name, status=status, again_in=self._wait)
        return None if status == 0 else f"{self.plan.name} ended ({_said(status)}) and is started again"

    def _begin_again(self, now: float) -> str | None:
        """Start it; where the machine has no process, memory or file to spare now, that is tried again as well."""
        try:
            self._begin()
        except OSError as error:
            self._wait = min(LONGEST_WAIT, self._wait * 2)
            self._again_at = now + self._wait
            log(__name__).warning("a process cannot be started", child=self.plan.name, again_in=self._wait)
            return f"{self.plan.name} cannot be started ({error.strerror}); that is tried again"
        self._again_at = 0.0
        return None

    def wait_for_url(self, tell: Callable[[str], None], stop_if_told: Callable[[], None]) -> str:
        """What a child that speaks says when it is ready. Raises ChildRefused with its reason when it cannot be.

        Once it has said what it waits for, which the person is told, it has as long as it takes.
        """
        told = self._word(time.monotonic() + READY_SECONDS, stop_if_told)
        while "waits" in told:
            tell(told["waits"])
            told = self._word(math.inf, stop_if_told)
        if "url" in told:
            return told["url"]
        logs = self.surroundings.home / "logs" / self.plan.name
        raise ChildRefused(told.get("refused") or f"{self.plan.name} does not start; {logs}.log or .err says why")

    def _word(self, until: float, stop_if_told: Callable[[], None]) -> dict[str, str]:
        """What it says next; nothing when it has ended, or is silent until then."""
        pipe = cast(IO[bytes], self.process.stdout)
        while time.monotonic() < until:
            stop_if_told()
            if select.select([pipe], [], [], LOOK_SECONDS)[0]:
                return cast(dict[str, str], json.loads(pipe.readline() or "{}"))
        return {}

    def tell_to_end(self) -> None:
        """Ask it to end in order."""
        if self.process.poll() is None:
            self.process.terminate()

    def end(self, until: float) -> None:
        """Wait for its end until the moment `until`, then kill it."""
        try:
            self.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            log(__name__).error("a process does not end", child=self.plan.name)
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def _errors(home: Path, name: str) -> IO[bytes]:
    """Where a child's standard error goes: what Python itself says when the log is not there yet."""
    path = home / "logs" / f"{name}.err"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_large = path.exists() and path.stat().st_size > LARGEST_ERRORS
    return path.open("wb" if is_large else "ab")


def _said(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"

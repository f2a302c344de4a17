"""A mail server that takes letters and misbehaves when asked to, and notes of each letter when it was under way.

A letter is in flight from its first byte until its client says the next thing, or is gone: the mark of the client lies
between. Whoever is killed meanwhile may send it again, nobody else may.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from enum import StrEnum
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.mail_servers import free_port


class Mood(StrEnum):
    """How the server treats one letter."""

    NOT_NOW = "says 451"
    NEVER = "says 550 of the address"
    NO = "says 554 of the letter"
    HANGS = "hangs"
    DIES = "dies without the letter"
    TAKES_AND_DIES = "takes the letter and dies before it answers"
    ANSWERS_AND_DIES = "takes the letter, answers and dies"
    BEFORE = "has something done to its client before it takes the letter"
    AFTER = "has something done to its client when it has taken the letter"


REFUSALS = {Mood.NOT_NOW: "451 later", Mood.NEVER: "550 5.1.1 unknown", Mood.NO: "554 not that"}


@dataclass(eq=False)
class Flight:
    """A letter under way, over one connection. `port` is its client's; times are monotonic."""

    message_id: str
    port: int
    began: float
    ended: float | None = None
    is_taken: bool = False


@dataclass(frozen=True, kw_only=True)
class Wish:
    """That a letter to come is treated in some mood; `told` is called when it is, with that letter."""

    mood: Mood
    told: Callable[[Flight], None]
    is_done: threading.Event = field(default_factory=threading.Event)

    def come_true(self, flight: Flight) -> None:
        """Tell of it; whoever waits for it goes on, also when the client of the letter died of it."""
        try:
            self.told(flight)
        finally:
            self.is_done.set()


class Letterbox:
    """The server. `flights` are all letters that were ever under way, `seconds` is how long it hangs."""

    def __init__(self, seconds: float) -> None:
        self.port = free_port()
        self.flights: list[Flight] = []
        self._wishes: deque[Wish] = deque()
        self._seconds = seconds
        self._controller = _Controller(self, hostname="127.0.0.1", port=self.port)

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    def wish(self, mood: Mood, told: Callable[[Flight], None]) -> Wish:
        """Have one of the next letters treated in `mood`."""
        wish = Wish(mood=mood, told=told)
        self._wishes.append(wish)
        return wish

    @property
    def wishes(self) -> int:
        """How many wishes were not fulfilled yet."""
        return len(self._wishes)

    @property
    def taken(self) -> list[Flight]:
        """The letters that it has taken, in order."""
        return [flight for flight in self.flights if flight.is_taken]

    def withdraw(self, wish: Wish) -> bool:
        """Take a wish back; False when it was fulfilled."""
        try:
            self._wishes.remove(wish)
        except ValueError:
            return False
        return True

    # --- as aiosmtpd calls it -----------------------------------------------------------------------------------------

    async def handle_NOOP(self, _: SMTP, session: Session, __: Envelope, ___: str) -> str:  # noqa: N802
        self.over(session)
        return "250 OK"

    async def handle_RSET(self, _: SMTP, session: Session, __: Envelope) -> str:  # noqa: N802
        self.over(session)
        return "250 OK"

    async def handle_QUIT(self, _: SMTP, session: Session, __: Envelope) -> str:  # noqa: N802
        self.over(session)
        return "221 Bye"

    async def handle_RCPT(  # noqa: N802
        self, _: SMTP, session: Session, envelope: Envelope, address: str, __: list[str]
    ) -> str:
        if self._wishes and self._wishes[0].mood is Mood.NEVER:
            return self._refused(Flight("", _port(session), time.monotonic()))
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        flight = Flight(message_from_bytes(content)["Message-ID"], _port(session), time.monotonic())
        session.flight = flight  # type: ignore[attr-defined]  # a place of ours on it
        self.flights.append(flight)
        if not self._wishes or self._wishes[0].mood is Mood.NEVER:
            flight.is_taken = True
            return "250 OK"
        if self._wishes[0].mood in REFUSALS:
            return self._refused(flight)
        return await self._misbehave(server, flight, self._wishes.popleft())

    def _refused(self, flight: Flight) -> str:
        wish = self._wishes.popleft()
        wish.come_true(flight)
        return REFUSALS[wish.mood]

    async def _misbehave(self, server: SMTP, flight: Flight, wish: Wish) -> str:
        flight.is_taken = wish.mood in (Mood.TAKES_AND_DIES, Mood.ANSWERS_AND_DIES, Mood.AFTER)
        await asyncio.get_running_loop().run_in_executor(None, wish.come_true, flight)
        transport = server.transport
        assert isinstance(transport, asyncio.WriteTransport)
        if wish.mood is Mood.HANGS:
            await asyncio.sleep(2 * self._seconds)
        elif wish.mood is Mood.ANSWERS_AND_DIES:
            asyncio.get_running_loop().call_later(0.01, transport.close)
        elif wish.mood is not Mood.AFTER:
            transport.abort()
        return "250 OK" if flight.is_taken else "451 later"

    @staticmethod
    def over(session: Session) -> None:
        """A client has said the next thing, or is gone: what it sent before is marked, or never will be by it."""
        flight: Flight | None = getattr(session, "flight", None)
        if flight is not None and flight.ended is None:
            flight.ended = time.monotonic()


def _port(session: Session) -> int:
    peer: Any = session.peer  # host and port
    return int(peer[1])


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Conversation(self.handler, hostname="localhost")


class _Conversation(SMTP):
    def connection_lost(self, error: Exception | None) -> None:
        if self.session is not None:
            Letterbox.over(self.session)
        super().connection_lost(error)

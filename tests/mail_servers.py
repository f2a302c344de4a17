"""Real mail servers on this machine that accept, refuse, hang or die, as a test asks for."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

PASSWORD = "p@ss/word"  # noqa: S105 - of a server that lives as long as a test
CERTIFICATE = Path(__file__).with_name("mail_server.pem")


class Behaviour:
    """How a server answers, and what it has taken. `rcpt` and `data` are its answers; `moods` come before `data`."""

    def __init__(self, rcpt: str = "250 OK", data: str = "250 OK", moods: tuple[str, ...] = ()) -> None:
        self.rcpt, self.data, self.moods = rcpt, data, list(moods)
        self.taken: list[tuple[list[str], EmailMessage]] = []
        self.connections = 0

    async def handle_EHLO(  # noqa: N802 - as aiosmtpd calls it
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        mood = self.moods.pop(0) if self.moods else self.data
        if mood == "hang":
            await asyncio.sleep(30)
        if mood != "lose" and mood[0] not in "45":
            content = envelope.content if isinstance(envelope.content, bytes) else b""
            self.taken.append((list(envelope.rcpt_tos), message_from_bytes(content, policy=policy.default)))
        if mood in ("die", "lose"):
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            return "250 OK"
        return mood


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def authenticator(_: SMTP, __: Session, ___: Envelope, ____: str, data: Any) -> AuthResult:  # noqa: ANN401
    return AuthResult(success=(data.login, data.password) == (b"arflow", PASSWORD.encode()), handled=False)


@contextmanager
def served(behaviour: Behaviour, **options: Any) -> Iterator[int]:  # noqa: ANN401 - what aiosmtpd takes
    """The port of a server with this behaviour, while the block runs."""
    port = free_port()
    controller = Controller(behaviour, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()

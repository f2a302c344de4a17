"""Hands letters over: to a mail server by SMTP or, while none is named, to files in a folder.

Whatever comes of it is a value, never an exception: accepted, refused for good, or to be tried again. Nothing is
decided here, and no database is known; `arflow.deliver` is the only caller that sends.
"""

import datetime as dt
import math
import os
import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from time import monotonic
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from arflow import config
from arflow.config import Settings
from arflow.errors import Refused
from arflow.messages.recipients import is_address
from arflow.messages.rendering import plain

SECONDS = 30.0
"""How long a mail server may take for each answer."""

NOBODY = "accounts@arflow.invalid"
"""The sender of letters that are only files, while nobody says another one."""

_PORTS = {"smtp": 25, "smtps": 465}
_SUBMISSION = 587
_FINE, _CLOSING, _PERMANENT = 250, 421, 500
_WAY = "write smtp://user:password@host:587 or smtps://user:password@host"


class Fate(StrEnum):
    """What came of handing a letter over."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    MOOT = "moot"
    """There was nothing left to write about, or the customer is to be left alone."""

    AGAIN = "again"


@dataclass(frozen=True, kw_only=True)
class Result:
    """The fate of a letter and why; `is_down`: no other letter would fare better now.

    `is_address_refused`: no other letter to that address would either.
    """

    fate: Fate
    reason: str = ""
    is_down: bool = False
    is_address_refused: bool = False


ACCEPTED = Result(fate=Fate.ACCEPTED)


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One letter to one address. `on` is the business date on which it was decided, `at` what its Date says."""

    message_id: str
    to: str
    name: str
    at: dt.datetime
    on: dt.date
    subject: str
    text: str
    html: str = ""
    language: str = ""


class Post(Protocol):
    """What takes letters, one after the other."""

    def send(self, mail: EmailMessage, to: str, on: dt.date) -> Result:
        """Hand over one letter."""

    def keep(self) -> None:
        """Make sure that what was accepted so far is not lost any more."""


class Transport(Protocol):
    """A way for letters to leave."""

    @property
    def patience(self) -> int:
        """How many seconds one letter may take at most."""

    @property
    def group(self) -> int:
        """How many letters may be handed over before it is written down what came of them.

        More than one only where a letter that is handed over twice is there once.
        """

    @contextmanager
    def open(self) -> Iterator[Post]:
        """What takes the letters of one batch."""


@dataclass(frozen=True, kw_only=True)
class Mail:
    """All that letters need besides what they say: who sends them, and how they leave."""

    transport: Transport
    address: str
    company: str
    phone: str = ""
    reply_to: str = ""

    @property
    def domain(self) -> str:
        """What stands behind the @ of the sender, and of every Message-ID."""
        return self.address.rpartition("@")[2]

    def composed(self, letter: Letter) -> EmailMessage:
        """The letter as it goes over the wire: text and HTML, and headers that say that a machine wrote it."""
        mail = EmailMessage(policy=policy.SMTP)
        mail["From"] = Address(_unencoded(self.company), addr_spec=self.address)
        mail["To"] = Address(_unencoded(letter.name), addr_spec=letter.to)
        if self.reply_to:
            mail["Reply-To"] = Address(_unencoded(self.company), addr_spec=self.reply_to)
        mail["Subject"] = _unencoded(letter.subject)
        mail["Date"] = letter.at
        mail["Message-ID"] = letter.message_id
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(letter.text, charset="utf-8", cte="quoted-printable")
        if letter.html:
            mail.add_alternative(letter.html, subtype="html", charset="utf-8", cte="quoted-printable")
        if letter.language:  # last, because setting the content takes headers about it away
            mail["Content-Language"] = letter.language
        return mail


def _unencoded(text: str) -> str:
    """A name or subject on one line, with nothing in it that is an encoded word.

    The library would decode such a word, and write what it hides, a new line and another header, as it is.
    """
    return plain(text).replace("=?", "= ?")


def of(settings: Settings) -> Mail:
    """How letters leave under these settings. Raises Refused when a setting is wrong or one is missing."""
    for variable, address in ((config.MAIL_FROM, settings.mail_from), (config.REPLY_TO, settings.reply_to)):
        if address and not is_address(address):
            raise Refused(f"{variable} is no e-mail address; write one such as accounts@example.com")
    if settings.smtp_url and not settings.mail_from:
        raise Refused(f"{config.SMTP_URL} names a mail server, but {config.MAIL_FROM} does not say who writes")
    address = settings.mail_from or NOBODY
    domain = address.rpartition("@")[2]
    transport: Transport = Folder(settings.mail_folder)
    if settings.smtp_url:
        transport = Smtp(server=server_of(settings.smtp_url), sender=address, seconds=settings.smtp_seconds)
    return Mail(
        transport=transport,
        address=address,
        company=settings.company or domain,
        phone=settings.phone,
        reply_to=settings.reply_to,
    )


# --- files ------------------------------------------------------------------------------------------------------------


_KEY = re.compile(r"(\d{4}-\d\d-\d\d)/([A-Za-z0-9][A-Za-z0-9.-]{0,120})", re.ASCII)


@dataclass(frozen=True)
class Folder:
    """Letters as .eml files, in a folder of each business date. A letter that is there already is not written again."""

    path: Path
    patience: int = 10
    group: int = 20
    _changed: set[Path] = field(default_factory=set, compare=False)

    @contextmanager
    def open(self) -> Iterator[Post]:
        """The folder itself."""
        yield replace(self, _changed=set())

    def keep(self) -> None:
        """Have the names of new letters survive a power cut; what is in them does already."""
        while self._changed:
            _sync(self._changed.pop())

    def send(self, mail: EmailMessage, to: str, on: dt.date) -> Result:  # noqa: ARG002 - the mail says to whom
        """Write one letter: aside first, so that there is never half a letter."""
        name = str(mail["Message-ID"]).strip("<>").partition("@")[0]
        if not _KEY.fullmatch(f"{on}/{name}"):
            raise ValueError(name)
        folder = self.path / on.isoformat()
        try:
            _write(folder, f"{name}.eml", mail.as_bytes())
        except OSError as error:
            reason = f"the letter could not be written to {self.path}: {error.strerror or error}"
            return Result(fate=Fate.AGAIN, reason=reason, is_down=True)
        self._changed.update((folder, self.path))  # that of a new day is a name, too
        return ACCEPTED

    def keys(self, limit: int) -> list[str]:
        """The latest letters, such as `2026-03-13/17.0a1b`, the last one first."""
        found: list[str] = []
        days = sorted((day for day in self.path.glob("????-??-??") if day.is_dir()), reverse=True)
        for day in days:
            names = (path.stem for path in day.glob("*.eml") if not path.name.startswith("."))
            found += [f"{day.name}/{name}" for name in sorted(names, key=_number, reverse=True)]
            if len(found) >= limit:
                break
        return found[:limit]

    def read(self, key: str) -> bytes | None:
        """The letter with that key; None when there is none."""
        if not _KEY.fullmatch(key):
            return None
        path = self.path / f"{key}.eml"
        return path.read_bytes() if path.is_file() else None


def _number(name: str) -> tuple[int, str]:
    """The order of the letters of one day: the number that their name begins with."""
    digits = re.match(r"\d{1,18}", name)
    return int(digits.group()) if digits else 0, name


def _write(folder: Path, name: str, content: bytes) -> None:
    """Write a file that nobody else may read, whole or not at all; one that is there stays as it is."""
    if (folder / name).exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.mkdir(exist_ok=True, mode=0o700)
    aside = folder / f".{name}.{os.getpid()}.part"
    file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    aside.rename(folder / name)


def _sync(folder: Path) -> None:
    """Make sure that what was renamed in `folder` is still there after a power cut."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


# --- SMTP -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Server:
    """A mail server, as ARFLOW_SMTP_URL names it. `is_wrapped`: encrypted from the first byte on (smtps)."""

    host: str
    port: int
    is_wrapped: bool = False
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def is_here(self) -> bool:
        """Whether it runs on this machine, so that nobody can stand between."""
        if self.host == "localhost":
            return True
        with suppress(ValueError):
            return ip_address(self.host).is_loopback
        return False


def server_of(url: str) -> Server:
    """The server that `url` names. Raises Refused, without the password, when it cannot be read."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Refused(f"{config.SMTP_URL} cannot be read; {_WAY}") from None
    if parts.scheme not in _PORTS or not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise Refused(f"{config.SMTP_URL} cannot be read; {_WAY}")
    usual = _SUBMISSION if parts.scheme == "smtp" and parts.username else _PORTS[parts.scheme]
    return Server(
        host=host,
        port=port or usual,
        is_wrapped=parts.scheme == "smtps",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


@dataclass(frozen=True, kw_only=True)
class Smtp:
    """A mail server that letters are handed to. Encrypted as soon as the server offers it."""

    server: Server
    sender: str
    seconds: float = SECONDS
    group: int = 1

    @property
    def patience(self) -> int:
        """Time for each answer of one delivery; most servers need a fraction of it."""
        return int(self.seconds * 6) + 1

    @contextmanager
    def open(self) -> Iterator[Post]:
        """A connection that is made for the first letter, kept for the others, and closed in the end."""
        post = _SmtpPost(self)
        try:
            yield post
        finally:
            post.close()


class _Fenced(smtplib.SMTP):
    """A connection that says nothing more once `until` is over: by then the letter may be somebody else's to send."""

    until = math.inf

    def send(self, s: Any) -> None:  # noqa: ANN401  # as smtplib has it
        """Say something to the server; all of a letter is one such saying. Raises _TooLate."""
        if monotonic() > self.until:
            raise _TooLate
        super().send(s)


class _FencedAndWrapped(_Fenced, smtplib.SMTP_SSL):
    """The same, encrypted from the first byte on."""


class _TooLate(smtplib.SMTPException):
    """This process stood still, or the server was slow, for so long that the lease of the letter may be over."""


class _SmtpPost:
    """Takes letters over one connection; a lost one is made anew for the next letter."""

    def __init__(self, smtp: Smtp) -> None:
        self._smtp = smtp
        self._connection: _Fenced | None = None

    def send(self, mail: EmailMessage, to: str, on: dt.date) -> Result:  # noqa: ARG002 - a server keeps its own dates
        until = monotonic() + self._smtp.patience / 2  # the other half is what may have passed since the lease began
        try:
            connection = self._connected()
            connection.until = until
            connection.send_message(mail, self._smtp.sender, [to])
            connection.until = math.inf
        except smtplib.SMTPRecipientsRefused as refused:
            return _answer_about_address(*next(iter(refused.recipients.values())))
        except smtplib.SMTPDataError as refused:
            return _answer(refused.smtp_code, refused.smtp_error)
        except (smtplib.SMTPException, OSError) as error:
            return self._lost(error)
        return ACCEPTED

    def keep(self) -> None:
        """A server that has accepted a letter keeps it."""

    def close(self) -> None:
        """Say good-bye, if there is somebody to say it to."""
        if self._connection is not None:
            self._connection.until = math.inf
            with suppress(smtplib.SMTPException, OSError):
                self._connection.quit()
            self._connection.close()
            self._connection = None

    def _connected(self) -> _Fenced:
        if self._connection is not None:
            self._connection.until = math.inf
        if self._connection is not None and _is_alive(self._connection):
            return self._connection
        self.close()
        self._connection = _connect(self._smtp)
        return self._connection

    def _lost(self, error: Exception) -> Result:
        """The server could not be used at all: no fault of the letter, and the next one needs a new connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        where = f"{self._smtp.server.host}:{self._smtp.server.port}"
        return Result(fate=Fate.AGAIN, reason=f"the mail server {where} {_told(error)}", is_down=True)


def _connect(smtp: Smtp) -> _Fenced:
    server, name = smtp.server, smtp.sender.rpartition("@")[2]
    if server.is_wrapped:
        context = _context(server)
        made: _Fenced = _FencedAndWrapped(server.host, server.port, name, timeout=smtp.seconds, context=context)
    else:
        made = _Fenced(server.host, server.port, name, timeout=smtp.seconds)
    try:
        made.ehlo_or_helo_if_needed()
        if not server.is_wrapped and made.has_extn("starttls"):
            made.starttls(context=_context(server))
            made.ehlo_or_helo_if_needed()
        else:
            _refuse_open_password(server)
        if server.user:
            made.login(server.user, server.password)
    except BaseException:
        made.close()
        raise
    return made


def _refuse_open_password(server: Server) -> None:
    """Raise SMTPException when the password would travel unencrypted to another machine."""
    if not server.is_wrapped and server.password and not server.is_here:
        raise smtplib.SMTPException("offers no encryption, and the password is not sent without")


def _context(server: Server) -> ssl.SSLContext:
    """Certificates are checked, but not of this machine's own server: it rarely has one that anybody vouches for."""
    context = ssl.create_default_context()
    if server.is_here:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _is_alive(connection: smtplib.SMTP) -> bool:
    try:
        return connection.noop()[0] == _FINE
    except (smtplib.SMTPException, OSError):
        return False


def _answer(code: int, said: bytes | str) -> Result:
    """What the server's answer about one letter means: 5xx is for good."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    fate = Fate.REFUSED if code >= _PERMANENT else Fate.AGAIN
    return Result(fate=fate, reason=plain(f"the mail server said {code} {text}"), is_down=code == _CLOSING)


_ABOUT_ADDRESS = (550, 551, 553)
_DETAILED = re.compile(r"\s*5\.(\d{1,3}\.\d{1,3})\b")
_UNKNOWN_ADDRESS = ("0.0", "1.0", "1.1", "1.2", "1.3", "1.6", "1.10", "2.1", "4.1")
"""RFC 3463: an unknown, moved, malformed or closed mailbox. Not a full one, and nothing about sender or policy."""
_SAYS_UNKNOWN = re.compile(
    r"unknown|no such|no mailbox|not found|n.t exist|not exist|not listed|unrout|invalid (?:recipient|mailbox|address)",
    re.IGNORECASE,
)
"""What servers that give no detail say of an address that is not there; anything else may be about who sends."""

_ECHOED = re.compile(r"<[^<>]*>")
"""An address that a server repeats, whose own letters say nothing."""


def _answer_about_address(code: int, said: bytes | str) -> Result:
    """What the answer to the recipient's address means: whether it is the address that is refused for good.

    A server that is set up wrongly refuses every address ("relaying denied"); that is no fault of theirs.
    """
    answer = _answer(code, said)
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    detail = _DETAILED.match(text)
    is_unknown = bool(_SAYS_UNKNOWN.search(_ECHOED.sub("", text))) if detail is None else detail[1] in _UNKNOWN_ADDRESS
    return replace(answer, is_address_refused=code in _ABOUT_ADDRESS and is_unknown)


def _told(error: Exception) -> str:
    """What went wrong with the server, in a few words."""
    if isinstance(error, _TooLate):
        return "and this process took too long together"
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return plain(f"said {error.smtp_code} {text}")
    if isinstance(error, TimeoutError) or "timed out" in str(error):  # `smtplib` makes a lost connection of some
        return "did not answer in time"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "closed the connection"
    return plain(f"cannot be used: {error}")

"""Settings, read once from the environment by each entry point. Nobody else looks at the environment."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from arflow.errors import Refused

HOME, DATABASE_URL, REDIS_URL = "ARFLOW_HOME", "ARFLOW_DATABASE_URL", "ARFLOW_REDIS_URL"
SMTP_URL, MAIL_FROM, REPLY_TO = "ARFLOW_SMTP_URL", "ARFLOW_MAIL_FROM", "ARFLOW_REPLY_TO"
COMPANY, PHONE = "ARFLOW_COMPANY", "ARFLOW_PHONE"
SMTP_SECONDS = "ARFLOW_SMTP_SECONDS"
PROXIES, HTTPS = "ARFLOW_PROXIES", "ARFLOW_HTTPS"

VARIABLES = {
    HOME: "the folder of all data; /var/lib/arflow for root, else `arflow` in XDG_DATA_HOME or ~/.local/share",
    DATABASE_URL: "a PostgreSQL 15 or later to use instead of the embedded one: postgresql://user@host/database",
    REDIS_URL: "a Redis 7.0 or Valkey 7.2 or later to use instead of the embedded one: redis://user@host:6379/0",
    SMTP_URL: "the mail server: smtp://user:password@host:587 or smtps://...; without it mails are files in HOME/mail",
    SMTP_SECONDS: "seconds, up to 60, the mail server may take for each answer, else 30; six times that is a lease",
    MAIL_FROM: "the address that letters come from; needed with a mail server",
    REPLY_TO: "the address that replies go to, if it is another one",
    COMPANY: "who signs letters",
    PHONE: "the number that letters give to call",
    PROXIES: "how many reverse proxies of your own stand before the pages; their X-Forwarded headers are believed",
    HTTPS: "`yes` when people reach the pages by https: cookies are then sent by https only",
}
"""Every environment variable that is read, and what it says."""

_MOST_SECONDS = 60
"""With more the letter that a job hands over last could outlast the job, which ends after 300 seconds."""

_MOST_PROXIES = 10
_MOST_DIGITS = 9


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`home` holds the embedded servers' data, mail folder and logs; the URLs name real servers instead."""

    home: Path
    database_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    smtp_url: str | None = field(default=None, repr=False)
    smtp_seconds: int = 30
    mail_from: str = ""
    reply_to: str = ""
    company: str = ""
    phone: str = ""
    proxies: int = 0
    is_https: bool = False

    @property
    def logs(self) -> Path:
        """The folder of the log files."""
        return self.home / "logs"

    @property
    def mail_folder(self) -> Path:
        """Where messages lie as files while no mail server is named."""
        return self.home / "mail"


def default_home() -> Path:
    """Where data lives when nobody says: the system's place for root, whose own home is often closed, else XDG's."""
    if os.geteuid() == 0:
        return Path("/var/lib/arflow")
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "arflow"


def from_environment() -> Settings:
    """The settings of the environment. Raises Refused when one cannot be read."""
    return Settings(
        home=_home(os.environ.get(HOME)),
        database_url=os.environ.get(DATABASE_URL) or None,
        redis_url=os.environ.get(REDIS_URL) or None,
        smtp_url=os.environ.get(SMTP_URL) or None,
        smtp_seconds=_number(SMTP_SECONDS, default=30, least=1, most=_MOST_SECONDS),
        mail_from=os.environ.get(MAIL_FROM, ""),
        reply_to=os.environ.get(REPLY_TO, ""),
        company=os.environ.get(COMPANY, ""),
        phone=os.environ.get(PHONE, ""),
        proxies=_number(PROXIES, default=0, least=0, most=_MOST_PROXIES),
        is_https=_is_yes(HTTPS),
    )


def _home(said: str | None) -> Path:
    if said and "://" in said:
        raise Refused(f"{HOME} is a folder, not an address such as `{said.partition('://')[0]}://...`")
    return Path(said).expanduser().resolve() if said else default_home()


def _number(variable: str, *, default: int, least: int, most: int) -> int:
    said = os.environ.get(variable) or str(default)
    is_number = said.isascii() and said.isdigit() and len(said) <= _MOST_DIGITS
    if not is_number or not least <= int(said) <= most:
        raise Refused(f"{variable} is a number from {least} to {most}, not `{said}`")
    return int(said)


def _is_yes(variable: str) -> bool:
    said = os.environ.get(variable) or "no"
    if said not in {"yes", "no"}:
        raise Refused(f"{variable} is yes or no, not `{said}`")
    return said == "yes"


def required(value: str | None, variable: str) -> str:
    """The value of a variable. Raises Refused when it is not set."""
    if value is None:
        raise Refused(f"{variable} is not set; `arflow up` sets it for its own processes")
    return value

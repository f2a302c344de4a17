"""What the pages are told when they are made. Nothing here is read from the environment."""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from arflow.advance import Engineering
from arflow.desk.sessions import Lifetime


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One engine a process; `key` signs what browsers carry (see `arflow.web.key`)."""

    engine: Engine
    engineering: Engineering
    key: bytes
    mail_folder: Path | None = None
    """Where messages lie as files when no mail server is configured; the pages show them."""

    redis_url: str | None = None
    """The doorbell, whose queues and workers the status page shows."""

    lifetime: Lifetime = field(
        default_factory=lambda: Lifetime(idle=dt.timedelta(minutes=30), longest=dt.timedelta(hours=12))
    )
    is_https: bool = False
    """Whether people reach the pages by https although this process does not see it; makes cookies `Secure`."""

    proxies: int = 0
    """How many reverse proxies of our own stand before this process, whose `X-Forwarded-` headers are believed."""

"""Settings, read once from the environment by each entry point. Nobody else looks at the environment."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`home` holds the embedded database; `database_url` names a real PostgreSQL instead."""

    home: Path
    database_url: str | None = None


def default_home() -> Path:
    """Where data lives when nobody says: the system's place for root, whose own home is often closed, else XDG's."""
    if os.geteuid() == 0:
        return Path("/var/lib/arflow")
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "arflow"


def from_environment() -> Settings:
    """The settings of ARFLOW_HOME and ARFLOW_DATABASE_URL."""
    home = os.environ.get("ARFLOW_HOME")
    return Settings(
        home=Path(home).expanduser().resolve() if home else default_home(),
        database_url=os.environ.get("ARFLOW_DATABASE_URL") or None,
    )

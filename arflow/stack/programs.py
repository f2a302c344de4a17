"""Finds PostgreSQL's own programs: those of the embedded server, or those on the PATH, whichever fit the server."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import Engine, text

from arflow.errors import DatabaseRefused
from arflow.store import embedded

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")

_VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "host": "PGHOST",
        "port": "PGPORT",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "passfile": "PGPASSFILE",
        "sslmode": "PGSSLMODE",
        "sslrootcert": "PGSSLROOTCERT",
        "sslcert": "PGSSLCERT",
        "sslkey": "PGSSLKEY",
        "sslcrl": "PGSSLCRL",
        "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
        "channel_binding": "PGCHANNELBINDING",
        "require_auth": "PGREQUIREAUTH",
        "gssencmode": "PGGSSENCMODE",
        "krbsrvname": "PGKRBSRVNAME",
        "options": "PGOPTIONS",
        "connect_timeout": "PGCONNECT_TIMEOUT",
        "target_session_attrs": "PGTARGETSESSIONATTRS",
    }
)
"""By which variable PostgreSQL's programs learn what a URL says of the connection (its manual, 32.15)."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command line, and what its environment says besides: a password stands in no list of processes."""

    line: Sequence[str]
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Programs:
    """The folder of PostgreSQL's programs, their major version, and that of the server."""

    folder: Path
    major: int
    server: int

    def command(self, name: str, engine: Engine, *arguments: str) -> Command:
        """A command on the database of `engine`."""
        url = engine.url
        _, said = engine.dialect.create_connect_args(url)  # several hosts and ports are told apart there
        environment = {_VARIABLES[name]: str(value) for name, value in said.items() if name in _VARIABLES}
        line = (str(self.folder / name), "--no-password", f"--dbname={url.database}", *arguments)
        return Command(line=line, environment=environment)


def fitting(engine: Engine) -> Programs:
    """The programs that fit the server of `engine` best. Raises DatabaseRefused when none do."""
    with engine.connect() as connection:
        server = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    found = [Programs(folder=folder, major=major, server=server) for folder, major in _candidates() if major >= server]
    if not found:
        raise DatabaseRefused(
            f"no pg_dump of PostgreSQL {server} or later is found; install the client programs of PostgreSQL {server}"
        )
    return min(found, key=lambda programs: programs.major)


def _candidates() -> Iterator[tuple[Path, int]]:
    yield embedded.programs(), embedded.MAJOR
    on_path = shutil.which("pg_dump")
    if on_path:
        said = subprocess.run([on_path, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603  # of the PATH
        version = _VERSION.search(said)
        if version:
            yield Path(on_path).parent, int(version[1])

"""Finds PostgreSQL's own programs: those of the embedded server, or those on the PATH, whichever fit the server."""

import os
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


def fitting(engine: Engine, least: int = 0) -> Programs:
    """The programs that fit the server of `engine` best, of major version `least` or later.

    Raises DatabaseRefused when none do.
    """
    return of_server(server_of(engine), least)


def server_of(engine: Engine) -> int:
    """The major version of the server of `engine`."""
    with engine.connect() as connection:
        return int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000


def of_server(server: int, least: int = 0) -> Programs:
    """The same, for a server of the major version `server`; `least` is that of the pg_dump whose dump they read."""
    fit = {major: folder for folder, major in _candidates() if _fits(major, server)}
    read = {major: folder for major, folder in fit.items() if major >= least}
    if not read:
        raise DatabaseRefused(_too_late(server, least) if fit else _missing(server))
    return Programs(folder=read[min(read)], major=min(read), server=server)


TOGETHER = 17
"""From this major version on, later programs restore into an earlier server, and read what an earlier pg_dump wrote.

Before it only those of the server's own version will do: what 17 and later restore begins with a setting that earlier
servers do not know, and earlier programs cannot read what they dump.
"""


def _fits(major: int, server: int) -> bool:
    return major >= server >= TOGETHER or major == server


def _too_late(server: int, least: int) -> str:
    """Why no programs that fit the server do: a later pg_dump wrote the dump."""
    wrote = f"pg_dump of PostgreSQL {least} wrote this backup"
    if server < TOGETHER:
        return f"{wrote}, which cannot be restored into PostgreSQL {server}; restore into {TOGETHER} or later"
    return f"{wrote}, and {_missing(least)}"


def _missing(major: int) -> str:
    return (
        f"no pg_dump and pg_restore of PostgreSQL {major} are on the PATH; install its client programs (Debian: the "
        f"package postgresql-client-{major}, then put /usr/lib/postgresql/{major}/bin on the PATH)"
    )


def _candidates() -> Iterator[tuple[Path, int]]:
    """The folders with programs of PostgreSQL, and their major versions; of two of one version the later one counts."""
    for folder in reversed(os.get_exec_path()):
        program = shutil.which("pg_dump", path=folder)
        said = program and subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603  # of the PATH
        version = said and _VERSION.search(said)
        if version:
            yield Path(folder), int(version[1])
    yield embedded.programs(), embedded.MAJOR

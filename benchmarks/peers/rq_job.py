"""The job that RQ runs for an account, in the process of a worker whose arguments say the rest."""

import json
import sys
from functools import cache
from typing import Any

import psycopg

from benchmarks.peers import timed, writes

own = timed.Timed()
"""What this process has done."""


@cache
def told() -> dict[str, Any]:
    """The worker's arguments."""
    given: dict[str, Any] = json.loads(sys.argv[2])
    return given


@cache
def connection() -> psycopg.Connection[Any]:
    """The worker's connection."""
    return psycopg.connect(told()["url"], autocommit=True)


def look(account: str) -> None:
    """The job."""
    with own.one(), connection().transaction():
        connection().execute(writes.OF_PSYCOPG, writes.values(told()["row"], account))

"""What `benchmarks/costs.py` measured and kept in `measured_costs.json`, in the units in which it is reckoned with."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from arflow.advance import BATCH
from benchmarks.simulation import Costs

FILE = Path(__file__).with_name("measured_costs.json")

MB = 1e6
NOT_READ = frozenset({"event", "journal", "message", "task"})
"""The tables of which a batch reads nothing that is old; all others have to be in memory, or it waits for disks."""

STANDING = frozenset({"account", "person"})
"""The tables that do not grow from year to year."""


@cache
def measured() -> Mapping[str, Any]:
    """What `benchmarks/costs.py` found."""
    found: Mapping[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def costs_of(found: Mapping[str, float]) -> Costs:
    """The costs of a due account as one measurement found them, with those of a payment and the round trips."""
    payment, claim = measured()["payment"], measured()["claim"]
    return Costs(
        worker=found["own_us"] / 1e6,
        database=found["database_us"] / 1e6,
        round_trips=round_trips(),
        passing=max(0.0, claim["beside_ms"] - claim["alone_ms"]) / 1e3 / claim["held"],
        payment=payment["own_us"] / 1e6,
        payment_database=payment["database_us"] / 1e6,
    )


def new_costs() -> Costs:
    """Those of two busy workers, of accounts with three invoices."""
    return costs_of(measured()["crews"]["2"])


def usual_costs() -> Costs:
    """The same of accounts with the history of a year, which each look reads."""
    new, short, long = new_costs(), measured()["look"], measured()["year"]["look"]
    return replace(
        new,
        worker=new.worker + (long["own_us"] - short["own_us"]) / 1e6,
        database=new.database + (long["database_us"] - short["database_us"]) / 1e6,
    )


def round_trips() -> float:
    """How often a batch goes to PostgreSQL and back: its statements, BEGIN and COMMIT."""
    return float(measured()["drain"]["statements"]) + 2


def seconds_of_an_account(round_trip: float) -> float:
    """What an account takes one worker, PostgreSQL and the network included."""
    each = usual_costs()
    return float(each.worker + each.database + each.round_trips * round_trip / BATCH)


def year_table(name: str) -> Mapping[str, float]:
    """Rows and bytes that a year of an account leaves in a table."""
    found: Mapping[str, float] = measured()["year"]["tables"][name]
    return found


def bytes_of(*, read: bool | None = None, stands: bool | None = None) -> float:
    """Bytes of an account and a year in the tables that a batch reads, or does not; that stand, or grow."""
    return float(
        sum(
            one["bytes"]
            for name, one in measured()["year"]["tables"].items()
            if read in (None, name not in NOT_READ) and stands in (None, name in STANDING)
        )
    )


def journalled() -> float:
    """Bytes of an account and a year in the journal and the outbox."""
    return float(year_table("journal")["bytes"] + year_table("message")["bytes"])


def archived_bytes() -> float:
    """How many of them are elsewhere once the facts and texts of nine months are in an archive."""
    found = measured()["year"]["archive"]
    return float(found["before"] - found["after"])


def wal() -> float:
    """Bytes of write-ahead log of a due account."""
    return float(measured()["crews"]["2"]["wal_bytes"])


def looked_at() -> float:
    """How many times a year an account is looked at."""
    return float(measured()["year"]["looked_at"])


def backed_up() -> float:
    """Bytes a second of a backup."""
    return float(measured()["backup"]["mb_per_s"]) * MB


def restored() -> float:
    """Bytes a second of a restore."""
    return float(measured()["backup"]["restored_mb_per_s"]) * MB

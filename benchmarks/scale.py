"""`python -m benchmarks.scale` computes the tables of `docs/scale.md` anew from what was measured and simulated.

What was measured lies in `measured_costs.json`; `python -m benchmarks.costs` measures it anew, in some minutes, and
computes the page then. A table stands between `<!-- computed: NAME -->` and `<!-- end -->`; a test fails when one is
stale.
"""

import math
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from arflow.advance import BATCH
from arflow.handbook.markdown import table
from benchmarks import kept, simulation
from benchmarks.measured import figure
from benchmarks.reckoned import (
    BETWEEN_PAYMENTS,
    BUSY,
    COMPANIES,
    HOUR,
    MEMORY,
    MORNINGS,
    NEAR,
    PAGES_A_CALL,
    PEAK,
    RESTORED_WITHIN,
    WITHIN,
    WORKING_DAYS,
    WORKING_SECONDS,
    Company,
    callers,
    restorable,
    web,
)
from benchmarks.simulation import Costs, Course, Shard, Wave
from workers import jobs, ticker

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
KB, MB, GB, TB = 1e3, 1e6, 1e9, 1e12


def _inputs() -> str:
    found, drain = kept.measured(), kept.new_costs()
    rows = [
        ["a due account: worker, two of them busy", f"{drain.worker * 1e6:.0f} us of a core"],
        ["a due account: PostgreSQL", f"{drain.database * 1e6:.0f} us of a core"],
        ["a due account: write-ahead log", size(found["crews"]["2"]["wal_bytes"])],
        ["a look that changes nothing, 3 invoices: worker, PostgreSQL", both(found["look"])],
        ["the same with the invoices and payments of a year", both(found["year"]["look"])],
        [
            "statements of a batch of 200, and with BEGIN and COMMIT",
            f"{kept.round_trips() - 2:.0f}, {kept.round_trips():.0f}",
        ],
        [f"a claim alone, and beside {found['claim']['held']:,} accounts that others hold", _claim()],
        ["an event of a large file: import, PostgreSQL", both(found["import"])],
        ["a file of one event: import, PostgreSQL", both(found["payment"])],
        ["a letter, handed over into a folder: deliverer, PostgreSQL", both(found["letter"])],
        ["a caller's list: page, PostgreSQL", both(found["page"]["list"])],
        ["an account's page: page, PostgreSQL", both(found["page"]["account"])],
        ["backup, restore, size of the backup", _backup()],
    ]
    head = f"Measured on {found['measured']['day']}: {found['measured']['shape']}.\n\n"
    return head + table(["what", "costs"], rows)


def _claim() -> str:
    found = kept.measured()["claim"]
    return f"{figure(found['alone_ms'])} ms, {figure(found['beside_ms'])} ms"


def _backup() -> str:
    found = kept.measured()["backup"]
    return f"{found['mb_per_s']:.0f} MB/s, {found['restored_mb_per_s']:.0f} MB/s, {found['part']:.0%} of the database"


def both(found: Mapping[str, float]) -> str:
    """What a process and its PostgreSQL spend."""
    return f"{figure(found['own_us'] / 1e3)} ms, {figure(found['database_us'] / 1e3)} ms"


def _year() -> str:
    tables = sorted(kept.measured()["year"]["tables"].items(), key=lambda one: -one[1]["bytes"])
    rows = [[f"`{name}`", figure(one["rows"]), size(one["bytes"])] for name, one in tables]
    total = ["all", figure(sum(one["rows"] for _, one in tables)), size(kept.bytes_of())]
    return table(["table", "rows of an account", "bytes, with indexes"], [*rows, total])


def _check() -> str:
    rows = [_checked(*one) for one in _checks()]
    return table(["", "measured", "simulated", "simulated beside measured"], rows)


def _checked(what: str, unit: str, found: float, reckoned: float) -> list[str]:
    return [what, f"{figure(found)} {unit}", f"{figure(reckoned)} {unit}", f"{reckoned / found:.2f}"]


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """A run on a machine with nothing else to do, before these costs were measured."""

    workers: int
    accounts: int
    rate: float
    worker_us: float = 656.0
    database_us: float = 200.0
    """Processor time of an account then, by profile.md."""

    @cached_property
    def costs(self) -> Costs:
        """What an account cost then."""
        return kept.costs_of({"own_us": self.worker_us, "database_us": self.database_us})


EARLIER = (
    Earlier(workers=1, accounts=3_000, rate=1_045),
    Earlier(workers=2, accounts=3_000, rate=1_998),
    Earlier(workers=4, accounts=100_003, rate=1_728),
)

HERE = 2
"""Cores of the machine on which it was measured; its servers and workers share them."""


def _checks() -> Iterator[tuple[str, str, float, float]]:
    """What was measured with real processes, beside the simulation of the same."""
    found = kept.measured()
    crews, far, herd = found["crews"], found["far"], found["herd"]
    for number, own in (("1", "1"), ("2", "2"), ("4", "2")):
        reckoned = _of_one_wave(kept.costs_of(crews[own]), int(number), found["measured"]["slice"])
        yield f"{counted(number)} beside PostgreSQL, two cores", "/s", crews[number]["rate"], reckoned.rate
    for number, own in (("1", "1"), ("4", "2")):
        reckoned = _of_one_wave(kept.costs_of(crews[own]), int(number), found["measured"]["slice"], far["ms"] / 1_000)
        yield f"{counted(number)}, {far['ms']} ms there and back", "/s", far[number]["rate"], reckoned.rate
    reckoned = _of_one_wave(kept.new_costs(), herd["workers"], herd["accounts"], payments=1 / BETWEEN_PAYMENTS)
    yield f"{herd['accounts']:,} at once, payments meanwhile, 2 workers", "/s", herd["rate"], reckoned.rate
    yield "a payment from a file, meanwhile", "s", herd["waits"]["comes in a file"], reckoned.wait
    for one in EARLIER:
        reckoned = _of_one_wave(one.costs, one.workers, one.accounts)
        what = f"{one.accounts:,} at once, {counted(str(one.workers))}, nothing else running"
        yield what, "/s", one.rate, reckoned.rate


def counted(workers: str) -> str:
    """So many workers, in words."""
    return "1 worker" if workers == "1" else f"{workers} workers"


def _of_one_wave(each: Costs, workers: int, accounts: int, round_trip: float = 0.0, *, payments: float = 0.0) -> Course:
    waves = (Wave(at=0.0, accounts=accounts),)
    return simulation.run(
        Shard(costs=each, waves=waves, workers=workers, database_cores=HERE, round_trip=round_trip, payments=payments)
    )


ROWS: Sequence[tuple[str, Callable[[Company], str]]] = (
    ("after the first year", lambda one: size(one.bytes)),
    (
        "each further year, facts and texts archived",
        lambda one: size(one.accounts * (kept.bytes_of(stands=False) - kept.archived_bytes())),
    ),
    ("journal and letters of a month, whole", lambda one: size(one.accounts * kept.journalled() / 12)),
    ("facts and texts of nine months, archived", lambda one: size(one.accounts * kept.archived_bytes())),
    ("PostgreSQL servers", lambda one: f"{one.shards:,}"),
    ("of each: accounts", lambda one: f"{one.shard_accounts:,}"),
    ("of each: bytes after a year", lambda one: size(one.bytes / one.shards)),
    ("of each: memory for what batches read", lambda one: size(one.shard_accounts * kept.bytes_of(read=True))),
    ("of each: cores", lambda one: f"{one.cores}"),
    ("of each: drain workers", lambda one: f"{one.workers}"),
    ("of each: write-ahead log in a herd", lambda one: f"{size(one.rate * kept.wal())}/s"),
    ("all drain workers", lambda one: f"{one.shards * one.workers:,}"),
    ("looked at on an ordinary day, all", lambda one: f"{one.accounts * kept.looked_at() / 365:,.0f}"),
    (
        "events imported on an ordinary day, all",
        lambda one: f"{one.accounts * kept.year_table('event')['rows'] / 365:,.0f}",
    ),
    ("callers", lambda one: f"{callers(one):,.0f}"),
    ("pages a second in the busiest hour", lambda one: figure(one.pages)),
    ("web processes", lambda one: f"{web(one):,}"),
    ("a backup of one PostgreSQL takes", lambda one: time_of(one.bytes / one.shards / kept.backed_up())),
    ("to restore it takes", lambda one: time_of(one.bytes / one.shards / kept.restored())),
)


def _companies() -> str:
    heads = ["", *(f"{one.accounts:,}" for one in COMPANIES)]
    return table(heads, [[what, *(found(one) for one in COMPANIES)] for what, found in ROWS])


def _arithmetic() -> str:
    one, each, new = COMPANIES[1], kept.usual_costs(), kept.new_costs()
    part = max(part for _, _, part in MORNINGS)
    network = each.round_trips * NEAR / BATCH
    account = kept.seconds_of_an_account(NEAR)
    whole, read, contacts = kept.bytes_of(), kept.bytes_of(read=True), kept.year_table("contact")["rows"]
    said = f"""
- Size: {one.accounts:,} accounts x {size(whole)} = {size(one.bytes)}.
- PostgreSQL servers: in a night {RESTORED_WITHIN // HOUR} h x {kept.restored() / MB:.0f} MB/s = {size(restorable())}
  are restored, {size(one.bytes)} / {size(restorable())} = {one.bytes / restorable():.2f}; batches read
  {one.accounts:,} x {size(read)} = {size(one.accounts * read)}, beside {size(MEMORY)} of memory
  {one.accounts * read / MEMORY:.2f}. The larger of both, rounded up, is {one.shards}, with {one.shard_accounts:,}
  accounts each.
- The largest wave of one: {one.shard_accounts:,} x {part:.0%} = {one.largest_wave:,.0f} accounts.
- An account with the history of a year takes a worker {new.worker * 1e6:.0f} us, as one with three invoices, and
  {(each.worker - new.worker) * 1e6:.0f} us more for what a look reads; PostgreSQL {new.database * 1e6:.0f} us and
  {(each.database - new.database) * 1e6:.0f} us.
- What such an account takes in all: a worker {each.worker * 1e6:.0f} us, PostgreSQL {each.database * 1e6:.0f} us, the
  network {each.round_trips:.0f} x {NEAR * 1e3:.0f} ms / {BATCH} = {network * 1e6:.0f} us; together
  {account * 1e6:.0f} us.
- Workers: {one.largest_wave:,.0f} x {account * 1e6:.0f} us / {WITHIN:,} s, rounded up, is {one.workers}; they work off
  {one.workers} / {account * 1e6:.0f} us = {one.rate:,.0f} accounts a second.
- PostgreSQL's cores: {one.rate:,.0f}/s x {each.database * 1e6:.0f} us / {BUSY:g}, rounded up, two at least, is
  {one.cores}.
- Write-ahead log: {one.rate:,.0f}/s x {size(kept.wal())} = {size(one.rate * kept.wal())}/s, which a replica takes too.
- Pages: {one.accounts:,} x {figure(contacts)} contacts a year x {PAGES_A_CALL} pages x {PEAK} /
  ({WORKING_DAYS} days x {WORKING_SECONDS // HOUR} h) = {figure(one.pages)} a second.
"""
    return "\n".join(filled(line) for line in re.sub(r"\n  ", " ", said).strip().splitlines())


def filled(line: str) -> str:
    """A point of a list, in lines that are no longer than the page is wide."""
    return textwrap.fill(line, 120, subsequent_indent="  ", break_on_hyphens=False)


def _herd() -> str:
    rows = [
        [
            f"{one.accounts:,}",
            f"{one.shard_accounts:,}",
            time_of(max(one.month_end.waves)),
            time_of(one.largest_wave * kept.seconds_of_an_account(NEAR) / one.workers),
            f"{one.month_end.wait:.2f} s",
            f"{one.month_end.wait_of(99):.2f} s",
        ]
        for one in COMPANIES
    ]
    heads = ["company", "accounts of one PostgreSQL", "its largest wave", "by division", "a payment waits", "99 of 100"]
    return table(heads, rows)


AWAY = (0.0, 0.001, 0.005, 0.01, 0.05)


def _network() -> str:
    rows = []
    for away in AWAY:
        course = simulation.run(_far(away, 8))
        needed = math.ceil(8 * kept.seconds_of_an_account(away) / kept.seconds_of_an_account(0))
        again = simulation.run(_far(away, needed))
        rows.append(
            [
                f"{away * 1e3:.0f} ms",
                f"{course.rate:,.0f}/s",
                f"{kept.seconds_of_an_account(0) / kept.seconds_of_an_account(away):.0%}",
                f"{needed}: {again.rate:,.0f}/s",
                f"{again.wait_of(99):.2f} s",
            ]
        )
    heads = ["there and back", "8 workers", "kept, by division", "workers that make up for it", "99 of 100 payments"]
    return table(heads, rows)


_FAR_HERD, _LOUD_HERD = 400_000, 1_000_000


def _far(away: float, workers: int, accounts: int = _FAR_HERD, cores: int = 8) -> Shard:
    return Shard(
        costs=kept.usual_costs(),
        waves=(Wave(at=0.0, accounts=accounts),),
        workers=workers,
        database_cores=cores,
        worker_cores=workers + 1,
        round_trip=away,
        payments=1.0,
    )


CORES = (2, 8, 16, 64)


def _limits() -> str:
    """Where one PostgreSQL ends, by its cores."""
    each = kept.usual_costs()
    rows = []
    for cores in CORES:
        rate = cores * BUSY / each.database
        workers = math.ceil(rate * kept.seconds_of_an_account(NEAR))
        accounts = rate * WITHIN / max(part for _, _, part in MORNINGS)
        rows.append(
            [
                f"{cores}",
                f"{rate:,.0f}/s",
                f"{workers}",
                f"{size(rate * kept.wal())}/s",
                f"{accounts / 1e6:,.0f} million",
                size(accounts * kept.bytes_of()),
            ]
        )
    heads = [
        "cores", "accounts a second", "workers", "write-ahead log", "accounts whose largest zone takes an hour",
        "what they leave in a year",
    ]  # fmt: skip
    return table(heads, rows)


def _bell() -> str:
    """How many workers one ticker keeps busy, and what the simulation says of as many and of more."""
    most = round(ticker.RINGS / ticker.BUSY_SECONDS * jobs.SECONDS)
    found = [(workers, simulation.run(_far(0, workers, _LOUD_HERD, cores=64))) for workers in (most // 4, most)]
    could = kept.seconds_of_an_account(0)
    said = "; ".join(
        f"{workers} workers {course.rate:,.0f}/s, {course.rate * could / workers:.0%} of what they could"
        for workers, course in found
    )
    text = f"""
A ticker keeps {ticker.RINGS} jobs waiting and looks every {ticker.BUSY_SECONDS:g} s while there is work, and a job
lasts {jobs.SECONDS:.0f} s: {ticker.RINGS} / {ticker.BUSY_SECONDS:g} s x {jobs.SECONDS:.0f} s = {most} workers of one
PostgreSQL are busy at most. Simulated, {_LOUD_HERD:,} accounts at once: {said}.
"""
    return textwrap.fill(" ".join(text.split()), 120)


def _zones() -> str:
    return table(["zone", "its part"], [[zone, f"{part:.0%}"] for zone, _, part in MORNINGS])


def size(number: float) -> str:
    """Bytes as people read them."""
    for unit, name in ((TB, "TB"), (GB, "GB"), (MB, "MB"), (KB, "kB")):
        if number >= unit:
            return f"{figure(number / unit)} {name}"
    return f"{number:.0f} B"


def time_of(seconds: float) -> str:
    """A duration as people read it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / HOUR:.1f} h"


PARTS: Mapping[str, Callable[[], str]] = {
    "inputs": _inputs,
    "year": _year,
    "zones": _zones,
    "companies": _companies,
    "arithmetic": _arithmetic,
    "check": _check,
    "herd": _herd,
    "network": _network,
    "limits": _limits,
    "bell": _bell,
}
_BLOCK = re.compile(
    r"(?P<start>^<!-- computed: (?P<name>[a-z]+) -->\n).*?(?P<end>^<!-- end -->$)", re.DOTALL | re.MULTILINE
)


def written(page: str) -> str:
    """`page` with all its computed parts made anew."""
    return _BLOCK.sub(lambda block: f"{block['start']}{PARTS[block['name']]().strip()}\n{block['end']}", page)


def main() -> None:
    """Compute the page anew."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

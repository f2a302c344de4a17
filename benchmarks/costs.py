"""What `docs/scale.md` is computed from: `python -m benchmarks.costs` measures it anew and computes the page.

Processor time is what processes say that they used, so that others on the machine disturb it less than a clock on the
wall. It is kept in `measured_costs.json`: costs of an account, an event, a letter and a page, the bytes of a year, the
pace of a backup, and what real workers did, beside which the simulation is held.
"""

import datetime as dt
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import mean

from flask.testing import FlaskClient
from sqlalchemy import Engine, NullPool, create_engine, event, text

from arflow import archive, clock, sample
from arflow.advance import BATCH, Engineering, drain, run_due
from arflow.deliver import deliver_batch
from arflow.desk import sessions
from arflow.ledger import importing
from arflow.mail import Folder, Mail
from arflow.rules.engine import DurableRules
from arflow.stack import backups
from arflow.store import accounts, database, tables
from arflow.web.app import create_app
from arflow.web.settings import Settings
from benchmarks import apart, company, crew, databases, herding, kept, office, scale, told
from benchmarks.company import ZONES, Company, Plan, checkpoint
from benchmarks.measured import Say
from benchmarks.size import Size
from tests.production import STANDARD, activate, standard, turn, write_events

SLICE, WARM, HERD = 4_000, 600, 12_000
"""Accounts of a zone, of one that warms workers up, and of the herd."""

CREWS = (1, 2, 4)
FAR_MS, FAR_CREWS = 10, (1, 4)
"""How far away workers are held once more, there and back, and how many of them."""

YEAR_ACCOUNTS, YEAR_MONTHS, YEAR_END = 240, 12, dt.date(2025, 12, 31)
"""A ledger with the habits of real payers, which is lived for a year."""

CLAIMED, HOLDERS, TRIES = 10_000, 40, 15
"""Accounts of which others hold a batch each while another one claims; how many, and how often that is tried."""

OFFICE, PAGES = 20_000, 40
IMPORTED, FILES, LETTERS = 4_000, 20, 600
"""Events of a file; files of one event each; letters that are handed over."""

_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, keep it, and compute the page anew."""

    def say(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    place = told.place("python -m benchmarks.costs")
    year = _year(say)
    company.keep_from_vacuuming()
    found = {
        "measured": {"day": place.day.isoformat(), "shape": place.shape, "slice": SLICE},
        **_morning(say),
        "page": _office(say),
        "year": year,
    }
    kept.FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    scale.main()


# --- processor time ---------------------------------------------------------------------------------------------------


@dataclass
class Spent:
    """Processor seconds that were spent, by processes of ours and by all of PostgreSQL, and bytes of its log."""

    own: float = 0.0
    database: float = 0.0
    wal: float = 0.0

    def each(self, number: float) -> dict[str, float]:
        """Microseconds, and bytes of write-ahead log, for each of so many."""
        return {
            "own_us": _digits(1e6 * self.own / number),
            "database_us": _digits(1e6 * self.database / number),
            "wal_bytes": _digits(self.wal / number),
        }


@contextmanager
def spending(engine: Engine, pids: tuple[int, ...] = ()) -> Iterator[Spent]:
    """What is spent within, by the processes `pids`, else by this one; what PostgreSQL has to write is written."""
    found = Spent()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))
    checkpoint()
    server = _server(engine)
    own, theirs, wal = _own(pids), _of_server(server), _wal(engine)
    yield found
    found.own, found.wal = _own(pids) - own, _wal(engine) - wal
    checkpoint()
    found.database = _of_server(server) - theirs


def _own(pids: tuple[int, ...]) -> float:
    return sum(_seconds(_stat(pid)) for pid in pids) if pids else time.process_time()


def _server(engine: Engine) -> int:
    with engine.connect() as connection:
        said = str(connection.execute(text("SELECT pg_read_file('postmaster.pid')")).scalar_one())
    return int(said.split("\n", 1)[0])


def _wal(engine: Engine) -> float:
    with engine.connect() as connection:
        return float(connection.execute(text("SELECT pg_current_wal_insert_lsn() - '0/0'")).scalar_one())


def _of_server(server: int) -> float:
    """Of a PostgreSQL and all its processes, those that have ended too."""
    stats = [found for path in Path("/proc").glob("[0-9]*") if (found := _stat(int(path.name)))]
    mine = next(stat for stat in stats if stat[0] == str(server))
    children = sum(_seconds(stat) for stat in stats if stat[3] == str(server))
    return _seconds(mine) + children + (int(mine[15]) + int(mine[16])) / _TICKS


def _stat(pid: int) -> list[str]:
    """What /proc says of a process; nothing of one that is gone."""
    try:
        said = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return []
    before, _, after = said.rpartition(")")
    return [before.split(" ", 1)[0], "", *after.split()]


def _seconds(stat: list[str]) -> float:
    return (int(stat[13]) + int(stat[14])) / _TICKS


def _digits(value: float) -> float:
    """Three digits that count."""
    return float(f"{value:.3g}")


# --- a morning --------------------------------------------------------------------------------------------------------


def _morning(say: Say) -> dict[str, object]:
    """A backup, a due account, an imported event, a letter; and what workers do."""
    plan = Plan(slices=(SLICE, SLICE, CLAIMED, *(WARM, SLICE) * (len(CREWS) + len(FAR_CREWS)), WARM), herd=HERD)
    doors = Engineering(evaluator=DurableRules(), delivery="recorded")
    with company.opened(plan, say) as made:
        backup, zones = _backup(made, say), iter(ZONES)
        made.dawn(next(zones))
        _drained(made, doors)
        due = made.dawn(next(zones))
        with spending(made.engine) as alone, _statements(made.engine) as statements:
            _drained(made, doors)
        found: dict[str, object] = {
            "backup": backup,
            "look": _looked(made, due, doors),
            "drain": {**alone.each(due), "statements": _digits(statements["in batches"] / statements["batches"])},
            "claim": _claims(made, next(zones)),
            "import": _imported(made, IMPORTED),
            "payment": _imported(made, 1),
            "letter": _letters(made, LETTERS),
            "crews": _crews(made, zones, say),
            "far": _far(made, zones, say),
        }
        with crew.of(made, 2) as two:
            two.work_off(next(zones))
            herd = herding.run(Size(quick=True), two, say)
        waits = {how: _digits(mean(values)) for how, values in herd.waits.items() if values}
        found["herd"] = {"accounts": herd.accounts, "workers": 2, "rate": _digits(herd.rate), "waits": waits}
    return found


def _claims(made: Company, zone: str) -> dict[str, float]:
    """Milliseconds of a claim, alone and beside others who hold a batch each and are passed over; the best of some."""
    made.dawn(zone)
    engine = create_engine(made.engine.url, poolclass=NullPool)
    with ExitStack() as stack:
        alone = min(_claim(engine) for _ in range(TRIES))
        for _ in range(HOLDERS):
            connection = stack.enter_context(engine.connect())
            now = clock.read(connection)
            accounts.claim(connection, accounts.due(now.latest, now.day), BATCH)
        beside = min(_claim(engine) for _ in range(TRIES))
    return {"alone_ms": _digits(1e3 * alone), "beside_ms": _digits(1e3 * beside), "held": HOLDERS * BATCH}


def _claim(engine: Engine) -> float:
    with engine.connect() as connection:
        now = clock.read(connection)
        begun = time.perf_counter()
        accounts.claim(connection, accounts.due(now.latest, now.day), BATCH)
        return time.perf_counter() - begun


def _drained(made: Company, doors: Engineering) -> None:
    while drain(made.engine, doors) is not None:
        pass


def _looked(made: Company, number: int, doors: Engineering) -> dict[str, float]:
    """A look at accounts of three invoices at which nothing changes."""
    with made.engine.begin() as connection:
        which = "SELECT id FROM account WHERE state = 'reminded' ORDER BY id LIMIT :number"
        connection.execute(text(f"UPDATE account SET next_due = now() WHERE id IN ({which})"), {"number": number})
    with spending(made.engine) as spent:
        _drained(made, doors)
    return spent.each(number)


@contextmanager
def _statements(engine: Engine) -> Iterator[dict[str, int]]:
    """How many statements are made within, and in how many transactions that changed accounts."""
    found = {"in batches": 0, "batches": 0}
    now: list[str] = []

    def count(_: object, __: object, statement: str, *___: object) -> None:
        now.append(statement)

    def end(_: object) -> None:
        if any(statement.lstrip().startswith("UPDATE account") for statement in now):
            found["in batches"] += len(now)
            found["batches"] += 1
        now.clear()

    listened: tuple[tuple[str, Callable[..., None]], ...] = (("before_cursor_execute", count), ("commit", end))
    for name, listener in listened:
        event.listen(engine, name, listener)
    yield found
    for name, listener in listened:
        event.remove(engine, name, listener)


def _imported(made: Company, number: int) -> dict[str, float]:
    """An event of a file of so many: an invoice more for accounts that there are."""
    events = [
        {"event": "invoice", "account": key, "date": "2026-01-12", "id": f"I9{number}",
         "amount": "99.00", "due": "2026-02-12"}
        for key in made.waiting(max(number, FILES), "")
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        parts = [events] if number > 1 else [[one] for one in events]
        files = [write_events(Path(folder) / f"{at}.jsonl", part) for at, part in enumerate(parts)]
        with spending(made.engine) as spent:
            for file in files:
                with made.engine.begin() as connection:
                    options = importing.Options(profile=None)
                    importing.import_file(connection, file, clock.read(connection), options, lambda *_: None)
    _drained(made, Engineering(evaluator=DurableRules(), delivery="recorded"))
    return spent.each(len(events))


def _letters(made: Company, number: int) -> dict[str, float]:
    """A letter that is handed over, into a folder."""
    with tempfile.TemporaryDirectory() as folder:
        mail = _mail(Path(folder))
        handed = 0
        with spending(made.engine) as spent:
            while handed < number and (taken := deliver_batch(made.engine, mail)):
                handed += taken
        return spent.each(handed)


def _mail(folder: Path) -> Mail:
    return Mail(transport=Folder(folder), address="accounts@hill.example", company="Hill & Sons")


def _crews(made: Company, zones: Iterator[str], say: Say) -> dict[str, dict[str, float]]:
    """What so many workers do beside their servers."""
    found = {}
    for number in CREWS:
        with crew.idle(made) as own:
            own.start([own.here] * number)
            found[str(number)] = _worked_off(own, zones)
            own.end()
        say(f"costs: {number} workers: {found[str(number)]}")
    return found


def _worked_off(own: crew.Crew, zones: Iterator[str]) -> dict[str, float]:
    """How workers fare that have been warmed up by a few accounts."""
    own.work_off(next(zones))
    with spending(own.company.engine, tuple(worker.pid for worker in own.workers)) as spent:
        found = own.work_off(next(zones))
    return {"rate": _digits(found.rate), **spent.each(found.handled)}


def _far(made: Company, zones: Iterator[str], say: Say) -> dict[str, object]:
    """The same, some milliseconds away."""
    found: dict[str, object] = {"ms": FAR_MS, "is_apart": apart.may_be_made()}
    for number in FAR_CREWS:
        with crew.idle(made) as own, apart.apart(made.url, own.redis_url, number) as place:
            own.start(place.sites)
            place.delay(FAR_MS / 1_000)
            found[str(number)] = _worked_off(own, zones)
            own.end()
        say(f"costs: {number} workers, {FAR_MS} ms away: {found[str(number)]}")
    return found


def _backup(made: Company, say: Say) -> dict[str, float]:
    """The pace of `arflow backup` and `arflow restore`, in megabytes of the database a second."""
    with made.engine.connect() as connection:
        size = int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    with tempfile.TemporaryDirectory() as folder, company.empty_database() as url:
        begun = time.perf_counter()
        backups.make(made.engine, Path(folder) / "one", lambda *_: None)
        made_in = time.perf_counter() - begun
        dump = sum(path.stat().st_size for path in (Path(folder) / "one").iterdir())
        engine = database.connect(url)
        begun = time.perf_counter()
        backups.restore(engine, Path(folder) / "one", lambda *_: None)
        restored_in = time.perf_counter() - begun
        engine.dispose()
    say(f"costs: {size / 1e6:.0f} MB backed up in {made_in:.1f} s, restored in {restored_in:.1f} s")
    return {
        "mb_per_s": _digits(size / 1e6 / made_in),
        "restored_mb_per_s": _digits(size / 1e6 / restored_in),
        "part": _digits(dump / size),
    }


# --- a year -----------------------------------------------------------------------------------------------------------


def _year(say: Say) -> dict[str, object]:
    """What a year of an account leaves behind in each table: a ledger is lived day by day, its letters delivered."""
    events = list(sample.generate(seed=1, accounts=YEAR_ACCOUNTS, months=YEAR_MONTHS, until=YEAR_END))
    first = dt.date.fromisoformat(min(str(one["date"]) for one in events))
    doors = Engineering(evaluator=DurableRules(), delivery="recorded")
    looked, begun = 0, time.perf_counter()
    with databases.migrated() as url, tempfile.TemporaryDirectory() as folder:
        engine, mail = database.connect(url), _mail(Path(folder))
        empty = _sizes(engine)
        with engine.begin() as connection:
            clock.step_to(connection, first - dt.timedelta(days=1))
        for name in STANDARD:
            activate(engine, standard(name))
        turn(engine, is_on=True)
        with engine.begin() as connection:
            file, options = write_events(Path(folder) / "year.jsonl", events), importing.Options(profile=None)
            importing.import_file(connection, file, clock.read(connection), options, lambda *_: None)
        day = first
        while day <= YEAR_END:
            looked += _lived(engine, day, doors, mail)
            day += dt.timedelta(days=1)
        say(f"costs: a year of {YEAR_ACCOUNTS} accounts lived in {time.perf_counter() - begun:.0f} s")
        made = _sizes(engine)
        old = _looked_again(engine, doors)
        moved = _archived(engine, Path(folder) / "archive.sqlite")
        engine.dispose()
    of_accounts = {table.name for table in tables.metadata.tables.values() if "account_id" in table.c} | {"account"}
    each = {
        name: {
            "rows": _digits(made[name][0] / YEAR_ACCOUNTS),
            "bytes": round((made[name][1] - empty[name][1]) / YEAR_ACCOUNTS),
        }
        for name in sorted(made)
        if name in of_accounts and made[name][0]
    }
    return {
        "accounts": YEAR_ACCOUNTS,
        "looked_at": _digits(looked / YEAR_ACCOUNTS),
        "look": old,
        "archive": moved,
        "tables": each,
    }


def _looked_again(engine: Engine, doors: Engineering) -> dict[str, float]:
    """A look at accounts with the invoices of a year, at which nothing changes, in batches of their usual size."""
    looked = 0
    with spending(engine) as spent:
        for _ in range(TRIES):
            with engine.begin() as connection:
                now = clock.read(connection)
                due = {"at": now.start, "on": now.start_day}
                connection.execute(text("UPDATE account SET next_due = :at, due_on = :on"), due)
            looked += sum(advanced.accounts for advanced in run_due(engine, now, doors))
    return spent.each(looked)


def _archived(engine: Engine, file: Path) -> dict[str, int]:
    """Bytes of an account's journal and letters, whole and with the facts and texts of nine months in an archive."""
    before = _packed(engine)
    archive.move(engine, file, YEAR_END - dt.timedelta(days=91), lambda *_: None)
    found = {"before": before, "after": _packed(engine), "file": file.stat().st_size}
    return {name: round(size / YEAR_ACCOUNTS) for name, size in found.items()}


def _packed(engine: Engine) -> int:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM FULL journal, message"))
    return sum(size for name, (_, size) in _sizes(engine).items() if name in ("journal", "message"))


def _lived(engine: Engine, day: dt.date, doors: Engineering, mail: Mail) -> int:
    """Live a day to its end; gives how many times an account was looked at."""
    with engine.begin() as connection:
        now = clock.step_to(connection, day)
    looked, is_over = 0, False
    while not is_over:
        looked += sum(advanced.accounts for advanced in run_due(engine, now, doors))
        is_over = not deliver_batch(engine, mail)
    return looked


def _sizes(engine: Engine) -> Mapping[str, tuple[int, int]]:
    """The rows of each table, and its bytes with its indexes."""
    query = "SELECT (SELECT count(*) FROM {0}), pg_total_relation_size('{0}')"
    with engine.connect() as connection:
        rows = {name: connection.execute(text(query.format(name))).one() for name in tables.metadata.tables}
    return {name: (int(row[0]), int(row[1])) for name, row in rows.items()}


# --- pages ------------------------------------------------------------------------------------------------------------


def _office(say: Say) -> dict[str, dict[str, float]]:
    """A caller's pages, in a company that has been worked on."""
    with office.opened(OFFICE, 0, say) as made:
        return _pages(made)


def _pages(made: Company) -> dict[str, dict[str, float]]:
    """The processor time of a caller's pages."""
    doors = Engineering(evaluator=DurableRules(), delivery="recorded")
    pages = create_app(Settings(engine=made.engine, engineering=doors, key=b"k" * 32))
    visitor = pages.test_client()
    with made.engine.begin() as connection:
        token = sessions.begin(connection, office.owner(1))
        ids = list(
            connection.execute(
                text("SELECT id FROM account WHERE owner = :name ORDER BY id LIMIT :number"),
                {"name": office.owner(1), "number": PAGES},
            ).scalars()
        )
    visitor.set_cookie("arflow", token)
    found = {}
    for kind, paths in (("list", ["/accounts"] * PAGES), ("account", [f"/accounts/{key}" for key in ids])):
        for path in paths[:3]:
            _opened(visitor, path)
        with spending(made.engine) as spent:
            for path in paths:
                _opened(visitor, path)
        found[kind] = spent.each(len(paths))
    return found


def _opened(visitor: FlaskClient, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == HTTPStatus.OK, f"{path} answered {answer.status_code}"


if __name__ == "__main__":
    main()

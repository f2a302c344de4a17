"""A herd: all of a zone wake at one instant, two workers work it off, payments come in meanwhile, memory is watched."""

import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from arflow import clock
from arflow.advance import Engineering, record
from arflow.ledger import importing
from arflow.rules.engine import DurableRules
from benchmarks.company import DAY, HERD_ZONE, ZONES, checkpoint
from benchmarks.crew import Crew
from benchmarks.measured import Say
from benchmarks.memory_of import Watch
from benchmarks.size import Size
from tests.production import write_events

_PERSON, _FILE = "a person records", "comes in a file"
_PAUSE, _QUICK_PAUSE = 3.0, 0.4
"""How many seconds lie between two payments."""

_PATIENCE = 60.0


@dataclass(frozen=True, kw_only=True)
class Herd:
    """What was found: how fast it was worked off, how long payments waited, and the memory of each process."""

    accounts: int
    rate: float
    waits: Mapping[str, tuple[float, ...]]
    """Seconds until a payment was acted on, by how it came."""

    payers: tuple[str, ...]
    megabytes: Mapping[str, tuple[float, ...]]
    """Of each process, from the beginning to the end."""


def run(size: Size, crew: Crew, say: Say) -> Herd:
    """Let New York wake."""
    paying = _Payments(crew.company.engine, _QUICK_PAUSE if size.quick else _PAUSE)
    with crew.ticker() as ticker:
        watch = Watch({"the ticker": ticker, **crew.processes()}, 0.2 if size.quick else 5.0)
        checkpoint()
        with watch, paying:
            found = crew.work_off(HERD_ZONE)
    say(f"herd: {found.handled:,} accounts in {found.seconds:.0f} s, {found.rate:,.0f} a second")
    return Herd(
        accounts=found.handled,
        rate=found.rate,
        waits={how: tuple(waits) for how, waits in paying.waits.items()},
        payers=tuple(paying.payers),
        megabytes=watch.megabytes,
    )


class _Payments:
    """Accounts that were reminded in the morning pay all that is open, one after the other, while this lasts."""

    def __init__(self, engine: Engine, pause: float) -> None:
        self._engine, self._pause, self._over = engine, pause, threading.Event()
        self._thread = threading.Thread(target=self._pay)
        self._doors = Engineering(evaluator=DurableRules(), delivery="recorded")
        self.waits: dict[str, list[float]] = {_PERSON: [], _FILE: []}
        self.payers: list[str] = []

    def __enter__(self) -> None:
        query = (
            "SELECT id, sum(open)::bigint AS cents FROM account JOIN item ON account_id = id "
            "WHERE timezone = :zone AND state = 'reminded' GROUP BY id ORDER BY id LIMIT 1000"
        )
        with self._engine.connect() as connection:
            self._waiting = list(connection.execute(text(query), {"zone": ZONES[0]}).all())
        self._record(*self._next())  # a person's process has decided before
        for found in self.waits.values():
            found.clear()
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _next(self) -> tuple[str, dict[str, object]]:
        row = self._waiting.pop()
        self.payers.append(row.id)
        return row.id, {"event": "payment", "id": "P1", "amount": f"{row.cents // 100}.{row.cents % 100:02}"}

    def _pay(self) -> None:
        while not self._over.wait(self._pause) and self._waiting:
            way = (self._record, self._import)[len(self.payers) % 2]
            way(*self._next())

    def _record(self, account: str, payment: dict[str, object]) -> None:
        begun = time.monotonic()
        with self._engine.begin() as connection:
            record(connection, account, [payment], actor="carla", engineering=self._doors)
        self._wait(_PERSON, account, begun)

    def _import(self, account: str, payment: dict[str, object]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            event = {**payment, "account": account, "date": DAY.isoformat()}
            file = write_events(Path(folder) / "payment.jsonl", [event])
            begun = time.monotonic()
            with self._engine.begin() as connection:
                options = importing.Options(profile=None)
                importing.import_file(connection, file, clock.read(connection), options, lambda *_: None)
        self._wait(_FILE, account, begun)

    def _wait(self, how: str, account: str, begun: float) -> None:
        query = text("SELECT state = 'resolved' FROM account WHERE id = :id")
        while time.monotonic() - begun < _PATIENCE:
            with self._engine.connect() as connection:
                if connection.execute(query, {"id": account}).scalar_one():
                    break
            time.sleep(0.01)
        self.waits[how].append(time.monotonic() - begun)

"""A herd of wakes at one instant: each account is stepped once, and who pays meanwhile does not wait for the others."""

import datetime as dt
import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest
from sqlalchemy import Engine, text

from arflow import clock
from arflow.advance import record
from arflow.audit import verify
from arflow.ledger import importing
from arflow.ledger.importing import Options
from arflow.rules.loader import load_policy
from arflow.rules.reference import Reference
from arflow.store import database
from tests import herd
from tests.production import activate, run, turn, write_events
from tests.servers import PATIENCE
from tests.set_clock import put, settable
from tests.sizes import LONG, size
from tests.test_doors import REAL

pytestmark = pytest.mark.database

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["tests.herd"])
SIZE = size(10_000, 100_000)
WORKERS = 4
PAYERS = 12
MORNING = dt.datetime(2026, 1, 13, 8, tzinfo=dt.UTC)
PROMPT = 2.0 if LONG else PATIENCE
"""Within how many seconds a payment is acted on that a person records; a busy machine with few accounts says little.

One that comes in a file waits until a worker has ended a batch and made the next one, beside three others.
"""

HERD = "~ '^[HFG]'"
"""Which ids are those of the herd."""

POLICY = load_policy(
    """
policy: p
currency: USD
calendar: {timezone: UTC, act_at: "08:00", act_until: "18:00", weekend: []}
rules:
  - {id: paid-up, from: open, when: gross_overdue_amount == 0, to: resolved, why: Paid.}
  - {id: first, from: current, when: days_overdue >= 3, to: reminded, do: [{send: first-reminder}], why: Late.}
  - {id: phone, from: reminded, when: days_overdue >= 14, to: called, do: [{call: collections}], why: Still late.}
""",
    file="test",
)


def ledger() -> list[dict[str, object]]:
    """Three of the herd, F with G who pays through it, and those who will pay: they are reminded a week before."""
    found: list[dict[str, object]] = []
    dues = {"H": "2026-01-10", "F": "2026-01-10", "G": None}
    dues |= {f"P{number:02}": "2026-01-03" for number in range(PAYERS)}
    for key, due in dues.items():
        who = {"account": key, "date": "2026-01-02"}
        contacts = [{"name": "Ann", "email": "ann@x.example"}]
        through = {} if due else {"pays_through": "F"}
        found.append({"event": "account", **who, "currency": "USD", "contacts": contacts, **through})
        if due:
            found.append({"event": "invoice", **who, "id": "I1", "amount": "50.00", "due": due})
    return found


def paid(number: int) -> dict[str, object]:
    return {"event": "payment", "id": f"Z{number}", "amount": "50.00"}


def records(engine: Engine, number: int) -> None:
    """A person records a payment, which is acted on in the same transaction."""
    with engine.begin() as connection:
        record(connection, f"P{number:02}", [paid(number)], actor="carla", engineering=REAL)


def imports(engine: Engine, number: int, folder: Path) -> None:
    """A payment comes in a file; it is acted on by whoever of the workers comes by."""
    event = paid(number) | {"account": f"P{number:02}", "date": "2026-01-13"}
    with engine.begin() as connection:
        file = write_events(folder / "payment.jsonl", [event])
        importing.import_file(connection, file, clock.read(connection), Options(profile=None), lambda *_: None)


def is_resolved(engine: Engine, number: int) -> bool:
    with engine.connect() as connection:
        query = text("SELECT state = 'resolved' FROM account WHERE id = :id")
        return bool(connection.execute(query, {"id": f"P{number:02}"}).scalar_one())


def test_a_herd_is_stepped_once_and_nobody_waits_for_it(
    database_url: str, tmp_path: Path, tally: Callable[[str, int], None]
) -> None:
    """Four workers: no account is taken twice, memory stays, and payments are acted on between the batches."""
    engine = database.connect(settable(database_url))
    put(engine, MORNING - dt.timedelta(days=7))
    activate(engine, POLICY)
    turn(engine, is_on=True)
    with engine.begin() as connection:
        file = write_events(tmp_path / "events.jsonl", ledger())
        importing.import_file(connection, file, clock.read(connection), Options(profile=None), lambda *_: None)
    run(engine, REAL)
    herd.copy(engine, "H", SIZE - SIZE // 10)
    herd.copy(engine, "FG", SIZE // 20)
    put(engine, MORNING, runs=True)
    count, written_before = written(engine)

    workers = [FORKED.Process(target=herd.work, args=(database_url, str(tmp_path / str(n)))) for n in range(WORKERS)]
    begun = monotonic()
    for worker in workers:
        worker.start()
    waits = payments(engine, tmp_path, lambda: any(worker.is_alive() for worker in workers))
    for worker in workers:
        worker.join()
    seconds = monotonic() - begun
    run(engine, REAL)
    assert [0] * WORKERS == [worker.exitcode for worker in workers]
    told = [json.loads((tmp_path / str(number)).read_text()) for number in range(WORKERS)]
    _, written_after = written(engine)
    assert SIZE + 3 == count
    assert written_after - written_before <= 1.01 * count
    assert sum(sum(one["taken"]) for one in told) <= 1.01 * count + PAYERS
    with engine.connect() as connection:
        steps = f"SELECT count(*), count(DISTINCT account_id) FROM journal WHERE kind = 'step' AND account_id {HERD}"
        assert (count, count) == tuple(connection.execute(text(steps)).one())
        assert {"reminded"} == set(connection.execute(text(f"SELECT state FROM account WHERE id {HERD}")).scalars())
        sample = ["F000001", "G000001", *(f"H{number:06}" for number in range(1, SIZE // 2, SIZE // 50))]
        assert () == verify(connection, {"the reference": Reference()}, sample).findings
    for one in told:  # what is there once the first batches are over stays enough
        middle = one["memory"][len(one["memory"]) // 2]
        assert max(one["memory"]) <= 1.1 * middle
    tally("herd accounts", count)
    tally("herd accounts a second", int(count / seconds))
    for how, seconds_each in waits.items():
        tally(
            f"milliseconds at most until a payment that {how} was acted on beside the herd",
            int(1000 * max(seconds_each)),
        )
    engine.dispose()
    assert max(waits["a person records"]) < PROMPT
    assert max(waits["comes in a file"]) < PATIENCE


def written(engine: Engine) -> tuple[int, int]:
    """How many accounts the herd has, and how often all together have been written."""
    query = text(f"SELECT count(*), sum(version)::bigint FROM account WHERE id {HERD}")
    with engine.connect() as connection:
        count, versions = connection.execute(query).one()
    return int(count), int(versions)


def payments(engine: Engine, folder: Path, goes_on: Callable[[], bool]) -> dict[str, list[float]]:
    """One payment after the other while the workers work; gives how long each took to be acted on."""
    waits: dict[str, list[float]] = {"a person records": [], "comes in a file": []}
    for number in range(PAYERS):
        if number >= len(waits) and not goes_on():
            break
        begun = monotonic()
        if number % 2:
            imports(engine, number, folder)
        else:
            records(engine, number)
        while not is_resolved(engine, number) and goes_on():
            sleep(0.01)
        waits["comes in a file" if number % 2 else "a person records"].append(monotonic() - begun)
        sleep(0.3)
    return waits

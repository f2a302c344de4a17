"""The sample company of `arflow up --demo`: its ledger, its policies, its people, and a clock that runs by itself.

The first months of its ledger are known history; what is dated later waits as recorded events and takes effect at its
own date, so that its payers keep behaving while the clock runs. It all comes in through the doors that a real company
uses, in one transaction: a database is a whole demo, or none.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine

from arflow import clock, rules
from arflow.advance import Engineering, activate, drain, turn_delivery
from arflow.desk import queues, users
from arflow.ledger import importing
from arflow.rules.engine import DurableRules
from arflow.rules.loader import load_policy
from arflow.rules.policy import Policy
from arflow.rules.templates import KNOWN
from arflow.sample import as_line, generate

SEED, ACCOUNTS, MONTHS = 20260630, 300, 18
LAST_DAY = dt.date(2026, 12, 31)
"""The last day of which the ledger tells."""

OPENED_ON, BEGINS_ON = dt.date(2025, 12, 28), dt.date(2026, 1, 31)
"""The day on which the books were taken over, and the one that a newcomer sees first."""

SECONDS_PER_DAY = 5.0
PASSWORD = "sample-company"  # noqa: S105  # of a company that is not there
ACTOR = "demo"

STANDARD = ("standard-usd", "standard-eur", "standard-gbp")

Progress = Callable[[str, float], None]


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody of the sample company."""

    name: str
    full_name: str
    role: str
    does: str


PEOPLE = (
    Person(name="anna", full_name="Anna Brandt", role="caller", does="a caller"),
    Person(name="ben", full_name="Ben Okafor", role="caller", does="a second caller"),
    Person(name="carla", full_name="Carla Reyes", role="caller", does="a senior caller"),
    Person(name="dev", full_name="Dev Patel", role="caller", does="one more caller"),
    Person(name="pia", full_name="Pia Lindqvist", role="policy_owner", does="the policy owner"),
    Person(name="leo", full_name="Leo Fontaine", role="lead", does="the finance lead"),
    Person(name="ada", full_name="Ada Nakamura", role="admin", does="the admin"),
)

QUEUES = {
    "collections": ("Collections", ("anna", "ben", "dev")),
    "senior-collections": ("Senior collections", ("carla",)),
    "cash-application": ("Cash application", ("dev",)),
    "finance-lead": ("Finance lead", ("leo",)),
}


def standard(name: str) -> Policy:
    """A policy that arflow ships."""
    path = Path(next(iter(rules.__path__))) / f"{name}.yaml"
    return load_policy(path.read_bytes(), file=path.name, templates=KNOWN)


def prepare(engine: Engine, home: Path, speed: float | None, at: Progress) -> None:
    """Make an empty database the sample company, or go on with one. Raises Refused for any other database."""
    with engine.connect() as connection:
        present = clock.demo(connection)
    if present is None:
        events = _written(home / "sample-ledger.jsonl", at)
        with engine.begin() as connection:
            _found(connection, events, speed or SECONDS_PER_DAY, at)
    _live_to_the_beginning(engine, at)
    if speed is not None:
        with engine.begin() as connection:
            now = clock.demo(connection)
            clock.run_demo(connection, is_running=now is not None and now.is_running, seconds_per_day=speed)


def _written(path: Path, at: Progress) -> Path:
    """The ledger as a file of events, as a person would import it."""
    at("writing the sample ledger", 0.0)
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8") as file:
        file.writelines(map(as_line, generate(seed=SEED, accounts=ACCOUNTS, months=MONTHS, until=LAST_DAY)))
    unfinished.rename(path)
    return path


def _found(connection: Connection, events: Path, speed: float, at: Progress) -> None:
    """Everything that the company begins with."""
    clock.begin_demo(connection, OPENED_ON, speed)
    for person in PEOPLE:
        users.add(connection, name=person.name, full_name=person.full_name, roles=[person.role], password=PASSWORD)
    for name, (title, members) in QUEUES.items():
        queues.add(connection, name=name, title=title, members=members)
    for name in STANDARD:
        activate(connection, standard(name), message="the standard policy", actor=ACTOR)
    turn_delivery(connection, is_on=True, actor=ACTOR, reason="a demo: letters are files, and go to nobody")
    importing.import_file(connection, events, clock.read(connection), importing.Options(profile=None), at)


def _live_to_the_beginning(engine: Engine, at: Progress) -> None:
    """Live through the days before the one that a newcomer sees first; letters count as delivered in them."""
    doors = Engineering(evaluator=DurableRules(), delivery="instant")
    total = (BEGINS_ON - OPENED_ON).days
    while OPENED_ON <= (day := _day(engine)) < BEGINS_ON:
        at(f"the company's day {day}", 1 - (BEGINS_ON - day).days / total)
        while drain(engine, doors) is not None:
            pass
        with engine.begin() as connection:
            if clock.advance_demo(connection) == BEGINS_ON:
                clock.run_demo(connection, is_running=True)


def _day(engine: Engine) -> dt.date:
    with engine.connect() as connection:
        present = clock.demo(connection)
    return present.day if present else LAST_DAY


def stop_at_the_end(engine: Engine) -> bool:
    """Pause the clock once the ledger has ended; gives whether it was paused now."""
    with engine.begin() as connection:
        present = clock.demo(connection)
        if present is None or not present.is_running or present.day < LAST_DAY:
            return False
        clock.run_demo(connection, is_running=False)
    return True


def log_ins() -> list[str]:
    """Who may log in, as lines."""
    shown = [f"  {person.name:<7}{person.does}" for person in PEOPLE]
    return [f"log in with the password {PASSWORD} as", *shown]

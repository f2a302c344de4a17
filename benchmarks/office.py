"""A company that has been worked on for months, for its pages: journals, calls, promises and disputes, and its people.

Some model accounts come in as a file and live until EVE by the code that is measured, wake by wake, their messages
delivered; the company is made of copies of them by SQL, each with its journal. Every account has an owner, 500 accounts
each; ten owners are a team, whose queue has the calls of its accounts. Only the accounts of the last owners wake, so
that what people look at stays as it is while the drain runs.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from sqlalchemy import Connection, Engine, Identity, Table, text

from arflow.advance import Engineering
from arflow.desk import users
from arflow.rules.engine import DurableRules
from arflow.store import database, desk_tables, tables
from benchmarks import company, databases
from benchmarks.company import Company, Plan
from benchmarks.measured import Say

EVE = dt.datetime(2026, 4, 14, 3, tzinfo=dt.UTC)
"""A Monday evening in the United States: until then everything has been lived."""

MODELS = 40
OWNED, TEAM, LEAST_OWNERS = 500, 10, 8
"""Accounts of an owner, owners of a team, and how many owners there are at least."""

LEAD = "lena"
_LEFT = (desk_tables.task, desk_tables.message)
"""What the models have besides, and no copy gets."""

_FIRST = dt.datetime(2026, 1, 12, 12, tzinfo=dt.UTC)
_ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
_COPIED = (
    tables.account, tables.person, tables.invoice, tables.item, tables.clearing, tables.allocation, tables.dispute,
    tables.promise, tables.contact, tables.episode, tables.effect, tables.event, tables.journal,
)  # fmt: skip


@contextmanager
def opened(accounts: int, awake: int, say: Say) -> Iterator[Company]:
    """The company of so many accounts, about `awake` of which wake, in a database that is gone afterwards."""
    with databases.migrated() as url:
        engine = database.connect(url)
        say(f"making a company of {accounts:,} accounts that has been worked on")
        _live(engine)
        _copy(engine, accounts, awake)
        yield Company(url=url, engine=engine, plan=Plan(herd=accounts))
        engine.dispose()


def owner(number: int) -> str:
    """The name of an owner."""
    return f"caller-{number:04}"


def team(number: int) -> str:
    """The queue on which an owner works."""
    return f"team-{number // TEAM}"


# --- the models -------------------------------------------------------------------------------------------------------


def _live(engine: Engine) -> None:
    """Take the models in, and let them live until EVE."""
    told = [event for number in range(MODELS) for event in _model(number)]
    company.live_until(engine, told, _FIRST, EVE, Engineering(evaluator=DurableRules()))


def _model(number: int) -> list[dict[str, object]]:
    """An account with three invoices, and what became of them: each model has a story of its own."""
    rng = Random(f"office {number}")
    dues = sorted(EVE.date() + dt.timedelta(days=rng.randint(-29, 60)) for _ in range(3))
    amounts = [f"{rng.randint(100, 20_000)}.00" for _ in dues]
    key, late = f"M{number:02}", dues[0] + dt.timedelta(days=rng.randint(6, 18))
    found: list[dict[str, object]] = [
        {
            "event": "account",
            "date": f"{_FIRST:%Y-%m-%d}",
            "currency": "USD",
            "country": "US",
            "timezone": _ZONES[number % len(_ZONES)],
            "name": f"Company {key}",
            "risk_grade": rng.choice("ABCDE"),
            "contacts": [{"name": f"Ann of {key}", "email": f"ann@{key.lower()}.example"}],
        }
    ]
    for at, (due, amount) in enumerate(zip(dues, amounts, strict=True), start=1):
        issued = str(due - dt.timedelta(days=45))
        found.append({"event": "invoice", "date": issued, "id": f"I{at}", "amount": amount, "due": str(due)})
    found += _turn(number % 8, late, amounts[0])
    return [{"account": key, **event} for event in found if str(event["date"]) < f"{EVE:%Y-%m-%d}"]


def _turn(kind: int, late: dt.date, amount: str) -> list[dict[str, object]]:
    """What happened when the first invoice was one to four weeks late; a quarter only wait."""
    morning: dict[str, object] = {"date": str(late), "time": "10:30"}
    call = {"event": "contact", **morning, "channel": "call", "direction": "out"}
    week = late + dt.timedelta(days=7)
    stories: dict[int, list[dict[str, object]]] = {
        0: [{"event": "payment", "date": str(late), "id": "P1", "amount": amount, "invoice": "I1"}],
        1: [call | {"outcome": "promised"}, _promise(morning, amount, week)],
        2: [
            call | {"outcome": "promised"},
            _promise(morning, amount, week),
            {"event": "payment", "date": str(week), "id": "P1", "amount": amount, "invoice": "I1"},
        ],
        3: [
            call | {"outcome": "disputes"},
            {"event": "dispute", **morning, "id": "D1", "invoice": "I1", "reason": "price"},
        ],
        4: [call | {"outcome": "no_answer"}],
        5: [{"event": "payment", "date": str(late), "id": "P1", "amount": "50.00", "invoice": "I1"}],
    }
    return stories.get(kind, [])


def _promise(morning: dict[str, object], amount: str, due: dt.date) -> dict[str, object]:
    return {"event": "promise", **morning, "id": "R1", "amount": amount, "due": str(due)}


# --- the copies -------------------------------------------------------------------------------------------------------


def _copy(engine: Engine, accounts: int, awake: int) -> None:
    """Copy the models in turns, with the owners and the teams' queues; then the models go."""
    owners = max(LEAST_OWNERS, accounts // OWNED)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # what a copy refers to, it has
        connection.execute(text("SET LOCAL work_mem = '64MB'"))
        connection.execute(text("CREATE UNLOGGED TABLE plan (id text, model text, n integer)"))
        connection.execute(
            text(
                "INSERT INTO plan SELECT 'A' || lpad(n::text, 7, '0'), 'M' || lpad((n % :models)::text, 2, '0'), n "
                "FROM generate_series(1, :accounts) n"
            ),
            {"models": MODELS, "accounts": accounts},
        )
        connection.execute(text("ANALYZE plan"))
        for table in _COPIED:
            connection.execute(text(_copying(table, owners, owners - awake // OWNED)))
        connection.execute(text("ALTER TABLE journal DISABLE TRIGGER ALL"))
        for table in (*_LEFT, *reversed(_COPIED)):
            connection.execute(text(f"DELETE FROM {table.name} WHERE {_key(table)} LIKE 'M%'"))
        connection.execute(text("ALTER TABLE journal ENABLE TRIGGER ALL"))
        connection.execute(text("DROP TABLE plan"))
        times = {"times": accounts // MODELS}  # so many is what usually leaves, or the storm fuse would blow
        connection.execute(text("UPDATE departed SET number = number * :times"), times)
        _people(connection, owners)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))
    company.checkpoint()


def _copying(table: Table, owners: int, first_awake: int) -> str:
    """The statement that copies the models' rows of a table; accounts wake from owner number `first_awake` on."""
    columns = [column.name for column in table.c if not isinstance(column.identity, Identity)]
    owner = f"p.n / {MODELS} % {owners}"
    values = ", ".join(
        f'CASE WHEN {owner} >= {first_awake} THEN m."{name}" END'
        if table is tables.account and name in ("next_due", "due_on")
        else _value(table, name, owner)
        for name in columns
    )
    written = ", ".join(f'"{name}"' for name in columns)
    source = f"plan p JOIN {table.name} m ON m.{_key(table)} = p.model"
    return f"INSERT INTO {table.name} ({written}) SELECT {values} FROM {source} ORDER BY p.n"


def _value(table: Table, name: str, owner: str) -> str:
    """What a copy has in a column; `owner` is the number of its owner."""
    if name in (_key(table), "family"):
        return "p.id"
    if table is tables.account and name == "name":
        return "'Company ' || p.n"
    if table is tables.account and name == "owner":
        return f"'caller-' || lpad(({owner})::text, 4, '0')"
    if table is tables.effect and name == "name":
        return f"CASE WHEN m.kind = 'call' THEN 'team-' || (({owner}) / {TEAM}) ELSE m.name END"
    if table is tables.account and name == "call_queue":
        return f"CASE WHEN m.call_open THEN 'team-' || (({owner}) / {TEAM}) END"
    return f'm."{name}"'


def _key(table: Table) -> str:
    return "id" if table is tables.account else "account_id"


def _people(connection: Connection, owners: int) -> None:
    """The owners, each in the queue of their team, and a lead."""
    users.add(connection, name=LEAD, roles=["lead"], password=None)
    connection.execute(
        text("INSERT INTO app_user (name, roles) VALUES (:name, '{caller}')"),
        [{"name": owner(number)} for number in range(owners)],
    )
    teams = sorted({team(number) for number in range(owners)})
    connection.execute(text("INSERT INTO queue (name) VALUES (:name)"), [{"name": name} for name in teams])
    connection.execute(
        text("INSERT INTO queue_member VALUES (:queue, :name)"),
        [{"queue": team(number), "name": owner(number)} for number in range(owners)],
    )

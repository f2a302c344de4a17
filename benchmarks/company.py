"""A company to measure: accounts with three open invoices each, all of which wake on one morning, zone by zone.

It is not made row by row. Some model accounts of each zone come in as a file and live until the evening before, by the
code that is measured; the rest are copies of them by SQL, with amounts of their own. Made once, it is the template of
every database that a benchmark asks for. The models' first step is that of the standard policy: a first reminder.
"""

import atexit
import datetime as dt
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Identity, Table, create_engine, text
from sqlalchemy.engine import make_url

from arflow import clock
from arflow.accounts.events import Event, parse
from arflow.advance import Engineering
from arflow.ledger import importing
from arflow.rules.engine import DurableRules
from arflow.store import database, embedded, events, migrating, tables
from benchmarks.measured import Say
from benchmarks.size import Size
from tests.production import activate, run, standard, turn, write_events
from tests.servers import ON_DEBIAN, end_at_once, postgresql
from tests.set_clock import path_of, put, settable

DAY = dt.date(2026, 1, 13)
"""The morning on which everybody wakes, in their own zone: a Tuesday."""

HERD_ZONE = "America/New_York"
ZONES = (
    "Pacific/Auckland", "Pacific/Noumea", "Australia/Adelaide", "Australia/Brisbane", "Asia/Tokyo", "Asia/Shanghai",
    "Asia/Bangkok", "Asia/Dhaka", "Asia/Kolkata", "Asia/Karachi", "Asia/Kabul", "Asia/Dubai", "Asia/Tehran",
    "Europe/Istanbul", "Europe/Athens", "Europe/Berlin", "Europe/London", "Atlantic/Azores", "America/Sao_Paulo",
    "America/Halifax",
)  # fmt: skip
"""Those in which the morning comes before it does in New York, in its order."""

LATER_ZONES = (
    "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu",
)  # fmt: skip
"""Those in which it comes after it."""

_BEFORE, _EVE = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC), dt.datetime(2026, 1, 12, 18, 30, tzinfo=dt.UTC)
"""When the models come in, and until when they live: nowhere is it the morning yet."""

_MODELS = 12
"""How many different accounts each zone has, before the amounts."""

_COPIED = (tables.account, tables.person, tables.invoice, tables.item, tables.episode, tables.event)
_HALVES = (("account", "person", "episode", "invoice", "item"), ("event",))
_NAMES = frozenset({"account_id", "family"})
_STRIDE, _MOST = 7_919, 4_001
_EXTRA = f"(p.n::bigint * {_STRIDE} % {_MOST})"
"""What each invoice of a copy is higher by than that of its model, in cents."""

_numbers = count(1)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many accounts there are, zone by zone: `slices` wake before New York, `herd` with it, `later` behind it."""

    slices: tuple[int, ...] = ()
    herd: int = 0
    later: tuple[int, ...] = ()

    @property
    def accounts(self) -> int:
        """All of them."""
        return sum(self.slices) + self.herd + sum(self.later)

    @property
    def zones(self) -> tuple[tuple[str, int], ...]:
        """Each zone and its accounts, in the order of its mornings."""
        before, after = zip(ZONES, self.slices, strict=False), zip(LATER_ZONES, self.later, strict=False)
        given = (*before, (HERD_ZONE, self.herd), *after)
        return tuple((zone, number) for zone, number in given if number)


def large(size: Size) -> Plan:
    """The company of the whole size: slices for growth (and to warm up), for the drain, the herd, some behind it."""
    few, many, herd = (1_000, 3_000, 12_000) if size.quick else (10_000, 15_000, 1_000_000)
    return Plan(slices=(few,) * size.rounds + (many,) * 2 * size.rounds, herd=herd, later=(many,) * size.rounds)


def smaller(size: Size) -> tuple[Plan, Plan]:
    """Companies of a hundredth and a tenth of it, in which as many accounts wake in each slice."""
    due = large(size).slices[0]
    small, middle = (due, 5 * due) if size.quick else (10_000, 100_000)
    return Plan(slices=(due,), herd=small - due), Plan(slices=(due,) * size.rounds, herd=middle - due * size.rounds)


@dataclass(frozen=True, kw_only=True)
class Company:
    """A company in a database of its own, on a clock that stands in the evening before until it is set."""

    url: str
    engine: Engine
    plan: Plan

    def dawn(self, zone: str) -> int:
        """Let it be eight in the morning of a zone, from where the clock runs on; gives how many are due by that."""
        put(self.engine, morning(zone), runs=True)
        with self.engine.connect() as connection:
            return int(connection.execute(text(f"SELECT count(*) {_DUE}")).scalar_one())

    def waiting(self, number: int, after: str) -> list[str]:
        """So many accounts that wake with New York, in order, from behind `after` on."""
        query = (
            "SELECT id FROM account WHERE timezone = :zone AND state = 'current' AND id > :after "
            "ORDER BY id LIMIT :number"
        )
        with self.engine.connect() as connection:
            found = connection.execute(text(query), {"zone": HERD_ZONE, "after": after, "number": number})
            return list(found.scalars())

    def is_due(self) -> bool:
        """Whether anybody is due now."""
        with self.engine.connect() as connection:
            first = f"SELECT 1 {_DUE} ORDER BY next_due LIMIT 1"  # by the index, however many are not due any more
            return bool(connection.execute(text(f"SELECT count(*) FROM ({first}) first")).scalar_one())


_DUE = "FROM account WHERE next_due <= now()"


def morning(zone: str) -> dt.datetime:
    """The instant at which a zone's accounts wake."""
    return dt.datetime.combine(DAY, dt.time(8), tzinfo=ZoneInfo(zone)).astimezone(dt.UTC) + dt.timedelta(seconds=1)


@contextmanager
def opened(plan: Plan, say: Say) -> Iterator[Company]:
    """A company as planned, in a database of its own, which is gone afterwards."""
    template, name = _template(plan, say), f"company_{next(_numbers)}"
    _rule(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    url = _url(name)
    first = _engine(url)
    path_of(first)
    first.dispose()
    engine = database.connect(url)
    try:
        yield Company(url=url, engine=engine, plan=plan)
    finally:
        engine.dispose()
        _rule(f"DROP DATABASE {name} WITH (FORCE)")


# --- the server -------------------------------------------------------------------------------------------------------


@cache
def server() -> str:
    """The URL of the PostgreSQL that everything is measured on: the embedded one or Debian's, in a folder of ours."""
    home = Path(tempfile.mkdtemp(prefix="arflow-bench-"))
    home.chmod(0o755)
    atexit.register(shutil.rmtree, home, ignore_errors=True)  # last: what is registered in between writes there
    if ON_DEBIAN:
        servers = ExitStack()
        atexit.register(servers.close)
        return servers.enter_context(postgresql(home))
    url = embedded.start(home)
    atexit.register(end_at_once, home)
    return url


def _url(name: str) -> str:
    return make_url(server()).set(database=name).render_as_string(hide_password=False)


def _engine(url: str) -> Engine:
    return create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")


def _rule(statement: str) -> None:
    """Run a statement that no transaction may hold."""
    engine = _engine(_url("postgres"))
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@contextmanager
def empty_database() -> Iterator[str]:
    """The URL of a database with nothing in it, which is gone afterwards."""
    name = f"empty_{next(_numbers)}"
    _rule(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield _url(name)
    finally:
        _rule(f"DROP DATABASE {name} WITH (FORCE)")


def checkpoint() -> None:
    """Have everything written on disk, so that nobody pays for what was measured before."""
    _rule("CHECKPOINT")


def keep_from_vacuuming() -> None:
    """Have the server vacuum nothing by itself any more, which falls upon whoever is measured then."""
    _rule("ALTER SYSTEM SET autovacuum = off")
    _rule("SELECT pg_reload_conf()")


# --- the template -----------------------------------------------------------------------------------------------------


@cache
def _template(plan: Plan, say: Say) -> str:
    """The name of the database that holds the company as planned, in the evening before."""
    name = f"template_{next(_numbers)}"
    say(f"making a company of {plan.accounts:,} accounts")
    _rule(f"CREATE DATABASE {name}")
    engine = database.connect(_url(name))
    migrating.migrate(engine)
    engine.dispose()
    engine = database.connect(settable(_url(name)))
    models = [_model(zone, number) for zone, _ in plan.zones for number in range(_MODELS)]
    _live(engine, [event for model in models for event in model])
    _copy(engine, plan, models)
    engine.dispose()
    return name


def _model(zone: str, number: int) -> list[dict[str, object]]:
    """The events of a model: an account and its three invoices, one of them late enough for a reminder on DAY."""
    rng = Random(f"{zone} {number}")
    key, is_weak = model_id(zone, number), number % 4 == 3  # one in four is reminded two days earlier
    late = 3 if is_weak else 5
    dues = (DAY - dt.timedelta(days=late), DAY + dt.timedelta(days=rng.randint(-1, 12)), DAY + dt.timedelta(days=30))
    contacts = [{"name": f"{name} of {key}", "email": f"{name}@{key.lower()}.example"} for name in ("Ann", "Bob")]
    account: dict[str, object] = {
        "event": "account",
        "currency": "USD",
        "country": "US",
        "timezone": zone,
        "name": f"Company {key}",
        "language": rng.choice(("en", "de", "fr")),
        "segment": rng.choice(("small", "middle", "large")),
        "contacts": contacts[: rng.randint(1, 2)],
        **({"risk_grade": rng.choice("DE")} if is_weak else {"risk_grade": rng.choice("ABC")}),
    }
    invoices: list[dict[str, object]] = [
        {
            "event": "invoice",
            "id": f"I{at}",
            "amount": f"{rng.randint(60, 2_900)}.{rng.randint(0, 99):02}",
            "due": str(due),
        }
        for at, due in enumerate(dues, start=1)
    ]
    return [{"account": key, "date": "2026-01-02", **one} for one in (account, *invoices)]


def events_of(company: Company, ids: Sequence[str]) -> list[dict[str, object]]:
    """What came in of accounts, made anew from what was planned; nothing of it is read from their rows."""
    models = {model_id(zone, at): _model(zone, at) for zone, _ in company.plan.zones for at in range(_MODELS)}
    query = "SELECT id, model, n FROM hands.plan WHERE id = ANY(:ids)"
    with company.engine.connect() as connection:
        copies = connection.execute(text(query), {"ids": list(ids)}).all()
    return [_copied(event, copy.id, copy.n) for copy in copies for event in models[copy.model]]


def _copied(event: dict[str, object], key: str, n: int) -> dict[str, object]:
    if event["event"] != "invoice":
        return {**event, "account": key}
    cents = int(str(event["amount"]).replace(".", "")) + n * _STRIDE % _MOST
    return {**event, "account": key, "amount": f"{cents // 100}.{cents % 100:02}"}


def model_id(zone: str, number: int) -> str:
    """The id of a model, which is gone once it is copied."""
    return f"{zone.rpartition('/')[2][:9].replace('_', '')}{number:02}".upper()


def _live(engine: Engine, told: Sequence[dict[str, object]]) -> None:
    """Take the models in, and live them until the evening before DAY."""
    live_until(engine, told, _BEFORE, _EVE, Engineering(evaluator=DurableRules(), delivery="recorded"))


def live_until(
    engine: Engine, told: Sequence[dict[str, object]], begin: dt.datetime, end: dt.datetime, doors: Engineering
) -> None:
    """Take models in at `begin` under the standard dollar policy, and let each wake come at its moment until `end`."""
    put(engine, begin)
    activate(engine, standard("standard-usd"))
    turn(engine, is_on=True)
    with tempfile.TemporaryDirectory() as folder, engine.begin() as connection:
        file = write_events(Path(folder) / "models.jsonl", told)
        importing.import_file(
            connection, file, clock.read(connection), importing.Options(profile=None), lambda *_: None
        )
    run(engine, doors)
    while (due := _soonest(engine)) < end:
        put(engine, due + dt.timedelta(seconds=1))
        run(engine, doors)
    put(engine, end)


def _soonest(engine: Engine) -> dt.datetime:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT min(next_due) FROM account")).scalar_one()
    assert isinstance(found, dt.datetime)  # for the types
    return found


def _copy(engine: Engine, plan: Plan, models: Sequence[Sequence[dict[str, object]]]) -> None:
    """Copy the models by the plan, in an order that has nothing to do with when they wake; then the models go."""
    with engine.begin() as connection:
        _check(connection)
        _write_plan(connection, plan)
        _write_told(connection, models)
    with ThreadPoolExecutor(len(_HALVES)) as pool:
        list(pool.map(lambda names: _copy_tables(engine, names), _HALVES))
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in _COPIED:
            connection.execute(text(f"DELETE FROM {table.name} m USING hands.plan p WHERE m.{_key(table)} = p.model"))
        connection.execute(text("DROP TABLE told"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))
        connection.execute(text("CHECKPOINT"))


def _check(connection: Connection) -> None:
    """A copy has no journal and no effects, so its model may not have any either."""
    query = "SELECT (SELECT count(*) FROM journal) + (SELECT count(*) FROM effect) + (SELECT count(*) FROM message)"
    assert connection.execute(text(query)).scalar_one() == 0


def _write_plan(connection: Connection, plan: Plan) -> None:
    """Note who is a copy of which model, for good.

    Ids follow the order in which the rows lie, and those who wake together lie scattered among the others.
    """
    connection.execute(text("CREATE TABLE hands.plan (id text, model text, n integer)"))
    given = [
        {"model": model_id(zone, at), "copies": number // _MODELS + (at < number % _MODELS)}
        for zone, number in plan.zones
        for at in range(_MODELS)
    ]
    connection.execute(text("CREATE TEMP TABLE given (model text, copies integer) ON COMMIT DROP"))
    connection.execute(text("INSERT INTO given VALUES (:model, :copies)"), given)
    connection.execute(
        text(
            "INSERT INTO hands.plan SELECT 'A' || lpad((row_number() OVER by_chance)::text, 7, '0'), model, n "
            "FROM given, generate_series(1, copies) n WINDOW by_chance AS (ORDER BY hashtextextended(model, n))"
            " ORDER BY 1"
        )
    )
    connection.execute(text("ANALYZE hands.plan"))


def _write_told(connection: Connection, models: Sequence[Sequence[dict[str, object]]]) -> None:
    """What the events say, with a sign in the place of an invoice's amount."""
    told = [_told(parse(event)) for model in models for event in model]
    connection.execute(
        text("CREATE UNLOGGED TABLE told (model text, kind text, identity text, said text, cents bigint)")
    )
    connection.execute(text("INSERT INTO told VALUES (:model, :kind, :identity, :said, :cents)"), told)
    connection.execute(text("ANALYZE told"))


def _told(event: Event) -> dict[str, object]:
    identity = event.id or events.digest(event).hex()
    said = {"model": event.account, "kind": event.kind, "identity": identity}
    if event.kind != "invoice":
        return {**said, "said": events.canonical(event), "cents": None}
    amount = event.text("amount")
    return {
        **said,
        "said": events.canonical(event).replace(f'"amount":"{amount}"', '"amount":"@"'),
        "cents": int(amount.replace(".", "")),
    }


def _copy_tables(engine: Engine, names: Sequence[str]) -> None:
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # what a copy refers to, it has
        connection.execute(text("SET LOCAL work_mem = '64MB'"))
        for name in names:
            connection.execute(text(_copying(tables.metadata.tables[name])))


def _copying(table: Table) -> str:
    """The statement that copies the models' rows of a table."""
    columns = [column.name for column in table.c if not isinstance(column.identity, Identity)]
    values = ", ".join(_value(table, name) for name in columns)
    written = ", ".join(f'"{name}"' for name in columns)
    said = (
        f", LATERAL (SELECT coalesce(replace(said, '@', to_char((cents + {_EXTRA}) / 100.0, 'FM9999999990.00')), said) "
        "AS now FROM told t WHERE t.model = m.account_id AND t.kind = m.kind AND t.identity = m.identity) s"
    )
    source = f"hands.plan p JOIN {table.name} m ON m.{_key(table)} = p.model"
    return f"INSERT INTO {table.name} ({written}) SELECT {values} FROM {source}{said if table is tables.event else ''}"


def _value(table: Table, name: str) -> str:
    if name in _NAMES or (table is tables.account and name == "id"):
        return "p.id"
    if table is tables.item and name in ("amount", "open"):
        return f'm."{name}" + {_EXTRA}'
    if table is tables.event and name == "content":
        return "s.now::jsonb"
    if table is tables.event and name == "digest":
        return "sha256(convert_to(s.now, 'UTF8'))"
    return f'm."{name}"'


def _key(table: Table) -> str:
    return "id" if table is tables.account else "account_id"

"""Whether what a morning left behind holds: `arflow audit verify`, and what must hold after the chaos suite as well.

Of the suite's invariants those apply that ask for what was lived; nothing was delivered and no fault was made, so those
about letters handed over, delivery results, rivals and junk have nothing to look at. Those that are one query look at
every account. Those that compare with what came in, and with a replay of it from memory, look at a sample, drawn by
chance: as views, the tables hold nothing else for them.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import make_url

from arflow.accounts.events import parse
from arflow.replay import Request, line_of, lives
from arflow.rules.engine import DurableRules
from benchmarks.company import DAY, Company, events_of
from benchmarks.herding import Herd
from benchmarks.measured import Say
from benchmarks.size import Size
from tests.chaos import invariants
from tests.production import standard
from tests.servers import PROGRAM

_SAMPLE, _QUICK_SAMPLE = 2_000, 200

_OF_ALL = """
SELECT
    (SELECT count(*) FROM account WHERE state NOT IN ('reminded', 'resolved') OR next_due <= now())
        AS "accounts not stepped",
    (SELECT count(*) FROM account WHERE parked IS NOT NULL) AS "accounts parked",
    (SELECT count(*) FROM (SELECT FROM journal WHERE kind = 'step' AND "to" = 'reminded' GROUP BY account_id
        HAVING count(*) <> 1) twice) AS "accounts stepped twice",
    (SELECT count(*) FROM account) - (SELECT count(*) FROM journal WHERE kind = 'step' AND "to" = 'reminded')
        AS "steps missing",
    (SELECT count(*) FROM account) - (SELECT count(*) FROM message) AS "letters missing"
"""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was looked at, how long the audit took, and what was found: nothing, when all of it holds."""

    accounts: int
    sampled: int
    audit_seconds: float
    found: tuple[str, ...]


def checked(size: Size, company: Company, home: Path, herd: Herd, say: Say) -> Checked:
    """Check a company that was worked off; `home` has its anchors."""
    say("checking: the invariants")
    found = [f"{what}: {number}" for what, number in _of_all(company.engine).items() if number]
    world = _World(company.engine)
    found += _named(world, {"events not taken in", "states that are not the fold"})
    ids = _sample(company.engine, _QUICK_SAMPLE if size.quick else _SAMPLE, herd.payers)
    engine = _only(company.url, ids)
    sampled = _World(engine, events_of(company, ids))
    found += _named(sampled, set(_APPLY))
    engine.dispose()
    say("checking: arflow audit verify")
    begun = time.monotonic()
    found += _audit(company.url, home)
    seconds = time.monotonic() - begun
    say(f"checking: audited in {seconds:.0f} s, {len(found)} findings")
    return Checked(accounts=company.plan.accounts, sampled=len(ids), audit_seconds=seconds, found=tuple(found))


_APPLY: Mapping[str, Callable[[invariants.End], Iterable[str]]] = {
    name: invariants.INVARIANTS[name]
    for name in (
        "events lost",
        "events there twice",
        "events not taken in",
        "states that are not the fold",
        "steps and effects lost",
        "steps and effects too many",
        "accounts unlike the replay",
        "tasks lost or too many",
    )
}


class _World:
    """What the invariants ask of a chaos world: its database and its books."""

    def __init__(self, engine: Engine, events: list[dict[str, object]] | None = None) -> None:
        self.engine, self.books = engine, SimpleNamespace(events=events or [], rivals=[])

    def ask(self, query: str, **values: object) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(query), values))


class _End(invariants.End):
    """A company at rest on the real clock, and the replay of what came in under the standard policy."""

    def __post_init__(self) -> None:
        """The audit is another one's."""

    last = DAY

    @property
    def replayed(self) -> Any:  # noqa: ANN401  # as the suite's
        if "lived" not in self.__dict__:
            evaluator = DurableRules()
            told = tuple(parse(one, at) for at, one in enumerate(self.world.books.events, start=1))
            request = Request(events=told, policy=standard("standard-usd"), until=DAY, delivery="recorded")
            self.__dict__["lived"] = list(lives(request, evaluator))
        lived = self.__dict__["lived"]
        lines = [line for one in lived for entry in one.entries if (line := line_of(entry)) is not None]
        return lines, {one.account.id: one.account for one in lived}, len(lived)


def _named(world: _World, names: set[str]) -> list[str]:
    end = _End(world)  # type: ignore[arg-type]  # all that they ask of it
    return [f"{name}: {one}"[:200] for name in sorted(names) for one in _APPLY[name](end)]


def _of_all(engine: Engine) -> Mapping[str, int]:
    with engine.connect() as connection:
        return {name: int(number) for name, number in connection.execute(text(_OF_ALL)).mappings().one().items()}


def _sample(engine: Engine, number: int, payers: Iterable[str]) -> list[str]:
    """So many accounts by chance; not those who paid, at a minute that no replay knows the second of."""
    query = "SELECT id FROM account WHERE id <> ALL(:payers) ORDER BY hashtextextended(id, 11) LIMIT :number"
    with engine.connect() as connection:
        return list(connection.execute(text(query), {"payers": list(payers), "number": number}).scalars())


_VIEWED = ("account", "person", "invoice", "item", "episode", "event", "effect", "journal", "message", "task")


def _only(url: str, ids: list[str]) -> Engine:
    """An engine whose sessions see only these accounts."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))

    def narrow(connection: Any, _: object) -> None:  # noqa: ANN401  # a psycopg connection
        with connection.cursor() as cursor:
            cursor.execute("SET timezone = 'UTC'")
            cursor.execute("CREATE TEMP TABLE sampled (id text PRIMARY KEY)")
            cursor.execute("INSERT INTO sampled SELECT unnest(%s::text[])", [ids])
            for name in _VIEWED:
                key = "id" if name == "account" else "account_id"
                cursor.execute(
                    f"CREATE TEMP VIEW {name} AS SELECT t.* FROM public.{name} t JOIN sampled s ON s.id = t.{key}"
                )
            cursor.execute("SET search_path = pg_temp, hands, pg_catalog, public")
        connection.commit()

    event.listen(engine, "connect", narrow)
    return engine


def _audit(url: str, home: Path) -> list[str]:
    """What `arflow audit verify` says, when it says no."""
    env = os.environ | {"ARFLOW_DATABASE_URL": url, "ARFLOW_HOME": str(home)}
    done = subprocess.run([PROGRAM, "audit", "verify"], env=env, capture_output=True, text=True, check=False)
    return [f"arflow audit verify: {done.stderr[-300:]}"] if done.returncode else []

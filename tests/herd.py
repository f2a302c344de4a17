"""A herd: very many accounts that fall due at one instant, made by copying one by SQL, and workers that take them."""

import json
import os
import time
from pathlib import Path

from sqlalchemy import Engine, Identity, text

from arflow.advance import Engineering, drain
from arflow.rules.engine import DurableRules
from arflow.store import database, tables

_PAGE = os.sysconf("SC_PAGE_SIZE")
_COPIED = (tables.account, tables.person, tables.invoice, tables.item, tables.event)
_NAMES = ("account_id", "family", "pays_through")


def copy(engine: Engine, models: str, count: int) -> None:
    """Copy each account whose id is one of the letters `models` so many times; its copies have a number behind it."""
    with engine.begin() as connection:
        for table in _COPIED:
            columns = [column.name for column in table.c if not isinstance(column.identity, Identity)]
            named = {*_NAMES, "id"} if table is tables.account else set(_NAMES)
            values = (f"m.{_quoted(c)} || lpad(n::text, 6, '0')" if c in named else f"m.{_quoted(c)}" for c in columns)
            key = "id" if table is tables.account else "account_id"
            connection.execute(
                text(
                    f"INSERT INTO {table.name} ({', '.join(map(_quoted, columns))}) "
                    f"SELECT {', '.join(values)} FROM {table.name} m, generate_series(1, :count) n "
                    f"WHERE m.{key} = ANY(string_to_array(:models, NULL)) ORDER BY n, m.{key}"
                ),
                {"count": count, "models": models},
            )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _quoted(name: str) -> str:
    return f'"{name}"'


def work(url: str, told: str) -> None:
    """A worker: takes batches until nothing is due that others do not hold, and tells what it took and its memory."""
    engine, engineering = database.connect(url), Engineering(evaluator=DurableRules(), delivery="recorded")
    taken, memory, begun = [], [], time.monotonic()
    while (advanced := drain(engine, engineering)) is not None:
        taken.append(advanced.accounts)
        memory.append(int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE)
    engine.dispose()
    Path(told).write_text(json.dumps({"taken": taken, "memory": memory, "seconds": time.monotonic() - begun}))

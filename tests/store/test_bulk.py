"""Many rows in one statement: what was written is read back, whatever its texts; a guard keeps what has changed."""

import datetime as dt
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    Engine,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Time,
    delete,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DataError

from arflow.store import bulk, database
from arflow.store.tables import Instant
from tests.conftest import copied_database
from tests.sizes import size

pytestmark = pytest.mark.database

THING = Table(
    "thing",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("at", Instant),
    Column("on", Date),
    Column("to", Time),
    Column("details", JSONB(none_as_null=True)),
    Column("hash", LargeBinary),
    Column("tags", ARRAY(Text)),
    Column("born", Boolean),
    Column("kind", Text, server_default=text("'usual'")),
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": TEXTS,
            "version": st.integers(-(2**63), 2**63 - 1),
            "at": st.none() | st.datetimes(timezones=st.just(dt.UTC)),
            "on": st.none() | st.dates(),
            "to": st.none() | st.times(),
            "details": st.none()
            | st.dictionaries(TEXTS, st.integers() | TEXTS | st.booleans() | st.none(), max_size=3),
            "hash": st.none() | st.binary(max_size=40),
            "tags": st.none() | st.lists(TEXTS, max_size=3),
            "born": st.none() | st.booleans(),
        }
    ),
    max_size=5,
    unique_by=lambda row: row["id"],
)


@pytest.fixture(scope="module")
def things(template: str) -> Iterator[Engine]:
    engine = database.connect(copied_database(template, "bulk"))
    THING.create(engine)
    yield engine
    engine.dispose()


def read(engine: Engine) -> dict[str, bulk.Row]:
    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(select(THING)).mappings()]
    assert {"usual"} >= {row.pop("kind") for row in rows}
    return {row["id"]: row for row in rows}


def begin(engine: Engine, rows: list[bulk.Row]) -> None:
    with engine.begin() as connection:
        connection.execute(delete(THING))
        bulk.insert(connection, THING, rows)


@given(rows=ROWS)
@settings(max_examples=size(60, 3000), deadline=None)
def test_what_is_inserted_is_read_back(things: Engine, rows: list[bulk.Row]) -> None:
    begin(things, rows)
    assert {row["id"]: row for row in rows} == read(things)


@given(rows=ROWS, others=ROWS)
@settings(max_examples=size(60, 3000), deadline=None)
def test_a_row_takes_the_place_of_the_one_with_its_key(
    things: Engine, rows: list[bulk.Row], others: list[bulk.Row]
) -> None:
    begin(things, rows)
    with things.begin() as connection:
        bulk.upsert(connection, THING, others)
    assert {row["id"]: row for row in (*rows, *others)} == read(things)


@given(rows=ROWS, others=ROWS)
@settings(max_examples=size(60, 3000), deadline=None)
def test_what_is_there_already_is_left_as_it_is(things: Engine, rows: list[bulk.Row], others: list[bulk.Row]) -> None:
    begin(things, rows)
    with things.begin() as connection:
        bulk.insert_new(connection, THING, others)
    assert {row["id"]: row for row in (*others, *rows)} == read(things)


@given(rows=ROWS, stale=st.sets(st.integers(0, 4)))
@settings(max_examples=size(60, 3000), deadline=None)
def test_an_update_passes_over_what_has_changed_since(things: Engine, rows: list[bulk.Row], stale: set[int]) -> None:
    begin(things, rows)
    changes = [
        {"old_id": row["id"], "old_version": row["version"] ^ (at in stale), "version": 7, "born": True}
        for at, row in enumerate(rows)
    ]
    with things.begin() as connection:
        number = bulk.update(connection, THING, ("id", "version"), changes)
    wanted = {row["id"]: row if at in stale else row | {"version": 7, "born": True} for at, row in enumerate(rows)}
    assert wanted == read(things)
    assert number == len(rows) - len(stale & set(range(len(rows))))


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_what_no_text_can_hold_is_an_error_about_the_rows(things: Engine, value: str) -> None:
    with pytest.raises(DataError) as refused, things.begin() as connection:
        bulk.insert(connection, THING, [{"id": value, "version": 1}])
    assert database.is_about_rows(refused.value)

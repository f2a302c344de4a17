"""Many rows in one statement: new ones are copied in, others go as a JSON document that PostgreSQL takes apart.

A statement for each row costs the client twice as much, and a parameter for each column, as arrays, seven times. What
is copied PostgreSQL reads once, a document twice; but a copy knows no conflict and no change. In the document bytes
stand as base64, and instants are those of UTC: of others a document has no more than the minutes of their offset.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from operator import itemgetter
from typing import Any

from psycopg import Cursor, DataError
from sqlalchemy import JSON, Connection, LargeBinary, Table, TextClause, text

from arflow.store.database import DIALECT, OWN_WAY
from arflow.store.jsontext import document_of

Row = dict[str, Any]


def insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Write new rows, all of which have the columns of the first; what they leave out gets its default."""
    if rows:
        columns = tuple(rows[0])
        way = partial(_copy_in, rows=_values(table, columns, rows))
        connection.execute(_copy(table, columns), execution_options={OWN_WAY: way})


def _copy_in(cursor: Cursor[Any], statement: str, _: object, rows: Iterable[Sequence[Any]]) -> None:
    try:
        with cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except UnicodeError as error:  # a text that is none: as the database says it of texts that it is sent
        raise DataError(str(error)) from error


@cache
def _copy(table: Table, columns: tuple[str, ...]) -> TextClause:
    return text(f"COPY {table.name} ({_listed(columns)}) FROM STDIN")


def _values(table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> Iterator[Sequence[Any]]:
    """The rows in the order of their columns, with JSON as text."""
    documents = [at for at, name in enumerate(columns) if isinstance(table.c[name].type, JSON)]
    given = itemgetter(*columns) if len(columns) > 1 else lambda row: (row[columns[0]],)
    for row in rows:
        values = list(given(row))
        for at in documents:
            if values[at] is not None:
                values[at] = document_of(values[at])
        yield values


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """As `insert`; those that are there already are left as they are."""
    if rows:
        connection.execute(_insert_new(table, tuple(rows[0])), {"rows": _document(rows)})


def upsert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Write rows, each in place of the one that has its primary key, if there is one."""
    if rows:
        connection.execute(_upsert(table, tuple(rows[0])), {"rows": _document(rows)})


def update(connection: Connection, table: Table, keys: tuple[str, ...], rows: Sequence[Row]) -> int:
    """Write the columns of `rows` into the rows of the table whose `keys` were as `old_KEY` says; gives their number.

    A key among the columns themselves is what it becomes.
    """
    if not rows:
        return 0
    return connection.execute(_update(table, keys, tuple(rows[0])), {"rows": _document(rows)}).rowcount


@cache
def _insert_new(table: Table, columns: tuple[str, ...]) -> TextClause:
    return text(f"{_inserted(table, columns)} ON CONFLICT DO NOTHING")


@cache
def _upsert(table: Table, columns: tuple[str, ...]) -> TextClause:
    keys = [column.name for column in table.primary_key]
    changed = ", ".join(f"{_quoted(name)} = excluded.{_quoted(name)}" for name in columns if name not in keys)
    return text(f"{_inserted(table, columns)} ON CONFLICT ({_listed(keys)}) DO UPDATE SET {changed}")


@cache
def _update(table: Table, keys: tuple[str, ...], columns: tuple[str, ...]) -> TextClause:
    new = [name for name in columns if name.removeprefix(_OLD) == name]
    changed = ", ".join(f"{_quoted(name)} = {_value(table, name)}" for name in new)
    same = " AND ".join(f"{table.name}.{_quoted(key)} = new.{_quoted(_OLD + key)}" for key in keys)
    return text(f"UPDATE {table.name} SET {changed} FROM {_source(table, columns)} WHERE {same}")  # noqa: S608  # our own


_OLD = "old_"


def _inserted(table: Table, columns: Sequence[str]) -> str:
    values = ", ".join(_value(table, name) for name in columns)
    return f"INSERT INTO {table.name} ({_listed(columns)}) SELECT {values} FROM {_source(table, columns)}"  # noqa: S608  # names of our own tables


def _value(table: Table, column: str) -> str:
    """What is written of a column of the document."""
    given = f"new.{_quoted(column)}"
    return f"decode({given}, 'base64')" if _is_bytes(table, column) else given


def _is_bytes(table: Table, column: str) -> bool:
    return isinstance(table.c[column].type, LargeBinary)


def _source(table: Table, columns: Sequence[str]) -> str:
    typed = (f"{_quoted(name)} {_type(table, name.removeprefix(_OLD))}" for name in columns)
    return f"jsonb_to_recordset(CAST(:rows AS jsonb)) AS new({', '.join(typed)})"


def _type(table: Table, column: str) -> str:
    return "text" if _is_bytes(table, column) else str(table.c[column].type.compile(dialect=DIALECT))


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(_quoted(name) for name in columns)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _document(rows: Sequence[Row]) -> str:
    return document_of(rows)

"""Several questions asked at once: one way to the database and back for all of them, however far away it is.

They go through the driver's pipeline, in the transaction that SQLAlchemy has begun. It asks them as one statement, so
that whoever listens hears them, and their errors are its own. They may not be changes, and answers are plain tuples.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from psycopg import Cursor
from sqlalchemy import Connection, Select

from arflow.store.database import DIALECT, OWN_WAY

Rows = list[tuple[Any, ...]]
Record = TypeVar("Record")

APART = "\n;\n"
"""What stands between two questions."""


def written(*queries: Select[Any]) -> str:
    """`queries` as the driver takes them. Parameters of one name are one; none may have a value of its own."""
    return APART.join(_one(query) for query in queries)


def _one(query: Select[Any]) -> str:
    compiled = query.compile(dialect=DIALECT)
    own = [name for name, value in compiled.params.items() if value is not None]
    if own:
        raise ValueError(f"a query that is asked with others has values of its own: {', '.join(own)}")
    return str(compiled)


def ask(connection: Connection, queries: str, given: Mapping[str, object]) -> list[Rows]:
    """The rows of each of the `written` queries."""
    answers: list[Rows] = []
    connection.exec_driver_sql(queries, dict(given), execution_options={OWN_WAY: partial(_ask, answers=answers)})
    return answers


def named(names: Sequence[str], rows: Rows) -> Iterator[dict[str, Any]]:
    """The rows of a query that asks for columns of these names, by name."""
    return (dict(zip(names, row, strict=True)) for row in rows)


def records(made: Callable[..., Record], query: Select[Any], rows: Rows) -> list[Record]:
    """What is `made` of the rows of a query."""
    return [made(**row) for row in named(query.selected_columns.keys(), rows)]


def _ask(cursor: Cursor[Any], statement: str, given: Mapping[str, object], answers: list[Rows]) -> None:
    """Send all the questions, then read."""
    connection = cursor.connection
    with connection.pipeline():
        asked = [connection.cursor().execute(one, given) for one in statement.split(APART)]
        answers += [one.fetchall() for one in asked]

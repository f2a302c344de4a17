"""Several questions asked at once: one way to the database and back for all of them, however far away it is.

They go through the driver's pipeline, in the transaction that SQLAlchemy has begun. It asks them as one statement, so
that whoever listens hears them, and their errors are its own. They may not be changes, and answers are plain tuples.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from psycopg import Cursor
from sqlalchemy import Connection, Engine, Select, event
from sqlalchemy.dialects.postgresql import psycopg

Rows = list[tuple[Any, ...]]
Record = TypeVar("Record")

APART = "\n;\n"
"""What stands between two questions."""

_DIALECT = psycopg.dialect()  # type: ignore[no-untyped-call]  # as SQLAlchemy has it
_TOGETHER = "together"


def written(*queries: Select[Any]) -> str:
    """`queries` as the driver takes them. Parameters of one name are one; none may have a value of its own."""
    return APART.join(_one(query) for query in queries)


def _one(query: Select[Any]) -> str:
    compiled = query.compile(dialect=_DIALECT)
    own = [name for name, value in compiled.params.items() if value is not None]
    if own:
        raise ValueError(f"a query that is asked with others has values of its own: {', '.join(own)}")
    return str(compiled)


def ask(connection: Connection, queries: str, given: Mapping[str, object]) -> list[Rows]:
    """The rows of each of the `written` queries."""
    answers: list[Rows] = []
    connection.exec_driver_sql(queries, dict(given), execution_options={_TOGETHER: answers})
    return answers


def records(made: Callable[..., Record], query: Select[Any], rows: Rows) -> list[Record]:
    """What is `made` of the rows of a query, by the names of its columns."""
    names = [column.name for column in query.selected_columns]
    return [made(**dict(zip(names, row, strict=True))) for row in rows]


class _Execution(Protocol):
    """What SQLAlchemy knows of a statement that it is about to execute."""

    execution_options: Mapping[str, Any]


@event.listens_for(Engine, "do_execute")
def _ask(cursor: Cursor[Any], statement: str, given: Mapping[str, object], execution: _Execution) -> bool:
    """Send all the questions, then read; gives whether this was a statement of `ask`."""
    answers: list[Rows] | None = execution.execution_options.get(_TOGETHER)
    if answers is None:
        return False
    connection = cursor.connection
    with connection.pipeline():
        asked = [connection.cursor().execute(one, given) for one in statement.split(APART)]
        answers += [one.fetchall() for one in asked]
    return True

"""Rows that were worked out one by one, for SQL to take among its own."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnClause, FromClause, Text, bindparam, cast, func
from sqlalchemy.dialects.postgresql import JSONB


def given(rows: Sequence[Mapping[str, Any]], *columns: ColumnClause[Any]) -> FromClause:
    """`rows` as a source with these columns; one parameter carries them all, as JSON."""
    document = bindparam(None, json.dumps(rows), type_=Text)
    return func.jsonb_to_recordset(cast(document, JSONB)).table_valued(*columns).render_derived(with_types=True)

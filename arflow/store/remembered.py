"""Accounts that this process has read, for who only looks at them: the same list is opened between any two calls.

Whoever changes an account or anything that belongs to it writes the account's own row, and PostgreSQL writes no row in
place. So while the row of an account is the very one it was, the account is what was read with it.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, func, literal_column, select

from arflow.store import accounts, tables
from arflow.store.accounts import Stored, listed

_MOST_KEPT = 5_000
"""How many accounts are kept: the first pages of two hundred callers, in some 40 MB with what comes next of them."""

_Row = str
"""Which version of a row it is: the transaction that wrote it, and where it lies."""


class _Kept:
    """The accounts of one database that were looked at last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[_Row, Stored]] = OrderedDict()

    def find(self, rows: Mapping[str, _Row]) -> dict[str, Stored]:
        """Those that are kept as they stand in these rows."""
        with self._lock:
            kept = {key: self._kept[key] for key in rows if key in self._kept}
        return {key: stored for key, (row, stored) in kept.items() if row == rows[key]}

    def keep(self, rows: Mapping[str, _Row], read: Mapping[str, Stored]) -> None:
        with self._lock:
            for key, stored in read.items():
                self._kept[key] = (rows[key], stored)
                self._kept.move_to_end(key)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)


_guard = threading.Lock()
_kept: WeakKeyDictionary[Engine, _Kept] = WeakKeyDictionary()


def load(connection: Connection, ids: Sequence[str]) -> dict[str, Stored]:
    """What `accounts.load` gives, by one query where all stand as they did; not for who is about to change them."""
    with _guard:
        kept = _kept.setdefault(connection.engine, _Kept())
    rows = _rows(connection, ids)
    found = kept.find(rows)
    missing = [key for key in rows if key not in found]
    if missing:
        read = accounts.load(connection, missing)
        kept.keep(rows, read)
        found |= read
    return {key: found[key] for key in rows}


def _rows(connection: Connection, ids: Sequence[str]) -> dict[str, _Row]:
    """The rows of the accounts that there are; read before anything of them, so that a later change is another row."""
    account = tables.account
    which = func.concat(literal_column("account.xmin"), literal_column("account.ctid"))
    query = select(account.c.id, which.label("row")).where(account.c.id.in_(listed(ids)))
    return {row.id: row.row for row in connection.execute(query)}

"""The limit: what arflow writes for due accounts, by hand in batches: no facts, no rules, no chain, no ledger read.

`python -m benchmarks.limit GIVEN` is one process of it. It claims a batch and writes the steps, two rows of journal an
account, the effects and the letters, each with one statement or COPY, and commits; until nothing is due.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.peers import timed
from benchmarks.racing import Run, race

BATCH = 500

_CLAIM = """
SELECT id FROM account WHERE next_due <= %(before)s ORDER BY next_due LIMIT %(batch)s FOR UPDATE SKIP LOCKED
"""
_STEP = """
UPDATE account SET state = 'reminded', stay = stay + 1, entered_on = %(on)s, entered_at = %(at)s, policy_day = %(on)s,
    last_harsher_day = %(on)s, last_instant = %(at)s, wake = %(next_at)s, next_due = %(next_at)s, due_on = %(next_on)s,
    effects_decided = effects_decided + 1, version = version + 1, journal_length = 2, journal_head = u.head
FROM unnest(%(ids)s::text[], %(heads)s::bytea[]) u (id, head) WHERE account.id = u.id
"""
_JOURNAL = """
COPY journal (account_id, seq, at, "on", clock, kind, cause, actor, rule, source, "to", policy_version, details,
    previous, hash) FROM STDIN
"""
_EFFECT = """
COPY effect (account_id, number, kind, name, rule, stay, overdue_then, decided_at, decided_on, due_at, status, sent_at,
    sent_on) FROM STDIN
"""
_MESSAGE = """
COPY message (account_id, number, policy, template, recipient, decided_at, zone, status) FROM STDIN
"""


def run(url: str, before: str, row: Mapping[str, str], processes: int) -> Run:
    """So many processes, until nothing is due that was by `before`."""
    given = json.dumps({"url": url, "before": before, "row": dict(row)})
    return race([[Path(sys.executable), "-m", "benchmarks.limit", given]] * processes)


def _work(url: str, before: str, row: Mapping[str, str]) -> timed.Timed:
    own, number = timed.Timed(), 1
    with psycopg.connect(url, autocommit=True) as connection:
        timed.wait_for_go()
        while number:
            with own.batch() as count, connection.transaction(), connection.cursor() as cursor:
                ids = [key for (key,) in cursor.execute(_CLAIM, {"before": before, "batch": BATCH})]
                if ids:
                    _write(cursor, ids, row)
                number = len(ids)
                count(number)
    return own


def _write(cursor: psycopg.Cursor[Any], ids: Sequence[str], row: Mapping[str, str]) -> None:
    head = bytes.fromhex(row["hash"])
    cursor.execute(_STEP, {**row, "ids": list(ids), "heads": [head] * len(ids)})
    at, on, rule, version = row["at"], row["on"], row["rule"], row["policy_version"]
    with cursor.copy(_JOURNAL) as copy:
        when = (at, on, row["clock"])
        for key in ids:
            copy.write_row(
                (key, 1, *when, "step", "wake", "", rule, "current", "reminded", version, row["step"], None, head)
            )
            copy.write_row((key, 2, *when, "effect", "wake", "", rule, None, None, version, row["sending"], head, head))
    with cursor.copy(_EFFECT) as copy:
        for key in ids:
            copy.write_row((key, 1, "send", row["template"], rule, 1, True, at, on, at, "sent", at, on))
    with cursor.copy(_MESSAGE) as copy:
        for key in ids:
            copy.write_row((key, 1, row["policy"], row["template"], "", at, row["zone"], "queued"))


if __name__ == "__main__":
    _work(**json.loads(sys.argv[1])).tell()

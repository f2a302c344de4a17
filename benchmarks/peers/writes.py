"""What every peer writes for one account: the rows that arflow writes for it, in one statement of one transaction.

The account's step and next wake, two rows of its journal, its effect, and its letter in the outbox. The values are
those that arflow wrote for another account; nothing is decided, and no chain is computed.
"""

import re
from collections.abc import Mapping

STATEMENT = """
WITH moved AS (
    UPDATE account SET state = 'reminded', stay = stay + 1, entered_on = :on, entered_at = :at, policy_day = :on,
        last_harsher_day = :on, last_instant = :at, wake = :next_at, next_due = :next_at, due_on = :next_on,
        effects_decided = effects_decided + 1, version = version + 1, journal_length = 2,
        journal_head = decode(:hash, 'hex')
    WHERE id = :id AND state = 'current' RETURNING id
), stepped AS (
    INSERT INTO journal (account_id, seq, at, "on", clock, kind, cause, actor, rule, source, "to", policy_version,
        details, previous, hash)
    SELECT id, 1, :at, :on, :clock, 'step', 'wake', '', :rule, 'current', 'reminded', :policy_version,
        CAST(:step AS jsonb), NULL, decode(:hash, 'hex') FROM moved
    UNION ALL
    SELECT id, 2, :at, :on, :clock, 'effect', 'wake', '', :rule, NULL, NULL, :policy_version,
        CAST(:sending AS jsonb), decode(:hash, 'hex'), decode(:hash, 'hex') FROM moved
), sent AS (
    INSERT INTO effect (account_id, number, kind, name, rule, stay, overdue_then, decided_at, decided_on, due_at,
        status, sent_at, sent_on)
    SELECT id, 1, 'send', :template, :rule, 1, true, :at, :on, :at, 'sent', :at, :on FROM moved
)
INSERT INTO message (account_id, number, policy, template, recipient, decided_at, zone, status)
SELECT id, 1, :policy, :template, '', :at, :zone, 'queued' FROM moved
"""
"""As SQLAlchemy writes parameters."""

_TYPES = {
    "at": "timestamptz",
    "next_at": "timestamptz",
    "on": "date",
    "next_on": "date",
    "clock": "time",
    "id": "text",
    "hash": "text",
    "rule": "text",
    "policy_version": "text",
    "step": "text",
    "sending": "text",
    "template": "text",
    "policy": "text",
    "zone": "text",
}

TYPED = re.sub(r":(\w+)", lambda found: f"CAST(:{found[1]} AS {_TYPES[found[1]]})", STATEMENT)
"""The same, each parameter with its type: all come as text out of JSON."""

OF_PSYCOPG = re.sub(r":(\w+)", r"%(\1)s", TYPED)
"""The same, as psycopg writes parameters."""


def values(given: Mapping[str, str], account: str) -> dict[str, str]:
    """The parameters for one account."""
    return {**given, "id": account}

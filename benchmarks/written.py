"""What arflow wrote for one account, as the others write it: texts, by the names of `benchmarks.peers.writes`."""

from sqlalchemy import text

from benchmarks.company import Company

_ROW = """
SELECT step.at::text, step."on"::text, step.clock::text, step.rule, step.policy_version, step.details::text AS step,
    sending.details::text AS sending, account.next_due::text AS next_at, account.due_on::text AS next_on,
    message.template, message.policy, message.zone, encode(step.hash, 'hex') AS hash
FROM journal step
JOIN journal sending ON sending.account_id = step.account_id AND sending.seq = step.seq + 1
JOIN account ON account.id = step.account_id
JOIN message ON message.account_id = account.id
WHERE step.kind = 'step' AND sending.kind = 'effect' LIMIT 1
"""


def row(company: Company) -> dict[str, str]:
    """The row of an account that was worked off."""
    with company.engine.connect() as connection:
        return {name: str(value) for name, value in connection.execute(text(_ROW)).mappings().one().items()}

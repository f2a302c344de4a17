"""The currency of each staged account, and the account of each staged line: a customer has one account a currency.

An account is in the currency that is recorded of it; else in the one that the file's account events say, else its
first invoice. A line with an invoice in another currency belongs to the customer's account in that one, `A/EUR` beside
`A` or `A/USD`, which is opened with what the file and the books say of the customer. Nothing else is moved: a payment
in a foreign currency stays where it is, and is rejected there.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, text

_SETTLE = """CREATE TEMPORARY TABLE settled ON COMMIT DROP AS
    SELECT DISTINCT ON (stage.account_id) stage.account_id,
        coalesce(account.currency, nullif(stage.currency, ''), :default) AS currency
    FROM stage LEFT JOIN account ON account.id = stage.account_id
    ORDER BY stage.account_id, stage.currency = '', stage.kind <> 'account', stage.kind <> 'invoice', day, place"""

_MOVE = """CREATE TEMPORARY TABLE moved ON COMMIT DROP AS
    SELECT DISTINCT line, settled.account_id AS customer, stage.currency,
        regexp_replace(stage.account_id, '/' || settled.currency || '$', '') || '/' || stage.currency AS target
    FROM stage JOIN settled ON settled.account_id = stage.account_id
    WHERE kind = 'invoice' AND stage.currency <> '' AND stage.currency <> settled.currency"""

_FOLLOW = "UPDATE stage SET account_id = target FROM moved WHERE moved.line = stage.line"

_INTRODUCE = """INSERT INTO stage
    SELECT line, said.place, target, opened.currency, 'account', said.day, (said.content - CAST(:left_out AS text[])
        || jsonb_build_object('event', 'account', 'currency', opened.currency))::text
    FROM (SELECT target, customer, currency, min(line) AS line FROM moved GROUP BY 1, 2, 3) AS opened, LATERAL (
        SELECT place - 1000000000000 AS place, day, content::jsonb FROM stage
        WHERE account_id = customer AND kind = 'account'
        UNION ALL
        SELECT id - 2000000000000, "on"::text, content FROM event WHERE account_id = customer AND kind = 'account'
    ) AS said
    WHERE NOT EXISTS (SELECT FROM account WHERE id = target)
    AND NOT EXISTS (SELECT FROM stage AS own WHERE own.account_id = target AND own.kind = 'account')"""

_LEFT_OUT = ["credit_limit", "pays_through"]
"""What is said of an account in its own currency only."""


def settle(connection: Connection, default: str) -> None:
    """Find the currency of each staged account, and move the lines that belong to another account of the customer."""
    connection.execute(text(_SETTLE), {"default": default})
    connection.execute(text(_MOVE))
    if connection.execute(text("SELECT EXISTS (SELECT FROM moved)")).scalar_one():
        connection.execute(text("CREATE INDEX ON moved (line)"))
        connection.execute(text(_FOLLOW))
        connection.execute(text(_INTRODUCE), {"left_out": _LEFT_OUT})
        connection.execute(text("DROP TABLE settled"))
        connection.execute(text(_SETTLE), {"default": default})
    connection.execute(text("CREATE INDEX ON settled (account_id)"))


def settled(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """The currencies of the staged accounts `ids`."""
    query = text("SELECT account_id, currency FROM settled WHERE account_id = ANY(:ids)")
    return {row.account_id: row.currency for row in connection.execute(query, {"ids": list(ids)})}

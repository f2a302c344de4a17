-- How the pipeline changed day by day, up to the day :upto, through the accounts from :first to :last, but for :apart.
--
-- A row of `change` is what is different about one account from the end of one day on. `running` adds them up: how the
-- account stood from the end of that day until another. What comes out is the difference that this makes to its state.
-- A debt due on a day is overdue from the next day on.

WITH told AS MATERIALIZED (
    SELECT account_id, "on", CASE WHEN kind = 'invoice' THEN identity END AS invoice_id
    FROM event
    WHERE account_id BETWEEN :first AND :last AND "on" <= :upto
), born AS MATERIALIZED (
    SELECT account_id, min("on") AS "on"
    FROM told
    WHERE account_id NOT IN (SELECT unnest(:apart))
    GROUP BY account_id
), cleared AS (
    SELECT part.account_id, part.invoice_id, clearing."on", clearing.reversed_on, item.due + 1 AS late, part.amount
    FROM allocation AS part
    JOIN clearing ON clearing.account_id = part.account_id AND clearing.kind = part.kind AND clearing.id = part.clearing_id
    JOIN item ON item.account_id = part.account_id AND item.invoice_id = part.invoice_id AND item.number = part.item
    WHERE part.account_id BETWEEN :first AND :last AND clearing.account_id BETWEEN :first AND :last
    AND item.account_id BETWEEN :first AND :last AND clearing."on" <= :upto
), money AS MATERIALIZED (
    SELECT item.account_id, item.invoice_id, told."on", item.due + 1 AS late, item.amount
    FROM item
    JOIN told ON told.account_id = item.account_id AND told.invoice_id = item.invoice_id
    WHERE item.account_id BETWEEN :first AND :last
    UNION ALL
    SELECT account_id, invoice_id, "on", late, -amount FROM cleared
    UNION ALL
    SELECT account_id, invoice_id, reversed_on, late, amount FROM cleared WHERE reversed_on <= :upto
), contest AS MATERIALIZED (
    SELECT dispute.account_id, dispute.invoice_id, at."on", at.sign * coalesce(dispute.amount, 0) AS amount,
        at.sign * (dispute.amount IS NULL)::integer AS wholes
    FROM dispute
    CROSS JOIN LATERAL (VALUES (dispute."on", 1), (dispute.closed_on, -1)) AS at ("on", sign)
    WHERE dispute.account_id BETWEEN :first AND :last AND at."on" <= :upto
), contested_daily AS (
    SELECT account_id, invoice_id, "on", sum(overdue) AS overdue, sum(amount) AS amount, sum(wholes) AS wholes
    FROM (
        SELECT account_id, invoice_id, "on", 0 AS overdue, amount, wholes
        FROM contest
        UNION ALL
        SELECT account_id, invoice_id, greatest("on", late), amount, 0, 0
        FROM money
        WHERE late <= :upto AND (account_id, invoice_id) IN (SELECT account_id, invoice_id FROM contest)
    ) AS one
    GROUP BY account_id, invoice_id, "on"
), contested AS (
    SELECT account_id, invoice_id, "on",
        CASE WHEN sum(wholes) OVER day > 0 THEN sum(overdue) OVER day
            ELSE least(sum(overdue) OVER day, sum(amount) OVER day) END::bigint AS amount
    FROM contested_daily
    WINDOW day AS (PARTITION BY account_id, invoice_id ORDER BY "on")
), dealt AS MATERIALIZED (
    SELECT * FROM unnest(:dealt_accounts, :dealt_days, :dealt_amounts) AS dealt (account_id, "on", amount)
), promised AS (
    SELECT promise.account_id, promise.amount, promise."on",
        least(promise.due + coalesce(
            (:grace ->> account.policy_version)::integer, (:grace ->> account.currency)::integer, 0
        ) + 1, (
            SELECT min(event."on")
            FROM event
            WHERE promise.cancelled_at IS NOT NULL AND event.account_id = promise.account_id
            AND event.kind = 'promise_cancelled' AND event.content ->> 'id' = promise.id
        )) AS until
    FROM promise
    JOIN account ON account.id = promise.account_id
    WHERE promise.account_id BETWEEN :first AND :last AND promise."on" <= :upto
    AND promise.account_id NOT IN (SELECT account_id FROM dealt)
), step AS (
    SELECT account_id, "on", ("on" - DATE '2000-01-01') * 16 + array_position(:states, "to") - 1 AS place
    FROM (
        SELECT account_id, "on", "to", min("on") OVER later AS until
        FROM journal
        WHERE account_id BETWEEN :first AND :last AND kind = 'step' AND "on" <= :upto
        WINDOW later AS (PARTITION BY account_id ORDER BY seq ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
    ) AS taken
    WHERE until IS NULL OR until > "on"
), change (account_id, "on", place, open, overdue, disputed, promised) AS (
    SELECT account_id, "on", NULL::integer, 0::bigint, 0::bigint, 0::bigint, 0::bigint FROM born
    UNION ALL
    SELECT account_id, "on", place, 0, 0, 0, 0 FROM step
    UNION ALL
    SELECT account_id, "on", NULL, amount, 0, 0, 0 FROM money
    UNION ALL
    SELECT account_id, greatest("on", late), NULL, 0, amount, 0, 0 FROM money WHERE late <= :upto
    UNION ALL
    SELECT account_id, "on", NULL, 0, 0,
        amount - coalesce(lag(amount) OVER (PARTITION BY account_id, invoice_id ORDER BY "on"), 0), 0
    FROM contested
    UNION ALL
    SELECT account_id, "on", NULL, 0, 0, 0, amount FROM promised
    UNION ALL
    SELECT account_id, greatest("on", until), NULL, 0, 0, 0, -amount FROM promised WHERE greatest("on", until) <= :upto
    UNION ALL
    SELECT account_id, "on", NULL, 0, 0, 0, amount FROM dealt
), daily AS (
    SELECT account_id, greatest(change."on", born."on") AS "on", max(place) AS place,
        sum(open)::bigint AS open, sum(overdue)::bigint AS overdue,
        sum(disputed)::bigint AS disputed, sum(promised)::bigint AS promised
    FROM change
    JOIN born USING (account_id)
    GROUP BY 1, 2
), running AS (
    SELECT account_id, "on", lead("on") OVER day AS until, max(place) OVER day AS place,
        (sum(open) OVER day)::bigint AS open, (sum(overdue) OVER day)::bigint AS overdue,
        (sum(disputed) OVER day)::bigint AS disputed, (sum(promised) OVER day)::bigint AS promised
    FROM daily
    WINDOW day AS (PARTITION BY account_id ORDER BY "on")
)
SELECT account.currency, (:states)[coalesce(place % 16, 0) + 1] AS state, at."on",
    sum(at.sign)::bigint AS accounts,
    sum(at.sign * open)::bigint AS open_amount,
    sum(at.sign * overdue)::bigint AS gross,
    sum(at.sign * disputed)::bigint AS disputed,
    sum(at.sign * least(promised, overdue - disputed))::bigint AS promised
FROM running
JOIN account ON account.id = running.account_id AND account.id BETWEEN :first AND :last
CROSS JOIN LATERAL (VALUES (running."on", 1), (running.until, -1)) AS at ("on", sign)
WHERE at."on" IS NOT NULL
GROUP BY 1, 2, 3

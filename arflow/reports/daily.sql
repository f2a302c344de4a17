-- How the books of all accounts together changed day by day until the end of :day, by currency: minor units.
--
-- A debt due on a day is overdue from the next day on; what was paid before that never was. What a payment, a credit or
-- a write-off came to counts on its day, and is taken back on the day of its reversal.

WITH money AS MATERIALIZED (
    SELECT item.account_id, event."on", item.due + 1 AS late, item.amount
    FROM item
    JOIN event ON event.account_id = item.account_id AND event.kind = 'invoice' AND event.identity = item.invoice_id
    WHERE event."on" <= :day
), cleared AS MATERIALIZED (
    SELECT part.account_id, clearing."on", clearing.reversed_on, item.due + 1 AS late, part.amount
    FROM allocation AS part
    JOIN clearing ON clearing.account_id = part.account_id AND clearing.kind = part.kind AND clearing.id = part.clearing_id
    JOIN item ON item.account_id = part.account_id AND item.invoice_id = part.invoice_id AND item.number = part.item
    WHERE clearing."on" <= :day
), open AS (
    SELECT account_id, "on", late, amount FROM money
    UNION ALL
    SELECT account_id, "on", late, -amount FROM cleared
    UNION ALL
    SELECT account_id, reversed_on, late, amount FROM cleared WHERE reversed_on <= :day
), came AS (
    SELECT clearing.account_id, clearing.kind, at."on", at.sign * clearing.amount AS amount
    FROM clearing
    CROSS JOIN LATERAL (VALUES (clearing."on", 1), (clearing.reversed_on, -1)) AS at ("on", sign)
    WHERE at."on" <= :day
), change (account_id, "on", receivable, overdue, invoiced, collected, credited, written_off) AS (
    SELECT account_id, "on", amount, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint FROM open
    UNION ALL
    SELECT account_id, greatest("on", late), 0, amount, 0, 0, 0, 0 FROM open WHERE late <= :day
    UNION ALL
    SELECT account_id, "on", 0, 0, amount, 0, 0, 0 FROM money
    UNION ALL
    SELECT account_id, "on", 0, 0, 0,
        CASE WHEN kind = 'payment' THEN amount ELSE 0 END,
        CASE WHEN kind IN ('credit', 'credit_note') THEN amount ELSE 0 END,
        CASE WHEN kind = 'write_off' THEN amount ELSE 0 END
    FROM came
)
SELECT account.currency, change."on",
    sum(receivable)::bigint AS receivable,
    sum(overdue)::bigint AS overdue,
    sum(invoiced)::bigint AS invoiced,
    sum(collected)::bigint AS collected,
    sum(credited)::bigint AS credited,
    sum(written_off)::bigint AS written_off
FROM change
JOIN account ON account.id = change.account_id
GROUP BY 1, 2

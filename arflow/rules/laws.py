"""What is true of the facts of every account, whatever happens to it: which values can stand beside each other.

A proof is about facts that an account can have, so it may lean on these laws; the facts function keeps them, which
`tests/rules/test_laws.py` holds against the facts of random lives. What is exactly 36,500 days away is taken for what
never was, as rules take it. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from arflow.rules.catalogue import CATALOGUE, FactSpec, FactType
from arflow.rules.expressions import Expression, parse

MOST: Mapping[FactType, int] = {FactType.AMOUNT: 10**18, FactType.COUNT: 10**20, FactType.DAYS: 200_000}
"""How large a fact can be at the most: amounts in minor units, counts, days from the first date to the last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AtMost:
    """The sum of the facts `less`, and `apart`, is at most that of the facts `more`."""

    less: tuple[str, ...]
    more: tuple[str, ...]
    apart: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Law:
    """`then` is true of every account, or of those of which `given` is; `why` says so in words."""

    then: Expression | AtMost
    given: Expression | None = None
    why: str
    then_text: str
    given_text: str = ""


def least(spec: FactSpec) -> int:
    """The smallest value of a number; only attributes can be below 0."""
    return -MOST[spec.type] if spec.name.startswith("attr_") else 0


_SUMS: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...] = (
    (("gross_overdue_amount",), ("open_amount",), "what is overdue is open"),
    (
        ("overdue_amount", "promised_amount"),
        ("gross_overdue_amount",),
        "what is collectible and what is promised are parts of what is overdue",
    ),
    (
        ("gross_overdue_amount",),
        ("overdue_amount", "promised_amount", "disputed_amount"),
        "what is overdue is collectible, promised or disputed",
    ),
    (("disputed_amount",), ("open_amount",), "a dispute covers what is open"),
    (("overdue_invoices",), ("open_invoices",), "an overdue invoice is open"),
    (("notices_failed",), ("notices_sent",), "what failed was sent"),
)

_BOTH_WAYS: tuple[tuple[str, str, str], ...] = (
    ("overdue_amount > 0", "days_overdue >= 1", "its age is that of the oldest collectible debt"),
    ("overdue_amount > 0", "overdue_invoices >= 1", "collectible debt stands on an invoice"),
    ("open_amount > 0", "open_invoices >= 1", "what is open stands on an invoice"),
    ("conversations_30d >= 1", "days_since_conversation < 30", "both go by the latest conversation"),
    ("days_since_payment != 36500", "last_payment_amount > 0", "both go by the latest payment"),
    ("has_open_promise", "days_to_promise != 36500", "an open promise has an end ahead"),
)

_ONE_WAY: tuple[tuple[str, str, str], ...] = (
    ("open_amount == 0", "oldest_invoice_age == 0", "without an open invoice there is no age of one"),
    ("not has_open_promise", "promised_amount == 0", "only an open promise covers anything"),
    ('promise_status == "open"', "has_open_promise", "that is what it says"),
    ("not has_open_dispute", "disputed_amount == 0 and dispute_age == 0", "only an open dispute covers or ages"),
    (
        "gross_overdue_amount == 0",
        'notices_sent == 0 and not notice_pending and days_in_episode == 0 and promise_status == "none"',
        "an episode ends when nothing is overdue, and its counters with it",
    ),
    ("notices_sent >= 1", "days_since_notice != 36500", "what was sent was sent on some day"),
    ('promise_status in ("kept", "partly_kept")', "days_since_payment != 36500", "a payment kept it, or a part of it"),
    ("kept_promises_365d >= 1", "days_since_payment != 36500", "a payment kept them"),
    ("open_amount == 0", "credit_use_percent == 0", "nothing open uses no limit"),
    ("call_attempts_7d >= 1", "days_since_contact < 7", "an attempt is a contact"),
    ("not has_credit_limit", "credit_limit == 0", "no limit is a limit of 0"),
    ("credit_limit == 0", "credit_use_percent == 0", "without a limit nothing of it is used"),
)


def _laws() -> Iterator[Law]:
    for less, more, why in _SUMS:
        yield _sum(AtMost(less=less, more=more), "", why)
    for one, other, why in (*_BOTH_WAYS, *((then, given, why) for given, then, why in _BOTH_WAYS), *_ONE_WAY):
        yield Law(given=_read(one), then=_read(other), why=why, given_text=one, then_text=other)
    ahead = AtMost(less=("gross_overdue_amount",), more=("open_amount",), apart=1)
    yield _sum(ahead, "days_until_due != 36500", "what falls due later is open and not overdue")
    all_due = AtMost(less=("open_amount",), more=("gross_overdue_amount",))
    yield _sum(all_due, "days_until_due == 36500", "nothing falls due later")
    spoken = AtMost(less=("days_since_contact",), more=("days_since_conversation",))
    yield _sum(spoken, "days_since_conversation != 36500", "a conversation is a contact")
    sent = AtMost(less=("days_since_notice",), more=("days_in_episode",), apart=-2)
    yield _sum(sent, "notices_sent >= 1", "it was sent in the episode; zones are up to two dates apart")


def _sum(sums: AtMost, given: str, why: str) -> Law:
    less, more = (" + ".join(side) for side in (sums.less, sums.more))
    text = f"{less} {'<' if sums.apart == 1 else '<='} {more}" + (f" + {-sums.apart}" if sums.apart < 0 else "")
    return Law(given=_read(given) if given else None, then=sums, why=why, given_text=given, then_text=text)


def _read(text: str) -> Expression:
    return parse(text, CATALOGUE, "USD")


LAWS: tuple[Law, ...] = tuple(_laws())
"""All of them; every amount in them is 0, which is 0 in any currency."""

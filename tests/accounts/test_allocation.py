"""Money is neither made nor lost by allocation, reversal, repetition or another order of the lines (section 5)."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from arflow.accounts.applying import apply
from arflow.accounts.entries import Account, Clearing, ClearingKind, Ledger
from arflow.accounts.events import parse
from arflow.accounts.exposure import exposure
from arflow.accounts.promises import Terms, verdicts
from arflow.accounts.timeline import timeline
from arflow.errors import Refused
from arflow.replay import Request, replay
from arflow.rules.reference import Reference
from tests.random_events import Line, random_events
from tests.random_policies import LIVELY, loaded, random_document

SEEDS = range(100)
START = dt.date(2026, 1, 5)
REPEATABLE = {
    *("invoice", "payment", "credit", "promise", "dispute"),
    *("payment_reversed", "promise_cancelled", "dispute_closed", "write_off", "write_off_reversed"),
}
"""What has an id, or is about something that can only happen to it once at one moment."""


def lines_of(seed: int, count: int = 40) -> list[Line]:
    return random_events(Random(seed), "A", START, 60, count)


def grown(lines: list[Line]) -> Iterator[tuple[Account, Account]]:
    """The account before and after each event."""
    account = Account(id="A", currency="USD")
    for moment in timeline([parse(line, at) for at, line in enumerate(lines, 1)]):
        for place, event in enumerate(moment.events):
            before = account
            if not event.kind.startswith("notice_"):
                now = dt.datetime.combine(moment.on, moment.clock, tzinfo=dt.UTC)
                account = apply(account, event, (now, place))
            yield before, account


def booked(lines: list[Line]) -> Account:
    return list(grown(lines))[-1][1]


def in_force(ledger: Ledger) -> list[Clearing]:
    return [clearing for clearing in ledger.clearings.values() if not clearing.reversed_on]


def open_by_item(ledger: Ledger) -> Counter[tuple[str, int]]:
    found = {(key, at): item.open for key, one in ledger.invoices.items() for at, item in enumerate(one.items)}
    return Counter(found)


@pytest.mark.parametrize("seed", SEEDS)
def test_money_is_conserved(seed: int) -> None:
    """After every event: billed is what is open and what stands against it; the rest of a payment is unapplied."""
    for _, account in grown(lines_of(seed)):
        ledger = account.ledger
        allocated: Counter[tuple[str, int]] = Counter()
        for clearing in in_force(ledger):
            parts = sum(part.amount for part in clearing.allocations)
            assert clearing.amount == parts + clearing.unapplied
            assert clearing.unapplied >= 0
            allocated.update({(part.invoice, part.item): 0 for part in clearing.allocations})
            for part in clearing.allocations:
                allocated[part.invoice, part.item] += part.amount
        for key, invoice in ledger.invoices.items():
            for at, item in enumerate(invoice.items):
                assert item.amount == item.open + allocated[key, at]
                assert 0 <= item.open <= item.amount
        assert ledger.unapplied == sum(clearing.unapplied for clearing in in_force(ledger))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_reversal_gives_back_exactly_its_own_allocations(seed: int) -> None:
    """Nothing else moves, whatever came between."""
    for before, after in grown(lines_of(seed)):
        for key, clearing in after.ledger.clearings.items():
            if clearing.reversed_on and not before.ledger.clearings[key].reversed_on:
                given_back = Counter[tuple[str, int]]()
                for part in clearing.allocations:
                    given_back[part.invoice, part.item] += part.amount
                assert open_by_item(before.ledger) + given_back == +open_by_item(after.ledger)
                others = {name: one for name, one in before.ledger.clearings.items() if name != key}
                assert others.items() <= after.ledger.clearings.items()
                assert clearing.unapplied == 0


def test_reversals_come_up() -> None:
    """The test above has something to look at."""
    reversed_ = [c for seed in SEEDS for c in booked(lines_of(seed)).ledger.clearings.values() if c.reversed_on]
    kinds = Counter(clearing.kind for clearing in reversed_ if clearing.allocations)
    assert min(kinds[ClearingKind.PAYMENT], kinds[ClearingKind.WRITE_OFF]) > 10


@pytest.mark.parametrize("seed", SEEDS)
def test_repeated_events_change_nothing(seed: int) -> None:
    """Each event with an identity once more, anywhere after: the same account."""
    rng, lines = Random(seed), lines_of(seed)
    repeated = list(lines)
    for line in lines:
        if line["event"] in REPEATABLE:
            repeated.insert(rng.randint(repeated.index(line) + 1, len(repeated)), dict(line))
    assert len(repeated) > len(lines)
    assert booked(lines) == booked(repeated)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_id_with_other_content_is_refused(seed: int) -> None:
    """At its own line, whatever else differs; an amount may be written with fewer decimals."""
    lines = lines_of(seed)
    first = next(line for line in lines if line["event"] == "invoice")
    same = [*lines, first | {"amount": str(first["amount"]).removesuffix("0")}]
    assert booked(same) == booked(lines)
    with pytest.raises(Refused, match="other content") as refused:
        booked([*lines, first | {"amount": f"{first['amount']}"[:-1] + "7"}])
    assert refused.value.line == len(lines) + 1


@pytest.mark.parametrize("seed", range(60))
def test_the_order_of_lines_does_not_matter(seed: int) -> None:
    """Lines of several accounts shuffled: the same output, as long as those of one moment keep their order."""
    rng = Random(seed)
    lines = [line for name in "ABC" for line in random_events(rng, name, START, 40, 12)]
    policy = loaded(random_document(rng, LIVELY))
    places = list(range(len(lines)))
    rng.shuffle(places)
    moments: dict[tuple[object, ...], list[int]] = {}
    for place in places:
        line = lines[place]
        moments.setdefault((line["account"], line["date"], line.get("time", "00:00")), []).append(place)
    shuffled = [lines[place] for group in moments.values() for place in sorted(group)]
    assert shuffled != lines
    told = [
        replay(Request(events=tuple(parse(line, 1) for line in given), policy=policy), Reference())
        for given in (lines, shuffled)
    ]
    assert told[0] == told[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_payment_counts_once_for_promises(seed: int) -> None:
    """What came for all promises is never more than was paid; none gets more than it promised."""
    rng = Random(seed)
    account = booked(lines_of(seed, 60))
    terms = Terms(grace_days=rng.choice((0, 3)), tolerance=rng.choice((0, 1000)))
    for day in (START + dt.timedelta(days=offset) for offset in (0, 20, 61, 100)):
        found = verdicts(account.promises.values(), account.ledger.payments, day, terms)
        assert sum(verdict.came for verdict in found) <= sum(payment.amount for payment in account.ledger.payments)
        for verdict in found:
            assert 0 <= verdict.came <= verdict.promise.amount
            if verdict.status == "kept":
                assert verdict.came >= verdict.promise.amount - terms.tolerance


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_overdue_divides_without_rest(seed: int) -> None:
    """Overdue debt is collectible, promised or disputed, never two of these and never less than nothing."""
    account = booked(lines_of(seed, 60))
    for day in (START + dt.timedelta(days=offset) for offset in (0, 30, 61, 100)):
        found = verdicts(account.promises.values(), account.ledger.payments, day, Terms())
        shown = exposure(account.ledger, day, found)
        collectible, gross = sum(item.open for item in shown.collectible), account.ledger.gross_overdue(day)
        undue = sum(item.open for item in account.ledger.open_items) - gross
        assert 0 <= gross - collectible - shown.promised <= shown.disputed
        assert shown.disputed <= gross - collectible - shown.promised + undue
        assert min(shown.promised, collectible, shown.disputed) >= 0
        assert all(item.open > 0 and item.due < day for item in shown.collectible)

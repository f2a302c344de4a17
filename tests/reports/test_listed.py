"""Lists and flows are those that one gets who looks at every account, on random books, on past days and today."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from arflow.desk import users
from arflow.reports.flow import NEW, Went, flow
from arflow.reports.listed import ORDERS, PARTS, Asked, Listed, Total, Which, amount, behind, everyone
from arflow.reports.positions import BUCKETS, Position
from arflow.vocabulary import State
from tests.production import step, take_in, write_events
from tests.reports.books import START, ledger, talked_over
from tests.reports.folded import positions

pytestmark = pytest.mark.database

DAY = START + dt.timedelta(days=40)
TODAY = START + dt.timedelta(days=60)
_NAMES = ("acme", "Acme", "Äcme", "zeta", "Beta")
_MANY = 5


@pytest.fixture
def lived(book: Engine, tmp_path: Path) -> Engine:
    """A random book that has been lived until TODAY, with names and owners in an order of their own."""
    take_in(book, write_events(tmp_path / "events.jsonl", ledger(4, 20) + talked_over(3, 25)), accept_rejects=True)
    step(book, TODAY)
    rng = Random(1)
    with book.begin() as connection:
        users.add(connection, name="anna", roles=["caller"], password=None, full_name="Zoe Last")
        for account in connection.execute(text("SELECT id FROM account")).scalars().all():
            said = {"id": account, "name": rng.choice(_NAMES), "owner": rng.choice(("anna", "bert", ""))}
            connection.execute(text("UPDATE account SET name = :name, owner = :owner WHERE id = :id"), said)
    return book


def has(which: Which, one: Position) -> bool:
    """Whether an account is one of a list."""
    return (
        which.currency in ("", one.currency)
        and which.state in ("", one.state)
        and (which.bucket is None or one.buckets[which.bucket][0] > 0)
        and (not which.part or amount(one, which.part) > 0)
    )


_TEXTS: Mapping[str, Callable[[Listed], str]] = MappingProxyType(
    {
        "account": lambda line: line.position.account,
        "name": lambda line: line.name.lower(),
        "owner": lambda line: line.owner_shown.lower(),
        "state": lambda line: line.position.state,
    }
)


def in_order(lines: list[Listed], asked: Asked) -> list[Listed]:
    """The lines as they should lie, by sorting them again and again."""
    name, bucket = asked.order.removeprefix("-"), asked.which.bucket

    def number(line: Listed) -> int:
        if name == "days":
            return line.position.oldest_days
        if name == "bucket":
            return 0 if bucket is None else line.position.buckets[bucket][1]
        return amount(line.position, name)

    found = sorted(lines, key=lambda line: line.position.account)
    by: Callable[[Listed], Any] = _TEXTS.get(name, number)
    found.sort(key=by, reverse=asked.order.startswith("-"))
    if name in (*PARTS, "bucket"):
        found.sort(key=lambda line: line.position.currency)
    return found


def totals(found: list[Position]) -> list[Total]:
    """What they come to, one by one."""
    return [
        Total(
            currency=currency,
            accounts=sum(one.currency == currency for one in found),
            amounts={part: sum(amount(one, part) for one in found if one.currency == currency) for part in PARTS},
        )
        for currency in sorted({one.currency for one in found})
    ]


WHICH = (
    Which(),
    Which(currency="EUR"),
    *(Which(state=state) for state in ("called", "promised", "resolved")),
    *(Which(part=part) for part in PARTS),
    *(Which(bucket=bucket) for bucket in range(len(BUCKETS))),
    Which(currency="EUR", state="reminded", part="collectible", bucket=1),
)


@pytest.mark.parametrize("day", [DAY, TODAY])
def test_a_list_has_what_was_counted_in_the_order_that_is_asked_for(lived: Engine, day: dt.date) -> None:
    """For every condition and every order, both ways; in parts and as a whole; with the sums of all of it."""
    with lived.connect() as connection:
        folded, seen = positions(connection, day), Counter[str]()
        everybody = {
            line.position.account: line for line in everyone(connection, Asked(day=day, which=Which(), order="account"))
        }
        assert folded == [line.position for line in everybody.values()]
        assert len({(line.name, line.owner_shown) for line in everybody.values()}) > _MANY
        orders = [*ORDERS, *(f"-{order}" for order in ORDERS)]
        for number, which in enumerate(WHICH):
            chosen = [position for position in folded if has(which, position)]
            seen[str(which)] = len(chosen)
            for order in orders if number == 0 else orders[number % 11 :: 11]:
                asked = Asked(day=day, which=which, order=order)
                wanted = in_order([everybody[one.account] for one in chosen], asked)
                found = behind(connection, asked, offset=2, limit=5)
                assert (wanted[2:7], totals(chosen)) == (list(found.lines), list(found.totals)), asked
                assert wanted == list(everyone(connection, asked)), asked
    assert [] == [which for which, number in seen.items() if number == 0][2:], seen


def test_a_list_beyond_its_end_is_empty_and_still_says_what_all_of_it_is(lived: Engine) -> None:
    with lived.connect() as connection:
        whole = behind(connection, Asked(day=DAY, which=Which(), order="-overdue"))
        beyond = behind(connection, Asked(day=DAY, which=Which(), order="-overdue"), offset=10_000, limit=5)
        none = behind(connection, Asked(day=DAY, which=Which(currency="CHF"), order="name"), limit=5)
    assert ([], whole.totals) == (beyond.lines, beyond.totals)
    assert ([], []) == (none.lines, none.totals)


_BEGINNINGS = text('SELECT min("on") FROM event GROUP BY account_id ORDER BY min("on") LIMIT 1')
PERIODS = ((-3, 10), (10, 40), (30, 31), (40, 60))


def test_the_flow_is_what_each_account_went(lived: Engine) -> None:
    """From the state in which each stood at one day's end to that at another's; the accounts behind each number."""
    with lived.connect() as connection:
        for start, until in PERIODS:
            _agrees(connection, START + dt.timedelta(days=start), START + dt.timedelta(days=until))
        for begun in connection.execute(_BEGINNINGS).scalars():  # whoever began on the first day is not new
            _agrees(connection, begun, TODAY)


def _agrees(connection: Connection, first: dt.date, last: dt.date) -> None:
    before = {one.account: one.state for one in positions(connection, first)}
    stood = positions(connection, last)
    went = [(one.currency, before.get(one.account, NEW), one.state, one.account) for one in stood]
    counts = Counter((currency, source, to) for currency, source, to, _ in went)
    found = flow(connection, first, last)
    assert counts == {(one.currency, one.source, one.to): one.accounts for one in found}
    places = [NEW, *map(str, State)]
    assert found == sorted(found, key=lambda one: (one.currency, places.index(one.source), places.index(one.to)))
    for currency, source, to in [*counts, ("EUR", "escalated", "current")]:
        which = Which(currency=currency, went=Went(start=first, source=source, to=to))
        listed = everyone(connection, Asked(day=last, which=which, order="account"))
        wanted = sorted(key for *one, key in went if tuple(one) == (currency, source, to))
        assert wanted == [line.position.account for line in listed]

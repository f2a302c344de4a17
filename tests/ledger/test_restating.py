"""What all rows of a file say of an account itself is of now; where they differ the dates count."""

import datetime as dt
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arflow.accounts.applying import apply
from arflow.accounts.entries import Account
from arflow.accounts.events import Event
from arflow.ledger import profileloader, restating
from arflow.ledger.taking import Outcome, Staged, Taker
from arflow.store.events import StoredEvent

MORNING = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
DATES = st.sampled_from(("2026-01-05", "2026-01-20", "2026-02-10"))
SAID = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(("Ann", "Zoe")),
        "contacts": st.sampled_from(([{"email": "x@a.example"}], [{"email": "y@a.example"}])),
        "attributes": st.dictionaries(st.sampled_from(("region", "size")), st.sampled_from(("n", "s")), min_size=1),
    },
)


def rows_of(said: dict[str, object], dates: list[str]) -> list[dict[str, object]]:
    """A file whose rows say the same, on several dates."""
    return [{"date": date, **said} for date in dates]


FILE = st.builds(rows_of, SAID, st.lists(DATES, min_size=1, max_size=4))


class Books:
    """What is recorded of one account, as files come in, a minute after each other."""

    def __init__(self) -> None:
        self.recorded: list[StoredEvent] = []
        self.now = MORNING

    def take(self, rows: Sequence[dict[str, object]]) -> int:
        """Take in a file of `rows`; gives how many events are new."""
        self.now += dt.timedelta(minutes=1)
        contents = [json.dumps({"event": "account", **row}) for row in rows]
        staged = [Staged(line, "USD", content, is_own=True) for line, content in enumerate(contents, 2)]
        taker = Taker("A", "USD", staged, self.in_order(), Outcome())
        taker.decide(correct=False)
        if said := taker.unsaid():
            taker.restate(said, self.now.date(), self.now.time())
        for event, _, _ in taker.new:
            self.note(event)
        return len(taker.new)

    def note(self, event: Event, actor: str = "") -> None:
        row = len(self.recorded) + 1
        stored = StoredEvent(row=row, event=event, applied=True, known_at=self.now, known_on=None, actor=actor)
        self.recorded.append(stored)

    def in_order(self) -> list[StoredEvent]:
        return sorted(self.recorded, key=lambda one: (one.event.on, one.event.clock, one.row))

    def account(self) -> Account:
        """The account that a fold of all by date gives."""
        account = Account(id="A", currency="USD")
        for stored in self.in_order():
            account = apply(account, stored.event, (self.now, 0))
        return account


def last_words(account: Account, files: Sequence[Sequence[dict[str, object]]]) -> tuple[object, ...]:
    """What `files` say, row after row, whatever their dates."""
    for row in (row for rows in files for row in rows):
        said = {name: value for name, value in row.items() if name != "date"}
        data = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
        account = apply(account, Event(kind="account", account="A", on=MORNING.date(), data=data), (MORNING, 0))
    return is_told(account)


def is_told(account: Account) -> tuple[object, ...]:
    return account.name, account.people, account.attributes


@given(st.lists(DATES, min_size=1, max_size=4), st.lists(SAID, min_size=1, max_size=5))
def test_the_books_hold_what_the_last_file_said_and_a_second_import_changes_nothing(
    dates: list[str], said: list[dict[str, object]]
) -> None:
    """Of the same open invoices, every time."""
    books, files = Books(), [rows_of(one, dates) for one in said]
    for number, rows in enumerate(files, 1):
        books.take(rows)
        assert is_told(books.account()) == last_words(Account(id="A", currency="USD"), files[:number])
        assert books.take(rows) == 0


NAMELESS = FILE.map(lambda rows: [{key: value for key, value in row.items() if key != "name"} for row in rows])


@given(NAMELESS, st.sampled_from(("Ann", "Zoe", "Mia")))
def test_what_a_person_said_stands_until_a_file_says_something_else(rows: list[dict[str, object]], name: str) -> None:
    books = Books()
    books.take([*rows, {"date": "2026-01-05", "name": "Ann"}])
    clock = (books.now + dt.timedelta(seconds=30)).time()
    books.note(Event(kind="account", account="A", on=MORNING.date(), clock=clock, data={"name": name}), actor="lena")
    assert books.take([*rows, {"date": "2026-01-05", "name": "Ann"}]) == 0
    assert books.account().name == name
    books.take([*rows, {"date": "2026-01-05", "name": "Zoe"}])
    assert books.account().name == "Zoe"
    books.take([*rows, {"date": "2026-01-05", "name": "Ann"}])
    assert books.account().name == "Ann"


@pytest.mark.parametrize("newest", [0, 1])
def test_where_rows_differ_the_dates_count_and_an_old_row_that_stays_takes_nothing_back(newest: int) -> None:
    """Whichever way a file is sorted; once the newest invoice is paid, only the older row is exported."""
    (old,), (new,) = rows_of({"name": "Ann"}, ["2026-01-05"]), rows_of({"name": "Zoe"}, ["2026-02-10"])
    books, rows = Books(), [old, new] if newest else [new, old]
    assert books.take(rows) == 2
    assert books.account().name == "Zoe"
    assert books.take(rows) == 0
    assert books.take([old]) == 0
    assert books.account().name == "Zoe"


def test_who_pays_through_whom_is_left_to_the_dates() -> None:
    on = MORNING.date()
    first, second = (
        Event(kind="account", account="A", on=on, data={"pays_through": payer, "name": payer}) for payer in "PQ"
    )
    assert restating.unsaid([first], [], [first, second], [first, second]) == {"name": "P"}


@pytest.mark.parametrize("name", profileloader.shipped())
def test_the_profiles_that_come_along_have_no_date_for_what_they_say_of_accounts(name: str) -> None:
    assert profileloader.find(name).is_of_now


def test_a_date_of_its_own_is_gone_by() -> None:
    text = """
profile: p
columns: {account: a, currency: c, changed: changed_on, issued: i, number: n, amount: m}
account: "{account}"
terms: {days: 14}
events:
  account: {date: changed}
  invoice: {date: issued, id: number, amount: amount}
"""
    assert not profileloader.from_text(text, file="p.yaml").is_of_now

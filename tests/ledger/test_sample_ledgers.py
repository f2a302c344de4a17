"""The shipped profiles on real ledgers, held against figures that were computed independently of arflow."""

import json
from collections import Counter
from pathlib import Path

import pytest

from arflow import money
from arflow.accounts.events import parse
from arflow.errors import Refused
from arflow.ledger import profileloader
from arflow.ledger.csvfile import CsvFile
from arflow.ledger.rowevents import Event, Row

pytestmark = pytest.mark.sample_data

IBM = {
    "ibm-us": "ibm/WA_Fn-UseC_-Accounts-Receivable.csv",
    "ibm-leading-zeros": "ibm/variant_leading_zeros.csv",
    "ibm-dayfirst": "ibm/variant_dayfirst_dates.csv",
}


def rows(path: Path, profile: str) -> list[Row]:
    """All rows, and proof that none is skipped or rejected."""
    items = list(CsvFile(path, profileloader.find(profile)))
    found = [item for item in items if isinstance(item, Row)]
    assert items == found
    return found


def events(found: list[Row], name: str) -> list[Event]:
    return [event for row in found for event in row.events if event["event"] == name]


def cents(found: list[Event]) -> int:
    return sum(money.parse(event["amount"], event["currency"]) for event in found)


def accounts(found: list[Event]) -> int:
    return len({event["account"] for event in found})


def test_the_three_variants_of_one_ledger_give_the_same_events(sample_data: Path) -> None:
    """US dates, leading zeros and day-first dates: the same accounts, ids, attributes, amounts and dates."""
    us, zeros, dayfirst = (
        Counter(json.dumps(event, sort_keys=True) for row in rows(sample_data / path, name) for event in row.events)
        for name, path in IBM.items()
    )
    assert us == zeros == dayfirst
    assert 3 * 2466 == us.total()


@pytest.mark.parametrize(("profile", "path"), [*IBM.items(), ("open-items", "open_items/open_items.csv.gz")])
def test_every_event_is_one_of_the_contract(sample_data: Path, profile: str, path: str) -> None:
    """The reader of events takes each of them as it is."""
    for row in rows(sample_data / path, profile):
        assert [event["event"] for event in row.events] == [parse(event).kind for event in row.events]


def test_the_whole_ibm_ledger_adds_up(sample_data: Path) -> None:
    """2,466 invoices of 100 customers over 14,770,318 cents, all paid in full."""
    found = rows(sample_data / IBM["ibm-us"], "ibm-us")
    bills, payments = events(found, "invoice"), events(found, "payment")
    assert (2466, 2466, 14_770_318) == (len(found), len(bills), cents(bills))
    assert 14_770_318 == sum(money.parse(payment["amount"], "USD") for payment in payments)
    assert 100 == accounts(bills)


def test_the_ibm_ledger_at_the_end_of_2012(sample_data: Path) -> None:
    """Open: issued up to that day and settled after it; overdue: due before it as well."""
    found = rows(sample_data / IBM["ibm-dayfirst"], "ibm-dayfirst")
    settled = {event["invoice"]: event["date"] for event in events(found, "payment")}
    bills = events(found, "invoice")
    still_open = [bill for bill in bills if bill["issued"] <= "2012-12-31" < settled[bill["id"]]]
    overdue = [bill for bill in still_open if bill["due"] < "2012-12-31"]
    assert (99, 572_506, 61) == (len(still_open), cents(still_open), accounts(still_open))
    assert (13, 78_874, 11, "2012-12-08") == (
        len(overdue),
        cents(overdue),
        accounts(overdue),
        min(bill["due"] for bill in overdue),
    )


def test_whoever_ever_disputed_has_the_attribute_whatever_the_order_of_rows(sample_data: Path) -> None:
    """`Disputed: No` on a later invoice says nothing of the earlier one, so only Yes is written."""
    marked = [
        e for e in events(rows(sample_data / IBM["ibm-us"], "ibm-us"), "account") if "disputed" in e["attributes"]
    ]
    assert 75 == accounts(marked)
    assert all(event["attributes"]["disputed"] is True for event in marked)


@pytest.mark.parametrize(
    ("profile", "path", "date"), [("ibm-dayfirst", "ibm-us", "1/15/2013"), ("ibm-us", "ibm-dayfirst", "23/01/2012")]
)
def test_the_wrong_variant_is_refused_at_its_first_telling_date(
    sample_data: Path, profile: str, path: str, date: str
) -> None:
    """944 of the 2,466 invoice dates would fit both orders; the first that does not ends it."""
    with pytest.raises(Refused, match=f"line 2: `{date}` is a date only as"):
        list(CsvFile(sample_data / IBM[path], profileloader.find(profile)))


@pytest.mark.parametrize(("currency", "items", "late", "customers"), [("USD", 8953, 8460, 574), ("CAD", 747, 734, 73)])
def test_open_items_at_22_may_2020(sample_data: Path, currency: str, items: int, late: int, customers: int) -> None:
    """Customer numbers count as written; with their leading zeros off, 119 customers would fall together."""
    found = events(rows(sample_data / "open_items/open_items.csv.gz", "open-items"), "invoice")
    bills = [bill for bill in found if bill["currency"] == currency]
    overdue = [bill for bill in bills if bill["due"] < "2020-05-22"]
    assert (items, late, customers) == (len(bills), len(overdue), accounts(overdue))
    assert {currency} == {bill["account"].rpartition("/")[2] for bill in bills}
    assert len(bills) == len({(bill["account"], bill["id"]) for bill in bills})

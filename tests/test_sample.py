"""The sample ledger has the habits it claims, and is a valid file of events."""

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from statistics import median

import pytest
from click.testing import CliRunner

from arflow import replay
from arflow.accounts.applying import apply
from arflow.accounts.entries import Account, Invoice
from arflow.accounts.events import Event, parse_line
from arflow.accounts.promises import Terms, verdicts
from arflow.rules.loader import load_policy
from arflow.rules.reference import Reference
from arflow.sample import as_line, generate
from arflow.sample.__main__ import main
from arflow.stack.sample_company import SEED

UNTIL = dt.date(2026, 6, 30)
POLICIES = Path(replay.__file__).parent / "rules"
TOGETHER = [
    {"contact", "promise"},
    {"contact", "promise_cancelled"},
    {"contact", "dispute"},
    {"contact", "tag"},
    {"invoice"},
    {"payment", "payment_reversed"},
    {"payment", "write_off_reversed"},
    {"write_off"},
]
"""The kinds of events that belong together and so may share an instant; two invoices are one and a credit note."""


def lines(seed: int = 7, accounts: int = 400) -> list[str]:
    return [as_line(event) for event in generate(seed=seed, accounts=accounts, months=18, until=UNTIL)]


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """The default ledger, read as the contract reads it: every line is an event with known fields and right types."""
    return [parse_line(line, number) for number, line in enumerate(lines(), 1)]


@pytest.fixture(scope="module")
def accounts(events: list[Event]) -> Mapping[str, Account]:
    """Every account after all its events: a reference that does not resolve, or a second closing, is refused."""
    return {account: _lived(account, list(own)) for account, own in groupby(events, lambda event: event.account)}


def _lived(name: str, events: Sequence[Event]) -> Account:
    account = Account(id=name, currency=events[0].text("currency"))
    for place, event in enumerate(events):
        account = apply(account, event, (dt.datetime.combine(event.on, event.clock, dt.UTC), place))
    return account


def owners(accounts: Mapping[str, Account]) -> list[Account]:
    """The accounts with invoices of their own, which all are but those that pay through another."""
    return [account for account in accounts.values() if account.ledger.invoices]


def days_late(accounts: Mapping[str, Account]) -> Iterator[int]:
    """For each invoice that payments have settled: how long after its last due date the last of them came."""
    for account in accounts.values():
        for key, paid_on in account.ledger.last_paid_on.items():
            invoice = account.ledger.invoices[key]
            if not invoice.open and not invoice.written_off:
                yield (paid_on - invoice.last_due).days


# --- habits -----------------------------------------------------------------------------------------------------------


def test_about_a_third_of_the_invoices_are_paid_late(accounts: Mapping[str, Account]) -> None:
    late = [days > 0 for days in days_late(accounts)]
    assert 0.30 < sum(late) / len(late) < 0.37


def test_the_median_of_lateness_is_about_8_days(accounts: Mapping[str, Account]) -> None:
    assert 7 <= median(days for days in days_late(accounts) if days > 0) <= 9


def test_a_fifth_of_the_customers_ever_dispute(accounts: Mapping[str, Account]) -> None:
    disputing = [bool(account.ledger.disputes) for account in owners(accounts)]
    assert 0.18 < sum(disputing) / len(disputing) < 0.22


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_habits_do_not_hang_on_the_seed(seed: int) -> None:
    read = [parse_line(line, number) for number, line in enumerate(lines(seed), 1)]
    ledger = {account: _lived(account, list(own)) for account, own in groupby(read, lambda event: event.account)}
    late = [days for days in days_late(ledger) if days > 0]
    assert 0.28 < len(late) / len(list(days_late(ledger))) < 0.38
    assert 7 <= median(late) <= 9
    assert 0.17 < sum(bool(a.ledger.disputes) for a in owners(ledger)) / len(owners(ledger)) < 0.23


def test_disputes_have_reasons_and_every_outcome(events: list[Event], accounts: Mapping[str, Account]) -> None:
    disputes = [dispute for account in accounts.values() for dispute in account.ledger.disputes.values()]
    assert all(dispute.reason for dispute in disputes)
    outcomes = {event.text("outcome") for event in events if event.kind == "dispute_closed"}
    assert outcomes == {"upheld", "partly_upheld", "rejected", "withdrawn"}


def test_most_promises_are_kept_and_some_are_not(accounts: Mapping[str, Account]) -> None:
    found = Counter(
        verdict.status
        for account in accounts.values()
        for verdict in verdicts(account.promises.values(), account.ledger.payments, UNTIL, Terms(grace_days=1))
    )
    judged = found["kept"] + found["partly_kept"] + found["broken"]
    assert 0.45 < found["kept"] / judged < 0.75
    assert found["partly_kept"] / judged > 0.1
    assert found["broken"] / judged > 0.1
    assert found["cancelled"] > 0


def test_a_few_customers_never_pay_again(accounts: Mapping[str, Account]) -> None:
    """They have left two invoices or more unpaid for four months, or these had to be written off."""

    def is_lost(invoice: Invoice) -> bool:
        return invoice.written_off or (invoice.open > 0 and (UNTIL - invoice.last_due).days > 120)

    def is_whole(invoice: Invoice) -> bool:
        return sum(item.amount for item in invoice.items) > 5000

    lost = [sum(is_lost(i) and is_whole(i) for i in a.ledger.invoices.values()) >= 2 for a in owners(accounts)]
    assert 0.01 < sum(lost) / len(lost) < 0.05


def test_everything_that_happens_in_a_real_ledger_happens(events: list[Event]) -> None:
    kinds = Counter(event.kind for event in events)
    assert kinds["payment_reversed"] > 30
    assert kinds["credit"] > 30
    assert kinds["write_off"] > 10
    assert kinds["write_off_reversed"] > 0
    assert kinds["hold"] >= kinds["hold_released"] > 10
    assert kinds["tag"] > kinds["untag"] > 0
    assert sum("instalments" in event.data for event in events) > 50
    assert sum(event.kind == "invoice" and event.text("amount").startswith("-") for event in events) > 5


def test_payments_come_in_parts_too_large_and_without_a_reference(
    events: list[Event], accounts: Mapping[str, Account]
) -> None:
    payments = [event for event in events if event.kind == "payment"]
    assert 0.05 < sum("invoice" not in event.data for event in payments) / len(payments) < 0.25
    named = Counter((event.account, event.text("invoice")) for event in payments if "invoice" in event.data)
    assert sum(count > 1 for count in named.values()) > 100
    assert 5 < sum(account.ledger.unapplied > 0 for account in accounts.values()) < 40


def test_who_is_far_overdue_is_called_and_says_things(events: list[Event]) -> None:
    contacts = [event for event in events if event.kind == "contact"]
    outcomes = Counter(event.text("outcome") for event in contacts if event.text("channel") == "call")
    assert {"promised", "no_answer", "voicemail", "says_paid", "hardship", "refused", "disputes"} <= outcomes.keys()
    assert 0.15 < outcomes["promised"] / outcomes.total() < 0.35


# --- who they are -----------------------------------------------------------------------------------------------------


def test_four_countries_three_currencies_and_several_zones(accounts: Mapping[str, Account]) -> None:
    assert len(accounts) == 400
    assert Counter(account.country for account in accounts.values()).keys() == {"US", "GB", "DE", "FR"}
    pairs = {(account.country, account.currency) for account in accounts.values()}
    assert pairs == {("US", "USD"), ("GB", "GBP"), ("DE", "EUR"), ("FR", "EUR")}
    assert len({account.timezone for account in accounts.values() if account.country == "US"}) == 4
    assert {account.language for account in accounts.values()} == {"en", "de", "fr"}
    assert {account.risk_grade for account in accounts.values()} == set("ABCDE")


def test_names_differ_and_mail_goes_to_example_domains(accounts: Mapping[str, Account]) -> None:
    assert len({account.name for account in accounts.values()}) == 400
    emails = [person.email for account in accounts.values() for person in account.people]
    assert all(email.endswith(".example") and email.isascii() for email in emails)
    assert all(account.people for account in accounts.values())


def test_some_pay_through_a_head_office_in_their_currency(accounts: Mapping[str, Account]) -> None:
    branches = [account for account in accounts.values() if account.pays_through]
    assert 4 <= len(branches) <= 8
    for branch in branches:
        head = accounts[branch.pays_through or ""]
        assert (head.currency, head.pays_through) == (branch.currency, None)
        assert head.ledger.invoices
        assert not branch.ledger.invoices


# --- a valid file of events -------------------------------------------------------------------------------------------


def test_each_account_is_told_in_order_of_time(events: list[Event]) -> None:
    for _, own in groupby(events, lambda event: event.account):
        moments = [(event.on, event.clock) for event in own]
        assert moments == sorted(moments)


def test_what_shares_an_instant_belongs_together(events: list[Event]) -> None:
    for _, same in groupby(events, lambda event: (event.account, event.on, event.clock)):
        kinds = [event.kind for event in same]
        assert len(kinds) == 1 or set(kinds) in TOGETHER, kinds


def test_business_is_done_on_weekdays_and_calls_are_made_in_office_hours(events: list[Event]) -> None:
    assert all(event.on.weekday() < 5 for event in events)
    calls = [event.clock for event in events if event.text("channel") == "call"]
    assert dt.time(9) <= min(calls)
    assert max(calls) <= dt.time(17, 30)
    timed = [event.clock > dt.time(0) for event in events if event.kind == "payment"]
    assert sum(timed) / len(timed) < 0.1


def test_all_happens_within_the_span(events: list[Event]) -> None:
    assert dt.date(2024, 12, 1) <= min(event.on for event in events)
    assert max(event.on for event in events) <= UNTIL


def test_nothing_is_paid_beyond_what_is_open_but_on_purpose(accounts: Mapping[str, Account]) -> None:
    """Money is left over by few payments, and no credit is larger than what it credits."""
    clearings = [clearing for account in accounts.values() for clearing in account.ledger.clearings.values()]
    over = Counter(clearing.kind.value for clearing in clearings if clearing.unapplied)
    assert over.keys() <= {"payment"}
    assert over["payment"] < len(clearings) * 0.01


def test_the_contacts_of_an_account_are_different_people() -> None:
    """Nobody has two telephone numbers, or gets everything twice; about 1 in 200 accounts draws one name twice."""
    read = [json.loads(line) for line in lines(seed=SEED, accounts=1000) if '"contacts"' in line]
    for contacts in (event["contacts"] for event in read):
        assert len(contacts) == len({one["name"] for one in contacts}) == len({one["email"] for one in contacts})


# --- the same for everybody -------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert lines(accounts=30) == lines(accounts=30)
    assert lines(accounts=30) != lines(seed=8, accounts=30)


def test_an_account_does_not_hang_on_how_many_there_are() -> None:
    assert lines(accounts=30) == lines(accounts=60)[: len(lines(accounts=30))]


def test_every_python_gives_these_bytes() -> None:
    """Change the digest when a habit is changed on purpose."""
    digest = hashlib.sha256("".join(lines(accounts=50)).encode()).hexdigest()
    assert digest == "c2f3b75a4c1ed2c6cafea6b8f42f87f94c69d215720bed439168f0fbb00b950b"


def test_the_standard_policies_park_none_of_it() -> None:
    """No rule's move is ever refused, and every account has a policy."""
    events = [parse_line(line, number) for number, line in enumerate(lines(accounts=40), 1)]
    currencies = {event.account: event.text("currency") for event in events if "currency" in event.data}
    for currency in ("USD", "EUR", "GBP"):
        document = (POLICIES / f"standard-{currency.lower()}.yaml").read_text(encoding="utf-8")
        request = replay.Request(
            events=tuple(event for event in events if currencies[event.account] == currency),
            policy=load_policy(document, file=f"standard-{currency.lower()}.yaml"),
            until=UNTIL,
        )
        assert {line["kind"] for line in replay.replay(request, Reference())} == {"step", "effect"}


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_writes_the_file(tmp_path: Path) -> None:
    out = tmp_path / "events.jsonl"
    ran = CliRunner().invoke(main, ["--out", str(out), "--accounts", "5", "--months", "6"])
    assert ran.exit_code == 0, ran.output
    written = out.read_text(encoding="utf-8").splitlines()
    assert f"{len(written)} events of 5 accounts" in ran.output
    assert json.loads(written[0])["event"] == "account"


def test_a_file_that_cannot_be_written_gets_one_clear_line(tmp_path: Path) -> None:
    ran = CliRunner().invoke(main, ["--out", str(tmp_path / "missing" / "events.jsonl")])
    assert ran.exit_code == 2
    assert len(ran.output.splitlines()) == 1
    assert "cannot be written" in ran.output

"""What a profile's words make of a row: signs, values, terms, attributes, contacts, conditions."""

import pytest

from arflow.ledger import profileloader
from arflow.ledger.rowevents import Event, Reject, Row, RowReader

BASE = """\
profile: test
columns: {customer: c, number: n, issued: d, amount: COLUMN, extra: e}
constants: {currency: USD}
account: customer
"""
INVOICE = "events: {invoice: {date: issued, id: number, amount: amount, due: issued}}"
HEADER = ("c", "n", "d", "a", "e")


def read(profile: str, *, amount: str = "5.00", extra: str = "", column: str = "a") -> Row | Reject:
    """The row of customer C1 with number N1 of 2 January 2026."""
    text = BASE.replace("COLUMN", column) + profile
    made = profileloader.from_text(text, file="test.yaml")
    reader = RowReader(made, HEADER, {name: HEADER.index(col.headers[0]) for name, col in made.columns.items()})
    item = reader.read(2, ["C1", "N1", "2026-01-02", amount, extra])
    assert isinstance(item, Row | Reject)
    return item


def events(item: Row | Reject) -> tuple[Event, ...]:
    assert isinstance(item, Row)
    return item.events


@pytest.mark.parametrize(
    ("sign", "amount", "side", "expected"),
    [
        ("as_written", "-5", "", "-5.00"),
        ("reversed", "-5", "", "5.00"),
        ("reversed", "5", "", "-5.00"),
        ("reversed", "0", "", "0.00"),
        ("absolute", "-5", "", "5.00"),
        ("absolute", "5", "", "5.00"),
        ("{column: extra, negative: [H]}", "5", "h", "-5.00"),
        ("{column: extra, negative: [H]}", "5", "S", "5.00"),
        ("{column: extra, negative: [H]}", "-5", "S", "5.00"),
    ],
)
def test_the_sign_rule_of_an_amount(sign: str, amount: str, side: str, expected: str) -> None:
    """As written, turned round, without it, or as another column says."""
    item = read(INVOICE, amount=amount, extra=side, column=f"{{header: a, sign: {sign}}}")
    assert expected == events(item)[0]["amount"]


def test_a_missing_due_date_comes_from_the_terms() -> None:
    """Days by code, the general days for other codes, and a reject where the profile does not say."""
    plan = "events: {invoice: {date: issued, id: number, amount: amount}}\n"
    coded = plan + "terms: {column: extra, codes: {NT10: 10}"
    assert "2026-02-01" == events(read(plan + "terms: {days: 30}"))[0]["due"]
    assert "2026-01-12" == events(read(coded + "}", extra="nt10"))[0]["due"]
    assert "2026-01-07" == events(read(coded + ", days: 5}", extra="x"))[0]["due"]
    assert "has no due date" in str(read(coded + "}", extra="x"))


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [("text", "north", "north"), ("int", "-7", -7), ("amount", "7.5", "7.50"), ("bool", "No", False)],
)
def test_an_attribute_has_the_type_that_the_profile_declares(kind: str, written: str, expected: object) -> None:
    """Amounts stay decimal strings, numbers and truths are JSON's own; a blank one is left out."""
    plan = f"events: {{account: {{date: issued, attributes: {{extra: {kind}}}}}}}"
    account = {"event": "account", "account": "C1", "date": "2026-01-02", "currency": "USD"}
    assert (account | {"attributes": {"extra": expected}},) == events(read(plan, extra=written))
    assert (account,) == events(read(plan))


@pytest.mark.parametrize(("kind", "written"), [("int", "7.0"), ("amount", "x"), ("bool", "north")])
def test_an_attribute_of_another_type_rejects_the_row(kind: str, written: str) -> None:
    """As any other bad value does."""
    item = read(f"events: {{account: {{date: issued, attributes: {{extra: {kind}}}}}}}", extra=written)
    assert isinstance(item, Reject)
    assert f"`e`: `{written}` is n" in item.reason


def test_contacts_without_any_cell_are_left_out() -> None:
    """Nobody is made up."""
    plan = "events: {account: {date: issued, contacts: [{email: extra, role: extra}, {phone: extra}]}}"
    assert "contacts" not in events(read(plan))[0]
    assert [{"email": "x", "role": "x"}, {"phone": "x"}] == events(read(plan, extra="x"))[0]["contacts"]


def test_values_translate_the_file_s_own_words() -> None:
    """A word that is not listed is a bad value, not itself."""
    plan = "events: {account: {date: issued, country: amount}}"
    column = '{header: a, values: {"391": US}}'
    assert "US" == events(read(plan, amount="391", column=column))[0]["country"]
    assert "`a`: `392` is not among the `values` of this column" in str(read(plan, amount="392", column=column))


BY_TYPE = """\
events:
  invoice: {only_if: {extra: [INV, "Rechnung*"]}, date: issued, id: number, amount: amount, due: issued}
  payment: {only_if: {extra: [PAY]}, date: issued, id: "P-{number}", amount: amount}
  credit: {only_if: {extra: [CRED]}, date: issued, id: number, invoice: number}
"""


@pytest.mark.parametrize(("extra", "event"), [("inv", "invoice"), ("Rechnung 5", "invoice"), ("PAY", "payment")])
def test_a_column_may_say_which_event_a_row_makes(extra: str, event: str) -> None:
    """Files that mix invoices, payments and credits have a column for the type."""
    assert [event] == [made["event"] for made in events(read(BY_TYPE, extra=extra))]


def test_a_row_that_makes_no_event_is_rejected() -> None:
    """A type that the profile forgot is not passed over in silence."""
    assert "no event of the profile fits this row; add it to `skip`" in str(read(BY_TYPE, extra="JOURNAL"))


@pytest.mark.parametrize("amount", ["0.00", "-5.00"])
def test_a_payment_must_be_above_zero(amount: str) -> None:
    """Money going back is no payment."""
    reason = f"the amount of a payment must be above zero, not {amount}"
    assert reason in str(read(BY_TYPE, amount=amount, extra="PAY"))


def test_a_credit_without_an_amount_credits_all() -> None:
    """An optional field that no column gives is left out, as the contract says."""
    credit = {"event": "credit", "account": "C1", "date": "2026-01-02", "id": "N1", "invoice": "N1"}
    assert (credit,) == events(read(BY_TYPE, extra="CRED"))


_PAID = """
events:
  invoice: {date: issued, id: number, amount: amount, due: issued}
  payment: {only_if: paid_on, date: paid_on, id: "{number}-paid", invoice: number, amount: paid}
"""


@pytest.mark.parametrize(("paid", "is_rejected"), [("80.00", True), ("-1", True), ("0.00", False), ("", False)])
def test_an_amount_that_nobody_would_read_rejects_its_row(paid: str, is_rejected: bool) -> None:
    """Paid, but not when: to read it as unpaid would write to somebody who has paid. Nothing paid is said as 0, too."""
    made = profileloader.from_text(
        BASE.replace("COLUMN", "a").replace("extra: e", "paid_on: e, paid: p") + _PAID, file="t"
    )
    reader = RowReader(made, (*HEADER, "p"), dict(zip(made.columns, range(6), strict=True)))
    item = reader.read(2, ["C1", "N1", "2026-01-02", "80.00", "", paid])
    assert is_rejected is isinstance(item, Reject)
    if isinstance(item, Reject):
        assert f"`p` says `{paid}`, but `e` is empty, so that no payment would be made of it" == item.reason


def test_what_another_event_reads_too_is_read() -> None:
    """The number and the amount are the invoice's, also in a row without a payment."""
    both = _PAID.replace("amount: paid", "amount: amount").replace("paid_on", "extra")
    assert ["invoice"] == [event["event"] for event in events(read(both))]


PLACED = """\
columns: {customer: c, number: n, issued: d, amount: a, currency: e}
constants: {}
account: "{customer}/{currency}"
"""


@pytest.mark.parametrize(
    ("cells", "account", "invoices"),
    [
        (["C1", "N1", "2026-01-02", "x", "USD"], "C1/USD", ("N1",)),
        (["C1", "N1", "2026-01-02", "5.00", "US$"], "", ("N1",)),
        (["C1\u200b", "N1", "2026-01-02", "5.00", "USD"], "", ("N1",)),
        (["C" * 200, "N1", "2026-01-02", "5.00", "USD"], "", ("N1",)),
        (["", "N1", "2026-01-02", "5.00", "USD"], "", ("N1",)),
        (["C1", "N\u200b1", "2026-01-02", "x", "USD"], "C1/USD", ()),
    ],
)
def test_a_reject_names_no_account_and_no_invoice_that_is_not_there(
    cells: list[str], account: str, invoices: tuple[str, ...]
) -> None:
    """Else the debt that it is really of would be missing in the file."""
    made = profileloader.from_text(f"profile: test\n{PLACED}{INVOICE}", file="test.yaml")
    item = RowReader(made, HEADER, {name: HEADER.index(col.headers[0]) for name, col in made.columns.items()}).read(
        2, cells
    )
    assert isinstance(item, Reject)
    assert (account, invoices) == (item.account, item.invoices)

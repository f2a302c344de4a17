"""A profile is checked before any file is opened, and each refusal names its line."""

from pathlib import Path

import pytest

from arflow.errors import Refused
from arflow.ledger import profileloader
from arflow.ledger.eventfields import Kind
from arflow.ledger.profiles import Clean, Profile, SignRule

SMALL = """\
profile: small
columns:
  customer: Customer
  number: [Invoice, Inv No]
  issued: Date
  amount: Amount
constants: {currency: EUR}
account: "{customer}"
events:
  invoice: {date: issued, id: number, amount: amount}
"""


def loaded(text: str) -> Profile:
    return profileloader.from_text(text, file="small.yaml")


def test_what_a_small_profile_leaves_out_has_its_default() -> None:
    """UTF-8, commas, ISO dates, a decimal point, nothing skipped."""
    profile = loaded(SMALL)
    assert ("utf-8", ",", ("ymd",), ".", "") == (
        profile.encoding,
        profile.delimiter,
        profile.dates,
        profile.numbers.decimal_mark,
        profile.numbers.thousands_mark,
    )
    assert ((), None, {"currency": "EUR"}) == (profile.skip, profile.terms, profile.constants)
    assert ("Invoice", "Inv No") == profile.columns["number"].headers


FULL = """\
profile: full
title: Everything there is
encoding: windows-1252
delimiter: tab
dates: [dmy, compact]
decimal_mark: ","
thousands_mark: "."
blank: ["NULL", n/a]
skip: {customer: [Total*, Sum ?]}
columns:
  customer: {header: Kunde, clean: [leading_zeros, decimal_zero]}
  number: Beleg
  issued: Datum
  due: {header: [Fällig, Due], optional: true}
  amount: {header: Betrag, sign: {column: side, negative: [H, "C*"]}}
  side: S/H
  paid: {header: Bezahlt, sign: reversed}
  zone: {header: Gebiet, values: {"391": north}, blank: ["-"]}
  mail: Mail
  currency: Währung
  zterm: Zahlungsbedingung
constants: {kind: trade}
account: "{customer}/{currency}"
terms: {days: 30, column: zterm, codes: {ZB14: 14}}
events:
  account: {date: issued, debtor_kind: kind, attributes: {zone: text}, contacts: [{email: mail}]}
  invoice: {date: issued, id: number, amount: amount, due: due}
  payment: {only_if: paid, date: issued, id: "{number}-paid", invoice: number, amount: paid}
  credit: {only_if: {kind: [credit]}, date: issued, id: number, invoice: number}
"""


def test_every_key_of_a_profile_arrives() -> None:
    """A profile that uses all there is."""
    profile = loaded(FULL)
    assert ("windows-1252", "\t", ("dmy", "compact")) == (profile.encoding, profile.delimiter, profile.dates)
    customer, zone, paid = (profile.columns[name] for name in ("customer", "zone", "paid"))
    assert (Clean.LEADING_ZEROS, Clean.DECIMAL_ZERO) == customer.clean
    assert {"null", "n/a", "-"} == zone.blank
    assert {"391": "north"} == zone.values
    assert SignRule.REVERSED is paid.sign
    assert ("customer", "currency") == profile.account.names
    assert "7/EUR" == profile.account.fill({"customer": "7", "currency": "EUR"})
    assert profile.terms is not None
    assert [14, 30] == [profile.terms.days_for("zb14"), profile.terms.days_for("other")]
    account, _, payment, credit = profile.events
    assert ({"zone": Kind.TEXT}, ("mail",)) == (account.attributes, account.contacts[0]["email"].names)
    assert [True, False] == [payment.only_if[0].holds(text) for text in ("x", "")]
    assert [True, False] == [credit.only_if[0].holds(text) for text in ("Credit", "x")]
    assert [True, True, False] == [profile.skip[0].holds(text) for text in ("TOTAL for X", "sum 1", "Totally"[:4])]


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("profile: small", "profile: Small!", 1, "small letters, digits and dashes"),
        ("profile: small", "profile: events", 1, "a profile cannot be called `events`"),
        ("profile: small", "profil: small", 1, "unknown key `profil` in a profile (did you mean `profile`?)"),
        ("profile: small", "title: x", 1, "a profile needs `profile`"),
        ("constants:", "constant:", 7, "unknown key `constant` in a profile (did you mean `constants`?)"),
        ("account:", "columns: {}\naccount:", 8, "`columns` is there twice (first at line 2)"),
        ("currency: EUR", "currency: EURO", 7, "`EURO` is no ISO 4217 currency (did you mean `EUR`?)"),
        ("constants: {currency: EUR}\n", "", 3, "nothing says the currency"),
        ("currency: EUR", "customer: X, currency: EUR", 7, "`customer` is a column already"),
        ("  customer: Customer", "  Customer No: x", 3, "`Customer No` is no name"),
        ("customer: Customer", "customer: 7", 3, 'the header of `customer` must be text, not `7`; quote it: "7"'),
        ("customer: Customer", "customer: {heder: x}", 3, "unknown key `heder` in column `customer`"),
        ("customer: Customer", "customer: {optional: true}", 3, "column `customer` needs `header`"),
        ("customer: Customer", "customer: {header: C, optional: yes}", 3, "`optional` must be `true` or `false`"),
        ("customer: Customer", "customer: {header: C, clean: [zeros]}", 3, "`clean` cannot be `zeros`"),
        ("amount: Amount", "amount: {header: A, sign: minus}", 6, "`sign` cannot be `minus`"),
        ("amount: Amount", "amount: {header: A, sign: {column: sid, negative: [H]}}", 6, "`column` cannot be `sid`"),
        ("account:", "encoding: utf8\naccount:", 8, "`encoding` cannot be `utf8` (did you mean `utf-8`?)"),
        ("account:", "delimiter: ':'\naccount:", 8, "`delimiter` cannot be `:`"),
        ("account:", "dates: american\naccount:", 8, "`dates` cannot be `american`; known are ymd, dmy, mdy, compact"),
        ("account:", "dates: [dmy, mdy]\naccount:", 8, "one of dmy and mdy, not both"),
        ("account:", "dates: []\naccount:", 8, "one of dmy and mdy"),
        ("account:", "decimal_mark: ';'\naccount:", 8, "`decimal_mark` cannot be `;`"),
        ("account:", "thousands_mark: .\naccount:", 8, "not the decimal mark"),
        ("account:", "thousands_mark: x\naccount:", 8, "`thousands_mark` is one of"),
        ("account:", "skip: {custmer: [x]}\naccount:", 8, "unknown key `custmer` in `skip` (did you mean `customer`?)"),
        ("account:", "terms: {column: number}\naccount:", 8, "`terms` needs `days`"),
        ("account:", "terms: {days: -1}\naccount:", 8, "a number of days is -1, and must be from 0 to 3,650"),
        ("{customer}", "{custmer}", 8, "names `custmer`, which is no column or constant (did you mean `customer`?)"),
        ("{customer}", "{customer!r}", 8, "names `customer!r`, which is no column or constant"),
        ("{customer}", "{customer", 8, "a brace that does not belong to a name"),
        ("{customer}", "customr", 8, "`account` cannot be `customr` (did you mean `customer`?)"),
        ("  invoice: {", "  invoce: {", 10, "unknown key `invoce` in `events` (did you mean `invoice`?)"),
        ("amount: amount}", "amont: amount}", 10, "unknown key `amont` in `invoice` (did you mean `amount`?)"),
        (", amount: amount}", "}", 10, "`invoice` needs `amount`"),
        ("date: issued, ", "", 10, "`invoice` needs `date`"),
        ("date: issued", "date: isued", 10, "`date` cannot be `isued` (did you mean `issued`?)"),
        ("date: issued", 'date: "{issued}x"', 10, "comes from one column, not from a template"),
        ("date: issued", "attributes: {number: text}, date: issued", 10, "unknown key `attributes` in `invoice`"),
        (
            "  invoice: {",
            "  account: {date: issued, attributes: {number: texts}}\n  invoice: {",
            10,
            "did you mean `te",
        ),
        (
            "  invoice: {",
            "  account: {date: issued, contacts: [{mail: number}]}\n  invoice: {",
            10,
            "key `mail` in a c",
        ),
        ("  invoice: {date: issued, id: number, amount: amount}", "  {}", 10, "`events` is empty"),
        ("account:", "whole: true\naccount:", 8, "`whole`"),
        ("account:", "whole: {}\naccount:", 8, "`whole` needs `gone`"),
        ("account:", "whole: {gone: paid}\naccount:", 8, "`gone` cannot be `paid`"),
        (
            "account:",
            "whole: {gone: payment, off: x}\naccount:",
            8,
            "unknown key `off` in `whole` (did you mean `of`?)",
        ),
        (
            "  invoice: {",
            "  payment: {date: issued, id: number, amount: amount}\nwhole: {gone: payment}\n#",
            11,
            "makes one",
        ),
    ],
)
def test_a_profile_with_one_fault_is_refused_at_its_line(old: str, new: str, line: int, reason: str) -> None:
    """The refusal names file, line and reason, and what was meant where something near is known."""
    assert old in SMALL
    with pytest.raises(Refused) as caught:
        loaded(SMALL.replace(old, new, 1))
    assert ("small.yaml", line) == (caught.value.file, caught.value.line)
    assert reason in caught.value.reason


@pytest.mark.parametrize("name", profileloader.shipped())
def test_every_shipped_profile_loads_under_its_own_name(name: str) -> None:
    """The file is called as the profile."""
    profile = profileloader.find(name)
    assert name == profile.name
    assert profile.title


def test_an_unknown_profile_is_refused_with_what_was_meant() -> None:
    """A name that is near one is corrected, any other gets the list."""
    with pytest.raises(Refused, match=r"there is no profile `ibm-uss` \(did you mean `ibm-us`\?\)"):
        profileloader.find("ibm-uss")
    with pytest.raises(Refused, match=r"there are ibm-dayfirst, .*, or a path that ends in \.yaml"):
        profileloader.find("../../etc/passwd")


def test_a_profile_may_be_a_file_of_ones_own(tmp_path: Path) -> None:
    """A name that ends in .yaml is a path."""
    path = tmp_path / "mine.yaml"
    path.write_text(SMALL)
    assert "small" == profileloader.find(str(path)).name
    with pytest.raises(Refused, match="cannot be read: No such file"):
        profileloader.find(str(tmp_path / "none.yaml"))
    path.write_bytes(b"#" * 200_000)
    with pytest.raises(Refused, match="up to 100,000 bytes"):
        profileloader.find(str(path))

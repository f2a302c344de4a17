"""A CSV file through a profile: what a row means, what rejects it, what refuses the whole file, and bounded memory."""

import gc
import gzip
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from arflow.errors import Refused
from arflow.ledger import profileloader
from arflow.ledger.csvfile import CsvFile
from arflow.ledger.rowevents import Event, Item, Reject, Row, Skipped
from arflow.ledger.written import WrongDateOrder

PROFILE = """\
profile: test
dates: dmy
decimal_mark: ","
thousands_mark: "."
delimiter: ";"
blank: ["NULL"]
skip: {customer: [Total*]}
columns:
  customer: {header: Customer, clean: [leading_zeros]}
  number: {header: [Number, No], clean: [decimal_zero]}
  issued: Date
  due: {header: Due, optional: true}
  amount: Amount
  currency: Cur
account: "{customer}/{currency}"
events:
  invoice: {date: issued, id: number, amount: amount, due: due}
"""
HEADER = "Customer;Number;Date;Due;Amount;Cur\n"
GOOD = "007;5.0;1.2.2026;3.3.2026;1.234,56;EUR\n"

Reading = Callable[..., list[Item]]


@pytest.fixture
def read(tmp_path: Path) -> Reading:
    """Reads `content` with `profile`."""

    def reading(content: str | bytes, profile: str = PROFILE) -> list[Item]:
        path = tmp_path / "ledger.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return list(CsvFile(path, profileloader.from_text(profile, file="test.yaml")))

    return reading


def events(items: list[Item]) -> list[Event]:
    """All events, and proof that there is nothing but rows."""
    rows = [item for item in items if isinstance(item, Row)]
    assert items == rows
    return [event for row in rows for event in row.events]


def only_reason(items: list[Item]) -> str:
    (item,) = items
    assert isinstance(item, Reject)
    return item.reason


def test_a_row_becomes_events_in_the_shape_of_the_contract(read: Reading) -> None:
    """Ids are cleaned, amounts are decimal strings, dates ISO; an invoice says its currency and issue date."""
    invoice = {"event": "invoice", "account": "7/EUR", "date": "2026-02-01", "id": "5", "amount": "1234.56"}
    invoice |= {"due": "2026-03-03", "currency": "EUR", "issued": "2026-02-01"}
    assert [Row(line=2, account="7/EUR", currency="EUR", events=(invoice,))] == read(HEADER + GOOD)


CLOTHES: dict[str, str | bytes] = {
    "byte order mark": "\ufeff" + HEADER + GOOD,
    "line ends of Windows": (HEADER + GOOD).replace("\n", "\r\n"),
    "line ends of old Macs": (HEADER + GOOD).replace("\n", "\r"),
    "headers in capitals": HEADER.upper() + GOOD,
    "spaces around cells": HEADER.replace(";", " ; ") + GOOD.replace(";", " ; "),
    "another header": HEADER.replace("Number", "no") + GOOD,
    "no end of the last line": (HEADER + GOOD).rstrip(),
    "empty cells at the end": HEADER + GOOD.rstrip() + ";;\n",
    "blank lines above": "\n\n" + HEADER + GOOD,
    "quotes": HEADER + '"007";"5.0";"1.2.2026";"3.3.2026";"1.234,56";"EUR"\n',
    "gzip": gzip.compress((HEADER + GOOD).encode()),
}


@pytest.mark.parametrize("clothes", CLOTHES)
def test_the_same_rows_in_other_clothes_mean_the_same(read: Reading, clothes: str) -> None:
    """What programs do to a file on its way changes nothing."""
    assert events(read(HEADER + GOOD)) == events(read(CLOTHES[clothes]))


@pytest.mark.parametrize("encoding", ["windows-1252", "utf-16", "iso-8859-15"])
def test_the_profile_names_the_encoding(read: Reading, encoding: str) -> None:
    """The customer `Müller` is the same in each."""
    content = (HEADER + GOOD.replace("007", "Müller")).encode(encoding)
    assert "Müller/EUR" == events(read(content, PROFILE + f"encoding: {encoding}\n"))[0]["account"]


def test_blank_and_total_rows_are_skipped(read: Reading) -> None:
    """Rows without any text, and rows that fit a pattern of `skip`, however many cells they have."""
    items = read(HEADER + "\n;;;;;\nTotal for 7;9\nTOTAL\n" + GOOD)
    assert [Skipped, Skipped, Skipped, Skipped, Row] == [type(item) for item in items]


def test_a_quoted_cell_may_go_over_lines_and_lines_stay_physical(read: Reading) -> None:
    """A row is named by the line on which it starts; white space inside a cell counts as one space."""
    items = read(HEADER + GOOD.replace("007", '"A\nB"') + GOOD)
    assert ["A B/EUR", "7/EUR"] == [event["account"] for event in events(items)]
    assert [2, 4] == [item.line for item in items]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("007", "", "`Customer` is empty"),
        ("007", "null", "`Customer` is empty"),
        ("5.0", "", "`Number` is empty"),
        ("EUR", "", "`Cur` is empty"),
        ("EUR", "EUX", "`Cur`: `EUX` is no ISO 4217 currency (did you mean"),
        ("EUR", "euro", "`Cur`: `euro` is no ISO 4217 currency such as USD"),
        ("EUR", "JPY", "`Amount`: `1234.56` has more decimals than JPY, which has 0"),
        ("1.234,56", "1,234.56", "`Amount`: `1,234.56` is no amount with `,` before its decimals and `.` between"),
        ("1.234,56", "", "`Amount` is empty"),
        ("1.2.2026", "30.2.2026", "`Date`: `30.2.2026` is no date that exists, written as day-month-year"),
        ("1.2.2026", "", "`Date` is empty"),
        ("3.3.2026", "", "has no due date, and the profile's `terms` do not say when it is due"),
        ("007", "x" * 501, "has 501 characters, and 500 are allowed"),
        ("007", "x" * 200, "...` is no id of up to 200 printable characters"),
        ("5.0", "a\x07b", "invoice id: `a?b` is no id of up to 200 printable characters"),
        (";EUR", "", "has 5 cells where the header has 6"),
        (";EUR", ";EUR;x", "has 7 cells where the header has 6"),
        (";EUR", ';"EUR"x', "the quotes of the row do not fit"),
    ],
)
def test_a_bad_row_is_rejected_with_its_reason(read: Reading, old: str, new: str, reason: str) -> None:
    """The reason names the header as the file has it, and what stands in the cell; other rows are not touched."""
    first, bad, last = read(HEADER + GOOD + GOOD.replace(old, new, 1) + GOOD)
    assert (Row, Reject, Row) == (type(first), type(bad), type(last))
    assert isinstance(bad, Reject)
    assert 3 == bad.line
    assert reason in bad.reason


def test_all_troubles_of_a_row_are_named_at_once(read: Reading) -> None:
    """Nobody has to import five times to see five faults."""
    reason = only_reason(read(HEADER + ";;31.9.2026;x;y;EUR\n"))
    assert ["`Customer`", "`Date`:", "`Number`", "`Amount`:", "`Due`:"] == [
        part.split()[0] for part in reason.split("; ")
    ]


@pytest.mark.parametrize("row", ["7;1;31.1.2026;1/31/2026;1;EUR", ";;31.1.2026;2026-01-31;x;nothing"])
def test_one_date_in_another_order_refuses_the_file(read: Reading, row: str) -> None:
    """Even in a row that would be rejected anyway: the dates that looked right are in doubt."""
    with pytest.raises(WrongDateOrder, match=r"ledger.csv line 3: .* the whole file is refused"):
        read(HEADER + GOOD + row + "\n")


def test_a_negative_invoice_and_one_due_before_it_was_issued_are_legal(read: Reading) -> None:
    """Unapplied money, and what an old system calls a backdated document."""
    (event,) = events(read(HEADER + "7;1;2.2.2026;1.1.2026;12,00-;EUR\n"))
    assert ("-12.00", "2026-02-02", "2026-01-01") == (event["amount"], event["issued"], event["due"])


UNTRUSTED: dict[str, tuple[str | bytes, int | None, str]] = {
    "nothing": ("", None, "the file is empty"),
    "blank rows only": ("\n;;\n", None, "the file is empty"),
    "missing columns": (
        "Customer;Nummer;Date;Cur\n",
        1,
        "it lacks `Number` or `No` (did you mean `Nummer`?), `Amount`; it has `Customer`, `Nummer`, `Date`, `Cur`",
    ),
    "another delimiter": (
        "\n" + HEADER.replace(";", ","),
        2,
        "`Customer,Number,Date,Due,Amoun...`; is the `delimiter` r",
    ),
    "a header twice": (HEADER.replace("Due", "customer") + GOOD, 1, "the header has `Customer` 2 times"),
    "too many columns": (";" * 500 + "\n", 1, "the header has 501 columns, and 500 are allowed"),
    "quotes in the header": ('"Customer"x\n', 1, "the header cannot be read"),
    "an open quote": (HEADER + GOOD + '7;"1;1.1.2026\n' + GOOD, 3, "a quote opens in this row and is not closed"),
    "a quote closed far below": (
        HEADER + '7;"1;1\n' + GOOD * 5 + '7;"x";\n',
        2,
        "a quote opens in this row and is not",
    ),
    "another encoding": ((HEADER + GOOD).encode() + b"\xe4;\n", 3, "not utf-8 text; say the right `encoding`"),
    "another encoding far below": ((HEADER + GOOD * 1000).encode() + b"\xe4;\n", 1002, "not utf-8 text"),
    "a zero byte": (HEADER + GOOD + "\0", 3, "a zero byte"),
    "utf-16 read as utf-8": ((HEADER + GOOD).encode("utf-16"), 1, "not utf-8 text"),
    "no gzip": (b"\x1f\x8bnot a gzip", 1, "the gzip is broken off or damaged"),
    "a long line": (HEADER + "x" * 1_000_001, 2, "the line is longer than 1,000,000 characters"),
}


@pytest.mark.parametrize("case", UNTRUSTED)
def test_a_file_that_cannot_be_trusted_is_refused(read: Reading, case: str) -> None:
    """One line with file, line and reason; no row may be lost in silence."""
    content, line, reason = UNTRUSTED[case]
    with pytest.raises(Refused) as caught:
        read(content)
    assert line == caught.value.line
    assert str(caught.value.file).endswith("ledger.csv")
    assert reason in caught.value.reason
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """As one line."""
    with pytest.raises(Refused, match=r"none\.csv: cannot be read: No such file"):
        list(CsvFile(tmp_path / "none.csv", profileloader.find("plain")))


@pytest.mark.parametrize("lost", [1, 9, 30])
def test_a_gzip_that_is_broken_off_is_refused(read: Reading, lost: int) -> None:
    """Even when all rows seem to be there: its check sum is not."""
    with pytest.raises(Refused, match="the gzip is broken off or damaged"):
        read(gzip.compress((HEADER + GOOD).encode())[:-lost])


def test_utf_16_without_its_mark_is_refused(read: Reading) -> None:
    """Nobody could say which byte comes first."""
    with pytest.raises(Refused, match="not utf-16 text"):
        read((HEADER + GOOD).encode("utf-16-le"), PROFILE + "encoding: utf-16\n")


def test_a_gzip_bomb_is_refused_unread(tmp_path: Path) -> None:
    """Two gigabytes in one line cost a megabyte."""
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(HEADER.encode()) + gzip.compress(b"x" * 10_000_000) * 200)
    tracemalloc.start()
    with pytest.raises(Refused, match="line 2: the line is longer"):
        list(CsvFile(path, profileloader.from_text(PROFILE, file="test.yaml")))
    assert 20_000_000 > tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def test_a_line_of_a_gigabyte_is_refused_unread(tmp_path: Path) -> None:
    """The limit is on the line, not on the file."""
    path = tmp_path / "line.csv"
    path.touch()
    os.truncate(path, 2**30)
    with pytest.raises(Refused, match="line 1: the line is longer than 1,000,000 characters"):
        list(CsvFile(path, profileloader.find("plain")))


def test_a_row_of_many_lines_is_refused_at_its_limit(read: Reading) -> None:
    """Short lines within one quote count as one row."""
    cell = '"' + "x\n" * 60_000 + '"'
    with pytest.raises(Refused, match="line 2: the row is longer than 1,000,000 characters"):
        read(HEADER + ";".join([cell] * 10) + "\n")


def test_memory_does_not_grow_with_bad_rows(tmp_path: Path) -> None:
    """Thousands of bad rows, each different, need no more room than a few."""
    path = tmp_path / "bad.csv"
    path.write_text(HEADER + "".join(f"{n};{n};30.2.2026;x{n};y{n};EUR\n" for n in range(6_000)))
    tracemalloc.start()
    file = CsvFile(path, profileloader.from_text(PROFILE, file="test.yaml"))
    assert 6_000 == sum(isinstance(item, Reject) for item in file)
    assert 1_000_000 > tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def test_the_share_read_goes_from_nothing_to_all(tmp_path: Path) -> None:
    """For a progress bar, of plain files as of gzips."""
    path = tmp_path / "ledger.csv"
    path.write_text(HEADER + GOOD * 2000)
    file = CsvFile(path, profileloader.from_text(PROFILE, file="test.yaml"))
    shares = [file.share_read, *(file.share_read for _ in file), file.share_read]
    assert (0.0, 1.0) == (shares[0], shares[-1])
    assert shares == sorted(shares)
    assert 5 < len(set(shares))


@pytest.mark.parametrize("packed", [False, True])
def test_whoever_stops_in_the_middle_leaves_no_file_open(tmp_path: Path, packed: bool) -> None:
    """A refusal closes the file, as does the end of the iterator; an open one would be a warning, so an error."""
    path = tmp_path / "ledger.csv"
    content = (HEADER + GOOD * 5000).encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    rows = iter(CsvFile(path, profileloader.from_text(PROFILE, file="test.yaml")))
    next(rows)
    del rows
    with pytest.raises(Refused, match="it lacks `account`"):
        next(iter(CsvFile(path, profileloader.find("plain"))))
    gc.collect()


def test_a_field_may_be_as_long_as_its_line(read: Reading) -> None:
    """In a column that nobody reads; only texts that are read are limited."""
    remarks = "x" * 900_000
    items = read(HEADER.replace("\n", ";Remarks\n") + GOOD.replace("\n", f";{remarks}\n"))
    assert ["5"] == [event["id"] for event in events(items)]

"""CSV files and the profiles that read them: whatever they hold, memory and time stay bounded, and rows are sound."""

import gzip
from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import count
from pathlib import Path

import pytest
from hypothesis import event as seen
from hypothesis import example, given
from hypothesis import strategies as st

from arflow.accounts.events import parse
from arflow.errors import Refused
from arflow.ledger import profileloader
from arflow.ledger.csvfile import CsvFile
from arflow.ledger.profiles import Profile
from arflow.ledger.rowevents import Reject, Row
from arflow.ledger.textlines import TextLines
from arflow.replay import read_events, read_policy
from tests.fuzz.bounds import bounded, examples, peak_megabytes, said
from tests.fuzz.hostile import changed, texts

DOCUMENTS = {
    name: (files("arflow.ledger.formats") / f"{name}.yaml").read_text("utf-8") for name in profileloader.shipped()
}
OWN = """\
profile: own
title: Another one
encoding: windows-1252
delimiter: ";"
dates: [dmy, compact]
decimal_mark: ","
thousands_mark: "."
blank: [n/a, "NULL"]
skip: {customer: [Total*, "?-*"]}
columns:
  customer: {header: [Customer, Kunde], clean: [decimal_zero]}
  amount: {header: Amount, sign: {column: side, negative: [H, "C*"]}}
  side: Side
  due: {header: Due, optional: true, blank: ["-"]}
  issued: Date
  number: Number
  code: {header: Terms, values: {"30": NT30}}
constants: {currency: EUR}
account: "{customer}/{currency}"
terms: {days: 30, column: code, codes: {NT30: 30}}
events:
  account: {date: issued, name: customer}
  invoice: {date: issued, id: number, amount: amount, due: due}
"""
TABLE = """\
account,name,currency,country,language,timezone,segment,contact,email,phone,invoice,issued,due,amount,paid_on,paid
A1,Acme,USD,US,en,UTC,retail,Ann,ann@example.com,+1 555,I1,2026-01-05,2026-02-04,100.00,,
A1,Acme,USD,US,en,UTC,retail,Ann,ann@example.com,+1 555,I2,2026-01-05,2026-02-04,"1250.50",2026-02-01,50.00
B2,"Bee, Inc",EUR,DE,de,Europe/Berlin,,,,,J1,2026-01-06,2026-02-05,10.00,,
"""
_NUMBERS = count()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files lie."""
    return tmp_path_factory.mktemp("tables")


def read(path: Path, profile: Profile) -> int:
    """How many rows of a table were taken; each makes events that are events, each reject says why in one line."""
    taken = 0
    for item in CsvFile(path, profile):
        if isinstance(item, Row):
            taken += 1
            for content in item.events:
                parse({"account": item.account, **content})
        elif isinstance(item, Reject):
            assert item.reason.strip()
            assert "\n" not in item.reason
    return taken


def check(folder: Path, data: bytes, profile: Profile) -> None:
    """A table is read, or refused."""
    path = folder / f"{next(_NUMBERS)}.csv"
    path.write_bytes(data)
    try:
        seen("accepted" if read(path, profile) else "no row is sound")
    except Refused as refused:
        seen("refused")
        said(refused)
    path.unlink()


@examples(450, 80_000)
@example(text='"' + "x\n" * 600_000)
@example(text="a," * 600)
@example(text=TABLE + "A1," * 400_000)
@example(text=TABLE.replace("100.00", "9" * 5_000))
@example(text=TABLE.replace("2026-02-04", "9999-12-31"))
@example(text=TABLE.replace("Acme", "=cmd|' /C calc'!A0"))
@given(text=st.one_of(changed((TABLE,)), changed((TABLE,), most=1), texts))
def test_a_table_is_read_or_refused(counted: Callable[[], None], folder: Path, text: str) -> None:
    with bounded():
        check(folder, text.encode("utf-8", "surrogatepass"), profileloader.find("plain"))
    counted()


@examples(150, 20_000)
@given(
    data=st.binary(max_size=200),
    name=st.sampled_from(sorted(DOCUMENTS)),
    is_packed=st.booleans(),
    cut=st.integers(0, 99),
)
def test_bytes_of_any_kind_are_read_or_refused(
    counted: Callable[[], None], folder: Path, data: bytes, name: str, is_packed: bool, cut: int
) -> None:
    """Also as a gzip, whole or broken off."""
    whole = TABLE.encode() + data
    packed = gzip.compress(whole, 1)[: None if cut > 50 else cut] if is_packed else data
    with bounded():
        check(folder, packed, profileloader.find(name))
    counted()


@examples(500, 60_000)
@example(text="a: &a [x]\nb: *a\n")
@example(text="[" * 90_000)
@example(text=OWN.replace("Total*", "*" * 5_000))
@example(text=OWN.replace("Total*", "?*" * 40))
@example(text=OWN.replace("{customer}/", "{customer}" * 5_000))
@example(text=OWN.replace("windows-1252", "utf-7"))
@example(text=OWN.replace("windows-1252", "idna"))
@given(text=st.one_of(changed((OWN, *DOCUMENTS.values())), changed((OWN, *DOCUMENTS.values()), most=1), texts))
def test_a_profile_is_refused_or_reads(counted: Callable[[], None], folder: Path, text: str) -> None:
    """What is accepted reads a table under its own headers, or says why it does not."""
    with bounded():
        try:
            profile = profileloader.from_text(text, file="p.yaml")
        except Refused as refused:
            seen("refused as a profile")
            said(refused)
        else:
            mark = profile.delimiter
            heads = [column.headers[0] for column in profile.columns.values()]
            cells = [
                ("2026-01-05", "I1", "100.00", "20260105", "USD", "***x*y*z" * 20)[at % 6] for at in range(len(heads))
            ]
            table = "\n".join(mark.join(row) for row in (heads, cells, cells[::-1]))
            check(folder, table.encode(profile.encoding, "replace"), profile)
    counted()


# --- too much of it ---------------------------------------------------------------------------------------------------

GIGABYTE = 1_000_000_000


@pytest.fixture
def long_line(folder: Path) -> Iterator[Path]:
    """A file of one line of a gigabyte; it takes no place on the disk."""
    path = folder / "long.yaml"
    with path.open("wb") as file:
        file.write(b'{"event": "')
        file.truncate(GIGABYTE)
    yield path
    path.unlink()


@pytest.fixture
def packed_line(folder: Path) -> Iterator[Path]:
    """The same as a gzip, of a megabyte."""
    path = folder / "packed.csv.gz"
    member = gzip.compress(b"x" * 10_000_000, 6)
    path.write_bytes(member * (GIGABYTE // 10_000_000))
    yield path
    path.unlink()


def test_a_line_of_a_gigabyte_is_refused_at_once(long_line: Path, packed_line: Path) -> None:
    """By every reader, without reading it."""
    before = peak_megabytes()
    plain = profileloader.find("plain")
    readers: tuple[tuple[str, Callable[[], object]], ...] = (
        ("longer than", lambda: list(TextLines(long_line))),
        ("longer than", lambda: list(TextLines(packed_line))),
        ("longer than", lambda: list(CsvFile(packed_line, plain))),
        ("longer than", lambda: read_events(long_line)),
        ("may have up to", lambda: read_policy(long_line)),
        ("may have up to", lambda: profileloader.from_file(long_line)),
    )
    for reason, reader in readers:
        with bounded(), pytest.raises(Refused, match=reason):
            reader()
    assert peak_megabytes() - before < 100

"""PURE. Records as CSV that a spreadsheet opens and never computes."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

Record = Mapping[str, object]

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a cell begins that a spreadsheet computes; the last four are the first four in full width."""

_DANGEROUS = (*_FORMULA, "\t", "\r", "\n")
"""How a cell begins that it may take for one."""

_WITHIN = re.compile(rf"([;\t][;\t ]*)(?=[{''.join(map(re.escape, _FORMULA))}])")
"""Where one may begin within a cell: a spreadsheet of other countries sets cells apart by semicolons."""

_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


def is_number(text: str) -> bool:
    """Whether `text` is a plain decimal number."""
    return _NUMBER.fullmatch(text) is not None


def as_csv(records: Iterable[Record], columns: Sequence[str] = ()) -> str:
    """`csv_lines` as one text."""
    return "".join(csv_lines(records, columns))


def csv_lines(records: Iterable[Record], columns: Sequence[str] = ()) -> Iterator[str]:
    """Records as CSV, line by line; a text that a spreadsheet would take for a formula is quoted with an apostrophe.

    The columns are those of the first record. `columns` are those of a table that may have no records; otherwise no
    records make no text.
    """
    flat = map(_flat, records)
    first = next(flat, None)
    names = list(first or columns)
    if names:
        yield _line(names)
    for record in chain([] if first is None else [first], flat):
        yield _line([record[name] for name in names])


def _line(values: Iterable[object]) -> str:
    """One row; the writer quotes an end of line in a cell only if rows end with its characters."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([_safe(value) for value in values])
    return out.getvalue().removesuffix("\r\n") + "\n"


def _safe(value: object) -> object:
    if not isinstance(value, str):
        return value
    apart = _WITHIN.sub(r"\1'", value)
    return f"'{apart}" if value.startswith(_DANGEROUS) and not is_number(value) else apart


def _flat(record: Record) -> dict[str, object]:
    """A record without nested lists: each of their entries gets columns of its own."""
    found: dict[str, object] = {}
    for name, value in record.items():
        if isinstance(value, list):
            for at, entry in enumerate(value, start=1):
                inner = entry if isinstance(entry, Mapping) else {"value": entry}
                found.update({f"{name}_{at}_{key}": text for key, text in inner.items()})
        else:
            found[name] = value
    return found

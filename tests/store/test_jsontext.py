"""Hashes are over text: whatever is written quickly is what the standard library writes."""

import datetime as dt
import json
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arflow.store.jsontext import ascii_of, document_of, text_of
from arflow.vocabulary import State

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text() | st.sampled_from(State),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def _plain(value: object) -> object:
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, MappingProxyType):
        return dict(value)
    raise TypeError(value)


@given(VALUES)
def test_it_is_what_the_standard_library_writes(value: object) -> None:
    compact = (",", ":")
    assert json.dumps(value, sort_keys=True, separators=compact).encode() == ascii_of(value)
    assert json.dumps(value, sort_keys=True, ensure_ascii=False, separators=compact) == text_of(value, _plain)
    assert value == json.loads(document_of(value))


@pytest.mark.parametrize(
    "text", ["", "Müller & Söhne", "\x7f", "\u2028", "\x00\x1f\b\f\n\r\t", '"\\/', "😀", "a" * 5000]
)
def test_characters_that_are_escaped_in_one_place_and_not_in_another(text: str) -> None:
    assert json.dumps({text: text}, separators=(",", ":")).encode() == ascii_of({text: text})
    assert json.dumps({text: text}, separators=(",", ":"), ensure_ascii=False) == text_of({text: text}, _plain)


def test_what_is_no_text_is_written_as_the_standard_library_does() -> None:
    """The database refuses its row, and says so of that row."""
    assert b'{"reason":"a\\udcff"}' == ascii_of({"reason": "a\udcff"})
    assert '[{"reason": "a\\udcff"}]' == document_of([{"reason": "a\udcff"}])


class _More(str):
    """A text of a library's own, as several have one."""

    __slots__ = ()


def test_a_text_that_is_more_than_a_text_is_written_as_what_it_says() -> None:
    value = {"rule": _More("a rule"), "of": [_More("ü")]}
    assert json.dumps(value, sort_keys=True, separators=(",", ":")).encode() == ascii_of(value)
    assert value == json.loads(document_of(value))


def test_what_is_no_json_is_made_plain_or_refused() -> None:
    given_ = {"on": dt.date(2026, 1, 5), "of": MappingProxyType({"b": 2**64, "a": 1})}
    assert '{"of":{"a":1,"b":18446744073709551616},"on":"2026-01-05"}' == text_of(given_, _plain)
    assert '[{"at":"2026-01-05T08:30:00.010000Z"}]' == document_of(
        [{"at": dt.datetime(2026, 1, 5, 8, 30, 0, 10_000, dt.UTC)}]
    )
    for write in (ascii_of, document_of, lambda value: text_of(value, _plain)):
        with pytest.raises(TypeError):
            write([object()])

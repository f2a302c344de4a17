"""Strict YAML 1.2: what is text stays text, every node knows its line, and what is not plain data is refused."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arflow.errors import Refused
from arflow.rules import yamlnodes
from arflow.rules.yamlnodes import Node


def loaded(text: str | bytes) -> Node:
    return yamlnodes.load(text, file="p.yaml", max_bytes=100_000)


def entries(text: str) -> Mapping[str, Node]:
    return yamlnodes.as_mapping(loaded(text), "a test")


def refusal(text: str | bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        loaded(text)
    assert caught.value.file == "p.yaml"
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "word", ["yes", "no", "on", "off", "NO", "2026-01-05", "12:30", "1_000", "<<", "0o9", "a:b", "+"]
)
def test_words_that_older_yaml_converts_stay_text(word: str) -> None:
    """`yes`, `on`, dates and times of day are text in YAML 1.2."""
    assert word == entries(f"key: {word}")["key"].value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("FALSE", False),
        ("007", 7),
        ("-3", -3),
        ("0o17", 15),
        ("0x1F", 31),
        ("5000.0", Decimal("5000.0")),
        (".5", Decimal("0.5")),
        ("1e3", Decimal(1000)),
    ],
)
def test_a_scalar_has_its_core_schema_value_and_keeps_its_text(written: str, value: object) -> None:
    """Numbers and truths get their value; the text as written is there too, so that no decimal is lost."""
    node = entries(f"key: {written}")["key"]
    assert (value, type(value), written) == (node.value, type(node.value), node.text)


def test_quoted_and_literal_texts_are_never_converted() -> None:
    """Quotes make text of anything."""
    found = entries("a: '5'\nb: \"true\"\nc: |\n  5\n")
    assert ["5", "true", "5\n"] == [node.value for node in found.values()]
    assert ["quoted", "quoted", "literal"] == [node.style for node in found.values()]


def test_the_two_halves_of_a_character_that_json_escapes_are_one() -> None:
    """Python's json.dumps writes each emoji so, and JSON is YAML."""
    written = json.dumps({"\U0001f600": "late \U0001f4b8!"})
    (key, node), *_ = entries(written).items()
    assert ("\U0001f600", "late \U0001f4b8!", node.value) == (key, node.text, node.text)


def test_what_was_accepted_once_can_be_read_for_good() -> None:
    """Earlier releases took halves of characters and zeros; databases hold such documents, whose text never changes."""
    found = yamlnodes.load('{"a\\ud83d": "b\\ude00\\ud83d\\0"}', file="p.yaml", max_bytes=100, is_kept=True)
    assert isinstance(found.value, Mapping)
    assert {"a\ufffd": "b\ufffd\ufffd\ufffd"} == {key: node.value for key, node in found.value.items()}


def test_nodes_and_keys_know_their_lines() -> None:
    """Lines count from 1, for values, keys and entries of lists, whatever ends the lines."""
    root = loaded("# head\r\na: 1\r\nb:\r\n  - x\r\n  - {c: 2,\r\n     d: 3}\r\n")
    assert isinstance(root.value, Mapping)
    assert {"a": 2, "b": 3} == root.key_lines
    first, second = yamlnodes.as_list(root.value["b"], "b")
    assert (4, 5, {"c": 5, "d": 6}) == (first.line, second.line, second.key_lines)


def test_a_value_that_is_not_there_is_told_at_its_key() -> None:
    found = entries("a: # nothing\n\nb:\n\n\nc: 1\nd:")
    assert [1, 3, 6, 7] == [node.line for node in found.values()]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", None, "empty"),
        ("# only a comment\n", None, "empty"),
        ("---\n", None, "empty"),
        ("a: 1\nb: 2\na: 3", 3, "`a` is there twice (first at line 1)"),
        ("a: {b: 1, b: 2}", 1, "`b` is there twice"),
        ("a: 1\n391: US", 2, 'a key must be text; write "391"'),
        ("a: 1\ntrue: 2", 2, 'a key must be text; write "true"'),
        ("a: 1\n: 2", 2, "a key must be text"),
        (
            "a: {b: c >= 1,00, d: 1}",
            1,
            "in braces a comma ends a value, also that in a number; write `1.00`, with a point",
        ),
        ("a: {b: 1,000.00}", 1, "also that in a number; write `1000.00`, without thousands marks"),
        ("a: {b: c, 7: 1}", 1, 'a key must be text; write "7"'),
        ("? [a, b]\n: 1", 1, "a key must be text"),
        ("a: 1\nb: &x 2", 2, "anchors and aliases"),
        ("a: *x", 1, "anchors and aliases"),
        ("a: !!python/object:os.system x", 1, "tags such as"),
        ("a: !x\n  b: 1", 1, "tags such as"),
        ("%YAML 1.1\n---\na: 1", 2, "directives"),
        ("a: 1\n---\nb: 2", 2, "second document"),
        ("a: .inf", 1, "no number that arflow keeps"),
        ("a: .NaN", 1, "no number that arflow keeps"),
        ("a: 1\nb: " + "9" * 41, 2, "no number that arflow keeps"),
        ("a: 1e999999999", 1, "no number that arflow keeps"),
        ("a: 1\nid: 7e99999999999999999999", 2, "no number that arflow keeps"),
        ("a: -7.5E-99999999999999999999", 1, "no number that arflow keeps"),
        ("a: 1\nb: [1, 2", 2, "not YAML"),
        ("policy: p\nrules: [{id: first\n", 2, "not YAML"),
        ("a: b: c", 1, "not YAML"),
        ("\ta: 1", 1, "not YAML"),
        ("a: 1\nb: \x01", 2, "control character"),
        (b"a: 1\nb: \xff", 2, "not UTF-8"),
        ('a: 1\nb: "\\ud83d"', 2, r"the escape `\ud83d` is no character; leave it out"),
        ('a: 1\nb: "\\U0000de00 x"', 2, r"the escape `\ude00` is no character"),
        ('a: 1\n"b\\ud83d": 2', 2, r"the escape `\ud83d` is no character"),
        ('a: 1\nb: "x\\0"', 2, r"the escape `\u0000` is no character"),
        ('a: 1\nb: "\\U00110000"', 2, "is no character"),
        ('a: 1\nb: "\\UFFFFFFFF"', 2, "is no character"),
        ("[" * 51, 1, "nested deeper than 50"),
        ("- " * 60 + "x", 1, "nested deeper than 50"),
        ("[" * 90_000, 1, "nested deeper than 50"),
    ],
)
def test_what_is_not_strict_yaml_is_refused_with_its_line(text: str | bytes, line: int | None, reason: str) -> None:
    """Each kind of refusal names the line and the reason."""
    found = refusal(text)
    assert line == found.line
    assert reason in found.reason


def test_a_document_over_the_limit_is_refused_unread() -> None:
    """The limit counts bytes, not characters."""
    with pytest.raises(Refused, match="up to 10 bytes, this has 11"):
        yamlnodes.load("a: ü" + "x" * 6, file="p.yaml", max_bytes=10)


def test_a_document_of_too_many_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte of commas cannot keep arflow busy."""
    monkeypatch.setattr(yamlnodes, "MAX_NODES", 100)
    assert "up to 100 values" in refusal("[" + "a," * 200 + "]").reason


def outcome(text: str) -> str:
    """What loading says, in words."""
    try:
        return f"line {loaded(text).line}"
    except Refused as found:
        return str(found)


@given(st.text(alphabet="ab:-?[]{},\n #&*!|>'\"%@`~0.1e+\t\r\\\u2028\x85\ufeff", max_size=40))
def test_any_text_is_loaded_or_refused(text: str) -> None:
    """Nothing but Refused ever comes out, and always in one line."""
    assert "\n" not in outcome(text)


def test_a_mapping_knows_its_keys() -> None:
    """Unknown keys are refused at their own line with what was meant, missing ones at the mapping's."""
    root = loaded("id: x\ntoo: y")
    with pytest.raises(Refused, match=r"p.yaml line 2: unknown key `too` in a rule \(did you mean `to`\?\)"):
        yamlnodes.as_mapping(root, "a rule", ["id", "to", "when"])
    with pytest.raises(Refused, match="line 1: a rule needs `from` and `when`"):
        yamlnodes.as_mapping(root, "a rule", None, ["id", "from", "when"])
    assert {"id", "too"} == set(yamlnodes.as_mapping(root, "a rule"))


@pytest.mark.parametrize(
    ("read", "written", "value"),
    [
        (yamlnodes.as_text, "abc", "abc"),
        (yamlnodes.as_texts, "abc", ("abc",)),
        (yamlnodes.as_texts, "[a, b]", ("a", "b")),
        (yamlnodes.as_bool, "true", True),
        (yamlnodes.as_int, "-5", -5),
        (yamlnodes.as_decimal_text, "25.00", "25.00"),
        (yamlnodes.as_decimal_text, '"25.00"', "25.00"),
        (yamlnodes.as_decimal_text, "25", "25"),
    ],
)
def test_values_of_the_right_type_come_out(read: Callable[[Node, str], Any], written: str, value: object) -> None:
    """The readers give plain Python values."""
    assert value == read(entries(f"key: {written}")["key"], "`key`")


@pytest.mark.parametrize(
    ("read", "written", "reason"),
    [
        (yamlnodes.as_text, "5.0", '`key` must be text, not `5.0`; quote it: "5.0"'),
        (yamlnodes.as_text, "", "`key` must be text, not empty"),
        (yamlnodes.as_text, "' '", "`key` is empty"),
        (yamlnodes.as_text, "[a]", "`key` must be text, not a list"),
        (yamlnodes.as_texts, "[a, 1]", "`key` must be text, not `1`"),
        (yamlnodes.as_bool, "yes", "`key` must be `true` or `false`, not `yes`"),
        (yamlnodes.as_int, "1.0", "`key` must be a whole number, not `1.0`"),
        (yamlnodes.as_int, "true", "`key` must be a whole number, not `true`"),
        (yamlnodes.as_list, "{a: 1}", "`key` must be a list, not a mapping"),
        (yamlnodes.as_mapping, "[a]", "`key` must be a mapping (`key: value`), not a list"),
        (yamlnodes.as_decimal_text, "true", "`key` must be an amount such as 25.00, not `true`"),
    ],
)
def test_values_of_the_wrong_type_are_refused(read: Callable[[Node, str], Any], written: str, reason: str) -> None:
    """A refusal names the key, the type wanted and what stands there."""
    with pytest.raises(Refused) as caught:
        read(entries(f"x: 1\nkey: {written}")["key"], "`key`")
    assert 2 == caught.value.line
    assert reason in caught.value.reason


@pytest.mark.parametrize(("number", "fits"), [(0, False), (1, True), (9, True), (10, False)])
def test_a_whole_number_keeps_to_its_bounds(number: int, fits: bool) -> None:
    """Both bounds are included."""
    node = entries(f"key: {number}")["key"]
    if fits:
        assert number == yamlnodes.as_int(node, "`key`", least=1, most=9)
    else:
        with pytest.raises(Refused, match=f"`key` is {number}, and must be from 1 to 9"):
            yamlnodes.as_int(node, "`key`", least=1, most=9)

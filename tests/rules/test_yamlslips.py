"""The commonest slips in YAML are told with what to do about them, at the line where it is to be done."""

import pytest

from arflow.errors import Refused
from arflow.rules.yamlnodes import load

POLICY = """\
rules:
  - id: write
    when: %s
    why: %s
    to: reminded
"""


def refusal(text: str) -> tuple[int | None, str]:
    """Where `text` is refused, and why."""
    with pytest.raises(Refused) as caught:
        load(text, file="p.yaml", max_bytes=10_000)
    return caught.value.line, caught.value.reason.removeprefix("not YAML: ")


@pytest.mark.parametrize(
    ("when", "advice"),
    [
        ('"vip" in tags', """a text that begins with a quote stands in quotes as a whole: `when: '"vip" in tags'`"""),
        ("'vip' in tags", """a text that begins with a quote stands in quotes as a whole: `when: "'vip' in tags"`"""),
        (
            'segment == "a: b"',
            """a text with `: ` in it stands in quotes as a whole: `when: 'segment == "a: b"'`""",
        ),
        ("> 3", 'a text that begins with `>` stands in quotes: `when: "> 3"`'),
        ('"a" + ' + "x" * 99, "a text that begins with a quote stands in quotes as a whole"),
    ],
)
def test_an_expression_that_yaml_reads_otherwise_is_shown_as_it_must_be(when: str, advice: str) -> None:
    assert (3, advice) == refusal(POLICY % (when, "Late."))


@pytest.mark.parametrize(
    ("why", "advice"),
    [
        (
            "Three days late: write.",
            'a text with `: ` in it stands in quotes as a whole: `why: "Three days late: write."`',
        ),
        ("Late:", 'a text with `: ` in it stands in quotes as a whole: `why: "Late:"`'),
        ("@home", 'a text that begins with `@` stands in quotes: `why: "@home"`'),
        ("`x`", "a text that begins with a backtick stands in quotes"),
        ("- late", 'a text that begins with `-` stands in quotes: `why: "- late"`'),
        ("& co", 'a text that begins with `&` stands in quotes: `why: "& co"`'),
        (", late", 'a text that begins with `,` stands in quotes: `why: ", late"`'),
        ("a\tb", "a tab stands here; write spaces"),
        ("\tlate", "a tab stands here; write spaces"),
        (
            "'t is late",
            """the quote that begins here is never closed; if it belongs to the text, write `why: "'t is late"`""",
        ),
        (r'"\q"', r"`\q` means nothing in double quotes; write `\\` for a backslash"),
    ],
)
def test_a_sentence_that_yaml_reads_otherwise_is_shown_as_it_must_be(why: str, advice: str) -> None:
    """Of a quote that is never closed the line is that of the quote, not the end of the document."""
    assert (4, advice) == refusal(POLICY % ("on_hold", why))


IN_BRACKETS = "in `{ }` a text with a comma, a quote or `: ` in it stands in quotes as a whole"


@pytest.mark.parametrize(
    ("text", "line", "advice"),
    [
        ("policy: p\n\tcurrency: EUR\n", 2, "a tab stands here"),
        ("policy: p\n  currency: EUR\n", 2, "this is indented too far"),
        ("policy:p\ncurrency: EUR\n", 2, "or the line above lacks the space after its colon"),
        ("policy: p\ncurrency:EUR\nrules: []\n", 2, "this line is no `key: value`; a space follows the colon"),
        ("rules:\n  - id: a\n   to: b\n", 3, "this line is not indented like those it belongs to"),
        ("a: 1\nwhy: 'x\nb: it's\n", 3, "stands in quotes as a whole; is it one above?"),
        ("a: 1\nb: {c: 1\n\n\n", 2, "the `{` that begins here is never closed"),
        ('rules:\n  - {id: a, when: "vip" in tags}\n', 2, IN_BRACKETS),
        ("rules:\n  - {id: a, why: late: write}\n", 2, IN_BRACKETS),
        ("rules:\n  - {id: a, why: @x}\n", 2, "no text begins with what stands here; put it in quotes"),
        ("rules:\n  - {id: a\n  - {id: b}\n", 3, "or the `{` of line 2 is not closed"),
        ("a: 1\nb: |0\n", 2, "expected indentation indicator in the range 1-9, but found 0"),
    ],
)
def test_what_is_wrong_with_the_form_is_told_at_its_line(text: str, line: int, advice: str) -> None:
    """What nobody has thought of is told in the words of the parser."""
    found, reason = refusal(text)
    assert line == found
    assert advice in reason

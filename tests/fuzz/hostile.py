"""Texts that nobody would write but an attacker, and changes to sound documents that leave them almost sound."""

import re
from collections.abc import Sequence

from hypothesis import strategies as st

WORDS = (
    *("", " ", "\t", "\n", "\r", "\r\n", "\0", "\x07", "\x1b[2J", "\x85", "\u2028", "\ufeff", "\u202e", "\ud800"),
    *("\U0001f4a9", "\u0661", "e\u0301" * 30, "\\", "'", '"', "`", "$(id)", "%s%n", "{}", "{{7*7}}", "<script>"),
    *("&a", "*a", "<<: *a", "&a [*a, *a]", "!!python/object/apply:os.system ['id']", "!!binary x", "!x", "%YAML 1.1"),
    *("---", "...", "- ", "? ", ": ", "# ", "| ", "> ", "|2", "@", "{", "}", "[", "]", "(", ")", ",", "[" * 3000),
    *("{a: " * 3000, "(" * 3000, "not " * 3000, "- " * 3000, "a" * 30_000, "9" * 5000, "-" * 400, "  " * 400),
    *("0", "-1", "1e999", "1e-999", "0x10", "0o17", "-0", ".inf", ".nan", "NaN", "null", "~", "yes", "true", "3.14159"),
    *("2026-13-45", "0001-01-01", "9999-12-31", "24:00", "99999999999999999999.99", "Infinity"),
    *(
        "days_overdue",
        "overdue_amount",
        "state",
        "tags",
        "attr_x",
        "==",
        ">=",
        "in (",
        "not in",
        "and",
        "or",
        "to",
        "from",
    ),
    *("policy", "rules", "when", "currency", "USD", "JPY", "send", "any", "open", "id", "do", "examples", "events"),
)
"""What is put into documents."""

texts = st.one_of(
    st.sampled_from(WORDS),
    st.text(max_size=40),
    st.text(alphabet="ab:-?[]{},\n #&*!|>'\"%@`~0.1e+\t\r\\\u2028", max_size=40),
)

_TOKEN = re.compile(r"\w+|[^\w\s]")


@st.composite
def changed(draw: st.DrawFn, documents: Sequence[str], most: int = 4) -> str:
    """One of `documents` with up to `most` changes."""
    text = draw(st.sampled_from(documents))
    for _ in range(draw(st.integers(1, most))):
        text = _changed_once(draw, text)
    return text


def _changed_once(draw: st.DrawFn, text: str) -> str:
    lines = text.split("\n")
    at = draw(st.integers(0, len(lines) - 1))
    match draw(
        st.sampled_from(("token", "token", "token", "insert", "drop", "twice", "swap", "indent", "cut", "many"))
    ):
        case "token":
            found = list(_TOKEN.finditer(lines[at]))
            if not found:
                return text
            token = draw(st.sampled_from(found))
            lines[at] = lines[at][: token.start()] + draw(texts) + lines[at][token.end() :]
        case "insert":
            place = draw(st.integers(0, len(lines[at])))
            lines[at] = lines[at][:place] + draw(texts) + lines[at][place:]
        case "drop":
            del lines[at]
        case "twice":
            lines.insert(at, lines[at])
        case "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        case "indent":
            lines[at] = " " * draw(st.integers(0, 6)) + lines[at].lstrip()
        case "cut":
            return text[: draw(st.integers(0, len(text)))]
        case _:
            lines[at:at] = lines[at : at + 3] * draw(st.integers(1, 60))
    return "\n".join(lines)

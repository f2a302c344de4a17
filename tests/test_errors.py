"""An error is one line, whatever it repeats of what somebody typed."""

import pytest

from arflow.errors import Conflict, Refused, SaysNo


@pytest.mark.parametrize("kind", [Refused, SaysNo, Conflict])
@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("a\nb", "a\\u000ab"),
        ("\x1b[2J", "\\u001b[2J"),
        ("\u202eeve", "\\u202eeve"),
        ("\ud800", "\\ud800"),
        ("Köln \U0001f4a9", "Köln \U0001f4a9"),
    ],
)
def test_what_would_steer_a_terminal_is_shown_instead(kind: type[Exception], typed: str, shown: str) -> None:
    assert f"there is no `{shown}`" == str(kind(f"there is no `{typed}`"))


def test_the_name_of_a_file_is_no_line_of_its_own() -> None:
    assert "a\\u000ab.yaml line 3: is wrong" == str(Refused("is wrong", file="a\nb.yaml", line=3))


def test_a_whole_document_is_not_repeated() -> None:
    """What is wrong stands at the beginning, how to mend it at the end; both stay."""
    said = str(Refused(f"there is no `{'x' * 100_000}`; write another one"))
    assert 1_010 > len(said)
    assert ("there is no `xxx", "; write another one") == (said[:16], said[-19:])

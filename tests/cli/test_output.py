"""What the command prints for people."""

import pytest

from arflow.cli import output


def test_what_a_ledger_or_a_policy_says_never_steers_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """In tables and in sentences; names and reasons are somebody else's."""
    evil = "x\x1b[2J\x9b\x07\u2028\r"
    output.show([{"account": "A", "name": evil}], "table")
    output.said(f"example `{evil}`: failed\nof 1", {}, "text")
    printed = capsys.readouterr().out
    assert [] == [character for character in printed if character != "\n" and not character.isprintable()]
    assert "x?[2J????" in printed

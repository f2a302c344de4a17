"""What a command says: as text for people, or as JSON with documented fields. Light: every command loads this."""

import json
from collections.abc import Mapping

import click

from arflow.cli.output import on_one_line


def said(text: str, facts: Mapping[str, object], form: str) -> None:
    """Say one thing as text, or its facts as JSON."""
    lines = "\n".join(map(on_one_line, text.split("\n")))
    click.echo(json.dumps(facts, ensure_ascii=False, indent=2) if form == "json" else lines)

"""`python -m arflow.sample --out events.jsonl`: write the sample ledger as a file of events."""

import datetime as dt
from pathlib import Path

import click

from arflow.sample import as_line, generate


class _NotWritten(click.ClickException):
    """The file to write is none that can be written."""

    exit_code = 2


@click.command()
@click.option("--out", required=True, type=click.Path(dir_okay=False, writable=True, path_type=Path), help="The file.")
@click.option("--seed", default=7, show_default=True, help="The same seed gives the same file.")
@click.option("--accounts", default=400, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option("--months", default=18, show_default=True, type=click.IntRange(1, 240))
@click.option(
    "--until", default="2026-06-30", show_default=True, type=click.DateTime(["%Y-%m-%d"]), help="The last day."
)
def main(out: Path, seed: int, accounts: int, months: int, until: dt.datetime) -> None:
    """Write a ledger with the habits of real payers, for trying arflow out.

    \b
    Example: python -m arflow.sample --out events.jsonl --accounts 400 --months 18
    """  # noqa: D301  # `\b` tells click to keep the lines below
    count = 0
    try:
        with out.open("w", encoding="utf-8", newline="\n") as file:
            for event in generate(seed=seed, accounts=accounts, months=months, until=until.date()):
                file.write(as_line(event))
                count += 1
    except OSError as error:
        raise _NotWritten(f"{out} cannot be written: {error.strerror}; name a file in an existing folder") from None
    click.echo(f"{out}: {count:,} events of {accounts:,} accounts")


if __name__ == "__main__":
    main()

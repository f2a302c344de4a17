"""`python -m benchmarks [--quick] [name ...]`: measures, prints the table, and keeps a whole one in results.md."""

import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

import click

from benchmarks.measured import Measured, Say
from benchmarks.size import Size

MODULES: Mapping[str, str] = {
    "drain": "drain",
    "memory": "memory",
    "decide": "decide",
    "idle": "idle",
    "growth": "growth",
    "herd": "herd",
    "import": "imported",
    "policy": "policy",
    "replay": "replay",
    "pages": "pages",
}
"""Each benchmark's name, and its module: it has `run(size, say) -> Measured`."""


def benchmark(name: str) -> Callable[[Size, Say], Measured]:
    """The benchmark of a name."""
    run: Callable[[Size, Say], Measured] = import_module(f"benchmarks.{MODULES[name]}").run
    return run


@click.command()
@click.option("--quick", is_flag=True, help="Little of everything, in under five minutes.")
@click.option("--peers", type=click.Path(path_type=Path), help="The environment of what is measured beside it.")
@click.argument("names", nargs=-1, type=click.Choice(list(MODULES)))
def main(*, quick: bool, peers: Path | None, names: tuple[str, ...]) -> None:
    """Measure, and print each row with its floors."""
    size = Size(quick=quick, **({"peers": peers.absolute()} if peers else {}))
    for name in names or MODULES:
        begun = time.monotonic()
        measured = benchmark(name)(size, _say)
        for side in measured.rounds:
            click.echo(f"{name}: {side.label}: {side.median:,.1f} {side.unit}, spread {side.spread:.0%}")
        for floor in measured.floors:
            click.echo(f"{name}: {floor}")
        _say(f"{name}: {time.monotonic() - begun:.0f} s")


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m benchmarks [--quick] [name ...]`: measures, prints the table, and keeps a whole one in results.md."""

import signal
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

import click

from benchmarks import told
from benchmarks.measured import Measured, Say
from benchmarks.size import Size
from tests.servers import ON_DEBIAN

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
    "far": "far",
}
"""Each benchmark's name, and its module: it has `run(size, say) -> Measured`."""


def benchmark(name: str) -> Callable[[Size, Say], Measured]:
    """The benchmark of a name."""
    run: Callable[[Size, Say], Measured] = import_module(f"benchmarks.{MODULES[name]}").run
    return run


@click.command()
@click.option("--quick", is_flag=True, help="Little of everything, in under five minutes; kept nowhere.")
@click.option("--peers", type=click.Path(path_type=Path), help="The environment of what is measured beside it.")
@click.argument("names", nargs=-1, type=click.Choice(list(MODULES)))
def main(*, quick: bool, peers: Path | None, names: tuple[str, ...]) -> None:
    """Measure, print each side and each floor, and keep what was measured at its full size in results.md.

    What was measured on Debian's servers (ARFLOW_TEST_SERVERS=debian) is kept in a file of its own.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that the servers end too
    size = Size(quick=quick, **({"peers": peers.absolute()} if peers else {}))
    chosen = {"SERVERS=debian": ON_DEBIAN, "QUICK=1": quick, f'BENCH="{" ".join(names)}"': names}
    command = " ".join(["make bench", *(word for word, is_chosen in chosen.items() if is_chosen)])
    place, found = told.place(command), []
    for name in names or MODULES:
        begun = time.monotonic()
        found.append(benchmark(name)(size, _say))
        click.echo("\n".join(told.lines(found[-1])))
        _say(f"{name}: {time.monotonic() - begun:.0f} s")
        if not quick:  # at once: whatever becomes of the next one, this one was measured
            told.keep(found, place, list(MODULES), told.ON_DEBIANS if ON_DEBIAN else told.RESULTS)
    click.echo(f"\n{place}\n")
    click.echo("\n".join(told.table(found)))


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    sys.exit(main())

"""The commands that run arflow on this machine, and look after what it holds: up, status, backup, restore."""

from collections.abc import Sequence
from contextlib import suppress

import click
from sqlalchemy import Engine

from arflow import config, logs
from arflow.cli.arguments import examples
from arflow.desk import links
from arflow.errors import Refused
from arflow.stack import supervisor
from arflow.stack.supervisor import Options, Stopped

_MOST_WORKERS = 64


@click.command(epilog=examples("arflow up", "arflow up --demo --speed 2", "arflow up --port 8080"))
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="The port of the pages.")
@click.option("--demo", is_flag=True, help="Fill an empty database with a sample company whose clock runs by itself.")
@click.option("--speed", type=click.FloatRange(0.2, 86_400), help="How many seconds a day of the demo takes.")
@click.option("--drain-workers", type=click.IntRange(1, _MOST_WORKERS), default=2, show_default=True)
@click.option("--deliver-workers", type=click.IntRange(1, _MOST_WORKERS), default=2, show_default=True)
def up(*, port: int, demo: bool, speed: float | None, drain_workers: int, deliver_workers: int) -> None:
    """Run everything on this machine until Ctrl-C: servers, workers and pages."""
    if speed is not None and not demo:
        raise Refused("--speed is for --demo only; any other database lives on the real clock")
    settings = config.from_environment()
    logs.setup("up", settings.logs, is_watched=True)
    options = Options(port=port, drain_workers=drain_workers, deliver_workers=deliver_workers)
    with suppress(Stopped):
        supervisor.up(settings, options, click.echo, _prepared, _nothing)


def _prepared(engine: Engine, address: str) -> Sequence[str]:
    with engine.begin() as connection:
        token = links.first_admin(connection)
    return [] if token is None else [f"the first admin begins at {address}/first/{token}"]


def _nothing(_: Engine) -> None:
    """Nothing to look after."""

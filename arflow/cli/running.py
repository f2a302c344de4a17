"""The command that runs arflow on this machine: `arflow up`."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import click
from sqlalchemy import Engine

from arflow import clock, config, logs
from arflow.cli.arguments import Integer, examples
from arflow.cli.output import progress
from arflow.config import Settings
from arflow.desk import links
from arflow.errors import Refused
from arflow.stack import sample_company, supervisor
from arflow.stack.supervisor import Options
from workers.ending import Stopped

_WORKERS = Integer(1, 64)
_LOOK_SECONDS = 5.0


@click.command(epilog=examples("arflow up", "arflow up --demo --speed 2", "arflow up --port 8080"))
@click.option("--port", type=Integer(0, 65535), default=8000, show_default=True, help="The port of the pages.")
@click.option("--demo", is_flag=True, help="Fill an empty database with a sample company whose clock runs by itself.")
@click.option("--speed", type=click.FloatRange(0.2, 86_400), help="How many seconds a day of the demo takes.")
@click.option("--drain-workers", type=_WORKERS, default=2, show_default=True, help="How many processes decide.")
@click.option("--deliver-workers", type=_WORKERS, default=2, show_default=True, help="How many hand messages over.")
def up(*, port: int, demo: bool, speed: float | None, drain_workers: int, deliver_workers: int) -> None:
    """Run everything on this machine until Ctrl-C: servers, workers and pages."""
    if speed is not None and not demo:
        raise Refused("--speed is for --demo only; any other database lives on the real clock")
    settings = config.from_environment()
    logs.setup("up", settings.logs, is_watched=True)
    options = Options(port=port, drain_workers=drain_workers, deliver_workers=deliver_workers)
    company = _SampleCompany(settings, speed) if demo else None
    with suppress(Stopped):
        supervisor.up(
            settings,
            options,
            click.echo,
            company.prepare if company else _first_admin,
            company.look if company else _nothing,
        )


def _first_admin(engine: Engine, address: str, _: Callable[[], None]) -> Sequence[str]:
    """On a database that nobody can log in to, the link by which the first admin begins. Refuses one of a demo."""
    with engine.begin() as connection:
        if clock.demo(connection) is not None:
            raise Refused("this database is a demo; run `arflow up --demo`, or set another ARFLOW_HOME")
        token = links.first_admin(connection)
    return [] if token is None else [f"the first admin begins at {address}/first/{token}"]


def _nothing(_: Engine) -> Sequence[str]:
    return []


class _SampleCompany:
    """The demo's database, made ready and looked after."""

    def __init__(self, settings: Settings, speed: float | None) -> None:
        self._settings, self._speed, self._looked_at = settings, speed, 0.0

    def prepare(self, engine: Engine, _: str, stop_if_told: Callable[[], None]) -> Sequence[str]:
        """Fill it. Raises Stopped when told to end meanwhile."""
        with progress() as bar:

            def at(stage: str, done: float) -> None:
                stop_if_told()
                bar.at(stage, done)

            sample_company.prepare(engine, self._settings.home, self._speed, at)
        return sample_company.log_ins()

    def look(self, engine: Engine) -> Sequence[str]:
        """Every few seconds, whether its ledger has ended."""
        if time.monotonic() - self._looked_at < _LOOK_SECONDS:
            return []
        self._looked_at = time.monotonic()
        is_over = sample_company.stop_at_the_end(engine)
        return [f"the sample ledger ends on {sample_company.LAST_DAY}; the clock is paused"] if is_over else []

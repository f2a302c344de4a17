"""How a long-running process begins: its arguments, its log, the signals that end it, and its supervisor's lifeline."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass

from arflow import config, logs
from arflow.config import Settings
from arflow.errors import ArflowError
from workers import lifeline
from workers.ending import Ending


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process that has begun: its name, the settings, and whether it is to end."""

    name: str
    settings: Settings
    ending: Ending

    @property
    def database_url(self) -> str:
        """Where PostgreSQL is."""
        return config.required(self.settings.database_url, config.DATABASE_URL)

    @property
    def redis_url(self) -> str:
        """Where Redis is."""
        return config.required(self.settings.redis_url, config.REDIS_URL)


def parser(module: str, what: str) -> argparse.ArgumentParser:
    """The arguments that every long-running process takes."""
    made = argparse.ArgumentParser(prog=f"python -m {module}", description=what)
    made.add_argument("--name", default=module.rpartition(".")[2], help="what it is called in logs")
    made.add_argument("--log-file", action="store_true", help="log to a file in ARFLOW_HOME/logs, not to stderr")
    made.add_argument("--lifeline", action="store_true", help="end when standard input ends")
    return made


def run(given: argparse.Namespace, work: Callable[[Process], None]) -> None:
    """Do `work` as a long-running process; what a person can mend is one line and exit status 2."""
    settings = config.from_environment()
    try:
        logs.setup(given.name, settings.logs if given.log_file else None)
        process = Process(name=given.name, settings=settings, ending=Ending())
        process.ending.listen()
        if given.lifeline:
            lifeline.hold()
        logs.log(__name__).info("begins")
        work(process)
        logs.log(__name__).info("ends")
    except ArflowError as error:
        logs.log(__name__).error("refused", **logs.failure(error))
        sys.stderr.write(f"arflow: {error}\n")
        sys.exit(error.exit_code)

"""`make run`: `arflow up --demo` in a folder of its own, whatever the environment says of real databases.

What it shows is made by `arflow.stack.sample_company`.
"""

import os
import sys

from arflow import config
from arflow.cli import main as command


def main() -> None:
    """Run the demo, with the options of the command line."""
    os.environ[config.HOME] = str(config.from_environment().home / "demo")
    for variable in (config.DATABASE_URL, config.REDIS_URL, config.SMTP_URL):
        os.environ.pop(variable, None)  # a company's own database is never filled with the sample, nobody gets mail
    sys.argv[1:1] = ["up", "--demo"]
    command()


if __name__ == "__main__":
    main()

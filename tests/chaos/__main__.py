"""`python -m tests.chaos [--seconds 300] [--seed N] [--plant NAME]`: one chaos run; exit status 1 if it finds any."""

import argparse
import logging
import secrets
import sys

from tests.chaos.run import run
from tests.chaos.sizes import sized


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="how long faults are made")
    parser.add_argument("--seed", type=int, default=None, help="what decides everything that the suite chooses")
    parser.add_argument("--plant", default="", help="a fault of arflow itself that must be caught")
    given = parser.parse_args()
    seed = secrets.randbelow(10**6) if given.seed is None else given.seed
    _say(f"seed {seed}")
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    size, least = sized(given.seconds)
    verdict = run(seed, size, least=least, plant=given.plant, say=_say)
    _say(verdict.table())
    for name in verdict.violated:
        _say(f"VIOLATED {name}: " + "\n  ".join(verdict.found[name][:5]))
    return bool(verdict.violated)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""Compiles a policy in a process of its own, with a time limit: some rule sets make `durable_rules` never return.

The one file of the pure rooms that starts a process. `python -m arflow.rules.prove_compile` reads a policy document.
"""

import os
import subprocess
import sys

from arflow.errors import Refused
from arflow.rules.policy import Policy

SECONDS = 30.0


def prove_compile(policy: Policy, seconds: float = SECONDS) -> None:
    """Raise Refused unless `policy` compiles within `seconds`."""
    command = [sys.executable, "-P", "-W", "ignore", "-m", "arflow.rules.prove_compile"]
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and module, no shell
            command,
            input=policy.source.encode(),
            capture_output=True,
            timeout=seconds,
            check=False,
            env=dict(os.environ),
        )
    except subprocess.TimeoutExpired:
        reason = f"the rules of `{policy.name}` do not compile within {seconds:g} seconds; simplify them"
        raise Refused(reason) from None
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"exit {done.returncode}"]
        raise Refused(f"the rules of `{policy.name}` do not compile: {last[0]}")


def main() -> None:
    """Compile the policy document on standard input; anything that goes wrong ends this process with an error."""
    from arflow.rules.engine import DurableRules  # noqa: PLC0415  # only the child needs it
    from arflow.rules.loader import load_policy  # noqa: PLC0415  # only the child needs it

    DurableRules().compile(load_policy(sys.stdin.buffer.read(), file="policy"))


if __name__ == "__main__":
    main()

"""Compiles a policy in a process of its own, with a time limit: some rule sets make `durable_rules` never return.

The one file of the pure rooms that starts a process. `python -m arflow.rules.prove_compile` reads a policy document.
"""

import os
import resource
import subprocess
import sys
from dataclasses import dataclass

from arflow.errors import Refused
from arflow.rules.policy import Policy

SECONDS = 30.0

MOST_MEMORY = 3 * 1024**3
"""How many bytes such a process may ask for; the largest document that may be written needs about a third of it."""


def prove_compile(policy: Policy, seconds: float = SECONDS) -> None:
    """Raise Refused unless `policy` compiles within `seconds`."""
    done = in_own_process("arflow.rules.prove_compile", policy.source, seconds)
    if done.trouble:
        raise Refused(f"the rules of `{policy.name}` do not compile: {done.trouble}" if done.is_over else done.trouble)
    if not done.is_over:
        raise Refused(f"the rules of `{policy.name}` do not compile within {seconds:g} seconds; simplify them")


ENDED = "the check was ended by the system; try again"
"""What is said where something else ended such a process, as for want of memory: that says nothing of its document."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a process wrote, whether it ended by itself, and what it said last if it went wrong."""

    written: bytes
    is_over: bool = True
    trouble: str = ""
    """Nothing where its time was up, and ENDED where somebody else has ended it."""


def in_own_process(module: str, source: str, seconds: float) -> Done:
    """Run `module` of ours on the document `source`; it is ended after `seconds`.

    The settings, with the passwords that are among them, are none of its business.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("ARFLOW_")}
    command = [sys.executable, "-P", "-W", "ignore", "-m", module]
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and module, no shell
            command, input=source.encode(), capture_output=True, timeout=seconds, check=False, env=own
        )
    except subprocess.TimeoutExpired as expired:
        return Done(written=expired.stdout or b"", is_over=False)
    if done.returncode < 0:  # a signal
        return Done(written=done.stdout, is_over=False, trouble=ENDED)
    last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"exit {done.returncode}"]
    return Done(written=done.stdout, trouble=last[0] if done.returncode else "")


def limit_memory() -> None:
    """Let this process, which is one of those, have no more than MOST_MEMORY: it ends rather than all others."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def main() -> None:
    """Compile the policy document on standard input; anything that goes wrong ends this process with an error."""
    from arflow.rules.engine import DurableRules  # noqa: PLC0415  # only the child needs it
    from arflow.rules.loader import load_policy  # noqa: PLC0415  # only the child needs it

    limit_memory()
    DurableRules().compile(load_policy(sys.stdin.buffer.read(), file="policy"))


if __name__ == "__main__":
    main()

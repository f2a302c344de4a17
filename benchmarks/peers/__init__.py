"""Programs of the peers: each runs in the peers' own environment, as its library's documentation advises.

A program is a file beside this one. It gets one JSON document on its standard input and prints its answer as the last
line of its standard output, as JSON.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.size import Size

_HERE = Path(__file__).parent


class PeerFailed(Exception):
    """A program of a peer ended with an error."""


def answer(size: Size, program: str, given: object) -> Any:  # noqa: ANN401  # any JSON
    """What the program `program` says to `given`. Raises PeerFailed with the end of what it wrote on its way."""
    command = [size.peers / "bin" / "python", _HERE / f"{program}.py"]
    done = subprocess.run(
        command,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        cwd=_HERE,
        env=os.environ | {"PYTHONWARNINGS": "ignore", "PYTHONPATH": str(_HERE.parents[1])},
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise PeerFailed(f"{program} ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(lines[-1])

"""A process whose work can wait stands back for those beside it on the same machine, where people wait for pages.

It loses nothing on a machine with time to spare. It asks the kernel only, and does without where that cannot be asked.
"""

import os
from contextlib import suppress
from pathlib import Path

NICENESS = 8
"""By how much; what is as urgent as others gets six times the time of it, while there is too little for both."""

_GROUP = Path("/proc/self/autogroup")


def stand_back() -> None:
    """Let others go first from now on."""
    os.nice(NICENESS)
    if os.getsid(0) == os.getpid():  # Linux may weigh sessions, not processes, and this one is all of its session
        with suppress(OSError):
            _GROUP.write_text(str(NICENESS))

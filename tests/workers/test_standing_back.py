"""A drain worker stands back for what people wait for, as far as the system knows how."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workers.standing_back import NICENESS

_GROUP = Path("/proc/self/autogroup")
_TOLD = """
import json, os
from pathlib import Path
from workers.standing_back import stand_back
stand_back()
group = Path("/proc/self/autogroup")
print(json.dumps([os.getpriority(os.PRIO_PROCESS, 0), group.read_text() if group.exists() else ""]))
"""


@pytest.mark.parametrize("is_alone", [False, True])
def test_it_goes_after_others_and_takes_nobody_of_its_session_with_it(is_alone: bool) -> None:
    """Alone in its session, as `arflow up` starts it, its session does; else that is the one of whoever started it."""
    said = subprocess.run([sys.executable, "-c", _TOLD], start_new_session=is_alone, check=True, capture_output=True)
    own, group = json.loads(said.stdout)
    assert os.getpriority(os.PRIO_PROCESS, 0) + NICENESS == own
    if group:
        assert (f"nice {NICENESS}" if is_alone else _GROUP.read_text().strip()) in group

"""The embedded Valkey is reached by its owner only, also where its socket lies among the temporary files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from arflow.stack.places import PlaceRefused, Places
from tests.servers import PATIENCE
from tests.strangers import assert_closed


@pytest.mark.parametrize("name", ["short", "long" * 26])
def test_another_user_cannot_connect_to_valkey(folder: Path, name: str) -> None:
    home = folder / name / "home"
    home.mkdir(parents=True)
    command = [sys.executable, "-P", "-m", "arflow.stack.valkey", "--name", "valkey"]
    with subprocess.Popen(command, env=os.environ | {"ARFLOW_HOME": str(home)}, stdout=subprocess.PIPE) as keeper:
        try:
            assert keeper.stdout is not None
            assert "url" in json.loads(keeper.stdout.readline())
            assert_closed(Places(home=home).socket, os.geteuid())
        finally:
            keeper.terminate()
            assert 0 == keeper.wait(PATIENCE)
            Places(home=home).clear()


def test_a_place_that_somebody_made_before_is_refused(folder: Path) -> None:
    """Whoever guesses the name of a folder among the temporary ones cannot lend us theirs."""
    places = Places(home=folder / ("long" * 26) / "other")
    places.valkey.symlink_to(folder)
    try:
        with pytest.raises(PlaceRefused, match="belongs to somebody else"):
            places.make_valkey()
    finally:
        places.valkey.unlink()

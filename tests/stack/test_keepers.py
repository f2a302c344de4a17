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


def test_another_user_cannot_connect_to_valkey(folder: Path) -> None:
    """Under a home whose socket lies in it, and under one whose name is too long for that."""
    homes = [folder / name / "home" for name in ("short", "long" * 26)]
    command = [sys.executable, "-P", "-m", "arflow.stack.valkey", "--name", "valkey"]
    keepers = []
    for home in homes:
        home.mkdir(parents=True)
        environment = os.environ | {"ARFLOW_HOME": str(home)}
        keepers.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE))
    try:
        for home, keeper in zip(homes, keepers, strict=True):
            assert keeper.stdout is not None
            assert "url" in json.loads(keeper.stdout.readline())
            assert_closed(Places(home=home).socket, os.geteuid())
    finally:
        for home, keeper in zip(homes, keepers, strict=True):
            keeper.terminate()
            keeper.communicate(timeout=PATIENCE)
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

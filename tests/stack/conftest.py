"""Homes of `arflow up`, in which the embedded PostgreSQL can live, also for root."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder for homes, gone after the module's tests."""
    made = Path(tempfile.mkdtemp(prefix="arflow-up-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)

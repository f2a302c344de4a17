"""Homes of `arflow up`, in which the embedded PostgreSQL can live, also for root."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import ON_DEBIAN, postgresql, valkey


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder for homes, gone after the module's tests."""
    made = Path(tempfile.mkdtemp(prefix="arflow-up-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def servers(folder: Path) -> Iterator[dict[str, str]]:
    """What names the servers of `arflow up`: nothing for the embedded ones, else those of Debian."""
    if not ON_DEBIAN:
        yield {}
        return
    places = [folder / "pg", folder / "redis"]
    for place in places:
        place.mkdir()
    with postgresql(places[0]) as database_url, valkey(places[1]) as redis_url:
        yield {"ARFLOW_DATABASE_URL": database_url, "ARFLOW_REDIS_URL": redis_url}

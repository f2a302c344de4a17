"""A Valkey of this test process, empty for each test."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from arflow import queues
from tests.servers import valkey


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a Valkey of this test process."""
    folder = Path(tempfile.mkdtemp(prefix="arflow-valkey-"))
    try:
        with valkey(folder) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """A client of an empty Valkey."""
    with queues.connect(redis_url) as client:
        client.flushall()
        yield client

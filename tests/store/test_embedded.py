"""The embedded PostgreSQL trusts whoever reaches it, so only its owner and root do."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from arflow.errors import DatabaseRefused
from arflow.store import database, embedded
from tests.strangers import assert_closed

pytestmark = pytest.mark.database


@pytest.fixture(params=["short", "long" * 26])
def home(request: pytest.FixtureRequest, server: str) -> Iterator[Path]:
    """A home whose socket lies with its data, and one with a name too long for that; a stranger may enter both."""
    del server  # the shared server shows that this machine can run one at all
    top = Path(tempfile.mkdtemp(prefix="arflow-tests-"))
    top.chmod(0o755)
    yield top / request.param / "home"
    shutil.rmtree(top, ignore_errors=True)


def test_another_user_cannot_connect(home: Path) -> None:
    """Neither to the socket nor past it: nobody else may write to it, or put another one into its place."""
    url = embedded.start(home)
    place = Path(str(make_url(url).query["host"]))
    try:
        database.connect(url).dispose()
        assert_closed(place / ".s.PGSQL.5432", (home / "postgres").stat().st_uid)
    finally:
        embedded.stop(home)
        if place != home / "postgres":
            place.rmdir()


def test_a_place_that_somebody_made_before_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever guesses the name of a folder among the temporary ones cannot lend us theirs."""
    temporary = home.parent / "tmp"
    temporary.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    data = home / ("x" * 100) / "postgres"
    place = embedded._place_of_socket(data, None)
    place.rmdir()
    place.symlink_to(temporary)
    with pytest.raises(DatabaseRefused, match="belongs to somebody else"):
        embedded._place_of_socket(data, None)


@pytest.mark.parametrize(("gibibytes", "buffers"), [(1, "128MB"), (4, "512MB"), (24, "2048MB"), (512, "2048MB")])
def test_it_uses_the_memory_of_its_machine(gibibytes: int, buffers: str) -> None:
    """An eighth of it, but for the smallest machines and for the largest."""
    assert buffers == embedded.settings(gibibytes << 30)["shared_buffers"]


def test_the_server_has_our_settings_until_somebody_says_otherwise(home: Path) -> None:
    """They stand at the end of its file, once; what is added below them wins."""
    url = embedded.start(home)
    own = home / "postgres" / "postgresql.conf"
    try:
        assert ("4GB", "off") == (_shown(url, "max_wal_size"), _shown(url, "jit"))
        embedded.stop(home)
        own.write_text(own.read_text() + "jit = on\n")
        url = embedded.start_again(home)
        assert ("4GB", "on") == (_shown(url, "max_wal_size"), _shown(url, "jit"))
        written = own.read_text()
        embedded.stop(home)
        embedded.start_again(home)
        assert written == own.read_text()
    finally:
        embedded.stop(home)
        shutil.rmtree(Path(str(make_url(url).query["host"])), ignore_errors=True)


def _shown(url: str, name: str) -> str:
    engine = database.connect(url)
    with engine.connect() as connection:
        found: str = connection.execute(text(f"SHOW {name}")).scalar_one()
    engine.dispose()
    return found

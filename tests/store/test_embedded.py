"""The embedded PostgreSQL trusts whoever reaches it, so only its owner and root do."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
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

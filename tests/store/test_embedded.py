"""The embedded PostgreSQL: reached by its owner and root only, whom it trusts; and started whatever was left of it."""

import io
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from arflow.errors import DatabaseRefused
from arflow.store import database, embedded
from tests.recovering import held_up
from tests.servers import PATIENCE, until
from tests.strangers import assert_closed
from workers.ending import Ending, Stopped

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
        assert ("4GB", "15min") == (_shown(url, "max_wal_size"), _shown(url, "checkpoint_timeout"))
        embedded.stop(home)
        own.write_text(own.read_text() + "checkpoint_timeout = 5min\n")
        url = embedded.start_again(home)
        assert ("4GB", "5min") == (_shown(url, "max_wal_size"), _shown(url, "checkpoint_timeout"))
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


def test_root_leaves_the_data_of_another_user_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take their folder away from under their server. Who is not root stands for that user here."""
    data = home / "postgres"
    data.mkdir(mode=0o750, parents=True)
    if os.geteuid() == 0:
        shutil.chown(data, "nobody")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    owner = data.stat().st_uid
    with pytest.raises(DatabaseRefused) as refused:
        embedded.start(home)
    name = pwd.getpwuid(owner).pw_name
    assert f"{data} belongs to the user `{name}`; run this as `{name}`" == str(refused.value)
    assert (owner, 0o750, [data]) == (data.stat().st_uid, data.stat().st_mode & 0o777, [*home.iterdir()])


@pytest.mark.parametrize("kill", [os.killpg, pytest.param(os.kill, marks=pytest.mark.long)])
def test_a_first_start_that_was_killed_is_begun_again(server: str, kill: Callable[[int, int], None]) -> None:
    """With its initdb, and alone, so that that goes on: nothing that is half made is taken for a database."""
    del server  # the shared server shows that this machine can run one at all
    top = Path(tempfile.mkdtemp(prefix="arflow-tests-"))
    top.chmod(0o755)
    home = top / "home"
    script = f"from arflow.store import embedded; embedded.start(embedded.Path({str(home)!r}))"
    with subprocess.Popen([sys.executable, "-P", "-c", script], start_new_session=True) as first:
        until(lambda: any(home.glob("*/PG_VERSION")), PATIENCE)
        kill(first.pid, signal.SIGKILL)
    try:
        assert "18" == _shown(embedded.start(home), "server_version").partition(".")[0]
        assert [".postgres.lock", "postgres"] == sorted(path.name for path in home.iterdir())
    finally:
        embedded.stop(home)
        shutil.rmtree(top, ignore_errors=True)


def test_who_waits_is_not_stopped_by_words_that_nobody_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk is full: a server that recovers is not ended for that."""
    with io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True) as full, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", full)
        patched.setattr(embedded, "QUIET_SECONDS", 0.01)
        embedded._Patience()(0.02)


# --- who uses it ------------------------------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path: Path) -> embedded._Server:
    """A server that never runs, and whose list of users may be written."""
    data = tmp_path / "home" / "postgres"
    data.mkdir(parents=True)
    return embedded._Server(data, embedded._Patience())


def test_a_number_that_was_given_anew_is_no_user(made: embedded._Server) -> None:
    """After a power cut it would keep the server running for ever: as an older arflow wrote it, and with its time."""
    listed, users = made.pgdata / ".handle_pids.json", made.global_process_id_list
    for before in ([os.getppid()], [[os.getppid(), "7 since another boot"]]):
        listed.write_text(json.dumps(before))
        made.forget_the_dead()
        assert [] == users.get_and_add(os.getpid())
        assert [os.getpid()] == users.get_and_add(os.getpid())
        assert [os.getpid()] == users.get_and_remove(os.getpid())
        assert [] == users.get_and_remove(os.getpid())


def test_a_user_that_lives_is_one_also_while_no_server_does(made: embedded._Server) -> None:
    """It may just be starting it again. Who was killed is none, whoever looks next."""
    users = made.global_process_id_list
    with subprocess.Popen(["/bin/sleep", "60"]) as other:
        users.get_and_add(other.pid)
        made.forget_the_dead()
        assert [other.pid] == users.get_and_add(os.getpid())
        other.kill()
    assert [os.getpid()] == users.get_and_remove(os.getpid())


@pytest.mark.parametrize("content", ["", "[12", "\0\0\0\0", "7", '[["x", 1]]', "[[1]]"])
def test_nobody_is_the_last_of_a_list_in_pieces(
    made: embedded._Server, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may be in use, and goes on; where none lives nobody can use it."""
    users = made.global_process_id_list
    for lives in (True, False):
        (made.pgdata / ".handle_pids.json").write_text(content)
        monkeypatch.setattr(embedded, "_process_of", lambda _, lives=lives: 1 if lives else None)
        made.forget_the_dead()
        users.get_and_add(os.getpid())
        assert lives == (users.get_and_remove(os.getpid()) != [os.getpid()])


# --- what is left of it -----------------------------------------------------------------------------------------------


@pytest.fixture
def left(server: str) -> Iterator[Path]:
    """A home whose server has ended."""
    del server  # the shared server shows that this machine can run one at all
    top = Path(tempfile.mkdtemp(prefix="arflow-tests-"))
    top.chmod(0o755)
    home = top / "home"
    embedded.start(home)
    embedded.stop(home)
    yield home
    (top / "gate").touch()
    embedded.start_again(home)
    embedded.stop(home)
    shutil.rmtree(top, ignore_errors=True)


@pytest.fixture
def stranger(left: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process of its user: here even a PostgreSQL by its name, on other data."""
    data = left / "postgres"
    command, user = ["postgres", "-c", "read line", "-D", f"{data}.old"], data.stat().st_uid
    with subprocess.Popen(command, executable="/bin/sh", stdin=subprocess.PIPE, user=user) as made:
        yield made
        assert made.poll() is None
        made.kill()


@pytest.mark.parametrize("lines", [8, 1, 0])
def test_after_a_power_cut_its_marks_name_nobody(left: Path, stranger: subprocess.Popen[bytes], lines: int) -> None:
    """Its number is somebody else's by now, or was never written to disk: it starts, and they are left in peace."""
    data = left / "postgres"
    mark = [f"{stranger.pid}", f"{data}", "1796045287", "5432", f"{data}", "", "  2262318   4423728", "ready   "]
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        _write(data / name, "".join(f"{line}\n" for line in mark[:lines]))
    _write(data / ".handle_pids.json", "\0" * 12)
    url = embedded.start_again(left)
    assert "18" == _shown(url, "server_version").partition(".")[0]
    embedded.stop(left)
    assert not (data / "postmaster.pid").exists()


def _write(path: Path, content: str) -> None:
    """Write a file as the server leaves it."""
    path.write_text(content)
    owner = path.parent.stat()
    os.chown(path, owner.st_uid, owner.st_gid)


@pytest.mark.parametrize("lines", [0, 1, 7])
def test_a_server_that_is_just_starting_is_not_forgotten(left: Path, lines: int) -> None:
    """It writes its mark line by line, and lives all the while."""
    embedded.start_again(left)
    data = (left / "postgres").resolve()
    mark = data / "postmaster.pid"
    whole = mark.read_text()
    short = "".join(whole.splitlines(keepends=True)[:lines])
    mark.write_text(short)
    embedded._Server(data, embedded._Patience()).forget_the_dead()
    assert ("starting", short) == (embedded._status(data), mark.read_text())
    mark.write_text(whole)
    assert "ready" == embedded._status(data)


def test_it_is_waited_for_as_long_as_it_recovers(left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than PostgreSQL's own program would wait; who waits is told so, once."""
    monkeypatch.setenv("PGCTLTIMEOUT", "1")
    monkeypatch.setattr(embedded, "QUIET_SECONDS", 2.5)
    held_up(left, left.with_name("gate"))
    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        left.with_name("gate").touch()

    assert "off" == _shown(embedded.start_again(left, tell), "hot_standby")
    assert [embedded.WAITS] == said


def test_a_command_waits_for_whoever_starts_it(left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two that come while it recovers, the second one is told as well, and finds it ready."""
    monkeypatch.setattr(embedded, "QUIET_SECONDS", 0.5)
    held_up(left, left.with_name("gate"))
    command = [sys.executable, "-P", "-m", "arflow.stack.postgres"]
    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        left.with_name("gate").touch()

    with subprocess.Popen(command, env=os.environ | {"ARFLOW_HOME": str(left)}, stdout=subprocess.PIPE) as keeper:
        try:
            until(lambda: embedded.process_of(left) is not None, PATIENCE)
            assert "off" == _shown(embedded.start_again(left, tell), "hot_standby")
        finally:
            keeper.terminate()
    assert ([embedded.WAITS], 0) == (said, keeper.returncode)


def test_told_to_end_while_it_recovers(left: Path) -> None:
    """Nothing is left running that nobody uses."""
    held_up(left, left.with_name("gate"))
    ending = Ending()

    def stop_if_told() -> None:
        if embedded.process_of(left) is not None:
            ending.told()
        ending.stop_if_told()

    with pytest.raises(Stopped):
        embedded.start_again(left, stop_if_told=stop_if_told)
    until(lambda: embedded.process_of(left) is None, PATIENCE)

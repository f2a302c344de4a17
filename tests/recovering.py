"""A recovery of the embedded PostgreSQL that lasts until a test lets it end."""

import shutil
from pathlib import Path


def held_up(home: Path, gate: Path) -> None:
    """Let the server of `home`, which does not run, recover at its next start until the file `gate` is there.

    It asks for each file of an archive before it is ready, and is told that there is none; here that takes its time.
    """
    data = home / "postgres"
    with (data / "postgresql.conf").open("a") as settings:
        settings.write(f"\nhot_standby = off\nrestore_command = 'until test -e {gate}; do sleep 0.1; done; false'\n")
    asked = data / "recovery.signal"
    asked.touch()
    owner = data.stat()
    shutil.chown(asked, owner.st_uid, owner.st_gid)
